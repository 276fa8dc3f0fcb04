"""What stands between a socket's bytes and a client's: TLS, or nothing."""

from __future__ import annotations

from typing import Protocol

from .peer import Peer


class HandshakeFailed(Exception):  # noqa: N818 - says what happened
    """A handshake did not come to its end, or what follows it is not TLS."""


class Link(Protocol):
    """What stands between a socket's bytes and a client's."""

    @property
    def established(self) -> bool:
        """Whether the client's own bytes can be read and written."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the socket and return those of the client.

        Raises:
            HandshakeFailed: they are not what was to come.
        """
        ...

    def outgoing(self) -> bytes:
        """Return what is to be written to the socket, and forget it."""
        ...

    def send(self, data: bytes) -> bytes:
        """Return what is to be written to the socket for bytes to the client."""
        ...

    def close(self) -> bytes:
        """Return what is to be written to the socket at last."""
        ...

    def peer(self, address: str, port: int) -> Peer:
        """Return who is at the other end."""
        ...


class PlainLink:
    """No TLS at all: for suites that test MQTT alone, on the loopback interface."""

    established = True

    def feed(self, data: bytes) -> bytes:
        return data

    def outgoing(self) -> bytes:
        return b""

    def send(self, data: bytes) -> bytes:
        return data

    def close(self) -> bytes:
        return b""

    def peer(self, address: str, port: int) -> Peer:
        return Peer(address, port)
