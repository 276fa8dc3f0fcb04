"""Under moto's ``TEST_SERVER_MODE`` the same test runs against a server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws
from moto import settings as moto_settings
from moto.core.models import ServerModeMockAWS
from moto.server import ThreadedMotoServer
from support.cloud import refused
from support.patience import HANG
from support.servers import TEMPLATE, Api

from moto_jitp import (
    AmbiguousEndpoint,
    CertificateAuthority,
    CertificateError,
    ConnectionRefused,
    NotAuthorized,
    RefusalReason,
    connect_device,
    mock_jitp,
)
from moto_jitp.remote.client import ControlClient
from moto_jitp.remote.connection import connect_at
from moto_jitp.server import ThreadedJitpServer


@pytest.fixture
def server_mode(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(moto_settings, "TEST_SERVER_MODE", True)
    monkeypatch.setattr(ServerModeMockAWS, "_RESET_IN_PROGRESS", False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    return monkeypatch


@pytest.fixture
def server(server_mode: pytest.MonkeyPatch) -> Iterator[ThreadedJitpServer]:
    with ThreadedJitpServer() as server:
        server_mode.setenv("TEST_SERVER_MODE_ENDPOINT", server.endpoint_url)
        yield server


ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


def register(ca: CertificateAuthority, region: str = "us-east-1") -> None:
    ca.register(boto3.client("iot", region_name=region), template_body=TEMPLATE)


@pytest.mark.usefixtures("server")
def test_connections_through_the_server_are_disturbed_as_those_in_process_are() -> None:
    with mock_jitp() as jitp:
        ca = CertificateAuthority(common_name="Acme Root")
        register(ca)
        bulb = ca.issue(common_name="bulb-1", country="KR")
        asked = jitp.disturb("throttle", "bulb-1")
        jitp.disturb("lose-puback", "bulb-1", times=None)

        with pytest.raises(ConnectionRefused) as refused:
            connect_device(bulb)
        connection = connect_device(bulb)
        with pytest.raises(TimeoutError, match="received no PUBACK"):
            connection.publish("bulbs/1", "on")

        assert refused.value.reason == "CONNECT_THROTTLED"
        assert (asked.calls, asked.remaining) == (1, 0)
        assert "throttle of 'bulb-1'" in repr(asked)


@pytest.mark.usefixtures("server")
def test_a_device_connects_through_the_server() -> None:
    with mock_jitp() as jitp:
        ca = CertificateAuthority()
        register(ca)
        bulb = ca.issue(common_name="bulb-1", country="KR")
        connection = connect_device(bulb)
        assert connection.thing_name == connection.client_id == "bulb-1"
        assert connection.certificate_id == bulb.certificate_id
        assert connection.certificate_arn.endswith(f"cert/{bulb.certificate_id}")
        assert [attempt.reason for attempt in connection.attempts] == [
            RefusalReason.RECONNECT_REQUIRED,
            None,
        ]
        assert connection.provisioning is not None
        assert connection.provisioning.succeeded
        assert connection.connected
        iot = boto3.client("iot", region_name="us-east-1")
        found = iot.describe_certificate(certificateId=bulb.certificate_id)
        assert found["certificateDescription"]["status"] == "ACTIVE"
        assert jitp.connections == connection.attempts
        connection.publish("home/lamp", b"\xff")
        assert jitp.events[-1].payload == b"\xff"
        with pytest.raises(ValueError, match="wildcard"):
            connection.publish("home/#", "x")
        connection.disconnect()
        assert not connection.connected
        with pytest.raises(ConnectionError):
            connection.publish("home/lamp", "x")
    assert jitp.connections == connection.attempts
    with mock_jitp() as another:
        assert another.connections == ()


@pytest.mark.usefixtures("server")
def test_a_device_subscribes_and_receives_as_it_does_in_process() -> None:
    with mock_jitp():
        ca = CertificateAuthority()
        register(ca)
        connection = connect_device(ca.issue(common_name="bulb-1", country="KR"))
        with pytest.raises(TimeoutError, match="no subscription"):
            connection.receive()
        subscription = connection.subscribe("home/+")
        assert connection.subscriptions == (subscription,)
        connection.publish("home/lamp", "on")
        assert connection.receive(timeout=HANG).payload == b"on"
        subscription.cancel()
        subscription.cancel()
        assert connection.subscriptions == ()
        connection.publish("home/lamp", "off")
        with pytest.raises(TimeoutError):
            connection.receive()
        with pytest.raises(NotImplementedError, match=r"receive\(\)"):
            connection.subscribe("home/+", print)
        with pytest.raises(ValueError, match="not a valid topic filter"):
            connection.subscribe("home/#/lamp")
        with pytest.raises(TypeError, match="bytes or text, not int"):
            connection.publish("home/lamp", 5)  # type: ignore[arg-type]
        connection.disconnect()
        with pytest.raises(ConnectionError):
            connection.receive()


@pytest.mark.usefixtures("server")
def test_a_connection_ends_with_its_subscriptions_and_with_a_reset_as_in_process() -> None:
    with mock_jitp() as jitp:
        ca = CertificateAuthority()
        register(ca)
        connection = connect_device(ca.issue(common_name="bulb-1", country="KR"))
        subscription = connection.subscribe("home/+")
        with pytest.raises(TypeError, match="A topic is text, not int"):
            connection.publish(5, "x")  # type: ignore[arg-type]
        connection.disconnect()
        assert connection.subscriptions == ()
        subscription.cancel()
        connection = connect_device(ca.issue(common_name="bulb-1", country="KR"))
        subscription = connection.subscribe("home/+")
        connection.publish("home/lamp", "on")
        jitp.reset()
        assert not connection.connected
        for act in (connection.receive, lambda: connection.publish("home/lamp", "on")):
            with pytest.raises(ConnectionError, match=r"'bulb-1' has ended.*reset"):
                act()
        subscription.cancel()
        connection.disconnect()


@pytest.mark.usefixtures("server")
def test_what_the_device_may_not_receive_is_reported_as_in_process() -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": action, "Resource": resource}
            for action, resource in (
                (["iot:Connect", "iot:Publish", "iot:Subscribe"], "*"),
                ("iot:Receive", "arn:aws:iot:us-east-1:123456789012:topic/home/mine"),
            )
        ],
    }
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        ca = CertificateAuthority()
        register(ca)
        bulb = ca.issue(common_name="bulb-1", country="KR")
        with pytest.raises(ConnectionRefused):
            connect_device(bulb)
        iot = boto3.client("iot", region_name="us-east-1")
        iot.create_policy(policyName="p", policyDocument=json.dumps(document))
        arn = f"arn:aws:iot:us-east-1:123456789012:cert/{bulb.certificate_id}"
        iot.attach_policy(policyName="p", target=arn)
        connection = connect_device(bulb)
        connection.subscribe("home/+")
        connection.publish("home/yours", "1")
        connection.publish("home/mine", "2")
        assert connection.undelivered == ()
        with pytest.raises(NotAuthorized) as refused_one:
            connection.receive()
        assert connection.receive().payload == b"2"
        assert connection.undelivered == (refused_one.value,)


def test_a_long_wait_is_asked_for_in_parts(server: ThreadedJitpServer) -> None:
    waits: list[float] = []

    class Hasty(ControlClient):
        def post(self, path: str, body: Any) -> Any:
            if path.endswith("/receive"):
                waits.append(body["wait"])
                body = {"wait": 0}
            return super().post(path, body)

    with mock_jitp():
        ca = CertificateAuthority()
        register(ca)
        bulb = ca.issue(common_name="bulb-1", country="KR")
        connection = connect_at(Hasty(server.endpoint_url), bulb, None, None, None, True)
        connection.subscribe("home/+")
        with pytest.raises(TimeoutError, match="No message is waiting"):
            connection.receive(timeout=65)
        assert waits == [30, 30, 5]
        connection.publish("home/lamp", "on")
        assert connection.receive(timeout=65).payload == b"on"


@pytest.mark.usefixtures("server")
def test_an_operation_can_be_made_to_fail_as_in_process() -> None:
    with mock_jitp() as jitp:
        ca = CertificateAuthority()
        register(ca)
        fault = jitp.fail("create_thing", "LimitExceededException", message="full")
        with pytest.raises(ConnectionRefused, match="full") as refused:
            connect_device(ca.issue(common_name="bulb-1", country="KR"))
        assert refused.value.provisioning is not None
        assert refused.value.provisioning.failed_steps[0].action == "CreateThing"
        assert fault.remaining == 0
        assert fault.calls == 1
        always = jitp.fail("RegisterThing", "InternalFailureException", times=None)
        assert always.remaining is None
        with pytest.raises(ConnectionRefused):
            connect_device(ca.issue(common_name="bulb-2", country="KR"))
        always.cancel()
        always.cancel()
        assert connect_device(ca.issue(common_name="bulb-3", country="KR")).thing_name == "bulb-3"
        with pytest.raises(ValueError, match="Did you mean CreateThing"):
            jitp.fail("CreateThin", "ThrottlingException")
        jitp.fail("CreateThing", "ThrottlingException", times=None)
    with mock_jitp():
        register(ca)
        assert connect_device(ca.issue(common_name="bulb-4", country="KR")).thing_name == "bulb-4"


def settings_of(server: ThreadedJitpServer) -> dict[str, Any]:
    return Api(server.endpoint_url).get("/config")


def test_a_blocks_settings_apply_at_the_server_until_it_ends(server: ThreadedJitpServer) -> None:
    before = settings_of(server)
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        ca = CertificateAuthority()
        register(ca)
        with pytest.raises(ConnectionRefused) as refused_one:
            connect_device(ca.issue(common_name="bulb-1", country="KR"))
        assert refused_one.value.reason is RefusalReason.NOT_AUTHORIZED
    assert settings_of(server) == before
    with mock_jitp():
        register(ca)
        assert connect_device(ca.issue(common_name="bulb-1", country="KR")).connected
    with pytest.raises(ValueError, match="Did you mean 'enforce_policies'"):
        mock_jitp(config={"jitp": {"enforce_policy": True}})


@pytest.mark.parametrize("order", ["ABBA", "ABAB"])
def test_the_settings_of_blocks_that_overlap_end_with_each(
    server: ThreadedJitpServer, order: str
) -> None:
    before = settings_of(server)
    keys = {"A": {"trail": False, "metrics": False}, "B": {"metrics": True, "throttling": True}}
    blocks = {name: mock_jitp(config={"jitp": keys[name]}) for name in keys}
    active: list[str] = []
    for name in order:
        if name in active:
            blocks[name].stop()
            active.remove(name)
        else:
            blocks[name].start()
            active.append(name)
        wanted = dict(before)
        for active_name in active:
            wanted.update(keys[active_name])
        assert settings_of(server) == wanted


def test_a_block_ends_even_if_its_server_has_stopped(server_mode: pytest.MonkeyPatch) -> None:
    with ThreadedJitpServer() as server:
        server_mode.setenv("TEST_SERVER_MODE_ENDPOINT", server.endpoint_url)
        server_mode.setenv("MOTO_CALL_RESET_API", "false")
        block = mock_jitp(config={"jitp": {"trail": False}})
        block.start()
    block.stop()


@pytest.mark.usefixtures("server")
def test_a_handler_that_would_never_be_called_is_refused() -> None:
    with mock_jitp() as jitp:
        with pytest.raises(NotImplementedError, match=r"receive\(\)"):
            jitp.subscribe("home/+", print)
        ca = CertificateAuthority()
        register(ca)
        connect_device(ca.issue(common_name="bulb-1", country="KR")).publish("home/lamp", "on")
        assert jitp.events[-1].topic == "home/lamp"


@pytest.mark.usefixtures("server")
def test_rules_run_at_the_server_and_their_runs_are_listed_here() -> None:
    with mock_jitp() as jitp:
        boto3.client("iot", region_name="us-east-1").create_topic_rule(
            ruleName="hot",
            topicRulePayload={"sql": "SELECT * FROM 'home/+' WHERE t > 5", "actions": []},
        )
        data = boto3.client("iot-data", region_name="us-east-1")
        data.publish(topic="home/1", payload=b'{"t": 6}')
        data.publish(topic="home/1", payload=b'{"t": 1}')

        assert [run.matched for run in jitp.rules] == [True, False]
        with pytest.raises(NotImplementedError, match="serve --lambda take=package"):
            jitp.lambda_handler("take", print)
    assert jitp.rules[0].document == {"t": 6}
    assert "t > 5 is false: t is 1." in str(jitp.rules[1])


@pytest.mark.usefixtures("server")
def test_failures_that_are_still_to_come_survive_a_reset() -> None:
    with mock_jitp() as jitp:
        iot = boto3.client("iot", region_name="us-east-1", config=ONE_ATTEMPT)
        used_up = jitp.fail("CreateThing", "InvalidRequestException")
        twice = jitp.fail("CreateThing", "ThrottlingException", times=2)
        always = jitp.fail("ListThings", "InternalFailureException", times=None)
        for code in ("InvalidRequestException", "ThrottlingException"):
            with refused(code, 400, ""):
                iot.create_thing(thingName="bulb")
        with mock_jitp() as inner:
            inner.reset()
        with refused("ThrottlingException", 400, ""):
            iot.create_thing(thingName="bulb")
        with refused("InternalFailureException", 500, ""):
            iot.list_things()
        assert (used_up.remaining, used_up.calls) == (0, 1)
        assert (twice.remaining, twice.calls) == (0, 2)
        assert (always.remaining, always.calls) == (None, 1)
        iot.create_thing(thingName="bulb")


@pytest.mark.usefixtures("server")
def test_a_request_says_that_it_has_ended_with_a_reset_or_by_cancelling() -> None:
    with mock_jitp() as jitp:
        dropped = jitp.fail("CreateThing", "ThrottlingException", times=None)
        assert repr(dropped) == "<ServerFault CreateThing ThrottlingException (always)>"
        mock_aws().reset()
        cancelled = jitp.fail("CreateThing", "ThrottlingException", times=None)
        cancelled.cancel()
        assert dropped.remaining == cancelled.remaining == 0
        assert repr(dropped) == "<ServerFault CreateThing ThrottlingException (0 more)>"
        lasting = jitp.fail("CreateThing", "ThrottlingException", times=None)
        assert lasting.remaining is None


@pytest.mark.usefixtures("server")
def test_what_policies_do_not_allow_is_the_same_error_as_in_process(
    server: ThreadedJitpServer,
) -> None:
    with mock_jitp():
        ca = CertificateAuthority()
        register(ca)
        connection = connect_device(ca.issue(common_name="bulb-1", country="KR"))
        Api(server.endpoint_url).request("PUT", "/config", body='{"enforce_policies": true}')
        with pytest.raises(NotAuthorized, match="iot:Publish") as refused:
            connection.publish("home/lamp", "on")
    assert refused.value.action == "iot:Publish"
    assert refused.value.resource.endswith(":topic/home/lamp")


@pytest.mark.usefixtures("server")
def test_a_refusal_says_the_same_as_in_process() -> None:
    with mock_jitp():
        ca = CertificateAuthority()
        register(ca)
        with pytest.raises(ConnectionRefused) as raised:
            connect_device(ca.issue(common_name="bulb-2").certificate_pem.encode())
    refused = raised.value
    assert refused.reason is RefusalReason.PROVISIONING_FAILED
    assert refused.provisioning is not None
    assert refused.provisioning.failed_steps[0].action == "RegisterThing"
    assert refused.provisioning.place == "Parameters.AWS::IoT::Certificate::Country"
    assert "no country (C)" in str(refused)


@pytest.mark.usefixtures("server")
def test_every_argument_reaches_the_server() -> None:
    with mock_jitp():
        ca = CertificateAuthority()
        register(ca)
        bulb = ca.issue(country="KR")
        for server_name, reason in ((None, "SERVER_NAME_MISSING"), ("x.example", "SNI_MISUSED")):
            with pytest.raises(ConnectionRefused) as raised:
                connect_device(bulb, server_name=server_name)
            assert raised.value.reason == reason
        with pytest.raises(ConnectionRefused) as raised:
            connect_device(bulb, reconnect=False)
        assert raised.value.reason is RefusalReason.RECONNECT_REQUIRED
        iot = boto3.client("iot", region_name="us-east-1")
        endpoint = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
        assert connect_device(bulb, endpoint=endpoint, client_id="me").client_id == "me"


@pytest.mark.usefixtures("server")
def test_wrong_arguments_raise_what_they_raise_in_process() -> None:
    with mock_jitp():
        ca = CertificateAuthority()
        register(ca)
        register(ca, "eu-west-1")
        with pytest.raises(AmbiguousEndpoint, match="eu-west-1"):
            connect_device(ca.issue(country="KR"))
        with pytest.raises(CertificateError):
            connect_device("no certificate")
        with pytest.raises(ValueError, match="not an endpoint"):
            connect_device(ca.issue(), endpoint="nowhere.example")
        with pytest.raises(TypeError, match="PEM text or bytes"):
            connect_device(5)  # type: ignore[arg-type]


@pytest.mark.usefixtures("server")
def test_without_a_mock_it_is_an_error_in_server_mode_too() -> None:
    with pytest.raises(RuntimeError, match="needs an active mock"):
        connect_device(CertificateAuthority().issue())


def test_a_server_without_jitp_is_named(server_mode: pytest.MonkeyPatch) -> None:
    plain = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    plain.start()
    host, port = plain.get_host_and_port()
    server_mode.setenv("TEST_SERVER_MODE_ENDPOINT", f"http://{host}:{port}")
    try:
        with mock_aws(), pytest.raises(RuntimeError, match="moto-jitp serve"):
            connect_device(CertificateAuthority().issue())
    finally:
        plain.stop()


def test_where_no_server_answers_the_message_names_how_to_say_where_it_listens() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        unused = ControlClient(f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(ConnectionError) as raised:
            unused.get("state")
    for way in ("--endpoint-url", "endpoint_url=", "AWS_ENDPOINT_URL"):
        assert way in str(raised.value)


def test_in_server_mode_the_message_names_what_moto_reads(server_mode: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        server_mode.setenv(
            "TEST_SERVER_MODE_ENDPOINT", f"http://127.0.0.1:{nobody.getsockname()[1]}"
        )
        told = []
        for config in ({}, {"jitp": {"enforce_policies": True}}):
            with pytest.raises(ConnectionError) as raised, mock_jitp(config=config):
                pytest.fail("no server answers")
            told.append(str(raised.value))
    for text in told:
        assert "TEST_SERVER_MODE_ENDPOINT" in text
        assert "Where TEST_SERVER_MODE is not set" in text
        assert "AWS_ENDPOINT_URL" not in text
