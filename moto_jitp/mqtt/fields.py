"""The data types that packets are made of (MQTT 5, section 1.5): integers, strings, binary data."""

from __future__ import annotations

import struct

from .errors import MalformedPacket

MAX_VARIABLE_INTEGER = 268_435_455
_UINT16 = struct.Struct("!H")
_UINT32 = struct.Struct("!I")


class Reader:
    """Reads the fields of one packet one after the other.

    Args:
        data: the packet after its fixed header.

    Every method raises: MalformedPacket: the packet ends too early, or a field has a value that
        MQTT forbids.
    """

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._end = len(data)

    @property
    def left(self) -> int:
        """The number of bytes that have not been read."""
        return self._end - self._at

    def byte(self) -> int:
        at = self._take(1)
        return self._data[at]

    def uint16(self) -> int:
        at = self._take(2)
        return self._data[at] << 8 | self._data[at + 1]

    def uint32(self) -> int:
        at = self._take(4)
        value: int = _UINT32.unpack_from(self._data, at)[0]
        return value

    def variable_integer(self) -> int:
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    raise MalformedPacket("A variable byte integer takes more bytes than it needs.")
                return value
        raise MalformedPacket("A variable byte integer is longer than four bytes.")

    def binary(self) -> bytes:
        return self.take(self.uint16())

    def text(self) -> str:
        return decode_text(self.take(self.uint16()))

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        at = self._take(size)
        return self._data[at : at + size]

    def rest(self) -> bytes:
        """Return the unread bytes."""
        return self.take(self.left)

    def require_end(self) -> None:
        """Make sure that nothing is left.

        Raises:
            MalformedPacket: bytes follow the last field.
        """
        if self.left:
            raise MalformedPacket(f"{self.left} bytes follow the last field of a packet.")

    def _take(self, size: int) -> int:
        at = self._at
        if at + size > self._end:
            raise MalformedPacket("A packet ends in the middle of a field.")
        self._at = at + size
        return at


def decode_text(data: bytes) -> str:
    """Read a UTF-8 string.

    Raises:
        MalformedPacket: it is not UTF-8, or has the character U+0000.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedPacket(f"A string is not UTF-8: {error.reason}.") from None
    if "\0" in text:
        raise MalformedPacket("A string has the character U+0000.")
    return text


def encode_uint16(value: int) -> bytes:
    return _UINT16.pack(value)


def encode_uint32(value: int) -> bytes:
    return _UINT32.pack(value)


def encode_variable_integer(value: int) -> bytes:
    """Write a variable byte integer.

    Raises:
        ValueError: it needs more than four bytes.
    """
    if value < 0x80:
        return bytes((value,))
    if value > MAX_VARIABLE_INTEGER:
        raise ValueError(f"{value} is more than a variable byte integer holds.")
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_binary(data: bytes) -> bytes:
    """Write binary data with its length before it.

    Raises:
        ValueError: it has more than 65,535 bytes.
    """
    if len(data) > 0xFFFF:
        raise ValueError(f"A field of a packet has 65535 bytes at most, not {len(data)}.")
    return _UINT16.pack(len(data)) + data


def encode_text(text: str) -> bytes:
    """Write a UTF-8 string with its length before it.

    Raises:
        ValueError: it has more than 65,535 bytes, half of a surrogate pair or U+0000.
    """
    if "\0" in text:
        raise ValueError(f"{text[:80]!r} has the character U+0000, which MQTT forbids.")
    return encode_binary(text.encode("utf-8"))
