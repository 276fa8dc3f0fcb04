"""The events of a server-side connection: the client's requests, and the connection's end."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .messages import Message
from .packets import Connect, Subscription, Will


class DisconnectReason(str, enum.Enum):
    """Why a connection ended, in the words of AWS IoT's lifecycle events.

    https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html
    """

    AUTH_ERROR = "AUTH_ERROR"
    CLIENT_INITIATED_DISCONNECT = "CLIENT_INITIATED_DISCONNECT"
    CLIENT_ERROR = "CLIENT_ERROR"
    CONNECTION_LOST = "CONNECTION_LOST"
    DUPLICATE_CLIENTID = "DUPLICATE_CLIENTID"
    FORBIDDEN_ACCESS = "FORBIDDEN_ACCESS"
    MQTT_KEEP_ALIVE_TIMEOUT = "MQTT_KEEP_ALIVE_TIMEOUT"
    SERVER_ERROR = "SERVER_ERROR"
    SERVER_INITIATED_DISCONNECT = "SERVER_INITIATED_DISCONNECT"
    THROTTLED = "THROTTLED"
    API_INITIATED_DISCONNECT = "API_INITIATED_DISCONNECT"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class ConnectReceived:
    """A client connects; to be answered with ``accept_connect`` or ``refuse_connect``.

    Attributes:
        connect: the packet.
        client_id: the client identifier; an assigned one if the packet has none.
        is_assigned: whether it was assigned.
        keep_alive: the keep alive in force, in seconds.
        session_expiry: how long the session outlives the connection, in seconds.
    """

    connect: Connect
    client_id: str
    is_assigned: bool
    keep_alive: int
    session_expiry: int


@dataclass(slots=True)
class PublishReceived:
    """A client publishes; to be answered with ``accept_publish`` or ``refuse_publish``.

    Attributes:
        message: the message, with the topic that an alias stands for.
        packet_id: for the acknowledgement; ``None`` at QoS 0.
    """

    message: Message
    packet_id: int | None


@dataclass(frozen=True)
class SubscribeReceived:
    """A client subscribes; to be answered with ``answer_subscribe``.

    Attributes:
        packet_id: for the acknowledgement.
        subscriptions: the filters with their options.
    """

    packet_id: int
    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True)
class UnsubscribeReceived:
    """A client unsubscribes; to be answered with ``answer_unsubscribe``.

    Attributes:
        packet_id: for the acknowledgement.
        topic_filters: the filters.
    """

    packet_id: int
    topic_filters: tuple[str, ...]


@dataclass(frozen=True)
class Pinged:
    """A client sent a ping, and was answered."""


@dataclass(frozen=True)
class Closed:
    """The connection is over: send the remaining data, then close the transport.

    Attributes:
        reason: why.
        details: a sentence for people.
        was_connected: whether the client had been accepted.
        will: the will to publish; ``None`` for none.
    """

    reason: DisconnectReason
    details: str
    was_connected: bool
    will: Will | None


Event = (
    ConnectReceived | PublishReceived | SubscribeReceived | UnsubscribeReceived | Pinged | Closed
)
