"""Under TEST_SERVER_MODE mock_jitp sends the calls to the server, as mock_aws does."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto import settings as moto_settings
from moto.core.models import ServerModeMockAWS
from moto.iot.models import IoTBackend, iot_backends
from moto.server import ThreadedMotoServer

from moto_jitp.mock import mock_jitp


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def server(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(moto_settings, "TEST_SERVER_MODE", True)
    monkeypatch.setattr(ServerModeMockAWS, "_RESET_IN_PROGRESS", False)
    monkeypatch.setenv("TEST_SERVER_MODE_ENDPOINT", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "true-key")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    plain = (boto3.client, boto3.resource)
    yield endpoint
    assert (boto3.client, boto3.resource) == plain
    assert os.environ["AWS_ACCESS_KEY_ID"] == "true-key"


def things() -> list[str]:
    iot = boto3.client("iot", region_name="us-east-1")
    return [thing["thingName"] for thing in iot.list_things()["things"]]


def test_calls_go_to_the_server_and_nothing_is_activated_here(server: str) -> None:
    with mock_jitp():
        client = boto3.client("iot", region_name="us-east-1")
        assert client.meta.endpoint_url == server
        client.create_thing(thingName="one")
        assert things() == ["one"]
        assert iot_backends.backend is IoTBackend
    with mock_jitp():
        assert things() == []


@pytest.mark.parametrize("order", ["PJPJ", "JPJP", "PJJP", "JPPJ"])
def test_server_mocks_overlap_in_any_order(server: str, order: str) -> None:
    mocks: dict[str, Any] = {"P": mock_aws(), "J": mock_jitp()}
    active: set[str] = set()
    for name in order:
        if name in active:
            mocks[name].stop()
            active.remove(name)
        else:
            mocks[name].start()
            active.add(name)
        if active:
            iot = boto3.client("iot", region_name="us-east-1")
            assert iot.meta.endpoint_url == server
            iot.create_thing(thingName=f"thing-{len(things())}")


def test_after_a_server_that_did_not_answer_the_next_start_works(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with monkeypatch.context() as patching:
            patching.setenv("TEST_SERVER_MODE_ENDPOINT", closed)
            for config in (None, {"jitp": {"strict": False}}):
                with pytest.raises(ConnectionError, match=rf"{closed} .Connection refused\)\."):
                    mock_jitp(config=config).start()
    with mock_jitp():
        assert boto3.client("iot", region_name="us-east-1").meta.endpoint_url == server


def test_settings_for_a_server_without_just_in_time_provisioning_are_an_error(server: str) -> None:
    with pytest.raises(RuntimeError, match=r'section "jitp".*moto-jitp serve'):
        mock_jitp(config={"jitp": {"enforce_policies": True}}).start()
    with mock_jitp():
        assert boto3.client("iot", region_name="us-east-1").meta.endpoint_url == server
