"""Clients as the control plane sees them: connections, subscriptions, direct messages.

Code that has connections or keeps sessions is above this layer and registers itself in
:data:`all_clients`.
https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html#mqtt-client-disconnect
https://docs.aws.amazon.com/iot/latest/developerguide/direct-messaging.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from moto_jitp.history.messages import ClientMessage
from moto_jitp.mqtt.transport import Transport

REMEMBERED_FOR = timedelta(minutes=30)
"""How long GetConnection returns a client after it has disconnected."""


class Connection(NamedTuple):
    """The newest connection of a client.

    Attributes:
        client_id: the client's id.
        thing_name: the thing that its certificate represents; ``None`` for none.
        transport: what carries it, or carried it.
        since: when it was made, in UTC.
        ended: when it ended, in UTC; ``None`` while the client is connected.
        reason: why it ended, in the words of lifecycle events; ``None`` likewise.
        subscriptions: topic filters with quality of service, in the order of subscribing.
    """

    client_id: str
    thing_name: str | None
    transport: Transport
    since: datetime
    ended: datetime | None
    reason: str | None
    subscriptions: tuple[tuple[str, int], ...]


class ConnectionDeletion(NamedTuple):
    """A request to end a client's connection.

    Attributes:
        client_id: the client's id.
        clean_session: whether to forget its session, too.
        prevent_will: whether to suppress its will.
    """

    client_id: str
    clean_session: bool
    prevent_will: bool


class ReceiverNotAuthorized(Exception):  # noqa: N818 - as NotAuthorized
    """A receiver's policies do not allow ``iot:Receive``; the text says why."""


class Clients:
    """The clients of one part of the package; each part overrides the methods that apply to it.

    ``backend`` is always the account and Region.
    """

    def find(self, backend: Any, client_id: str) -> Connection | None:
        """Return the newest connection of a client; ``None`` if it is not known."""
        return None

    def keeps_session(self, backend: Any, client_id: str) -> bool:
        """Whether a session is kept for a client that is not connected."""
        return False

    def delete(self, backend: Any, deletion: ConnectionDeletion) -> bool:
        """End a connection or a session; return whether there was one."""
        return False

    def send(
        self, backend: Any, client_id: str, message: ClientMessage
    ) -> Callable[[float], bool] | None:
        """Send a message to a client that is connected.

        Returns:
            A function that waits for the client's acknowledgement, with a limit in seconds, and
            returns whether it came; ``None`` if the client is not connected.

        Raises:
            ReceiverNotAuthorized: the client is not allowed to receive it.
        """
        return None


all_clients: list[Clients] = []


def delete_connection(backend: Any, deletion: ConnectionDeletion) -> bool:
    """End a client's connection.

    https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_DeleteConnection.html

    Args:
        backend: the account and Region.
        deletion: the request.

    Returns:
        Whether there was a connection, or a session to forget.
    """
    # Each is called: the kept session is separate from the connection.
    return sum(clients.delete(backend, deletion) for clients in list(all_clients)) > 0


def find_connection(backend: Any, client_id: str) -> Connection | None:
    """Return a client's connection, if it exists or existed in the last 30 minutes.

    https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_GetConnection.html

    Args:
        backend: the account and Region.
        client_id: the client's id.
    """
    for clients in list(all_clients):
        session = clients.find(backend, client_id)
        if session is None:
            continue
        if session.ended is None or datetime.now(timezone.utc) - session.ended <= REMEMBERED_FOR:
            return session
    return None


def keeps_session(backend: Any, client_id: str) -> bool:
    """Whether a disconnected client has a session that waits for it.

    Args:
        backend: the account and Region.
        client_id: the client's id.
    """
    return any(clients.keeps_session(backend, client_id) for clients in list(all_clients))


def subscriptions_of(backend: Any, client_id: str) -> tuple[tuple[str, int], ...] | None:
    """Return the subscriptions of a client that is connected, or whose session is kept.

    https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_ListSubscriptions.html

    Args:
        backend: the account and Region.
        client_id: the client's id.

    Returns:
        Topic filter and quality of service of each; ``None`` if there is no such client.
    """
    for clients in list(all_clients):
        session = clients.find(backend, client_id)
        if session is not None and (session.ended is None or keeps_session(backend, client_id)):
            return session.subscriptions
    return None


def send_directly(
    backend: Any, client_id: str, message: ClientMessage
) -> Callable[[float], bool] | None:
    """Send a message to one client, whatever it has subscribed to.

    https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_SendDirectMessage.html

    Args:
        backend: the account and Region.
        client_id: the client's id.
        message: the message, with QoS 1 if its receipt is to be acknowledged.

    Returns:
        See :meth:`Clients.send`.

    Raises:
        ReceiverNotAuthorized: the client is not allowed to receive it.
    """
    for clients in list(all_clients):
        acknowledged = clients.send(backend, client_id, message)
        if acknowledged is not None:
            return acknowledged
    return None
