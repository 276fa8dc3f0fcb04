r"""Measures the device endpoint beside bare TLS and, if installed, other brokers.

    python benchmarks/endpoint.py                      # a few minutes
    python benchmarks/endpoint.py --quick              # seconds, for a look
    python benchmarks/endpoint.py --at-most            # fails where a goal is missed
    python benchmarks/endpoint.py --peer amqtt=/path/to/venv/bin/python --peer mosquitto \
        --peer ministack=/path/to/venv/bin/python

Servers run in processes of their own, clients in another, and those that are compared take turns
in the same minutes: over mutual TLS all of them, with the same lean client, whose key is an EC key
(P-256) as in an ESP32. The peers are not among the project's dependencies: amqtt and MiniStack are
looked for in the environment whose Python is named, mosquitto on the PATH.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import shutil
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from moto_jitp.mqtt.decoding import Decoder
from moto_jitp.mqtt.encoding import encode
from moto_jitp.mqtt.packets import (
    Connack,
    Connect,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Version,
)

V3 = Version.MQTT_3_1_1
GOAL_CONNECTS = 0.7
GOAL_AMQTT = 4.0
GOAL_MINISTACK = 3.0
GOAL_FLAT = 1.3
BARE = "bare pyOpenSSL"
MINISTACK = "ministack"
LONGEST_SILENCE = 30.0
LONGEST_WORK = 600.0
_SPAWN = multiprocessing.get_context("spawn")


class Server(NamedTuple):
    """A listening server, and what its clients need.

    Attributes:
        port: where it listens.
        root: the file of the root certificate; ``None`` for plain TCP.
        certificate: the file of a device's certificate.
        key: the file of its key.
        process: the id of the server's process.
    """

    port: int
    root: str | None
    certificate: str
    key: str
    process: int

    def connect(self, client_id: str) -> Link:
        """Connect an MQTT client."""
        return Link(self, client_id)


class Link:
    """A client's connection."""

    def __init__(self, server: Server, client_id: str | None) -> None:
        raw = socket.create_connection(("127.0.0.1", server.port), timeout=LONGEST_SILENCE)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket: socket.socket = raw
        if server.root is not None:
            context = ssl.create_default_context(cafile=server.root)
            context.load_cert_chain(server.certificate, server.key)
            self.socket = context.wrap_socket(raw, server_hostname="localhost")
        self._decoder = Decoder(version=V3)
        if client_id is not None:
            self.send(encode(Connect(client_id, V3, keep_alive=600), V3))
            assert isinstance(self.packet(), Connack)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def packet(self) -> Any:
        while (packet := self._decoder.next_packet()) is None:
            data = self.socket.recv(1 << 16)
            assert data, "the server closed the connection"
            self._decoder.feed(data)
        return packet

    def close(self) -> None:
        self.socket.close()


# -- servers ----------------------------------------------------------------------------------


@contextlib.contextmanager
def ours(devices: int = 1, subscriptions: int = 0) -> Iterator[tuple[Server, list[Server]]]:
    """This project's endpoint, with policies enforced, in a process of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _process(_serve_ours, folder, devices, subscriptions) as told,
    ):
        servers = [Server(*entry) for entry in told.recv()]
        yield servers[0], servers


def _serve_ours(pipe: Any, folder: str, devices: int, subscriptions: int) -> None:
    import boto3

    from moto_jitp import CertificateAuthority, DeviceEndpoint, connect_device, mock_jitp

    with mock_jitp(config={"jitp": {"enforce_policies": True}}), DeviceEndpoint() as endpoint:
        iot = boto3.client("iot", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        ca = CertificateAuthority()
        ca.register(iot, template_body=json.dumps(TEMPLATE))
        told = []
        for number in range(devices):
            device = ca.issue(common_name=f"device-{number}")
            if number == 0:
                connect_device(device)
            files = device.write(Path(folder) / str(number))
            told.append(
                (
                    endpoint.port,
                    str(endpoint.root_ca_path),
                    str(files.certificate),
                    str(files.private_key),
                    os.getpid(),
                )
            )
        if subscriptions:
            listeners = [
                connect_device(ca.issue(common_name=f"listener-{n}"))
                for n in range(subscriptions // 50)
            ]
            for n, listener in enumerate(listeners):
                for m in range(50):
                    listener.subscribe(f"other/{n}/{m}/+", lambda event: None)
        pipe.send(told)
        pipe.recv()


def _serve_bare_tls(pipe: Any, folder: str) -> None:
    """A server that verifies client certificates with pyOpenSSL and does nothing else.

    It is as lean as such a server can be: OpenSSL alone verifies, no line of Python is called
    meanwhile, and the suites are those of this project's endpoint.
    """
    from moto_jitp import CertificateAuthority
    from moto_jitp.endpoint.server_identity import ServerIdentity

    identity, ca = ServerIdentity(), CertificateAuthority()
    files = ca.issue(common_name="device").write(folder)
    root, trusted = Path(folder) / "root.pem", Path(folder) / "ca.pem"
    root.write_text(identity.root_pem)
    trusted.write_text(ca.certificate_pem)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_CIPHER_SERVER_PREFERENCE)
    if hasattr(context, "set_tls13_ciphersuites"):
        context.set_tls13_ciphersuites(b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384")
    for certificate, key in identity.server_certificates:
        context.use_certificate(certificate)
        context.use_privatekey(key)
    context.load_verify_locations(str(trusted))
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)

    def serve() -> None:
        while True:
            raw, _ = listening.accept()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = SSL.Connection(context, raw)
            connection.set_accept_state()
            with contextlib.suppress(SSL.Error):
                connection.do_handshake()
                connection.send(b"x")
                connection.recv(1)
            raw.close()

    for _ in range(_CLIENTS):
        threading.Thread(target=serve, daemon=True).start()
    port = listening.getsockname()[1]
    pipe.send((port, str(root), str(files.certificate), str(files.private_key), os.getpid()))
    pipe.recv()


class ProcessEnded(RuntimeError):  # noqa: N818 - says what happened
    """A process of the benchmark's own has ended, or is silent, and its result is awaited."""


class Process:
    """A process of the benchmark's own, which is awaited no longer than it lives.

    Args:
        errors: the file that takes its stderr.
        target: what it does; called with its end of a pipe and the arguments.
        arguments: of the target.
    """

    def __init__(self, errors: Path, target: Callable[..., None], *arguments: Any) -> None:
        self._errors = errors
        self._pipe, its_end = _SPAWN.Pipe()
        self._process = _SPAWN.Process(
            target=_with_its_errors_in, args=(str(errors), target, its_end, *arguments), daemon=True
        )
        self._process.start()
        its_end.close()

    def recv(self) -> Any:
        """Return what it sends next.

        Raises:
            ProcessEnded: it has ended, or sends nothing; the text has its stderr.
        """
        ready = wait([self._pipe, self._process.sentinel], LONGEST_WORK)
        if not ready:
            raise ProcessEnded(f"A process sends nothing for {LONGEST_WORK:.0f} seconds.")
        with contextlib.suppress(EOFError, OSError):
            if self._pipe.poll():
                return self._pipe.recv()
        self._process.join()
        said = self._errors.read_text() if self._errors.exists() else ""
        raise ProcessEnded(
            f"A process has ended with exit code {self._process.exitcode} before it has sent what "
            f"is awaited. Its stderr: {said.strip() or 'nothing'}"
        )

    def send(self, what: object) -> None:
        """Send it something; nothing happens where it has ended."""
        with contextlib.suppress(OSError):
            self._pipe.send(what)

    def stop(self) -> None:
        """Have it end."""
        self.send("stop")
        self._process.join(LONGEST_SILENCE)
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _with_its_errors_in(path: str, target: Callable[..., None], *arguments: Any) -> None:
    with open(path, "w") as file:
        os.dup2(file.fileno(), 2)
    target(*arguments)


@contextlib.contextmanager
def _process(target: Callable[..., None], *arguments: Any) -> Iterator[Process]:
    with tempfile.TemporaryDirectory() as folder:
        process = Process(Path(folder) / "stderr", target, *arguments)
        try:
            yield process
        finally:
            process.stop()


TEMPLATE: dict[str, Any] = {
    "Parameters": {"AWS::IoT::Certificate::CommonName": {"Type": "String"}},
    "Resources": {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}},
        },
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                "Status": "ACTIVE",
            },
        },
        "policy": {
            "Type": "AWS::IoT::Policy",
            "Properties": {
                "PolicyDocument": json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Action": [
                                    "iot:Connect",
                                    "iot:Publish",
                                    "iot:Subscribe",
                                    "iot:Receive",
                                ],
                                "Resource": "*",
                            }
                        ],
                    }
                )
            },
        },
    },
}


class PeerFiles(NamedTuple):
    """What a broker and its client need for mutual TLS, as files."""

    root: str
    server_certificate: str
    server_key: str
    device_ca: str
    certificate: str
    key: str


def peer_files(folder: str) -> PeerFiles:
    """Make certificates of the kinds that this project's endpoint has."""
    from moto_jitp import CertificateAuthority
    from moto_jitp.endpoint.server_identity import ServerIdentity

    identity, ca = ServerIdentity(), CertificateAuthority()
    certificate, key = identity.server_certificates[0]
    device = ca.issue(common_name="device").write(folder)
    there = Path(folder)
    (there / "root.pem").write_text(identity.root_pem)
    (there / "ca.pem").write_text(ca.certificate_pem)
    (there / "server.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (there / "server.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    names = (str(there / name) for name in ("root.pem", "server.pem", "server.key", "ca.pem"))
    return PeerFiles(*names, str(device.certificate), str(device.private_key))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def _broker(
    command: list[str], port: int, files: PeerFiles, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """Run a broker until its port is open."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        _await_port(port, process)
        yield Server(port, files.root, files.certificate, files.key, process.pid)
    finally:
        process.kill()
        process.wait()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + LONGEST_SILENCE
    while time.monotonic() < ends_at:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} has ended with {process.returncode}.")
        time.sleep(0.05)
    raise RuntimeError("nothing listens on the port that it was given for mutual TLS")


@contextlib.contextmanager
def amqtt(python: str) -> Iterator[Server]:
    """amqtt over mutual TLS, with everything allowed."""
    script = (
        "import asyncio, json, sys\n"
        "from amqtt.broker import Broker\n"
        "async def main():\n"
        "    plugin = 'amqtt.plugins.authentication.AnonymousAuthPlugin'\n"
        "    broker = Broker({\n"
        "        'listeners': {'default': json.loads(sys.argv[1])},\n"
        "        'plugins': {plugin: {'allow_anonymous': True}},\n"
        "    })\n"
        "    await broker.start()\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        files = peer_files(folder)
        listener = {
            "type": "tcp",
            "ssl": True,
            "bind": f"127.0.0.1:{port}",
            "certfile": files.server_certificate,
            "keyfile": files.server_key,
            "cafile": files.device_ca,
        }
        with _broker([python, "-c", script, json.dumps(listener)], port, files) as server:
            yield server


@contextlib.contextmanager
def mosquitto() -> Iterator[Server]:
    """mosquitto over mutual TLS, with everything allowed."""
    program = shutil.which("mosquitto")
    assert program is not None, "mosquitto is not installed"
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        files = peer_files(folder)
        settings = Path(folder) / "mosquitto.conf"
        settings.write_text(
            f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\n"
            f"max_queued_messages 0\nset_tcp_nodelay true\nrequire_certificate true\n"
            f"cafile {files.device_ca}\ncertfile {files.server_certificate}\n"
            f"keyfile {files.server_key}\n"
        )
        with _broker([program, "-c", str(settings)], port, files) as server:
            yield server


@contextlib.contextmanager
def ministack(python: str) -> Iterator[Server]:
    """MiniStack's listener for devices, with a certificate that it has issued.

    It needs ``cryptography`` in its environment to have one.
    """
    import boto3

    port, gateway = free_port(), free_port()
    environment = {
        **os.environ,
        "IOT_MTLS_PORT": str(port),
        "GATEWAY_PORT": str(gateway),
        "LOG_LEVEL": "ERROR",
    }
    with tempfile.TemporaryDirectory() as folder:
        root, certificate, key = (Path(folder) / name for name in ("root", "certificate", "key"))
        files = PeerFiles(str(root), "", "", "", str(certificate), str(key))
        command = [python, "-m", "ministack"]
        with _broker(command, port, files, environment) as server:
            url = f"http://127.0.0.1:{gateway}"
            iot = boto3.client(
                "iot",
                "us-east-1",
                endpoint_url=url,
                aws_access_key_id="x",
                aws_secret_access_key="x",
            )
            own_key = ec.generate_private_key(ec.SECP256R1())  # the kind that all clients have
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device")])
            request = x509.CertificateSigningRequestBuilder().subject_name(subject)
            csr = request.sign(own_key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
            issued = iot.create_certificate_from_csr(
                certificateSigningRequest=csr, setAsActive=True
            )
            with urllib.request.urlopen(f"{url}/_ministack/iot/ca.pem") as answer:
                root.write_bytes(answer.read())
            certificate.write_text(issued["certificatePem"])
            key.write_bytes(
                own_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            )
            yield server


def running_peers(undo: contextlib.ExitStack, peers: dict[str, str]) -> dict[str, Server]:
    """Start the named brokers; one that does not run is reported and omitted."""
    found = {}
    for name, python in peers.items():
        start = {"amqtt": amqtt, "ministack": ministack}.get(name)
        try:
            found[name] = undo.enter_context(mosquitto() if start is None else start(python))
        except Exception as error:
            print(f"  {name} cannot be measured: {error}")
    return found


# -- measurements -----------------------------------------------------------------------------


def messages_per_second(server: Server, qos: int, number: int) -> float:
    """Send messages of 100 bytes from one client to another."""
    subscriber, publisher = server.connect("device-0-s"), server.connect("device-0-p")
    subscriber.send(encode(Subscribe(1, (Subscription("bench/topic", qos),)), V3))
    assert isinstance(subscriber.packet(), Suback)
    payload = b"x" * 100

    def publish() -> None:
        if qos == 0:
            data = encode(Publish("bench/topic", payload), V3)
            for _ in range(number // 50):
                publisher.send(data * 50)
            return
        window, sent, acknowledged = 80, 0, 0
        while acknowledged < number:
            batch = min(window - (sent - acknowledged), number - sent)
            publisher.send(
                b"".join(
                    encode(Publish("bench/topic", payload, 1, n % 60_000 + 1), V3)
                    for n in range(sent, sent + batch)
                )
            )
            sent += batch
            publisher.packet()
            acknowledged += 1

    began = time.perf_counter()
    thread = threading.Thread(target=publish, daemon=True)
    thread.start()
    received = 0
    while received < number // 50 * 50:
        try:
            packet = subscriber.packet()
        except TimeoutError:
            raise RuntimeError(f"only {received} of {number} messages have arrived") from None
        if isinstance(packet, Publish):
            received += 1
            if packet.packet_id is not None:
                subscriber.send(b"\x40\x02" + packet.packet_id.to_bytes(2, "big"))
    seconds = time.perf_counter() - began
    thread.join()
    subscriber.close()
    publisher.close()
    return received / seconds


def connects_per_second(connect: Callable[[int], None], number: int, threads: int = 4) -> float:
    """Connect so many times, from several threads."""
    began = time.perf_counter()

    def work(first: int) -> None:
        for n in range(first, number, threads):
            connect(n)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return number / (time.perf_counter() - began)


class Connects(NamedTuple):
    """How many clients a server accepted per second, and the cost of one.

    Attributes:
        per_second: with clients that share the cores with the server.
        server_ms: milliseconds of the server's processor time for each.
        client_ms: the same of the client.
    """

    per_second: float
    server_ms: float
    client_ms: float

    def __str__(self) -> str:
        return (
            f"{self.per_second:6.0f} connects/s, processor time for each {self.server_ms:.2f} ms "
            f"(of the client {self.client_ms:.2f} ms)"
        )


_CLIENTS = 4
_UNKNOWN = (Connects(0, 1, 0), Connects(0, 0, 0))


def count_connects(server: Server, number: int, *, speaks_mqtt: bool = True) -> Connects:
    """Connect so many times, from several processes that do as little as possible.

    Args:
        server: where to.
        number: how often altogether.
        speaks_mqtt: whether to send a CONNECT and wait for its CONNACK; otherwise for any byte.
    """
    with contextlib.ExitStack() as running:
        clients = [
            running.enter_context(
                _process(_connect_again_and_again, server, n, number // _CLIENTS, speaks_mqtt)
            )
            for n in range(_CLIENTS)
        ]
        for client in clients:
            client.recv()
        server_seconds = _processor_time(server.process)
        began = time.perf_counter()
        for client in clients:
            client.send("go")
        client_seconds = sum(client.recv() for client in clients)
        seconds = time.perf_counter() - began
        server_seconds = _processor_time(server.process) - server_seconds
    done = number // _CLIENTS * _CLIENTS
    return Connects(done / seconds, server_seconds / done * 1000, client_seconds / done * 1000)


def _connect_again_and_again(
    pipe: Any, server: Server, who: int, number: int, speaks_mqtt: bool
) -> None:
    # The server is to be measured: it is not verified, and the context is made once. pyOpenSSL
    # brings an OpenSSL whose handshake costs half of that of many a Python's ssl.
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.use_certificate_chain_file(server.certificate)
    context.use_privatekey_file(server.key)
    packets = [
        encode(Connect(f"device-0-{who}-{n}", V3, keep_alive=600), V3) for n in range(number)
    ]
    silence = struct.pack("ll", int(LONGEST_SILENCE), 0)
    pipe.send("ready")
    pipe.recv()
    began = time.process_time()
    for packet in packets:
        raw = socket.create_connection(("127.0.0.1", server.port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A time limit of Python's own would take the socket away from OpenSSL.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, silence)
        connection = SSL.Connection(context, raw)
        connection.set_tlsext_host_name(b"localhost")
        connection.set_connect_state()
        connection.do_handshake()
        if speaks_mqtt:
            connection.sendall(packet)
        connection.recv(64)
        raw.close()
    pipe.send(time.process_time() - began)
    pipe.recv()


def _processor_time(process: int) -> float:
    """The processor seconds of a process and its children; 0 if unknown."""
    if sys.platform != "linux":
        return 0.0
    parents, seconds = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
                ticks = int(fields[11]) + int(fields[12])
                seconds[int(entry.name)] = ticks / os.sysconf("SC_CLK_TCK")

    def of(one: int) -> float:
        return seconds.get(one, 0.0) + sum(of(child) for child in parents if parents[child] == one)

    return of(process)


def measure_connects(number: int, rounds: int, peers: dict[str, str]) -> None:
    with (
        contextlib.ExitStack() as running,
        tempfile.TemporaryDirectory() as folder,
        ours() as (endpoint, _),
        _process(_serve_bare_tls, folder) as told,
    ):
        wanted = {name: python for name, python in peers.items() if name == MINISTACK}
        others = {BARE: Server(*told.recv()), **running_peers(running, wanted)}
        found: dict[str, list[Connects]] = {name: [] for name in ("ours", *others)}
        for _ in range(rounds):
            for name, server in {"ours": endpoint, **others}.items():
                speaks_mqtt = name != BARE
                found[name].append(count_connects(server, number, speaks_mqtt=speaks_mqtt))
                print(f"  {name:>14} {found[name][-1]}")
        report(
            "connects beside bare pyOpenSSL",
            _times_as_many(found["ours"], found[BARE]),
            GOAL_CONNECTS,
        )
        if MINISTACK in found:
            for name in ("ours", BARE):
                rate = _times_as_many(found[name], found[MINISTACK])
                cost = _times_as_cheap(found[name], found[MINISTACK])
                print(
                    f"  {name} beside {MINISTACK}: {rate:.2f} times as many connects a second, "
                    f"{cost:.2f} by the server's processor time"
                )
            rate = _times_as_many(found["ours"], found[MINISTACK])
            report(f"connects beside {MINISTACK}", rate, GOAL_MINISTACK)


def _times_as_many(some: list[Connects], others: list[Connects]) -> float:
    pairs = zip(some, others, strict=True)
    return statistics.median(one.per_second / other.per_second for one, other in pairs)


def _times_as_cheap(some: list[Connects], others: list[Connects]) -> float:
    """By the processor time of the servers; 0 where that is not known."""
    pairs = [(one, other) for one, other in zip(some, others, strict=True) if one.server_ms]
    return statistics.median(other.server_ms / one.server_ms for one, other in pairs or [_UNKNOWN])


def measure_jitp(number: int) -> None:
    with ours(devices=number) as (_, servers):

        def provision(n: int) -> None:
            server = servers[n]
            with contextlib.suppress(AssertionError, OSError):
                server.connect(f"device-{n}").close()
            server.connect(f"device-{n}").close()

        rate = connects_per_second(provision, number)
        print(f"  {rate:.0f} devices/s are provisioned just in time and connect again")


def measure_messages(number: int, rounds: int, peers: dict[str, str]) -> None:
    with contextlib.ExitStack() as running:
        server, _ = running.enter_context(ours())
        others = running_peers(running, peers)
        for qos in (0, 1):
            found: dict[str, list[float]] = {}
            messages_per_second(server, qos, number // 10)
            for _ in range(rounds):
                for name, one in {"ours": server, **others}.items():
                    try:
                        rate = messages_per_second(one, qos, number)
                    except (AssertionError, OSError, RuntimeError) as error:
                        print(f"  QoS {qos} of {name} cannot be measured: {error}")
                        continue
                    found.setdefault(name, []).append(rate)
            mine = found.pop("ours")
            middle = statistics.median(mine)
            print(f"  QoS {qos}: {middle:8.0f} messages/s over TLS, with policies")
            for name, theirs in found.items():
                middle = statistics.median(theirs)
                print(f"         {middle:8.0f} messages/s of {name} over TLS, without policies")
                if name == "amqtt":
                    ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
                    what = f"messages of QoS {qos} beside amqtt"
                    report(what, statistics.median(ratios), GOAL_AMQTT)


def measure_subscriptions(number: int, rounds: int) -> None:
    with ours() as (few, _), ours(subscriptions=10_000) as (many, _):
        ratios = []
        for _ in range(rounds):
            alone = messages_per_second(few, 0, number)
            crowd = messages_per_second(many, 0, number)
            ratios.append(alone / crowd)
        report(
            "a publish with 10,000 subscriptions", statistics.median(ratios), GOAL_FLAT, most=True
        )


def measure_memory(number: int) -> None:
    with ours() as (server, _):
        links = [server.connect(f"device-0-{n}") for n in range(50)]
        before = _resident(server)
        links += [server.connect(f"device-0-{50 + n}") for n in range(number)]
        after = _resident(server)
        print(f"  {(after - before) / number / 1024:.0f} KB for each connected device")
        for link in links:
            link.close()


def _resident(server: Server) -> int:
    """The resident memory of the server's process in bytes."""
    for line in Path(f"/proc/{server.process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("there is no VmRSS")


_missed: list[str] = []


def report(what: str, found: float, goal: float, *, most: bool = False) -> None:
    met = found <= goal if most else found >= goal
    bound = "at most" if most else "at least"
    print(f"  {what}: {found:.2f}   goal: {bound} {goal}{'' if met else ': MISSED'}")
    if not met:
        _missed.append(what)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small numbers")
    parser.add_argument("--at-most", action="store_true", help="fail where a goal is missed")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME[=PYTHON]")
    parser.add_argument(
        "--only", choices=["connects", "jitp", "messages", "subscriptions", "memory"]
    )
    arguments = parser.parse_args()
    peers = dict((*peer.split("=", 1), "")[:2] for peer in arguments.peer)
    scale = 10 if arguments.quick else 1
    parts: dict[str, Callable[[], None]] = {
        "connects": lambda: measure_connects(1000 // scale, 3, peers),
        "jitp": lambda: measure_jitp(300 // scale),
        "messages": lambda: measure_messages(30_000 // scale, 3, peers),
        "subscriptions": lambda: measure_subscriptions(10_000 // scale, 3),
    }
    if sys.platform == "linux":
        parts["memory"] = lambda: measure_memory(500 // scale)
    for name, measure in parts.items():
        if arguments.only in (None, name):
            print(name.capitalize())
            measure()
    return 1 if arguments.at_most and _missed else 0


if __name__ == "__main__":
    sys.exit(main())
