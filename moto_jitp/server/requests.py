"""A request for a control route, and the connection that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from moto_jitp.devices import DeviceConnection
from moto_jitp.devices.attempts import ConnectionAttempt, live_backends
from moto_jitp.iot.models import JitpIoTBackend

from .answers import RequestRefused
from .bodies import check_object, parse_object
from .context import ServerContext
from .schemas import Schema

Json = dict[str, Any]


class ControlRequest(NamedTuple):
    """A request for a control route.

    Attributes:
        context: the server that it came to.
        query: its query parameters.
        body: reads its body.
        id: the attempt's id, where the path has one.
    """

    context: ServerContext
    query: Mapping[str, str]
    body: Callable[[], bytes]
    id: int = 0

    def document(self) -> Json:
        """Return the body, parsed.

        Raises:
            RequestRefused: it is no JSON object.
        """
        return parse_object(self.body())

    def object(self, schema: Schema) -> Json:
        """Return the body, parsed and checked against a schema.

        Raises:
            RequestRefused: it is wrong; the text names the field.
        """
        value = self.document()
        check_object(value, schema)
        return value

    def optional_object(self, schema: Schema) -> Json:
        """As :meth:`object`, where an empty body says as much as an object without fields."""
        body = self.body()
        value = parse_object(body) if body.strip() else {}
        check_object(value, schema)
        return value


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
