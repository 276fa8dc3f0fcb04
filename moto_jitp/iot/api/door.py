"""Reads and checks the input of every request before anything runs.

botocore's model says where each member of an operation's input is (path, query string, header,
body) and which values are valid. Input that AWS refuses for its form is refused here, whether this
project or moto carries the operation out.
"""

from __future__ import annotations

import functools
import json
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from botocore.model import OperationModel, StructureShape
from moto.core.utils import get_service_model

from moto_jitp.iot.exceptions import IoTError

from .constraints import Check, Violation, WrongTypeError, compile_shape, missing, sentence
from .declarations import refusal_code
from .unsupported_members import UNSUPPORTED_MEMBERS

#: SDKs of other languages send these without a value for the first page.
_EMPTY_IS_ABSENT = ("marker", "nextToken")


class RequestParts(NamedTuple):
    """The parts of an HTTP request that contain an operation's input.

    Attributes:
        path: the path, still URL-encoded.
        query: the query string.
        body: the body; for most operations a JSON object or empty.
        headers: the headers, by names in any case.
    """

    path: str
    query: str
    body: str | bytes
    headers: Mapping[str, str]


class OperationInput(NamedTuple):
    """An operation's input as it was sent.

    Attributes:
        values: member name to value, for the members that were sent.
        violations: the model's constraints that they violate.
        wrong_types: messages about members that do not have the model's type; their values are
            unchanged.
    """

    values: dict[str, Any]
    violations: list[Violation]
    wrong_types: list[str]


def checked_input(
    service: str, operation: str, request: RequestParts, *, strict: bool
) -> OperationInput:
    """Read and check an operation's input.

    Args:
        service: the service by boto3's name: ``iot``, ``iot-data`` or ``iot-jobs-data``.
        operation: the operation's name in that service's model, such as ``CreateThing``.
        request: the HTTP request.
        strict: whether to check types and all constraints; otherwise only required members, without
            which no operation could proceed.

    Raises:
        IoTError: the input is refused, with the error that the operation declares. The text lists
            all violated constraints.

    Examples:
        >>> request = RequestParts("/things/a%20b", "", "", {})
        >>> checked_input("iot", "DescribeThing", request, strict=True)
        Traceback (most recent call last):
        ...
        moto_jitp.iot.exceptions.IoTError: InvalidRequestException: 1 validation error detected: ...
    """
    read_members = read_input(service, operation, request)
    if strict and read_members.wrong_types:
        raise refusal(service, operation, read_members.wrong_types[0])
    violations = read_members.violations
    if not strict:
        violations = [violation for violation in violations if violation.is_missing]
    if violations:
        raise refusal(service, operation, sentence(violations))
    if strict and service == "iot":
        _refuse_unsupported(operation, read_members.values)
    return read_members


def _refuse_unsupported(operation: str, values: Mapping[str, Any]) -> None:
    for name in UNSUPPORTED_MEMBERS.get(operation, ()):
        if name in values:
            raise refusal(
                "iot",
                operation,
                f"The member {name} of {operation} is not emulated by moto or moto_jitp. Nothing "
                "was done. Leave the member out of the test.",
            )


def read_input(service: str, operation: str, request: RequestParts) -> OperationInput:
    """Read an operation's input without refusing violated constraints or wrong types.

    Args:
        service: as for :func:`checked_input`.
        operation: as for :func:`checked_input`.
        request: the HTTP request.

    Raises:
        IoTError: the body is not a JSON object.
    """
    try:
        return _reader(service, operation).read(request)
    except _MalformedBodyError as error:
        raise refusal(service, operation, str(error)) from None


def operation_at(service: str, method: str, path: str) -> str | None:
    """Return the operation that a request is for, by its method and path alone.

    moto also looks at required query parameters and headers, and finds no operation without them.

    Args:
        service: as for :func:`checked_input`.
        method: the HTTP method.
        path: the path, still URL-encoded.

    Returns:
        Its name, or ``None``; of several, the one with the longest fixed part of the path.
    """
    for name, its_method, pattern in _routes(service):
        if its_method == method and pattern.match(path):
            return name
    return None


@functools.cache
def _routes(service: str) -> list[tuple[str, str, re.Pattern[str]]]:
    model = get_service_model(service)
    named_routes = [(name, model.operation_model(name).http) for name in model.operation_names]
    named_routes.sort(key=lambda route: -len(re.sub(r"\{.*?\}", "", route[1]["requestUri"])))
    return [
        (name, http["method"], _path_pattern(http["requestUri"])) for name, http in named_routes
    ]


def refusal(service: str, operation: str, message: str) -> IoTError:
    """Return the error that an operation declares for a request that is not valid.

    Args:
        service: as for :func:`checked_input`.
        operation: the operation's name; unknown names are accepted.
        message: the error's text.
    """
    return IoTError(refusal_code(service, operation), message)


def not_emulated(service: str, operation: str) -> IoTError:
    """Return the error for an operation that neither moto nor we emulate (own wording).

    Args:
        service: as for :func:`checked_input`.
        operation: the operation's name.
    """
    return refusal(
        service,
        operation,
        f"The operation {operation} of AWS IoT is not emulated by moto or moto_jitp. Nothing was "
        "done. Leave the call out of the test, or stub it.",
    )


@functools.cache
def _reader(service: str, operation: str) -> _InputReader:
    return _InputReader(get_service_model(service).operation_model(operation))


class _MalformedBodyError(Exception):
    """The body is not a JSON object."""


class _Member(NamedTuple):
    name: str
    wire_name: str
    location: str | None
    is_json: bool
    check: Check


class _InputReader:
    """Reads one operation's input according to its model."""

    def __init__(self, operation: OperationModel) -> None:
        shape = operation.input_shape or StructureShape("Empty", {"members": {}})
        payload = shape.serialization.get("payload")
        self._required = shape.required_members
        self._path = _path_pattern(operation.http["requestUri"])
        self._members = [
            _member(name, member, "payload" if name == payload else None)
            for name, member in shape.members.items()
        ]
        self._has_json = payload is None or shape.members[payload].type_name == "structure"

    def read(self, request: RequestParts) -> OperationInput:
        in_path = self._path.search(request.path)
        in_query = parse_qs(request.query, keep_blank_values=True) if request.query else {}
        in_body = _json_object(request.body) if self._has_json else {}
        values: dict[str, Any] = {}
        violations: list[Violation] = []
        wrong_types: list[str] = []
        for name, wire_name, location, is_json, check in self._members:
            value: Any
            if location is None:
                value = in_body.get(wire_name)
            elif location == "uri":
                value = unquote(in_path[wire_name]) if in_path else None
            elif location == "querystring":
                value = in_query[wire_name][0] if wire_name in in_query else None
            elif location == "header":
                value = request.headers.get(wire_name)
            else:
                value = in_body if self._has_json else request.body or None
            if value is None or (value == "" and name in _EMPTY_IS_ABSENT):
                continue
            try:
                value = _json_in_header(name, value) if is_json else check(value, name, violations)
            except WrongTypeError as error:
                wrong_types.append(str(error))
            values[name] = value
        violations.extend(missing(name) for name in self._required if name not in values)
        return OperationInput(values, violations, wrong_types)


def _member(name: str, shape: Any, location: str | None) -> _Member:
    travels = shape.serialization
    location = location or travels.get("location")
    from_text = location not in (None, "payload")
    is_json = bool(travels.get("jsonvalue"))
    check = compile_shape(shape, from_text=from_text)
    return _Member(name, travels.get("name", name), location, is_json, check)


def _path_pattern(request_uri: str) -> re.Pattern[str]:
    path = re.escape(request_uri.partition("?")[0])
    greedy = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", path)  # {arn+} also matches slashes
    # A server passes on some paths decoded, so that the last member may contain slashes.
    greedy = re.sub(r"\\\{(\w+)\\\}$", r"(?P<\1>.+)", greedy)
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", greedy) + "$", re.DOTALL)


def _json_object(body: str | bytes) -> Mapping[str, Any]:
    if not body:
        return {}
    try:
        text = body.decode() if isinstance(body, bytes) else body
        value = json.loads(text, parse_constant=_not_json)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is not text
    except (ValueError, RecursionError):
        raise _MalformedBodyError("The request body is not well-formed JSON.") from None
    if not isinstance(value, dict):
        raise _MalformedBodyError(
            f"The request body must be a JSON object; found a JSON {type(value).__name__}."
        )
    return value


def _not_json(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")  # Python's json accepts NaN and Infinity


def _json_in_header(name: str, value: Any) -> Any:
    try:
        return json.loads(b64decode(value, validate=True))
    except (ValueError, RecursionError):
        raise WrongTypeError(f"The member {name} must be base64-encoded JSON.") from None
