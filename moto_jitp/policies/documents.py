"""Policy documents: read, checked as AWS IoT checks them, and prepared for evaluation.

The developer guide says that an IoT policy follows IAM's conventions; it shows ``Version``,
``Statement`` and in a statement ``Effect``, ``Action``, ``Resource`` and ``Condition``.
``NotAction`` and ``NotResource`` work as IAM defines them. Action names are not checked against a
list: AWS stores policies with actions of other services (``greengrass:…``) and of the control
plane; such a statement does not concern devices.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, TypeVar

from . import errors
from .conditions import OPERATOR_NAMES, Condition, compile_condition, is_operator, value_problem
from .matching import Pattern, Variable, parse_pieces
from .variables import AuthorizationContext

LONGEST_DOCUMENT = 2048
"""Characters of a document without white space (API reference of CreatePolicy)."""

_CACHED_DOCUMENTS = 256
_VERSIONS = ("2012-10-17", "2008-10-17")
_DOCUMENT_KEYS = ("Version", "Id", "Statement")
_STATEMENT_KEYS = (
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)

Effect = Literal["Allow", "Deny"]


@dataclass(frozen=True)
class Statement:
    """One statement of a policy.

    Attributes:
        index: its place in the document, counted from 0.
        sid: its ``Sid``, or ``None``.
        effect: ``Allow`` or ``Deny``.
        actions: the patterns of ``Action`` or ``NotAction``, as written.
        resources: the patterns of ``Resource`` or ``NotResource``.
        conditions: all must hold.
        not_action: ``actions`` are those to which the statement does not apply.
        not_resource: ``resources`` are those to which the statement does not apply.
    """

    index: int
    sid: str | None
    effect: Effect
    actions: tuple[str, ...]
    resources: tuple[Pattern, ...]
    conditions: tuple[Condition, ...] = ()
    not_action: bool = False
    not_resource: bool = False
    _exact_actions: frozenset[str] = field(default=frozenset(), repr=False)
    _action_patterns: tuple[Pattern, ...] = field(default=(), repr=False)

    def covers_action(self, action: str) -> bool:
        """Whether the statement applies to an action, given in lower case; case does not matter."""
        is_named = action in self._exact_actions or any(
            pattern.matches(action, _no_variables) for pattern in self._action_patterns
        )
        return is_named != self.not_action

    def covers_resource(
        self, resource: str, context: AuthorizationContext, missing: set[str]
    ) -> bool:
        """Whether the statement applies to a resource; ``missing`` receives unset variables."""
        is_named = False
        for pattern in self.resources:
            if pattern.matches(resource, context.variable):
                is_named = True
                break
            for name in pattern.variable_names:
                if context.variable(name) is None:
                    missing.add(name)
        return is_named != self.not_resource

    def conditions_hold(self, context: AuthorizationContext, missing: set[str]) -> bool:
        """Whether every condition holds; ``missing`` receives keys that the request lacks."""
        return all(condition.holds(context, missing) for condition in self.conditions)


@dataclass(frozen=True)
class PolicyDocument:
    """A checked policy document.

    Attributes:
        version: ``2012-10-17``, or ``2008-10-17`` (the default), where ``${…}`` is ordinary text.
        statements: in the document's order.
    """

    version: str
    statements: tuple[Statement, ...]


def parse_policy(document: str) -> PolicyDocument:
    """Read a policy document and check it as AWS IoT does when it is stored.

    Equal texts are parsed once; the last ones are kept.

    Args:
        document: JSON text, at most 2048 characters without white space.

    Raises:
        MalformedPolicyError: the document is not valid; the error has the place, what was found and
            what is allowed.
    """
    if not isinstance(document, str):
        raise errors.not_text(document)
    return _parse(document)


@lru_cache(maxsize=_CACHED_DOCUMENTS)
def _parse(document: str) -> PolicyDocument:
    length = sum(map(len, document.split()))
    if length > LONGEST_DOCUMENT:
        raise errors.too_long(length, LONGEST_DOCUMENT)
    body = _load(document)
    if not isinstance(body, dict):
        raise errors.wrong_value("The document", body, "an object with Version and Statement")
    _check_keys("The document", body, _DOCUMENT_KEYS)
    version = body.get("Version", _VERSIONS[-1])
    if version not in _VERSIONS:
        raise errors.wrong_value("Version", version, f"'{_VERSIONS[0]}'")
    if not isinstance(body.get("Id", ""), str):
        raise errors.wrong_value("Id", body["Id"], "a text")
    statement_list = body.get("Statement")
    statements = [statement_list] if isinstance(statement_list, dict) else statement_list
    if not isinstance(statements, list) or not statements:
        raise errors.wrong_value("Statement", statement_list, "a statement or a list of statements")
    variables = version == _VERSIONS[0]
    return PolicyDocument(
        version,
        tuple(_statement(index, item, variables) for index, item in enumerate(statements)),
    )


def _load(document: str) -> Any:
    try:
        return json.loads(document, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise errors.not_json(
            f"line {error.lineno} column {error.colno}: {error.msg.lower()}"
        ) from None
    except RecursionError:
        raise errors.not_json("it is nested too deeply") from None
    except errors.MalformedPolicyError:
        raise
    except ValueError as error:  # a number with thousands of digits, NaN
        raise errors.not_json(str(error)) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise errors.duplicate_key(key)
        result[key] = value
    return result


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _check_keys(place: str, members: dict[str, Any], allowed: tuple[str, ...]) -> None:
    for key in members:
        if key in ("Principal", "NotPrincipal"):
            raise errors.principal_given(place)
        if key not in allowed:
            raise errors.unknown_element(place, key, allowed)


def _statement(index: int, node: object, variables: bool) -> Statement:
    place = f"Statement[{index}]"
    if not isinstance(node, dict):
        raise errors.wrong_value(place, node, "an object with Effect, Action and Resource")
    _check_keys(place, node, _STATEMENT_KEYS)
    sid = node.get("Sid")
    if sid is not None and not isinstance(sid, str):
        raise errors.wrong_value(f"{place}.Sid", sid, "a text")
    effect = node.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise errors.wrong_value(f"{place}.Effect", effect, "'Allow' or 'Deny'")
    actions, not_action = _either(place, node, "Action", "NotAction", _check_action)
    resources, not_resource = _either(
        place, node, "Resource", "NotResource", _check_resource if variables else _check_plain
    )
    lowered = {action.lower() for action in actions}
    with_wildcard = {action for action in lowered if "*" in action or "?" in action}
    return Statement(
        index=index,
        sid=sid,
        effect=effect,
        actions=actions,
        resources=tuple(Pattern(text, variables=variables) for text in resources),
        conditions=tuple(_conditions(f"{place}.Condition", node.get("Condition", {}), variables)),
        not_action=not_action,
        not_resource=not_resource,
        _exact_actions=frozenset(lowered - with_wildcard),
        _action_patterns=tuple(Pattern(a, variables=False) for a in sorted(with_wildcard)),
    )


def _either(
    place: str, members: dict[str, Any], plain: str, negated: str, check: Callable[[str, str], None]
) -> tuple[tuple[str, ...], bool]:
    present = [name for name in (plain, negated) if name in members]
    if len(present) != 1:
        raise errors.one_of(place, plain, negated, len(present))
    name = present[0]
    values = _one_or_more(f"{place}.{name}", members[name], str, "a text or a list of texts")
    if not values:
        raise errors.wrong_value(f"{place}.{name}", members[name], "a text or a list of texts")
    for value in values:
        check(f"{place}.{name}", value)
    return values, name == negated


_Scalar = TypeVar("_Scalar")


def _one_or_more(
    place: str,
    node: object,
    kind: type[_Scalar] | tuple[type[_Scalar], ...],
    expected: str,
) -> tuple[_Scalar, ...]:
    values = node if isinstance(node, list) else [node]
    for value in values:
        if not isinstance(value, kind):
            raise errors.wrong_value(place, value, expected)
    return tuple(values)


def _check_action(place: str, action: str) -> None:
    if action == "*":
        return
    service, colon, name = action.partition(":")
    if not (service and colon and name) or ":" in name or any(c.isspace() for c in action):
        raise errors.wrong_value(
            place, action, "'*' or a service and an action such as 'iot:Connect' or 'iot:*'"
        )


def _check_resource(place: str, resource: str) -> None:
    _check_plain(place, resource, parse_pieces(resource, variables=True))


def _check_plain(place: str, resource: str, pieces: tuple[object, ...] | None = None) -> None:
    # A variable's name may contain colons, which do not separate parts of the ARN.
    text = resource
    if pieces is not None:
        text = "".join("v" if isinstance(p, Variable) else _plain(p) for p in pieces)
    if text == "*":
        return
    parts = text.split(":", 5)
    complete = len(parts) == 6 and parts[5] != ""
    if parts[0] != "arn" or not (complete or (len(parts) > 1 and "*" in parts[-1])):
        raise errors.not_an_arn(place, resource)


def _plain(piece: object) -> str:
    return piece if isinstance(piece, str) else "*"


def _conditions(place: str, node: object, variables: bool) -> Iterator[Condition]:
    if not isinstance(node, dict):
        raise errors.wrong_value(place, node, "an object of operators such as StringEquals")
    for operator, keys in node.items():
        if not is_operator(operator):
            raise errors.unknown_operator(place, operator, OPERATOR_NAMES)
        if not isinstance(keys, dict) or not keys:
            raise errors.wrong_value(
                f"{place}.{operator}", keys, "an object of condition keys such as iot:ClientId"
            )
        for key, key_values in keys.items():
            condition_place = f"{place}.{operator}.{key}"
            if ":" not in key:
                raise errors.wrong_value(
                    f"A key of {place}.{operator}", key, "a condition key such as 'aws:SourceIp'"
                )
            values = _one_or_more(
                condition_place,
                key_values,
                (str, bool, int, float),
                "a text, a number, a boolean or a list",
            )
            texts = tuple(_as_text(value) for value in values)
            for text in texts:
                expected = value_problem(operator, text)
                if expected is not None:
                    raise errors.wrong_value(condition_place, text, expected)
            yield compile_condition(operator, key, texts, variables=variables)


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _no_variables(name: str) -> None:
    return None
