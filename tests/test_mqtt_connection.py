"""The server's side of an MQTT connection answers as AWS IoT does, in MQTT 3.1.1 and 5."""

from __future__ import annotations

import random

import pytest
from support.mqtt_in_memory import Link, connected

from moto_jitp.mqtt.encoding import encode
from moto_jitp.mqtt.events import (
    ConnectReceived,
    DisconnectReason,
    Event,
    Pinged,
    PublishReceived,
    SubscribeReceived,
    UnsubscribeReceived,
)
from moto_jitp.mqtt.limits import Limits
from moto_jitp.mqtt.messages import Message
from moto_jitp.mqtt.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from moto_jitp.mqtt.properties import Properties
from moto_jitp.mqtt.reason_codes import ConnectReturnCode, ReasonCode
from moto_jitp.mqtt.server_connection import Phase
from moto_jitp.mqtt.session import SessionState

V3, V5 = Version.MQTT_3_1_1, Version.MQTT_5
VERSIONS = pytest.mark.parametrize("version", [V3, V5], ids=["3.1.1", "5"])


def asked(link: Link, connect: Connect) -> ConnectReceived:
    """Let a client send a CONNECT that needs a decision."""
    [event] = link.send(connect)
    assert isinstance(event, ConnectReceived)
    return event


def refused(link: Link, code: int) -> None:
    """Check that MQTT 5 said why the connection ended."""
    disconnect = link.only(Disconnect)
    assert disconnect.reason_code == code
    assert disconnect.properties.reason_string is not None
    assert disconnect.properties.reason_string.startswith("DISCONNECT:")
    assert link.closed is not None


# -- CONNECT ----------------------------------------------------------------------------------


def test_an_accepted_client_of_mqtt_5_is_told_what_aws_iot_offers() -> None:
    link = Link()
    event = asked(link, Connect("device", keep_alive=60))

    link.server.accept_connect(SessionState("device", V5), 0.0)

    assert event.client_id == "device"
    assert link.only(Connack) == Connack(
        properties=Properties(
            receive_maximum=100,
            maximum_qos=1,
            retain_available=1,
            maximum_packet_size=149_504,
            topic_alias_maximum=8,
            wildcard_subscription_available=1,
            subscription_identifiers_available=0,
            shared_subscription_available=1,
            server_keep_alive=60,
        )
    )


def test_an_accepted_client_of_mqtt_3_1_1_gets_a_bare_connack() -> None:
    link = Link(version=V3)
    asked(link, Connect("device", V3))

    link.server.accept_connect(SessionState("device", V3), 0.0, session_present=True)

    assert link.only(Connack) == Connack(0, True)


@pytest.mark.parametrize(
    ("asked_for", "counts"), [(0, 1200), (1, 30), (29, 30), (120, 120), (1000, 1000), (65535, 1200)]
)
def test_the_keep_alive_is_brought_between_aws_limits(asked_for: int, counts: int) -> None:
    link = Link()
    event = asked(link, Connect("device", keep_alive=asked_for))
    link.server.accept_connect(SessionState("device", V5), 0.0)

    assert event.keep_alive == counts
    assert link.only(Connack).properties.server_keep_alive == counts


@pytest.mark.parametrize(
    ("asked_for", "counts", "told"),
    [
        (None, 0, None),
        (0, 0, None),
        (600, 600, None),
        (600_000, 3600, 3600),
        (2**32 - 1, 3600, 3600),
    ],
)
def test_a_session_expiry_beyond_the_quota_is_lowered_and_reported(
    asked_for: int | None, counts: int, told: int | None
) -> None:
    link = Link()
    properties = Properties(session_expiry_interval=asked_for)
    event = asked(link, Connect("device", properties=properties))
    link.server.accept_connect(SessionState("device", V5), 0.0)

    assert event.session_expiry == counts
    assert link.only(Connack).properties.session_expiry_interval == told


def test_a_persistent_session_of_mqtt_3_1_1_lasts_an_hour() -> None:
    assert asked(Link(version=V3), Connect("d", V3, clean_start=False)).session_expiry == 3600
    assert asked(Link(version=V3), Connect("d", V3)).session_expiry == 0


def test_a_client_without_an_id_gets_one() -> None:
    link = Link()
    event = asked(link, Connect(""))
    link.server.accept_connect(SessionState(event.client_id, V5), 0.0)

    assert event.is_assigned
    assert event.client_id == "$GEN/id-1"
    assert link.only(Connack).properties.assigned_client_identifier == "$GEN/id-1"
    assert asked(Link(version=V3), Connect("", V3)).client_id == "$GEN/id-1"


@pytest.mark.parametrize("client_id", ["$GEN/1f0e", "$x", "x" * 129, "é" * 65])
def test_a_client_id_that_aws_does_not_take_is_refused(client_id: str) -> None:
    link, old = Link(), Link(version=V3)
    link.send(Connect(client_id))
    old.send(Connect(client_id, V3))

    connack = link.only(Connack)
    assert connack.reason_code == ReasonCode.CLIENT_IDENTIFIER_NOT_VALID
    assert (connack.properties.reason_string or "").startswith("CONNACK:")
    assert old.only(Connack).reason_code == ConnectReturnCode.IDENTIFIER_REJECTED
    assert link.closed is not None
    assert link.closed.reason is DisconnectReason.CLIENT_ERROR
    assert not link.closed.was_connected


def test_a_persistent_session_of_mqtt_3_1_1_needs_an_id() -> None:
    link = Link(version=V3)
    link.send(Connect("", V3, clean_start=False))

    assert link.only(Connack).reason_code == ConnectReturnCode.IDENTIFIER_REJECTED


def test_a_will_of_qos_2_is_refused() -> None:
    link, old = Link(), Link(version=V3)
    link.send(Connect("d", will=Will("w", b"", 2)))
    old.send(Connect("d", V3, will=Will("w", b"", 2)))

    assert link.only(Connack).reason_code == ReasonCode.QOS_NOT_SUPPORTED
    assert old.read() == []
    assert old.closed is not None


@pytest.mark.parametrize(
    ("connect", "code"),
    [
        (Connect("d", properties=Properties(maximum_packet_size=511)), 0x80),
        (Connect("d", properties=Properties(authentication_method="x")), 0x8C),
        (Connect("d", properties=Properties(user_properties=(("a", "b" * 8192),))), 0x97),
        (
            Connect("d", will=Will("w", b"", properties=Properties(content_type="x" * 257))),
            0x97,
        ),
    ],
)
def test_a_connect_beyond_aws_limits_is_refused(connect: Connect, code: int) -> None:
    link = Link()
    link.send(connect)

    assert link.only(Connack).reason_code == code
    assert link.server.phase is Phase.CLOSED


def test_mqtt_3_1_is_refused_with_its_return_code() -> None:
    link = Link(version=V3)
    link.take(link.server.receive(bytes.fromhex("100c00064d51497364700302003c"), 0.0))

    assert link.only(Connack).reason_code == ConnectReturnCode.UNACCEPTABLE_PROTOCOL_VERSION


@VERSIONS
def test_a_refused_client_gets_no_connack_unless_one_is_asked_for(version: Version) -> None:
    link = Link(version=version)
    asked(link, Connect("d", version))

    link.take(link.server.refuse_connect(None, "The certificate is not registered."))

    assert link.read() == []
    assert link.closed is not None
    assert link.closed.reason is DisconnectReason.AUTH_ERROR


def test_a_reason_code_reaches_a_client_of_mqtt_5_alone() -> None:
    link, old = Link(), Link(version=V3)
    for connection in (link, old):
        asked(connection, Connect("d", connection.version))
        connection.take(
            connection.server.refuse_connect(ReasonCode.NOT_AUTHORIZED, "No policy allows it")
        )

    connack = link.only(Connack)
    assert connack.reason_code == 0x87
    assert connack.properties.reason_string == "CONNACK:No policy allows it:id-1"
    assert old.read() == []


def test_what_a_client_sends_before_its_connack_waits_for_it() -> None:
    link = Link()
    stream = b"".join(
        encode(packet, V5) for packet in (Connect("d"), Publish("a", b"x"), Pingreq())
    )
    [event] = link.take(link.server.receive(stream, 0.0))
    assert isinstance(event, ConnectReceived)
    assert not link.server.wants_data

    events = link.server.accept_connect(SessionState("d", V5), 0.0)

    assert [type(event) for event in events] == [PublishReceived, Pinged]
    assert [type(packet) for packet in link.read()] == [Connack, Pingresp]


def test_a_silent_transport_is_closed() -> None:
    link = Link()
    assert link.server.deadline == 10.0
    assert link.tick(9.9) == []

    link.tick(10.0)

    assert link.closed is not None
    assert link.server.phase is Phase.CLOSED


@VERSIONS
def test_a_second_connect_ends_the_connection(version: Version) -> None:
    link = connected(version)
    link.send(Connect("device", version))

    assert link.closed is not None
    assert link.closed.reason is DisconnectReason.CLIENT_ERROR
    if version is V5:
        refused(link, ReasonCode.PROTOCOL_ERROR)


# -- PUBLISH ----------------------------------------------------------------------------------


@VERSIONS
def test_a_message_of_qos_1_is_acknowledged_when_it_has_been_dealt_with(version: Version) -> None:
    link = connected(version)
    [event] = link.send(Publish("a", b"x", 1, 7))
    assert isinstance(event, PublishReceived)
    assert link.read() == []

    link.server.accept_publish(event, 0.0)

    assert link.only(Puback) == Puback(7)
    assert event.message == Message("a", b"x", 1)


def test_a_refused_message_is_answered_by_version_and_qos() -> None:
    """https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html#mqtt5-reason-codes"""
    answers = {}
    for version in (V3, V5):
        for qos in (0, 1):
            link = connected(version)
            [event] = link.send(Publish("a", b"x", qos, 7 if qos else None))
            assert isinstance(event, PublishReceived)
            link.take(
                link.server.refuse_publish(event, ReasonCode.NOT_AUTHORIZED, "Not allowed", 0.0)
            )
            reason = link.closed.reason if link.closed else None
            answers[version, qos] = (
                [(type(packet).__name__, packet.reason_code) for packet in link.read()],  # type: ignore[union-attr]
                reason,
            )

    assert answers == {
        (V3, 0): ([], DisconnectReason.AUTH_ERROR),
        (V3, 1): ([], DisconnectReason.AUTH_ERROR),
        (V5, 0): ([("Disconnect", 0x87)], DisconnectReason.AUTH_ERROR),
        (V5, 1): ([("Puback", 0x87)], None),
    }


def test_a_message_of_qos_2_is_answered_by_version() -> None:
    old = connected(V3)
    assert old.send(Publish("a", b"x", 2, 7)) == []
    assert old.read() == []
    assert old.closed is None

    link = connected(V5)
    link.send(Publish("a", b"x", 2, 7))
    refused(link, ReasonCode.QOS_NOT_SUPPORTED)


@VERSIONS
def test_a_payload_beyond_the_limit_ends_the_connection(version: Version) -> None:
    link = connected(version)
    [event] = link.send(Publish("a", bytes(131_072), 1, 1))
    assert isinstance(event, PublishReceived)

    assert link.send(Publish("a", bytes(131_073), 1, 2)) == [link.closed]

    assert link.closed is not None
    assert link.closed.reason is DisconnectReason.CLIENT_ERROR
    assert "PAYLOAD_LIMIT_EXCEEDED" in link.closed.details
    if version is V5:
        refused(link, ReasonCode.QUOTA_EXCEEDED)


@VERSIONS
def test_a_packet_beyond_the_limit_ends_the_connection_at_its_header(version: Version) -> None:
    link = connected(version)
    link.take(link.server.receive(b"\x30\xff\xff\xff\x7f", 0.0))

    assert link.closed is not None
    assert link.closed.reason is DisconnectReason.CLIENT_ERROR
    if version is V5:
        refused(link, ReasonCode.QUOTA_EXCEEDED)


def test_a_topic_alias_stands_for_the_topic_that_it_was_given() -> None:
    link = connected()
    alias = Properties(topic_alias=8)
    link.send(Publish("a/b", b"1", properties=alias))
    link.send(Publish("", b"2", properties=alias))
    link.send(Publish("c", b"3", properties=alias))
    link.send(Publish("", b"4", properties=alias))

    topics = [event.message.topic for event in link.events if isinstance(event, PublishReceived)]
    assert topics == ["a/b", "a/b", "c", "c"]


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (Publish("a", properties=Properties(topic_alias=9)), 0x94),
        (Publish("", properties=Properties(topic_alias=3)), 0x82),
        (Publish(""), 0x82),
        (Publish("a", properties=Properties(subscription_identifiers=(1,))), 0x82),
        (Publish("a", properties=Properties(response_topic="a/#")), 0x82),
        (Publish("a", properties=Properties(response_topic="x" * 257)), 0x97),
        (Publish("a", properties=Properties(content_type="x" * 257)), 0x97),
        (Publish("a", properties=Properties(correlation_data=bytes(8193))), 0x97),
        (Publish("a", properties=Properties(user_properties=(("x" * 4096, "y" * 4097),))), 0x97),
        (Pubrec(1), 0x82),
        (Pubrel(1), 0x82),
        (Pubcomp(1), 0x82),
        (Auth(), 0x82),
        (Pingresp(), 0x82),
        (Connack(), 0x82),
        (Suback(1, (0,)), 0x82),
    ],
)
def test_what_aws_iot_does_not_take_ends_the_connection(packet: Packet, code: int) -> None:
    link = connected()
    link.send(packet)

    refused(link, code)
    assert link.closed is not None
    assert link.closed.reason is DisconnectReason.CLIENT_ERROR


def test_properties_are_carried_through_to_clients_of_mqtt_5() -> None:
    sent = Properties(
        payload_format_indicator=1,
        message_expiry_interval=60,
        content_type="text/plain",
        response_topic="answers",
        correlation_data=b"\1",
        user_properties=(("a", "1"), ("a", "2")),
    )
    [event] = connected().send(Publish("a", b"x", properties=sent), now=100.0)
    assert isinstance(event, PublishReceived)

    receiver, old = connected(V5), connected(V3)
    receiver.server.deliver(event.message, 1, 117.4)
    old.server.deliver(event.message, 1, 117.4)

    arrived = receiver.only(Publish)
    assert arrived.properties.message_expiry_interval == 42
    assert arrived.properties.user_properties == (("a", "1"), ("a", "2"))
    assert arrived.properties.correlation_data == b"\1"
    assert old.only(Publish) == Publish("a", b"x")


@VERSIONS
def test_a_message_that_has_expired_reaches_nobody(version: Version) -> None:
    expiring = Publish("a", b"x", properties=Properties(message_expiry_interval=0))
    [event] = connected().send(expiring, now=5.0)
    assert isinstance(event, PublishReceived)
    link = connected(version)

    link.server.deliver(event.message, 0, 5.9)
    link.server.deliver(event.message, 0, 6.0)

    assert len(link.read()) == 1  # 0 counts as one second


def test_too_many_unacknowledged_messages_are_answered_by_version() -> None:
    link, old = connected(V5), connected(V3)
    for connection in (link, old):
        for packet_id in range(1, 102):
            connection.send(Publish("a", b"x", 1, packet_id))

    refused(link, ReasonCode.RECEIVE_MAXIMUM_EXCEEDED)
    assert old.closed is None
    assert not old.server.wants_data
    published = [event for event in old.events if isinstance(event, PublishReceived)]
    assert len(published) == 100

    [waited] = old.server.accept_publish(published[0], 0.0)

    assert isinstance(waited, PublishReceived)
    assert waited.packet_id == 101


# -- SUBSCRIBE --------------------------------------------------------------------------------


@VERSIONS
def test_a_granted_subscription_is_answered_and_noted(version: Version) -> None:
    link = connected(version)
    [event] = link.send(Subscribe(3, (Subscription("a/+", 1), Subscription("b"))))
    assert isinstance(event, SubscribeReceived)

    link.server.answer_subscribe(event, [ReasonCode.GRANTED_QOS_1, ReasonCode.SUCCESS])

    assert link.only(Suback) == Suback(3, (1, 0))
    assert link.server.session is not None
    assert list(link.server.session.subscriptions) == ["a/+", "b"]

    [gone] = link.send(Unsubscribe(4, ("a/+", "unknown")))
    assert isinstance(gone, UnsubscribeReceived)
    link.server.answer_unsubscribe(gone)

    assert link.only(Unsuback) == Unsuback(4, (0, 0) if version is V5 else ())
    assert list(link.server.session.subscriptions) == ["b"]


def test_a_refused_subscription_is_answered_by_version() -> None:
    link, old = connected(V5), connected(V3)
    for connection in (link, old):
        [event] = connection.send(Subscribe(3, (Subscription("a"), Subscription("b"))))
        assert isinstance(event, SubscribeReceived)
        codes = [ReasonCode.SUCCESS, ReasonCode.NOT_AUTHORIZED]
        connection.take(connection.server.answer_subscribe(event, codes, "Not allowed"))

    suback = link.only(Suback)
    assert suback.reason_codes == (0, 0x87)
    assert suback.properties.reason_string == "SUBACK:Not allowed:id-1"
    assert link.closed is None
    assert old.read() == []
    assert old.closed is not None
    assert old.closed.reason is DisconnectReason.AUTH_ERROR


def test_more_subscriptions_than_a_connection_may_have_fail_one_by_one() -> None:
    for version, failure in ((V3, 0x80), (V5, 0x97)):
        link = connected(version)
        filters = ("a", "b", "a", "c", "d")
        [event] = link.send(
            Subscribe(1, tuple(Subscription(topic_filter) for topic_filter in filters))
        )
        assert isinstance(event, SubscribeReceived)
        codes = [
            ReasonCode.QUOTA_EXCEEDED if level == "d" else ReasonCode.SUCCESS for level in filters
        ]
        link.server.answer_subscribe(event, codes)

        assert link.only(Suback).reason_codes == (0, 0, 0, 0, failure)
        assert link.closed is None


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (Subscribe(1, tuple(Subscription(str(n)) for n in range(9))), 0x97),
        (Unsubscribe(1, tuple(str(n) for n in range(9))), 0x97),
        (Subscribe(1, (Subscription("a", 2),)), 0x9B),
        (
            Subscribe(1, (Subscription("a"),), Properties(subscription_identifiers=(1,))),
            0xA1,
        ),
        (Subscribe(1, (Subscription("$share/g/a", no_local=True),)), 0x82),
    ],
)
def test_a_subscribe_that_aws_iot_does_not_take_ends_a_connection_of_mqtt_5(
    packet: Packet, code: int
) -> None:
    link = connected()
    link.send(packet)

    refused(link, code)


def test_in_mqtt_3_1_1_a_subscription_of_qos_2_is_not_answered_and_nine_filters_close() -> None:
    link = connected(V3)
    assert link.send(Subscribe(1, (Subscription("a", 2),))) == []
    assert link.read() == []
    assert link.closed is None

    link.send(Subscribe(2, tuple(Subscription(str(n)) for n in range(9))))
    assert link.closed is not None


# -- delivery ---------------------------------------------------------------------------------


@VERSIONS
def test_a_message_is_delivered_at_the_lower_qos(version: Version) -> None:
    link = connected(version)
    for published in (0, 1):
        for subscribed in (0, 1):
            link.server.deliver(Message("a", b"x", published), subscribed, 0.0)

    assert [packet.qos for packet in link.read() if isinstance(packet, Publish)] == [0, 0, 0, 1]


def test_only_what_was_retained_carries_the_retain_flag() -> None:
    link = connected()
    link.server.deliver(Message("a", b"x", retain=True), 0, 0.0)
    link.server.deliver(Message("a", b"x", retain=True), 0, 0.0, retained=True)

    assert [packet.retain for packet in link.read() if isinstance(packet, Publish)] == [False, True]


@VERSIONS
def test_an_unacknowledged_message_is_sent_again_without_dup_and_given_up_in_the_end(
    version: Version,
) -> None:
    link = connected(version, connect=Connect("d", version, keep_alive=0))
    link.server.deliver(Message("a", b"x", 1), 1, 0.0)
    first = link.only(Publish)

    sent_again, now = 0, 0.0
    while link.server.session is not None and link.server.session.in_flight:
        now += 15
        link.send(Pingreq(), now)
        link.read()
        link.tick(now)
        again = link.read()
        sent_again += len(again)
        assert again in ([], [first])
    assert not first.dup
    assert link.closed is None
    assert now == (3600 if version is V3 else 960)
    assert sent_again == now / 30 - 1


def test_an_acknowledged_message_is_not_sent_again() -> None:
    link = connected()
    link.server.deliver(Message("a", b"x", 1), 1, 0.0)
    packet_id = link.only(Publish).packet_id
    assert packet_id is not None

    link.send(Puback(packet_id))
    link.tick(31.0)

    assert link.read() == []


def test_no_more_messages_are_in_flight_than_the_client_takes() -> None:
    link = connected(connect=Connect("d", properties=Properties(receive_maximum=2)))
    for number in range(5):
        link.server.deliver(Message("a", b"%d" % number, 1), 1, 0.0)
    received = [packet for packet in link.read() if isinstance(packet, Publish)]
    assert [packet.payload for packet in received] == [b"0", b"1"]

    for packet in received:
        assert packet.packet_id is not None
        link.send(Puback(packet.packet_id))

    more = [packet for packet in link.read() if isinstance(packet, Publish)]
    assert [packet.payload for packet in more] == [b"2", b"3"]


@VERSIONS
def test_no_more_than_a_hundred_messages_are_in_flight(version: Version) -> None:
    link = connected(version)
    for _ in range(150):
        link.server.deliver(Message("a", b"x", 1), 1, 0.0)

    assert len(link.read()) == 100


def test_a_message_larger_than_the_client_takes_is_left_out() -> None:
    link = connected(connect=Connect("d", properties=Properties(maximum_packet_size=512)))
    link.server.deliver(Message("a", bytes(600), 1), 1, 0.0)
    link.server.deliver(Message("a", bytes(100), 1), 1, 0.0)

    assert len(link.only(Publish).payload) == 100


def test_a_client_that_stops_reading_costs_bounded_memory() -> None:
    link = connected(limits=Limits(queued_messages=10, queued_size=55))
    link.server.pause_sending()
    for number in range(20):
        link.server.deliver(Message("a", b"lost", 0), 0, 0.0)
        link.server.deliver(Message("a", b"%010d" % number, 1), 1, 0.0)
    assert link.read() == []
    assert link.server.session is not None
    assert link.server.session.dropped == 20 + 15

    link.server.resume_sending(1.0)

    payloads = [int(packet.payload) for packet in link.read() if isinstance(packet, Publish)]
    assert payloads == [0, 1, 2, 3, 4]  # the newest are lost, as on AWS IoT


# -- time and the end -------------------------------------------------------------------------


@VERSIONS
def test_a_client_that_is_silent_for_too_long_is_cut_off(version: Version) -> None:
    will = Will("gone", b"x")
    link = connected(version, connect=Connect("d", version, keep_alive=40, will=will))
    assert link.server.deadline == 60.0
    link.send(Pingreq(), 50.0)
    assert link.read() == [Pingresp()]
    assert link.tick(109.9) == []

    link.tick(110.0)

    assert link.closed is not None
    assert link.closed.reason is DisconnectReason.MQTT_KEEP_ALIVE_TIMEOUT
    assert link.closed.will == will
    if version is V5:
        refused(link, ReasonCode.KEEP_ALIVE_TIMEOUT)


def test_a_client_that_has_to_wait_for_the_server_is_not_silent() -> None:
    link = connected(connect=Connect("d", keep_alive=40))

    assert link.server.tick(70.0, client_has_to_wait=True) == []
    assert link.tick(129.0) == []


@pytest.mark.parametrize(("code", "sends_will"), [(0x00, False), (0x04, True), (0x80, True)])
def test_a_disconnect_discards_the_will_unless_it_asks_for_it(code: int, sends_will: bool) -> None:
    will = Will("gone", b"x")
    link = connected(connect=Connect("d", will=will))
    link.send(Disconnect(code))

    assert link.closed is not None
    assert link.closed.reason is DisconnectReason.CLIENT_INITIATED_DISCONNECT
    assert link.closed.will == (will if sends_will else None)
    assert link.read() == []


@VERSIONS
def test_a_transport_that_breaks_sends_the_will(version: Version) -> None:
    will = Will("gone", b"x")
    link = connected(version, connect=Connect("d", version, will=will))
    link.take(link.server.peer_closed())

    assert link.closed is not None
    assert link.closed.reason is DisconnectReason.CONNECTION_LOST
    assert link.closed.will == will
    assert link.server.peer_closed() == []


def test_a_disconnect_may_change_how_long_the_session_is_kept() -> None:
    def after(asked_for: int, then: int) -> Link:
        connect = Connect("d", properties=Properties(session_expiry_interval=asked_for))
        link = connected(connect=connect)
        link.send(Disconnect(properties=Properties(session_expiry_interval=then)))
        return link

    for then, counts in ((0, 0), (50, 50), (10_000, 3600)):
        session = after(100, then).server.session
        assert session is not None
        assert session.expiry == counts
    refused(after(0, 50), ReasonCode.PROTOCOL_ERROR)


def test_a_client_can_ask_for_no_reason_strings() -> None:
    connect = Connect("d", properties=Properties(request_problem_information=0))
    link = connected(connect=connect)
    link.send(Pubrel(1))

    assert link.only(Disconnect) == Disconnect(ReasonCode.PROTOCOL_ERROR)


@VERSIONS
def test_a_live_connection_is_closed_by_the_server(version: Version) -> None:
    link = connected(version)
    link.take(
        link.server.close(
            DisconnectReason.API_INITIATED_DISCONNECT,
            "DeleteConnection was called",
            ReasonCode.ADMINISTRATIVE_ACTION,
        )
    )

    assert link.closed is not None
    assert link.closed.was_connected
    if version is V5:
        refused(link, ReasonCode.ADMINISTRATIVE_ACTION)
    else:
        assert link.read() == []
    link.server.deliver(Message("a", b"x", 1), 1, 0.0)
    assert link.send(Pingreq()) == []
    assert link.read() == []


@VERSIONS
def test_a_hostile_client_ends_its_own_connection_and_nothing_else(
    version: Version, long: bool
) -> None:
    source = random.Random(f"hostile client of {version}")
    packets: list[Packet] = [
        Publish("a/b", b"x" * 50, 1, 3),
        Publish("a/b", b"x"),
        Subscribe(2, (Subscription("a/#", 1),)),
        Unsubscribe(3, ("a/#",)),
        Puback(1),
        Pingreq(),
        Disconnect(),
    ]
    samples = [encode(packet, version) for packet in packets]
    for _ in range(100_000 if long else 1_000):
        link = connected(version)
        stream = bytearray(b"".join(source.choices(samples, k=4)))
        for _ in range(source.randint(1, 5)):
            stream[source.randrange(len(stream))] = source.randrange(256)
        for at in range(0, len(stream), 16):
            waiting = link.take(link.server.receive(bytes(stream[at : at + 16]), 0.0))
            while waiting:
                waiting = answer(link, waiting.pop(0), source) + waiting
        assert link.closed is None or link.closed.details


def answer(link: Link, event: Event, source: random.Random) -> list[Event]:
    """Answer a client's request positively or negatively."""
    failure = source.choice([ReasonCode.NOT_AUTHORIZED, ReasonCode.QUOTA_EXCEEDED])
    if isinstance(event, PublishReceived):
        if source.randrange(4):
            return link.take(link.server.accept_publish(event, 0.0))
        return link.take(link.server.refuse_publish(event, failure, "no", 0.0))
    if isinstance(event, SubscribeReceived):
        codes = [
            source.choice([ReasonCode.SUCCESS, ReasonCode.GRANTED_QOS_1, failure])
            for _ in event.subscriptions
        ]
        return link.take(link.server.answer_subscribe(event, codes, "no"))
    if isinstance(event, UnsubscribeReceived):
        return link.take(link.server.answer_unsubscribe(event))
    return []
