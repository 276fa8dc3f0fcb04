"""What a client's connection needs of the endpoint that serves it, and the endpoint of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from moto_jitp.mqtt.events import ConnectReceived, DisconnectReason
from moto_jitp.mqtt.limits import Limits
from moto_jitp.mqtt.reason_codes import ReasonCode
from moto_jitp.mqtt.session import SessionState

from .door import Client, Door, Subscriber
from .workers import Workers


class Served(Protocol):
    """A connection of whichever protocol, as the endpoint ends it."""

    def close(self, reason: DisconnectReason, details: str, code: ReasonCode) -> None:
        """End the connection; may be called in any thread."""
        ...

    def flushed(self) -> bool:
        """Whether nothing waits to be written or processed."""
        ...

    def abort(self) -> None:
        """Close the socket at once."""
        ...


class ServedSession(Served, Protocol):
    """A connection with an MQTT session."""

    def sent_something(self) -> None:
        """Write the MQTT side's data after messages were delivered."""
        ...


class Serving(Protocol):
    """The endpoint, as connections see it.

    Attributes:
        loop: the event loop of its thread.
        door: decides on clients.
        limits: the limits of a connection.
        report: receives unexpected errors.
        connections: those that are open.
        workers: carry out slow work.
    """

    loop: asyncio.SelectorEventLoop
    door: Door
    limits: Limits
    report: Callable[[Exception], None]
    connections: set[Served]
    workers: Workers

    def call(self, function: Callable[[], object]) -> None:
        """Run a function in the endpoint's thread, unless it has stopped."""
        ...

    def hand_to_worker(self, batch: Callable[[], object]) -> None:
        """Let a worker carry out a batch of a client's requests."""
        ...

    def batch_ended(self) -> None:
        """Note that a batch is done, and deliver its messages."""
        ...

    def open_session(
        self, event: ConnectReceived, client: Client, connection: ServedSession
    ) -> tuple[SessionState, bool]:
        """Open or resume the session of an accepted client."""
        ...

    def session_lost_connection(self, session: SessionState, client: Client) -> Subscriber | None:
        """Note that a session's connection is over; the session may end with it."""
        ...
