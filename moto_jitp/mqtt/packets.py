"""The control packets of MQTT 3.1.1 and 5 as frozen values.

One class serves both versions: parts that only MQTT 5 has (properties, reason codes) keep their
defaults in 3.1.1 and are not sent there.
https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901019
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from .properties import NO_PROPERTIES, Properties


class Version(enum.IntEnum):
    """A protocol version, by the protocol level that a CONNECT names."""

    MQTT_3_1_1 = 4
    MQTT_5 = 5

    def __str__(self) -> str:
        return "5" if self is Version.MQTT_5 else "3.1.1"


class PacketType(enum.IntEnum):
    """The type of a packet: the upper half of its first byte."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15


@dataclass(frozen=True)
class Will:
    """The message that the server publishes when the connection ends unexpectedly.

    Attributes:
        topic: its topic.
        payload: its payload.
        qos: 0, 1 or 2.
        retain: whether it is to be retained.
        properties: of MQTT 5.
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True)
class Connect:
    """A client asks for a connection.

    Attributes:
        client_id: the client identifier; empty to have one assigned.
        version: the protocol version of the connection.
        clean_start: start without the state of an earlier session (Clean Session in 3.1.1).
        keep_alive: the longest silence in seconds; 0 turns the check off.
        will: the will message; ``None`` for none.
        user_name: the user name; ``None`` if the packet has none.
        password: the password; ``None`` if the packet has none.
        properties: of MQTT 5.
    """

    client_id: str
    version: Version = Version.MQTT_5
    clean_start: bool = True
    keep_alive: int = 0
    will: Will | None = None
    user_name: str | None = None
    password: bytes | None = None
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True)
class Connack:
    """The server's answer to a CONNECT.

    Attributes:
        reason_code: a reason code of MQTT 5, or a return code of MQTT 3.1.1.
        session_present: whether the server resumes an earlier session.
        properties: of MQTT 5.
    """

    reason_code: int = 0
    session_present: bool = False
    properties: Properties = NO_PROPERTIES


# Most packets are of these two types: a frozen class would take three times as long to make one.
@dataclass(slots=True)
class Publish:
    """A message.

    Nobody changes one that was made.

    Attributes:
        topic: its topic; empty if a topic alias replaces it.
        payload: the application message.
        qos: 0, 1 or 2.
        packet_id: 1 to 65535 for QoS 1 and 2; ``None`` for QoS 0.
        retain: the RETAIN flag.
        dup: whether it may have been sent before.
        properties: of MQTT 5.
    """

    topic: str
    payload: bytes = b""
    qos: int = 0
    packet_id: int | None = None
    retain: bool = False
    dup: bool = False
    properties: Properties = NO_PROPERTIES


@dataclass(slots=True)
class Puback:
    """The acknowledgement of a message of QoS 1."""

    packet_id: int
    reason_code: int = 0
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True)
class Pubrec:
    """The first answer to a message of QoS 2."""

    packet_id: int
    reason_code: int = 0
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True)
class Pubrel:
    """The answer to a PUBREC."""

    packet_id: int
    reason_code: int = 0
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True)
class Pubcomp:
    """The last answer to a message of QoS 2."""

    packet_id: int
    reason_code: int = 0
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True)
class Subscription:
    """One topic filter of a SUBSCRIBE with its options.

    Attributes:
        topic_filter: the filter.
        qos: the highest QoS at which the client wants messages.
        no_local: do not send the client its own messages (MQTT 5).
        retain_as_published: keep the RETAIN flag of messages (MQTT 5).
        retain_handling: when to send retained messages: 0 now, 1 now if the subscription is new,
            2 not at all (MQTT 5).
    """

    topic_filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass(frozen=True)
class Subscribe:
    """A client subscribes to topic filters."""

    packet_id: int
    subscriptions: tuple[Subscription, ...]
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True)
class Suback:
    """The answer to a SUBSCRIBE: a code for each filter, in the order of the filters."""

    packet_id: int
    reason_codes: tuple[int, ...]
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True)
class Unsubscribe:
    """A client ends subscriptions."""

    packet_id: int
    topic_filters: tuple[str, ...]
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True)
class Unsuback:
    """The answer to an UNSUBSCRIBE: in MQTT 5 a code for each filter, in 3.1.1 none."""

    packet_id: int
    reason_codes: tuple[int, ...] = ()
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True)
class Pingreq:
    """A client's ping."""


@dataclass(frozen=True)
class Pingresp:
    """The answer to a PINGREQ."""


@dataclass(frozen=True)
class Disconnect:
    """The last packet of a connection; from a server in MQTT 5 only."""

    reason_code: int = 0
    properties: Properties = NO_PROPERTIES


@dataclass(frozen=True)
class Auth:
    """A step of MQTT 5's extended authentication."""

    reason_code: int = 0
    properties: Properties = NO_PROPERTIES


Packet = (
    Connect
    | Connack
    | Publish
    | Puback
    | Pubrec
    | Pubrel
    | Pubcomp
    | Subscribe
    | Suback
    | Unsubscribe
    | Unsuback
    | Pingreq
    | Pingresp
    | Disconnect
    | Auth
)

TYPE_OF: Mapping[type[Packet], PacketType] = {
    Connect: PacketType.CONNECT,
    Connack: PacketType.CONNACK,
    Publish: PacketType.PUBLISH,
    Puback: PacketType.PUBACK,
    Pubrec: PacketType.PUBREC,
    Pubrel: PacketType.PUBREL,
    Pubcomp: PacketType.PUBCOMP,
    Subscribe: PacketType.SUBSCRIBE,
    Suback: PacketType.SUBACK,
    Unsubscribe: PacketType.UNSUBSCRIBE,
    Unsuback: PacketType.UNSUBACK,
    Pingreq: PacketType.PINGREQ,
    Pingresp: PacketType.PINGRESP,
    Disconnect: PacketType.DISCONNECT,
    Auth: PacketType.AUTH,
}
"""The type of each class of packets."""
