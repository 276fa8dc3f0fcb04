"""The connectivity of things, as fleet indexing sees it.

A thing's device is the client whose id is the thing's name. Code that has connections is above this
layer and registers itself in :data:`connection_sources`.
https://docs.aws.amazon.com/iot/latest/developerguide/device-connectivity-status.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from moto_jitp.mqtt.transport import Transport

_FORGOTTEN_AFTER = timedelta(hours=1)
"""A device that disconnected earlier than this before indexing was switched on is not indexed."""


class LastConnection(NamedTuple):
    """The newest connection of a client.

    Attributes:
        transport: what carries it, or carried it.
        since: when it was made, in UTC.
        ended: when it ended, in UTC; ``None`` while the client is connected.
        reason: why it ended, in the words of lifecycle events; ``None`` likewise.
    """

    transport: Transport
    since: datetime
    ended: datetime | None
    reason: str | None


connection_sources: list[Callable[[Any, str], LastConnection | None]] = []
"""Called with the backend of an account and Region and a client id; returns ``None`` for an unknown
client.
"""


class Connectivity(NamedTuple):
    """The indexed data of a thing's connection.

    Attributes:
        client_id: the client's id, which is the thing's name.
        last: its newest connection; ``None`` if it was never connected.
    """

    client_id: str
    last: LastConnection | None

    @property
    def is_connected(self) -> bool:
        """Whether the device is connected now."""
        return self.last is not None and self.last.ended is None

    def members(self) -> dict[str, Any]:
        """Return the ``connectivity`` of a thing in a search result, with time in milliseconds."""
        last = self.last
        if last is None:
            return {"connected": False}
        reason = {} if last.reason is None else {"disconnectReason": last.reason}
        return {
            "connected": self.is_connected,
            "timestamp": int(self._changed.timestamp() * 1000),
            **reason,
            **self._session(),
        }

    def data(self, *, with_socket: bool) -> dict[str, Any]:
        """Return the answer of GetThingConnectivityData without the thing's name."""
        last = self.last
        if last is None:
            return {"connected": False, "disconnectReason": "UNKNOWN"}
        transport = last.transport
        socket = {
            "sourceIp": transport.address,
            "sourcePort": transport.port,
            "targetIp": "127.0.0.1",
            "targetPort": transport.target_port,
        }
        return {
            "connected": self.is_connected,
            "timestamp": self._changed,
            "disconnectReason": last.reason or "NONE",
            **self._session(),
            **(socket if with_socket else {}),
        }

    def _session(self) -> dict[str, Any]:
        assert self.last is not None
        transport = self.last.transport
        # A session that ends with its connection has no expiry.
        expiry = {"sessionExpiry": transport.session_expiry} if transport.session_expiry else {}
        return {
            "clientId": self.client_id,
            "keepAliveDuration": transport.keep_alive,
            "cleanSession": transport.clean,
            **expiry,
        }

    @property
    def _changed(self) -> datetime:
        assert self.last is not None
        return self.last.ended or self.last.since


def connectivity_of(backend: Any, thing_name: str, indexed_since: datetime) -> Connectivity:
    """Return the indexed data of a thing's connection.

    Args:
        backend: the account and Region.
        thing_name: the thing.
        indexed_since: when the indexing of connectivity was switched on, in UTC.
    """
    for find in list(connection_sources):
        last = find(backend, thing_name)
        if last is None:
            continue
        if last.ended is None or last.ended > indexed_since - _FORGOTTEN_AFTER:
            return Connectivity(thing_name, last)
    return Connectivity(thing_name, None)


def now() -> datetime:
    """The time of the test's clock, in UTC."""
    return datetime.now(timezone.utc)
