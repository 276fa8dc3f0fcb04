"""Clients through boto3: their connections, their subscriptions, and direct messages."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from support.cloud import client
from support.monitoring import log_entries

from moto_jitp import CertificateAuthority, DeviceConnection, connect_device, mock_jitp

ROLE = "arn:aws:iam::123456789012:role/logs"


@pytest.fixture
def data(iot: Any) -> Any:
    return client(service="iot-data")


@pytest.fixture
def bulb(acme: CertificateAuthority, iot: Any) -> DeviceConnection:
    return connected(acme, iot, "bulb-1")


def connected(ca: CertificateAuthority, iot: Any, name: str) -> DeviceConnection:
    """A device whose certificate is registered, ACTIVE and attached to a thing of its name."""
    device = ca.issue(common_name=name)
    registered = iot.register_certificate_without_ca(
        certificatePem=device.certificate_pem, status="ACTIVE"
    )
    iot.create_thing(thingName=name)
    iot.attach_thing_principal(thingName=name, principal=registered["certificateArn"])
    return connect_device(device, client_id=name)


def test_a_client_that_is_connected_is_described(
    clock: FrozenDateTimeFactory, data: Any, bulb: DeviceConnection
) -> None:
    found = data.get_connection(clientId="bulb-1")
    found.pop("ResponseMetadata")
    assert found == {
        "clientId": "bulb-1",
        "connected": True,
        "thingName": "bulb-1",
        "cleanSession": True,
        "keepAliveDuration": 1200,
        "sessionExpiry": 0,
        "connectedSince": 1_772_366_400_000,
    }
    socket = data.get_connection(clientId="bulb-1", includeSocketInformation=True)
    assert (socket["sourceIp"], socket["targetPort"]) == ("127.0.0.1", 8883)


def test_one_that_has_gone_is_described_for_half_an_hour(
    clock: FrozenDateTimeFactory, data: Any, bulb: DeviceConnection
) -> None:
    clock.tick(timedelta(minutes=1))
    bulb.disconnect()
    found = data.get_connection(clientId="bulb-1")
    assert found["connected"] is False
    assert found["disconnectedSince"] == 1_772_366_460_000
    assert found["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
    assert "connectedSince" not in found

    clock.tick(timedelta(minutes=31))
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.get_connection(clientId="bulb-1")


def test_subscriptions_are_listed_page_by_page(data: Any, bulb: DeviceConnection) -> None:
    for name in ("c/#", "a", "b/+"):
        bulb.subscribe(name)
    first = data.list_subscriptions(clientId="bulb-1", maxResults=2)
    more = data.list_subscriptions(clientId="bulb-1", nextToken=first["nextToken"])
    listed = [
        subscription["topicFilter"]
        for subscription in first["subscriptions"] + more["subscriptions"]
    ]
    assert listed == ["a", "b/+", "c/#"]
    assert first["subscriptions"][0] == {"topicFilter": "a", "qos": 0}

    bulb.disconnect()
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.list_subscriptions(clientId="bulb-1")


def test_a_direct_message_needs_no_subscription_and_reaches_nobody_else(
    data: Any, bulb: DeviceConnection, acme: CertificateAuthority, iot: Any
) -> None:
    other = connected(acme, iot, "bulb-2")
    other.subscribe("#")
    sent = data.send_direct_message(
        clientId="bulb-1", topic="commands/reboot", payload=b"now", confirmation=True
    )
    assert sent["message"] == "OK"
    assert sent["traceId"]
    received = bulb.receive()
    assert (received.topic, received.payload) == ("commands/reboot", b"now")
    with pytest.raises(TimeoutError):
        other.receive()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"topic": "$aws/things/a"}, "Topic can't start with"),
        ({"topic": "a/+"}, "wildcard"),
        ({"topic": "a", "confirmation": True, "timeout": 16}, "from 1 to 15"),
    ],
)
def test_a_direct_message_that_is_not_valid_is_refused(
    data: Any, bulb: DeviceConnection, wrong: dict[str, Any], text: str
) -> None:
    with pytest.raises(data.exceptions.InvalidRequestException, match=text):
        data.send_direct_message(clientId="bulb-1", **wrong)


def test_a_client_that_is_not_connected_gets_no_direct_message(
    data: Any, bulb: DeviceConnection
) -> None:
    bulb.disconnect()
    with pytest.raises(data.exceptions.ResourceNotFoundException, match="is not connected"):
        data.send_direct_message(clientId="bulb-1", topic="a")
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.delete_connection(clientId="bulb-1")


def test_the_receivers_policy_must_allow_a_direct_message(acme: CertificateAuthority) -> None:
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        iot, data = client(), client(service="iot-data")
        statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
        device = acme.issue(common_name="bulb-1")
        registered = iot.register_certificate_without_ca(
            certificatePem=device.certificate_pem, status="ACTIVE"
        )
        document = {"Version": "2012-10-17", "Statement": [statement]}
        iot.create_policy(policyName="connect", policyDocument=json.dumps(document))
        iot.attach_policy(policyName="connect", target=registered["certificateArn"])
        connect_device(device)
        with pytest.raises(data.exceptions.ForbiddenException, match="iot:Receive"):
            data.send_direct_message(clientId="bulb-1", topic="a")


def test_what_is_done_to_clients_is_logged(data: Any, iot: Any, bulb: DeviceConnection) -> None:
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
    data.get_connection(clientId="bulb-1")
    data.list_subscriptions(clientId="bulb-1", maxResults=7)
    data.send_direct_message(clientId="bulb-1", topic="a", confirmation=True)
    data.delete_connection(clientId="bulb-1")
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.send_direct_message(clientId="bulb-1", topic="a")
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.get_retained_message(topic="nothing")

    logged = [entry for entry in log_entries() if entry.get("protocol") == "HTTP"]
    assert [(entry["eventType"], entry["status"], entry["logLevel"]) for entry in logged] == [
        ("GetConnection", "Success", "INFO"),
        ("ListSubscriptions", "Success", "INFO"),
        ("SendDirectMessage", "Success", "INFO"),
        ("DeleteConnection", "Success", "INFO"),
        ("SendDirectMessage", "Failure", "ERROR"),
        ("GetRetainedMessage", "Failure", "ERROR"),
    ]
    assert logged[1]["maxResults"] == 7
    assert (logged[2]["confirmation"], logged[2]["timeout"]) == (True, 5)
    assert logged[4]["reason"] == "TARGET_CLIENT_ID_NOT_FOUND"
