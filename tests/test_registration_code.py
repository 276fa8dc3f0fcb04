"""The registration code: one per account and Region, the same until it is deleted."""

from __future__ import annotations

import re
from typing import Any

from support.cloud import client, client_of, refused

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
    code = code_of(iot)
    proof = acme.verification_certificate(code)
    iot.delete_registration_code()
    for wanted in (None, code_of):
        needed = f"is '{wanted(iot)}'" if wanted else "GetRegistrationCode creates one"
        with refused(
            "RegistrationCodeValidationException",
            400,
            "Registration code provided in the CN field of verification certificate is invalid. "
            f"Its CN is '{code}', and ",
        ) as caught:
            iot.register_ca_certificate(
                caCertificate=acme.certificate_pem, verificationCertificate=proof
            )
        assert needed in caught.response["Error"]["Message"]


def test_the_refusal_of_a_verification_certificate_without_a_name_says_which_it_needs(
    iot: Any, acme: CertificateAuthority
) -> None:
    code = code_of(iot)
    nameless = acme.issue(common_name=None, organization="Acme").certificate_pem
    with refused("RegistrationCodeValidationException", 400, "") as caught:
        iot.register_ca_certificate(
            caCertificate=acme.certificate_pem, verificationCertificate=nameless
        )
    assert (
        f"It has no CN, and the registration code of this account and Region is '{code}'."
        in (caught.response["Error"]["Message"])
    )
