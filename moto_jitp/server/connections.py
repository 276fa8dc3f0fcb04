"""The connection that a request for a control route is about."""

from __future__ import annotations

from moto_jitp.devices import DeviceConnection
from moto_jitp.devices.session_connection import SessionConnection
from moto_jitp.devices.sessions import find_session
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.state import part_of, state_of
from moto_jitp.iot.models import JitpIoTBackend, live_backends

from .answers import RequestRefused


class _ServedConnections(dict[int, DeviceConnection]):
    """The connections that routes were asked about, by the attempt's id.

    They are kept with the state, as they have the subscriptions and what these have received.
    """


def attempt_of(wanted: int) -> tuple[JitpIoTBackend, ConnectionAttempt]:
    """Return a connection attempt with its account and Region.

    Args:
        wanted: its id.

    Raises:
        RequestRefused: there is none.
    """
    for backend in live_backends():
        for attempt in list(state_of(backend).attempts):
            if attempt.attempt_id == wanted:
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
        wanted: the attempt's id.

    Raises:
        RequestRefused: there is no such attempt, or it was refused.
    """
    backend, attempt = attempt_of(wanted)
    session = find_session(backend, wanted)
    if session is None:
        raise RequestRefused(
            f"The connection attempt {wanted} was refused ({attempt.reason}), so the device is not "
            "connected.",
            409,
            "NotConnected",
        )
    served = part_of(backend, _ServedConnections)
    connection = served.get(wanted)
    if connection is None:
        connection = served.setdefault(wanted, SessionConnection(session, (attempt,), None))
    return connection
