"""The ``Condition`` element: operators, set operators, and keys that the request lacks.

AWS IoT follows IAM here (its pages refer to IAM's on condition operators, variables and keys with
several values). A key that the request lacks makes a condition false, an inverted one (``…Not…``)
and one with ``IfExists`` true, ``ForAllValues`` true and ``ForAnyValue`` false. A policy value with
a variable that has no value equals nothing.

AWS IoT's pages differ from IAM's in one respect. Of
``"StringEquals": {"iot:ConnectAttributes": "LastWill"}``, without a set operator, the connect
policy examples say that it "allows clean connect by clients with or without LastWill, no other
features will be allowed". So this key, which has several values or none, is then compared as with
``ForAllValues``. https://docs.aws.amazon.com/iot/latest/developerguide/connect-policy.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache

from .matching import ArnPattern, Lookup, Pattern, Template
from .variables import AuthorizationContext

_ALL_VALUES_COUNT = "iot:connectattributes"

Test = Callable[[str, Lookup], bool]
"""Compares one value of the request with one value of the policy."""


@dataclass(frozen=True)
class _Operator:
    """One base operator: how it reads policy values, which are valid, and whether it inverts."""

    build: Callable[[str, bool], Test]
    inverted: bool = False
    expected: str = ""
    is_valid: Callable[[str], bool] = lambda text: True


@dataclass(frozen=True)
class Condition:
    """One line of a ``Condition`` element: an operator, a key and its values.

    Attributes:
        operator: as written, such as ``ForAnyValue:StringLike``.
        key: the condition key as written.
        values: the policy's values as text.
    """

    operator: str
    key: str
    values: tuple[str, ...]
    _tests: tuple[Test, ...]
    _inverted: bool
    _set_operator: str
    _if_exists: bool

    def holds(self, context: AuthorizationContext, missing: set[str]) -> bool:
        """Whether the condition is fulfilled.

        Args:
            context: what is known of the connection.
            missing: receives the key if the request lacks it.
        """
        values = context.values(self.key)
        if self.operator == "Null":
            lowered_values = {value.lower() for value in self.values}
            return ("false" if values else "true") in lowered_values
        if values is None and not self._if_exists:
            missing.add(self.key)
        if self._set_operator == "ForAllValues" or (
            values is not None and not self._set_operator and self.key.lower() == _ALL_VALUES_COUNT
        ):
            return all(self._accepts(value, context) for value in values or ())
        if not values:
            return self._if_exists or (self._inverted and not self._set_operator)
        if self._inverted and not self._set_operator:
            return all(self._accepts(value, context) for value in values)
        return any(self._accepts(value, context) for value in values)

    def _accepts(self, value: str, context: AuthorizationContext) -> bool:
        matched = any(test(value, context.variable) for test in self._tests)
        return matched != self._inverted


def is_operator(name: str) -> bool:
    """Whether a condition operator exists, with its prefix and suffix."""
    return _find(name) is not None


def value_problem(operator: str, value: str) -> str | None:
    """What a value of this operator must be if this value is not valid; ``None`` if it is.

    A value with a variable can only be judged once that is known, so it passes.
    """
    operator_found = _find(operator)
    if operator_found is None or "${" in value or operator_found[0].is_valid(value):
        return None
    return operator_found[0].expected


def compile_condition(
    operator: str, key: str, values: tuple[str, ...], *, variables: bool
) -> Condition:
    """Prepare a condition whose operator exists.

    Args:
        operator: such as ``StringEquals`` or ``ForAllValues:StringLikeIfExists``.
        key: such as ``iot:Connection.Thing.IsAttached``.
        values: the policy's values as text; none is allowed.
        variables: whether ``${…}`` in the values are variables.

    Raises:
        ValueError: the operator does not exist.
    """
    operator_found = _find(operator)
    if operator_found is None:
        raise ValueError(f"no condition operator {operator}")
    base, set_operator, if_exists = operator_found
    return Condition(
        operator=operator,
        key=key,
        values=values,
        _tests=tuple(base.build(value, variables) for value in values),
        _inverted=base.inverted,
        _set_operator=set_operator,
        _if_exists=if_exists,
    )


def _find(name: str) -> tuple[_Operator, str, bool] | None:
    prefix, colon, base = name.rpartition(":")
    if colon and prefix not in ("ForAllValues", "ForAnyValue"):
        return None
    if_exists = base.endswith("IfExists")
    if if_exists:
        base = base[: -len("IfExists")]
    if base == "Null" and (if_exists or colon):
        return None
    operator = _OPERATORS.get(base)
    return None if operator is None else (operator, prefix, if_exists)


def _text(compare: Callable[[str, str], bool]) -> Callable[[str, bool], Test]:
    def build(policy_value: str, variables: bool) -> Test:
        template = Template(policy_value, variables=variables)

        def test(value: str, lookup: Lookup) -> bool:
            text = template.fill(lookup)
            return text is not None and compare(value, text)

        return test

    return build


def _pattern(policy_value: str, variables: bool) -> Test:
    return Pattern(policy_value, variables=variables).matches


def _arn(policy_value: str, variables: bool) -> Test:
    return ArnPattern(policy_value, variables=variables).matches


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _moment(text: str) -> float | None:
    """Seconds since 1970, from an ISO 8601 time or from a number of such seconds."""
    number = _number(text)
    if number is not None:
        return number
    try:
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=256)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _in_network(value: str, network_text: str) -> bool:
    network = _network(network_text)
    try:
        return network is not None and ipaddress.ip_address(value) in network
    except ValueError:
        return False


def _order(
    read: Callable[[str], float | None], compare: Callable[[float, float], bool]
) -> Callable[[str, bool], Test]:
    def compare_texts(value: str, policy_value: str) -> bool:
        left, right = read(value), read(policy_value)
        return left is not None and right is not None and compare(left, right)

    return _text(compare_texts)


def _is_boolean(text: str) -> bool:
    return text.lower() in ("true", "false")


def _table() -> dict[str, _Operator]:
    def same(left: object, right: object) -> bool:
        return left == right

    def same_ignoring_case(value: str, policy_value: str) -> bool:
        return value.casefold() == policy_value.casefold()

    equal, ignoring = _text(same), _text(same_ignoring_case)
    truth = "'true' or 'false'"
    table = {
        "StringEquals": _Operator(equal),
        "StringNotEquals": _Operator(equal, inverted=True),
        "StringEqualsIgnoreCase": _Operator(ignoring),
        "StringNotEqualsIgnoreCase": _Operator(ignoring, inverted=True),
        "StringLike": _Operator(_pattern),
        "StringNotLike": _Operator(_pattern, inverted=True),
        "BinaryEquals": _Operator(equal),
        "ArnEquals": _Operator(_arn),
        "ArnLike": _Operator(_arn),
        "ArnNotEquals": _Operator(_arn, inverted=True),
        "ArnNotLike": _Operator(_arn, inverted=True),
        "Bool": _Operator(ignoring, False, truth, _is_boolean),
        "Null": _Operator(ignoring, False, truth, _is_boolean),
    }
    address = "an IP address or a range such as '203.0.113.0/24'"
    for name, inverted in (("IpAddress", False), ("NotIpAddress", True)):
        table[name] = _Operator(
            _text(_in_network), inverted, address, lambda text: _network(text) is not None
        )
    for family, read, expected in (
        ("Numeric", _number, "a number"),
        ("Date", _moment, "a time such as '2030-01-31T12:00:00Z' or seconds since 1970"),
    ):
        for name, compare, inverted in _COMPARISONS:
            table[family + name] = _Operator(
                _order(read, compare),
                inverted,
                expected,
                lambda text, read=read: read(text) is not None,  # type: ignore[misc]
            )
    return table


_COMPARISONS: tuple[tuple[str, Callable[[float, float], bool], bool], ...] = (
    ("Equals", lambda left, right: left == right, False),
    ("NotEquals", lambda left, right: left == right, True),
    ("LessThan", lambda left, right: left < right, False),
    ("LessThanEquals", lambda left, right: left <= right, False),
    ("GreaterThan", lambda left, right: left > right, False),
    ("GreaterThanEquals", lambda left, right: left >= right, False),
)

_OPERATORS = _table()
OPERATOR_NAMES = tuple(_OPERATORS)
"""The base operators, without prefix and suffix."""
