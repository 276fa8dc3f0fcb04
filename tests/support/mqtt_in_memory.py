"""An MQTT server without sockets, threads or a clock of its own, with clients to drive it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import TypeVar

from moto_jitp.mqtt.decoding import Decoder
from moto_jitp.mqtt.encoding import encode
from moto_jitp.mqtt.events import (
    Closed,
    ConnectReceived,
    DisconnectReason,
    Event,
    PublishReceived,
    SubscribeReceived,
    UnsubscribeReceived,
)
from moto_jitp.mqtt.limits import AWS_LIMITS, Limits
from moto_jitp.mqtt.messages import Message
from moto_jitp.mqtt.packets import Connack, Connect, Packet, Publish, Version
from moto_jitp.mqtt.reason_codes import ReasonCode
from moto_jitp.mqtt.server_connection import ServerConnection
from moto_jitp.mqtt.session import SessionState, SessionStore
from moto_jitp.mqtt.topics import MAX_SUBSCRIPTIONS
from support.mqtt_subscriptions import Subscriptions

PacketT = TypeVar("PacketT")


class Link:
    """One connection between a client and the server, seen from the client.

    Attributes:
        server: the server's side.
        events: what the server's side reported.
        received: the packets that have reached the client.
        closed: the end, as the server's side reported it.
    """

    def __init__(
        self,
        now: float = 0.0,
        *,
        limits: Limits = AWS_LIMITS,
        version: Version = Version.MQTT_5,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        numbers = itertools.count(1)
        self.server = ServerConnection(
            now, limits=limits, new_id=new_id or (lambda: f"id-{next(numbers)}")
        )
        self.version = version
        self.events: list[Event] = []
        self.received: list[Packet] = []
        self.closed: Closed | None = None
        self._decoder = Decoder(version=version)

    def send(self, packet: Packet, now: float = 0.0) -> list[Event]:
        """Send a packet to the server."""
        return self.take(self.server.receive(encode(packet, self.version), now))

    def take(self, events: list[Event]) -> list[Event]:
        """Keep events of the server's side, and read what it sends."""
        self.events += events
        for event in events:
            if isinstance(event, Closed):
                self.closed = event
        self._decoder.feed(self.server.data_to_send())
        self.received += self._decoder.packets()
        return events

    def tick(self, now: float) -> list[Event]:
        """Let time pass."""
        return self.take(self.server.tick(now))

    def read(self) -> list[Packet]:
        """Return what has been received since the last time."""
        self.take([])
        received, self.received = self.received, []
        return received

    def only(self, kind: type[PacketT]) -> PacketT:
        """Return the one packet that was received since the last time."""
        [packet] = self.read()
        assert isinstance(packet, kind)
        return packet


class MemoryServer:
    """A complete server that allows everything.

    Args:
        source: chooses the receiving members of shared subscriptions.
    """

    def __init__(self, source: random.Random, limits: Limits = AWS_LIMITS) -> None:
        self.limits = limits
        self.sessions = SessionStore(limits)
        self.subscriptions: Subscriptions[str] = Subscriptions()
        self.retained: dict[str, Message] = {}
        self.links: dict[str, Link] = {}
        self._source = source
        self._numbers = itertools.count(1)

    def open(self, version: Version, now: float) -> Link:
        """Open a transport."""
        return Link(
            now, limits=self.limits, version=version, new_id=lambda: f"id-{next(self._numbers)}"
        )

    def send(self, link: Link, packet: Packet, now: float) -> None:
        """Let a client send a packet, and carry out its request."""
        self._handle(link, link.send(packet, now), now)

    def lose(self, link: Link, now: float) -> None:
        """Break a transport."""
        self._handle(link, link.take(link.server.peer_closed()), now)

    def tick(self, now: float) -> None:
        """Let time pass."""
        for link in list(self.links.values()):
            self._handle(link, link.tick(now), now)
        for session in self.sessions.expire(now):
            self._forget(session.client_id, list(session.subscriptions))

    def _handle(self, link: Link, events: list[Event], now: float) -> None:
        for event in events:
            more: list[Event] = []
            if isinstance(event, ConnectReceived):
                more = self._connect(link, event, now)
            elif isinstance(event, PublishReceived):
                self.publish(event.message, now, link.server.client_id)
                more = link.server.accept_publish(event, now)
            elif isinstance(event, SubscribeReceived):
                more = self._subscribe(link, event, now)
            elif isinstance(event, UnsubscribeReceived):
                for topic_filter in event.topic_filters:
                    self.subscriptions.remove(link.server.client_id, topic_filter)
                more = link.server.answer_unsubscribe(event)
            elif isinstance(event, Closed):
                self._closed(link, event, now)
            link.take(more)
            self._handle(link, more, now)

    def _connect(self, link: Link, event: ConnectReceived, now: float) -> list[Event]:
        older = self.links.get(event.client_id)
        if older is not None:
            ended = older.server.close(
                DisconnectReason.DUPLICATE_CLIENTID, "Taken over", ReasonCode.SESSION_TAKEN_OVER
            )
            self._handle(older, older.take(ended), now)
        session, present, before = self.sessions.open(
            event.client_id,
            link.version,
            owner="",
            clean_start=event.connect.clean_start,
            expiry=event.session_expiry,
        )
        if before is not None:
            self._forget(event.client_id, list(before.subscriptions))
        self.links[event.client_id] = link
        return link.server.accept_connect(session, now, session_present=present)

    def _subscribe(self, link: Link, event: SubscribeReceived, now: float) -> list[Event]:
        session = self.sessions.get(link.server.client_id)
        assert session is not None
        codes = []
        present = set(session.subscriptions)
        for one in event.subscriptions:
            if one.topic_filter not in present and len(present) >= MAX_SUBSCRIPTIONS:
                codes.append(ReasonCode.QUOTA_EXCEEDED)
                continue
            present.add(one.topic_filter)
            self.subscriptions.add(link.server.client_id, one)
            codes.append(ReasonCode(one.qos))
        more = link.server.answer_subscribe(event, codes, "Too many subscriptions")
        for subscription in event.subscriptions:
            message = self.retained.get(subscription.topic_filter)
            if message is not None and not message.has_expired(now):
                link.server.deliver(message, subscription.qos, now, retained=True)
        return more

    def _closed(self, link: Link, event: Closed, now: float) -> None:
        session = link.server.session
        if session is None:
            return
        if self.links.get(session.client_id) is link:
            del self.links[session.client_id]
        if self.sessions.connection_ended(session, now):
            self._forget(session.client_id, list(session.subscriptions))
        if event.will is not None:
            will = event.will
            packet = Publish(will.topic, will.payload, will.qos, 1 if will.qos else None)
            self.publish(Message.of(will.topic, packet, now, 1), now, session.client_id)

    def publish(self, message: Message, now: float, publisher: str) -> None:
        """Deliver a message to all its receivers."""
        if message.retain and message.payload:
            self.retained[message.topic] = message
        elif message.retain:
            self.retained.pop(message.topic, None)
        for client_id, qos in self.subscriptions.receivers(
            message.topic, publisher=publisher, choose=self._source.choice
        ):
            session = self.sessions.get(client_id)
            assert session is not None, f"{client_id} is subscribed without a session"
            session.deliver(message, qos, now)
            if client_id in self.links:
                self.links[client_id].take([])

    def _forget(self, client_id: str, topic_filters: list[str]) -> None:
        for topic_filter in topic_filters:
            self.subscriptions.remove(client_id, topic_filter)


def connected(
    version: Version = Version.MQTT_5,
    *,
    connect: Connect | None = None,
    limits: Limits = AWS_LIMITS,
) -> Link:
    """Return the link of an accepted client, at time 0."""
    link = Link(version=version, limits=limits)
    [event] = link.send(connect or Connect("device", version))
    assert isinstance(event, ConnectReceived)
    session = SessionState(event.client_id, version, limits=limits, expiry=event.session_expiry)
    link.take(link.server.accept_connect(session, 0.0))
    assert isinstance(link.received[0], Connack)
    link.received.clear()
    link.events.clear()
    return link
