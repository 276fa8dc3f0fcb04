"""get_effective_policies lists what counts for a device."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moto_jitp import CertificateAuthority


def document(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def certificate_arn(iot: Any) -> str:
    device = CertificateAuthority(common_name="Acme").issue(common_name="bulb-1")
    arn: str = iot.register_certificate_without_ca(
        certificatePem=device.certificate_pem, status="ACTIVE"
    )["certificateArn"]
    return arn


@pytest.fixture
def house(iot: Any, certificate_arn: str) -> dict[str, str]:
    """A bulb in the group kitchen, which is in the group house; a policy at each."""
    house = iot.create_thing_group(thingGroupName="house")["thingGroupArn"]
    kitchen = iot.create_thing_group(thingGroupName="kitchen", parentGroupName="house")
    iot.create_thing_group(thingGroupName="garden", parentGroupName="house")
    arns = {"house": house, "kitchen": kitchen["thingGroupArn"]}
    iot.create_thing(thingName="bulb-1")
    iot.add_thing_to_thing_group(thingGroupName="kitchen", thingName="bulb-1")
    iot.attach_thing_principal(thingName="bulb-1", principal=certificate_arn)
    for name, target in [
        ("of-certificate", certificate_arn),
        ("of-kitchen", arns["kitchen"]),
        ("of-house", arns["house"]),
        ("of-garden", house.replace("house", "garden")),
    ]:
        iot.create_policy(policyName=name, policyDocument=document("iot:Connect"))
        iot.attach_policy(policyName=name, target=target)
    return arns


def names(answer: dict[str, Any]) -> list[str]:
    return [policy["policyName"] for policy in answer["effectivePolicies"]]


@pytest.mark.usefixtures("house")
def test_the_policies_of_the_certificate_and_of_the_things_groups_count(
    iot: Any, certificate_arn: str
) -> None:
    answer = iot.get_effective_policies(principal=certificate_arn, thingName="bulb-1")
    assert names(answer) == ["of-certificate", "of-kitchen", "of-house"]
    first = answer["effectivePolicies"][0]
    assert first["policyArn"] == "arn:aws:iot:us-east-1:123456789012:policy/of-certificate"
    assert json.loads(first["policyDocument"]) == json.loads(document("iot:Connect"))


@pytest.mark.usefixtures("house")
def test_a_certificate_alone_brings_the_groups_of_its_things(
    iot: Any, certificate_arn: str
) -> None:
    answer = iot.get_effective_policies(principal=certificate_arn)
    assert names(answer) == ["of-certificate", "of-kitchen", "of-house"]
    iot.detach_thing_principal(thingName="bulb-1", principal=certificate_arn)
    assert names(iot.get_effective_policies(principal=certificate_arn)) == ["of-certificate"]


@pytest.mark.usefixtures("house")
def test_a_thing_alone_brings_its_groups_and_those_above(iot: Any) -> None:
    answer = iot.get_effective_policies(thingName="bulb-1")
    assert names(answer) == ["of-kitchen", "of-house"]
    iot.remove_thing_from_thing_group(thingGroupName="kitchen", thingName="bulb-1")
    assert names(iot.get_effective_policies(thingName="bulb-1")) == []


def test_a_group_brings_those_above_it(iot: Any, house: dict[str, str]) -> None:
    answer = iot.get_effective_policies(principal=house["kitchen"])
    assert names(answer) == ["of-kitchen", "of-house"]
    assert names(iot.get_effective_policies(principal=house["house"])) == ["of-house"]


def test_a_policy_attached_twice_is_listed_once(
    iot: Any, certificate_arn: str, house: dict[str, str]
) -> None:
    iot.attach_policy(policyName="of-certificate", target=house["house"])
    answer = iot.get_effective_policies(principal=certificate_arn, thingName="bulb-1")
    assert sorted(names(answer)) == ["of-certificate", "of-house", "of-kitchen"]


@pytest.mark.usefixtures("house")
def test_the_default_version_is_the_one_in_effect(iot: Any, certificate_arn: str) -> None:
    iot.create_policy_version(
        policyName="of-certificate", policyDocument=document("iot:Publish"), setAsDefault=False
    )

    def action() -> Any:
        answer = iot.get_effective_policies(principal=certificate_arn)
        return json.loads(answer["effectivePolicies"][0]["policyDocument"])["Statement"][0][
            "Action"
        ]

    assert action() == "iot:Connect"
    iot.set_default_policy_version(policyName="of-certificate", policyVersionId="2")
    assert action() == "iot:Publish"


def test_neither_principal_nor_thing_is_a_request_that_says_nothing(iot: Any) -> None:
    with pytest.raises(
        iot.exceptions.InvalidRequestException, match="Both principal and thingName are missing"
    ):
        iot.get_effective_policies()


@pytest.mark.parametrize("operation", ["get_effective_policies", "test_authorization"])
@pytest.mark.usefixtures("house")
def test_a_principal_that_does_not_exist_is_named_with_what_to_give(
    iot: Any, certificate_arn: str, operation: str
) -> None:
    info = {"actionType": "CONNECT", "resources": ["arn:aws:iot:us-east-1:123456789012:client/a"]}
    more = {"authInfos": [info]} if operation == "test_authorization" else {}
    here = "does not exist in account 123456789012, Region us-east-1"
    elsewhere = certificate_arn.replace("us-east-1", "eu-west-1")
    account = certificate_arn.partition("cert/")[0]
    for principal, text in {
        f"{account}cert/{'0' * 64}": f"The certificate {account}cert/{'0' * 64} {here}",
        elsewhere: f"The certificate {elsewhere} {here}",
        f"{account}thinggroup/attic": f"The thing group {account}thinggroup/attic {here}",
        certificate_arn.rpartition("/")[2]: f"is a certificate's id. Give its ARN, {account}cert/",
        f"{account}thing/bulb-1": f"is a thing, .* Attached to it is {certificate_arn}",
        f"{account}policy/of-house": "No resource that can have policies has the ARN",
        "us-east-1:nobody": "There is no Cognito identity with the id us-east-1:nobody",
    }.items():
        with pytest.raises(iot.exceptions.ResourceNotFoundException, match=text):
            getattr(iot, operation)(principal=principal, **more)


def test_a_thing_that_does_not_exist_is_named(iot: Any, certificate_arn: str) -> None:
    for more in ({}, {"principal": certificate_arn}):
        with pytest.raises(
            iot.exceptions.ResourceNotFoundException, match="The thing nobody does not exist"
        ):
            iot.get_effective_policies(thingName="nobody", **more)


def test_an_identity_pool_is_refused_by_name(iot: Any) -> None:
    with pytest.raises(iot.exceptions.InvalidRequestException, match="cognitoIdentityPoolId"):
        iot.get_effective_policies(cognitoIdentityPoolId="us-east-1:pool")
