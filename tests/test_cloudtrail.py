"""CloudTrail reports each call that changes something, and each step of a provisioning run."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from freezegun.api import FrozenDateTimeFactory
from moto import mock_aws
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core import set_initial_no_auth_action_count
from moto.moto_api import state_manager
from support.bodies import GUIDE_BODY, PLAIN_BODY, ROLE, body
from support.cloud import ACCOUNT, client
from support.devices import make_guide_resources
from support.monitoring import (
    OTHER_ACCOUNT,
    events,
    names,
    record,
    served,
    session_of_other_account,
    try_to_connect,
)

from moto_jitp import (
    CertificateAuthority,
    JitpHandle,
    activate,
    connect_device,
    deactivate,
    mock_jitp,
)

DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
    }
)
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/JITPRole/iot-provisioning"


@pytest.fixture
def cloudtrail(mocked: JitpHandle) -> Any:
    return client(service="cloudtrail")


@pytest.fixture
def ca(iot: Any, acme: CertificateAuthority) -> CertificateAuthority:
    """A registered CA with the guide's template and a role; all resources of the template exist."""
    make_guide_resources(iot)
    acme.register(iot, template_body=GUIDE_BODY, role_arn=ROLE)
    return acme


def made_role(name: str, path: str) -> dict[str, Any]:
    """Create a role in moto's IAM."""
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = client(service="iam").create_role(
        RoleName=name, Path=path, AssumeRolePolicyDocument=document
    )
    return dict(role["Role"])


def refused_lookup(code: str, **arguments: Any) -> str:
    """Call LookupEvents so that it is refused, and return the error's text."""
    with pytest.raises(ClientError) as info:
        client(service="cloudtrail").lookup_events(**arguments)
    assert info.value.response["Error"]["Code"] == code
    assert info.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(info.value.response["Error"]["Message"])


# Calls by boto3.


def test_a_call_that_changes_something_leaves_an_event(iot: Any) -> None:
    iot.create_thing(thingName="bulb-1", attributePayload={"attributes": {"a": "1"}})

    (event,) = events()
    full = record(event)

    assert event["EventName"] == full["eventName"] == "CreateThing"
    assert event["EventSource"] == full["eventSource"] == "iot.amazonaws.com"
    assert event["ReadOnly"] == "false"
    assert full["readOnly"] is False
    assert event["Resources"] == [{"ResourceType": "AWS::IoT::Thing", "ResourceName": "bulb-1"}]
    assert full["requestParameters"] == {
        "thingName": "bulb-1",
        "attributePayload": {"attributes": {"a": "1"}},
    }
    assert full["responseElements"]["thingArn"] == f"arn:aws:iot:us-east-1:{ACCOUNT}:thing/bulb-1"
    assert full["awsRegion"] == "us-east-1"
    assert full["recipientAccountId"] == ACCOUNT
    assert full["userAgent"].startswith("Boto3")
    assert full["eventID"] == event["EventId"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event["EventId"])
    assert "errorCode" not in full


def test_a_call_that_only_reads_leaves_none(iot: Any, cloudtrail: Any) -> None:
    iot.list_things()
    iot.describe_endpoint(endpointType="iot:Data-ATS")
    iot.get_registration_code()

    assert events() == []


def test_a_refused_call_tells_why(iot: Any) -> None:
    with pytest.raises(ClientError):
        iot.update_thing(thingName="nobody", attributePayload={"attributes": {}})

    full = record(events()[0])

    assert full["eventName"] == "UpdateThing"
    assert full["errorCode"] == "ResourceNotFoundException"
    assert full["errorMessage"]
    assert full["responseElements"] is None


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda iot: iot.create_policy(policyName="p", policyDocument="{"), "MalformedPolicy"),
        (
            lambda iot: iot.register_thing(templateBody="{}", parameters={"": "x"}),
            "InvalidRequest",
        ),
        (
            lambda iot: iot.create_mitigation_action(
                actionName="a",
                roleArn=ROLE,
                actionParams={
                    "enableIoTLoggingParams": {"roleArnForLogging": ROLE, "logLevel": "INFO"}
                },
            ),
            "InvalidRequest",
        ),
    ],
    ids=["our own rule", "the model's constraint", "an operation that is not emulated"],
)
def test_whoever_refuses_it(iot: Any, call: Any, code: str) -> None:
    with pytest.raises(ClientError):
        call(iot)

    assert record(events()[0])["errorCode"] == f"{code}Exception"


def test_a_call_that_breaks_down_in_moto_leaves_an_event(
    iot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*arguments: Any, **named: Any) -> None:
        raise KeyError("bulb")

    monkeypatch.setattr("moto.iot.models.FakeThing.__init__", breaks)
    with pytest.raises(KeyError, match="bulb"):
        iot.create_thing(thingName="bulb")

    full = record(events()[0])
    assert (full["eventName"], full["errorCode"]) == ("CreateThing", "InternalFailureException")
    assert full["errorMessage"] == "KeyError('bulb')"


def test_a_parameter_in_the_path_keeps_its_slashes(iot: Any) -> None:
    arn = f"arn:aws:iot:us-east-1:{ACCOUNT}:ruledestination/http/1"
    with pytest.raises(ClientError):  # it is not emulated
        iot.delete_topic_rule_destination(arn=arn)

    assert record(events()[0])["requestParameters"] == {"arn": arn}


def test_a_failure_on_demand_is_in_the_trail(mocked: JitpHandle, iot: Any) -> None:
    mocked.fail("CreateThing", "ThrottlingException")
    with pytest.raises(ClientError):
        iot.create_thing(thingName="bulb")

    assert record(events()[0])["errorCode"] == "ThrottlingException"


@set_initial_no_auth_action_count(0)
def refused_by_iam(session: boto3.Session) -> None:
    """Make a call while moto's IAM decides, and expect it to be refused."""
    with pytest.raises(ClientError):
        session.client("iot").create_thing(thingName="bulb")


def test_a_call_that_iam_refuses_tells_its_error_and_text(mocked: JitpHandle) -> None:
    iam = client(service="iam")
    iam.create_user(UserName="eve")
    key = iam.create_access_key(UserName="eve")["AccessKey"]
    eve = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    unknown = boto3.Session("AKIANOBODYSKEYATALL0", "x", region_name="us-east-1")
    refused_by_iam(eve)
    refused_by_iam(unknown)

    of_unknown, of_eve = map(record, events(EventName="CreateThing"))
    assert of_eve["errorCode"] == "AccessDenied"
    assert of_eve["errorMessage"] == (
        f"User: arn:aws:iam::{ACCOUNT}:user/eve is not authorized to perform: iot:CreateThing"
    )
    assert of_unknown["errorCode"] == "InvalidClientTokenId"
    assert of_unknown["errorMessage"] == "The security token included in the request is invalid."


def test_a_private_key_is_not_in_the_trail(iot: Any) -> None:
    made = iot.create_keys_and_certificate()

    (event,) = events()
    assert "PRIVATE KEY" not in event["CloudTrailEvent"]
    assert record(event)["responseElements"]["certificateId"] == made["certificateId"]


def test_the_caller_is_named(iot: Any) -> None:
    iam = client(service="iam")
    iam.create_user(UserName="alice", Path="/staff/")
    key = iam.create_access_key(UserName="alice")["AccessKey"]

    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    session.client("iot").create_thing(thingName="hers")

    (event,) = events()
    identity = record(event)["userIdentity"]
    assert event["Username"] == identity["userName"] == "alice"
    assert event["AccessKeyId"] == identity["accessKeyId"] == key["AccessKeyId"]
    assert identity["type"] == "IAMUser"
    assert identity["arn"] == f"arn:aws:iam::{ACCOUNT}:user/staff/alice"


def test_an_assumed_role_is_named_with_its_session(mocked: JitpHandle) -> None:
    other = session_of_other_account()
    other.client("iot").create_thing(thingName="theirs")

    (event,) = events(other.client("cloudtrail"))
    identity = record(event)["userIdentity"]
    assert event["Username"] == "tests"
    assert identity["type"] == "AssumedRole"
    assert identity["accountId"] == OTHER_ACCOUNT
    assert identity["sessionContext"]["sessionIssuer"]["userName"] == "tester"


def test_a_session_names_its_role_with_the_path(mocked: JitpHandle) -> None:
    role = made_role("operator", "/staff/")
    assumed = client(service="sts").assume_role(RoleArn=role["Arn"], RoleSessionName="tests")
    keys = assumed["Credentials"]
    session = boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name="us-east-1"
    )
    session.client("iot").create_thing(thingName="theirs")

    identity = record(events()[0])["userIdentity"]
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert identity["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/operator/tests"
    assert (issuer["arn"], issuer["principalId"]) == (role["Arn"], role["RoleId"])


def test_an_event_keeps_who_made_its_call(mocked: JitpHandle) -> None:
    iam = client(service="iam")
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    session.client("iot").create_thing(thingName="hers")
    (before,) = events(Username="alice")
    iam.delete_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="alice")

    assert events(Username="alice") == [before]
    assert events(AccessKeyId=key["AccessKeyId"]) == [before]
    assert events(Username="moto") == []


@pytest.mark.parametrize("key", ["testing", "my-key", "AKIANOBODYSKEYATALL0"])
def test_an_event_has_the_access_key_that_signed_its_call(mocked: JitpHandle, key: str) -> None:
    boto3.Session(key, "x", region_name="us-east-1").client("iot").create_thing(thingName="bulb")

    (event,) = events(AccessKeyId=key)
    assert event["AccessKeyId"] == record(event)["userIdentity"]["accessKeyId"] == key
    assert events(AccessKeyId="AKIAEXAMPLE") == []


# Provisioning runs.


def test_each_step_of_a_run_is_made_by_the_provisioning_role(
    iot: Any, ca: CertificateAuthority
) -> None:
    bulb = ca.issue(common_name="bulb-1", country="KR", serial_number="42")
    connect_device(bulb)

    steps = events(Username="iot-provisioning")

    assert names(steps)[::-1] == [
        "RegisterThing",
        "CreateThing",
        "AddThingToThingGroup",
        "AddThingToThingGroup",
        "CreatePolicy",
        "AttachPolicy",
        "AttachThingPrincipal",
        "UpdateCertificate",
    ]
    for step in steps:
        identity = record(step)["userIdentity"]
        assert identity["type"] == "AssumedRole"
        assert identity["arn"] == SESSION
        assert identity["sessionContext"]["sessionIssuer"]["arn"] == ROLE
        assert "errorCode" not in record(step)


def test_a_run_names_its_role_as_iam_knows_it(iot: Any, acme: CertificateAuthority) -> None:
    role = made_role("JITPRole", "/service-role/")
    acme.register(iot, template_body=PLAIN_BODY, role_arn=role["Arn"])
    connect_device(acme.issue(common_name="bulb"))

    identity = record(events(EventName="CreateThing")[0])["userIdentity"]
    assert identity["arn"] == SESSION
    assert identity["principalId"] == f"{role['RoleId']}:iot-provisioning"
    assert identity["sessionContext"]["sessionIssuer"] == {
        "type": "Role",
        "principalId": role["RoleId"],
        "arn": role["Arn"],
        "accountId": ACCOUNT,
        "userName": "JITPRole",
    }


def test_register_thing_carries_what_the_certificate_offers(ca: CertificateAuthority) -> None:
    bulb = ca.issue(common_name="bulb-1", country="KR", serial_number="42")
    connect_device(bulb)

    (event,) = events(EventName="RegisterThing")
    full = record(event)

    assert full["requestParameters"]["parameters"] == {
        "AWS::IoT::Certificate::CommonName": "bulb-1",
        "AWS::IoT::Certificate::Country": "KR",
        "AWS::IoT::Certificate::SerialNumber": "42",
        "AWS::IoT::Certificate::Id": bulb.certificate_id,
    }
    assert set(full["responseElements"]["resourceArns"]) == {"thing", "certificate", "policy"}


RICH_BODY = body(
    thing={
        "Type": "AWS::IoT::Thing",
        "Properties": {
            "ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"},
            "ThingTypeName": "bulb",
            "AttributePayload": {"country": {"Ref": "AWS::IoT::Certificate::Country"}},
            "ThingGroups": ["lamps"],
            "BillingGroup": "household",
        },
        "OverrideSettings": {"AttributePayload": "MERGE", "ThingTypeName": "REPLACE"},
    },
    policy={"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": DOCUMENT}},
)


@pytest.fixture
def rich_ca(iot: Any, acme: CertificateAuthority) -> CertificateAuthority:
    """A registered CA whose template has something for each step."""
    iot.create_thing_type(thingTypeName="bulb")
    iot.create_thing_group(thingGroupName="lamps")
    iot.create_billing_group(billingGroupName="household")
    acme.register(iot, template_body=RICH_BODY, role_arn=ROLE)
    return acme


def test_a_step_carries_what_the_same_call_by_boto3_would(
    iot: Any, rich_ca: CertificateAuthority
) -> None:
    bulb = rich_ca.issue(common_name="bulb-1", country="KR")
    arn = connect_device(bulb).certificate_arn
    (policy,) = iot.list_policies()["policies"]

    steps = {
        event["EventName"]: record(event)["requestParameters"]
        for event in events(Username="iot-provisioning")
    }
    assert steps.pop("RegisterThing")["parameters"]["AWS::IoT::Certificate::Country"] == "KR"
    assert steps == {
        "CreateThing": {
            "thingName": "bulb-1",
            "thingTypeName": "bulb",
            "attributePayload": {"attributes": {"country": "KR"}},
        },
        "AddThingToThingGroup": {"thingGroupName": "lamps", "thingName": "bulb-1"},
        "AddThingToBillingGroup": {"billingGroupName": "household", "thingName": "bulb-1"},
        "CreatePolicy": {"policyName": policy["policyName"], "policyDocument": DOCUMENT},
        "AttachPolicy": {"policyName": policy["policyName"], "target": arn},
        "AttachThingPrincipal": {"thingName": "bulb-1", "principal": arn},
        "UpdateCertificate": {"certificateId": bulb.certificate_id, "newStatus": "ACTIVE"},
    }


def test_a_step_has_the_answer_that_the_same_call_by_boto3_would_have(
    iot: Any, rich_ca: CertificateAuthority
) -> None:
    connect_device(rich_ca.issue(common_name="bulb-1", country="KR"))
    thing = iot.describe_thing(thingName="bulb-1")
    (policy,) = iot.list_policies()["policies"]
    iot.detach_thing_principal(
        thingName="bulb-1", principal=iot.list_thing_principals(thingName="bulb-1")["principals"][0]
    )
    iot.delete_thing(thingName="bulb-1")

    steps = {
        event["EventName"]: record(event)["responseElements"]
        for event in events(Username="iot-provisioning")
    }
    assert set(steps.pop("RegisterThing")["resourceArns"]) == {"thing", "certificate", "policy"}
    assert {name: answer for name, answer in steps.items() if answer is not None} == {
        "CreateThing": {
            "thingName": "bulb-1",
            "thingArn": thing["thingArn"],
            "thingId": thing["thingId"],
        },
        "CreatePolicy": {
            "policyName": policy["policyName"],
            "policyArn": policy["policyArn"],
            "policyDocument": DOCUMENT,
            "policyVersionId": "1",
        },
    }


def test_a_step_that_changes_a_thing_carries_what_the_template_may_change(
    iot: Any, rich_ca: CertificateAuthority
) -> None:
    iot.create_thing(thingName="bulb-1", attributePayload={"attributes": {"room": "hall"}})
    connect_device(rich_ca.issue(common_name="bulb-1", country="KR"))

    (event,) = events(EventName="UpdateThing")
    assert record(event)["requestParameters"] == {
        "thingName": "bulb-1",
        "thingTypeName": "bulb",
        "attributePayload": {"attributes": {"country": "KR"}, "merge": True},
    }


def test_a_step_that_changes_only_the_type_sent_only_the_type(
    iot: Any, acme: CertificateAuthority
) -> None:
    thing = {
        "Type": "AWS::IoT::Thing",
        "Properties": {
            "ThingName": "bulb-1",
            "ThingTypeName": "new",
            "AttributePayload": {"v": "1"},
        },
        "OverrideSettings": {"AttributePayload": "REPLACE", "ThingTypeName": "REPLACE"},
    }
    acme.register(iot, template_body=body(thing=thing), role_arn=ROLE)
    iot.create_thing_type(thingTypeName="new")
    iot.create_thing(thingName="bulb-1", attributePayload={"attributes": {"v": "1"}})
    connect_device(acme.issue())

    (event,) = events(EventName="UpdateThing")
    assert record(event)["requestParameters"] == {"thingName": "bulb-1", "thingTypeName": "new"}
    assert iot.describe_thing(thingName="bulb-1")["attributes"] == {"v": "1"}


@pytest.mark.parametrize("merges", [True, False])
def test_an_update_is_recorded_like_the_call_by_boto3_with_the_same_effect(
    iot: Any, acme: CertificateAuthority, merges: bool
) -> None:
    thing = {
        "Type": "AWS::IoT::Thing",
        "Properties": {"ThingName": "bulb-1", "AttributePayload": {"v": "2", "new": "yes"}},
        "OverrideSettings": {"AttributePayload": "MERGE" if merges else "REPLACE"},
    }
    acme.register(iot, template_body=body(thing=thing), role_arn=ROLE)
    for name in ("bulb-1", "lamp-1"):
        attributes = {"v": "1", "room": "hall"}
        iot.create_thing(thingName=name, attributePayload={"attributes": attributes})
    connect_device(acme.issue())

    (event,) = events(EventName="UpdateThing")
    iot.update_thing(**{**record(event)["requestParameters"], "thingName": "lamp-1"})
    changed, told = (
        iot.describe_thing(thingName=name)["attributes"] for name in ("bulb-1", "lamp-1")
    )
    assert changed == told
    assert ("room" in changed) is merges


def test_a_run_keeps_what_it_sent_when_the_thing_is_changed_later(
    iot: Any, rich_ca: CertificateAuthority
) -> None:
    connect_device(rich_ca.issue(common_name="bulb-1", country="KR"))
    payload = {"attributes": {"country": "FR"}, "merge": True}
    iot.update_thing(thingName="bulb-1", attributePayload=payload)

    (event,) = events(EventName="CreateThing")
    sent = record(event)["requestParameters"]["attributePayload"]
    assert sent == {"attributes": {"country": "KR"}}


def test_a_step_that_failed_carries_its_parameters_and_no_answer(
    mocked: JitpHandle, rich_ca: CertificateAuthority
) -> None:
    bulb = rich_ca.issue(common_name="bulb-1", country="KR")
    mocked.fail("UpdateCertificate", "ThrottlingException")
    assert not try_to_connect(bulb)
    mocked.fail("CreateThing", "ThrottlingException")
    assert not try_to_connect(rich_ca.issue(common_name="bulb-2", country="FR"))

    update = record(events(EventName="UpdateCertificate")[0])
    create = record(events(EventName="CreateThing")[0])
    assert update["requestParameters"] == {
        "certificateId": bulb.certificate_id,
        "newStatus": "ACTIVE",
    }
    assert create["requestParameters"]["attributePayload"] == {"attributes": {"country": "FR"}}
    assert update["responseElements"] is create["responseElements"] is None


def test_a_run_keeps_its_parameters_when_the_template_is_replaced(
    iot: Any, rich_ca: CertificateAuthority
) -> None:
    connect_device(rich_ca.issue(common_name="bulb-1", country="KR"))
    (before,) = events(EventName="CreateThing")
    iot.update_ca_certificate(
        certificateId=rich_ca.certificate_id,
        registrationConfig={"templateBody": PLAIN_BODY, "roleArn": ROLE},
    )

    assert events(EventName="CreateThing") == [before]


def test_a_failed_run_tells_why_and_leaves_no_events_of_what_it_did_not_do(
    ca: CertificateAuthority,
) -> None:
    assert not try_to_connect(ca.issue(common_name="bulb"))  # without a country

    (event,) = events(Username="iot-provisioning")
    full = record(event)
    assert full["eventName"] == "RegisterThing"
    assert full["errorCode"] == "InvalidRequestException"
    assert full["errorMessage"] == (
        "Invalid registration template. Cannot resolve reference value: "
        "{Ref=AWS::IoT::Certificate::Country}"
    )
    assert full["requestParameters"]["parameters"]["AWS::IoT::Certificate::CommonName"] == "bulb"


def test_a_call_that_a_rule_kept_from_happening_leaves_no_event(
    iot: Any, acme: CertificateAuthority
) -> None:
    thing = {
        "Type": "AWS::IoT::Thing",
        "Properties": {
            "ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"},
            "AttributePayload": {"room": "hall"},
            "BillingGroup": "household",
        },
    }
    acme.register(iot, template_body=body(thing=thing), role_arn=ROLE)
    for group in ("household", "office"):
        iot.create_billing_group(billingGroupName=group)
    iot.create_thing(thingName="bulb", attributePayload={"attributes": {"room": "attic"}})
    hall = {"attributes": {"room": "hall"}}
    iot.create_thing(thingName="lamp", attributePayload=hall, billingGroupName="office")
    for name in ("bulb", "lamp"):
        assert not try_to_connect(acme.issue(common_name=name))

    found = events(Username="iot-provisioning")
    # The lamp's thing is as required, which the run finds by CreateThing.
    assert names(found) == ["CreateThing", "RegisterThing", "RegisterThing"]
    of_lamp, of_bulb = map(record, found[1:])
    assert of_lamp["errorCode"] == of_bulb["errorCode"] == "ResourceRegistrationFailureException"
    assert "conflicts with BillingGroup" in of_lamp["errorMessage"]
    assert "conflicts with AttributePayload" in of_bulb["errorMessage"]


def test_a_call_of_a_run_that_was_made_and_failed_leaves_its_event(
    mocked: JitpHandle, rich_ca: CertificateAuthority
) -> None:
    mocked.fail("AttachPolicy", "LimitExceededException")
    assert not try_to_connect(rich_ca.issue(common_name="bulb", country="KR"))

    (event,) = events(EventName="AttachPolicy")
    assert record(event)["errorCode"] == "LimitExceededException"


def test_a_device_that_is_not_provisioned_is_found_by_its_certificate(
    ca: CertificateAuthority,
) -> None:
    bulb = ca.issue(common_name="bulb", country="FR")
    assert not try_to_connect(bulb)

    (event,) = events(ResourceName=bulb.certificate_id)
    assert record(event)["errorCode"] == "ResourceRegistrationFailureException"


def test_each_further_connection_of_a_pending_device_leaves_its_own_events(
    ca: CertificateAuthority,
) -> None:
    bulb = ca.issue(common_name="bulb")
    for _ in range(3):
        assert not try_to_connect(bulb)

    found = events(EventName="RegisterThing")
    assert len({event["EventId"] for event in found}) == len(found) == 3


def test_a_missing_permission_shows_at_its_step(acme: CertificateAuthority) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "iot.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    allowed = {
        "Effect": "Allow",
        "Action": ["iot:RegisterThing", "iot:CreateThing", "iot:DescribeThing"],
        "Resource": "*",
    }
    with mock_jitp(config={"jitp": {"enforce_role": True}}):
        iam = client(service="iam")
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName="JITPRole", AssumeRolePolicyDocument=document)
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_role_policy(RoleName="JITPRole", PolicyName="p", PolicyDocument=policy)
        acme.register(client(), template_body=PLAIN_BODY, role_arn=ROLE)
        assert not try_to_connect(acme.issue(common_name="bulb"))

        full = record(events(EventName="AttachThingPrincipal")[0])
        assert full["errorCode"] == "AccessDenied"
        assert "iot:AttachThingPrincipal" in full["errorMessage"]
        assert full["userIdentity"]["arn"] == SESSION
        assert "errorCode" not in record(events(EventName="CreateThing")[0])


def test_a_connection_that_provisions_nothing_leaves_no_trail(
    iot: Any, ca: CertificateAuthority
) -> None:
    bulb = ca.issue(common_name="bulb", country="KR")
    connect_device(bulb)
    before = len(events())
    connect_device(bulb)
    assert not try_to_connect(CertificateAuthority(common_name="Nobody").issue(common_name="x"))

    assert len(events()) == before


def test_a_run_whose_template_is_gone_has_no_role_and_is_the_services_own(
    iot: Any, acme: CertificateAuthority
) -> None:
    iot.create_provisioning_template(
        templateName="fleet", templateBody=PLAIN_BODY, provisioningRoleArn=ROLE, type="JITP"
    )
    acme.register(iot, template_name="fleet")
    iot.delete_provisioning_template(templateName="fleet")
    assert not try_to_connect(acme.issue(common_name="bulb"))

    (event,) = events(EventName="DescribeProvisioningTemplate")
    assert "Username" not in event
    assert event["ReadOnly"] == "true"
    assert record(event)["errorMessage"] == "Unable to find template named fleet"
    assert record(event)["userIdentity"] == {
        "type": "AWSService",
        "invokedBy": "iot.amazonaws.com",
    }


def test_a_stored_templates_role_is_named(iot: Any, acme: CertificateAuthority) -> None:
    iot.create_provisioning_template(
        templateName="fleet",
        templateBody=PLAIN_BODY,
        provisioningRoleArn=ROLE,
        type="JITP",
    )
    acme.register(iot, template_name="fleet")
    connect_device(acme.issue(common_name="bulb"))

    full = record(events(EventName="RegisterThing")[0])
    assert full["userIdentity"]["arn"] == SESSION
    assert full["requestParameters"]["templateName"] == "fleet"


def test_a_run_that_takes_its_time_has_the_time_of_its_end(
    clock: FrozenDateTimeFactory, iot: Any, ca: CertificateAuthority
) -> None:
    state_manager.set_transition("iot::jitp", {"progression": "time", "seconds": 60})
    bulb = ca.issue(common_name="bulb", country="KR")
    assert not try_to_connect(bulb)
    assert events(EventName="RegisterThing") == []
    clock.tick(90)
    iot.describe_certificate(certificateId=bulb.certificate_id)

    (event,) = events(EventName="RegisterThing")
    assert event["EventTime"] == datetime(2026, 3, 1, 12, 1, tzinfo=timezone.utc)


# Looking up.


def test_the_newest_event_comes_first_also_within_one_moment(
    clock: FrozenDateTimeFactory, iot: Any, cloudtrail: Any
) -> None:
    for name in ("a", "b", "c"):
        iot.create_thing(thingName=name)

    assert [event["Resources"][0]["ResourceName"] for event in events()] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("EventName", "CreateThing", 1),
        ("EventName", "DeleteThing", 0),
        ("EventSource", "iot.amazonaws.com", 2),
        ("EventSource", "s3.amazonaws.com", 0),
        ("ReadOnly", "false", 2),
        ("ReadOnly", "true", 0),
        ("Username", "moto", 2),
        ("Username", "alice", 0),
        ("ResourceName", "bulb", 1),
        ("ResourceName", "bul", 0),
        ("ResourceType", "AWS::IoT::ThingGroup", 1),
        ("ResourceType", "AWS::IoT::Policy", 0),
        ("AccessKeyId", "AKIANOBODYSKEYATALL0", 0),
        ("EventId", "00000000-0000-0000-0000-000000000000", 0),
    ],
)
def test_events_are_found_by_one_attribute(iot: Any, key: str, value: str, found: int) -> None:
    iot.create_thing(thingName="bulb")
    iot.create_thing_group(thingGroupName="bulbs")

    assert len(events(**{key: value})) == found


def test_an_event_is_found_by_what_its_call_names_in_whatever_way(iot: Any) -> None:
    thing = iot.create_thing(thingName="bulb")["thingArn"]
    group = iot.create_thing_group(thingGroupName="bulbs")["thingGroupArn"]
    billing = iot.create_billing_group(billingGroupName="household")["billingGroupArn"]
    iot.add_thing_to_thing_group(thingGroupArn=group, thingArn=thing)
    iot.add_thing_to_billing_group(billingGroupArn=billing, thingArn=thing)
    iot.update_thing_groups_for_thing(thingName="bulb", thingGroupsToRemove=["bulbs"])
    iot.update_thing_groups_for_thing(thingName="bulb", thingGroupsToAdd=["bulbs"])
    iot.create_job(jobId="update", targets=[thing, group], document="{}")

    def found(name: str) -> list[str]:
        return names(events(ResourceName=name))[::-1][1:]  # what came after its creation

    assert found("bulb") == [
        "AddThingToThingGroup",
        "AddThingToBillingGroup",
        "UpdateThingGroupsForThing",
        "UpdateThingGroupsForThing",
        "CreateJob",
    ]
    assert found("bulbs") == [
        "AddThingToThingGroup",
        "UpdateThingGroupsForThing",
        "UpdateThingGroupsForThing",
        "CreateJob",
    ]
    assert found("household") == ["AddThingToBillingGroup"]
    assert found("somebody") == []


def test_an_event_is_found_by_its_id(ca: CertificateAuthority) -> None:
    connect_device(ca.issue(common_name="bulb", country="KR"))
    found = events()

    assert len({event["EventId"] for event in found}) == len(found)
    for event in found:
        assert events(EventId=event["EventId"]) == [event]


def test_a_time_range_is_in_whole_seconds_and_holds_its_ends(
    clock: FrozenDateTimeFactory, iot: Any, cloudtrail: Any
) -> None:
    times = []
    for name in ("a", "b", "c"):
        clock.tick(timedelta(seconds=10.5))
        times.append(datetime.now(timezone.utc))
        iot.create_thing(thingName=name)

    def within(**arguments: Any) -> list[str]:
        found = cloudtrail.lookup_events(**arguments)["Events"]
        return [event["Resources"][0]["ResourceName"] for event in found]

    assert within(StartTime=times[1]) == ["c", "b"]
    assert within(EndTime=times[1]) == ["b", "a"]
    assert within(StartTime=times[1], EndTime=times[1]) == ["b"]
    assert within(EndTime=times[0] - timedelta(seconds=1)) == []


def test_events_are_kept_for_ninety_days(clock: FrozenDateTimeFactory, iot: Any) -> None:
    iot.create_thing(thingName="bulb")
    long_ago = datetime.now(timezone.utc) - timedelta(days=1)
    clock.tick(timedelta(days=89))
    assert len(events()) == 1
    clock.tick(timedelta(days=2))

    assert events() == []
    assert client(service="cloudtrail").lookup_events(StartTime=long_ago)["Events"] == []


def test_pages_fit_together_while_events_come_in(iot: Any, cloudtrail: Any) -> None:
    for number in range(5):
        iot.create_thing(thingName=f"bulb-{number}")
    seen, token = [], None
    while True:
        more = {"NextToken": token} if token else {}
        page = cloudtrail.lookup_events(MaxResults=2, **more)
        seen += [event["Resources"][0]["ResourceName"] for event in page["Events"]]
        iot.create_thing(thingName=f"late-{len(seen)}")
        token = page.get("NextToken")
        if token is None:
            break

    assert seen == ["bulb-4", "bulb-3", "bulb-2", "bulb-1", "bulb-0"]


def test_a_page_holds_fifty_events_unless_told_otherwise(iot: Any, cloudtrail: Any) -> None:
    for number in range(51):
        iot.create_thing(thingName=f"bulb-{number}")

    page = cloudtrail.lookup_events()

    assert len(page["Events"]) == 50
    assert len(events()) == 51


def test_the_last_page_names_no_next_one(iot: Any, cloudtrail: Any) -> None:
    iot.create_thing(thingName="a")
    iot.create_thing(thingName="b")

    assert "NextToken" not in cloudtrail.lookup_events(MaxResults=2)


def test_wrong_lookups_are_refused(iot: Any, cloudtrail: Any) -> None:
    now = datetime.now(timezone.utc)
    one = {"AttributeKey": "EventName", "AttributeValue": "CreateThing"}

    text = refused_lookup("InvalidLookupAttributesException", LookupAttributes=[one, one])
    assert "one attribute" in text
    wrong = {"AttributeKey": "Colour", "AttributeValue": "red"}
    text = refused_lookup("InvalidLookupAttributesException", LookupAttributes=[wrong])
    assert "'Colour'" in text
    assert "ResourceName" in text
    long = {"AttributeKey": "EventName", "AttributeValue": "x" * 2001}
    refused_lookup("InvalidLookupAttributesException", LookupAttributes=[long])
    before = now - timedelta(hours=1)
    refused_lookup("InvalidTimeRangeException", StartTime=now, EndTime=before)
    refused_lookup("InvalidMaxResultsException", MaxResults=51)
    refused_lookup("InvalidEventCategoryException", EventCategory="other")
    refused_lookup("InvalidNextTokenException", NextToken="nonsense")


def test_a_token_belongs_to_its_question(iot: Any, cloudtrail: Any) -> None:
    for name in ("a", "b"):
        iot.create_thing(thingName=name)
    token = cloudtrail.lookup_events(MaxResults=1)["NextToken"]
    other = [{"AttributeKey": "EventName", "AttributeValue": "CreateThing"}]

    refused_lookup("InvalidNextTokenException", NextToken=token, LookupAttributes=other)


def test_there_are_no_insights_events(iot: Any, cloudtrail: Any) -> None:
    iot.create_thing(thingName="bulb")

    assert cloudtrail.lookup_events(EventCategory="insight")["Events"] == []


# Where and when.


def test_without_the_trail_nothing_is_recorded(acme: CertificateAuthority) -> None:
    with mock_jitp(config={"jitp": {"trail": False}}):
        acme.register(client(), template_body=PLAIN_BODY)
        connect_device(acme.issue(common_name="bulb"))

        assert events() == []


def test_a_block_without_the_trail_leaves_that_of_the_block_around_it(iot: Any) -> None:
    iot.create_thing(thingName="before")
    with mock_jitp(config={"jitp": {"trail": False}}):
        iot.create_thing(thingName="within")
    iot.create_thing(thingName="after")

    assert [event["Resources"][0]["ResourceName"] for event in events()] == ["after", "before"]


def test_accounts_and_regions_have_trails_of_their_own(iot: Any) -> None:
    other = session_of_other_account()
    other.client("iot").create_thing(thingName="theirs")
    client("eu-west-1").create_thing(thingName="elsewhere")
    iot.create_thing(thingName="ours")

    assert [record(event)["recipientAccountId"] for event in events()] == [ACCOUNT]
    (theirs,) = events(other.client("cloudtrail"))
    assert theirs["Resources"][0]["ResourceName"] == "theirs"
    (elsewhere,) = events(client("eu-west-1", "cloudtrail"))
    assert record(elsewhere)["awsRegion"] == "eu-west-1"


def test_each_block_has_a_trail_of_its_own() -> None:
    for _ in range(2):
        with mock_jitp():
            assert events() == []
            client().create_thing(thingName="bulb")
            assert len(events()) == 1


def test_plain_moto_answers_while_the_backend_is_activated() -> None:
    assert not hasattr(CloudTrailResponse, "lookup_events")
    with mock_aws():
        activate()
        try:
            client().create_thing(thingName="bulb")
            with mock_jitp():
                pass
            assert names(events()) == ["CreateThing"]
        finally:
            deactivate()
        assert not hasattr(CloudTrailResponse, "lookup_events")


def test_moto_still_answers_the_rest_of_cloudtrail(cloudtrail: Any) -> None:
    assert cloudtrail.describe_trails()["trailList"] == []


def test_a_server_answers_lookups(acme: CertificateAuthority) -> None:
    with mock_jitp(), served() as session:
        acme.register(session.client("iot"), template_body=PLAIN_BODY, role_arn=ROLE)
        connect_device(acme.issue(common_name="bulb"))

        found = events(session.client("cloudtrail"))
        assert names(found)[-2:] == ["RegisterThing", "RegisterCACertificate"]
        assert record(found[-1])["sourceIPAddress"] == "127.0.0.1"


def test_a_principal_that_travels_in_a_header_is_a_parameter_and_a_resource(
    iot: Any, cloudtrail: Any
) -> None:
    iot.create_thing(thingName="bulb-1")
    made = iot.create_keys_and_certificate()
    principal = made["certificateArn"]
    iot.attach_thing_principal(thingName="bulb-1", principal=principal)
    iot.detach_thing_principal(thingName="bulb-1", principal=principal)

    wanted = {"AttributeKey": "ResourceName", "AttributeValue": made["certificateId"]}
    found = cloudtrail.lookup_events(LookupAttributes=[wanted])["Events"]

    assert [event["EventName"] for event in found] == [
        "DetachThingPrincipal",
        "AttachThingPrincipal",
        "CreateKeysAndCertificate",
    ]
    for event in found[:2]:
        parameters = record(event)["requestParameters"]
        assert parameters == {"thingName": "bulb-1", "principal": principal}
