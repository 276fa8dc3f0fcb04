"""What clients' connections of all protocols have in common: socket and TLS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .link import HandshakeFailed, Link
from .peer import Peer
from .serving import Serving

if TYPE_CHECKING:
    from moto_jitp.mqtt.events import DisconnectReason
    from moto_jitp.mqtt.reason_codes import ReasonCode


class ClientSocket(asyncio.Protocol):
    """A client's socket and TLS; a subclass speaks the protocol, all in the endpoint's thread.

    Args:
        server: the endpoint.
        link: TLS, or none.
    """

    def __init__(self, server: Serving, link: Link) -> None:
        self._server = server
        self._link = link
        self._loop = server.loop
        self._transport: asyncio.Transport | None = None
        self._peer = Peer("", 0)
        self._knows_peer = False
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    # -- what a subclass does -----------------------------------------------------------------

    def _handshake_failed(self, details: str) -> None:
        """Note the failure and close; the alert is written."""
        raise NotImplementedError

    def _handshake_done(self) -> ClientSocket:
        """Return the handler that speaks to the client from now on."""
        return self

    def _receive(self, data: bytes) -> None:
        """Process bytes that the client has sent."""
        raise NotImplementedError

    def _set_timer(self) -> None:
        """Schedule a check of the clock for when something is due."""
        raise NotImplementedError

    # -- the socket ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        address = transport.get_extra_info("peername") or ("", 0)
        self._peer = Peer(address[0], address[1])
        self._server.connections.add(self)
        self._set_timer()

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        try:
            data = self._link.feed(data)
        except HandshakeFailed as error:
            self._write(self._link.outgoing())  # the alert
            self._handshake_failed(f"The TLS handshake failed: {error}")
            return
        self._write(self._link.outgoing())
        if not self._link.established:
            return
        speaks: ClientSocket = self
        if not self._knows_peer:
            self._knows_peer = True
            self._peer = self._link.peer(self._peer.address, self._peer.port)
            speaks = self._handshake_done()
            if speaks is not self:
                self._leave_to(speaks)
        if data:
            speaks._receive(data)

    def _leave_to(self, other: ClientSocket) -> None:
        """Let another handler speak to the client after the handshake."""
        transport = self._transport
        assert transport is not None
        self._over = True
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._server.connections.discard(self)
        transport.set_protocol(other)
        other.connection_made(transport)
        other._knows_peer, other._peer = True, self._peer

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self, reason: DisconnectReason, details: str, code: ReasonCode) -> None:
        """End the connection; may be called in any thread.

        Raises:
            NotImplementedError: the subclass does not override it.
        """
        raise NotImplementedError

    def flushed(self) -> bool:
        """Whether nothing waits to be written or processed.

        Raises:
            NotImplementedError: the subclass does not override it.
        """
        raise NotImplementedError

    def abort(self) -> None:
        """Close the socket at once."""
        if self._transport is not None:
            self._transport.abort()
