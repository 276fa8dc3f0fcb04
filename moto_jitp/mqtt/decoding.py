"""Bytes to packets, as they come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .errors import MalformedPacket, PacketTooLarge, ProtocolError, UnsupportedProtocolVersion
from .fields import MAX_VARIABLE_INTEGER, Reader, decode_text
from .packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    PacketType,
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
from .properties import NO_PROPERTIES, Place, Properties, read_properties

_MQTT_5 = Version.MQTT_5
_LONGEST_HEADER = 5


class Decoder:
    """Turns the bytes of one direction of a connection into packets.

    It holds only the bytes of packets that have not been read yet: a packet that is larger than
    ``max_packet_size`` is refused as soon as its header says so.

    Args:
        version: the version of the connection; ``None`` if a CONNECT must come first and determine
            it.
        max_packet_size: the largest packet in bytes, with its header.

    Examples:
        >>> decoder = Decoder(version=Version.MQTT_3_1_1)
        >>> decoder.feed(b"0\\x08\\x00\\x01ahe")
        >>> decoder.next_packet() is None
        True
        >>> decoder.feed(b"llo")
        >>> decoder.next_packet().payload
        b'hello'
    """

    def __init__(
        self, *, version: Version | None = None, max_packet_size: int = MAX_VARIABLE_INTEGER
    ) -> None:
        self.version = version
        self._max_packet_size = max_packet_size
        self._buffer = bytearray()
        self._at = 0
        self._error: ProtocolError | None = None

    @property
    def buffered(self) -> int:
        """The number of bytes that wait for the rest of their packet, or to be read."""
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        """Add bytes that have arrived."""
        if self._error is None:
            self._buffer += data

    def packets(self) -> Iterator[Packet]:
        """Yield the packets that have arrived in full.

        Raises:
            ProtocolError: as :meth:`next_packet` does.
        """
        while True:
            packet = self.next_packet()
            if packet is None:
                return
            yield packet

    def next_packet(self) -> Packet | None:
        """Return the next packet; ``None`` while it has not arrived in full.

        Raises:
            ProtocolError: the bytes are not MQTT; each further call raises the error again.
        """
        if self._error is not None:
            raise self._error
        try:
            return self._next_packet()
        except ProtocolError as error:
            self._error = error
            self._buffer.clear()
            self._at = 0
            raise

    def _next_packet(self) -> Packet | None:
        buffer, start = self._buffer, self._at
        end_of_buffer = len(buffer)
        at, size = start + 1, 0
        for shift in (0, 7, 14, 21):
            if at >= end_of_buffer:
                self._check_first_byte()
                self._forget_what_was_read()
                return None
            byte = buffer[at]
            at += 1
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift and self.version is _MQTT_5:
                    raise MalformedPacket("The remaining length takes more bytes than it needs.")
                break
        else:
            raise MalformedPacket("The remaining length is longer than four bytes.")
        self._check_first_byte()
        if at - start + size > self._max_packet_size:
            raise PacketTooLarge(
                f"A packet of {at - start + size} bytes is larger than the "
                f"{self._max_packet_size} bytes that are taken."
            )
        if at + size > end_of_buffer:
            self._forget_what_was_read()
            return None
        first = buffer[start]
        body = bytes(buffer[at : at + size])
        self._at = at + size
        if first >> 4 == PacketType.PUBLISH:
            assert self.version is not None
            return _publish(first & 0x0F, body, self.version)
        if first == _PUBACK and size == 2 and body != b"\0\0":
            return Puback(body[0] << 8 | body[1])
        return self._decode(PacketType(first >> 4), first & 0x0F, body)

    def _check_first_byte(self) -> None:
        """Refuse what cannot become a packet before its body has arrived."""
        if self._at >= len(self._buffer):
            return
        first = self._buffer[self._at]
        kind, flags = first >> 4, first & 0x0F
        if kind == 0:
            raise MalformedPacket("There is no packet of type 0.")
        if self.version is None and kind != PacketType.CONNECT:
            raise ProtocolError("The first packet of a connection is not a CONNECT.")
        if kind == PacketType.AUTH and self.version is Version.MQTT_3_1_1:
            raise MalformedPacket("MQTT 3.1.1 has no packet of type 15.")
        if kind != PacketType.PUBLISH and flags != _FLAGS.get(kind, 0):
            raise MalformedPacket(
                f"The flags of a {PacketType(kind).name} are {_FLAGS.get(kind, 0):04b}, not "
                f"{flags:04b}."
            )

    def _forget_what_was_read(self) -> None:
        if self._at:
            del self._buffer[: self._at]
            self._at = 0

    def _decode(self, kind: PacketType, flags: int, body: bytes) -> Packet:
        reader = Reader(body)
        if kind is PacketType.CONNECT:
            packet: Packet = _connect(reader)
            self.version = packet.version  # type: ignore[union-attr]
        else:
            assert self.version is not None
            packet = _BODIES[kind](reader, self.version)
        reader.require_end()
        return packet


_PUBACK = PacketType.PUBACK << 4
_FLAGS: dict[int, int] = {
    PacketType.PUBREL: 2,
    PacketType.SUBSCRIBE: 2,
    PacketType.UNSUBSCRIBE: 2,
}
"""The flags of the packets whose flags are not 0."""


def _connect(reader: Reader) -> Connect:
    name, level = reader.text(), reader.byte()
    if name == "MQIsdp":
        raise UnsupportedProtocolVersion(level)
    if name != "MQTT":
        raise MalformedPacket(f"The protocol's name is MQTT, not {name[:20]!r}.")
    if level not in (4, 5):
        raise UnsupportedProtocolVersion(level)
    version, flags = Version(level), reader.byte()
    keep_alive = reader.uint16()
    has_will, will_qos, will_retain = flags & 0x04, flags >> 3 & 3, flags & 0x20
    if flags & 0x01:
        raise MalformedPacket("The reserved flag of a CONNECT is set.")
    if will_qos == 3 or (not has_will and (will_qos or will_retain)):
        raise MalformedPacket("The will flags of a CONNECT contradict each other.")
    if flags & 0x40 and not flags & 0x80 and version is Version.MQTT_3_1_1:
        raise MalformedPacket("A CONNECT has a password but no user name.")
    properties = _read_properties(reader, version, Place.CONNECT)
    client_id = reader.text()
    will = None
    if has_will:
        will_properties = _read_properties(reader, version, Place.WILL)
        topic, payload = reader.text(), reader.binary()
        will = Will(topic, payload, will_qos, bool(will_retain), will_properties)
    user_name = reader.text() if flags & 0x80 else None
    password = reader.binary() if flags & 0x40 else None
    return Connect(
        client_id,
        version,
        bool(flags & 0x02),
        keep_alive,
        will,
        user_name,
        password,
        properties,
    )


def _connack(reader: Reader, version: Version) -> Connack:
    flags, code = reader.byte(), reader.byte()
    if flags > 1:
        raise MalformedPacket("The reserved flags of a CONNACK are set.")
    return Connack(code, bool(flags), _read_properties(reader, version, Place.CONNACK))


def _publish(flags: int, body: bytes, version: Version) -> Publish:
    qos = flags >> 1 & 3
    if qos == 3:
        raise MalformedPacket("There is no QoS 3.")
    if not qos and flags & 0x08:
        raise MalformedPacket("A message of QoS 0 says that it may have been sent before.")
    size = len(body)
    end = 2 + (body[0] << 8 | body[1]) if size >= 2 else size + 1
    if end > size:
        raise MalformedPacket("A packet ends in the middle of a field.")
    topic = decode_text(body[2:end])
    packet_id = None
    if qos:
        if end + 2 > size:
            raise MalformedPacket("A packet ends in the middle of a field.")
        packet_id = body[end] << 8 | body[end + 1]
        end += 2
        if not packet_id:
            raise ProtocolError("A packet identifier must not be 0.")
    properties = NO_PROPERTIES
    if version is _MQTT_5:
        if end < size and not body[end]:
            end += 1
        else:
            reader = Reader(body[end:])
            properties = read_properties(reader, Place.PUBLISH)
            end = size - reader.left
    return Publish(topic, body[end:], qos, packet_id, bool(flags & 1), bool(flags & 8), properties)


def _acknowledgement(
    make: Callable[[int, int, Properties], Packet],
) -> Callable[[Reader, Version], Packet]:
    def read(reader: Reader, version: Version) -> Packet:
        packet_id = _packet_id(reader)
        return make(packet_id, *_reason(reader, version, Place.ACKNOWLEDGEMENT))

    return read


def _subscribe(reader: Reader, version: Version) -> Subscribe:
    packet_id = _packet_id(reader)
    properties = _read_properties(reader, version, Place.SUBSCRIBE)
    subscriptions = []
    while reader.left:
        topic_filter, options = reader.text(), reader.byte()
        reserved = 0xC0 if version is _MQTT_5 else 0xFC
        if options & reserved or options & 3 == 3:
            raise MalformedPacket("The options of a subscription have a bit that MQTT reserves.")
        retain_handling = options >> 4
        if retain_handling == 3:
            raise ProtocolError("There is no retain handling 3.")
        subscriptions.append(
            Subscription(
                topic_filter,
                options & 3,
                bool(options & 0x04),
                bool(options & 0x08),
                retain_handling,
            )
        )
    if not subscriptions:
        raise ProtocolError("A SUBSCRIBE has no topic filter.")
    return Subscribe(packet_id, tuple(subscriptions), properties)


def _suback(reader: Reader, version: Version) -> Suback:
    packet_id = _packet_id(reader)
    properties = _read_properties(reader, version, Place.SUBACK)
    return Suback(packet_id, tuple(reader.rest()), properties)


def _unsubscribe(reader: Reader, version: Version) -> Unsubscribe:
    packet_id = _packet_id(reader)
    properties = _read_properties(reader, version, Place.UNSUBSCRIBE)
    filters = []
    while reader.left:
        filters.append(reader.text())
    if not filters:
        raise ProtocolError("An UNSUBSCRIBE has no topic filter.")
    return Unsubscribe(packet_id, tuple(filters), properties)


def _unsuback(reader: Reader, version: Version) -> Unsuback:
    packet_id = _packet_id(reader)
    properties = _read_properties(reader, version, Place.UNSUBACK)
    return Unsuback(packet_id, tuple(reader.rest()) if version is _MQTT_5 else (), properties)


def _pingreq(_: Reader, __: Version) -> Pingreq:
    return Pingreq()


def _pingresp(_: Reader, __: Version) -> Pingresp:
    return Pingresp()


def _disconnect(reader: Reader, version: Version) -> Disconnect:
    return Disconnect(*_reason(reader, version, Place.DISCONNECT))


def _auth(reader: Reader, version: Version) -> Auth:
    return Auth(*_reason(reader, version, Place.AUTH))


_BODIES: dict[PacketType, Callable[[Reader, Version], Packet]] = {
    PacketType.CONNACK: _connack,
    PacketType.PUBACK: _acknowledgement(Puback),
    PacketType.PUBREC: _acknowledgement(Pubrec),
    PacketType.PUBREL: _acknowledgement(Pubrel),
    PacketType.PUBCOMP: _acknowledgement(Pubcomp),
    PacketType.SUBSCRIBE: _subscribe,
    PacketType.SUBACK: _suback,
    PacketType.UNSUBSCRIBE: _unsubscribe,
    PacketType.UNSUBACK: _unsuback,
    PacketType.PINGREQ: _pingreq,
    PacketType.PINGRESP: _pingresp,
    PacketType.DISCONNECT: _disconnect,
    PacketType.AUTH: _auth,
}


def _packet_id(reader: Reader) -> int:
    packet_id = reader.uint16()
    if not packet_id:
        raise ProtocolError("A packet identifier must not be 0.")
    return packet_id


def _reason(reader: Reader, version: Version, place: Place) -> tuple[int, Properties]:
    """A reason code and properties, which are optional in MQTT 5 and absent in 3.1.1."""
    if version is Version.MQTT_3_1_1 or not reader.left:
        return 0, NO_PROPERTIES
    code = reader.byte()
    return code, read_properties(reader, place) if reader.left else NO_PROPERTIES


def _read_properties(reader: Reader, version: Version, place: Place) -> Properties:
    return read_properties(reader, place) if version is _MQTT_5 else NO_PROPERTIES
