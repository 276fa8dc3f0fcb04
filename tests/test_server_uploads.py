"""No client stops the server with a body that is wrong, incomplete or missing."""

from __future__ import annotations

import json
import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.patience import HANG, until
from support.servers import Api, client, serving
from werkzeug.serving import generate_adhoc_ssl_context

from moto_jitp.server import ThreadedJitpServer

CONNECT = "/moto-api/jitp/connect"
FORM = "application/x-www-form-urlencoded"
SIGNED = "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/iot/aws4_request, Signature=x"

# moto before 5.2.5 takes a form that does not name its service for one of S3's, and fails.
TO_STS = SIGNED.replace("/iot/", "/sts/")


def head(method: str, path: str, **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


@contextmanager
def sending(server: ThreadedJitpServer, *parts: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as connection:
        for part in parts:
            connection.sendall(part)
        yield connection


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """The status and body of the response."""
    everything = b"".join(iter(lambda: connection.recv(65536), b""))
    start, _, body = everything.partition(b"\r\n\r\n")
    return int(start.split()[1]), body


#: The first half of a body and what completes it.
HALVES = {
    "a form": (
        head("POST", "/", Authorization=TO_STS, Content_Type=FORM, Content_Length="43")
        + b"Action=GetCallerIdent",
        b"ity&Version=2011-06-15",
    ),
    "a form for a control route": (
        head("POST", CONNECT, Content_Type=FORM, Content_Length="10") + b"{",
        b"         ",
    ),
    "chunks": (
        head("POST", "/things/one", Authorization=SIGNED, Transfer_Encoding="chunked") + b"2\r\n{",
        b"}\r\n0\r\n\r\n",
    ),
    "signed": (
        head("POST", "/things/one", Authorization=SIGNED, Content_Length="2") + b"{",
        b"}",
    ),
}
halves = pytest.mark.parametrize(("half", "rest"), HALVES.values(), ids=HALVES)


@halves
def test_a_client_that_sends_half_a_body_keeps_nobody_waiting(half: bytes, rest: bytes) -> None:
    with ThreadedJitpServer(body_timeout=HANG) as server, sending(server, half) as slow:
        assert Api(server.endpoint_url).get("/ready")["status"] == "ready"
        client(server.endpoint_url).create_thing(thingName="another")
        # Its connection is still open: the others have really been answered while it was sending.
        slow.sendall(rest)
        status, _ = answer(slow)
        assert status != 408
        assert status < 500


@halves
def test_a_body_that_does_not_arrive_in_time_is_answered_408(half: bytes, rest: bytes) -> None:
    with ThreadedJitpServer(body_timeout=0.2) as server, sending(server, half) as slow:
        status, body = answer(slow)
        assert status == 408
        assert json.loads(body)["error"] == "RequestTimeout"
        assert "within 0.2 seconds" in json.loads(body)["message"]
        assert Api(server.endpoint_url).get("/ready")["status"] == "ready"


def test_a_body_that_trickles_on_is_answered_408_too() -> None:
    start = head("POST", CONNECT, Content_Length="100000")
    with ThreadedJitpServer(body_timeout=0.3) as server, sending(server, start) as slow:
        # Never long without a byte, and much slower than 500 a second.
        while not select.select([slow], [], [], 0.05)[0]:
            slow.sendall(b" ")
        assert slow.recv(20).split()[1] == b"408"


def test_a_body_that_takes_its_time_but_comes_is_taken() -> None:
    body = b'{"thingTypeName": "' + b"x" * 10 + b'"}'
    start = head("POST", "/things/one", Authorization=SIGNED, Content_Length=str(len(body)))
    with ThreadedJitpServer(body_timeout=HANG) as server, sending(server, start) as slow:
        for byte in body:
            select.select([slow], [], [], 0.001)
            slow.sendall(bytes([byte]))
        # The thing type does not exist: that answer shows that the body has been read.
        assert answer(slow)[0] == 404


@pytest.mark.parametrize("path", ["/things/one", CONNECT], ids=["AWS IoT", "control route"])
def test_a_body_that_is_announced_as_too_long_is_answered_413_before_it_is_sent(path: str) -> None:
    start = head("POST", path, Authorization=SIGNED, Content_Length=str(200 * 1024 * 1024))
    with ThreadedJitpServer() as server, sending(server, start) as large:
        status, body = answer(large)
        assert status == 413
        assert json.loads(body)["error"] == "BodyTooLarge"


def test_a_body_in_chunks_is_measured_as_it_comes() -> None:
    with ThreadedJitpServer(max_body_bytes=1000) as server:
        store = client(server.endpoint_url, "s3")
        store.create_bucket(Bucket="firmware")
        chunks = head("PUT", "/firmware/a", Transfer_Encoding="chunked") + b"3e9\r\n" + b"x" * 1001
        with sending(server, chunks, b"\r\n0\r\n\r\n") as large:
            assert answer(large)[0] == 413
        chunks = head("PUT", "/firmware/b", Transfer_Encoding="chunked") + b"3e8\r\n" + b"x" * 1000
        with sending(server, chunks, b"\r\n0\r\n\r\n") as fitting:
            assert answer(fitting)[0] == 200
        assert store.get_object(Bucket="firmware", Key="b")["ContentLength"] == 1000


def test_boto3_reads_that_a_body_is_too_long() -> None:
    with ThreadedJitpServer(max_body_bytes=1000) as server:
        store = client(server.endpoint_url, "iot-data")
        with pytest.raises(store.exceptions.ClientError) as caught:
            store.publish(topic="a", payload=b"x" * 1001)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


@pytest.mark.slow
def test_how_long_a_body_may_be_is_set_on_the_command_line() -> None:
    with serving("--max-body-bytes", "1000") as server:
        data = client(server.endpoint_url, "iot-data")
        data.publish(topic="a", payload=b"x" * 1000)
        with pytest.raises(data.exceptions.ClientError) as caught:
            data.publish(topic="a", payload=b"x" * 1001)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


BROKEN = {
    "a bad chunk": head("POST", CONNECT, Transfer_Encoding="chunked") + b"zz\r\n",
    "a negative chunk": head("POST", CONNECT, Transfer_Encoding="chunked") + b"-1\r\n",
    "half a chunk": head("POST", CONNECT, Transfer_Encoding="chunked") + b"10\r\n{",
    "no last chunk": head("POST", CONNECT, Transfer_Encoding="chunked") + b"1\r\n{\r\n",
    "half a body": head("POST", CONNECT, Content_Length="100") + b'{"cert',
    "half a body for AWS IoT": head(
        "POST", "/things/one", Authorization=SIGNED, Content_Length="100"
    )
    + b"{",
    "half a form": head("POST", "/", Content_Type=FORM, Content_Length="100") + b"Act",
}
broken = pytest.mark.parametrize("request_", BROKEN.values(), ids=BROKEN)


@broken
def test_what_is_broken_off_or_badly_chunked_is_answered_400_and_logged_in_one_line(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with ThreadedJitpServer() as server, sending(server, request_) as rude:
        rude.shutdown(socket.SHUT_WR)
        status, body = answer(rude)
    assert status == 400
    assert json.loads(body)["error"] == "IncompleteBody"
    (record,) = caplog.records
    method, path = request_.split()[:2]
    assert record.getMessage() == f"{method.decode()} {path.decode()} 400"
    assert record.exc_info is None


@broken
def test_a_client_that_has_gone_is_logged_in_one_line(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with ThreadedJitpServer() as server:
        with sending(server, request_):
            pass
        until(lambda: bool(caplog.records))
    assert [record.getMessage().rpartition(" ")[2] for record in caplog.records] == ["400"]


@pytest.mark.parametrize("length", ["²", "-1", "x", "1e3"])
def test_a_content_length_that_is_not_a_number_is_refused(length: str) -> None:
    start = head("POST", CONNECT).replace(b"\r\n\r\n", b"\r\n")
    start += b"Content-Length: " + length.encode("latin-1") + b"\r\n\r\n"
    with ThreadedJitpServer() as server, sending(server, start) as odd:
        assert answer(odd)[0] == 400


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_over_https_it_is_the_same() -> None:
    context: Any = ssl._create_unverified_context()
    half, _ = HALVES["a form"]
    with (
        ThreadedJitpServer(ssl_context=generate_adhoc_ssl_context(), body_timeout=0.5) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as raw,
        context.wrap_socket(raw) as slow,
    ):
        slow.sendall(half)
        assert Api(server.endpoint_url).get("/ready")["status"] == "ready"
        assert answer(slow)[0] == 408
