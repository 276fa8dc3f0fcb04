"""The properties of MQTT 5's packets.

https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901027
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import MalformedPacket, ProtocolError
from .fields import (
    Reader,
    encode_binary,
    encode_text,
    encode_uint16,
    encode_uint32,
    encode_variable_integer,
)
from .reason_codes import ReasonCode


@dataclass(frozen=True)
class Properties:
    """The properties of one packet or will; ``None`` for those that it does not have.

    Times are in seconds. ``user_properties`` are pairs of name and value in their order, and names
    may repeat.
    """

    payload_format_indicator: int | None = None
    message_expiry_interval: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_identifiers: tuple[int, ...] = ()
    session_expiry_interval: int | None = None
    assigned_client_identifier: str | None = None
    server_keep_alive: int | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None
    request_problem_information: int | None = None
    will_delay_interval: int | None = None
    request_response_information: int | None = None
    response_information: str | None = None
    server_reference: str | None = None
    reason_string: str | None = None
    receive_maximum: int | None = None
    topic_alias_maximum: int | None = None
    topic_alias: int | None = None
    maximum_qos: int | None = None
    retain_available: int | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    maximum_packet_size: int | None = None
    wildcard_subscription_available: int | None = None
    subscription_identifiers_available: int | None = None
    shared_subscription_available: int | None = None


NO_PROPERTIES = Properties()
"""The properties of a packet without any, and of every packet of MQTT 3.1.1."""


class Place(enum.Flag):
    """Where a property may occur: a type of packet, or the will of a CONNECT."""

    CONNECT = enum.auto()
    WILL = enum.auto()
    CONNACK = enum.auto()
    PUBLISH = enum.auto()
    ACKNOWLEDGEMENT = enum.auto()
    """PUBACK, PUBREC, PUBREL and PUBCOMP."""
    SUBSCRIBE = enum.auto()
    SUBACK = enum.auto()
    UNSUBSCRIBE = enum.auto()
    UNSUBACK = enum.auto()
    DISCONNECT = enum.auto()
    AUTH = enum.auto()


class _Kind(NamedTuple):
    read: Callable[[Reader], Any]
    write: Callable[[Any], bytes]


def _write_byte(value: int) -> bytes:
    return bytes((value,))


def _read_pair(reader: Reader) -> tuple[str, str]:
    return reader.text(), reader.text()


def _write_pair(pair: tuple[str, str]) -> bytes:
    return encode_text(pair[0]) + encode_text(pair[1])


_BYTE = _Kind(Reader.byte, _write_byte)
_UINT16 = _Kind(Reader.uint16, encode_uint16)
_UINT32 = _Kind(Reader.uint32, encode_uint32)
_VARIABLE = _Kind(Reader.variable_integer, encode_variable_integer)
_TEXT = _Kind(Reader.text, encode_text)
_BINARY = _Kind(Reader.binary, encode_binary)
_PAIR = _Kind(_read_pair, _write_pair)


class _Property(NamedTuple):
    name: str
    kind: _Kind
    places: Place
    only_0_or_1: bool = False
    not_0: bool = False


_MESSAGE = Place.PUBLISH | Place.WILL
_HANDSHAKE = Place.CONNECT | Place.CONNACK
_WITH_REASON = (
    Place.CONNACK
    | Place.ACKNOWLEDGEMENT
    | Place.SUBACK
    | Place.UNSUBACK
    | Place.DISCONNECT
    | Place.AUTH
)
_EVERYWHERE = ~Place(0)

_TABLE: dict[int, _Property] = {
    0x01: _Property("payload_format_indicator", _BYTE, _MESSAGE, only_0_or_1=True),
    0x02: _Property("message_expiry_interval", _UINT32, _MESSAGE),
    0x03: _Property("content_type", _TEXT, _MESSAGE),
    0x08: _Property("response_topic", _TEXT, _MESSAGE),
    0x09: _Property("correlation_data", _BINARY, _MESSAGE),
    0x0B: _Property(
        "subscription_identifiers", _VARIABLE, Place.PUBLISH | Place.SUBSCRIBE, not_0=True
    ),
    0x11: _Property("session_expiry_interval", _UINT32, _HANDSHAKE | Place.DISCONNECT),
    0x12: _Property("assigned_client_identifier", _TEXT, Place.CONNACK),
    0x13: _Property("server_keep_alive", _UINT16, Place.CONNACK),
    0x15: _Property("authentication_method", _TEXT, _HANDSHAKE | Place.AUTH),
    0x16: _Property("authentication_data", _BINARY, _HANDSHAKE | Place.AUTH),
    0x17: _Property("request_problem_information", _BYTE, Place.CONNECT, only_0_or_1=True),
    0x18: _Property("will_delay_interval", _UINT32, Place.WILL),
    0x19: _Property("request_response_information", _BYTE, Place.CONNECT, only_0_or_1=True),
    0x1A: _Property("response_information", _TEXT, Place.CONNACK),
    0x1C: _Property("server_reference", _TEXT, Place.CONNACK | Place.DISCONNECT),
    0x1F: _Property("reason_string", _TEXT, _WITH_REASON),
    0x21: _Property("receive_maximum", _UINT16, _HANDSHAKE, not_0=True),
    0x22: _Property("topic_alias_maximum", _UINT16, _HANDSHAKE),
    0x23: _Property("topic_alias", _UINT16, Place.PUBLISH),
    0x24: _Property("maximum_qos", _BYTE, Place.CONNACK, only_0_or_1=True),
    0x25: _Property("retain_available", _BYTE, Place.CONNACK, only_0_or_1=True),
    0x26: _Property("user_properties", _PAIR, _EVERYWHERE),
    0x27: _Property("maximum_packet_size", _UINT32, _HANDSHAKE, not_0=True),
    0x28: _Property("wildcard_subscription_available", _BYTE, Place.CONNACK, only_0_or_1=True),
    0x29: _Property("subscription_identifiers_available", _BYTE, Place.CONNACK, only_0_or_1=True),
    0x2A: _Property("shared_subscription_available", _BYTE, Place.CONNACK, only_0_or_1=True),
}
_LISTS = frozenset({0x0B, 0x26})


def read_properties(reader: Reader, place: Place) -> Properties:
    """Read a packet's properties, which their length precedes.

    Args:
        reader: positioned at the length.
        place: the owner of the properties.

    Raises:
        MalformedPacket: they cannot be read, or one is not allowed here.
        ProtocolError: one occurs twice, or has a value that MQTT forbids.
    """
    size = reader.variable_integer()
    if not size:
        return NO_PROPERTIES
    inner = Reader(reader.take(size))
    values: dict[str, Any] = {}
    while inner.left:
        identifier = inner.variable_integer()
        property_type = _TABLE.get(identifier)
        if property_type is None or not property_type.places & place:
            raise MalformedPacket(f"The property 0x{identifier:02X} is not allowed here.")
        value = property_type.kind.read(inner)
        if property_type.only_0_or_1 and value > 1:
            raise ProtocolError(f"The property {property_type.name} is 0 or 1, not {value}.")
        if property_type.not_0 and value == 0:
            raise ProtocolError(f"The property {property_type.name} must not be 0.")
        if identifier in _LISTS:
            values.setdefault(property_type.name, []).append(value)
        elif property_type.name in values:
            raise ProtocolError(f"The property {property_type.name} stands twice.")
        else:
            values[property_type.name] = value
    for name in ("subscription_identifiers", "user_properties"):
        if name in values:
            values[name] = tuple(values[name])
    if place is Place.SUBSCRIBE and len(values.get("subscription_identifiers", ())) > 1:
        raise ProtocolError("A SUBSCRIBE has two subscription identifiers.")
    if values.get("topic_alias") == 0:
        raise ProtocolError("The topic alias must not be 0.", ReasonCode.TOPIC_ALIAS_INVALID)
    if "authentication_data" in values and "authentication_method" not in values:
        raise ProtocolError("There is authentication data without an authentication method.")
    return Properties(**values)


def write_properties(properties: Properties, place: Place) -> bytes:
    """Write a packet's properties, preceded by their length.

    Args:
        properties: the properties.
        place: the owner of the properties.

    Raises:
        ValueError: one is not allowed there, or is longer than MQTT allows.
    """
    if properties is NO_PROPERTIES:
        return b"\0"
    parts = []
    for identifier, property_type in _TABLE.items():
        value = getattr(properties, property_type.name)
        if value is None or value == ():
            continue
        if not property_type.places & place:
            raise ValueError(f"The property {property_type.name} is not allowed in {place.name}.")
        for element in value if identifier in _LISTS else (value,):
            parts.append(bytes((identifier,)) + property_type.kind.write(element))
    encoded = b"".join(parts)
    return encode_variable_integer(len(encoded)) + encoded


def size_of_user_properties(properties: Properties) -> int:
    """The total length of the names and values of the user properties, in bytes."""
    return sum(
        len(name.encode()) + len(value.encode()) for name, value in properties.user_properties
    )
