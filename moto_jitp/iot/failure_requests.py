"""Checks what a test asks to fail against botocore's model of AWS IoT."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from moto.core.utils import get_service_model

from moto_jitp import faults

# Errors of every service that its model does not list.
_COMMON = ("AccessDeniedException", "ExpiredTokenException", "ValidationException")


def request_failure(
    operation: str, error: str | Exception, times: int | None, message: str | None
) -> faults.Fault:
    """Have an operation of AWS IoT fail.

    Args:
        operation: its name, such as ``RegisterThing`` or ``register_thing``.
        error: the error code, such as ``ThrottlingException``; or a boto3 ``ClientError`` to fail
            with.
        times: how many calls fail; ``None`` for every one.
        message: the error text; one that says where it comes from unless given.

    Raises:
        ValueError: there is no such operation or error in the service model, or ``times`` is less
            than one.
    """
    model = get_service_model("iot")
    name = _named(operation, model.operation_names, "operation of AWS IoT")
    if isinstance(error, Exception):
        details: dict[str, Any] = getattr(error, "response", {}).get("Error", {})
        error = details.get("Code") or type(error).__name__
        message = message or details.get("Message")
    codes = {*_COMMON, *(shape.error_code for shape in model.error_shapes)}
    code = _named(error, codes, "error of AWS IoT's service model")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ValueError(
            f"times is a number of calls from 1 on, or None for every call; not {times!r}."
        )
    text = message or f"{code} on demand: the test asked {name} to fail."
    return faults.add(name, code, text, times)


def _named(given: str, known: Iterable[str], what: str) -> str:
    by_key = {_key(name): name for name in known}
    name = by_key.get(_key(given))
    if name is None:
        near = difflib.get_close_matches(_key(given), by_key, n=1, cutoff=0.4)
        hint = f" Did you mean {by_key[near[0]]}?" if near else ""
        raise ValueError(f"{given!r} is no {what}.{hint}")
    return name


def _key(name: str) -> str:
    return name.replace("_", "").lower()
