"""``DeviceEndpoint``: real devices connect to AWS IoT in this process, over MQTT and mutual TLS."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, overload

from moto_jitp import disturbances
from moto_jitp.devices.connecting import is_known_certificate
from moto_jitp.disturbances import Disturbance, checked_disturbance
from moto_jitp.extras import command_for
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import Event
from moto_jitp.iot.account.endpoints import LocalEndpoint, endpoint_domains, local_endpoints
from moto_jitp.iot.data_plane.connections import Clients, ConnectionDeletion, all_clients
from moto_jitp.pki import DeviceIdentity

from .client_connection import ClientConnection
from .client_helpers import (
    ClientFiles,
    awsiot_arguments,
    curl_args,
    mosquitto_args,
    paho_arguments,
)
from .front_door import FrontDoor
from .happenings import Happenings
from .http_door import HttpDoor
from .log import EndpointLog
from .reached import ServerNames
from .server import EndpointServer, Listener, listen
from .server_identity import ServerIdentity

_EVERYWHERE = ("", "0.0.0.0", "::")


class _KeptSessions(Clients):
    """The sessions that an endpoint keeps for clients that are not connected."""

    def __init__(self, server: EndpointServer) -> None:
        self._server = server

    def keeps_session(self, backend: Any, client_id: str) -> bool:
        place = (backend.account_id, backend.region_name)
        return self._server.keeps_session(place, client_id)

    def delete(self, backend: Any, deletion: ConnectionDeletion) -> bool:
        place = (backend.account_id, backend.region_name)
        return deletion.clean_session and self._server.end_session(place, deletion.client_id)


class DeviceEndpoint:
    """Where real devices connect: MQTT 3.1.1 and 5 over mutual TLS, on a port of this machine.

    It works on the state of this process, inside ``mock_jitp`` or the server: registrations by
    boto3 take effect at once, and boto3 sees what devices do. Usable in a ``with`` block, or with
    :meth:`start` and :meth:`stop`.

    As on AWS IoT, the TLS handshake completes whatever certificate a device shows. Registration,
    provisioning and refusal happen on its CONNECT, and a refused device's connection is closed; the
    reason is in ``jitp.connections``.

    Args:
        host: where to listen; ``localhost`` for both loopback addresses, another name or address of
            this machine for a LAN.
        port: the port; 0 for a free one, 8883 for clients with a fixed port.
        alpn_port: another port for clients that name the application protocol ``x-amzn-mqtt-ca``
            or ``mqtt``, as on port 443 of AWS IoT, or ``x-amzn-http-ca`` for HTTPS; ``None`` for
            none, 0 for a free one.
        https_port: a port for HTTPS, on which devices publish messages and ask the credentials
            provider for credentials, as on port 8443 and on the credentials endpoint of AWS IoT;
            ``None`` for none, 0 for a free one.
        names: further host names and addresses that devices reach it by, for its certificate.
        identity: its own certificates, to share them between endpoints; the default is new ones.
        judge_in_tls: refuse unknown certificates with an alert in the TLS handshake, as AWS IoT did
            according to older reports.
        reason_in_connack: tell a refused device why: in MQTT 5 by the reason string of a CONNACK,
            in 3.1.1 by return code 5. AWS IoT says nothing.
        takes_unnamed: also register devices that send no server name (SNI).
        delays_wills: publish a will of MQTT 5 after its Will Delay Interval, and not at all if its
            session is resumed first, as in the specification. AWS IoT does not list the property
            among those that it accepts, so by default it counts as 0.

    Raises:
        ValueError: a name is not valid in a certificate, or is passed together with an identity.

    Examples:
        >>> with mock_jitp(), DeviceEndpoint() as endpoint:
        ...     firmware = ["mosquitto_pub", *endpoint.mosquitto_args(bulb), "-t", "a", "-n"]
        ...     hung_up_on = subprocess.run(firmware, stderr=subprocess.PIPE)
        ...     endpoint.wait_for("refusal").reason
        <RefusalReason.RECONNECT_REQUIRED: 'RECONNECT_REQUIRED'>

    See https://docs.aws.amazon.com/iot/latest/developerguide/protocols.html
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = 0,
        *,
        alpn_port: int | None = None,
        https_port: int | None = None,
        names: Iterable[str] = (),
        identity: ServerIdentity | None = None,
        judge_in_tls: bool = False,
        reason_in_connack: bool = False,
        takes_unnamed: bool = False,
        delays_wills: bool = False,
    ) -> None:
        names = tuple(names)
        if names and identity is not None:
            raise ValueError(
                f"names ({', '.join(names)}) are for certificates that the endpoint makes, and "
                "identity brings its own: give ServerIdentity the names, or leave identity out."
            )
        self._listens_on = host
        self._wanted_port = port
        self._wanted_alpn_port = alpn_port
        self._wanted_https_port = https_port
        if identity is None:
            listening_names = [host] if host not in _EVERYWHERE else []
            domains = endpoint_domains()
            if https_port is not None:
                domains += endpoint_domains("iot:CredentialProvider")
            identity = ServerIdentity([*listening_names, *names], domains)
        self._identity = identity
        self._judges_in_tls = judge_in_tls
        self._log = EndpointLog()
        self._names = ServerNames(identity.serves, takes_unnamed=takes_unnamed)
        self._door = FrontDoor(
            self._log,
            names=self._names,
            target_port=lambda: self.port,
            reason_in_connack=reason_in_connack,
            delays_wills=delays_wills,
        )
        self._running: _Running | None = None

    # -- start and stop -----------------------------------------------------------------------

    def start(self) -> DeviceEndpoint:
        """Start to listen and to serve devices.

        Returns:
            The endpoint itself.

        Raises:
            OSError: a port is in use, or the address is not one of this machine's.
            ValueError: a port is not a port.
            RuntimeError: it is already running.
            ModuleNotFoundError: pyOpenSSL is missing, which the extra ``[mqtt]`` installs.
        """
        if self._running is not None:
            raise RuntimeError(f"This endpoint is running already, on {self.host}:{self.port}.")
        with contextlib.ExitStack() as undo:
            sockets = _opened(undo, self._listens_on, self._wanted_port)
            alpn_sockets: list[socket.socket] = []
            if self._wanted_alpn_port is not None:
                alpn_sockets = _opened(undo, self._listens_on, self._wanted_alpn_port)
            https_sockets: list[socket.socket] = []
            if self._wanted_https_port is not None:
                https_sockets = _opened(undo, self._listens_on, self._wanted_https_port)
            running = _Running(self._identity, sockets, alpn_sockets, https_sockets)
            undo.callback(running.files.remove)
            server = EndpointServer(self._door, report=self._log.failed)
            running.happenings.start()
            undo.callback(running.happenings.stop)
            self._running = running
            local = LocalEndpoint(
                self.host, self.port, self.alpn_port, self.root_ca_pem, self.https_port
            )
            local_endpoints.append(local)
            undo.callback(local_endpoints.remove, local)
            # After those that are connected: a connection ends first, then its kept session.
            kept_sessions = _KeptSessions(server)
            all_clients.append(kept_sessions)
            undo.callback(all_clients.remove, kept_sessions)
            server.start(self._listeners(running))
            undo.callback(server.stop)
            running.undo = undo.pop_all()
        return self

    def _listeners(self, running: _Running) -> list[Listener]:
        try:
            from .http_connection import HttpConnection
            from .tls import ALPN_PROTOCOLS, HTTP_PROTOCOLS, HTTP_WITH_CERTIFICATE, TlsContext
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"The device endpoint needs {error.name}: {command_for('mqtt')}",
                name=error.name,
            ) from None

        def speaking_http(sockets: list[socket.socket]) -> partial[HttpConnection]:
            port = _port_of(sockets)
            door = HttpDoor(
                self._log, self._names, target_port=lambda: port, mqtt_port=lambda: self.port
            )
            return partial(HttpConnection, door=door)

        judge = is_known_certificate if self._judges_in_tls else None
        plain = TlsContext(self._identity, judge_leaf=judge)
        listeners = [Listener(running.sockets, plain.link)]
        if running.alpn_sockets:
            # AWS IoT speaks both on port 443, and the name selects one.
            strict = TlsContext(
                self._identity,
                protocols=(*ALPN_PROTOCOLS, HTTP_WITH_CERTIFICATE),
                require_alpn=True,
                judge_leaf=judge,
            )
            others = {HTTP_WITH_CERTIFICATE.decode(): speaking_http(running.alpn_sockets)}
            speak = partial(ClientConnection, others=others)
            listeners.append(Listener(running.alpn_sockets, strict.link, speak))
        if running.https_sockets:
            # Clients without a certificate may try what is not emulated, and get an error that says
            # so.
            https = TlsContext(
                self._identity,
                protocols=HTTP_PROTOCOLS,
                require_certificate=False,
                judge_leaf=judge,
            )
            http = speaking_http(running.https_sockets)
            listeners.append(Listener(running.https_sockets, https.link, http))
        return listeners

    def stop(self) -> None:
        """End all connections and release everything; a second call does nothing."""
        running = self._running
        if running is not None:
            running.undo.close()
            self._running = None

    def __enter__(self) -> DeviceEndpoint:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        address = f"{self.host}:{self.port}" if self._running is not None else "not running"
        return f"<DeviceEndpoint {address}>"

    # -- where it is --------------------------------------------------------------------------

    @property
    def host(self) -> str:
        """The host name for clients: ``localhost``, unless it listens on another name.

        Most clients send no server name when they connect to an address, and AWS IoT does not
        register a device without one.
        """
        return "localhost" if self._listens_on in _EVERYWHERE else self._listens_on

    @property
    def port(self) -> int:
        """The port that it listens on.

        Raises:
            RuntimeError: it is not running.
        """
        return _port_of(self._now_running.sockets)

    @property
    def alpn_port(self) -> int | None:
        """The port for clients that name an application protocol; ``None`` if there is none.

        Raises:
            RuntimeError: it is not running.
        """
        sockets = self._now_running.alpn_sockets
        return _port_of(sockets) if sockets else None

    @property
    def https_port(self) -> int | None:
        """The port for HTTPS; ``None`` if there is none.

        Raises:
            RuntimeError: it is not running.
        """
        sockets = self._now_running.https_sockets
        return _port_of(sockets) if sockets else None

    @property
    def https_url(self) -> str:
        """The URL for requests over HTTPS, such as ``https://localhost:8443``.

        Raises:
            RuntimeError: it is not running, or has no port for HTTPS.
        """
        port = self.https_port
        if port is None:
            raise RuntimeError(
                "This endpoint has no port for HTTPS: start it with https_port=0, for a free one."
            )
        return f"https://{self.host}:{port}"

    @property
    def root_ca_pem(self) -> str:
        """The root certificate that clients must trust, as PEM text."""
        return self._identity.root_pem

    @property
    def root_ca_path(self) -> Path:
        """A file with it, which lasts until :meth:`stop`.

        Raises:
            RuntimeError: it is not running.
        """
        return self._now_running.files.root_path

    @property
    def log(self) -> tuple[str, ...]:
        """Events that are not connection attempts, oldest first, such as failed handshakes.

        It has the last hundred; each is also a line of the logger ``moto_jitp.endpoint``.
        """
        return tuple(self._log.entries)

    @property
    def _now_running(self) -> _Running:
        if self._running is None:
            raise RuntimeError(
                "This endpoint is not running: use it in a 'with' block, or call start()."
            )
        return self._running

    # -- for clients --------------------------------------------------------------------------

    def files(self, device: DeviceIdentity) -> Path:
        """Return a folder with ``cert.pem``, ``key.pem`` and ``root.pem``, readable by you only.

        Args:
            device: the device.

        Returns:
            The folder, which lasts until :meth:`stop`.

        Raises:
            RuntimeError: it is not running.

        Examples:
            >>> sorted(path.name for path in endpoint.files(bulb).iterdir())
            ['cert.pem', 'key.pem', 'root.pem']
        """
        return self._now_running.files.of(device)

    def mosquitto_args(self, device: DeviceIdentity) -> list[str]:
        """Return the arguments with which ``mosquitto_pub`` and ``mosquitto_sub`` connect.

        Args:
            device: the device.

        Raises:
            RuntimeError: it is not running.

        Examples:
            >>> firmware = ["mosquitto_pub", *endpoint.mosquitto_args(bulb), "-t", "a", "-n"]
            >>> hung_up_on = subprocess.run(firmware, stderr=subprocess.PIPE)
        """
        return mosquitto_args(self.files(device), self.host, self.port)

    def curl_args(self, device: DeviceIdentity) -> list[str]:
        """Return the arguments with which ``curl`` sends requests as a device, without the URL.

        Args:
            device: the device.

        Raises:
            RuntimeError: it is not running, or has no port for HTTPS.

        Examples:
            >>> url = f"{endpoint.https_url}/topics/a?qos=1"
            >>> firmware = ["curl", *endpoint.curl_args(bulb), "--data", "on", url]
            >>> refused = subprocess.run(firmware, capture_output=True)
        """
        assert self.https_url
        return curl_args(self.files(device))

    def paho(self, device: DeviceIdentity) -> dict[str, Any]:
        """Return the keyword arguments of paho-mqtt's ``tls_set`` for a device.

        Args:
            device: the device.

        Raises:
            RuntimeError: it is not running.

        Examples:
            >>> client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="bulb-1")
            >>> client.tls_set(**endpoint.paho(bulb))
            >>> sent = client.connect(endpoint.host, endpoint.port)
        """
        return paho_arguments(self.files(device))

    def awsiot(self, device: DeviceIdentity) -> dict[str, Any]:
        """Return the keyword arguments of awsiotsdk's ``mtls_from_path`` for a device.

        They fit ``awsiot.mqtt_connection_builder`` (MQTT 3.1.1) and ``mqtt5_client_builder``.

        Args:
            device: the device.

        Raises:
            RuntimeError: it is not running.

        Examples:
            >>> connection = mqtt_connection_builder.mtls_from_path(
            ...     **endpoint.awsiot(bulb), client_id="bulb-1"
            ... )
        """
        return awsiot_arguments(self.files(device), self.host, self.port)

    # -- for tests ----------------------------------------------------------------------------

    def disturb(
        self,
        kind: str,
        client_id: str | None = None,
        times: int | None = 1,
        *,
        every: int = 1,
        seconds: float | None = None,
        packets: int | None = None,
    ) -> Disturbance:
        """Disturb devices' connections until the endpoint stops.

        Arguments and errors are those of :meth:`moto_jitp.JitpHandle.disturb`, which is for tests
        that have a handle.

        Raises:
            RuntimeError: it is not running.

        Examples:
            >>> lost = endpoint.disturb("lose-puback", "bulb-1")
        """
        running = self._now_running
        request = checked_disturbance(
            kind, client_id, times, every=every, seconds=seconds, packets=packets
        )
        disturbance = disturbances.add(request)
        running.undo.callback(disturbance.cancel)
        return disturbance

    @overload
    def wait_for(
        self,
        kind: Literal["connection", "refusal"],
        *,
        client_id: str | None = None,
        timeout: float = 30.0,
    ) -> ConnectionAttempt: ...

    @overload
    def wait_for(
        self,
        kind: Literal["disconnection", "message"],
        *,
        client_id: str | None = None,
        topic: str | None = None,
        timeout: float = 30.0,
    ) -> Event: ...

    def wait_for(
        self,
        kind: Literal["connection", "refusal", "disconnection", "message"],
        *,
        client_id: str | None = None,
        topic: str | None = None,
        timeout: float = 30.0,
    ) -> ConnectionAttempt | Event:
        """Wait until something happens, or return at once what has happened since the start.

        Each happening is returned once, so that a second call waits for the next.

        Args:
            kind: ``"connection"`` for a device that is accepted, ``"refusal"`` for one that is not,
                ``"disconnection"`` for the end of a connection, ``"message"`` for a published
                message (lifecycle events only where ``topic`` asks for them).
            client_id: the MQTT client id of the device, or of a message's publisher; ``None`` for
                any.
            topic: a topic filter that the message's topic must match; ``None`` for any.
            timeout: seconds to wait at most.

        Returns:
            The :class:`ConnectionAttempt`, or the :class:`Event` of a message. A disconnection is
            the event on ``$aws/events/presence/disconnected/<client id>``.

        Raises:
            TimeoutError: it has not happened; the text says what has.
            ValueError: there is no such kind, or the filter is not valid.
            RuntimeError: it is not running.

        Examples:
            >>> connect_device(bulb).publish("sensors/1", b"21")
            >>> endpoint.wait_for("message", topic="sensors/+").payload
            b'21'
        """
        happenings = self._now_running.happenings
        return happenings.wait_for(kind, client_id, topic, timeout)


class _Running:
    """The state of a running endpoint."""

    def __init__(
        self,
        identity: ServerIdentity,
        sockets: list[socket.socket],
        alpn_sockets: list[socket.socket],
        https_sockets: list[socket.socket],
    ) -> None:
        self.sockets = sockets
        self.alpn_sockets = alpn_sockets
        self.https_sockets = https_sockets
        self.files = ClientFiles(identity.root_pem)
        self.happenings = Happenings()
        self.undo = contextlib.ExitStack()


def _opened(undo: contextlib.ExitStack, host: str, port: int) -> list[socket.socket]:
    sockets = listen(host, port)
    for listening_socket in sockets:
        undo.callback(listening_socket.close)
    return sockets


def _port_of(sockets: list[socket.socket]) -> int:
    port: int = sockets[0].getsockname()[1]
    return port
