"""Checks requested faults against botocore's model of AWS IoT."""

from __future__ import annotations

from typing import Any, NamedTuple

from .operation_names import error_code, operation_name


class FaultRequest(NamedTuple):
    """A request to fail an operation, checked.

    Attributes:
        operation: the operation's name in the model's spelling.
        code: the error's.
        message: the error text.
        times: how many calls fail; ``None`` for all.
    """

    operation: str
    code: str
    message: str
    times: int | None


def checked_fault(
    operation: str,
    error: str | Exception | type[Exception],
    times: int | None,
    message: str | None,
) -> FaultRequest:
    """Check a request to fail an operation of AWS IoT.

    Args:
        operation: its name, such as ``RegisterThing`` or ``register_thing``.
        error: the error code, such as ``ThrottlingException``; a boto3 ``ClientError`` to fail
            with; or one of the client's exception classes (``iot.exceptions``).
        times: how many calls fail; ``None`` for all.
        message: the error text; by default that of the ``ClientError``, or one that says where it
            comes from.

    Raises:
        ValueError: there is no such operation or error in the service model (the text says what is
            possible), or ``times`` is less than one.
    """
    name = operation_name(operation)
    if isinstance(error, Exception):
        details: dict[str, Any] = getattr(error, "response", {}).get("Error", {})
        message = message or details.get("Message")
        error = details.get("Code") or type(error)
    code = error_code(error)
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ValueError(
            "times must be a number of calls, 1 or more, or None (null in JSON) for every call; "
            f"not {times!r}."
        )
    text = message or f"The test requested this failure of {name}: {code}."
    return FaultRequest(name, code, text, times)
