"""The registration code: one per account and Region, the same until it is deleted."""

from __future__ import annotations

import re
from typing import Any

from cloud import client, client_of, refused

from moto_jitp import CertificateAuthority


def code_of(iot: Any) -> str:
    code: str = iot.get_registration_code()["registrationCode"]
    return code


def test_the_code_is_64_hex_digits_and_stays_the_same(iot: Any) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", code_of(iot))
    assert code_of(iot) == code_of(iot)


def test_each_account_and_region_has_a_code_of_its_own(iot: Any) -> None:
    elsewhere = [iot, client("eu-west-1"), client_of("111111111111")]
    assert len({code_of(where) for where in elsewhere}) == 3


def test_after_a_deletion_there_is_another_code(iot: Any) -> None:
    before = code_of(iot)
    iot.delete_registration_code()
    assert code_of(iot) != before


def test_a_code_that_does_not_exist_cannot_be_deleted(iot: Any) -> None:
    with refused("ResourceNotFoundException", 404, "No registration code exists"):
        iot.delete_registration_code()
    code_of(iot)
    iot.delete_registration_code()
    with refused("ResourceNotFoundException", 404, "No registration code exists"):
        iot.delete_registration_code()


def test_a_verification_certificate_is_worth_nothing_once_its_code_is_deleted(
    iot: Any, acme: CertificateAuthority
) -> None:
    proof = acme.verification_certificate(code_of(iot))
    iot.delete_registration_code()
    for _ in ("no code at all", "another code"):
        with refused(
            "RegistrationCodeValidationException",
            400,
            "Registration code provided in the CN field of verification certificate is invalid.",
        ):
            iot.register_ca_certificate(
                caCertificate=acme.certificate_pem, verificationCertificate=proof
            )
        code_of(iot)
