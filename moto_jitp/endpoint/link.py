"""The layer between a socket's bytes and a client's: TLS, or none."""

from __future__ import annotations

from typing import Protocol

from .peer import Peer


class HandshakeFailed(Exception):  # noqa: N818 - says what happened
    """A handshake failed, or the bytes after it are not TLS."""


class Link(Protocol):
    """The layer between a socket's bytes and a client's."""

    @property
    def established(self) -> bool:
        """Whether the client's own bytes can be read and written."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Convert bytes of the socket to those of the client.

        Raises:
            HandshakeFailed: the bytes are not what the handshake expects.
        """
        ...

    def outgoing(self) -> bytes:
        """Return the data to write to the socket, and clear it."""
        ...

    def send(self, data: bytes) -> bytes:
        """Return the data to write to the socket for bytes to the client."""
        ...

    def close(self) -> bytes:
        """Return the last data to write to the socket."""
        ...

    def peer(self, address: str, port: int) -> Peer:
        """Return the peer."""
        ...


class PlainLink:
    """No TLS: for suites that only test MQTT, on the loopback interface."""

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
