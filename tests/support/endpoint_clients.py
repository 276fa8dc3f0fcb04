"""A client that speaks TLS with Python's ``ssl`` and MQTT packet by packet."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from moto_jitp import DeviceIdentity
from moto_jitp.mqtt.decoding import Decoder
from moto_jitp.mqtt.encoding import encode
from moto_jitp.mqtt.packets import Connack, Connect, Packet, Version

PacketT = TypeVar("PacketT")
PATIENCE = 60.0
"""Seconds after which a test that waits in vain fails; even a slow machine needs far fewer."""


def client_context(
    root_pem: str,
    device: DeviceIdentity | None,
    *,
    alpn: str | None = None,
    tls: ssl.TLSVersion | None = None,
    chain: bool = False,
) -> ssl.SSLContext:
    """Return a context that trusts a root and shows a device's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root_pem)
    if tls is not None:
        context.minimum_version = context.maximum_version = tls
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    if device is not None:
        with tempfile.TemporaryDirectory() as folder:
            files = device.write(Path(folder))
            context.load_cert_chain(files.chain if chain else files.certificate, files.private_key)
    return context


class RawClient:
    """A connection to an endpoint, or to a plain port without a context.

    Args:
        port: the port on this machine.
        context: the client's TLS context.
        server_name: the server name that it sends; ``None`` for none, without a check of names.
        version: of MQTT.
        address: the address that it connects to.
    """

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext | None = None,
        *,
        server_name: str | None = "localhost",
        version: Version = Version.MQTT_5,
        address: str = "127.0.0.1",
    ) -> None:
        self.version = version
        raw = socket.create_connection((address, port), timeout=PATIENCE)
        self.socket: socket.socket = raw
        if context is not None:
            if server_name is None:
                context.check_hostname = False
            try:
                self.socket = context.wrap_socket(raw, server_hostname=server_name)
            except BaseException:
                raw.close()
                raise
        self._decoder = Decoder(version=version)

    def send(self, *packets: Packet) -> None:
        """Send packets."""
        self.socket.sendall(b"".join(encode(packet, self.version) for packet in packets))

    def receive(self, kind: type[PacketT]) -> PacketT:
        """Return the next packet, which must be of this type."""
        packet = self.next_packet()
        assert isinstance(packet, kind), f"expected {kind.__name__}, received {packet}"
        return packet

    def next_packet(self) -> Packet | None:
        """Return the next packet; ``None`` if the server closes the connection instead."""
        while True:
            packet = self._decoder.next_packet()
            if packet is not None:
                return packet
            try:
                data = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLEOFError):
                return None
            if not data:
                return None
            self._decoder.feed(data)

    def is_closed(self) -> bool:
        """Wait for the server to close the connection; fail if it sends something first."""
        packet = self.next_packet()
        assert packet is None, f"expected the end of the connection, received {packet}"
        return True

    def connect(self, client_id: str = "device", **options: object) -> Connack:
        """Send a CONNECT and return the answer."""
        self.send(Connect(client_id, self.version, **options))  # type: ignore[arg-type]
        return self.receive(Connack)

    def close(self) -> None:
        """Close the socket without a DISCONNECT."""
        with contextlib.suppress(OSError):
            self.socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
