"""A door that allows everything, for tests of only sockets, TLS and MQTT."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Sequence

from moto_jitp.endpoint.door import Client, Grants, Line, Mailbox, Refusal, Subscriber
from moto_jitp.endpoint.peer import Peer
from moto_jitp.mqtt.events import Closed, ConnectReceived, DisconnectReason
from moto_jitp.mqtt.messages import Message
from moto_jitp.mqtt.packets import Publish, Subscription, Version
from moto_jitp.mqtt.reason_codes import ReasonCode
from support.mqtt_subscriptions import Subscriptions


class OpenDoor:
    """Accepts every client and every request.

    Attributes:
        peers: who has connected.
        strangers: the log entries of transports that ended before a CONNECT.
    """

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.strangers: list[str] = []
        self._lock = threading.Lock()
        self._lines: dict[str, Line] = {}
        self._subscriptions: Subscriptions[OpenSubscriber] = Subscriptions()
        self._retained: dict[str, Message] = {}

    def connect(self, peer: Peer, request: ConnectReceived, line: Line) -> Client | Refusal:
        with self._lock:
            self.peers.append(peer)
            older, self._lines[request.client_id] = self._lines.get(request.client_id), line
        if older is not None:
            older.close(
                DisconnectReason.DUPLICATE_CLIENTID, "Taken over", ReasonCode.SESSION_TAKEN_OVER
            )
        return OpenClient(self, peer, request)

    def not_a_client(self, peer: Peer, details: str) -> None:
        self.strangers.append(details)

    def not_connected(self, peer: Peer, version: Version, client_id: str, details: str) -> None:
        self.strangers.append(details)

    def publish(self, message: Message, publisher: OpenSubscriber | None) -> None:
        with self._lock:
            if message.retain:
                self._retained[message.topic] = message
            receivers = self._subscriptions.receivers(
                message.topic, publisher=publisher, choose=random.choice
            )
        for subscriber, qos in receivers:
            subscriber.mailbox.put(message, qos)


class OpenSubscriber:
    def __init__(self, door: OpenDoor, mailbox: Mailbox) -> None:
        self.door = door
        self.mailbox = mailbox
        self.filters: set[str] = set()

    def forget(self) -> None:
        with self.door._lock:
            for topic_filter in self.filters:
                self.door._subscriptions.remove(self, topic_filter)
            self.filters.clear()


class OpenClient:
    place = ("123456789012", "us-east-1")

    def __init__(self, door: OpenDoor, peer: Peer, request: ConnectReceived) -> None:
        self._door = door
        self._subscriber: OpenSubscriber | None = None
        self.owner = hashlib.sha256(peer.chain[0]).hexdigest() if peer.chain else ""

    def subscriber(self, earlier: Subscriber | None, mailbox: Mailbox) -> Subscriber:
        if isinstance(earlier, OpenSubscriber):
            self._subscriber = earlier
        else:
            self._subscriber = OpenSubscriber(self._door, mailbox)
        return self._subscriber

    def resumed(self) -> None: ...

    def begin_batch(self) -> None: ...

    def publish(self, message: Message) -> Refusal | None:
        self._door.publish(message, self._subscriber)
        return None

    def subscribe(self, subscriptions: Sequence[Subscription]) -> Grants:
        assert self._subscriber is not None
        retained = []
        with self._door._lock:
            for subscription in subscriptions:
                self._door._subscriptions.add(self._subscriber, subscription)
                self._subscriber.filters.add(subscription.topic_filter)
                if subscription.topic_filter in self._door._retained:
                    retained.append(
                        (self._door._retained[subscription.topic_filter], subscription.qos)
                    )
        return Grants(
            [ReasonCode(subscription.qos) for subscription in subscriptions], "", retained
        )

    def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        assert self._subscriber is not None
        with self._door._lock:
            for topic_filter in topic_filters:
                self._door._subscriptions.remove(self._subscriber, topic_filter)
                self._subscriber.filters.discard(topic_filter)

    def pinged(self) -> None: ...

    def ended(self, closed: Closed) -> None:
        if closed.will is not None:
            will = closed.will
            packet = Publish(will.topic, will.payload, will.qos, 1 if will.qos else None)
            self._door.publish(Message.of(will.topic, packet, 0.0, 1), None)
