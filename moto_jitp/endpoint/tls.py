"""TLS of the endpoint: handshakes over memory, so that each sends its alert.

As on AWS IoT the handshake completes whatever certificate the client shows; it is judged on the
CONNECT. asyncio's own TLS would send no alert for a handshake that fails.
https://docs.aws.amazon.com/iot/latest/developerguide/transport-security.html
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from OpenSSL import SSL, crypto

from .link import HandshakeFailed
from .peer import Peer
from .server_identity import ServerIdentity

ALPN_PROTOCOLS = (b"x-amzn-mqtt-ca", b"mqtt")
"""The protocol names that AWS IoT accepts for MQTT on port 443: with a certificate, and with a
custom authorizer."""

HTTP_WITH_CERTIFICATE = b"x-amzn-http-ca"
"""The names that it accepts there for HTTPS with a certificate."""

HTTP_PROTOCOLS = (HTTP_WITH_CERTIFICATE, b"http/1.1")
"""The names for clients of the HTTPS port: AWS IoT's on port 443, and HTTP's own."""

_READ_SIZE = 65536
_NO_CERTIFICATE = "peer did not return a certificate"
# The policy IoTSecurityPolicy_TLS13_1_2_2022_10, AWS IoT's default; TLS 1.3 has suites of its own.
_TLS_1_2_CIPHERS = b":".join(
    [
        b"ECDHE-ECDSA-AES128-GCM-SHA256",
        b"ECDHE-RSA-AES128-GCM-SHA256",
        b"ECDHE-ECDSA-AES256-GCM-SHA384",
        b"ECDHE-RSA-AES256-GCM-SHA384",
        b"ECDHE-ECDSA-AES128-SHA256",
        b"ECDHE-RSA-AES128-SHA256",
        b"ECDHE-ECDSA-AES256-SHA384",
        b"ECDHE-RSA-AES256-SHA384",
        b"ECDHE-ECDSA-AES128-SHA",
        b"ECDHE-RSA-AES128-SHA",
        b"ECDHE-ECDSA-AES256-SHA",
        b"ECDHE-RSA-AES256-SHA",
        b"AES128-GCM-SHA256",
        b"AES256-GCM-SHA384",
        b"AES128-SHA256",
        b"AES256-SHA256",
        b"AES128-SHA",
        b"AES256-SHA",
    ]
)
# In AWS's order: a handshake with SHA-256 costs less than one with SHA-384.
_TLS_1_3_SUITES = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

JudgeLeaf = Callable[[bytes, "str | None"], bool]


class TlsContext:
    """The common settings of a listening socket's handshakes.

    Args:
        identity: the endpoint's own certificates.
        protocols: the application protocols (ALPN) that are spoken, the preferred one first.
        require_alpn: whether a client must name one of them, as on port 443.
        require_certificate: whether to refuse a client without a certificate in the handshake;
            otherwise the handler must check.
        judge_leaf: decides in the handshake on a client's certificate (DER) and server name;
            ``None`` to let every client through to the CONNECT.
    """

    def __init__(
        self,
        identity: ServerIdentity,
        *,
        protocols: Sequence[bytes] = ALPN_PROTOCOLS,
        require_alpn: bool = False,
        require_certificate: bool = True,
        judge_leaf: JudgeLeaf | None = None,
    ) -> None:
        self.require_alpn = require_alpn
        self._judge_leaf = judge_leaf
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(_TLS_1_2_CIPHERS)
        context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
        if hasattr(context, "set_tls13_ciphersuites"):  # since pyOpenSSL 25.2
            context.set_tls13_ciphersuites(_TLS_1_3_SUITES)
        # No resumption: each connection presents its certificate and is judged again.
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
        for certificate, key in identity.server_certificates:
            context.use_certificate(certificate)
            context.use_privatekey(key)
        verify_mode = SSL.VERIFY_FAIL_IF_NO_PEER_CERT if require_certificate else 0
        context.set_verify(SSL.VERIFY_PEER | verify_mode, self._verify)
        context.set_alpn_select_callback(_select_alpn(protocols, require_alpn))
        context.set_tlsext_servername_callback(_note_server_name)
        self._context = context

    def link(self) -> TlsLink:
        """Return the server's side of a new handshake."""
        return TlsLink(self._context, self.require_alpn)

    def _verify(
        self, connection: SSL.Connection, certificate: crypto.X509, _: int, depth: int, ok: int
    ) -> bool:
        if self._judge_leaf is None or depth:
            return True
        state = connection.get_app_data()
        if state.verdict is None:
            # An exception here would surface in the handshake as something else.
            try:
                der = crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
                state.verdict = self._judge_leaf(der, _server_name(connection))
            except Exception:
                state.verdict = False
        return bool(state.verdict)


class _State:
    """What the callbacks of a handshake note."""

    __slots__ = ("verdict",)

    def __init__(self) -> None:
        self.verdict: bool | None = None


class TlsLink:
    """The server's side of one TLS connection, over memory."""

    def __init__(self, context: SSL.Context, require_alpn: bool) -> None:
        self.established = False
        self._require_alpn = require_alpn
        self._holds_tickets = False
        self._connection = SSL.Connection(context, None)
        self._connection.set_app_data(_State())
        self._connection.set_accept_state()

    def feed(self, data: bytes) -> bytes:
        connection = self._connection
        connection.bio_write(data)
        try:
            if not self.established:
                connection.do_handshake()
                self.established = True
                self._holds_tickets = connection.get_protocol_version() == SSL.TLS1_3_VERSION
                if self._require_alpn and not connection.get_alpn_proto_negotiated():
                    raise HandshakeFailed("it offers no application protocol (ALPN)")
            received = []
            while True:
                received.append(connection.recv(_READ_SIZE))
        except SSL.WantReadError:
            pass
        except (SSL.ZeroReturnError, SSL.SysCallError):
            pass  # the end of the socket's bytes means the same
        except SSL.Error as error:
            raise HandshakeFailed(_reason(error)) from None
        except _NoCommonProtocol as error:
            raise HandshakeFailed(str(error)) from None
        return b"".join(received) if self.established else b""

    def outgoing(self) -> bytes:
        if self._holds_tickets:
            # After a handshake of TLS 1.3 OpenSSL has session tickets to send, which pyOpenSSL
            # cannot turn off. Nobody waits for them: they leave with what is sent next.
            self._holds_tickets = False
            return b""
        return self._drain()

    def _drain(self) -> bytes:
        parts = []
        with contextlib.suppress(SSL.Error):  # including WantReadError: there is nothing left
            while len(part := self._connection.bio_read(_READ_SIZE)) == _READ_SIZE:
                parts.append(part)
            parts.append(part)
        return b"".join(parts)

    def send(self, data: bytes) -> bytes:
        self._connection.sendall(data)
        return self._drain()

    def close(self) -> bytes:
        with contextlib.suppress(SSL.Error):  # nothing to close during a handshake
            self._connection.shutdown()
        return self._drain()

    def peer(self, address: str, port: int) -> Peer:
        connection = self._connection
        # OpenSSL leaves the client's own certificate out of the chain on the server's side.
        certificates = [
            connection.get_peer_certificate(),
            *(connection.get_peer_cert_chain() or []),
        ]
        chain = [
            crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
            for certificate in certificates
            if certificate
        ]
        alpn = connection.get_alpn_proto_negotiated()
        return Peer(
            address,
            port,
            tuple(dict.fromkeys(chain)),
            _server_name(connection),
            alpn.decode() or None,
            connection.get_protocol_version_name(),
        )


class _NoCommonProtocol(Exception):  # noqa: N818 - says what happened
    """The client names only application protocols that the endpoint does not speak."""


def _select_alpn(
    protocols: Sequence[bytes], required: bool
) -> Callable[[SSL.Connection, list[bytes]], Any]:
    def select(_: SSL.Connection, client_protocols: list[bytes]) -> Any:
        for protocol in protocols:
            if protocol in client_protocols:
                return protocol
        if required:
            names = ", ".join(
                repr(protocol.decode("ascii", "replace")) for protocol in client_protocols
            )
            supported = ", ".join(protocol.decode("ascii") for protocol in protocols)
            raise _NoCommonProtocol(
                f"it offers the application protocols {names}, and this port speaks {supported}"
            )
        return SSL.NO_OVERLAPPING_PROTOCOLS

    return select


def _note_server_name(_: SSL.Connection) -> None:
    """OpenSSL keeps the name if there is a callback."""


def _server_name(connection: SSL.Connection) -> str | None:
    name = connection.get_servername()
    return None if name is None else name.decode("utf-8", "replace")


def _reason(error: SSL.Error) -> str:
    """OpenSSL's description of an error, such as ``http request`` or ``unknown ca``."""
    details = error.args[0] if error.args else ()
    words = [entry[2] for entry in details if isinstance(entry, tuple) and len(entry) > 2]
    reason = ", ".join(word for word in words if word) or "the connection ended"
    if _NO_CERTIFICATE in reason:
        reason += "; custom authorizers, which let clients in without one, are not emulated"
    return reason
