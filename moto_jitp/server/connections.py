"""The connection that a request for a control route refers to."""

from __future__ import annotations

from moto_jitp.devices import DeviceConnection
from moto_jitp.devices.attempts import find_attempt
from moto_jitp.devices.session_connection import SessionConnection
from moto_jitp.devices.sessions import find_session
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.state import part_of
from moto_jitp.iot.models import JitpIoTBackend, live_backends

from .answers import RequestRefused


class _ServedConnections(dict[int, DeviceConnection]):
    """The connections that requests have referred to, by the attempt's id.

    They are kept with the state, because they have the subscriptions and received messages.
    """


def attempt_of(attempt_id: int) -> tuple[JitpIoTBackend, ConnectionAttempt]:
    """Return a connection attempt with its account and Region.

    Args:
        attempt_id: its id.

    Raises:
        RequestRefused: there is none.
    """
    for backend in live_backends():
        attempt = find_attempt(backend, attempt_id)
        if attempt is not None:
            return backend, attempt
    raise RequestRefused(
        f"There is no connection attempt {attempt_id}; it may have gone with a reset. GET "
        "/moto-api/jitp/connections lists those there are.",
        404,
        "NotFound",
    )


def connection_of(attempt_id: int) -> DeviceConnection:
    """Return the connection of an accepted attempt.

    Args:
        attempt_id: the attempt's id.

    Raises:
        RequestRefused: there is no such attempt, or it was refused.
    """
    backend, attempt = attempt_of(attempt_id)
    session = find_session(backend, attempt_id)
    if session is None:
        raise RequestRefused(
            f"The connection attempt {attempt_id} was refused ({attempt.reason}), so the device is "
            "not connected.",
            409,
            "NotConnected",
        )
    served = part_of(backend, _ServedConnections)
    connection = served.get(attempt_id)
    if connection is None:
        connection = served.setdefault(attempt_id, SessionConnection(session, (attempt,), None))
    return connection
