"""A rule that an API operation and a step of a run both meet is decided the same way in both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.cloud import client

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    DeviceIdentity,
    RefusalReason,
    connect_device,
    mock_jitp,
)
from moto_jitp.history.explanation import report_of_attempt
from moto_jitp.templates import TemplateSource

DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:Publish", "Resource": "*"}],
    }
)
COUNTRY = "AWS::IoT::Certificate::Country"
ROLE = "arn:aws:iam::123456789012:role/provisioning"


@pytest.fixture(params=[True, False], ids=["strict", "lenient"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Any]:
    with mock_jitp(config={"jitp": {"strict": request.param}}):
        yield client()


@pytest.fixture
def bulb(cloud: Any) -> DeviceIdentity:
    """A device with a registered certificate."""
    device = CertificateAuthority(common_name="Acme Root").issue(common_name="bulb")
    cloud.register_certificate_without_ca(certificatePem=device.certificate_pem, status="ACTIVE")
    return device


def arn_of(device: DeviceIdentity) -> str:
    return f"arn:aws:iot:us-east-1:123456789012:cert/{device.certificate_id}"


def is_let(cloud: Any, operation: str, **given: Any) -> bool:
    try:
        getattr(cloud, operation)(**given)
    except ClientError:
        return False
    return True


def register_thing(device: DeviceIdentity, **resources: dict[str, Any]) -> dict[str, Any]:
    """The input of RegisterThing for a template with these resources."""
    certificate = {"CertificateId": device.certificate_id, **resources.pop("certificate", {})}
    given = {"certificate": ("AWS::IoT::Certificate", certificate)}
    given |= {name: (f"AWS::IoT::{name.title()}", what) for name, what in resources.items()}
    body = {name: {"Type": kind, "Properties": what} for name, (kind, what) in given.items()}
    return {"templateBody": json.dumps({"Resources": body})}


def test_an_eleventh_policy_is_refused_by_api_and_run_or_by_neither(
    cloud: Any, bulb: DeviceIdentity
) -> None:
    for number in range(12):
        cloud.create_policy(policyName=f"p{number}", policyDocument=DOCUMENT)
    for number in range(10):
        cloud.attach_policy(policyName=f"p{number}", target=arn_of(bulb))
    by_run = register_thing(bulb, policy={"PolicyName": "p10"})
    assert is_let(cloud, "register_thing", **by_run) is is_let(
        cloud, "attach_policy", policyName="p11", target=arn_of(bulb)
    )


def test_a_template_with_eleven_policies_is_refused_as_eleven_calls_are(
    cloud: Any, bulb: DeviceIdentity
) -> None:
    names = [f"p{number}" for number in range(11)]
    for name in names:
        cloud.create_policy(policyName=name, policyDocument=DOCUMENT)
    other = CertificateAuthority(common_name="Acme Root").issue(common_name="other")
    cloud.register_certificate_without_ca(certificatePem=other.certificate_pem, status="ACTIVE")
    attached = [is_let(cloud, "attach_policy", policyName=n, target=arn_of(other)) for n in names]
    resources = {
        name: {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": name}} for name in names
    }
    body = json.loads(register_thing(bulb)["templateBody"])
    body["Resources"] |= resources
    by_run = is_let(cloud, "register_thing", templateBody=json.dumps(body))
    assert by_run is all(attached)


@pytest.mark.parametrize(
    ("first", "second"),
    [("NON_EXCLUSIVE_THING", "EXCLUSIVE_THING"), ("EXCLUSIVE_THING", "NON_EXCLUSIVE_THING")],
)
def test_an_exclusive_thing_is_refused_by_api_and_run_or_by_neither(
    cloud: Any, bulb: DeviceIdentity, first: str, second: str
) -> None:
    for name in ("lamp", "one", "two"):
        cloud.create_thing(thingName=name)
    principal = arn_of(bulb)
    cloud.attach_thing_principal(thingName="lamp", principal=principal, thingPrincipalType=first)
    by_run = register_thing(
        bulb, thing={"ThingName": "one"}, certificate={"ThingPrincipalType": second}
    )
    assert is_let(cloud, "register_thing", **by_run) is is_let(
        cloud,
        "attach_thing_principal",
        thingName="two",
        principal=principal,
        thingPrincipalType=second,
    )


def test_a_template_says_of_an_attachment_what_boto3_would(
    cloud: Any, bulb: DeviceIdentity
) -> None:
    cloud.create_thing(thingName="bulb")
    for kind in ("EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"):
        cloud.register_thing(
            **register_thing(
                bulb, thing={"ThingName": "bulb"}, certificate={"ThingPrincipalType": kind}
            )
        )
        attached = cloud.list_thing_principals_v2(thingName="bulb")["thingPrincipalObjects"]
        assert [one["thingPrincipalType"] for one in attached] == [kind]


def test_of_two_cas_of_one_name_the_one_that_signed_is_found_everywhere() -> None:
    with mock_jitp(config={"jitp": {"strict": False}}) as jitp:
        cas = [CertificateAuthority(common_name="Acme Root") for _ in range(3)]
        for ca in cas[:2]:
            ca.register(client())
        # RegisterCertificate, which looks for the CA itself where it need not be named
        first = cas[1].issue(common_name="first")
        client().register_certificate(certificatePem=first.certificate_pem)
        # the gateway, and connect_device, which looks for the account that knows the device
        second = cas[1].issue(common_name="second")
        with pytest.raises(ConnectionRefused):
            connect_device(second)
        listed = client().list_certificates_by_ca(caCertificateId=cas[1].certificate_id)
        assert {certificate["certificateId"] for certificate in listed["certificates"]} == {
            first.certificate_id,
            second.certificate_id,
        }
        with pytest.raises(ConnectionRefused):
            connect_device(cas[2].issue(common_name="third"))
        assert jitp.connections[-1].reason is RefusalReason.DEVICE_CERTIFICATE_NOT_REGISTERED


@pytest.mark.parametrize(
    ("config", "is_given", "name"),
    [
        (None, False, None),
        ({}, False, None),
        ({"roleArn": ROLE}, False, None),
        ({"templateName": ""}, False, None),
        ({"templateName": "bulbs"}, True, "bulbs"),
        ({"templateBody": "{}", "roleArn": ROLE}, True, None),
        ({"templateBody": "{}", "templateName": "bulbs"}, True, "bulbs"),
    ],
)
def test_a_registration_config_says_in_one_way_which_template_applies(
    config: dict[str, str] | None, is_given: bool, name: str | None
) -> None:
    source = TemplateSource.of(config)
    assert (source.is_given, source.name) == (is_given, name)


def test_the_exception_and_the_report_describe_an_attempt_by_the_same_lines() -> None:
    body = {
        "Parameters": {COUNTRY: {"Type": "String"}},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": COUNTRY}}},
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}},
            },
        },
    }
    ca = CertificateAuthority(common_name="Acme Root")
    with mock_jitp():
        ca.register(client(), template_body=json.dumps(body), role_arn=ROLE)
        with pytest.raises(ConnectionRefused) as refused:
            connect_device(ca.issue(common_name="bulb"))
    (attempt,) = refused.value.attempts
    told = [line.strip() for line in str(refused.value).splitlines()]
    reported = [line.strip() for line in report_of_attempt(1, attempt, has_come_back=False)]
    short = attempt.certificate_id[:8] + "…"
    of_run = told[3:-1]
    assert of_run[0].startswith("template:")
    assert f"requires {COUNTRY}: missing" in of_run
    assert reported[-1 - len(of_run) : -1] == [
        line.replace(attempt.certificate_id, short) for line in of_run
    ]
    assert reported[-1].split() == told[-1].split()  # what to change
    assert attempt.message in told[0]
    assert attempt.message in reported
