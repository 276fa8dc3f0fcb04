"""Adds functions to the table, with their version and number of arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from moto_jitp.sql.evaluation import FUNCTIONS, Body, Evaluation, Function
from moto_jitp.sql.values import (
    UNDEFINED,
    V1,
    Value,
    Version,
    is_number,
    to_decimal,
    to_string,
)


def function(
    name: str,
    least: int = 0,
    most: int | None = -1,
    *,
    since: Version = V1,
    mode_at: int | None = None,
) -> Callable[[Body], Body]:
    """Add a function to the table.

    Args:
        name: the reference's spelling.
        least: its minimum number of arguments.
        most: the maximum; ``None`` for any number, by default the same as ``least``.
        since: the version that introduced it.
        mode_at: the place of the argument that chooses what the function does.
    """

    def enter(body: Body) -> Body:
        limit = least if most == -1 else most
        FUNCTIONS[name.lower()] = Function(name, since, least, limit, body=body, mode_at=mode_at)
        return body

    return enter


def of_number(name: str) -> Callable[[Callable[[int | Decimal], Value]], object]:
    """Add a function of one number: Undefined for values that do not convert to one."""

    def enter(body: Callable[[int | Decimal], Value]) -> object:
        @function(name, 1)
        def run(_: Evaluation, arguments: Sequence[Value]) -> Value:
            value = as_number(arguments[0])
            return UNDEFINED if value is UNDEFINED else body(value)

        return body

    return enter


def of_texts(
    name: str, count: int, since: Version = V1
) -> Callable[[Callable[..., Value]], object]:
    """Add a function of strings: Undefined for values that do not convert to one."""

    def enter(body: Callable[..., Value]) -> object:
        @function(name, count, since=since)
        def run(_: Evaluation, arguments: Sequence[Value]) -> Value:
            texts = [to_string(argument) for argument in arguments]
            return UNDEFINED if UNDEFINED in texts else body(*texts)

        return body

    return enter


def as_number(value: Value) -> Value:
    """Convert a value to a number; Undefined if that fails, and for Null."""
    converted = to_decimal(value)
    return converted if is_number(converted) else UNDEFINED
