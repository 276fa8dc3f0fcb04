"""Errors in what a peer sent."""

from __future__ import annotations

from .reason_codes import ReasonCode


class ProtocolError(Exception):
    """A peer violated MQTT; the connection must end.

    Attributes:
        reason_code: the code for a DISCONNECT or CONNACK of MQTT 5.
    """

    def __init__(self, text: str, reason_code: ReasonCode = ReasonCode.PROTOCOL_ERROR) -> None:
        super().__init__(text)
        self.reason_code = reason_code


class MalformedPacket(ProtocolError):  # noqa: N818 - the specification's name
    """A packet cannot be read."""

    def __init__(self, text: str) -> None:
        super().__init__(text, ReasonCode.MALFORMED_PACKET)


class PacketTooLarge(ProtocolError):  # noqa: N818 - the specification's name
    """A packet is larger than its receiver accepts."""

    def __init__(self, text: str) -> None:
        super().__init__(text, ReasonCode.PACKET_TOO_LARGE)


class UnsupportedProtocolVersion(ProtocolError):  # noqa: N818 - the specification's name
    """A CONNECT asks for a version other than 3.1.1 and 5.

    Attributes:
        level: the protocol level that it asks for, such as 3 for MQTT 3.1.
    """

    def __init__(self, level: int) -> None:
        super().__init__(
            f"The CONNECT asks for protocol level {level}; AWS IoT speaks MQTT 3.1.1 (level 4) and "
            "MQTT 5 (level 5).",
            ReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
        )
        self.level = level
