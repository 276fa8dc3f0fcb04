"""Functions of numbers.

Those that have double precision in the reference are calculated with floats.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from decimal import Context, Decimal

from moto_jitp.sql.evaluation import Evaluation
from moto_jitp.sql.operators import remainder
from moto_jitp.sql.values import DIGITS, UNDEFINED, Value, floor, from_double, number

from .table import as_number, function, of_number

_WIDE = Context(prec=3 * DIGITS, traps=[])
"""For operations that only remove digits."""


@of_number("abs")
def absolute(value: int | Decimal) -> Value:
    return abs(value) if isinstance(value, int) else value.copy_abs()


@of_number("ceil")
def ceil(value: int | Decimal) -> Value:
    return int(value.to_integral_value("ROUND_CEILING")) if isinstance(value, Decimal) else value


@of_number("floor")
def round_down(value: int | Decimal) -> Value:
    return floor(value)


@of_number("round")
def round_to_nearest(value: int | Decimal) -> Value:
    # The examples round -1.5 to -2: halves are rounded away from zero.
    return int(value.to_integral_value("ROUND_HALF_UP")) if isinstance(value, Decimal) else value


@of_number("sign")
def sign(value: int | Decimal) -> Value:
    return (value > 0) - (value < 0)


@of_number("bitnot")
def bitnot(value: int | Decimal) -> Value:
    # The reference's example, bitnot(13) = 2, is not a complement of any width; this is two's.
    return number(~floor(value))


def _double(name: str, calculate: Callable[[float], float]) -> None:
    @of_number(name)
    def run(value: int | Decimal) -> Value:
        return _calculated(calculate, value)


def _calculated(calculate: Callable[..., float], *values: int | Decimal) -> Value:
    try:
        result = calculate(*map(float, values))
    except (ValueError, OverflowError, ZeroDivisionError):
        return UNDEFINED
    return from_double(result) if isinstance(result, float) else UNDEFINED  # no complex numbers


for _name, _calculate in {
    "acos": math.acos,
    "asin": math.asin,
    "atan": math.atan,
    "cos": math.cos,
    "cosh": math.cosh,
    "exp": math.exp,
    "ln": math.log,
    "log": math.log10,
    "sin": math.sin,
    "sinh": math.sinh,
    "sqrt": math.sqrt,
    "tan": math.tan,
    "tanh": math.tanh,
}.items():
    _double(_name, _calculate)


def _of_two(name: str, calculate: Callable[[int | Decimal, int | Decimal], Value]) -> None:
    @function(name, 2)
    def run(_: Evaluation, arguments: Sequence[Value]) -> Value:
        left, right = map(as_number, arguments)
        return UNDEFINED if UNDEFINED in (left, right) else calculate(left, right)


def _bitwise(combine: Callable[[int, int], int]) -> Callable[[int | Decimal, int | Decimal], Value]:
    return lambda left, right: number(combine(floor(left), floor(right)))


_of_two("bitand", _bitwise(operator.and_))
_of_two("bitor", _bitwise(operator.or_))
_of_two("bitxor", _bitwise(operator.xor))
_of_two("atan2", lambda y, x: _calculated(math.atan2, y, x))
_of_two("power", lambda base, exponent: _calculated(math.pow, base, exponent))
_of_two("mod", remainder)
_of_two("remainder", remainder)


@function("trunc", 2)
def trunc(_: Evaluation, arguments: Sequence[Value]) -> Value:
    value, places = map(as_number, arguments)
    if UNDEFINED in (value, places) or isinstance(arguments[1], str):
        return UNDEFINED
    if isinstance(value, int):
        return value
    step = Decimal(1).scaleb(-min(max(floor(places), 0), DIGITS))
    truncated = value.quantize(step, "ROUND_DOWN", _WIDE)
    if truncated.is_nan():
        truncated = value  # too large to have decimal places
    if truncated == truncated.to_integral_value() and truncated.adjusted() < DIGITS:
        return int(truncated)
    return truncated.normalize(_WIDE)


@function("nanvl", 2)
def nanvl(_: Evaluation, arguments: Sequence[Value]) -> Value:
    first, second = arguments
    return second if first is None or first is UNDEFINED else first


@function("rand", 0)
def rand(evaluation: Evaluation, _: Sequence[Value]) -> Value:
    return from_double(evaluation.environment.random.random())
