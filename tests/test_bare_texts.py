"""The setting ``bare_texts``: errors of the API have AWS's text and nothing else."""

import json
from typing import Any

import boto3
import pytest
from bodies import PLAIN_BODY, ROLE
from botocore.exceptions import ClientError

from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device, mock_jitp

BARE = {"jitp": {"bare_texts": True}}


def malformed_policy(iot: Any) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allowed", "Action": "iot:*"}]}
    iot.create_policy(policyName="p", policyDocument=json.dumps(document))


def policy_that_is_not_json(iot: Any) -> None:
    iot.create_policy(policyName="p", policyDocument="{,}")


def template_with_a_wrong_reference(iot: Any) -> None:
    body = {
        "Parameters": {},
        "Resources": {
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {
                    "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                    "Status": "ACTIVE",
                },
            },
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Nme"}}},
        },
    }
    CertificateAuthority(common_name="A").register(iot, template_body=body, role_arn=ROLE)


def stored_template_that_is_not_json(iot: Any) -> None:
    iot.create_provisioning_template(
        templateName="t", templateBody='{"Resources": {},}', provisioningRoleArn=ROLE
    )


def version_of_a_thing(iot: Any) -> None:
    iot.create_thing(thingName="bulb")
    iot.update_thing(thingName="bulb", expectedVersion=7)


def code_of_another_account(iot: Any) -> None:
    ca = CertificateAuthority(common_name="A")
    iot.get_registration_code()
    iot.register_ca_certificate(
        caCertificate=ca.certificate_pem,
        verificationCertificate=ca.verification_certificate("0" * 64),
    )


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (malformed_policy, "Policy document is Malformed: Invalid policy syntax."),
        (policy_that_is_not_json, "Policy document is Malformed"),
        (
            template_with_a_wrong_reference,
            "Invalid registration template. Cannot resolve reference value: {Ref=Nme}",
        ),
        (stored_template_that_is_not_json, "The template body is invalid."),
        (
            version_of_a_thing,
            "The version for thing bulb does not match the expected version.",
        ),
        (
            code_of_another_account,
            "Registration code provided in the CN field of verification certificate is invalid.",
        ),
    ],
)
def test_code_that_compares_whole_texts_gets_those_of_aws(call: Any, text: str) -> None:
    messages = []
    for config in ({}, BARE):
        with mock_jitp(config=config), pytest.raises(ClientError) as refused:
            call(boto3.client("iot", "us-east-1"))
        messages.append(refused.value.response["Error"]["Message"])

    helpful, bare = messages
    assert bare == text
    assert helpful.startswith(text)
    assert len(helpful) > len(text)


def test_the_explanation_of_a_refused_device_keeps_what_to_change() -> None:
    stories = []
    for config in ({}, BARE):
        with mock_jitp(config=config):
            ca = CertificateAuthority(common_name="A")
            iot = boto3.client("iot", "us-east-1")
            ca.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
            bulb = ca.issue(common_name="a bulb")
            with pytest.raises(ConnectionRefused) as refused:
                connect_device(bulb)
            (attempt,) = refused.value.attempts
            stories.append((attempt.message, attempt.advice))

    assert stories[0] == stories[1]
    assert "[a-zA-Z0-9:_-]" in stories[1][0]


def test_calls_of_a_run_that_registers_a_thing_answer_with_the_text_of_aws() -> None:
    with mock_jitp(config=BARE), pytest.raises(ClientError) as refused:
        boto3.client("iot", "us-east-1").register_thing(templateBody='{"Resources": {},}')

    message = refused.value.response["Error"]["Message"]
    assert message.endswith("]")
    assert "comma" not in message
