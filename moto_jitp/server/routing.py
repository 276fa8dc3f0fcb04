"""Control routes: path, query, body and answer are declared once, beside the handler.

Requests are checked against the declaration before the route runs, and the OpenAPI document is made
from it, so the two cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from moto_jitp.json_shapes import Schema

from .answers import Answer, RequestRefused
from .bodies import check_object, parse_object, shown
from .context import ServerContext
from .schemas import MAX_WAIT, request_schema

MAX_LIMIT = 1000
"""A list has at most this many items."""

PEM = "Pem"
"""In place of the name of an answer's schema: the answer is PEM text."""

_MAX_NUMBER = 10**18 - 1


class Parameter(NamedTuple):
    """A query parameter.

    Attributes:
        name: its name.
        description: what it means, for the document.
        schema: its JSON schema: an ``integer`` with its limits, a ``boolean``, a ``string``, or an
            ``enum`` of texts.
    """

    name: str
    description: str
    schema: Schema

    def read(self, text: str | None) -> Any:
        """Return the value of the parameter in a query, or its default if it is absent.

        Raises:
            RequestRefused: the text is not a value of the schema.
        """
        if text is None:
            return self.schema.get("default")
        if self.schema.get("type") == "integer":
            return self._whole_number(text)
        if self.schema.get("type") == "boolean":
            return self._one_of(text, ("true", "false")) == "true"
        if "enum" in self.schema:
            return self._one_of(text, self.schema["enum"])
        return text

    def _whole_number(self, text: str) -> int:
        least, most = self.schema["minimum"], self.schema.get("maximum", _MAX_NUMBER)
        digits = text.isascii() and text.isdigit() and len(text) < 19
        if not digits or not least <= int(text) <= most:
            raise RequestRefused(
                f"The query parameter {self.name!r} must be a whole number from {least} to {most}; "
                f"it is {shown(text)}."
            )
        return int(text)

    def _one_of(self, text: str, allowed: Sequence[str]) -> str:
        if text not in allowed:
            raise RequestRefused(
                f"The query parameter {self.name!r} is {' or '.join(allowed)}, not {text!a}."
            )
        return text


def number(name: str, description: str, **limits: int) -> Parameter:
    """Return a parameter that is a whole number, from 1 unless ``limits`` says otherwise."""
    return Parameter(name, description, {"type": "integer", "minimum": 1, **limits})


def text(name: str, description: str) -> Parameter:
    """Return a parameter that is any text."""
    return Parameter(name, description, {"type": "string"})


CERTIFICATE = text("certificateId", "Only of this certificate.")
WAIT = number("wait", "Seconds to wait at most.", minimum=0, maximum=MAX_WAIT, default=0)
PAGING = (
    number("limit", "How many at most.", maximum=MAX_LIMIT, default=100),
    number("cursor", "The nextCursor of the page before."),
    Parameter("order", "desc: newest first.", {"enum": ["asc", "desc"], "default": "asc"}),
)


class ControlRequest(NamedTuple):
    """A request for a control route, checked against the route's declaration.

    Attributes:
        context: the server that received it.
        query: its query parameters by name, with their defaults; ``None`` for absent ones without a
            default.
        body: its body, a JSON object; empty for a route that takes none.
        id: the number in the path, if there is one.
    """

    context: ServerContext
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    id: int = 0


Handler = Callable[[ControlRequest], Answer]
HandlerT = TypeVar("HandlerT", bound=Handler)


class Route(NamedTuple):
    """A control route.

    Attributes:
        method: its HTTP method.
        path: its path after the prefix, with ``{id}`` for a number.
        handler: carries out a checked request.
        summary: what it does, for the document.
        answer: the name of the answer's schema; ``None`` for a route that the document omits.
        query: its query parameters.
        body: the name of the schema of its body; ``None`` if it takes none.
        body_optional: whether an empty body is taken for an object without fields.
        before: looks at the body before it is checked, for mistakes that it can explain better;
            raises a ``ValueError``.
        id_of: the meaning of the number in its path, for the document.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answer: str | None
    query: tuple[Parameter, ...] = ()
    body: str | None = None
    body_optional: bool = False
    before: Callable[[Any], object] | None = None
    id_of: str = "The attempt's id."

    @property
    def operation_id(self) -> str:
        """The name of the operation in the document, such as ``listRuns``."""
        first, *other_words = self.handler.__name__.split("_")
        return first + "".join(word.capitalize() for word in other_words)

    def check(
        self,
        context: ServerContext,
        query: Mapping[str, str],
        body: Callable[[], bytes],
        number_in_path: int,
    ) -> ControlRequest:
        """Return a request for this route, read and checked.

        Args:
            context: the server that received it.
            query: its query parameters as text.
            body: reads its body.
            number_in_path: the number in its path; 0 if there is none.

        Raises:
            RequestRefused: a parameter or a field of the body is unknown, missing or wrong.
        """
        names = [parameter.name for parameter in self.query]
        for name in query:
            if name not in names:
                parameters_text = (
                    f"The parameters are: {', '.join(names)}." if names else "It takes none."
                )
                raise RequestRefused(f"Unknown query parameter {shown(name)}. {parameters_text}")
        values = {
            parameter.name: parameter.read(query.get(parameter.name)) for parameter in self.query
        }
        return ControlRequest(context, values, self._checked_body(body), number_in_path)

    def _checked_body(self, read: Callable[[], bytes]) -> Mapping[str, Any]:
        if self.body is None:
            return {}
        body = read()
        if self.body_optional and not body.strip():
            return {}
        document = parse_object(body)
        if self.before is not None:
            try:
                self.before(document)
            except ValueError as error:
                raise RequestRefused(str(error)) from None
        check_object(document, request_schema(self.body))
        return document


class Routes:
    """All control routes, which the decorator :meth:`route` adds where each is defined."""

    def __init__(self) -> None:
        self._by_path: dict[str, dict[str, Route]] = {}

    def route(
        self, method: str, path: str, summary: str, answer: str | None, **keywords: Any
    ) -> Callable[[HandlerT], HandlerT]:
        """Declare the route of a function; the arguments are the attributes of :class:`Route`."""

        def declare(handler: HandlerT) -> HandlerT:
            declared = Route(method, path, handler, summary, answer, **keywords)
            self._by_path.setdefault(path, {})[method] = declared
            return handler

        return declare

    def __iter__(self) -> Iterator[Route]:
        for methods in self._by_path.values():
            yield from methods.values()

    @property
    def paths(self) -> list[str]:
        """Every path, in the order in which they were declared."""
        return list(self._by_path)

    def at(self, path: str) -> tuple[Mapping[str, Route], int]:
        """Return the routes at a path by method, and the number in the path; empty if there are
        none.
        """
        for declared, methods in self._by_path.items():
            pattern = re.escape(declared).replace(r"\{id\}", "(?P<id>[0-9]{1,18})")
            match = re.fullmatch(pattern, path)
            if match is not None:
                return methods, int(match.groupdict().get("id") or 0)
        return {}, 0


routes = Routes()
route = routes.route
