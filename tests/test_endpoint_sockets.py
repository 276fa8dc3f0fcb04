"""Sockets and TLS of the device endpoint: which clients are served, and which only end their own
connection.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from freezegun import freeze_time

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from OpenSSL import SSL
from support.endpoint_clients import PATIENCE, RawClient, client_context
from support.endpoint_doors import OpenDoor

from moto_jitp import CertificateAuthority, DeviceIdentity
from moto_jitp.endpoint.client_connection import ClientConnection
from moto_jitp.endpoint.link import PlainLink
from moto_jitp.endpoint.server import EndpointServer, Listener, listen
from moto_jitp.endpoint.server_identity import ServerIdentity
from moto_jitp.endpoint.tls import TlsContext
from moto_jitp.mqtt.encoding import encode
from moto_jitp.mqtt.limits import Limits
from moto_jitp.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Version,
    Will,
)

V3, V5 = Version.MQTT_3_1_1, Version.MQTT_5


@pytest.fixture(scope="module")
def identity() -> ServerIdentity:
    return ServerIdentity(["test-server.lan", "10.1.2.3"], ["iot.us-east-1.amazonaws.com"])


@pytest.fixture(scope="module")
def device() -> DeviceIdentity:
    return CertificateAuthority(common_name="Nobody's CA").issue(common_name="bulb")


class Running:
    """A server with an open door that listens on three ports."""

    def __init__(self, identity: ServerIdentity, limits: Limits) -> None:
        self.door = OpenDoor()
        self.identity = identity
        self.failures: list[Exception] = []
        self.server = EndpointServer(self.door, limits=limits, report=self.failures.append)
        sockets = [listen("localhost", 0) for _ in range(3)]
        self.port, self.alpn_port, self.plain_port = (
            listening_socket[0].getsockname()[1] for listening_socket in sockets
        )
        tls, alpn = TlsContext(identity), TlsContext(identity, require_alpn=True)
        links = (tls.link, alpn.link, PlainLink)
        self.server.start([Listener(*pair) for pair in zip(sockets, links, strict=True)])

    def plain(self, version: Version = V5) -> RawClient:
        return RawClient(self.plain_port, version=version)

    def secure(self, device: DeviceIdentity, version: Version = V5) -> RawClient:
        context = client_context(self.identity.root_pem, device)
        return RawClient(self.port, context, version=version)


@contextlib.contextmanager
def running(identity: ServerIdentity, limits: Limits | None = None) -> Iterator[Running]:
    there = Running(identity, limits or Limits())
    try:
        yield there
    finally:
        there.server.stop()
    assert there.failures == []


@pytest.fixture
def there(identity: ServerIdentity) -> Iterator[Running]:
    with running(identity) as one:
        yield one


# -- TLS --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ec", "rsa"])
@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_device_is_known_by_the_certificate_that_it_shows(
    there: Running, tls: ssl.TLSVersion, kind: str
) -> None:
    ca = CertificateAuthority(common_name="CA")
    device = ca.issue(common_name="bulb", key=kind)  # type: ignore[arg-type]
    context = client_context(there.identity.root_pem, device, tls=tls, chain=True)
    with RawClient(there.port, context) as client:
        client.connect()

    [peer] = there.door.peers
    assert peer.chain == tuple(
        ssl.PEM_cert_to_DER_cert(pem) for pem in (device.certificate_pem, ca.certificate_pem)
    )
    assert peer.server_name == "localhost"
    assert peer.protocol == {771: "TLSv1.2", 772: "TLSv1.3"}[tls]
    assert peer.address == "127.0.0.1"
    assert peer.port > 0


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "127.0.0.1",
        "::1",
        "test-server.lan",
        "10.1.2.3",
        socket.gethostname(),
        "aabcdefghij123-ats.iot.us-east-1.amazonaws.com",
    ],
)
def test_the_endpoints_certificate_is_good_for_every_name_it_is_reached_by(
    there: Running, device: DeviceIdentity, name: str
) -> None:
    context = client_context(there.identity.root_pem, device)
    with RawClient(there.port, context, server_name=name) as client:
        client.connect()


def test_both_loopback_addresses_are_served_with_one_port(
    there: Running, device: DeviceIdentity
) -> None:
    addresses = ["127.0.0.1", "::1"] if socket.has_ipv6 and _has_ipv6() else ["127.0.0.1"]
    for address in addresses:
        context = client_context(there.identity.root_pem, device)
        with RawClient(there.port, context, address=address) as client:
            client.connect()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("protocol", ["x-amzn-mqtt-ca", "mqtt"])
def test_a_port_with_alpn_serves_clients_that_name_mqtt(
    there: Running, device: DeviceIdentity, protocol: str
) -> None:
    context = client_context(there.identity.root_pem, device, alpn=protocol)
    with RawClient(there.alpn_port, context) as client:
        client.connect()

    assert [peer.alpn for peer in there.door.peers] == [protocol]


def test_a_port_with_alpn_tells_others_so(there: Running, device: DeviceIdentity) -> None:
    context = client_context(there.identity.root_pem, device, alpn="h2")
    with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
        RawClient(there.alpn_port, context)

    with RawClient(there.alpn_port, client_context(there.identity.root_pem, device)) as client:
        assert client.is_closed()


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_handshake_that_fails_sends_its_alert(there: Running, tls: ssl.TLSVersion) -> None:
    context = client_context(there.identity.root_pem, None, tls=tls)
    with pytest.raises(ssl.SSLError, match=r"(?i)alert|handshake.failure"):
        RawClient(there.port, context).socket.recv(1)


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_of_tls_is_resumed(
    there: Running, device: DeviceIdentity, tls: ssl.TLSVersion
) -> None:
    context = client_context(there.identity.root_pem, device, tls=tls)
    with RawClient(there.port, context) as client:
        client.connect()
        assert isinstance(client.socket, ssl.SSLSocket)
        session = client.socket.session
    if session is not None:
        raw = socket.create_connection(("127.0.0.1", there.port), timeout=PATIENCE)
        with context.wrap_socket(raw, server_hostname="localhost", session=session) as again:
            assert not again.session_reused


def test_the_suite_is_the_first_of_awss_policy_that_the_client_knows(
    there: Running, device: DeviceIdentity
) -> None:
    context = client_context(there.identity.root_pem, device, tls=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256")
    with RawClient(there.port, context) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        assert client.socket.cipher() == ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2", 128)
    if not hasattr(SSL.Context, "set_tls13_ciphersuites"):
        return  # an older pyOpenSSL leaves the order of these to OpenSSL
    context = client_context(there.identity.root_pem, device, tls=ssl.TLSVersion.TLSv1_3)
    with RawClient(there.port, context) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        assert client.socket.cipher() == ("TLS_AES_128_GCM_SHA256", "TLSv1.3", 128)


def test_nothing_is_sent_between_a_handshake_of_tls_1_3_and_the_first_answer(
    identity: ServerIdentity, device: DeviceIdentity
) -> None:
    link = TlsContext(identity).link()
    context = client_context(identity.root_pem, device, tls=ssl.TLSVersion.TLSv1_3)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    link.feed(outgoing.read())
    incoming.write(link.outgoing())
    client.do_handshake()
    link.feed(outgoing.read())
    assert link.established
    assert link.outgoing() == b""

    incoming.write(link.send(b"an answer"))
    assert client.read() == b"an answer"
    client.write(b"a question")
    assert link.feed(outgoing.read()) == b"a question"


def test_tls_before_1_2_is_refused(there: Running, device: DeviceIdentity) -> None:
    context = client_context(there.identity.root_pem, device)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        RawClient(there.port, context)


def test_judging_inside_the_handshake_refuses_with_an_alert(
    identity: ServerIdentity, device: DeviceIdentity
) -> None:
    asked: list[tuple[bytes, str | None]] = []

    def judge(der: bytes, server_name: str | None) -> bool:
        asked.append((der, server_name))
        return len(asked) > 1

    door = OpenDoor()
    server = EndpointServer(door)
    sockets = listen("localhost", 0)
    server.start([Listener(sockets, TlsContext(identity, judge_leaf=judge).link)])
    port = sockets[0].getsockname()[1]
    try:
        context = client_context(identity.root_pem, device, tls=ssl.TLSVersion.TLSv1_2)
        with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
            RawClient(port, context)
        with RawClient(port, context) as client:
            client.connect()
    finally:
        server.stop()

    assert asked == [(ssl.PEM_cert_to_DER_cert(device.certificate_pem), "localhost")] * 2


def test_a_taken_port_is_an_error_at_once() -> None:
    [taken, *more] = listen("localhost", 0)
    with pytest.raises(OSError, match=r"(?i)in use|address"):
        listen("localhost", taken.getsockname()[1])
    for listener in (taken, *more):
        listener.close()


@pytest.mark.parametrize("port", [-1, 65_536])
def test_what_is_not_a_port_is_refused(port: int) -> None:
    with pytest.raises(ValueError, match="0 to 65535"):
        listen("localhost", port)


# -- sessions over sockets --------------------------------------------------------------------


def test_messages_pass_between_devices_of_both_versions(
    there: Running, device: DeviceIdentity
) -> None:
    with there.secure(device, V3) as old, there.secure(device, V5) as new:
        for client, name in ((old, "old"), (new, "new")):
            client.connect(name)
            client.send(Subscribe(1, (Subscription("a/+", 1),)))
            assert client.receive(Suback).reason_codes == (1,)
        old.send(Publish("a/b", b"from old", 1, 7))
        assert new.receive(Publish).payload == b"from old"
        new.send(Publish("a/b", b"from new"))

        received = [old.next_packet() for _ in range(3)]

    assert Puback(7) in received
    assert {packet.payload for packet in received if isinstance(packet, Publish)} == {
        b"from old",
        b"from new",
    }


def test_a_client_id_that_is_taken_over_closes_the_older_connection(there: Running) -> None:
    with there.plain() as older, there.plain() as newer, there.plain(V3) as watcher:
        watcher.connect("watcher")
        watcher.send(Subscribe(1, (Subscription("will"),)))
        watcher.receive(Suback)
        older.connect("bulb", will=Will("will", b"gone"))
        newer.connect("bulb")

        assert older.receive(Disconnect).reason_code == 0x8E
        assert older.is_closed()
        assert watcher.receive(Publish).payload == b"gone"
        newer.send(Pingreq())
        newer.receive(Pingresp)


def test_time_limits_hold_while_a_test_holds_the_clock(identity: ServerIdentity) -> None:
    with (
        freeze_time("2026-03-01 12:00:00"),
        running(identity, Limits(connect_timeout=0.05)) as there,
        there.plain() as client,
    ):
        assert client.is_closed()


# -- peers that mean no good ------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 70_000],
    ids=["http", "zeros", "giant record"],
)
def test_what_is_not_tls_is_closed_and_noted(there: Running, data: bytes) -> None:
    with RawClient(there.port) as client:
        with contextlib.suppress(ConnectionError):
            client.socket.sendall(data)
        with contextlib.suppress(ConnectionError):
            while client.socket.recv(4096):
                pass
    _is_served(there)
    assert any("TLS handshake failed" in text for text in there.door.strangers)


def test_a_certificate_chain_without_end_is_refused(
    there: Running, device: DeviceIdentity, tmp_path: object
) -> None:
    context = client_context(there.identity.root_pem, None)
    with tempfile_of(device, device.certificate_pem * 400) as (chain, key):
        context.load_cert_chain(chain, key)
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        RawClient(there.port, context).connect()
    _is_served(there)


@contextlib.contextmanager
def tempfile_of(device: DeviceIdentity, chain_pem: str) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        files = device.write(folder)
        chain = Path(folder) / "long.pem"
        chain.write_text(chain_pem)
        yield str(chain), str(files.private_key)


@pytest.mark.parametrize("begins", [b"", b"\x10", b"\x10\xff\x7f" + b"x" * 100])
def test_a_client_that_never_comes_to_its_connect_is_closed(
    identity: ServerIdentity, begins: bytes
) -> None:
    with running(identity, Limits(connect_timeout=0.1)) as there:
        with there.plain() as client:
            client.socket.sendall(begins)
            assert client.is_closed()
        with RawClient(there.port) as client:
            client.socket.sendall(b"\x16\x03\x01"[: len(begins)])
            assert client.is_closed()


def test_a_client_that_sends_byte_by_byte_keeps_nobody_waiting(there: Running) -> None:
    with there.plain(V3) as slow:
        for byte in encode(Connect("slow", V3), V3):
            slow.socket.sendall(bytes((byte,)))
            _is_served(there)
        assert slow.receive(Connack).reason_code == 0


def test_small_answers_do_not_wait_for_the_client_to_acknowledge_earlier_ones(
    there: Running, device: DeviceIdentity
) -> None:
    with there.plain() as one, there.secure(device) as other:
        one.connect("one")
        other.connect("other")
        for connection in there.server.connections:
            assert isinstance(connection, ClientConnection)
            assert connection.is_without_delay


def test_a_giant_packet_is_refused_at_its_header(there: Running) -> None:
    with there.plain(V3) as client:
        client.connect()
        client.socket.sendall(b"\x30\xff\xff\xff\x7f")
        assert client.is_closed()
    _is_served(there)


def test_a_peer_that_stops_reading_costs_bounded_memory_and_nobody_else_anything(
    there: Running,
) -> None:
    with there.plain() as sleeper, there.plain() as other:
        sleeper.connect("sleeper")
        other.connect("other")
        for client in (sleeper, other):
            client.send(Subscribe(1, (Subscription("flood"),)))
            client.receive(Suback)
        payload = bytes(100_000)
        for _ in range(100):  # 10 MB
            other.send(Publish("flood", payload))
            assert other.receive(Publish).payload == payload

        [connection] = [
            connection
            for connection in there.server.connections
            if connection.client_id == "sleeper"
        ]
        assert connection.waiting_to_be_written < 2_000_000
        _is_served(there)


def test_a_flood_of_messages_is_read_no_faster_than_it_is_dealt_with(there: Running) -> None:
    with there.plain() as client, there.plain() as listener:
        listener.connect("listener")
        listener.send(Subscribe(1, (Subscription("last"),)))
        listener.receive(Suback)
        client.connect("flooder")
        for _ in range(20):
            client.send(*[Publish("flood", b"x" * 1000)] * 200)
        client.send(Publish("last", b"done"))

        assert listener.receive(Publish).payload == b"done"


def test_a_subscribe_bomb_is_bounded(there: Running) -> None:
    with there.plain() as client:
        client.connect()
        client.send(Subscribe(1, tuple(Subscription(f"{n}/#") for n in range(9))))
        assert client.receive(Disconnect).reason_code == 0x97
        assert client.is_closed()
    _is_served(there)


def test_many_half_open_sockets_keep_nobody_out(there: Running) -> None:
    sleeping = [socket.create_connection(("127.0.0.1", there.port)) for _ in range(200)]
    _is_served(there)
    for connection in sleeping:
        connection.close()


def test_random_bytes_never_reach_anybody_else(there: Running) -> None:
    source = random.Random("junk")
    for _ in range(30):
        client = there.plain(source.choice([V3, V5]))
        with client, contextlib.suppress(ConnectionError):
            if source.randrange(2):
                client.connect()
            client.socket.sendall(source.randbytes(source.randint(1, 2000)))
            client.socket.shutdown(socket.SHUT_WR)
            while client.socket.recv(4096):
                pass
    _is_served(there)


def _is_served(there: Running) -> None:
    with there.plain() as client:
        client.connect("somebody else")
        packets: list[Packet] = [Pingreq()]
        client.send(*packets)
        client.receive(Pingresp)


# -- the end ----------------------------------------------------------------------------------


def test_nothing_is_left_after_stop(identity: ServerIdentity, device: DeviceIdentity) -> None:
    before = set(threading.enumerate())
    with running(identity) as there:
        client, old = there.secure(device), there.plain(V3)
        silent = RawClient(there.port)
        client.connect("new")
        old.connect("old")
        assert set(threading.enumerate()) - before
    assert client.receive(Disconnect).reason_code == 0x8B
    for connection in (client, old, silent):
        assert connection.is_closed()
        connection.close()

    assert set(threading.enumerate()) - before == set()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", there.port), timeout=PATIENCE)
    for listening_socket in listen("127.0.0.1", there.port):
        listening_socket.close()


def test_stopping_twice_does_nothing(identity: ServerIdentity) -> None:
    with running(identity) as there:
        there.server.stop()
