"""Checks what a test asks to fail against botocore's model of AWS IoT."""

from __future__ import annotations

from typing import Any

from moto import settings as moto_settings

from moto_jitp import faults

from .operation_names import error_code, operation_name


def request_failure(
    operation: str,
    error: str | Exception | type[Exception],
    times: int | None,
    message: str | None,
) -> faults.Fault:
    """Have an operation of AWS IoT fail.

    Args:
        operation: its name, such as ``RegisterThing`` or ``register_thing``.
        error: the error code, such as ``ThrottlingException``; a boto3 ``ClientError`` to fail
            with; or one of the client's exception classes (``iot.exceptions``).
        times: how many calls fail; ``None`` for every one.
        message: the error text; the ``ClientError``'s, or one that says where it comes from, unless
            given.

    Raises:
        ValueError: there is no such operation or error in the service model (the text says what may
            be given), or ``times`` is less than one.
        RuntimeError: under TEST_SERVER_MODE, where calls and runs happen in the server.
    """
    if moto_settings.TEST_SERVER_MODE:
        raise RuntimeError(
            "fail() has no effect under TEST_SERVER_MODE: calls and provisioning runs happen in "
            "the server's process, which it does not reach. Run this test against mock_jitp in "
            "the test's own process."
        )
    name = operation_name(operation)
    if isinstance(error, Exception):
        details: dict[str, Any] = getattr(error, "response", {}).get("Error", {})
        message = message or details.get("Message")
        error = details.get("Code") or type(error)
    code = error_code(error)
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ValueError(
            f"times is a number of calls from 1 on, or None for every call; not {times!r}."
        )
    text = message or f"{code} on demand: the test asked {name} to fail."
    return faults.add(name, code, text, times)
