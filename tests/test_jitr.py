"""Just-in-time registration: the event of a pending device, and handlers that answer it.

https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import client
from support.devices import described, refused_for, status_of

from moto_jitp import CertificateAuthority, Event, JitpHandle, connect_device, mock_jitp

CA = CertificateAuthority(common_name="Acme Root")
ALLOW = (
    '{"Version": "2012-10-17",'
    ' "Statement": {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}}'
)
REGISTERED = "$aws/events/certificates/registered/"


def registered_events(jitp: JitpHandle) -> list[Event]:
    return [event for event in jitp.events if event.topic.startswith(REGISTERED)]


def test_the_event_has_the_documented_topic_and_payload(iot: Any, mocked: JitpHandle) -> None:
    ca_id = CA.register(iot)
    device = CA.issue()
    before = int(time.time() * 1000)
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    (event,) = registered_events(mocked)
    assert event.topic == REGISTERED + ca_id
    assert (event.account_id, event.region_name) == ("123456789012", "us-east-1")
    moment = event.payload["timestamp"]
    assert isinstance(moment, int)
    assert before <= moment <= time.time() * 1000
    assert event.payload == {
        "certificateId": device.certificate_id,
        "caCertificateId": ca_id,
        "timestamp": moment,
        "certificateStatus": "PENDING_ACTIVATION",
        "awsAccountId": "123456789012",
        "certificateRegistrationTimestamp": None,
    }


def test_every_connection_of_a_pending_device_publishes_it_again(
    iot: Any, mocked: JitpHandle
) -> None:
    CA.register(iot)
    device = CA.issue()
    for _ in range(3):
        refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    payloads = [event.payload for event in registered_events(mocked)]
    created = described(iot, device.certificate_id)["creationDate"].timestamp()
    stamps = [payload["certificateRegistrationTimestamp"] for payload in payloads]
    assert stamps[0] is None
    assert stamps[1] == stamps[2]
    assert abs(int(stamps[1]) - created * 1000) <= 1000
    assert {payload["certificateId"] for payload in payloads} == {device.certificate_id}


def test_a_device_that_was_not_registered_or_is_active_publishes_nothing(
    iot: Any, mocked: JitpHandle
) -> None:
    CA.register(iot, active=False)
    refused_for("CA_CERTIFICATE_INACTIVE", CA.issue())
    refused_for("DEVICE_CERTIFICATE_NOT_REGISTERED", CertificateAuthority().issue())
    active = CA.issue()
    iot.register_certificate_without_ca(certificatePem=active.certificate_pem, status="ACTIVE")
    connect_device(active)
    assert registered_events(mocked) == []


def test_registering_by_api_publishes_nothing(iot: Any, mocked: JitpHandle) -> None:
    CA.register(iot)
    iot.register_certificate(certificatePem=CA.issue().certificate_pem)
    assert registered_events(mocked) == []


def test_a_connection_that_provisions_publishes_it_too(iot: Any, mocked: JitpHandle) -> None:
    CA.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
    device = CA.issue()
    connect_device(device)
    (event,) = registered_events(mocked)
    assert event.payload["certificateId"] == device.certificate_id
    assert event.payload["certificateStatus"] == "PENDING_ACTIVATION"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"newStatus": "INACTIVE"}, "CA_CERTIFICATE_INACTIVE"),
        ({"newAutoRegistrationStatus": "DISABLE"}, "AUTO_REGISTRATION_DISABLED"),
    ],
)
def test_a_pending_device_publishes_it_also_when_its_ca_registers_nobody_any_more(
    iot: Any, mocked: JitpHandle, change: dict[str, str], reason: str
) -> None:
    ca_id = CA.register(iot)
    device = CA.issue()
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    iot.update_ca_certificate(certificateId=ca_id, **change)
    refused_for(reason, device)
    assert len(registered_events(mocked)) == 2


def test_a_pending_device_that_names_no_server_publishes_nothing(
    iot: Any, mocked: JitpHandle
) -> None:
    CA.register(iot)
    device = CA.issue()
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    refused_for("SERVER_NAME_MISSING", device, server_name=None)
    assert len(registered_events(mocked)) == 1


# Handlers.


def test_a_handler_activates_the_device_as_a_rule_with_a_lambda_does(
    iot: Any, mocked: JitpHandle
) -> None:
    CA.register(iot)
    iot.create_policy(policyName="bulb", policyDocument=ALLOW)

    def activate(event: Event) -> None:
        certificate_id = event.payload["certificateId"]
        found = iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]
        assert found["status"] == event.payload["certificateStatus"]
        iot.attach_policy(policyName="bulb", target=found["certificateArn"])
        iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")

    mocked.subscribe(REGISTERED + "+", activate)
    device = CA.issue(common_name="bulb-1")
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    assert status_of(iot, device) == "ACTIVE"
    connection = connect_device(device)
    assert connection.provisioning is None
    (attached,) = iot.list_attached_policies(target=connection.certificate_arn)["policies"]
    assert attached["policyName"] == "bulb"


@pytest.mark.parametrize(
    ("topic_filter", "hears"),
    [
        ("{registered}{ca}", True),
        ("{registered}+", True),
        ("{registered}#", True),
        ("$aws/events/#", True),
        ("$aws/events/+/registered/+", True),
        ("$aws/events/certificates/registered", False),
        ("{registered}{ca}/#", False),
        ("{registered}{ca}/+", False),
        ("{registered}0123", False),
        ("$aws/events/presence/#", False),
        ("#", False),
        ("+/events/#", False),
    ],
)
def test_topic_filters_follow_mqtt(
    iot: Any, mocked: JitpHandle, topic_filter: str, hears: bool
) -> None:
    ca_id = CA.register(iot)
    heard: list[Event] = []
    mocked.subscribe(topic_filter.format(registered=REGISTERED, ca=ca_id), heard.append)
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", CA.issue())
    assert bool(heard) is hears
    if hears:
        assert heard == registered_events(mocked)


@pytest.mark.parametrize("wrong", ["", "a/#/b", "a/b#", "a+/b", "#/a", "++"])
def test_what_is_not_a_topic_filter_is_a_value_error(mocked: JitpHandle, wrong: str) -> None:
    with pytest.raises(ValueError, match="not a valid topic filter"):
        mocked.subscribe(wrong, print)


def test_a_handler_may_take_topic_and_payload(iot: Any, mocked: JitpHandle) -> None:
    ca_id = CA.register(iot)
    heard: list[tuple[str, Any]] = []

    def handler(topic: str, payload: Any) -> None:
        heard.append((topic, payload))

    mocked.subscribe(REGISTERED + "#", handler)
    device = CA.issue()
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    ((topic, payload),) = heard
    assert topic == REGISTERED + ca_id
    assert payload["certificateId"] == device.certificate_id


def test_a_cancelled_handler_is_no_longer_called(iot: Any, mocked: JitpHandle) -> None:
    CA.register(iot)
    heard: list[Event] = []
    subscription = mocked.subscribe(REGISTERED + "+", heard.append)
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", CA.issue())
    subscription.cancel()
    subscription.cancel()
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", CA.issue())
    assert len(heard) == 1


def test_what_a_handler_raises_reaches_the_test_after_the_others_were_called(
    iot: Any, mocked: JitpHandle
) -> None:
    CA.register(iot)
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise LookupError("the handler is broken")

    mocked.subscribe(REGISTERED + "+", broken)
    mocked.subscribe(REGISTERED + "+", heard.append)
    device = CA.issue()
    with pytest.raises(LookupError, match="the handler is broken"):
        connect_device(device)
    assert len(heard) == 1
    assert status_of(iot, device) == "PENDING_ACTIVATION"
    assert len(mocked.connections) == 1


def test_a_handler_may_connect_the_device_again(iot: Any, mocked: JitpHandle) -> None:
    CA.register(iot)
    device = CA.issue()
    connected = []

    def activate(event: Event) -> None:
        iot.update_certificate(certificateId=device.certificate_id, newStatus="ACTIVE")
        connected.append(connect_device(device))

    mocked.subscribe(REGISTERED + "+", activate)
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    assert [attempt.connected for attempt in connected] == [True]
    assert [attempt.accepted for attempt in mocked.connections] == [False, True]


def test_handlers_end_with_their_block() -> None:
    heard: list[Event] = []
    with mock_jitp() as jitp:
        jitp.subscribe(REGISTERED + "+", heard.append)
    with mock_jitp():
        CA.register(client())
        refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", CA.issue())
    assert heard == []


def test_a_pending_device_whose_ca_was_deleted_publishes_it_too(
    iot: Any, mocked: JitpHandle
) -> None:
    ca_id = CA.register(iot)
    device = CA.issue()
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    iot.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE")
    iot.delete_ca_certificate(certificateId=ca_id)
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    first, second = registered_events(mocked)
    assert second.topic == first.topic
    assert second.payload["caCertificateId"] == ca_id


def test_a_handler_that_changes_the_payload_changes_no_one_elses(
    iot: Any, mocked: JitpHandle
) -> None:
    CA.register(iot)
    heard: list[Event] = []
    mocked.subscribe(REGISTERED + "+", lambda event: event.payload.clear())
    mocked.subscribe(REGISTERED + "+", heard.append)
    device = CA.issue()
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    for event in (*heard, *registered_events(mocked)):
        assert event.payload["certificateId"] == device.certificate_id
    assert len(heard) == 1
