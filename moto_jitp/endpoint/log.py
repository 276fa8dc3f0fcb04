"""The endpoint's log of everything that is not a connection attempt."""

from __future__ import annotations

import logging
from collections import deque

from moto_jitp.printing import one_line

from .peer import Peer

logger = logging.getLogger("moto_jitp.endpoint")
_KEPT = 100


class EndpointLog:
    """The last events that were not connection attempts of devices, each with one log line.

    Attributes:
        entries: sentences, oldest first; the last hundred.
    """

    def __init__(self) -> None:
        self.entries: deque[str] = deque(maxlen=_KEPT)

    def stranger(self, peer: Peer, details: str) -> None:
        """Log a transport that ended before an MQTT CONNECT."""
        self._add(f"{_where(peer)}: {details}")

    def client(self, peer: Peer, client_id: str, details: str) -> None:
        """Log a client: why it was refused before the gateway, or why it is served in this way."""
        self._add(f"{_where(peer)}, client ID {client_id!r}: {details}")

    def failed(self, error: Exception) -> None:
        """Log an error of the endpoint itself, or of a handler of a test."""
        line = one_line(f"{type(error).__name__}: {error}")
        self.entries.append(line)
        logger.error("%s", line, exc_info=error)

    def _add(self, text: str) -> None:
        line = one_line(text)
        self.entries.append(line)
        logger.info("%s", line)


def _where(peer: Peer) -> str:
    name = f", server name {peer.server_name!r}" if peer.server_name else ""
    return f"{peer.address or 'unknown address'} port {peer.port}{name}"
