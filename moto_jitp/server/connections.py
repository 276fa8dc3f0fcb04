"""The connection that a request for a control route is about."""

from __future__ import annotations

from moto_jitp.devices import DeviceConnection
from moto_jitp.devices.attempts import ConnectionAttempt, live_backends
from moto_jitp.iot.models import JitpIoTBackend

from .answers import RequestRefused


def attempt_of(wanted: int) -> tuple[JitpIoTBackend, ConnectionAttempt]:
    """Return a connection attempt with its account and Region.

    Args:
        wanted: its sequence number.

    Raises:
        RequestRefused: there is none.
    """
    for backend in live_backends():
        for attempt in list(backend.__dict__.get("connection_attempts", ())):
            if attempt.sequence == wanted:
                return backend, attempt
    raise RequestRefused(
        f"There is no connection attempt {wanted}; it may have gone with a reset. GET "
        "/moto-api/jitp/connections lists those there are.",
        404,
        "NotFound",
    )


def connection_of(wanted: int) -> DeviceConnection:
    """Return the connection of an accepted attempt.

    Args:
        wanted: the attempt's sequence number.

    Raises:
        RequestRefused: there is no such attempt, or it was refused.
    """
    backend, attempt = attempt_of(wanted)
    if not attempt.accepted:
        raise RequestRefused(
            f"The connection attempt {wanted} was refused ({attempt.reason}), so the device is not "
            "connected.",
            409,
            "NotConnected",
        )
    # Kept with the state, as it has the subscriptions and what they have received.
    kept = backend.__dict__.setdefault("served_connections", {})
    connection = kept.get(wanted)
    if connection is None:
        connection = kept.setdefault(wanted, DeviceConnection(backend, (attempt,), None))
    return connection  # type: ignore[no-any-return]
