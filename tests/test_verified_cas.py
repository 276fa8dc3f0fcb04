"""The rules of CA certificates, in the mock or on AWS.

https://docs.aws.amazon.com/iot/latest/developerguide/register-CA-cert.html
"""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from aws_verified import Cloud, aws_verified
from support.cloud import refused

from moto_jitp import CertificateAuthority


def described(cloud: Cloud, ca: CertificateAuthority) -> Any:
    found = cloud.iot.describe_ca_certificate(certificateId=ca.certificate_id)
    return found["certificateDescription"]


def is_registered(cloud: Cloud, ca: CertificateAuthority) -> bool:
    try:
        described(cloud, ca)
    except cloud.iot.exceptions.ResourceNotFoundException:
        return False
    return True


@aws_verified
def test_a_ca_is_registered_with_a_verification_certificate(cloud: Cloud) -> None:
    ca = cloud.ca()

    assert ca.register(cloud.iot, active=False, auto_registration=False) == ca.certificate_id

    found = described(cloud, ca)
    assert found["certificateArn"] == cloud.arn(f"cacert/{ca.certificate_id}")
    assert found["status"] == "INACTIVE"
    assert found["autoRegistrationStatus"] == "DISABLE"
    assert found["certificateMode"] == "DEFAULT"
    assert found["ownedBy"] == cloud.account_id
    assert (found["customerVersion"], found["certificatePem"]) == (1, ca.certificate_pem)


@aws_verified
def test_default_mode_needs_a_verification_certificate(cloud: Cloud) -> None:
    ca = cloud.ca()
    with refused("InvalidRequestException", 400, ""):
        cloud.iot.register_ca_certificate(caCertificate=ca.certificate_pem)
    assert not is_registered(cloud, ca)


@aws_verified
def test_the_verification_certificate_must_be_of_this_ca_and_have_the_code(cloud: Cloud) -> None:
    ca, other = cloud.ca(), cloud.ca("other")
    right = cloud.iot.get_registration_code()["registrationCode"]
    for code, wrong in {
        "CertificateValidationException": other.verification_certificate(right),
        "RegistrationCodeValidationException": ca.verification_certificate("0" * 64),
    }.items():
        with refused(code, 400, ""):
            cloud.iot.register_ca_certificate(
                caCertificate=ca.certificate_pem, verificationCertificate=wrong
            )
    assert not is_registered(cloud, ca)


@aws_verified
def test_sni_only_mode_needs_no_verification_certificate_and_takes_none(cloud: Cloud) -> None:
    ca, other = cloud.ca(), cloud.ca("other")
    ca.register(cloud.iot, certificate_mode="SNI_ONLY")
    assert described(cloud, ca)["certificateMode"] == "SNI_ONLY"
    code = cloud.iot.get_registration_code()["registrationCode"]
    with refused("InvalidRequestException", 400, ""):
        cloud.iot.register_ca_certificate(
            caCertificate=other.certificate_pem,
            verificationCertificate=other.verification_certificate(code),
            certificateMode="SNI_ONLY",
        )
    assert not is_registered(cloud, other)


@aws_verified
def test_a_ca_is_registered_only_once(cloud: Cloud) -> None:
    ca = cloud.ca()
    ca.register(cloud.iot)
    with refused("ResourceAlreadyExistsException", 409, "") as error:
        ca.register(cloud.iot)
    assert error.response["resourceId"] == ca.certificate_id
    assert error.response["resourceArn"] == cloud.arn(f"cacert/{ca.certificate_id}")


@aws_verified
def test_the_registration_code_stays_the_same(cloud: Cloud) -> None:
    codes = {cloud.iot.get_registration_code()["registrationCode"] for _ in range(2)}
    (code,) = codes
    assert len(code) == 64


@aws_verified
def test_text_that_is_not_a_certificate_is_refused(cloud: Cloud) -> None:
    for mode in ("DEFAULT", "SNI_ONLY"):
        with refused("CertificateValidationException", 400, ""):
            cloud.iot.register_ca_certificate(
                caCertificate="not a certificate",
                certificateMode=mode,
                **({"verificationCertificate": "nor this"} if mode == "DEFAULT" else {}),
            )


@aws_verified
def test_an_active_ca_is_deactivated_before_it_is_deleted(cloud: Cloud) -> None:
    ca = cloud.ca()
    ca.register(cloud.iot)
    with refused("CertificateStateException", 406, ""):
        cloud.iot.delete_ca_certificate(certificateId=ca.certificate_id)
    cloud.iot.update_ca_certificate(certificateId=ca.certificate_id, newStatus="INACTIVE")
    cloud.iot.delete_ca_certificate(certificateId=ca.certificate_id)
    cloud.until(lambda: not is_registered(cloud, ca))
    with refused("ResourceNotFoundException", 404, ""):
        cloud.iot.delete_ca_certificate(certificateId=ca.certificate_id)


@aws_verified
def test_a_template_body_needs_a_role_and_comes_alone(cloud: Cloud) -> None:
    ca = cloud.ca()
    common = {"caCertificate": ca.certificate_pem, "certificateMode": "SNI_ONLY"}
    body = '{"Resources": {}}'
    for config in ({"templateBody": body}, {"templateBody": body, "templateName": "x"}):
        with refused("InvalidRequestException", 400, ""):
            cloud.iot.register_ca_certificate(**common, registrationConfig=config)
    assert not is_registered(cloud, ca)


@aws_verified
def test_a_device_certificate_takes_over_the_mode_of_its_ca(cloud: Cloud) -> None:
    ca = cloud.ca()
    ca.register(cloud.iot)
    bulb = ca.issue(common_name=cloud.name("bulb"))
    made = cloud.iot.register_certificate(
        certificatePem=bulb.certificate_pem, caCertificatePem=ca.certificate_pem
    )
    assert made["certificateId"] == bulb.certificate_id
    found = cloud.iot.describe_certificate(certificateId=bulb.certificate_id)
    found = found["certificateDescription"]
    assert (found["certificateMode"], found["caCertificateId"]) == ("DEFAULT", ca.certificate_id)
