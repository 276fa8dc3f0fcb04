"""Sessions outlive their connections: resumed, taken over, expired; shared subscriptions."""

from __future__ import annotations

import random

import pytest
from support.mqtt_in_memory import Link, MemoryServer
from support.mqtt_subscriptions import Receiver, Subscriptions

from moto_jitp.mqtt.limits import Limits
from moto_jitp.mqtt.messages import Message
from moto_jitp.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Puback,
    Publish,
    Subscribe,
    Subscription,
    Version,
    Will,
)
from moto_jitp.mqtt.properties import Properties
from moto_jitp.mqtt.session import SessionStore
from moto_jitp.mqtt.shared_filters import split_shared_filter

V3, V5 = Version.MQTT_3_1_1, Version.MQTT_5
LONG_NAME = f"$share/{'g' * 129}/a"
VERSIONS = pytest.mark.parametrize("version", [V3, V5], ids=["3.1.1", "5"])


def server(limits: Limits | None = None) -> MemoryServer:
    return MemoryServer(random.Random(1), limits or Limits())


def persistent(client_id: str, version: Version, will: Will | None = None) -> Connect:
    properties = Properties(session_expiry_interval=600)
    if version is V3:
        properties = Properties()
    return Connect(client_id, version, False, will=will, properties=properties)


def join(
    there: MemoryServer, connect: Connect, now: float = 0.0, topic_filter: str | None = None
) -> tuple[Link, bool]:
    """Connect and perhaps subscribe; return the link and whether a session was resumed."""
    link = there.open(connect.version, now)
    there.send(link, connect, now)
    connack = link.received.pop(0)
    assert isinstance(connack, Connack)
    if topic_filter is not None:
        there.send(link, Subscribe(1, (Subscription(topic_filter, 1),)), now)
        link.received.pop()
    return link, connack.session_present


def payloads(link: Link) -> list[bytes]:
    return [packet.payload for packet in link.read() if isinstance(packet, Publish)]


@VERSIONS
def test_messages_wait_for_a_persistent_session_and_only_those_of_qos_1(version: Version) -> None:
    there = server()
    link, present = join(there, persistent("lamp", version), topic_filter="light")
    assert not present
    there.lose(link, 1.0)

    there.publish(Message("light", b"on", 1), 2.0, "boss")
    there.publish(Message("light", b"flicker", 0), 2.0, "boss")
    there.publish(Message("light", b"off", 1), 2.0, "boss")
    again, present = join(there, persistent("lamp", version), 3.0)

    assert present
    assert payloads(again) == [b"on", b"off"]
    there.publish(Message("light", b"live", 1), 4.0, "boss")
    assert payloads(again) == [b"live"]


@VERSIONS
def test_what_was_not_acknowledged_comes_again_with_the_next_connection(version: Version) -> None:
    there = server()
    link, _ = join(there, persistent("lamp", version), topic_filter="light")
    for payload in (b"1", b"2"):
        there.publish(Message("light", payload, 1), 0.0, "boss")
    first = next(packet for packet in link.read() if isinstance(packet, Publish))
    assert first.packet_id is not None
    there.send(link, Puback(first.packet_id), 0.0)
    there.lose(link, 1.0)

    again, _ = join(there, persistent("lamp", version), 2.0)

    assert payloads(again) == [b"2"]


@VERSIONS
def test_a_clean_start_ends_the_session_that_was_kept(version: Version) -> None:
    there = server()
    link, _ = join(there, persistent("lamp", version), topic_filter="light")
    there.lose(link, 1.0)
    there.publish(Message("light", b"on", 1), 2.0, "boss")

    again, present = join(there, Connect("lamp", version), 3.0)
    there.publish(Message("light", b"off", 1), 4.0, "boss")

    assert not present
    assert payloads(again) == []


@pytest.mark.parametrize(("version", "seconds"), [(V3, 3600), (V5, 600)])
def test_a_session_expires_with_its_subscriptions(version: Version, seconds: int) -> None:
    there = server()
    link, _ = join(there, persistent("lamp", version), topic_filter="light")
    there.lose(link, 0.0)
    there.tick(seconds - 1)
    assert len(there.sessions) == 1

    there.tick(seconds)

    assert len(there.sessions) == 0
    assert there.subscriptions.receivers("light") == []
    assert there.sessions.next_expiry is None


def test_a_session_that_is_resumed_does_not_expire() -> None:
    there = server()
    link, _ = join(there, persistent("lamp", V5))
    there.lose(link, 0.0)
    join(there, persistent("lamp", V5), 500.0)

    assert there.sessions.expire(1000.0) == []
    assert len(there.sessions) == 1


def test_no_session_is_resumed_in_the_other_version_or_by_another_device() -> None:
    store = SessionStore()
    first, _, _ = store.open("lamp", V5, owner="a", clean_start=True, expiry=600)
    store.connection_ended(first, 0.0)

    for version, owner in ((V3, "a"), (V5, "b")):
        other, present, before = store.open(
            "lamp", version, owner=owner, clean_start=False, expiry=600
        )
        assert not present
        assert before is not None
        assert other is not before


@VERSIONS
def test_a_newer_connection_takes_the_client_id_over(version: Version) -> None:
    there = server()
    watcher, _ = join(there, Connect("watcher"), topic_filter="gone")
    older, _ = join(there, persistent("lamp", version, Will("gone", b"lamp")), topic_filter="light")

    newer, present = join(there, persistent("lamp", version), 1.0)

    assert present
    assert older.closed is not None
    assert [type(packet) for packet in older.read()] == ([Disconnect] if version is V5 else [])
    assert payloads(watcher) == [b"lamp"]
    there.publish(Message("light", b"on", 1), 2.0, "boss")
    assert payloads(newer) == [b"on"]
    assert payloads(older) == []


def test_messages_cross_the_versions() -> None:
    there = server()
    old, _ = join(there, Connect("old", V3), topic_filter="a")
    new, _ = join(there, Connect("new", V5), topic_filter="a")

    there.send(old, Publish("a", b"from 3.1.1"), 0.0)
    there.send(new, Publish("a", b"from 5", properties=Properties(content_type="x")), 0.0)

    assert payloads(old) == payloads(new) == [b"from 3.1.1", b"from 5"]


def test_a_message_that_expires_while_it_waits_is_not_delivered() -> None:
    there = server()
    link, _ = join(there, persistent("lamp", V5), topic_filter="light")
    there.lose(link, 0.0)
    for seconds in (5, 50):
        expiring = Properties(message_expiry_interval=seconds)
        sender, _ = join(there, Connect("boss"))
        there.send(sender, Publish("light", b"%d" % seconds, 1, 1, properties=expiring), 0.0)

    again, _ = join(there, persistent("lamp", V5), 10.0)

    [message] = [packet for packet in again.read() if isinstance(packet, Publish)]
    assert message.payload == b"50"
    assert message.properties.message_expiry_interval == 40


def test_stored_messages_can_come_as_slowly_as_on_aws() -> None:
    there = server(Limits(stored_messages_per_second=10))
    link, _ = join(there, persistent("lamp", V5), topic_filter="light")
    there.lose(link, 0.0)
    for number in range(25):
        there.publish(Message("light", b"%d" % number, 1), 0.0, "boss")
    again, _ = join(there, persistent("lamp", V5), 10.0)

    received, now = len(payloads(again)), 10.0
    while again.server.session is not None and again.server.session.waiting:
        deadline = again.server.deadline
        assert deadline is not None
        now = max(now, deadline)
        there.tick(now)
        received += len(payloads(again))
        assert received <= (now - 10.0) * 10 + 11

    assert received == 25


def test_a_retained_message_reaches_subscribers_to_exactly_its_topic() -> None:
    there = server()
    boss, _ = join(there, Connect("boss"))
    there.send(boss, Publish("light", b"on", retain=True), 0.0)
    exact, _ = join(there, Connect("exact"))
    wild, _ = join(there, Connect("wild"))
    there.send(exact, Subscribe(1, (Subscription("light"),)), 0.0)
    there.send(wild, Subscribe(1, (Subscription("#"),)), 0.0)

    [message] = [packet for packet in exact.read() if isinstance(packet, Publish)]
    assert message.retain
    assert payloads(wild) == []


# -- who receives a message -------------------------------------------------------------------


def test_overlapping_filters_bring_a_message_once_at_the_highest_qos() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    subscriptions.add("a", Subscription("x/+", 0))
    subscriptions.add("a", Subscription("x/1", 1))
    subscriptions.add("b", Subscription("x/#", 0))

    assert subscriptions.receivers("x/1") == [Receiver("a", 1), Receiver("b", 0)]


def test_a_client_can_exclude_its_own_messages() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    subscriptions.add("a", Subscription("x", no_local=True))
    subscriptions.add("b", Subscription("x"))

    assert [receiver.client for receiver in subscriptions.receivers("x", publisher="a")] == ["b"]
    assert [receiver.client for receiver in subscriptions.receivers("x", publisher="b")] == [
        "a",
        "b",
    ]


def test_one_member_of_a_group_receives_a_message() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    for member in ("a", "b"):
        assert subscriptions.add(member, Subscription("$share/g/x/+", 1))
        assert not subscriptions.add(member, Subscription("$share/g/x/+", 1))
    subscriptions.add("a", Subscription("$share/h/x/#", 0))
    subscriptions.add("c", Subscription("x/1", 0))

    receivers = subscriptions.receivers("x/1", choose=lambda members: members[-1])

    assert receivers == [Receiver("c", 0), Receiver("b", 1), Receiver("a", 0)]
    assert subscriptions.remove("b", "$share/g/x/+")
    assert not subscriptions.remove("b", "$share/g/x/+")
    assert Receiver("a", 1) in subscriptions.receivers("x/1")
    assert subscriptions.remove("a", "$share/g/x/+")
    assert subscriptions.receivers("x/2") == [Receiver("a", 0)]


@pytest.mark.parametrize(
    "topic_filter",
    [
        "$share/",
        "$share/g",
        "$share/g/",
        "$share//a",
        "$share/+/a",
        "$share/g#/a",
        f"$share/{'g' * 129}/a",
    ],
)
def test_a_shared_filter_needs_a_name_and_a_filter(topic_filter: str) -> None:
    with pytest.raises(ValueError, match="shared subscription"):
        split_shared_filter(topic_filter)


# -- a whole simulation -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_many_devices_from_one_seed_lose_nothing_that_was_acknowledged(
    seed: int, long: bool
) -> None:
    steps = 20_000 if long else 700
    first, second = Simulation(seed), Simulation(seed)
    for simulation in (first, second):
        for _ in range(steps):
            simulation.step()
        simulation.settle()
        simulation.check()

    assert first.transcript == second.transcript
    assert first.delivered > steps / 20


class Device:
    """A device of the simulation, which connects, breaks off and forgets to acknowledge."""

    def __init__(self, name: str, version: Version, persistent: bool) -> None:
        self.name = name
        self.version = version
        self.persistent = persistent
        self.link: Link | None = None
        self.filters: set[str] = set()
        self.got: list[bytes] = []
        self.owed: set[bytes] = set()
        self.unacknowledged: list[int] = []


class Simulation:
    """Devices of both versions, a network that breaks and a clock, all from one seed."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.there = MemoryServer(self.source)
        self.now = 0.0
        self.transcript: list[tuple[object, ...]] = []
        self.delivered = 0
        self.published = 0
        self.devices = [
            Device(f"device-{number}", self.source.choice([V3, V5]), number % 2 == 0)
            for number in range(8)
        ]

    def step(self) -> None:
        """One thing happens."""
        device = self.source.choice(self.devices)
        if device.link is None:
            self.connect(device)
            return
        action = self.source.choices(
            [self.publish, self.subscribe, self.acknowledge, self.lose, self.leave, self.wait],
            [10, 3, 6, 1, 1, 2],
        )[0]
        action(device)
        self.read_all()

    def connect(self, device: Device) -> None:
        link = self.there.open(device.version, self.now)
        properties = Properties()
        if device.version is V5 and device.persistent:
            properties = Properties(session_expiry_interval=3600, receive_maximum=5)
        connect = Connect(
            device.name, device.version, not device.persistent, 1200, properties=properties
        )
        self.there.send(link, connect, self.now)
        connack = link.received.pop(0)
        assert isinstance(connack, Connack)
        assert connack.reason_code == 0
        if not connack.session_present:
            assert not (device.filters and device.persistent), "a session was lost"
            device.filters.clear()
            device.owed.clear()
        device.unacknowledged.clear()
        device.link = link
        self.read(device)

    def publish(self, device: Device) -> None:
        assert device.link is not None
        qos = self.source.randrange(2)
        self.published += 1
        topic = f"t/{self.source.randrange(3)}"
        payload = f"{topic} {self.published}".encode()
        for other in self.devices:
            if qos and other.persistent and {topic, "t/+", "#"} & other.filters:
                other.owed.add(payload)
        packet = Publish(topic, payload, qos, self.published % 0xFFFF + 1 if qos else None)
        self.there.send(device.link, packet, self.now)

    def subscribe(self, device: Device) -> None:
        assert device.link is not None
        topic_filter = self.source.choice(["t/0", "t/1", "t/+", "#"])
        packet = Subscribe(1, (Subscription(topic_filter, 1),))
        self.there.send(device.link, packet, self.now)
        device.filters.add(topic_filter)

    def acknowledge(self, device: Device) -> None:
        assert device.link is not None
        for packet_id in device.unacknowledged:
            self.there.send(device.link, Puback(packet_id), self.now)
        device.unacknowledged.clear()

    def lose(self, device: Device) -> None:
        assert device.link is not None
        self.there.lose(device.link, self.now)
        device.link = None

    def leave(self, device: Device) -> None:
        assert device.link is not None
        self.there.send(device.link, Disconnect(), self.now)
        device.link = None

    def wait(self, _: Device) -> None:
        self.now += self.source.choice([0.5, 5, 40])
        self.there.tick(self.now)
        for device in self.devices:
            if device.link is None and device.persistent:
                self.connect(device)  # before its session expires

    def read_all(self) -> None:
        for device in self.devices:
            self.read(device)

    def read(self, device: Device) -> None:
        link = device.link
        if link is None:
            return
        if link.closed is not None:  # silent for too long
            self.transcript.append((device.name, link.closed.reason))
            device.link = None
            return
        for packet in link.read():
            self.transcript.append((self.now, device.name, packet))
            if not isinstance(packet, Publish):
                continue
            self.delivered += 1
            assert {packet.topic, "t/+", "#"} & device.filters
            assert packet.payload.startswith(packet.topic.encode())
            device.got.append(packet.payload)
            device.owed.discard(packet.payload)
            if packet.packet_id is not None and packet.packet_id not in device.unacknowledged:
                device.unacknowledged.append(packet.packet_id)
        session = link.server.session
        assert session is not None
        assert len(session.in_flight) <= 100

    def settle(self) -> None:
        """All devices return and acknowledge until nothing is left to send."""
        for device in self.devices:
            if device.link is None:
                self.connect(device)
        while any(device.unacknowledged for device in self.devices):
            for device in self.devices:
                self.acknowledge(device)
                self.read(device)

    def check(self) -> None:
        """Everything that was acknowledged has reached all its receivers."""
        for device in self.devices:
            assert not device.owed, f"{device.name} never received {device.owed}"
            assert device.link is not None
            assert device.link.server.session is not None
            assert not device.link.server.session.in_flight
