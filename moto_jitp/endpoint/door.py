"""What the sockets need of those who decide: who is let in, and what becomes of what clients do.

The front door of AWS IoT implements it; a test of sockets alone may use one that lets everybody do
everything. All methods are called by worker threads, for one client one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from moto_jitp.disturbances import Disturbed
from moto_jitp.mqtt.events import Closed, ConnectReceived, DisconnectReason
from moto_jitp.mqtt.messages import Message
from moto_jitp.mqtt.packets import Subscription, Version
from moto_jitp.mqtt.reason_codes import ConnectReturnCode, ReasonCode

from .peer import Peer


class Mailbox(Protocol):
    """Where messages for one session are left; it may be used from every thread."""

    def put(self, message: Message, qos: int, *, retained: bool = False) -> None:
        """Have a message delivered.

        Args:
            message: the message.
            qos: of the subscription.
            retained: whether it is delivered because it was retained.
        """
        ...

    def call_later(self, seconds: float, job: Callable[[], object]) -> None:
        """Have a worker do something later, unless the endpoint has stopped.

        Args:
            seconds: how much later.
            job: what to do; it must not raise.
        """
        ...


class Line(Protocol):
    """A client's connection, as those see it who may end it; may be used from every thread."""

    @property
    def disturbed(self) -> Disturbed:
        """What goes wrong on it, as a test has asked."""
        ...

    def close(
        self, reason: DisconnectReason, details: str, code: ReasonCode, *, sends_will: bool = True
    ) -> None:
        """End the connection; where it has ended nothing happens.

        Args:
            reason: why, in the words of lifecycle events.
            details: a sentence for people.
            code: the reason code of MQTT 5's DISCONNECT.
            sends_will: whether the will is to be published.
        """
        ...


@dataclass(frozen=True)
class Refusal:
    """A client is not let in, or is not allowed to do something.

    Attributes:
        code: what the answer says, where it has a place for it; ``None`` for no answer to a
            CONNECT.
        details: a sentence for people.
    """

    code: ReasonCode | ConnectReturnCode | None
    details: str


@dataclass(frozen=True)
class Grants:
    """The answer to a SUBSCRIBE.

    Attributes:
        codes: for each filter the granted QoS or a failure.
        details: why one failed, for people.
        retained: retained messages to send, with the QoS of their subscription.
    """

    codes: Sequence[ReasonCode]
    details: str = ""
    retained: Sequence[tuple[Message, int]] = ()


class Subscriber(Protocol):
    """A session's subscriptions at the message broker, which may outlive its connections."""

    def forget(self) -> None:
        """The session is over: end its subscriptions."""
        ...


class Client(Protocol):
    """A client that was let in.

    Attributes:
        place: the account and Region.
        owner: whose sessions it may resume.
    """

    @property
    def place(self) -> tuple[str, str]: ...

    @property
    def owner(self) -> str: ...

    def subscriber(self, earlier: Subscriber | None, mailbox: Mailbox) -> Subscriber:
        """Return what subscribes for the client from now on; called by the sockets' thread.

        Args:
            earlier: what subscribed for the session before; ``None`` for a new session.
            mailbox: the session's.
        """
        ...

    def resumed(self) -> None:
        """Take note that the client goes on with a session of its own."""
        ...

    def begin_batch(self) -> None:
        """Take note that messages are about to be published that have arrived together."""
        ...

    def publish(self, message: Message) -> Refusal | None:
        """Publish a message; return why not, where it may not be."""
        ...

    def subscribe(self, subscriptions: Sequence[Subscription]) -> Grants:
        """Subscribe to filters, each on its own."""
        ...

    def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        """Unsubscribe."""
        ...

    def pinged(self) -> None:
        """The client said that it is alive."""
        ...

    def ended(self, closed: Closed) -> None:
        """The connection is over; a will is to be published."""
        ...


class Door(Protocol):
    """Decides on clients."""

    def connect(self, peer: Peer, request: ConnectReceived, line: Line) -> Client | Refusal:
        """Decide on a CONNECT.

        Args:
            peer: who is at the other end.
            request: what it asks for.
            line: its connection.
        """
        ...

    def not_a_client(self, peer: Peer, details: str) -> None:
        """Take note of a transport that ended before a CONNECT.

        Args:
            peer: who was at the other end, as far as is known.
            details: why, for people.
        """
        ...

    def not_connected(self, peer: Peer, version: Version, client_id: str, details: str) -> None:
        """Take note of a CONNECT that MQTT or AWS IoT's limits forbid, whoever sends it."""
        ...
