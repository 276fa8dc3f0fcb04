"""Passes each API call unchanged to the trail, which parses it when it is looked up."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from moto_jitp import settings
from moto_jitp.history.order import sequence
from moto_jitp.iot.exceptions import IoTError
from moto_jitp.monitoring import ApiCall, is_read_only, record_call

from .actions import IoTActions
from .callers import identity_of, signing_key, source_address
from .door import RequestParts, read_input


def keep_call(request: IoTActions, operation: str, answer: Any) -> None:
    """Record a call for CloudTrail, unless it only reads or ``trail`` is off.

    Args:
        request: the request.
        operation: the API operation.
        answer: its answer: status, headers, body.
    """
    if is_read_only(operation) or not settings.current().trail:
        return
    status, headers, body = answer
    parts, backend = request.request_parts(), request.any_backend()
    record_call(
        backend,
        ApiCall(
            datetime.now(timezone.utc),
            next(sequence),
            operation,
            functools.partial(
                _parameters, operation, parts._replace(headers=_members_among(parts.headers))
            ),
            signing_key(request),
            identity_of(request, backend),
            source_address(request),
            request.headers.get("User-Agent", ""),
            int(status),
            next((headers[name] for name in headers if name.lower() == "x-amzn-errortype"), None),
            body.decode() if isinstance(body, bytes) else str(body or ""),
        ),
    )


def _members_among(headers: Mapping[str, str]) -> dict[str, str]:
    """The few headers that are members of an operation's input, such as ``x-amzn-principal``."""
    return {
        name.lower(): value
        for name, value in headers.items()
        if name.lower().endswith(("-principal", "-policy", "-tagging"))
    }


def _parameters(operation: str, request: RequestParts) -> dict[str, Any]:
    try:
        return read_input("iot", operation, request).values
    except IoTError:
        return {}  # refused for its form, as the event's error says
