"""CA certificates through boto3: registration with proof of possession, settings, listing."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from support.bodies import GUIDE_BODY, PLAIN_BODY, ROLE, body
from support.cloud import ACCOUNT, an_hour_later, client, client_of, refused
from support.patience import HANG

from moto_jitp import CertificateAuthority

UNKNOWN = "0" * 64


def request(iot: Any, ca: CertificateAuthority, **changes: Any) -> dict[str, Any]:
    """The arguments to register a CA in DEFAULT mode; a change to None removes the argument."""
    code = iot.get_registration_code()["registrationCode"]
    arguments = {
        "caCertificate": ca.certificate_pem,
        "verificationCertificate": ca.verification_certificate(code),
        **changes,
    }
    return {name: value for name, value in arguments.items() if value is not None}


def register(iot: Any, ca: CertificateAuthority, **changes: Any) -> str:
    answer: dict[str, str] = iot.register_ca_certificate(**request(iot, ca, **changes))
    return answer["certificateId"]


def described(iot: Any, ca_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = iot.describe_ca_certificate(certificateId=ca_id)
    answer.pop("ResponseMetadata")
    return answer


def listed(iot: Any, **arguments: Any) -> list[str]:
    answer = iot.list_ca_certificates(**arguments)
    return [ca["certificateId"] for ca in answer["certificates"]]


def jitp_template(iot: Any, name: str = "bulbs", kind: str = "JITP") -> str:
    iot.create_provisioning_template(
        templateName=name, templateBody=PLAIN_BODY, provisioningRoleArn=ROLE, type=kind
    )
    return name


def self_signed(key: Any, name: str = "odd") -> str:
    """A CA certificate for a key that the test makes."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


class TestRegistration:
    def test_the_answer_has_the_id_of_the_der_bytes_and_a_cacert_arn(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        answer = iot.register_ca_certificate(**request(iot, acme))
        assert answer["certificateId"] == acme.certificate.fingerprint(hashes.SHA256()).hex()
        assert answer["certificateArn"] == (
            f"arn:aws:iot:us-east-1:{ACCOUNT}:cacert/{answer['certificateId']}"
        )

    def test_without_options_the_ca_is_inactive_registers_nobody_and_has_no_template(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        found = described(iot, register(iot, acme))
        assert set(found) == {"certificateDescription"}
        description = found["certificateDescription"]
        assert description["status"] == "INACTIVE"
        assert description["autoRegistrationStatus"] == "DISABLE"
        assert description["certificateMode"] == "DEFAULT"

    def test_options_are_kept(self, iot: Any, acme: CertificateAuthority) -> None:
        found = described(iot, register(iot, acme, setAsActive=True, allowAutoRegistration=True))[
            "certificateDescription"
        ]
        assert found["status"] == "ACTIVE"
        assert found["autoRegistrationStatus"] == "ENABLE"

    def test_the_description_has_every_documented_member(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        before = datetime.now(timezone.utc) - timedelta(seconds=1)
        found = described(iot, register(iot, acme))["certificateDescription"]
        assert found["ownedBy"] == ACCOUNT
        assert found["customerVersion"] == 1
        assert len(found["generationId"]) == 36
        assert found["validity"] == {
            "notBefore": acme.certificate.not_valid_before_utc,
            "notAfter": acme.certificate.not_valid_after_utc,
        }
        assert before <= found["creationDate"] == found["lastModifiedDate"]
        assert found["certificateArn"].endswith(f":cacert/{found['certificateId']}")

    def test_the_pem_text_comes_back_byte_for_byte(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        text = "Acme's root\r\n" + acme.certificate_pem.replace("\n", "\r\n") + "\r\n \n"
        ca_id = register(iot, acme, caCertificate=text)
        assert described(iot, ca_id)["certificateDescription"]["certificatePem"] == text
        assert ca_id == acme.certificate_id

    def test_an_intermediate_ca_can_be_registered_without_its_root(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        plant = CertificateAuthority(common_name="Acme Plant 1", parent=acme)
        assert register(iot, plant) == plant.certificate_id

    def test_tags_are_accepted_and_listed(self, iot: Any, acme: CertificateAuthority) -> None:
        tags = [{"Key": "line", "Value": "bulbs"}, {"Key": "empty", "Value": ""}]
        answer = iot.register_ca_certificate(**request(iot, acme, tags=tags))
        found = iot.list_tags_for_resource(resourceArn=answer["certificateArn"])
        assert found["tags"] == tags

    def test_a_registered_ca_answers_with_its_id_and_arn(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        ca_id = register(iot, acme)
        arn = described(iot, ca_id)["certificateDescription"]["certificateArn"]
        with refused("ResourceAlreadyExistsException", 409, "") as caught:
            register(iot, acme)
        assert f"ID:{ca_id}" in caught.response["Error"]["Message"]
        assert caught.response["resourceId"] == ca_id
        assert caught.response["resourceArn"] == arn

    def test_a_ca_that_was_deleted_can_be_registered_again(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        iot.delete_ca_certificate(certificateId=register(iot, acme))
        assert register(iot, acme) == acme.certificate_id

    def test_ten_cas_of_one_subject_are_accepted_and_no_more(self, iot: Any) -> None:
        for _ in range(10):
            register(iot, CertificateAuthority(common_name="Acme Root"))
        with refused("LimitExceededException", 410, "The account already has 10 CA certificates"):
            register(iot, CertificateAuthority(common_name="Acme Root"))
        register(iot, CertificateAuthority(common_name="Another Root"))
        register(client("eu-west-1"), CertificateAuthority(common_name="Acme Root"))

    def test_threads_that_register_one_ca_get_one_registration(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        arguments = request(iot, acme)
        together = threading.Barrier(8)

        def once(_: int) -> str:
            together.wait(HANG)
            try:
                iot.register_ca_certificate(**arguments)
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return "registered"

        with ThreadPoolExecutor(8) as pool:
            outcomes = sorted(pool.map(once, range(8)))
        assert outcomes == ["ResourceAlreadyExistsException"] * 7 + ["registered"]
        assert listed(iot) == [acme.certificate_id]


class TestWhatIsNoCaCertificate:
    @pytest.mark.parametrize("text", ["no certificate", "-----BEGIN CERTIFICATE-----\nMIIB"])
    def test_text_that_is_not_a_certificate_is_refused(
        self, iot: Any, acme: CertificateAuthority, text: str
    ) -> None:
        with refused("CertificateValidationException", 400, "The CA certificate is not valid: "):
            register(iot, acme, caCertificate=text)

    def test_a_private_key_in_the_place_of_the_certificate_is_named(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        with refused(
            "CertificateValidationException", 400, "The CA certificate is not valid: "
        ) as e:
            register(iot, acme, caCertificate=acme.private_key_pem)
        assert "private key" in e.response["Error"]["Message"]

    def test_an_expired_ca_is_refused(self, iot: Any) -> None:
        old = CertificateAuthority(
            common_name="Old", not_after=datetime.now(timezone.utc) - timedelta(days=1)
        )
        with refused("CertificateValidationException", 400, "The CA certificate expired at "):
            register(iot, old)

    @pytest.mark.parametrize(
        "key",
        [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())],
        ids=["RSA 2048", "P-384"],
    )
    def test_the_documented_kinds_of_keys_are_accepted(self, iot: Any, key: Any) -> None:
        iot.register_ca_certificate(caCertificate=self_signed(key), certificateMode="SNI_ONLY")

    @pytest.mark.parametrize(
        ("key", "fault"),
        [
            (rsa.generate_private_key(65537, 1024), "an RSA key of 1024 bit"),
            (ec.generate_private_key(ec.SECP256K1()), "an EC key on secp256k1"),
            (ed25519.Ed25519PrivateKey.generate(), "a key of the type Ed25519"),
        ],
        ids=["RSA 1024", "secp256k1", "Ed25519"],
    )
    def test_other_kinds_of_keys_are_refused(self, iot: Any, key: Any, fault: str) -> None:
        with refused("CertificateValidationException", 400, f"The CA certificate has {fault}"):
            iot.register_ca_certificate(caCertificate=self_signed(key), certificateMode="SNI_ONLY")


class TestPossession:
    def test_default_mode_requires_a_verification_certificate(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        for mode in (None, "DEFAULT"):
            with refused(
                "InvalidRequestException",
                400,
                "Need to provide verification certificate for registering CA Certificates in "
                "DEFAULT mode",
            ):
                register(iot, acme, verificationCertificate=None, certificateMode=mode)

    def test_sni_only_mode_requires_no_verification_certificate(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        with refused(
            "InvalidRequestException",
            400,
            "Cannot provide verification certificate for registering CA Certificates in "
            "SNI_ONLY mode",
        ):
            register(iot, acme, certificateMode="SNI_ONLY")
        ca_id = register(iot, acme, verificationCertificate=None, certificateMode="SNI_ONLY")
        assert described(iot, ca_id)["certificateDescription"]["certificateMode"] == "SNI_ONLY"

    def test_an_unknown_mode_is_refused(self, iot: Any, acme: CertificateAuthority) -> None:
        with refused("InvalidRequestException", 400, "1 validation error detected: Value 'SNI'"):
            register(iot, acme, certificateMode="SNI")

    def test_text_that_is_not_a_verification_certificate_is_refused(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        with refused(
            "InvalidRequestException",
            400,
            "Contents of the Verification Certificate are not correct",
        ):
            register(iot, acme, verificationCertificate="no certificate")

    def test_a_verification_certificate_of_another_ca_is_refused(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        code = iot.get_registration_code()["registrationCode"]
        other = CertificateAuthority(common_name="Other Root")
        with refused(
            "CertificateValidationException",
            400,
            "The issuer of the certificate did not match the subject of the provided CA "
            "certificate.",
        ):
            register(iot, acme, verificationCertificate=other.verification_certificate(code))

    def test_a_verification_certificate_of_a_namesake_with_another_key_is_refused(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        code = iot.get_registration_code()["registrationCode"]
        namesake = CertificateAuthority(common_name="Acme Root")
        with refused(
            "CertificateValidationException",
            400,
            "The signature of the certificate failed verification against the provided CA "
            "certificate.",
        ):
            register(iot, acme, verificationCertificate=namesake.verification_certificate(code))

    @pytest.mark.parametrize("name", ["Other Root", "Acme Root"])
    def test_a_wrong_verification_certificate_is_told_with_both_subjects_and_what_to_sign(
        self, iot: Any, acme: CertificateAuthority, name: str
    ) -> None:
        code = iot.get_registration_code()["registrationCode"]
        other = CertificateAuthority(common_name=name)
        with pytest.raises(ClientError) as refusal:
            register(iot, acme, verificationCertificate=other.verification_certificate(code))

        text = str(refusal.value)
        assert f"The verificationCertificate 'CN={code}' has the issuer 'CN={name}'; " in text
        assert "the CA certificate has the subject 'CN=Acme Root'." in text
        assert "Sign a CSR whose CN is the registration code with that CA's private key" in text
        assert "pass the resulting certificate as verificationCertificate." in text

    @pytest.mark.parametrize("where", ["nowhere", "eu-west-1"])
    def test_the_code_must_be_the_one_of_this_region(
        self, iot: Any, acme: CertificateAuthority, where: str
    ) -> None:
        iot.get_registration_code()
        code = "0" * 64
        if where != "nowhere":
            code = client(where).get_registration_code()["registrationCode"]
        with refused(
            "RegistrationCodeValidationException",
            400,
            "Registration code provided in the CN field of verification certificate is invalid.",
        ):
            register(iot, acme, verificationCertificate=acme.verification_certificate(code))

    def test_a_refused_ca_is_not_there(self, iot: Any, acme: CertificateAuthority) -> None:
        with pytest.raises(ClientError):
            register(iot, acme, verificationCertificate=None)
        assert listed(iot) == []


class TestSeveralAccountsAndRegions:
    def test_one_account_of_a_region_has_a_ca_in_default_mode(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        register(iot, acme)
        second = client_of("111111111111")
        with refused("ResourceAlreadyExistsException", 409, "") as caught:
            register(second, acme)
        assert f"ID:{acme.certificate_id}" in caught.response["Error"]["Message"]
        assert listed(second) == []
        register(client_of("111111111111", "eu-west-1"), acme)

    def test_of_two_accounts_that_register_a_ca_at_once_one_gets_it(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        accounts = [iot, client_of("111111111111")]
        arguments = [request(where, acme) for where in accounts]
        together = threading.Barrier(2)

        def once(number: int) -> str:
            together.wait(HANG)
            try:
                accounts[number].register_ca_certificate(**arguments[number])
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return "registered"

        with ThreadPoolExecutor(2) as pool:
            outcomes = sorted(pool.map(once, range(2)))
        assert outcomes == ["ResourceAlreadyExistsException", "registered"]

    def test_sni_only_registers_a_ca_in_many_accounts(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        for where in (iot, client_of("111111111111"), client_of("222222222222")):
            register(where, acme, verificationCertificate=None, certificateMode="SNI_ONLY")
            assert listed(where) == [acme.certificate_id]

    def test_default_mode_is_free_again_when_the_owner_deletes_the_ca(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        iot.delete_ca_certificate(certificateId=register(iot, acme))
        register(client_of("111111111111"), acme)

    def test_arns_and_owners_are_those_of_the_account_and_region(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        there = client_of("111111111111", "eu-west-1")
        found = described(there, register(there, acme))["certificateDescription"]
        assert found["certificateArn"].startswith("arn:aws:iot:eu-west-1:111111111111:cacert/")
        assert found["ownedBy"] == "111111111111"
        for where in (iot, client("eu-west-1"), client_of("111111111111")):
            assert listed(where) == []
            with refused("ResourceNotFoundException", 404, ""):
                where.describe_ca_certificate(certificateId=acme.certificate_id)


class TestRegistrationConfig:
    def test_a_body_comes_back_byte_for_byte_with_its_role(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        config = {"templateBody": "\n" + GUIDE_BODY + " \t\n", "roleArn": ROLE}
        found = described(iot, register(iot, acme, registrationConfig=config))
        assert found["registrationConfig"] == config

    def test_a_template_is_taken_by_name(self, iot: Any, acme: CertificateAuthority) -> None:
        config = {"templateName": jitp_template(iot)}
        found = described(iot, register(iot, acme, registrationConfig=config))
        assert found["registrationConfig"] == config

    def test_a_template_must_exist(self, iot: Any, acme: CertificateAuthority) -> None:
        with refused("ResourceNotFoundException", 404, "Unable to find template named bulbs"):
            register(iot, acme, registrationConfig={"templateName": "bulbs"})

    def test_a_template_of_another_region_does_not_count(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        jitp_template(client("eu-west-1"))
        with refused("ResourceNotFoundException", 404, "Unable to find template named bulbs"):
            register(iot, acme, registrationConfig={"templateName": "bulbs"})

    def test_a_template_must_be_of_type_jitp(self, iot: Any, acme: CertificateAuthority) -> None:
        jitp_template(iot, "fleet", "FLEET_PROVISIONING")
        with refused("InvalidRequestException", 400, "The template fleet of the registration") as e:
            register(iot, acme, registrationConfig={"templateName": "fleet"})
        assert "JITP" in e.response["Error"]["Message"]

    def test_a_body_and_a_name_cannot_be_combined(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        config = {"templateName": jitp_template(iot), "templateBody": PLAIN_BODY, "roleArn": ROLE}
        with refused("InvalidRequestException", 400, "The registrationConfig has both"):
            register(iot, acme, registrationConfig=config)

    def test_a_body_needs_a_role(self, iot: Any, acme: CertificateAuthority) -> None:
        with refused("InvalidRequestException", 400, "The registrationConfig has a templateBody "):
            register(iot, acme, registrationConfig={"templateBody": PLAIN_BODY})

    @pytest.mark.parametrize(
        ("wrong", "text"),
        [
            ("{", "Template format error: JSON not well-formed with location of [Source: (String)"),
            ("[]", "Template format error: "),
            (" " * 10241, "Template format error: "),
            ("{}", "Template must have certificate resource."),
            (
                body(policy={"Type": "AWS::IoT::Policy", "Properties": {}}),
                "Neither policyName nor policyDocument is present in the Template.",
            ),
            (
                body(policy={"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": ""}}),
                "Neither policyName nor policyDocument is present in the Template.",
            ),
            (
                body(
                    thing={
                        "Type": "AWS::IoT::Thing",
                        "Properties": {"ThingName": {"Ref": "Color"}},
                    }
                ),
                "Cannot resolve reference value: {Ref=Color}",
            ),
            (
                body(
                    certificate={
                        "Type": "AWS::IoT::Certificate",
                        "Properties": {"CertificateSigningRequest": "x"},
                    }
                ),
                "CertificateId must contain a reference to AWS::IoT::Certificate::Id",
            ),
        ],
    )
    def test_a_body_that_could_provision_nobody_is_refused_at_once(
        self, iot: Any, acme: CertificateAuthority, wrong: str, text: str
    ) -> None:
        config = {"templateBody": wrong, "roleArn": ROLE}
        with refused("InvalidRequestException", 400, "Invalid registration template. " + text):
            register(iot, acme, registrationConfig=config)
        ca_id = register(iot, acme)
        with refused("InvalidRequestException", 400, "Invalid registration template. " + text):
            iot.update_ca_certificate(certificateId=ca_id, registrationConfig=config)
        assert "registrationConfig" not in described(iot, ca_id)

    def test_what_only_a_device_can_show_is_accepted(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        certificate = {
            "Type": "AWS::IoT::Certificate",
            "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}},
        }
        template = json.loads(body(certificate=certificate))
        template["Resources"]["thing"] = {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": "no thing name!", "ThingTypeName": "no-such-type"},
        }
        config = {"templateBody": json.dumps(template), "roleArn": ROLE}
        assert (
            described(iot, register(iot, acme, registrationConfig=config))["registrationConfig"]
            == config
        )


class TestUpdate:
    @pytest.fixture
    def ca_id(self, iot: Any, acme: CertificateAuthority) -> str:
        config = {"templateBody": PLAIN_BODY, "roleArn": ROLE}
        return register(iot, acme, registrationConfig=config)

    def test_the_status_goes_both_ways(self, iot: Any, ca_id: str) -> None:
        for status in ("ACTIVE", "ACTIVE", "INACTIVE"):
            iot.update_ca_certificate(certificateId=ca_id, newStatus=status)
            assert described(iot, ca_id)["certificateDescription"]["status"] == status

    def test_auto_registration_goes_both_ways(self, iot: Any, ca_id: str) -> None:
        for status in ("ENABLE", "DISABLE"):
            iot.update_ca_certificate(certificateId=ca_id, newAutoRegistrationStatus=status)
            found = described(iot, ca_id)["certificateDescription"]
            assert found["autoRegistrationStatus"] == status

    def test_what_is_not_named_stays(self, iot: Any, ca_id: str) -> None:
        before = described(iot, ca_id)
        with an_hour_later():
            iot.update_ca_certificate(certificateId=ca_id, newStatus="ACTIVE")
        after = described(iot, ca_id)
        assert after["certificateDescription"].pop("status") == "ACTIVE"
        modified = after["certificateDescription"].pop("lastModifiedDate")
        assert before["certificateDescription"].pop("status") == "INACTIVE"
        assert before["certificateDescription"].pop("lastModifiedDate") < modified
        assert after == before

    def test_remove_auto_registration_drops_template_and_role(self, iot: Any, ca_id: str) -> None:
        iot.update_ca_certificate(certificateId=ca_id, removeAutoRegistration=False)
        assert "registrationConfig" in described(iot, ca_id)
        iot.update_ca_certificate(certificateId=ca_id, removeAutoRegistration=True)
        assert "registrationConfig" not in described(iot, ca_id)

    def test_a_body_gives_way_to_a_template_by_name(self, iot: Any, ca_id: str) -> None:
        config = {"templateName": jitp_template(iot)}
        iot.update_ca_certificate(certificateId=ca_id, registrationConfig=config)
        assert described(iot, ca_id)["registrationConfig"] == config

    def test_a_refused_update_changes_nothing(self, iot: Any, ca_id: str) -> None:
        before = described(iot, ca_id)
        with refused("ResourceNotFoundException", 404, "Unable to find template named nosuch"):
            iot.update_ca_certificate(
                certificateId=ca_id,
                newStatus="ACTIVE",
                newAutoRegistrationStatus="ENABLE",
                registrationConfig={"templateName": "nosuch"},
            )
        assert described(iot, ca_id) == before

    @pytest.mark.parametrize(
        "wrong", [{"newStatus": "REVOKED"}, {"newAutoRegistrationStatus": "ENABLED"}]
    )
    def test_unknown_values_are_refused(self, iot: Any, ca_id: str, wrong: dict[str, str]) -> None:
        with refused("InvalidRequestException", 400, "1 validation error detected: "):
            iot.update_ca_certificate(certificateId=ca_id, **wrong)

    def test_an_unknown_ca_is_not_found(self, iot: Any) -> None:
        with refused("ResourceNotFoundException", 404, ""):
            iot.update_ca_certificate(certificateId=UNKNOWN, newStatus="ACTIVE")
        with refused("ResourceNotFoundException", 404, ""):
            iot.describe_ca_certificate(certificateId=UNKNOWN)


class TestDelete:
    def test_an_active_ca_must_be_deactivated_first(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        ca_id = register(iot, acme, setAsActive=True)
        with refused(
            "CertificateStateException",
            406,
            f"CA Certificate must be deactivated (not ACTIVE) before deletion. Id: {ca_id}",
        ):
            iot.delete_ca_certificate(certificateId=ca_id)
        iot.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE")
        iot.delete_ca_certificate(certificateId=ca_id)
        with refused("ResourceNotFoundException", 404, ""):
            iot.describe_ca_certificate(certificateId=ca_id)

    def test_an_unknown_ca_is_not_found(self, iot: Any) -> None:
        with refused("ResourceNotFoundException", 404, ""):
            iot.delete_ca_certificate(certificateId=UNKNOWN)

    def test_the_devices_of_a_deleted_ca_stay(self, iot: Any, acme: CertificateAuthority) -> None:
        ca_id = register(iot, acme, setAsActive=True)
        bulb = acme.issue()
        iot.register_certificate(certificatePem=bulb.certificate_pem, status="ACTIVE")
        iot.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE")
        iot.delete_ca_certificate(certificateId=ca_id)
        found = iot.describe_certificate(certificateId=bulb.certificate_id)
        assert found["certificateDescription"]["caCertificateId"] == ca_id

    def test_tags_are_gone_with_the_ca(self, iot: Any, acme: CertificateAuthority) -> None:
        arguments = request(iot, acme, tags=[{"Key": "line", "Value": "bulbs"}])
        first = iot.register_ca_certificate(**arguments)
        iot.delete_ca_certificate(certificateId=first["certificateId"])
        again = iot.register_ca_certificate(**request(iot, acme))
        assert iot.list_tags_for_resource(resourceArn=again["certificateArn"])["tags"] == []


class TestListing:
    @pytest.fixture
    def ids(self, iot: Any) -> list[str]:
        """Seven CAs, the oldest first."""
        made = [CertificateAuthority(common_name=f"CA {number}") for number in range(7)]
        return [register(iot, ca) for ca in made]

    def test_the_newest_comes_first_unless_asked_otherwise(self, iot: Any, ids: list[str]) -> None:
        assert listed(iot) == ids[::-1]
        assert listed(iot, ascendingOrder=False) == ids[::-1]
        assert listed(iot, ascendingOrder=True) == ids

    def test_entries_have_the_documented_members(
        self, iot: Any, acme: CertificateAuthority
    ) -> None:
        ca_id = register(iot, acme)
        (entry,) = iot.list_ca_certificates()["certificates"]
        description = described(iot, ca_id)["certificateDescription"]
        members = ("certificateArn", "certificateId", "status", "creationDate")
        assert entry == {member: description[member] for member in members}

    @pytest.mark.parametrize("ascending", [True, False])
    def test_pages_hold_what_was_asked_for_and_nothing_twice(
        self, iot: Any, ids: list[str], ascending: bool
    ) -> None:
        pages = []
        marker: dict[str, str] = {}
        while True:
            page = iot.list_ca_certificates(pageSize=3, ascendingOrder=ascending, **marker)
            pages.append([ca["certificateId"] for ca in page["certificates"]])
            if "nextMarker" not in page:
                break
            marker = {"marker": page["nextMarker"]}
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [entry for page in pages for entry in page] == (ids if ascending else ids[::-1])

    def test_the_paginator_finds_everything(self, iot: Any, ids: list[str]) -> None:
        pages = iot.get_paginator("list_ca_certificates").paginate(PaginationConfig={"PageSize": 2})
        found = [ca["certificateId"] for page in pages for ca in page["certificates"]]
        assert found == ids[::-1]

    def test_a_full_last_page_has_no_marker(self, iot: Any, ids: list[str]) -> None:
        assert "nextMarker" not in iot.list_ca_certificates(pageSize=7)

    def test_a_page_survives_what_is_made_and_deleted_meanwhile(
        self, iot: Any, ids: list[str], acme: CertificateAuthority
    ) -> None:
        first = iot.list_ca_certificates(pageSize=3, ascendingOrder=True)
        iot.delete_ca_certificate(certificateId=ids[2])
        iot.delete_ca_certificate(certificateId=ids[3])
        register(iot, acme)
        rest = listed(iot, ascendingOrder=True, marker=first["nextMarker"])
        assert rest == [*ids[4:], acme.certificate_id]

    def test_a_page_holds_25_unless_asked_otherwise(self, iot: Any) -> None:
        for number in range(26):
            ca = CertificateAuthority(common_name=f"CA {number}")
            register(iot, ca, verificationCertificate=None, certificateMode="SNI_ONLY")
        assert len(listed(iot)) == 25
        assert len(listed(iot, pageSize=250)) == 26

    @pytest.mark.parametrize("wrong", [{"pageSize": 251}, {"marker": "%"}, {"marker": "abcd"}])
    def test_impossible_pages_are_refused(self, iot: Any, wrong: dict[str, Any]) -> None:
        with refused("InvalidRequestException", 400, ""):
            iot.list_ca_certificates(**wrong)

    def test_the_cas_of_a_template_can_be_found(self, iot: Any, ids: list[str]) -> None:
        for name in ("bulbs", "plugs"):
            jitp_template(iot, name)
        for ca_id in ids[1:3]:
            iot.update_ca_certificate(
                certificateId=ca_id, registrationConfig={"templateName": "bulbs"}
            )
        assert listed(iot, templateName="bulbs", ascendingOrder=True) == ids[1:3]
        assert listed(iot, templateName="plugs") == []
        assert listed(iot, templateName="never-made") == []
