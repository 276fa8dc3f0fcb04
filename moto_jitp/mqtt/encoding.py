"""Packets to bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .fields import (
    encode_binary,
    encode_text,
    encode_uint16,
    encode_variable_integer,
)
from .packets import (
    TYPE_OF,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    PacketType,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Version,
)
from .properties import NO_PROPERTIES, Place, Properties, write_properties

_RESERVED_FLAGS = {PacketType.PUBREL: 2, PacketType.SUBSCRIBE: 2, PacketType.UNSUBSCRIBE: 2}


def encode(packet: Packet, version: Version) -> bytes:
    """Return a packet as it is sent.

    Args:
        packet: the packet; a CONNECT itself has its version.
        version: the version of the connection.

    Raises:
        ValueError: the packet cannot be sent: a field is too long or has a character that MQTT
            forbids, a property is not allowed in it, a packet identifier is missing for its QoS, or
            it has properties or codes that the version does not have.

    Examples:
        >>> encode(Publish("a", b"hello"), Version.MQTT_3_1_1)
        b'0\\x08\\x00\\x01ahello'
    """
    if type(packet) is Publish:
        return _encode_publish(packet, version)
    if type(packet) is Puback and not packet.reason_code and packet.properties is NO_PROPERTIES:
        return b"\x40\x02" + encode_uint16(packet.packet_id)
    kind = TYPE_OF[type(packet)]
    body = _BODIES.get(kind, _no_body)(packet, version)
    first = kind << 4 | _RESERVED_FLAGS.get(kind, 0)
    return bytes((first,)) + encode_variable_integer(len(body)) + body


def _encode_publish(packet: Publish, version: Version) -> bytes:
    if packet.qos and not packet.packet_id:
        raise ValueError(f"A message of QoS {packet.qos} needs a packet identifier.")
    if packet.packet_id and not packet.qos:
        raise ValueError("A message of QoS 0 has no packet identifier.")
    head = encode_text(packet.topic)
    if packet.qos:
        head += encode_uint16(packet.packet_id or 0)
    if version is Version.MQTT_5:
        head += write_properties(packet.properties, Place.PUBLISH)
    else:
        _refuse_properties(packet.properties, version)
    first = PacketType.PUBLISH << 4 | packet.dup << 3 | packet.qos << 1 | packet.retain
    size = encode_variable_integer(len(head) + len(packet.payload))
    return b"".join((bytes((first,)), size, head, packet.payload))


def _connect(packet: Connect, _: Version) -> bytes:
    version, will = packet.version, packet.will
    flags = packet.clean_start << 1
    payload = [encode_text(packet.client_id)]
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        payload.append(_properties(will.properties, version, Place.WILL))
        payload += (encode_text(will.topic), encode_binary(will.payload))
    if packet.user_name is not None:
        flags |= 0x80
        payload.append(encode_text(packet.user_name))
    if packet.password is not None:
        if packet.user_name is None and version is Version.MQTT_3_1_1:
            raise ValueError("MQTT 3.1.1 has no password without a user name.")
        flags |= 0x40
        payload.append(encode_binary(packet.password))
    head = encode_text("MQTT") + bytes((version, flags)) + encode_uint16(packet.keep_alive)
    return head + _properties(packet.properties, version, Place.CONNECT) + b"".join(payload)


def _connack(packet: Connack, version: Version) -> bytes:
    head = bytes((packet.session_present, packet.reason_code))
    return head + _properties(packet.properties, version, Place.CONNACK)


def _acknowledgement(packet: Puback, version: Version) -> bytes:
    head = encode_uint16(packet.packet_id)
    return head + _reason(packet.reason_code, packet.properties, version, Place.ACKNOWLEDGEMENT)


def _subscribe(packet: Subscribe, version: Version) -> bytes:
    parts = [
        encode_uint16(packet.packet_id),
        _properties(packet.properties, version, Place.SUBSCRIBE),
    ]
    for subscription in packet.subscriptions:
        options = subscription.qos
        if version is Version.MQTT_5:
            options |= (
                subscription.no_local << 2
                | subscription.retain_as_published << 3
                | subscription.retain_handling << 4
            )
        elif (
            subscription.no_local
            or subscription.retain_as_published
            or subscription.retain_handling
        ):
            raise ValueError("MQTT 3.1.1 has no options of a subscription but its QoS.")
        parts.append(encode_text(subscription.topic_filter) + bytes((options,)))
    return b"".join(parts)


def _suback(packet: Suback, version: Version) -> bytes:
    properties = _properties(packet.properties, version, Place.SUBACK)
    return encode_uint16(packet.packet_id) + properties + bytes(packet.reason_codes)


def _unsubscribe(packet: Unsubscribe, version: Version) -> bytes:
    properties = _properties(packet.properties, version, Place.UNSUBSCRIBE)
    filters = b"".join(map(encode_text, packet.topic_filters))
    return encode_uint16(packet.packet_id) + properties + filters


def _unsuback(packet: Unsuback, version: Version) -> bytes:
    if version is Version.MQTT_3_1_1:
        if packet.reason_codes:
            raise ValueError("An UNSUBACK of MQTT 3.1.1 has no reason codes.")
        _refuse_properties(packet.properties, version)
        return encode_uint16(packet.packet_id)
    properties = write_properties(packet.properties, Place.UNSUBACK)
    return encode_uint16(packet.packet_id) + properties + bytes(packet.reason_codes)


def _disconnect(packet: Disconnect, version: Version) -> bytes:
    return _reason(packet.reason_code, packet.properties, version, Place.DISCONNECT)


def _auth(packet: Auth, version: Version) -> bytes:
    if version is Version.MQTT_3_1_1:
        raise ValueError("MQTT 3.1.1 has no AUTH.")
    return _reason(packet.reason_code, packet.properties, version, Place.AUTH)


def _no_body(_: Packet, __: Version) -> bytes:
    return b""


_BODIES: dict[PacketType, Callable[[Any, Version], bytes]] = {
    PacketType.CONNECT: _connect,
    PacketType.CONNACK: _connack,
    PacketType.PUBACK: _acknowledgement,
    PacketType.PUBREC: _acknowledgement,
    PacketType.PUBREL: _acknowledgement,
    PacketType.PUBCOMP: _acknowledgement,
    PacketType.SUBSCRIBE: _subscribe,
    PacketType.SUBACK: _suback,
    PacketType.UNSUBSCRIBE: _unsubscribe,
    PacketType.UNSUBACK: _unsuback,
    PacketType.DISCONNECT: _disconnect,
    PacketType.AUTH: _auth,
}


def _reason(code: int, properties: Properties, version: Version, place: Place) -> bytes:
    """A reason code and properties, which MQTT 5 omits if they are the defaults."""
    if version is Version.MQTT_3_1_1:
        if code:
            raise ValueError("MQTT 3.1.1 has no reason codes in this packet.")
        _refuse_properties(properties, version)
        return b""
    if properties == NO_PROPERTIES:
        return bytes((code,)) if code else b""
    return bytes((code,)) + write_properties(properties, place)


def _properties(properties: Properties, version: Version, place: Place) -> bytes:
    if version is Version.MQTT_5:
        return write_properties(properties, place)
    _refuse_properties(properties, version)
    return b""


def _refuse_properties(properties: Properties, version: Version) -> None:
    if properties is not NO_PROPERTIES and properties != NO_PROPERTIES:
        raise ValueError(f"MQTT {version} has no properties.")
