"""The interface that decides for the sockets: which clients to accept, and how to answer them.

The front door of AWS IoT implements it; tests of only sockets may use one that allows everything.
All methods are called by worker threads, one at a time for each client.
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
    """The mailbox of one session, which may be used from any thread."""

    def put(self, message: Message, qos: int, *, retained: bool = False) -> None:
        """Deliver a message.

        Args:
            message: the message.
            qos: that of the subscription.
            retained: whether it is delivered because it was retained.
        """
        ...

    def call_later(self, seconds: float, job: Callable[[], object]) -> None:
        """Let a worker do something later, unless the endpoint has stopped.

        Args:
            seconds: the delay.
            job: what to do; it must not raise.
        """
        ...


class Line(Protocol):
    """A client's connection, for code that may end it; may be used from any thread."""

    @property
    def disturbed(self) -> Disturbed:
        """What goes wrong on it, at a test's request."""
        ...

    def close(
        self, reason: DisconnectReason, details: str, code: ReasonCode, *, sends_will: bool = True
    ) -> None:
        """End the connection; do nothing if it has ended.

        Args:
            reason: why, in the words of lifecycle events.
            details: a sentence for people.
            code: the reason code of MQTT 5's DISCONNECT.
            sends_will: whether to publish the will.
        """
        ...


@dataclass(frozen=True)
class Refusal:
    """A client is refused, or may not do something.

    Attributes:
        code: the code in the answer, if that has one; ``None`` for no answer to a CONNECT.
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
    """An accepted client.

    Attributes:
        place: the account and Region.
        owner: the identity whose sessions it may resume.
    """

    @property
    def place(self) -> tuple[str, str]: ...

    @property
    def owner(self) -> str: ...

    def subscriber(self, earlier: Subscriber | None, mailbox: Mailbox) -> Subscriber:
        """Return the subscriber for the client from now on; called by the sockets' thread.

        Args:
            earlier: the session's previous subscriber; ``None`` for a new session.
            mailbox: the session's.
        """
        ...

    def resumed(self) -> None:
        """Note that the client resumes its session."""
        ...

    def begin_batch(self) -> None:
        """Note that messages that arrived together are about to be published."""
        ...

    def publish(self, message: Message) -> Refusal | None:
        """Publish a message; return the refusal if it is not allowed."""
        ...

    def subscribe(self, subscriptions: Sequence[Subscription]) -> Grants:
        """Subscribe to filters, each on its own."""
        ...

    def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        """Unsubscribe."""
        ...

    def pinged(self) -> None:
        """The client sent a ping."""
        ...

    def ended(self, closed: Closed) -> None:
        """The connection is over; publish its will."""
        ...


class Door(Protocol):
    """Decides on clients."""

    def connect(self, peer: Peer, request: ConnectReceived, line: Line) -> Client | Refusal:
        """Decide on a CONNECT.

        Args:
            peer: the peer.
            request: its request.
            line: its connection.
        """
        ...

    def not_a_client(self, peer: Peer, details: str) -> None:
        """Note a transport that ended before a CONNECT.

        Args:
            peer: the peer, as far as known.
            details: why, for people.
        """
        ...

    def not_connected(self, peer: Peer, version: Version, client_id: str, details: str) -> None:
        """Note a CONNECT that MQTT or AWS IoT's limits forbid, whoever sends it."""
        ...
