"""The peer of a connection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """The peer of a connection.

    Attributes:
        address: the IP address.
        port: the port.
        chain: the certificates that it showed as DER, its own first; empty over plain TCP.
        server_name: the server name (SNI) that it asked for; ``None`` if it sent none.
        alpn: the application protocol that was agreed on; ``None`` for none.
        protocol: the TLS version, such as ``TLSv1.3``.
    """

    address: str
    port: int
    chain: tuple[bytes, ...] = ()
    server_name: str | None = None
    alpn: str | None = None
    protocol: str | None = None
