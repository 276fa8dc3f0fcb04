"""``ThreadedJitpServer``: a server that runs during a ``with`` block."""

from __future__ import annotations

import errno
import json
import socket
import ssl
import threading
from typing import Any

import boto3
import botocore.exceptions
import pytest
import urllib3
from moto import mock_aws
from support.patience import HANG
from support.races import in_threads
from support.servers import Api, client, provisioning_ca
from werkzeug.serving import generate_adhoc_ssl_context

from moto_jitp import CertificateAuthority
from moto_jitp.server import ThreadedJitpServer


def things(iot: Any) -> list[str]:
    return [thing["thingName"] for thing in iot.list_things()["things"]]


def test_boto3_and_a_device_meet_at_a_server_in_this_process() -> None:
    with ThreadedJitpServer() as server:
        assert server.endpoint_url == f"http://127.0.0.1:{server.port}"
        bulb = provisioning_ca(server.endpoint_url).issue(common_name="bulb-1", country="KR")
        assert Api(server.endpoint_url).connect(bulb)["thingName"] == "bulb-1"
        assert things(client(server.endpoint_url)) == ["bulb-1"]


def test_a_stopped_server_answers_nobody_and_forgets() -> None:
    server = ThreadedJitpServer()
    with server:
        url, port = server.endpoint_url, server.port
        client(url).create_thing(thingName="one")
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=HANG)
    with pytest.raises(RuntimeError, match="not running"):
        server.endpoint_url  # noqa: B018
    with server:
        assert things(client(server.endpoint_url)) == []


def test_a_taken_port_is_an_error_at_once() -> None:
    with ThreadedJitpServer() as first:
        second = ThreadedJitpServer(port=first.port)
        with pytest.raises(OSError) as raised:
            second.start()
        assert raised.value.errno == errno.EADDRINUSE
        assert Api(first.endpoint_url).get("/ready")["status"] == "ready"
    # The second one has left nothing behind: it can start now.
    with second:
        assert Api(second.endpoint_url).get("/ready")["status"] == "ready"


def test_starting_twice_is_an_error_and_stopping_twice_is_fine() -> None:
    server = ThreadedJitpServer()
    server.stop()
    with server:
        with pytest.raises(RuntimeError, match="running already"):
            server.start()
        assert Api(server.endpoint_url).get("/ready")["status"] == "ready"
        server.stop()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"config": {"jitp": {"stict": True}}}, "strict"),
        ({"config": {"jitp": {"trail": "yes"}}}, "jitp.trail"),
    ],
)
def test_a_wrong_setting_is_named(arguments: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ThreadedJitpServer(**arguments)


def test_a_number_that_is_not_a_port_is_named() -> None:
    with pytest.raises(ValueError, match="70000 is not a valid port"):
        ThreadedJitpServer(port=70000).start()


def test_a_server_is_strict_unless_told_otherwise() -> None:
    def register(url: str) -> Any:
        return client(url).register_certificate_without_ca(certificatePem="no certificate")

    with ThreadedJitpServer() as server, pytest.raises(botocore.exceptions.ClientError):
        register(server.endpoint_url)
    with ThreadedJitpServer(config={"jitp": {"strict": False}}) as server:
        assert register(server.endpoint_url)["certificateId"]


def test_a_mock_around_the_server_shares_its_state_and_keeps_it() -> None:
    with mock_aws():
        iot = boto3.client("iot", region_name="us-east-1")
        iot.create_thing(thingName="before")
        with ThreadedJitpServer() as server:
            assert things(client(server.endpoint_url)) == ["before"]
            client(server.endpoint_url).create_thing(thingName="during")
        assert sorted(things(iot)) == ["before", "during"]


def test_accounts_and_regions_are_separate() -> None:
    with ThreadedJitpServer() as server:
        client(server.endpoint_url).create_thing(thingName="here")
        elsewhere = client(server.endpoint_url, region_name="eu-west-1")
        assert things(elsewhere) == []


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_https_answers_though_another_client_says_nothing() -> None:
    with ThreadedJitpServer(ssl_context=generate_adhoc_ssl_context()) as server:
        assert server.endpoint_url.startswith("https://")
        with socket.create_connection(("127.0.0.1", server.port)):
            assert Api(server.endpoint_url).get("/ready")["status"] == "ready"


def test_https_refuses_plain_http_and_goes_on() -> None:
    with ThreadedJitpServer(ssl_context=generate_adhoc_ssl_context()) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as plain:
            plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert not plain.recv(100).startswith(b"HTTP")
        context = ssl._create_unverified_context()
        with (
            socket.create_connection(("127.0.0.1", server.port)) as raw,
            context.wrap_socket(raw) as secured,
        ):
            secured.sendall(b"GET /moto-api/jitp/ready HTTP/1.0\r\n\r\n")
            assert b"200" in secured.recv(100)


def test_stopping_does_not_wait_for_clients_that_wait_for_changes() -> None:
    server = ThreadedJitpServer().start()
    api = Api(server.endpoint_url)
    version = api.get("/state")["version"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=HANG) as waiting:
        path = f"/moto-api/jitp/state?after={version}&wait=30"
        waiting.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        # Connections are accepted in order: once this one is answered, that one has been accepted.
        Api(server.endpoint_url).get("/ready")
        server.stop()
        # A waiting client is answered at once: after a while, stopping would cut it off.
        answer = b"".join(iter(lambda: waiting.recv(65536), b""))
    assert b" 200 " in answer.partition(b"\r\n")[0]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["version"] == version


def test_one_device_that_connects_a_hundred_times_at_once_is_provisioned_once() -> None:
    with ThreadedJitpServer() as server:
        api = Api(server.endpoint_url)
        bulb = provisioning_ca(server.endpoint_url).issue(common_name="bulb-1", country="KR")
        outcomes: list[Any] = []
        together = threading.Barrier(100)

        def connect() -> None:
            together.wait()
            outcomes.append(api.connect(bulb))

        in_threads(*[connect] * 100)
        assert [outcome["accepted"] for outcome in outcomes] == [True] * 100
        assert {outcome["thingName"] for outcome in outcomes} == {"bulb-1"}
        assert len(api.get("/runs")["runs"]) == 1
        assert api.get("/state")["totals"]["devices"] == 1
        assert things(client(server.endpoint_url)) == ["bulb-1"]


def test_many_devices_connect_at_once() -> None:
    with ThreadedJitpServer() as server:
        api = Api(server.endpoint_url)
        ca: CertificateAuthority = provisioning_ca(server.endpoint_url)
        bulbs = [ca.issue(common_name=f"bulb-{n}", country="KR") for n in range(40)]
        outcomes: list[Any] = []
        in_threads(*(lambda bulb=bulb: outcomes.append(api.connect(bulb)) for bulb in bulbs))
        names = sorted(outcome["thingName"] for outcome in outcomes)
        assert names == sorted(f"bulb-{n}" for n in range(40))
        assert len(api.get("/runs")["runs"]) == 40


def test_a_browser_at_the_root_is_redirected_to_the_page_and_an_sdk_is_not() -> None:
    http = urllib3.PoolManager(retries=False)
    with ThreadedJitpServer() as server:
        url = f"{server.endpoint_url}/"
        seen = http.request("GET", url, headers={"Accept": "text/html,*/*"})
        assert seen.headers["Content-Type"].startswith("text/html")
        assert b'href="/moto-api/jitp/"' in seen.data
        s3 = client(server.endpoint_url, "s3")
        s3.create_bucket(Bucket="files")
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["files"]
