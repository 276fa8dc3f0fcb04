"""The setting ``bare_texts``: errors of the API have AWS's text and nothing else."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from freezegun import freeze_time
from support.bodies import PLAIN_BODY, ROLE
from support.fleet import CREATE_KEYS, ClaimDevice, make_template

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


def message_to_a_reserved_topic(iot: Any) -> None:
    boto3.client("iot-data", "us-east-1").publish(topic="$aws/events/presence/connected/a")


def shadow_with_null_in_an_array(iot: Any) -> None:
    boto3.client("iot-data", "us-east-1").update_thing_shadow(
        thingName="bulb", payload=json.dumps({"state": {"desired": {"a": [None]}}})
    )


def thing_type_that_is_not_deprecated(iot: Any) -> None:
    iot.create_thing_type(thingTypeName="lamp")
    iot.delete_thing_type(thingTypeName="lamp")


def thing_type_that_a_thing_has(iot: Any) -> None:
    iot.create_thing_type(thingTypeName="lamp")
    iot.create_thing(thingName="bulb", thingTypeName="lamp")
    iot.deprecate_thing_type(thingTypeName="lamp")
    with freeze_time(datetime.now(timezone.utc) + timedelta(minutes=6)):
        iot.delete_thing_type(thingTypeName="lamp")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (message_to_a_reserved_topic, "Topic can't start with $"),
        (shadow_with_null_in_an_array, "Invalid JSON"),
        (thing_type_that_is_not_deprecated, "Cannot delete thing type : lamp."),
        (thing_type_that_a_thing_has, "Cannot delete thing type : lamp."),
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


# The messages to devices on …/rejected.


def unreadable_request(claim: ClaimDevice) -> tuple[str, Any]:
    topic = "$aws/provisioning-templates/bulbs/provision/json"
    outcome, answer = claim.ask_in_bytes(topic, b'{"certificateOwnershipToken": 1,}')
    return outcome, json.loads(answer) if isinstance(answer, bytes) else answer


def unusable_thing_name(claim: ClaimDevice) -> tuple[str, Any]:
    keys = claim.accepted(CREATE_KEYS)
    return claim.register(keys["certificateOwnershipToken"], SerialNumber="4 2")


def unreadable_csr(claim: ClaimDevice) -> tuple[str, Any]:
    return claim.ask(
        "$aws/certificates/create-from-csr", {"certificateSigningRequest": "not a CSR"}
    )


def shadow_by_a_device(claim: ClaimDevice) -> tuple[str, Any]:
    claim.connection.subscribe("$aws/things/bulb/shadow/update/+")
    topic = "$aws/things/bulb/shadow/update"
    outcome, answer = claim.ask_in_bytes(
        topic, json.dumps({"state": {"reported": {"a": [None]}}}).encode()
    )
    return outcome, json.loads(answer) if isinstance(answer, bytes) else answer


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (unreadable_request, "Message cannot be parsed"),
        (unusable_thing_name, "Invalid registration template. "),
        (shadow_by_a_device, "Invalid JSON"),
    ],
)
def test_devices_receive_the_text_of_aws(ask: Any, text: str) -> None:
    messages = []
    for config in ({}, BARE):
        with mock_jitp(config=config):
            make_template()
            outcome, answer = ask(ClaimDevice())
        assert outcome == "rejected"
        messages.append(answer.get("errorMessage", answer.get("message")))

    helpful, bare = messages
    assert bare.startswith(text)
    assert helpful.startswith(text)
    assert len(helpful) > len(bare)
    assert "allowed" not in bare


def test_why_a_request_was_rejected_is_still_explained() -> None:
    stories = []
    for config in ({}, BARE):
        with mock_jitp(config=config):
            make_template()
            claim = ClaimDevice()
            unusable_thing_name(claim)
            run = claim.connection.provisioning
            stories.append((run.message, run.advice))
    assert stories[0] == stories[1]
    assert "[a-zA-Z0-9:_-]" in stories[1][0]
