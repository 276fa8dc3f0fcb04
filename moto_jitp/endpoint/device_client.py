"""A minimal device, which connects to an endpoint over mutual TLS as firmware does.

For the commands ``moto-jitp connect --mqtt`` and ``fleet --mqtt``; tests of firmware run the
firmware itself.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
from pathlib import Path
from types import TracebackType

from moto_jitp.mqtt.decoding import Decoder
from moto_jitp.mqtt.encoding import encode
from moto_jitp.mqtt.packets import Connack, Connect, Disconnect, Packet, Version
from moto_jitp.pki import DeviceIdentity
from moto_jitp.remote.client import ControlClient

_READ_SIZE = 65536


class EndpointAddress:
    """The address that a device connects to.

    Attributes:
        host: the host name, also used as server name.
        port: the port.
        root_pem: the root certificate to trust.
    """

    def __init__(self, host: str, port: int, root_pem: str) -> None:
        self.host = host
        self.port = port
        self.root_pem = root_pem


class DeviceClient:
    """A device's connection; usable in a ``with`` block, which disconnects at its end.

    Args:
        address: where to connect to.
        device: the device.
        client_id: the MQTT client id.
        version: of MQTT.
        timeout: the time limit for each answer, in seconds.
    """

    def __init__(
        self,
        address: EndpointAddress,
        device: DeviceIdentity,
        client_id: str,
        *,
        version: Version = Version.MQTT_5,
        timeout: float = 60.0,
    ) -> None:
        self._address = address
        self._context = _context(address.root_pem, device)
        self._client_id = client_id
        self._version = version
        self._timeout = timeout
        self._socket: ssl.SSLSocket | None = None
        self._decoder = Decoder(version=version)

    def connect(self) -> Connack | None:
        """Make one attempt.

        Returns:
            The CONNACK; ``None`` if AWS IoT hung up without one.

        Raises:
            OSError: nothing listens there, or the TLS handshake failed.
        """
        raw = socket.create_connection(
            (self._address.host, self._address.port), timeout=self._timeout
        )
        try:
            self._socket = self._context.wrap_socket(raw, server_hostname=self._address.host)
        except BaseException:
            raw.close()
            raise
        self._decoder = Decoder(version=self._version)
        self.send(Connect(self._client_id, self._version, keep_alive=1200))
        answer = self.receive()
        if not isinstance(answer, Connack):
            self.close()
            return None
        return answer

    def send(self, *packets: Packet) -> None:
        """Send packets."""
        assert self._socket is not None
        self._socket.sendall(b"".join(encode(packet, self._version) for packet in packets))

    def receive(self) -> Packet | None:
        """Return the next packet; ``None`` if the connection ends first."""
        assert self._socket is not None
        while (packet := self._decoder.next_packet()) is None:
            try:
                data = self._socket.recv(_READ_SIZE)
            except (ConnectionError, ssl.SSLEOFError):
                return None
            if not data:
                return None
            self._decoder.feed(data)
        return packet

    def close(self) -> None:
        """Close the socket without a DISCONNECT."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def disconnect(self) -> None:
        """Send a DISCONNECT and close the socket."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self.send(Disconnect())
            self.close()

    def __enter__(self) -> DeviceClient:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.disconnect()


def endpoint_at(client: ControlClient) -> EndpointAddress:
    """Return the address that devices of a running server connect to.

    Args:
        client: speaks to its control routes.

    Raises:
        ControlError: no device endpoint runs there.
        ConnectionError: no server answers.
    """
    endpoint = client.get("endpoint")
    return EndpointAddress(endpoint["host"], endpoint["port"], endpoint["rootCaPem"])


def connect_over_mqtt(
    address: EndpointAddress, device: DeviceIdentity, client_id: str, *, reconnect: bool = True
) -> bool:
    """Connect a device, and connect it again if AWS IoT hangs up, as firmware does.

    Args:
        address: where to connect to.
        device: the device.
        client_id: the MQTT client id.
        reconnect: whether to try a second time.

    Returns:
        Whether it was accepted; it has since disconnected.

    Raises:
        OSError: nothing listens there, or the TLS handshake failed.
    """
    for _ in range(2 if reconnect else 1):
        with DeviceClient(address, device, client_id) as client:
            answer = client.connect()
            if answer is not None:
                return answer.reason_code == 0
    return False


def _context(root_pem: str, device: DeviceIdentity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root_pem)
    # Python only reads a private key from files.
    with tempfile.TemporaryDirectory() as folder:
        files = device.write(Path(folder))
        context.load_cert_chain(files.chain, files.private_key)
    return context
