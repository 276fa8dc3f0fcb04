"""Substitution templates: ``${expression}`` in the fields of actions.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-substitution-templates.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import tree
from .checks import check_expression
from .errors import SqlError, StatementFailed, shortened
from .evaluation import Evaluation, Scope
from .parsing import parse_expression
from .values import BinaryValueError, Version, serialize

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[{}]|.", re.DOTALL)


@dataclass(frozen=True)
class Template:
    """A field of an action: alternating texts and expressions; make it with :meth:`parse`.

    Attributes:
        parts: plain texts, and the expressions between them.
    """

    parts: tuple[str | tree.Expression, ...]

    @classmethod
    def parse(cls, text: str, version: Version, variables: tuple[str, ...] = ()) -> Template:
        """Parse and check a field.

        Args:
            text: such as ``devices/${topic(2)}/${temperature}.json``.
            version: the version of the rule's SQL.
            variables: the variables of its SET clause.

        Raises:
            SqlError: an expression is wrong or has no end, or the field has ``@{…}``, which only
                the InfluxDB action accepts.
        """
        per_element = text.find("@{")
        if per_element >= 0 and text.find("}", per_element) >= 0:
            raise SqlError(
                f"{shortened(text)!r} has @{{…}}, which stands for a field of each element in the "
                "InfluxDB action only; write ${…}."
            )
        parts: list[str | tree.Expression] = []
        at = 0
        while (begin := text.find("${", at)) >= 0:
            end = _end_of(text, begin + 2)
            if begin > at:
                parts.append(text[at:begin])
            try:
                expression = parse_expression(text[begin + 2 : end])
                check_expression(expression, version, variables)
            except SqlError as error:
                field = shortened(text[begin : end + 1])
                raise SqlError(f"{field}: {error.message}") from None
            parts.append(expression)
            at = end + 1
        if at < len(text):
            parts.append(text[at:])
        return cls(tuple(parts))

    def __str__(self) -> str:
        return "".join(part if isinstance(part, str) else f"${{{part}}}" for part in self.parts)

    def fill(self, evaluation: Evaluation, scope: Scope) -> str:
        """Fill the field for a message.

        Args:
            evaluation: the evaluation of the rule's statement, with its variables.
            scope: the scope of the original payload; aliases of SELECT mean nothing here.

        Returns:
            The text; Undefined becomes empty.

        Raises:
            FunctionFailed: a function of the account has no answer.
            StatementFailed: an expression has no result for this message.
        """
        return "".join(
            part if isinstance(part, str) else _filled(evaluation, part, scope)
            for part in self.parts
        )


def _filled(evaluation: Evaluation, expression: tree.Expression, scope: Scope) -> str:
    try:
        value = evaluation.value_of(expression, scope)
    except BinaryValueError as error:
        raise StatementFailed(str(error)) from None
    except RecursionError:
        raise StatementFailed("The payload is nested too deeply.") from None
    return value if isinstance(value, str) else serialize(value).decode("utf-8", "replace")


def _end_of(text: str, begin: int) -> int:
    depth = 1
    for token in _TOKEN.finditer(text, begin):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.start()
    raise SqlError(f"{shortened(text[begin - 2 :])!r} has no closing brace.")
