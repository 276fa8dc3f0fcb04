"""CloudWatch counts what the message broker does: by MQTT for devices, by HTTP for boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.bodies import PLAIN_BODY
from support.cloud import ACCOUNT, client
from support.monitoring import metric_names, metric_sum

from moto_jitp import CertificateAuthority, DeviceConnection, connect_device, mock_jitp


@pytest.fixture
def bulb(iot: Any, acme: CertificateAuthority) -> DeviceConnection:
    acme.register(iot, template_body=PLAIN_BODY)
    return connect_device(acme.issue(common_name="bulb"))


def test_what_a_device_publishes_and_receives_is_counted(bulb: DeviceConnection) -> None:
    subscription = bulb.subscribe("state/+")
    bulb.publish("state/bulb", "on")
    bulb.publish("elsewhere", "on")
    subscription.cancel()

    assert metric_sum("Subscribe.Success", by_protocol="MQTT") == 1
    assert metric_sum("PublishIn.Success", by_protocol="MQTT") == 2
    assert metric_sum("PublishOut.Success", by_protocol="MQTT") == 1
    assert metric_sum("Unsubscribe.Success", by_protocol="MQTT") == 1


def test_retained_messages_are_counted_as_such_too(bulb: DeviceConnection) -> None:
    bulb.publish("state/bulb", "on", retain=True)
    bulb.publish("state/bulb", "off")

    assert metric_sum("PublishIn.Success") == 2
    assert metric_sum("PublishRetained.Success", by_protocol="MQTT") == 1


def test_what_boto3_publishes_is_counted_as_http(iot: Any) -> None:
    data = client(service="iot-data")
    data.publish(topic="commands", payload=b"1")
    with pytest.raises(data.exceptions.InvalidRequestException):
        data.publish(topic="commands/#", payload=b"1")

    assert metric_sum("PublishRetained.Success", by_protocol="HTTP") == 0
    data.publish(topic="status", payload=b"1", retain=True)
    assert metric_sum("PublishRetained.Success", by_protocol="HTTP") == 1
    assert metric_sum("PublishIn.Success", by_protocol="HTTP") == 2
    assert metric_sum("PublishIn.ClientError", by_protocol="HTTP") == 1
    assert metric_sum("PublishIn.Success", by_protocol="MQTT") == 0


def test_what_the_quotas_do_not_allow_is_a_client_error(bulb: DeviceConnection) -> None:
    with pytest.raises(ValueError, match="256 bytes"):
        bulb.publish("x" * 257, "1")
    with pytest.raises(ValueError, match="7 slashes"):
        bulb.subscribe("/".join("abcdefghi"))

    assert metric_sum("PublishIn.ClientError", by_protocol="MQTT") == 1
    assert metric_sum("Subscribe.ClientError", by_protocol="MQTT") == 1


def test_a_client_id_that_the_quotas_do_not_allow_is_a_client_error(
    iot: Any, acme: CertificateAuthority
) -> None:
    acme.register(iot, template_body=PLAIN_BODY)
    device = acme.issue(common_name="bulb")
    with pytest.raises(ValueError, match="129 bytes; AWS IoT accepts 128"):
        connect_device(device, client_id="x" * 129)
    with pytest.raises(ValueError, match=r"U\+0000"):
        connect_device(device, client_id="bulb\0")
    assert metric_sum("Connect.ClientError", by_protocol="MQTT") == 2
    assert iot.list_things()["things"] == []
    assert connect_device(device, client_id="x" * 128).connected
    assert metric_sum("Connect.ClientError", by_protocol="MQTT") == 2


def test_what_the_policies_do_not_allow_is_an_authorization_error(
    acme: CertificateAuthority,
) -> None:
    may = ["iot:Connect", "iot:Subscribe"]
    own = {"Effect": "Allow", "Action": "iot:Publish", "Resource": "*"}
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": may, "Resource": "*"}, own],
    }
    arn = f"arn:aws:iot:us-east-1:{ACCOUNT}:topic"
    own["Resource"] = f"{arn}/own"
    policy = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": document}}
    template = json.loads(PLAIN_BODY)
    template["Resources"]["policy"] = policy
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        acme.register(client(), template_body=template)
        bulb = connect_device(acme.issue(common_name="bulb"))
        bulb.subscribe("own")
        bulb.publish("own", "1")  # it may not receive it
        with pytest.raises(PermissionError):
            bulb.publish("others", "1")

        assert metric_sum("PublishIn.Success") == metric_sum("PublishIn.AuthError") == 1
        assert metric_sum("PublishOut.AuthError", by_protocol="MQTT") == 1
        assert metric_sum("PublishOut.Success") == 0


def test_without_metrics_no_message_is_counted(acme: CertificateAuthority) -> None:
    with mock_jitp(config={"jitp": {"metrics": False}}):
        acme.register(client(), template_body=PLAIN_BODY)
        bulb = connect_device(acme.issue(common_name="bulb"))
        bulb.subscribe("a")
        bulb.publish("a", "1")
        client(service="iot-data").publish(topic="a", payload=b"1")
        assert metric_names() == []
