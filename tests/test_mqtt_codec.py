"""MQTT packets as bytes: written, read, and refused if they are not MQTT."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.mqtt_strategies import packets

from moto_jitp.mqtt.decoding import Decoder
from moto_jitp.mqtt.encoding import encode
from moto_jitp.mqtt.errors import (
    MalformedPacket,
    PacketTooLarge,
    ProtocolError,
    UnsupportedProtocolVersion,
)
from moto_jitp.mqtt.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Publish,
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
from moto_jitp.mqtt.reason_codes import ReasonCode

V3, V5 = Version.MQTT_3_1_1, Version.MQTT_5
VERSIONS = pytest.mark.parametrize("version", [V3, V5], ids=["3.1.1", "5"])


def decode(data: bytes, version: Version | None = None) -> list[Packet]:
    decoder = Decoder(version=version)
    decoder.feed(data)
    return list(decoder.packets())


@pytest.mark.parametrize(
    ("version", "packet", "encoded"),
    [
        (V3, Connect("a", V3, keep_alive=60), "10 0d 0004 4d515454 04 02 003c 0001 61"),
        (V5, Connect("a", V5, keep_alive=60), "10 0e 0004 4d515454 05 02 003c 00 0001 61"),
        (
            V5,
            Connect("a", V5, False, properties=Properties(session_expiry_interval=10)),
            "10 13 0004 4d515454 05 00 0000 05 11 0000000a 0001 61",
        ),
        (
            V3,
            Connect("a", V3, True, 0, Will("w", b"!", 1, True), "u", b"p"),
            "10 19 0004 4d515454 04 ee 0000 0001 61 0001 77 0001 21 0001 75 0001 70",
        ),
        (V3, Connack(5), "20 02 00 05"),
        (V5, Connack(0, True), "20 03 01 00 00"),
        (V3, Publish("a/b", b"hi"), "30 07 0003 612f62 6869"),
        (V3, Publish("a/b", b"hi", 1, 10, True, True), "3b 09 0003 612f62 000a 6869"),
        (V5, Publish("a/b", b"hi", 1, 10), "32 0a 0003 612f62 000a 00 6869"),
        (
            V5,
            Publish("", b"hi", properties=Properties(topic_alias=3)),
            "30 08 0000 03 23 0003 6869",
        ),
        (V3, Puback(7), "40 02 0007"),
        (V5, Puback(7), "40 02 0007"),
        (V5, Puback(7, 0x87), "40 03 0007 87"),
        (V5, Puback(7, 0, Properties(reason_string="x")), "40 08 0007 00 04 1f 0001 78"),
        (V3, Pubrel(7), "62 02 0007"),
        (V3, Subscribe(1, (Subscription("a/#", 1),)), "82 08 0001 0003 612f23 01"),
        (
            V5,
            Subscribe(1, (Subscription("a", 1, True, True, 2),)),
            "82 07 0001 00 0001 61 2d",
        ),
        (V3, Suback(1, (1, 0x80)), "90 04 0001 01 80"),
        (V5, Suback(1, (1, 0x87)), "90 05 0001 00 01 87"),
        (V3, Unsubscribe(1, ("a",)), "a2 05 0001 0001 61"),
        (V3, Unsuback(1), "b0 02 0001"),
        (V5, Unsuback(1, (0,)), "b0 04 0001 00 00"),
        (V3, Pingreq(), "c0 00"),
        (V3, Disconnect(), "e0 00"),
        (V5, Disconnect(0x8E), "e0 01 8e"),
        (V5, Auth(), "f0 00"),
    ],
)
def test_a_packet_has_the_bytes_of_the_specification(
    version: Version, packet: Packet, encoded: str
) -> None:
    data = bytes.fromhex(encoded)

    assert encode(packet, version) == data
    assert decode(data, version) == [packet]


@given(packets(V3))
def test_what_is_written_in_mqtt_3_1_1_is_read_back(packet: Packet) -> None:
    assert decode(encode(packet, V3), V3) == [packet]


@given(packets(V5))
def test_what_is_written_in_mqtt_5_is_read_back(packet: Packet) -> None:
    assert decode(encode(packet, V5), V5) == [packet]


@given(st.lists(packets(V5), max_size=6), st.data())
def test_packets_are_the_same_however_the_network_cuts_them(
    sent: list[Packet], data: st.DataObject
) -> None:
    stream = b"".join(encode(packet, V5) for packet in sent)
    decoder = Decoder(version=V5)
    received: list[Packet] = []
    at = 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream)))
        decoder.feed(stream[at : at + size])
        received += decoder.packets()
        at += size

    assert received == sent
    assert decoder.buffered == 0


def test_the_connect_says_which_version_the_other_packets_have() -> None:
    connect, publish = Connect("a", V5), Publish("t", b"x", properties=Properties(content_type="y"))

    assert decode(encode(connect, V5) + encode(publish, V5)) == [connect, publish]


@pytest.mark.parametrize(
    ("version", "data", "code"),
    [
        (None, "30 03 0001 61", 0x82),  # no CONNECT first
        (None, "10 0c 0006 4d5149736470 03 02 003c", 0x84),  # MQTT 3.1
        (None, "10 0d 0004 4d515454 06 02 003c 0001 61", 0x84),  # a version of the future
        (None, "10 0d 0004 4d515458 04 02 003c 0001 61", 0x81),  # another protocol
        (None, "10 0d 0004 4d515454 04 03 003c 0001 61", 0x81),  # reserved flag
        (None, "10 0d 0004 4d515454 04 0a 003c 0001 61", 0x81),  # will QoS without will
        (None, "10 0d 0004 4d515454 04 22 003c 0001 61", 0x81),  # will retain without will
        (None, "10 0d 0004 4d515454 04 1e 003c 0001 61", 0x81),  # will QoS 3
        (None, "10 10 0004 4d515454 04 42 003c 0001 61 0001 70", 0x81),  # password, no user
        (None, "10 0e 0004 4d515454 04 02 003c 0001 61 00", 0x81),  # more than the fields
        (None, "10 0c 0004 4d515454 04 02 003c 0002 61", 0x81),  # less than the fields
        (None, "10 0d 0004 4d515454 04 02 003c 0001 00", 0x81),  # U+0000
        (None, "10 0d 0004 4d515454 04 02 003c 0001 ff", 0x81),  # not UTF-8
        (None, "10 0f 0004 4d515454 04 02 003c 0003 eda080", 0x81),  # a surrogate
        (None, "11 0d 0004 4d515454 04 02 003c 0001 61", 0x81),  # flags of a CONNECT
        (None, "16 03 01 00", 0x81),  # a TLS ClientHello
        (None, "47 45 54 20", 0x82),  # GET
        (None, "10 ff ff ff ff", 0x81),  # remaining length of five bytes
        (V5, "30 80 00", 0x81),  # a remaining length that is longer than it needs to be
        (V3, "00 00", 0x81),
        (V3, "36 05 0001 61 0001", 0x81),  # QoS 3
        (V3, "38 03 0001 61", 0x81),  # DUP at QoS 0
        (V3, "32 05 0001 61 0000", 0x82),  # packet identifier 0
        (V3, "32 03 0001 61", 0x81),  # no packet identifier
        (V3, "30 01 00", 0x81),
        (V3, "80 06 0001 0001 61 00", 0x81),  # flags of a SUBSCRIBE
        (V3, "a0 05 0001 0001 61", 0x81),  # flags of an UNSUBSCRIBE
        (V3, "60 02 0001", 0x81),  # flags of a PUBREL
        (V3, "82 06 0001 0001 61 03", 0x81),  # QoS 3
        (V3, "82 06 0001 0001 61 04", 0x81),  # an option of MQTT 5
        (V5, "82 07 0001 00 0001 61 c0", 0x81),  # reserved options
        (V5, "82 07 0001 00 0001 61 30", 0x82),  # retain handling 3
        (V3, "82 02 0001", 0x82),  # no filter
        (V3, "a2 02 0001", 0x82),
        (V3, "c0 01 00", 0x81),  # a PINGREQ with a body
        (V3, "f0 00", 0x81),  # AUTH
        (V5, "30 06 0001 61 02 01 02", 0x82),  # payload format 2
        (V5, "30 08 0001 61 04 01 00 01 00", 0x82),  # twice
        (V5, "30 07 0001 61 03 23 0000", 0x94),  # topic alias 0
        (V5, "30 07 0001 61 03 13 0001", 0x81),  # server keep alive in a PUBLISH
        (V5, "30 06 0001 61 02 7e 00", 0x81),  # a property that does not exist
        (V5, "30 05 0001 61 01 02", 0x81),  # a property that ends early
        (V5, "30 05 0001 61 09 01", 0x81),  # properties that end early
        (V5, "30 06 0001 61 02 0b 00", 0x82),  # subscription identifier 0
        (V5, "82 0b 0001 04 0b01 0b02 0001 61 00", 0x82),  # two subscription identifiers
        (V5, "f0 06 18 04 16 0001 61", 0x82),  # authentication data without method
        (None, "10 11 0004 4d515454 05 02 0000 03 21 0000 0001 61", 0x82),  # receive maximum 0
    ],
)
def test_what_is_not_mqtt_is_a_protocol_error_with_its_reason_code(
    version: Version | None, data: str, code: int
) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(bytes.fromhex(data), version)

    assert caught.value.reason_code == code


def test_a_version_that_aws_does_not_speak_is_named() -> None:
    with pytest.raises(UnsupportedProtocolVersion, match="level 3") as caught:
        decode(bytes.fromhex("100c00064d51497364700302003c"))

    assert caught.value.level == 3


def test_a_packet_that_is_too_large_is_refused_before_it_is_held() -> None:
    decoder = Decoder(version=V3, max_packet_size=1000)
    decoder.feed(bytes.fromhex("30 ff 7f 0001 61"))

    with pytest.raises(PacketTooLarge, match="1000"):
        decoder.next_packet()
    decoder.feed(b"x" * 100_000)

    assert decoder.buffered == 0
    with pytest.raises(PacketTooLarge):
        decoder.next_packet()


def test_a_packet_of_the_largest_size_is_accepted() -> None:
    packet = Publish("a", b"x" * 994)
    data = encode(packet, V3)
    decoder = Decoder(version=V3, max_packet_size=len(data))
    decoder.feed(data)

    assert decoder.next_packet() == packet


@pytest.mark.parametrize(
    ("version", "packet"),
    [
        (V3, Publish("a", properties=Properties(content_type="x"))),
        (V3, Puback(1, 0x87)),
        (V3, Unsuback(1, (0,))),
        (V3, Auth()),
        (V3, Connect("a", V3, password=b"p")),
        (V3, Subscribe(1, (Subscription("a", no_local=True),))),
        (V5, Publish("a", qos=1)),
        (V5, Publish("a", packet_id=1)),
        (V5, Publish("a\0")),
        (V5, Publish("a" * 65_536)),
        (V5, Puback(1, 0, Properties(content_type="x"))),
    ],
)
def test_a_packet_that_cannot_be_sent_is_refused(version: Version, packet: Packet) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode(packet, version)


@VERSIONS
def test_mutated_packets_are_packets_or_protocol_errors(version: Version, long: bool) -> None:
    """A million of them with ``--long``, half in each version."""
    source = random.Random(f"mutations of {version}")
    samples = [encode(packet, version) for packet in _samples(version)]
    for _ in range(500_000 if long else 3_000):
        data = bytearray(source.choice(samples))
        for _ in range(source.randint(1, 4)):
            mutate(data, source)
        decoder = Decoder(version=source.choice([None, version]), max_packet_size=4096)
        refused: ProtocolError | None = None
        for at in range(0, len(data), 7):
            decoder.feed(data[at : at + 7])
            try:
                for packet in decoder.packets():
                    assert decoder.version is not None
                    assert isinstance(encode(packet, decoder.version), bytes)
            except ProtocolError as error:
                refused = error
        assert refused is None or (refused.reason_code in ReasonCode and str(refused))
        assert decoder.buffered <= (0 if refused else 4096)


def mutate(data: bytearray, source: random.Random) -> None:
    """Change, add or take away a byte or a few."""
    kind, at = source.randrange(5), source.randrange(len(data) + 1)
    if kind == 0 and at < len(data):
        data[at] ^= 1 << source.randrange(8)
    elif kind == 1 and at < len(data):
        data[at] = source.choice((0, 1, 0x7F, 0x80, 0xFF))
    elif kind == 2:
        data[at:at] = source.randbytes(source.randint(1, 3))
    elif kind == 3:
        del data[at : at + source.randint(1, 3)]
    else:
        data.extend(data[at : at + 8])


def _samples(version: Version) -> list[Packet]:
    found: list[Packet] = [
        Connect("device", version, True, 30, Will("w", b"gone", 1, True), "user", b"secret"),
        Connack(0, True),
        Publish("sensors/kitchen", b'{"temperature": 21}', 1, 77),
        Puback(77),
        Subscribe(2, (Subscription("sensors/+/x", 1), Subscription("#"))),
        Suback(2, (0, 1)),
        Unsubscribe(3, ("a/b", "c")),
        Unsuback(3),
        Pingreq(),
        Disconnect(),
    ]
    if version is V5:
        message = Properties(
            payload_format_indicator=1,
            message_expiry_interval=60,
            content_type="text/plain",
            response_topic="answers",
            correlation_data=b"\1\2",
            user_properties=(("a", "b"), ("a", "c")),
        )
        found += [
            Publish("", b"x", properties=Properties(topic_alias=2)),
            Publish("t", b"x", properties=message),
            Puback(1, 0x87, Properties(reason_string="no")),
            Disconnect(0x04, Properties(session_expiry_interval=7)),
            Auth(0x18, Properties(authentication_method="m", authentication_data=b"d")),
        ]
    return found


def test_malformed_packets_and_other_protocol_errors_are_told_apart() -> None:
    with pytest.raises(MalformedPacket):
        decode(b"\0\0", V3)
