"""A web page from elsewhere can neither control nor read a server on this machine."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from support.patience import HANG
from support.servers import Api, client, serving

from moto_jitp.server import ThreadedJitpServer

EVIL = "http://evil.example"
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=testing/20260101/eu-west-1/iot/aws4_request, SignedHeaders=host, "
    "Signature=none"
)
#: What a page could ask for: a failure, the state, moto's reset and moto's own data.
CONTROL = {
    "a failure": ("POST", "/moto-api/jitp/failures", {"operation": "CreateThing", "error": "X"}),
    "the state": ("GET", "/moto-api/jitp/state", None),
    "the reset": ("POST", "/moto-api/reset", None),
    "moto's data": ("GET", "/moto-api/data.json", None),
    "a preflight": ("OPTIONS", "/moto-api/jitp/config", None),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadedJitpServer(allowed_hosts=["moto.lan"]) as server:
        yield server.endpoint_url


def ask(url: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return urllib3.PoolManager(retries=False).request(
        method,
        f"{url}{path}",
        body=None if body is None else json.dumps(body),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def cors_headers(answer: Any) -> list[str]:
    return [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("what", CONTROL)
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": EVIL}, "ForeignOrigin"),
        ({"Origin": "null"}, "ForeignOrigin"),
        ({"Origin": "http://localhost:1"}, "ForeignOrigin"),
        ({"Origin": "http://[broken"}, "ForeignOrigin"),
        ({"Host": "evil.example"}, "ForeignHost"),
        ({"Host": "127.0.0.1.evil.example:5000"}, "ForeignHost"),
        # DNS rebinding: the page's own name leads here, so origin and host agree.
        ({"Host": "evil.example:5000", "Origin": f"{EVIL}:5000"}, "ForeignHost"),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else None,
)
def test_another_page_is_refused(url: str, what: str, headers: dict[str, str], code: str) -> None:
    client(url).create_thing(thingName="kept")
    answer = ask(url, *CONTROL[what], **headers)
    assert answer.status == 403
    assert json.loads(answer.data)["error"] == code
    assert cors_headers(answer) == []
    assert client(url).describe_thing(thingName="kept")["thingName"] == "kept"
    assert Api(url).get("/failures")["failures"] == []


@pytest.mark.parametrize("what", CONTROL)
def test_no_answer_may_be_read_by_another_page(url: str, what: str) -> None:
    answer = ask(url, *CONTROL[what], Origin=url)
    assert answer.status != 403
    assert cors_headers(answer) == []
    ask(url, "DELETE", "/moto-api/jitp/failures")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "127.8.8.8", "[::1]:5000"])
def test_each_loopback_name_is_the_servers_own(url: str, host: str) -> None:
    origin = f"http://{host}"
    assert ask(url, "GET", "/moto-api/jitp/ready", Host=host).status == 200
    assert ask(url, "GET", "/moto-api/jitp/ready", Host=host, Origin=origin).status == 200


def test_an_allowed_host_is_the_servers_own_also_behind_a_proxy(url: str) -> None:
    headers = {"Host": "moto.lan", "Origin": "https://moto.lan"}
    assert ask(url, "GET", "/moto-api/jitp/ready", **headers).status == 200


def test_sdks_are_never_judged_by_their_host(url: str) -> None:
    headers = {"Host": "iot.eu-west-1.amazonaws.com", "Origin": EVIL, "Authorization": SIGNED}
    answer = ask(url, "GET", "/things", **headers)
    assert answer.status == 200
    # A web application under test calls AWS from its page.
    assert "access-control-allow-origin" in answer.headers


def test_a_server_for_other_machines_is_reached_by_any_name() -> None:
    with ThreadedJitpServer("0.0.0.0") as server:
        url = server.endpoint_url
        assert ask(url, "GET", "/moto-api/jitp/ready", Host="moto.lan").status == 200
        page = {"Host": "moto.lan:5000", "Origin": "http://moto.lan:5000"}
        assert ask(url, "GET", "/moto-api/jitp/ready", **page).status == 200
        assert ask(url, "GET", "/moto-api/jitp/ready", Host="moto.lan", Origin=EVIL).status == 403


@pytest.mark.parametrize("host", ["", "http://moto.lan", "moto.lan:5000", "moto.lan/", "a b"])
def test_an_allowed_host_is_a_name_or_address_alone(host: str) -> None:
    with pytest.raises(ValueError, match="name or address of a host alone"):
        ThreadedJitpServer(allowed_hosts=[host])


@pytest.mark.slow
def test_the_command_line_takes_allowed_hosts() -> None:
    with serving("--allowed-host", "moto.lan", "--allowed-host", "192.168.7.7") as server:
        url = server.endpoint_url
        for host, status in (("moto.lan", 200), ("192.168.7.7:5000", 200), ("other.lan", 403)):
            assert ask(url, "GET", "/moto-api/jitp/ready", Host=host).status == status


@pytest.mark.parametrize(
    "target",
    [
        "/%6Doto-api/jitp/state",
        "/moto-api%2Fjitp/state",
        "//moto-api/jitp/state",
        "/x/../moto-api/jitp/state",
        "http://127.0.0.1/moto-api/jitp/state",
    ],
)
def test_another_spelling_of_a_path_is_not_a_way_in(url: str, target: str) -> None:
    """Browsers do not send all of these; a page that could would be refused."""
    client(url).create_thing(thingName="kept")
    host, port = urlsplit(url).hostname, urlsplit(url).port
    connection = http.client.HTTPConnection(host or "", port, timeout=HANG)
    connection.putrequest("GET", target, skip_host=True)
    connection.putheader("Host", f"{host}:{port}")
    connection.putheader("Origin", EVIL)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status in (403, 404)
    assert b"kept" not in text
