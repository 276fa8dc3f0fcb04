"""The data types of IoT SQL, and conversions between them.

An Int is an ``int``, a Decimal a :class:`decimal.Decimal`, a Boolean a ``bool``, a String a
``str``, an Array a ``list``, an Object a ``dict``, Null is ``None`` and Undefined is
:data:`UNDEFINED`. A payload that is not JSON is ``bytes``, which converts to nothing.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
"""

from __future__ import annotations

import decimal
import json
import re
from decimal import Decimal
from typing import Any, Final, Literal, final

from .errors import StatementFailed

Value = Any

Version = Literal["2015-10-08", "2016-03-23"]
V1: Final = "2015-10-08"
V2: Final = "2016-03-23"

LARGEST_VALUE = 16 * 1024 * 1024
"""Characters and elements of a value while a statement is evaluated; AWS names no limit."""

DIGITS = 34
LARGEST_EXPONENT = 999

CONTEXT = decimal.Context(
    prec=DIGITS, Emin=-LARGEST_EXPONENT, Emax=LARGEST_EXPONENT, rounding="ROUND_HALF_EVEN", traps=[]
)
"""The context of Decimals; results beyond it become Undefined, see :func:`number`."""

_NUMERIC = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE]-?[0-9]+)?")


@final
class Undefined:
    """The absence of a value; :data:`UNDEFINED` is the only one."""

    def __repr__(self) -> str:
        return "Undefined"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined()


class BinaryValueError(ValueError):
    """A payload that is not JSON would become part of a JSON document."""


def is_number(value: Value) -> bool:
    """Whether a value is an Int or a Decimal."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def number(value: int | Decimal) -> Value:
    """Bring the result of a calculation into the range of Int and Decimal.

    Returns:
        The number with at most 34 digits; Undefined if it is too large or not a number.
    """
    if isinstance(value, int) and abs(value) < 10**DIGITS:
        return value
    rounded = CONTEXT.create_decimal(value)
    if not rounded.is_finite():
        return UNDEFINED
    if rounded and rounded.adjusted() < -LARGEST_EXPONENT:
        return Decimal(0)
    return rounded


def from_double(value: float) -> Value:
    """Make a Decimal of a result with double precision; Undefined for infinities and NaN."""
    return number(Decimal(repr(value)))


def whole_as_int(value: Value, version: Version) -> Value:
    """Apply the rule of version 2016-03-23 for whole numbers: ``10.0`` becomes the Int ``10``."""
    if (
        version != V1
        and isinstance(value, Decimal)
        and value == value.to_integral_value()
        and value.adjusted() < DIGITS
    ):
        return int(value)
    return value


def to_decimal(value: Value) -> Value:
    """Convert to a number: an Int stays an Int, which is a Decimal without a point.

    Returns:
        An ``int`` or ``Decimal``, Null for Null, Undefined if there is no conversion.
    """
    if value is None or is_number(value):
        return value
    if isinstance(value, str) and _NUMERIC.fullmatch(value):
        return number(CONTEXT.create_decimal(value))
    return UNDEFINED


def to_int(value: Value) -> Value:
    """Convert to an Int: a Decimal is rounded to the nearest, a String is truncated."""
    converted = to_decimal(value)
    if isinstance(converted, Decimal):
        rounding = "ROUND_DOWN" if isinstance(value, str) else "ROUND_HALF_UP"
        return int(converted.to_integral_value(rounding))
    return converted


def floor(value: int | Decimal) -> int:
    """Round down to an Int."""
    return int(value.to_integral_value("ROUND_FLOOR")) if isinstance(value, Decimal) else value


def to_boolean(value: Value) -> Value:
    """Convert to a Boolean: the strings true and false in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return UNDEFINED


def to_string(value: Value) -> Value:
    """Convert to a String; Null, Undefined and bytes have none."""
    if isinstance(value, str):
        return value
    if value is None or value is UNDEFINED or isinstance(value, bytes):
        return UNDEFINED
    return write_json(value)


def equal(left: Value, right: Value) -> Value:
    """Compare as ``=`` does: Undefined beside Undefined, false for values of different types."""
    if left is UNDEFINED or right is UNDEFINED:
        return UNDEFINED
    return _same(left, right)


def _same(left: Value, right: Value) -> bool:
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(left == right)


def read_json(text: str | bytes, version: Version) -> Value:
    """Read JSON text with the numbers of IoT SQL.

    Raises:
        ValueError: it is not JSON in UTF-8, or has a number outside the range of a Decimal.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")

    def read_number(literal: str) -> Value:
        value = whole_as_int(number(CONTEXT.create_decimal(literal)), version)
        if value is UNDEFINED:
            raise ValueError(f"{literal} is outside the range of a Decimal")
        return value

    def read_int(literal: str) -> Value:
        return int(literal) if len(literal) <= DIGITS else read_number(literal)

    def refuse(literal: str) -> Value:
        raise ValueError(f"{literal} is not JSON")

    try:
        return json.loads(text, parse_float=read_number, parse_int=read_int, parse_constant=refuse)
    except RecursionError:
        raise ValueError("the text is nested too deeply") from None


def write_json(value: Value) -> str:
    """Write compact JSON, omitting what is Undefined inside an array or object.

    Raises:
        BinaryValueError: it contains a payload that is not JSON.
        StatementFailed: it is larger than :data:`LARGEST_VALUE`.
    """
    if isinstance(value, list | dict):
        require_size(_size_of(value, {}))
    return _write(value)


def require_size(size: int) -> None:
    """Refuse a value that is much larger than a message can be.

    A statement that names a large variable many times would fill the memory.

    Args:
        size: its characters and elements.

    Raises:
        StatementFailed: it is larger than :data:`LARGEST_VALUE`.
    """
    if size > LARGEST_VALUE:
        raise StatementFailed(
            f"one of its values has {size:,} characters and elements; {LARGEST_VALUE:,} are "
            "possible here, and AWS IoT takes messages of 128 KB."
        )


def _size_of(value: Value, sizes: dict[int, int]) -> int:
    """Count characters and elements, looking at what occurs several times only once.

    Args:
        value: the value.
        sizes: what is known of arrays and objects, by their ``id``.
    """
    if isinstance(value, str | bytes):
        return len(value)
    if not isinstance(value, list | dict):
        return 1
    size = sizes.get(id(value))
    if size is None:
        parts = value if isinstance(value, list) else [*value.keys(), *value.values()]
        size = sizes[id(value)] = len(parts) + sum(_size_of(part, sizes) for part in parts)
    return size


def _write(value: Value) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{','.join(_write(item) for item in value if item is not UNDEFINED)}]"
    if isinstance(value, dict):
        pairs = (
            f"{json.dumps(key, ensure_ascii=False)}:{_write(item)}"
            for key, item in value.items()
            if item is not UNDEFINED
        )
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, bytes):
        raise BinaryValueError("The payload is not JSON, so it cannot be part of a JSON document.")
    return str(value)


def serialize(value: Value) -> bytes:
    """Return an action's payload: compact JSON in UTF-8, unchanged bytes, nothing for Undefined.

    Raises:
        BinaryValueError: a payload that is not JSON is inside a document.
    """
    if isinstance(value, bytes):
        return value
    if value is UNDEFINED:
        return b""
    # Half of a surrogate pair, which JSON can escape but UTF-8 does not have, stays escaped.
    return write_json(value).encode("utf-8", "backslashreplace")


def type_name(value: Value) -> str:
    """Name a value's type as the reference does."""
    if value is UNDEFINED:
        return "Undefined"
    if value is None:
        return "Null"
    names = {bool: "Boolean", int: "Int", Decimal: "Decimal", str: "String", list: "Array"}
    return names.get(type(value), "binary" if isinstance(value, bytes) else "Object")
