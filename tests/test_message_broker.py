"""All messages go through one function, in one order, and its listeners receive all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from freezegun import freeze_time
from support.bodies import PLAIN_BODY
from support.cloud import client
from support.sessions import session_of

from moto_jitp import CertificateAuthority, DeviceIdentity, JitpHandle, connect_device
from moto_jitp.broker.message_broker import listeners
from moto_jitp.broker.subscriptions import Subscriptions
from moto_jitp.broker.waiting_messages import MAX_WAITING, WaitingMessages
from moto_jitp.history.messages import ClientMessage, Message, Publisher
from moto_jitp.mqtt.properties import Properties


@pytest.fixture
def bulb(iot: Any, acme: CertificateAuthority) -> DeviceIdentity:
    """A device whose CA provisions it."""
    acme.register(iot, template_body=PLAIN_BODY)
    return acme.issue(common_name="bulb")


@pytest.fixture
def heard() -> Iterator[list[Message]]:
    """The messages of a listener."""
    messages: list[Message] = []

    def listen(backend: Any, message: Message) -> None:
        messages.append(message)

    listeners.append(listen)
    yield messages
    listeners.remove(listen)


def topics(messages: list[Message]) -> list[str]:
    return [message.topic for message in messages]


def test_a_listener_receives_messages_of_devices_boto3_and_aws_iot_itself(
    bulb: DeviceIdentity, heard: list[Message], mocked: JitpHandle
) -> None:
    connection = connect_device(bulb)
    connection.publish("from/device", b"1")
    client(service="iot-data").publish(topic="from/boto3", payload=b"2")
    client(service="iot-data").update_thing_shadow(
        thingName="bulb", payload=json.dumps({"state": {"desired": {"on": True}}})
    )
    connection.disconnect()

    ends = [topic.rsplit("/", 2)[-2:] for topic in topics(heard)]
    assert ends[0][0] == "registered"
    assert ends[1:] == [
        ["connected", "bulb"],
        ["from", "device"],
        ["from", "boto3"],
        ["update", "accepted"],
        ["update", "documents"],
        ["update", "delta"],
        ["disconnected", "bulb"],
    ]
    protocols = [message.publisher.protocol for message in heard if message.publisher is not None]
    assert protocols == ["MQTT", "HTTP"]
    assert topics(heard) == [event.topic for event in mocked.events]
    numbers = [message.number for message in heard]
    assert numbers == sorted(set(numbers))


def test_basic_ingest_reaches_listeners_and_no_subscriber(
    bulb: DeviceIdentity, heard: list[Message], mocked: JitpHandle
) -> None:
    subscribed: list[Any] = []
    mocked.subscribe("#", subscribed.append)
    mocked.subscribe("$aws/rules/#", subscribed.append)
    session = session_of(bulb)
    session.subscribe("#", subscribed.append)

    session.publish("$aws/rules/note/sensor/1", b"21.5")
    client(service="iot-data").publish(topic="$aws/rules/note", payload=b"22")

    assert topics(heard)[-2:] == ["$aws/rules/note/sensor/1", "$aws/rules/note"]
    assert subscribed == []


def test_a_listener_may_publish_and_connect(
    bulb: DeviceIdentity, acme: CertificateAuthority, mocked: JitpHandle
) -> None:
    lamp = acme.issue(common_name="lamp")

    def answer(backend: Any, message: Message) -> None:
        if message.topic == "call":
            connect_device(lamp).publish("answer", b"")

    listeners.append(answer)
    try:
        connect_device(bulb).publish("call", b"")
    finally:
        listeners.remove(answer)
    assert mocked.events[-1].topic == "answer"


def test_a_listener_that_fails_keeps_nobody_from_a_message(
    bulb: DeviceIdentity, heard: list[Message], mocked: JitpHandle
) -> None:
    session, received = session_of(bulb), []
    session.subscribe("news", received.append)

    def fail(topic: str, payload: bytes) -> None:
        raise LookupError(topic)

    mocked.subscribe("news", fail)
    with pytest.raises(LookupError, match="news"):
        session.publish("news", b"good")
    assert topics(received) == ["news"]
    assert topics(heard)[-1] == "news"


def test_a_handler_is_called_once_the_device_is_connected(
    bulb: DeviceIdentity, mocked: JitpHandle
) -> None:
    statuses: list[str] = []

    def look(event: Any) -> None:
        answer = client().describe_certificate(certificateId=bulb.certificate_id)
        statuses.append(answer["certificateDescription"]["status"])

    mocked.subscribe("$aws/events/certificates/registered/+", look)
    connect_device(bulb)
    assert statuses == ["ACTIVE"]


def test_a_message_for_many_filters_finds_those_that_match(
    bulb: DeviceIdentity, mocked: JitpHandle
) -> None:
    heard: list[str] = []
    for number in range(500):
        mocked.subscribe(f"sensors/{number}/+", lambda event, n=number: heard.append(str(n)))
    mocked.subscribe("sensors/#", lambda event: heard.append("#"))
    session_of(bulb).publish("sensors/42/temperature", b"21.5")
    assert heard == ["42", "#"]


def test_a_hundred_share_a_subscription_and_no_more() -> None:
    subscriptions: Subscriptions[object] = Subscriptions()
    members = [object() for _ in range(100)]
    for key, member in enumerate(members):
        assert subscriptions.without_room("$share/group/a", key) is None
        subscriptions.add("$share/group/a", key, member)

    assert subscriptions.without_room("$share/group/a", 99) is None, "who is in it already"
    assert "100 share it already" in str(subscriptions.without_room("$share/group/a", 100))
    assert subscriptions.without_room("$share/group/b", 100) is None
    assert subscriptions.without_room("a", 100) is None

    subscriptions.remove("$share/group/a", 7, members[7])
    assert subscriptions.without_room("$share/group/a", 100) is None


def waiting_message(published: float, **properties: Any) -> ClientMessage:
    message = ClientMessage(
        "a",
        b"x",
        Publisher("bulb", "0", "127.0.0.1", "MQTT"),
        qos=1,
        properties=Properties(**properties),
    )
    message.published, message.number = published, 1
    return message


def test_what_waits_is_bounded_and_the_newest_is_lost() -> None:
    waiting = WaitingMessages()
    oldest, newest = waiting_message(0), waiting_message(1)
    assert waiting.keep(oldest)
    assert all(waiting.keep(newest) for _ in range(MAX_WAITING - 1))
    assert not waiting.keep(newest)

    assert waiting.take(1) == [oldest]
    assert waiting.keep(newest)
    assert len(waiting.take()) == MAX_WAITING == 500_000
    assert waiting.take() == []


def test_what_has_expired_while_it_waited_is_not_taken() -> None:
    with freeze_time("2026-01-01") as frozen:
        now = frozen.time_to_freeze.timestamp()
        waiting = WaitingMessages()
        for interval in (10, 30, None):
            waiting.keep(waiting_message(now, message_expiry_interval=interval))
        frozen.tick(10)

        left = [message.properties.message_expiry_interval for message in waiting.take()]
        assert left == [20, None]
