"""With ``strict`` off the checks that moto does not make are skipped; on, they are made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import client, refused

from moto_jitp import CertificateAuthority, connect_device, mock_jitp

LENIENT = {"jitp": {"strict": False}}
ca = CertificateAuthority(common_name="Acme Root")
namesake = CertificateAuthority(common_name="Acme Root")


def code(iot: Any) -> str:
    found: str = iot.get_registration_code()["registrationCode"]
    return found


def register(iot: Any) -> str:
    answer = iot.register_ca_certificate(
        caCertificate=ca.certificate_pem,
        verificationCertificate=ca.verification_certificate(code(iot)),
        setAsActive=True,
    )
    return str(answer["certificateId"])


def update(iot: Any, status: str) -> None:
    iot.register_certificate_without_ca(certificatePem=ca.issue("x").certificate_pem)
    certificate_id = iot.list_certificates()["certificates"][0]["certificateId"]
    iot.update_certificate(certificateId=certificate_id, newStatus=status)


def with_inactive_ca(iot: Any) -> None:
    iot.update_ca_certificate(certificateId=register(iot), newStatus="INACTIVE")
    iot.register_certificate(certificatePem=ca.issue().certificate_pem)


def twice_the_same_ca(iot: Any) -> None:
    register(iot)
    register(iot)


def update_with_a_body(iot: Any) -> None:
    config = {"templateBody": "no template", "roleArn": ROLE}
    iot.update_ca_certificate(certificateId=register(iot), registrationConfig=config)


MOTO_ACCEPTS: dict[str, Callable[[Any], object]] = {
    "a CA without proof": lambda iot: iot.register_ca_certificate(caCertificate=ca.certificate_pem),
    "a CA that is not a certificate": lambda iot: iot.register_ca_certificate(
        caCertificate="ca", verificationCertificate="proof"
    ),
    "proof by another CA": lambda iot: iot.register_ca_certificate(
        caCertificate=ca.certificate_pem,
        verificationCertificate=namesake.verification_certificate(code(iot)),
    ),
    "a template body that is none": lambda iot: iot.register_ca_certificate(
        caCertificate=ca.certificate_pem,
        verificationCertificate=ca.verification_certificate(code(iot)),
        registrationConfig={"templateBody": "no template", "roleArn": ROLE},
    ),
    "a template that does not exist": lambda iot: iot.register_ca_certificate(
        caCertificate=ca.certificate_pem,
        verificationCertificate=ca.verification_certificate(code(iot)),
        registrationConfig={"templateName": "never-made"},
    ),
    "the same CA twice": twice_the_same_ca,
    "an update with a body that is none": update_with_a_body,
    "a certificate that is none": lambda iot: iot.register_certificate_without_ca(
        certificatePem="pem"
    ),
    "a certificate without a CA": lambda iot: iot.register_certificate(
        certificatePem=ca.issue().certificate_pem
    ),
    "a certificate with an unregistered CA": lambda iot: iot.register_certificate(
        certificatePem=ca.issue().certificate_pem, caCertificatePem=ca.certificate_pem
    ),
    "a certificate of an inactive CA": with_inactive_ca,
    "a pending registration": lambda iot: iot.register_certificate_without_ca(
        certificatePem=ca.issue().certificate_pem, status="PENDING_ACTIVATION"
    ),
    "an update to PENDING_ACTIVATION": lambda iot: update(iot, "PENDING_ACTIVATION"),
    "an update to PENDING_TRANSFER": lambda iot: update(iot, "PENDING_TRANSFER"),
}


@pytest.mark.parametrize("what", MOTO_ACCEPTS)
def test_what_moto_accepts_is_accepted_with_strict_off_and_refused_otherwise(what: str) -> None:
    with mock_aws():
        MOTO_ACCEPTS[what](client())
    with mock_jitp(config=LENIENT):
        MOTO_ACCEPTS[what](client())
    with mock_jitp(), pytest.raises(ClientError):
        MOTO_ACCEPTS[what](client())


def test_bodies_and_hooks_of_templates_are_not_checked() -> None:
    def create(iot: Any) -> None:
        iot.create_provisioning_template(
            templateName="t",
            templateBody="no template",
            provisioningRoleArn=ROLE,
            type="JITP",
            preProvisioningHook={"targetArn": "arn:aws:lambda:us-east-1:123456789012:function:h"},
        )

    with mock_jitp(config=LENIENT):
        create(client())
        found = client().describe_provisioning_template(templateName="t")
        assert found["templateBody"] == "no template"
    with mock_jitp(), pytest.raises(ClientError):
        create(client())


def test_what_moto_checks_is_checked_in_both() -> None:
    for config in (LENIENT, None):
        with mock_jitp(config=config):
            iot = client()
            iot.register_ca_certificate(
                caCertificate=ca.certificate_pem, setAsActive=True, certificateMode="SNI_ONLY"
            )
            with refused("CertificateStateException", 406, ""):
                iot.delete_ca_certificate(certificateId=ca.certificate_id)
            bulb = ca.issue()
            iot.register_certificate(certificatePem=bulb.certificate_pem, status="ACTIVE")
            with refused("ResourceAlreadyExistsException", 409, "The certificate is already "):
                iot.register_certificate(certificatePem=bulb.certificate_pem)
            with refused("CertificateStateException", 406, ""):
                iot.delete_certificate(certificateId=bulb.certificate_id)


def test_devices_are_provisioned_all_the_same() -> None:
    with mock_jitp(config=LENIENT):
        iot = client()
        iot.register_ca_certificate(
            caCertificate=ca.certificate_pem,
            setAsActive=True,
            allowAutoRegistration=True,
            registrationConfig={"templateBody": PLAIN_BODY, "roleArn": ROLE},
        )
        assert connect_device(ca.issue("bulb-1")).thing_name == "bulb-1"


def test_a_certificate_finds_its_ca_without_being_told() -> None:
    with mock_jitp(config=LENIENT):
        iot = client()
        register(iot)
        bulb = ca.issue()
        iot.register_certificate(certificatePem=bulb.certificate_pem)
        found = iot.describe_certificate(certificateId=bulb.certificate_id)
        assert found["certificateDescription"]["caCertificateId"] == ca.certificate_id


def test_lists_come_whole_and_in_motos_order() -> None:
    with mock_jitp(config=LENIENT):
        iot = client()
        ids = [
            iot.register_certificate_without_ca(certificatePem=f"pem {number}")["certificateId"]
            for number in range(30)
        ]
        found = iot.list_certificates()["certificates"]
        assert [certificate["certificateId"] for certificate in found] == ids
        assert len(iot.list_certificates(pageSize=10)["certificates"]) == 10


def test_a_template_that_is_executed_must_be_one() -> None:
    text = "Invalid registration template. "
    with mock_jitp(config=LENIENT), refused("InvalidRequestException", 400, text):
        client().register_thing(templateBody=json.dumps({"Resources": {}}))


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("set_logging_options", {"loggingOptionsPayload": {"roleArn": ROLE, "logLevel": "LOUD"}}),
        ("set_v2_logging_options", {"roleArn": ROLE, "defaultLogLevel": "LOUD"}),
        (
            "set_v2_logging_options",
            {"eventConfigurations": [{"eventType": "Connect", "logLevel": "LOUD"}]},
        ),
        ("set_v2_logging_level", {"logTarget": {"targetType": "DEFAULT"}, "logLevel": "LOUD"}),
    ],
)
def test_a_log_level_that_would_break_each_later_entry_is_refused(
    operation: str, given: dict[str, Any]
) -> None:
    with mock_jitp(config=LENIENT):
        iot = client()
        iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
        with refused("InvalidRequestException", 400, "'LOUD' is not a log level of AWS IoT."):
            getattr(iot, operation)(**given)
        ca.register(iot, template_body=PLAIN_BODY)
        assert connect_device(ca.issue("bulb-1")).connected


def test_a_token_that_moto_cannot_read_is_refused() -> None:
    with (
        mock_jitp(config={"jitp": {"strict": False}}),
        refused("InvalidRequestException", 400, "The token 'x' was not returned by this"),
    ):
        client().list_thing_types(nextToken="x")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("0", "InvalidRequestException"),
        ('["state"]', "InvalidRequestException"),
        ("[" * 100_000, "InvalidRequestException"),
        ('{"state": {"desired": "x"}}', "InvalidRequestException"),
        ('{"state": {"reported": [true]}}', "InvalidRequestException"),
        ('{"state": {}, "version": 3}', "ConflictException"),
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_a_shadow_that_moto_could_not_read_again_is_refused(payload: str, code: str) -> None:
    with mock_jitp(config={"jitp": {"strict": False}}):
        client().create_thing(thingName="bulb")
        data = client(service="iot-data")
        with pytest.raises(ClientError) as refusal:
            data.update_thing_shadow(thingName="bulb", payload=payload)
        assert refusal.value.response["Error"]["Code"] == code
        data.update_thing_shadow(thingName="bulb", payload='{"state": {"desired": {"a": 1}}}')
        found = json.loads(data.get_thing_shadow(thingName="bulb")["payload"].read())
        assert found["state"]["desired"] == {"a": 1}
