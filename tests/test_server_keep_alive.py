"""A client's connection stays open between requests, and each gets its own response."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from support.patience import HANG

from moto_jitp.server import ThreadedJitpServer

READY = "/moto-api/jitp/ready"
CONNECT = "/moto-api/jitp/connect"
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/iot/aws4_request, "
    "Signature=x"
}


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedJitpServer]:
    with ThreadedJitpServer(max_body_bytes=1000) as server:
        yield server


@contextmanager
def client_of(server: ThreadedJitpServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG)
    connection.connect()
    connection.auto_open = 0  # it would open another one unasked
    yield connection
    connection.close()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, bytes]:
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


#: Requests of every kind, and the status of the response to each.
DOORS: dict[str, tuple[tuple[Any, ...], int]] = {
    "a control route": (("GET", READY), 200),
    "its head": (("HEAD", READY), 200),
    "the page": (("GET", "/moto-api/jitp/"), 200),
    "what is not there": (("GET", "/moto-api/jitp/nowhere"), 404),
    "a body that is not JSON": (("POST", CONNECT, b"{"), 400),
    "a method that is not meant": (("DELETE", READY), 405),
    "an operation": (("GET", "/things", None, SIGNED), 200),
    "an operation's error": (("GET", "/things/nobody", None, SIGNED), 404),
    "an operation's refusal": (("POST", "/things/one", b"[", SIGNED), 400),
    "a body in chunks": (("POST", "/things/two", iter([b"{", b"}"]), SIGNED), 200),
    "moto's reset": (("POST", "/moto-api/reset"), 200),
    "moto's page": (("GET", "/moto-api/"), 200),
    "the root": (("GET", "/", None, {"Accept": "text/html"}), 200),
}


@pytest.mark.parametrize("door", DOORS)
def test_the_connection_stays_open_for_the_next_request(
    server: ThreadedJitpServer, door: str
) -> None:
    (method, path, *rest), status = DOORS[door]
    body, headers = (*rest, None, {})[:2]
    with client_of(server) as connection:
        port = connection.sock.getsockname()[1]
        assert ask(connection, method, path, body, **(headers or {}))[0] == status
        assert ask(connection, "GET", READY)[0] == 200
        assert connection.sock.getsockname()[1] == port


def test_requests_that_are_sent_together_are_answered_in_their_order(
    server: ThreadedJitpServer,
) -> None:
    head = "GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n"
    both = head.format(READY, "") + head.format("/moto-api/jitp/nowhere", "Connection: close\r\n")
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as connection:
        connection.sendall(both.encode())
        everything = b"".join(iter(lambda: connection.recv(65536), b""))
    assert [part[:3] for part in everything.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404"]


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        ("Content-Length: 2000", b"GET /smuggled HTTP/1.1\r\n\r\n"),
        ("Content-Length: 2\r\nContent-Length: 3", b"{} "),
        ("Content-Length: 2\r\nTransfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n"),
        ("Transfer-Encoding: gzip", b"{}"),
        ("Transfer-Encoding: chunked", b"zz\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
        ("Content-Length: +2", b"{}"),
    ],
)
def test_the_rest_of_a_body_is_not_taken_for_a_request(
    server: ThreadedJitpServer, head: str, rest: bytes
) -> None:
    begin = f"POST {CONNECT} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as connection:
        connection.sendall(begin + rest)
        connection.shutdown(socket.SHUT_WR)
        everything = b"".join(iter(lambda: connection.recv(65536), b""))
    assert everything.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in everything


def test_a_client_of_http_1_0_sees_the_end_of_an_answer(server: ThreadedJitpServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as connection:
        connection.sendall(f"GET {READY} HTTP/1.0\r\n\r\n".encode())
        everything = b"".join(iter(lambda: connection.recv(65536), b""))
    assert json.loads(everything.partition(b"\r\n\r\n")[2])["status"] == "ready"


def test_a_server_that_stops_ends_connections_that_stayed_open() -> None:
    server = ThreadedJitpServer().start()
    with client_of(server) as connection:
        assert ask(connection, "GET", READY)[0] == 200
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        stopping.join(HANG)
        assert not stopping.is_alive()
        assert connection.sock.recv(1) == b""


def test_a_body_of_200_mib_is_refused_and_never_held(server: ThreadedJitpServer) -> None:
    size, sent = 200 * 1024 * 1024, 0
    piece, answered = b" " * (1024 * 1024), b""
    tracemalloc.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as connection:
            begin = (
                f"POST /things/one HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
            )
            connection.sendall(begin.encode())
            with suppress(OSError):  # the server has heard enough
                while sent < size:
                    connection.sendall(piece)
                    sent += len(piece)
            with suppress(OSError):
                answered += connection.recv(65536)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert answered.startswith(b"HTTP/1.1 413")
