"""With enforce_policies a device may do what its IoT policies allow, and learns why not."""

from __future__ import annotations

import contextlib
import functools
import json
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from freezegun import freeze_time
from support.bodies import PLAIN_BODY
from support.device_doors import BOTH_DOORS, Door

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    RefusalReason,
    connect_device,
)
from moto_jitp.devices import DeviceConnection, NotAuthorized
from moto_jitp.history.messages import Event
from moto_jitp.mock import mock_jitp

ARN = "arn:aws:iot:us-east-1:123456789012:"

Statements = tuple[str, str, str]


@functools.cache
def client(service: str) -> Any:
    return boto3.Session("any-key", "any-secret", region_name="us-east-1").client(service)


@functools.cache
def authority() -> CertificateAuthority:
    return CertificateAuthority(common_name="Acme")


def document(*statements: Statements) -> str:
    """A policy of (effect, action, resource after the account)."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": f"S{number}",
                    "Effect": effect,
                    "Action": action,
                    "Resource": resource if resource == "*" else ARN + resource,
                }
                for number, (effect, action, resource) in enumerate(statements)
            ],
        }
    )


def attach(target: str, name: str, *statements: Statements) -> None:
    client("iot").create_policy(policyName=name, policyDocument=document(*statements))
    client("iot").attach_policy(policyName=name, target=target)


class Bulb:
    """A provisioned device, whose template gives it no policy."""

    def __init__(self, name: str = "bulb-1", door: Door | None = None) -> None:
        self.name = name
        self.door = door or Door()
        self.device = authority().issue(common_name=name)
        # Where policies are enforced it is provisioned all the same, and then refused.
        with contextlib.suppress(ConnectionRefused):
            connect_device(self.device)
        self.arn = f"{ARN}cert/{self.device.certificate_id}"

    def allow(self, name: str, *statements: Statements) -> Bulb:
        attach(self.arn, name, *statements)
        return self

    def connect(self, **more: Any) -> DeviceConnection:
        return self.door.connect(self.device, **more)

    def refusal(self, **more: Any) -> ConnectionRefused:
        with pytest.raises(ConnectionRefused) as info:
            self.connect(**more)
        assert info.value.reason is RefusalReason.NOT_AUTHORIZED
        return info.value


@pytest.fixture
def jitp() -> Iterator[Any]:
    with mock_jitp(config={"jitp": {"enforce_policies": True}}) as handle:
        authority().register(client("iot"), template_body=PLAIN_BODY)
        yield handle


@pytest.fixture
def bulb(jitp: Any, door: Door) -> Bulb:
    return Bulb(door=door)


@pytest.fixture
def connection(bulb: Bulb) -> DeviceConnection:
    """Connected, and with no other permission."""
    return bulb.allow("connects", ("Allow", "iot:Connect", "client/bulb-1")).connect()


# Connecting.


@pytest.mark.usefixtures("jitp")
def test_a_provisioned_device_without_policy_is_refused_and_told_to_get_one() -> None:
    device = authority().issue(common_name="bulb-1")
    with pytest.raises(ConnectionRefused) as info:
        connect_device(device)
    refused = info.value
    assert refused.reason is RefusalReason.NOT_AUTHORIZED
    assert refused.provisioning is not None
    assert refused.provisioning.succeeded
    assert [attempt.reason for attempt in refused.attempts] == [
        RefusalReason.RECONNECT_REQUIRED,
        RefusalReason.NOT_AUTHORIZED,
    ]
    last = refused.attempts[-1]
    assert f"iot:Connect on {ARN}client/bulb-1 is not allowed: no policy is attached" in (
        last.message
    )
    assert last.advice is not None
    assert f"target='{ARN}cert/{device.certificate_id}'" in last.advice
    assert str(refused).count(last.advice) == 1
    # AWS logs no authentication error for it: the certificate is in order.
    assert last.reason is not None
    assert last.reason.aws_reason is None


def test_a_policy_for_its_client_id_lets_it_in(bulb: Bulb) -> None:
    bulb.allow("p", ("Allow", "iot:Connect", "client/bulb-1"))
    assert bulb.connect().connected


def test_a_refusal_names_the_statement_that_comes_near_and_the_policies(bulb: Bulb) -> None:
    bulb.allow("near", ("Allow", "iot:Connect", "client/bulb-2"))
    bulb.allow("far", ("Allow", "iot:Publish", "*"))
    last = bulb.refusal().attempts[-1]
    assert "policy 'near', Statement[0] (S0) allows the action, but on" in last.message
    assert "client/bulb-2 only" in last.message
    assert "Policies looked at: near, far." in last.message
    assert last.advice is not None
    assert f"Allow iot:Connect on {ARN}client/bulb-1" in last.advice


def test_a_deny_is_named_with_its_policy_and_statement(bulb: Bulb) -> None:
    bulb.allow("yes", ("Allow", "iot:*", "*"))
    bulb.allow("no", ("Allow", "iot:Publish", "*"), ("Deny", "iot:Connect", "client/bulb-*"))
    last = bulb.refusal().attempts[-1]
    assert "is denied by policy 'no', Statement[1] (S1)" in last.message
    assert last.advice is not None
    assert last.advice.startswith("Change the statement that denies iot:Connect")
    assert bulb.connect(client_id="lamp").connected


def test_the_client_id_is_what_counts(bulb: Bulb) -> None:
    bulb.allow("p", ("Allow", "iot:Connect", "client/${iot:Connection.Thing.ThingName}"))
    assert bulb.connect(client_id="bulb-1").connected
    refusal = bulb.refusal(client_id="other")
    assert "client/other" in str(refusal)
    assert "${iot:Connection.Thing.ThingName} has no value here" in str(refusal)


def test_a_variable_without_a_value_is_told_with_the_call_that_gives_it_one(bulb: Bulb) -> None:
    bulb.allow("p", ("Allow", "iot:Connect", "client/${iot:Connection.Thing.ThingName}"))
    advice = bulb.refusal(client_id="other").attempts[-1].advice
    assert advice is not None
    call = "attach_thing_principal(thingName='other', principal='arn:"
    assert advice.startswith(f"Attach the certificate to the thing of its client ID: {call}")


def test_what_the_gateway_knows_of_a_connection_can_be_asked_for(bulb: Bulb) -> None:
    def with_condition(name: str, operator: str, key: str, value: str) -> None:
        text = json.loads(document(("Allow", "iot:Connect", "*")))
        text["Statement"][0]["Condition"] = {operator: {key: value}}
        client("iot").create_policy(policyName=name, policyDocument=json.dumps(text))
        client("iot").attach_policy(policyName=name, target=bulb.arn)

    endpoint = client("iot").describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    for operator, key, good, bad in [
        ("StringEquals", "iot:DomainName", endpoint, "example.com"),
        ("IpAddress", "aws:SourceIp", "127.0.0.0/8", "10.0.0.0/8"),
        ("DateGreaterThan", "aws:CurrentTime", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"),
        ("StringEquals", "iot:Certificate.Subject.CommonName", "bulb-1", "bulb-2"),
        ("Bool", "iot:Connection.Thing.IsAttached", "true", "false"),
    ]:
        with_condition("bad", operator, key, bad)
        assert key in str(bulb.refusal())
        with_condition("good", operator, key, good)
        assert bulb.connect().connected
        for name in ("good", "bad"):
            client("iot").detach_policy(policyName=name, target=bulb.arn)
            client("iot").delete_policy(policyName=name)


def test_policies_of_the_things_groups_and_the_groups_above_count(bulb: Bulb) -> None:
    iot = client("iot")
    house = iot.create_thing_group(thingGroupName="house")["thingGroupArn"]
    iot.create_thing_group(thingGroupName="kitchen", parentGroupName="house")
    attach(house, "of-house", ("Allow", "iot:Connect", "*"))
    bulb.refusal()
    iot.add_thing_to_thing_group(thingGroupName="kitchen", thingName="bulb-1")
    assert bulb.connect().connected
    refusal = bulb.refusal(client_id="another-name")
    assert "of-house of the thing groups of 'bulb-1' were not applied" in str(refusal)


def test_a_version_counts_once_it_is_the_default(bulb: Bulb) -> None:
    bulb.allow("p", ("Deny", "iot:Connect", "*"))
    bulb.refusal()
    client("iot").create_policy_version(
        policyName="p", policyDocument=document(("Allow", "iot:Connect", "*"))
    )
    bulb.refusal()
    client("iot").set_default_policy_version(policyName="p", policyVersionId="2")
    assert bulb.connect().connected


def test_an_exclusive_thing_is_known_under_any_client_id() -> None:
    body = json.loads(PLAIN_BODY)
    body["Resources"]["certificate"]["Properties"]["ThingPrincipalType"] = "EXCLUSIVE_THING"
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        authority().register(client("iot"), template_body=json.dumps(body))
        bulb = Bulb()
        bulb.allow("p", ("Allow", "iot:Connect", "client/${iot:Connection.Thing.ThingName}-a"))
        assert bulb.connect(client_id="bulb-1-a").connected
        bulb.refusal(client_id="bulb-2-a")


def test_a_policy_that_cannot_be_read_is_named() -> None:
    with mock_jitp(config={"jitp": {"enforce_policies": True, "strict": False}}):
        authority().register(client("iot"), template_body=PLAIN_BODY)
        bulb = Bulb()
        client("iot").create_policy(policyName="broken", policyDocument="{")
        client("iot").attach_policy(policyName="broken", target=bulb.arn)
        assert "broken cannot be read and so allows nothing" in str(bulb.refusal())


def test_without_the_setting_no_policy_is_needed_for_anything() -> None:
    with mock_jitp():
        authority().register(client("iot"), template_body=PLAIN_BODY)
        connection = Bulb().connect()
        connection.subscribe("a/#")
        connection.publish("a/b", b"1", retain=True)
        assert connection.receive().payload == b"1"


# Publishing, subscribing, receiving.


def refused(call: Any, *arguments: Any, **more: Any) -> NotAuthorized:
    with pytest.raises(NotAuthorized) as info:
        call(*arguments, **more)
    assert isinstance(info.value, PermissionError)
    return info.value


def test_publishing_needs_permission_for_the_topic(
    bulb: Bulb, connection: DeviceConnection, jitp: Any
) -> None:
    bulb.allow("publishes", ("Allow", "iot:Publish", "topic/state/bulb-1"))
    connection.publish("state/bulb-1", b"on")
    before = jitp.events
    error = refused(connection.publish, "state/bulb-2", b"on")
    assert (error.action, error.resource) == ("iot:Publish", f"{ARN}topic/state/bulb-2")
    assert "policy 'publishes', Statement[0] (S0) allows the action, but on" in str(error)
    assert "Policies looked at: connects, publishes." in str(error)
    assert error.decision.kind == "IMPLICIT_DENY"
    # Nothing was published, and the device may continue.
    assert jitp.events == before
    assert connection.connected


@BOTH_DOORS
def test_the_absence_of_any_statement_is_said(connection: DeviceConnection) -> None:
    error = refused(connection.publish, "a", b"")
    assert "no statement of 'connects' allows this action (only iot:Connect)" in str(error)


def test_a_denied_publish_names_the_statement(bulb: Bulb, connection: DeviceConnection) -> None:
    bulb.allow("p", ("Allow", "iot:Publish", "*"), ("Deny", "iot:Publish", "topic/secret/*"))
    connection.publish("open", b"")
    error = refused(connection.publish, "secret/a", b"")
    assert "is denied by policy 'p', Statement[1] (S1)" in str(error)
    assert error.decision.explicit_deny


@BOTH_DOORS
def test_retaining_needs_a_permission_of_its_own(bulb: Bulb, connection: DeviceConnection) -> None:
    bulb.allow("publishes", ("Allow", "iot:Publish", "*"))
    error = refused(connection.publish, "a", b"1", retain=True)
    assert "iot:RetainPublish" in str(error)
    bulb.allow("retains", ("Allow", "iot:RetainPublish", "topic/a"))
    connection.publish("a", b"1", retain=True)


def test_subscribing_needs_permission_for_the_filter(
    bulb: Bulb, connection: DeviceConnection
) -> None:
    bulb.allow("subscribes", ("Allow", "iot:Subscribe", "topicfilter/commands/+"))
    connection.subscribe("commands/+")
    error = refused(connection.subscribe, "commands/bulb-1")
    assert (error.action, error.resource) == (
        "iot:Subscribe",
        f"{ARN}topicfilter/commands/bulb-1",
    )
    assert "+ and # are ordinary characters in a policy" in str(error)


def test_receiving_needs_permission_for_the_topic(bulb: Bulb, connection: DeviceConnection) -> None:
    bulb.allow(
        "p", ("Allow", "iot:Subscribe", "*"), ("Allow", "iot:Receive", "topic/commands/mine")
    )
    connection.subscribe("commands/#")
    data = client("iot-data")
    data.publish(topic="commands/yours", payload=b"1")
    data.publish(topic="commands/mine", payload=b"2")
    error = refused(connection.receive)
    assert (error.action, error.resource) == ("iot:Receive", f"{ARN}topic/commands/yours")
    assert "Statement[1] (S1) allows the action, but on" in str(error)
    assert connection.receive().payload == b"2"
    assert connection.undelivered == (error,)


def test_a_handler_is_not_called_with_what_may_not_be_received(
    bulb: Bulb, connection: DeviceConnection
) -> None:
    bulb.allow("p", ("Allow", "iot:Subscribe", "*"), ("Allow", "iot:Receive", "topic/a"))
    seen: list[str] = []

    def handler(event: Event) -> None:
        seen.append(event.topic)

    connection.subscribe("#", handler)
    for topic in ("a", "b"):
        client("iot-data").publish(topic=topic, payload=b"")
    assert seen == ["a"]
    assert [error.resource for error in connection.undelivered] == [f"{ARN}topic/b"]


@BOTH_DOORS
def test_a_permission_that_is_removed_is_missed_at_once(
    bulb: Bulb, connection: DeviceConnection
) -> None:
    bulb.allow("p", ("Allow", "iot:Publish", "*"))
    connection.publish("a", b"")
    client("iot").detach_policy(policyName="p", target=bulb.arn)
    refused(connection.publish, "a", b"")


def another_version(bulb: Bulb) -> None:
    nothing = document(("Deny", "iot:Publish", "*"))
    client("iot").create_policy_version(policyName="p", policyDocument=nothing, setAsDefault=True)


def a_version_that_is_made_the_default(bulb: Bulb) -> None:
    nothing = document(("Deny", "iot:Publish", "*"))
    client("iot").create_policy_version(policyName="p", policyDocument=nothing)
    client("iot").set_default_policy_version(policyName="p", policyVersionId="2")


def a_policy_that_denies_it(bulb: Bulb) -> None:
    bulb.allow("denies", ("Deny", "iot:Publish", "*"))


def another_attribute(bulb: Bulb) -> None:
    attributes = {"attributes": {"room": "cellar"}}
    client("iot").update_thing(thingName="bulb-1", attributePayload=attributes)


def another_thing(bulb: Bulb) -> None:
    client("iot").detach_thing_principal(thingName="bulb-1", principal=bulb.arn)
    client("iot").delete_thing(thingName="bulb-1")


def a_group_that_denies_it(bulb: Bulb) -> None:
    client("iot").add_thing_to_thing_group(thingGroupName="muted", thingName="bulb-1")


def a_group_above_that_denies_it(bulb: Bulb) -> None:
    client("iot").create_thing_group(thingGroupName="below", parentGroupName="muted")
    client("iot").add_thing_to_thing_group(thingGroupName="below", thingName="bulb-1")


@pytest.mark.parametrize(
    "change",
    [
        another_version,
        a_version_that_is_made_the_default,
        a_policy_that_denies_it,
        another_attribute,
        another_thing,
        a_group_that_denies_it,
        a_group_above_that_denies_it,
    ],
)
@BOTH_DOORS
def test_what_was_allowed_before_is_judged_by_what_is_there_now(
    bulb: Bulb, connection: DeviceConnection, change: Callable[[Bulb], None]
) -> None:
    attributes = {"attributes": {"room": "hall"}}
    client("iot").update_thing(thingName="bulb-1", attributePayload=attributes)
    muted = client("iot").create_thing_group(thingGroupName="muted")["thingGroupArn"]
    attach(muted, "mutes", ("Deny", "iot:Publish", "*"))
    topic = "topic/${iot:Connection.Thing.Attributes[room]}"
    bulb.allow("p", ("Allow", "iot:Publish", topic))
    for _ in range(2):
        connection.publish("hall", b"")
    change(bulb)
    refused(connection.publish, "hall", b"")


def test_what_a_group_allows_ends_once_another_policy_of_a_group_above_denies_it(
    bulb: Bulb, connection: DeviceConnection
) -> None:
    iot = client("iot")
    house = iot.create_thing_group(thingGroupName="house")["thingGroupArn"]
    made = iot.create_thing_group(thingGroupName="kitchen", parentGroupName="house")
    attach(made["thingGroupArn"], "lets", ("Allow", "iot:Publish", "*"))
    iot.add_thing_to_thing_group(thingGroupName="kitchen", thingName="bulb-1")
    connection.publish("hall", b"")
    attach(house, "mutes", ("Deny", "iot:Publish", "*"))
    refused(connection.publish, "hall", b"")
    iot.detach_policy(policyName="mutes", target=house)
    connection.publish("hall", b"")
    iot.remove_thing_from_thing_group(thingGroupName="kitchen", thingName="bulb-1")
    refused(connection.publish, "hall", b"")


def test_what_one_thing_may_ends_once_the_certificate_is_another_ones_alone(
    bulb: Bulb, connection: DeviceConnection
) -> None:
    iot = client("iot")
    bulb.allow("p", ("Allow", "iot:Publish", "topic/${iot:Connection.Thing.ThingName}"))
    connection.publish("bulb-1", b"")
    iot.detach_thing_principal(thingName="bulb-1", principal=bulb.arn)
    iot.create_thing(thingName="lamp")
    iot.attach_thing_principal(
        thingName="lamp", principal=bulb.arn, thingPrincipalType="EXCLUSIVE_THING"
    )
    refused(connection.publish, "bulb-1", b"")
    connection.publish("lamp", b"")


def test_a_condition_on_the_time_is_judged_each_time(
    bulb: Bulb, connection: DeviceConnection
) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "iot:Publish",
        "Resource": "*",
        "Condition": {"DateLessThan": {"aws:CurrentTime": "2100-01-01T00:00:00Z"}},
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("iot").create_policy(policyName="until", policyDocument=text)
    client("iot").attach_policy(policyName="until", target=bulb.arn)
    for _ in range(2):
        connection.publish("a", b"")
    with freeze_time("2101-01-01"):
        refused(connection.publish, "a", b"")


def test_a_device_whose_certificate_is_deleted_neither_publishes_nor_receives(
    bulb: Bulb, connection: DeviceConnection
) -> None:
    iot = client("iot")
    bulb.allow("p", ("Allow", "iot:Subscribe", "*"), ("Allow", "iot:Receive", "*"))
    connection.subscribe("a")
    iot.update_certificate(certificateId=bulb.device.certificate_id, newStatus="INACTIVE")
    iot.detach_thing_principal(thingName="bulb-1", principal=bulb.arn)
    iot.delete_certificate(certificateId=bulb.device.certificate_id, forceDelete=True)
    with pytest.raises(ConnectionError, match="deleted"):
        connection.publish("a", b"")
    client("iot-data").publish(topic="a", payload=b"")
    with pytest.raises(ConnectionError, match="deleted"):
        connection.receive()


def test_the_error_survives_a_trip_to_another_process(connection: DeviceConnection) -> None:
    error = refused(connection.publish, "a", b"")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.action, copy.resource) == (str(error), error.action, error.resource)
