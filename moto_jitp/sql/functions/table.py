"""Enters functions in the table: since when they are there, and with how many arguments."""

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
    """Enter a function in the table.

    Args:
        name: as the reference writes it.
        least: how many arguments it has at least.
        most: how many at most; ``None`` for any number, and as many as ``least`` if left out.
        since: the version that it came with.
        mode_at: the place of the argument that chooses what the function does.
    """

    def enter(body: Body) -> Body:
        limit = least if most == -1 else most
        FUNCTIONS[name.lower()] = Function(name, since, least, limit, body=body, mode_at=mode_at)
        return body

    return enter


def of_number(name: str) -> Callable[[Callable[[int | Decimal], Value]], object]:
    """Enter a function of one number: Undefined for what converts to none."""

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
    """Enter a function of strings: Undefined for what converts to none."""

    def enter(body: Callable[..., Value]) -> object:
        @function(name, count, since=since)
        def run(_: Evaluation, arguments: Sequence[Value]) -> Value:
            texts = [to_string(argument) for argument in arguments]
            return UNDEFINED if UNDEFINED in texts else body(*texts)

        return body

    return enter


def as_number(value: Value) -> Value:
    """The number that a value converts to; Undefined for none, and for Null."""
    converted = to_decimal(value)
    return converted if is_number(converted) else UNDEFINED
