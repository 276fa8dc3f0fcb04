"""The operators on two values.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal

from .values import (
    CONTEXT,
    UNDEFINED,
    Value,
    equal,
    is_number,
    number,
    require_size,
    to_decimal,
    to_string,
)

_COMPARISONS: dict[str, Callable[[int | Decimal, int | Decimal], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def apply(operation: str, left: Value, right: Value) -> Value:
    """Apply an operator of :data:`moto_jitp.sql.tree.OPERATORS`.

    Returns:
        The result; Undefined for operands that the operator does not accept.
    """
    if operation == "=":
        return equal(left, right)
    if operation == "<>":
        same = equal(left, right)
        return same if same is UNDEFINED else not same
    if operation == "IN":
        return _contains(right, left)
    if operation == "+" and (isinstance(left, str) or isinstance(right, str)):
        texts = [to_string(left), to_string(right)]
        if UNDEFINED in texts:
            return UNDEFINED
        require_size(len(texts[0]) + len(texts[1]))
        return "".join(texts)
    if operation == "+" and not (is_number(left) and is_number(right)):
        return UNDEFINED
    left, right = to_decimal(left), to_decimal(right)
    if not (is_number(left) and is_number(right)):
        return UNDEFINED
    if operation in _COMPARISONS:
        # Strings that are numbers count as numbers; others are never compared alphabetically.
        return _COMPARISONS[operation](left, right)
    return _ARITHMETIC[operation](left, right)


def remainder(left: int | Decimal, right: int | Decimal) -> Value:
    """Return the remainder of a division, with the sign of the first number."""
    if right == 0:
        return UNDEFINED
    if isinstance(left, int) and isinstance(right, int):
        rest = abs(left) % abs(right)
        return -rest if left < 0 else rest
    return number(CONTEXT.remainder(left, right))


def _divide(left: int | Decimal, right: int | Decimal) -> Value:
    """Divide: two Ints give an Int if it is exact, as on both pages of the reference."""
    if right == 0:
        return UNDEFINED
    if isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return left // right
    return number(CONTEXT.divide(left, right))


def _exactly_with_ints(
    of_ints: Callable[[int, int], int], of_decimals: Callable[[Decimal, Decimal], Decimal]
) -> Callable[[int | Decimal, int | Decimal], Value]:
    def calculate(left: int | Decimal, right: int | Decimal) -> Value:
        if isinstance(left, int) and isinstance(right, int):
            return number(of_ints(left, right))
        return number(of_decimals(Decimal(left), Decimal(right)))

    return calculate


_ARITHMETIC: dict[str, Callable[[int | Decimal, int | Decimal], Value]] = {
    "+": _exactly_with_ints(operator.add, CONTEXT.add),
    "-": _exactly_with_ints(operator.sub, CONTEXT.subtract),
    "*": _exactly_with_ints(operator.mul, CONTEXT.multiply),
    "/": _divide,
    "%": remainder,
}


def _contains(array: Value, value: Value) -> Value:
    if not isinstance(array, list) or value is UNDEFINED:
        return UNDEFINED
    return any(equal(item, value) is True for item in array)
