"""create_policy and create_policy_version accept what AWS IoT accepts, and say what is wrong."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from support.cloud import client, refused

from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device
from moto_jitp.mock import mock_jitp

GOOD = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
    }
)


def statement(**changes: Any) -> str:
    parts = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*", **changes}
    kept = {key: value for key, value in parts.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [kept]})


MALFORMED = [
    ("{", "is not JSON"),
    ("[]", "must be an object"),
    (statement(Effect="Permit"), "'Permit'"),
    (statement(Resource="client/bulb-1"), "client/bulb-1 is not in valid ARN format"),
    (statement(Principal="*"), "leave Principal out"),
    (statement(Action=None), "NotAction"),
    (statement(Condition={"StringEqual": {"iot:ClientId": "a"}}), "StringEqual"),
    (
        statement(Resource=["*"] + ["arn:aws:iot:us-east-1:123456789012:topic/" + "a" * 200] * 10),
        "2048",
    ),
]


@pytest.mark.parametrize(("document", "text"), MALFORMED)
def test_a_malformed_policy_is_refused_with_what_is_wrong(
    iot: Any, document: str, text: str
) -> None:
    with pytest.raises(
        iot.exceptions.MalformedPolicyException, match="Policy document is Malformed"
    ) as info:
        iot.create_policy(policyName="p", policyDocument=document)
    assert text in info.value.response["Error"]["Message"]
    assert info.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert iot.list_policies()["policies"] == []


@pytest.mark.parametrize(("document", "text"), MALFORMED)
def test_a_malformed_version_is_refused_and_the_policy_stays_as_it_was(
    iot: Any, document: str, text: str
) -> None:
    iot.create_policy(policyName="p", policyDocument=GOOD)
    with pytest.raises(iot.exceptions.MalformedPolicyException) as info:
        iot.create_policy_version(policyName="p", policyDocument=document, setAsDefault=True)
    assert text in info.value.response["Error"]["Message"]
    assert iot.get_policy(policyName="p")["policyDocument"] == GOOD
    assert len(iot.list_policy_versions(policyName="p")["policyVersions"]) == 1


def test_a_good_policy_is_kept_to_the_letter_and_its_new_default_counts(iot: Any) -> None:
    made = iot.create_policy(policyName="p", policyDocument=GOOD)
    assert made["policyDocument"] == GOOD
    assert made["policyVersionId"] == "1"
    other = statement(Effect="Deny")
    version = iot.create_policy_version(policyName="p", policyDocument=other, setAsDefault=True)
    assert (version["policyVersionId"], version["isDefaultVersion"]) == ("2", True)
    assert iot.get_policy(policyName="p")["policyDocument"] == other


def test_a_version_is_not_the_default_unless_asked_for(iot: Any) -> None:
    iot.create_policy(policyName="p", policyDocument=GOOD)
    version = iot.create_policy_version(policyName="p", policyDocument=statement(Effect="Deny"))
    assert version["isDefaultVersion"] is False
    assert iot.get_policy(policyName="p")["policyDocument"] == GOOD


def test_a_version_that_does_not_exist_is_not_made_the_default(iot: Any) -> None:
    iot.create_policy(policyName="p", policyDocument=GOOD)
    iot.create_policy_version(policyName="p", policyDocument=statement(Effect="Deny"))
    with refused("ResourceNotFoundException", 404, "The policy p has no version 7; it has 1, 2."):
        iot.set_default_policy_version(policyName="p", policyVersionId="7")
    versions = iot.list_policy_versions(policyName="p")["policyVersions"]
    assert {v["versionId"]: v["isDefaultVersion"] for v in versions} == {"1": True, "2": False}
    iot.set_default_policy_version(policyName="p", policyVersionId="2")
    assert iot.get_policy(policyName="p")["defaultVersionId"] == "2"


# Attaching.


@pytest.fixture
def certificate_arn(iot: Any) -> str:
    made = iot.create_keys_and_certificate(setAsActive=True)
    return str(made["certificateArn"])


def attach_many(iot: Any, target: str, count: int) -> None:
    for number in range(count):
        iot.create_policy(policyName=f"p{number}", policyDocument=GOOD)
        iot.attach_policy(policyName=f"p{number}", target=target)


def test_ten_policies_can_be_attached_to_a_certificate_and_no_more(
    iot: Any, certificate_arn: str
) -> None:
    attach_many(iot, certificate_arn, 10)
    iot.attach_policy(policyName="p9", target=certificate_arn)  # is attached already
    iot.create_policy(policyName="one-more", policyDocument=GOOD)
    for attach in (
        lambda: client().attach_policy(policyName="one-more", target=certificate_arn),
        lambda: client().attach_principal_policy(policyName="one-more", principal=certificate_arn),
    ):
        with refused("LimitExceededException", 410, "The certificate has 10 policies already"):
            attach()
    iot.detach_policy(policyName="p0", target=certificate_arn)
    iot.attach_policy(policyName="one-more", target=certificate_arn)
    assert len(iot.list_attached_policies(target=certificate_arn)["policies"]) == 10


def test_the_quota_of_certificates_does_not_hold_for_thing_groups(iot: Any) -> None:
    group = iot.create_thing_group(thingGroupName="house")["thingGroupArn"]
    attach_many(iot, group, 11)
    assert len(iot.list_attached_policies(target=group)["policies"]) == 11


def test_what_cannot_have_policies_is_told_apart_from_what_does_not_exist(
    iot: Any, certificate_arn: str
) -> None:
    iot.create_policy(policyName="p", policyDocument=GOOD)
    iot.create_thing(thingName="bulb-1")
    account = certificate_arn.partition("cert/")[0]
    for target in (f"{account}thing/bulb-1", f"{account}policy/p", "arn:aws:s3:::bucket"):
        with refused("InvalidRequestException", 400, "The given ARN does not represent a cert"):
            iot.attach_policy(policyName="p", target=target)
    unknown = f"{account}cert/{'0' * 64}"
    with refused("ResourceNotFoundException", 404, f"The certificate {unknown} does not exist"):
        iot.attach_policy(policyName="p", target=unknown)
    with refused("ResourceNotFoundException", 404, "The policy q does not exist."):
        iot.attach_policy(policyName="q", target=certificate_arn)


def test_without_strict_policies_are_attached_as_in_plain_moto() -> None:
    with mock_jitp(config={"jitp": {"strict": False}}):
        target = client().create_keys_and_certificate(setAsActive=True)["certificateArn"]
        attach_many(client(), target, 11)
        client().set_default_policy_version(policyName="p0", policyVersionId="7")


def test_the_name_of_a_policy_is_checked(iot: Any) -> None:
    with pytest.raises(iot.exceptions.InvalidRequestException, match="policyName"):
        iot.create_policy(policyName="two words", policyDocument=GOOD)


def test_without_strict_any_text_is_a_policy_as_in_plain_moto() -> None:
    with mock_jitp(config={"jitp": {"strict": False}}):
        iot = boto3.client("iot", region_name="us-east-1")
        iot.create_policy(policyName="p", policyDocument="no policy at all")
        iot.create_policy_version(policyName="p", policyDocument="{}", setAsDefault=True)
        assert iot.get_policy(policyName="p")["policyDocument"] == "{}"


def test_the_tags_of_a_policy_are_kept_until_it_is_deleted(iot: Any) -> None:
    arn = iot.create_policy(
        policyName="p", policyDocument=GOOD, tags=[{"Key": "team", "Value": "bulbs"}]
    )["policyArn"]
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [
        {"Key": "team", "Value": "bulbs"}
    ]
    iot.delete_policy(policyName="p")
    iot.create_policy(policyName="p", policyDocument=GOOD)
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == []


def test_a_policy_of_cloudformation_is_text_and_is_checked(iot: Any) -> None:
    cloudformation = boto3.client("cloudformation", region_name="us-east-1")

    def template(document: dict[str, Any]) -> str:
        properties = {"PolicyName": "p", "PolicyDocument": document}
        resource = {"Type": "AWS::IoT::Policy", "Properties": properties}
        return json.dumps({"Resources": {"policy": resource}})

    cloudformation.create_stack(StackName="good", TemplateBody=template(json.loads(GOOD)))
    assert json.loads(iot.get_policy(policyName="p")["policyDocument"]) == json.loads(GOOD)
    cloudformation.delete_stack(StackName="good")
    cloudformation.create_stack(StackName="bad", TemplateBody=template({"Statement": 7}))
    (stack,) = cloudformation.describe_stacks(StackName="bad")["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName="bad")["StackEvents"]
    assert any("Malformed" in event.get("ResourceStatusReason", "") for event in events)
    with refused("ResourceNotFoundException", 404, "The policy p does not exist."):
        iot.get_policy(policyName="p")


def template_body(document: str) -> str:
    return json.dumps(
        {
            "Resources": {
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {
                        "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                        "Status": "ACTIVE",
                    },
                },
                "policy": {
                    "Type": "AWS::IoT::Policy",
                    "Properties": {"PolicyDocument": document},
                },
            },
        }
    )


def test_a_template_with_a_malformed_policy_document_fails_at_that_step(iot: Any) -> None:
    ca = CertificateAuthority(common_name="Acme")
    ca.register(iot, template_body=template_body(statement(Resource="client/bulb-1")))
    with pytest.raises(ConnectionRefused, match="not in valid ARN format") as info:
        connect_device(ca.issue(common_name="bulb-1"))
    assert info.value.provisioning is not None
    (step,) = info.value.provisioning.failed_steps
    assert (step.action, step.error_code) == ("CreatePolicy", "MalformedPolicyException")


def test_a_template_with_a_good_policy_document_provisions(iot: Any) -> None:
    ca = CertificateAuthority(common_name="Acme")
    ca.register(iot, template_body=template_body(GOOD))
    connection = connect_device(ca.issue(common_name="bulb-1"))
    (policy,) = iot.list_attached_policies(target=connection.certificate_arn)["policies"]
    assert iot.get_policy(policyName=policy["policyName"])["policyDocument"] == GOOD
