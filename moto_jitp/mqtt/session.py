"""The state that outlives a connection: subscriptions, waiting messages, and their lifetime.

https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html#mqtt-persistent-sessions
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from .limits import AWS_LIMITS, Limits
from .messages import Message
from .packets import Subscription, Version


class Outlet(Protocol):
    """The connection of a session."""

    def deliver(self, message: Message, qos: int, now: float, *, retained: bool = False) -> None:
        """Send a message, or let it wait; see ``ServerConnection.deliver``."""
        ...


@dataclass(slots=True)
class Waiting:
    """A message of QoS 1 that waits to be sent.

    Attributes:
        message: the message.
        retained: whether it is sent because it was retained.
    """

    message: Message
    retained: bool


@dataclass(slots=True)
class InFlight:
    """A message of QoS 1 that was sent but not yet acknowledged.

    Attributes:
        message: the message.
        retained: whether it is sent because it was retained.
        first_sent: when it was sent first.
        last_sent: when it was sent last.
    """

    message: Message
    retained: bool
    first_sent: float
    last_sent: float


@dataclass
class SessionState:
    """The state of a session in the sense of MQTT.

    Attributes:
        client_id: the client identifier.
        version: the protocol version; AWS IoT does not resume a session in another version.
        owner: who may resume it, such as a certificate's id.
        limits: the limits of what may wait.
        expiry: how long it outlives its connection, in seconds; 0 for not at all.
        subscriptions: by topic filter, in the order of subscribing.
        in_flight: messages that were sent but not acknowledged, by packet identifier, the last one
            sent at the end.
        waiting: messages not sent yet, oldest first.
        outlet: its connection; ``None`` while it has none.
        dropped: how many messages were dropped for lack of room.
    """

    client_id: str
    version: Version
    owner: str = ""
    limits: Limits = AWS_LIMITS
    expiry: int = 0
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    in_flight: dict[int, InFlight] = field(default_factory=dict)
    waiting: deque[Waiting] = field(default_factory=deque)
    outlet: Outlet | None = None
    dropped: int = 0
    _waiting_size: int = 0
    _last_packet_id: int = 0

    def deliver(self, message: Message, qos: int, now: float, *, retained: bool = False) -> None:
        """Deliver a message to the session's connection, or keep it for the next one.

        Args:
            message: the message.
            qos: that of the subscription; the message is delivered at the lower of the two.
            now: the clock.
            retained: whether it is delivered because it was retained.
        """
        if self.outlet is not None:
            self.outlet.deliver(message, qos, now, retained=retained)
        elif min(qos, message.qos) and self.expiry and message.on_acknowledged is None:
            # Messages of QoS 0 are not kept while the client is away.
            self.keep(message, retained=retained)

    def keep(self, message: Message, *, retained: bool = False) -> bool:
        """Let a message of QoS 1 wait.

        Returns:
            Whether there was room; if not, the newest is lost, as on AWS IoT.
        """
        size = len(message.payload)
        if (
            len(self.waiting) >= self.limits.queued_messages
            or self._waiting_size + size > self.limits.queued_size
        ):
            self.dropped += 1
            return False
        self.waiting.append(Waiting(message, retained))
        self._waiting_size += size
        return True

    def next_waiting(self, now: float) -> Waiting | None:
        """Take the oldest waiting message that has not expired; ``None`` if there is none."""
        while self.waiting:
            entry = self.waiting.popleft()
            self._waiting_size -= len(entry.message.payload)
            if not entry.message.has_expired(now):
                return entry
        return None

    def new_packet_id(self) -> int:
        """Return a packet identifier that no message in flight has."""
        packet_id = self._last_packet_id
        while True:
            packet_id = packet_id % 0xFFFF + 1
            if packet_id not in self.in_flight:
                self._last_packet_id = packet_id
                return packet_id


class SessionStore:
    """The sessions of one account and Region by client identifier, connected or not."""

    def __init__(self, limits: Limits = AWS_LIMITS) -> None:
        self._limits = limits
        self._sessions: dict[str, SessionState] = {}
        self._ends: list[tuple[float, int, SessionState]] = []
        self._due: dict[int, float] = {}
        self._order = itertools.count()

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self._sessions)

    def get(self, client_id: str) -> SessionState | None:
        """Return a client's session; ``None`` if it has none."""
        return self._sessions.get(client_id)

    def open(
        self, client_id: str, version: Version, *, owner: str, clean_start: bool, expiry: int
    ) -> tuple[SessionState, bool, SessionState | None]:
        """Open a session for a client that connects.

        An earlier one is resumed if the client wants that, speaks the same version and owns the
        session: a client identifier alone does not give access to another client's session.

        Args:
            client_id: the client identifier.
            version: the version of the connection.
            owner: the client's identity, such as a certificate's id.
            clean_start: whether to start without the earlier state.
            expiry: how long the session outlives its connection, in seconds.

        Returns:
            The session, whether it is an earlier one, and the earlier one that ends, if any, whose
            subscriptions must be removed.
        """
        before = self._sessions.get(client_id)
        if (
            before is not None
            and not clean_start
            and before.version is version
            and before.owner == owner
        ):
            before.expiry = expiry
            self._due.pop(id(before), None)
            return before, True, None
        session = SessionState(client_id, version, owner, self._limits, expiry)
        self._sessions[client_id] = session
        if before is not None:
            self._due.pop(id(before), None)
        return session, False, before

    def connection_ended(self, session: SessionState, now: float) -> bool:
        """Note that a session has lost its connection.

        Returns:
            Whether the session ends with it; then its subscriptions must be removed.
        """
        session.outlet = None
        if self._sessions.get(session.client_id) is not session:
            return False
        if not session.expiry:
            del self._sessions[session.client_id]
            return True
        expires_at = now + session.expiry
        self._due[id(session)] = expires_at
        heapq.heappush(self._ends, (expires_at, next(self._order), session))
        return False

    def end(self, session: SessionState) -> None:
        """End a session."""
        self._due.pop(id(session), None)
        if self._sessions.get(session.client_id) is session:
            del self._sessions[session.client_id]

    def expire(self, now: float) -> list[SessionState]:
        """End the sessions that have expired, and return them."""
        ended_sessions = []
        while self._ends and self._ends[0][0] <= now:
            expires_at, _, session = heapq.heappop(self._ends)
            if self._due.get(id(session)) == expires_at:
                self.end(session)
                ended_sessions.append(session)
        return ended_sessions

    @property
    def next_expiry(self) -> float | None:
        """When :meth:`expire` may have something to do next; ``None`` for never."""
        return self._ends[0][0] if self._ends else None
