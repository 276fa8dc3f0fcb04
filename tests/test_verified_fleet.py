"""Fleet provisioning by claim over MQTT, in the mock or on AWS.

https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from aws_verified import Cloud, aws_verified
from aws_verified.device import MqttDevice

from moto_jitp import DeviceIdentity

CREATE_KEYS = "$aws/certificates/create/json"
OWN_ID = {"Ref": "AWS::IoT::Certificate::Id"}


class Claim:
    """A device whose claim certificate has just the permissions that AWS's guide gives it."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.template = cloud.name("bulbs")
        self._provision = f"$aws/provisioning-templates/{self.template}/provision/json"
        topics = ("$aws/certificates/create/*", f"{self._provision.removesuffix('json')}*")
        allowed = [
            cloud.arn(f"{kind}/{topic}") for topic in topics for kind in ("topic", "topicfilter")
        ]
        policy = cloud.policy(
            "claim",
            ["iot:Connect", "iot:Publish", "iot:Receive", "iot:Subscribe"],
            [cloud.arn("client/*"), *allowed],
        )
        self.device: MqttDevice = cloud.device(cloud.certificate(policy), cloud.name("claim"))
        cloud.until(self.device.connect)
        for topic in (CREATE_KEYS, self._provision):
            for outcome in ("accepted", "rejected"):
                self.device.subscribe(f"{topic}/{outcome}")

    def _ask(self, topic: str, request: dict[str, Any]) -> tuple[str, Any]:
        self.device.publish(topic, request)
        answer = self.device.receive()
        assert answer.topic.startswith(topic)
        return answer.topic.rpartition("/")[2], answer.json

    def create_keys(self) -> tuple[DeviceIdentity, str]:
        """Ask for a certificate; return it with its ownership token."""
        outcome, answer = self._ask(CREATE_KEYS, {})
        assert outcome == "accepted", answer
        self._cloud.clean_up.certificates.add(answer["certificateId"])
        identity = DeviceIdentity.from_pem(answer["certificatePem"], answer["privateKey"])
        assert identity.certificate_id == answer["certificateId"]
        return identity, answer["certificateOwnershipToken"]

    def register(self, token: str, **parameters: str) -> tuple[str, Any]:
        """Ask for the template to be executed."""
        return self._ask(
            self._provision, {"certificateOwnershipToken": token, "parameters": parameters}
        )


def make_template(cloud: Cloud, policy: str, *, enabled: bool = True) -> None:
    thing = {"ThingName": {"Fn::Join": ["", [f"{cloud.prefix}-", {"Ref": "SerialNumber"}]]}}
    body = {
        "Parameters": {"SerialNumber": {"Type": "String"}},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": thing},
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": OWN_ID, "Status": "ACTIVE"},
            },
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": policy}},
        },
        "DeviceConfiguration": {"url": "https://example.com"},
    }
    cloud.iot.create_provisioning_template(
        templateName=cloud.name("bulbs"),
        templateBody=json.dumps(body),
        provisioningRoleArn=cloud.role(),
        enabled=enabled,
    )


@aws_verified
def test_a_claim_certificate_gets_the_device_a_certificate_of_its_own(cloud: Cloud) -> None:
    policy = cloud.policy("devices")
    make_template(cloud, policy)
    claim = Claim(cloud)
    bulb, token = claim.create_keys()

    outcome, answer = claim.register(token, SerialNumber="42")

    name = cloud.name("42")
    assert (outcome, answer) == (
        "accepted",
        {"deviceConfiguration": {"url": "https://example.com"}, "thingName": name},
    )
    arn = cloud.arn(f"cert/{bulb.certificate_id}")
    cloud.until(lambda: cloud.iot.list_thing_principals(thingName=name)["principals"] == [arn])
    attached = cloud.iot.list_attached_policies(target=arn)["policies"]
    assert [one["policyName"] for one in attached] == [policy]
    found = cloud.iot.describe_certificate(certificateId=bulb.certificate_id)
    assert found["certificateDescription"]["status"] == "ACTIVE"
    cloud.until(cloud.device(bulb, name).connect)


@aws_verified
def test_a_missing_parameter_and_a_wrong_token_are_rejected(cloud: Cloud) -> None:
    make_template(cloud, cloud.policy("devices"))
    claim = Claim(cloud)
    bulb, token = claim.create_keys()

    missing, missing_answer = claim.register(token)
    wrong, wrong_answer = claim.register("not-a-token", SerialNumber="42")

    assert (missing, wrong) == ("rejected", "rejected")
    for answer in (missing_answer, wrong_answer):
        assert set(answer) == {"statusCode", "errorCode", "errorMessage"}
        assert answer["statusCode"] == 400
    assert wrong_answer["errorCode"] == "InvalidCertificateOwnershipToken"
    assert not cloud.device(bulb, cloud.name("42")).connect()


@aws_verified
def test_a_template_that_is_not_enabled_provisions_nobody(cloud: Cloud) -> None:
    make_template(cloud, cloud.policy("devices"), enabled=False)
    claim = Claim(cloud)
    bulb, token = claim.create_keys()

    outcome, answer = claim.register(token, SerialNumber="42")

    assert (outcome, answer["statusCode"]) == ("rejected", 400)
    assert not cloud.device(bulb, cloud.name("42")).connect()
    with pytest.raises(cloud.iot.exceptions.ResourceNotFoundException):
        cloud.iot.describe_thing(thingName=cloud.name("42"))


@aws_verified
def test_a_claim_certificate_may_do_nothing_else(cloud: Cloud) -> None:
    claim = Claim(cloud)

    with pytest.raises(AssertionError, match="connection was lost"):
        claim.device.publish("somewhere/else", "hello")
