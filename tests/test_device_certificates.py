"""Device certificates through boto3: registration, issue, status, deletion, listing."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509.oid import NameOID
from support.cloud import ACCOUNT, an_hour_later, client, client_of, refused
from support.devices import described
from support.patience import HANG

from moto_jitp import (
    CertificateAuthority,
    CertificateError,
    ConnectionRefused,
    DeviceIdentity,
    RefusalReason,
    connect_device,
)

UNKNOWN = "0" * 64
POLICY = (
    '{"Version": "2012-10-17", '
    '"Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}'
)


@pytest.fixture
def ca(iot: Any) -> CertificateAuthority:
    """A registered, active CA."""
    ca = CertificateAuthority(common_name="Acme Root")
    ca.register(iot)
    return ca


@pytest.fixture
def bulb(ca: CertificateAuthority) -> DeviceIdentity:
    """A device of the registered CA, itself not registered."""
    return ca.issue(common_name="bulb-1")


def armored(der: bytes, label: str = "CERTIFICATE") -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


def test_a_certificate_with_a_bit_string_as_a_name_is_refused(
    iot: Any, bulb: DeviceIdentity
) -> None:
    der = x509.load_pem_x509_certificate(bulb.certificate_pem.encode()).public_bytes(Encoding.DER)
    pem = armored(der.replace(b"\x0c\x06bulb-1", b"\x03\x06\x00ulb-1"))
    register_calls: tuple[tuple[Callable[..., Any], dict[str, str]], ...] = (
        (iot.register_certificate, {"certificatePem": pem}),
        (iot.register_certificate_without_ca, {"certificatePem": pem}),
        (iot.register_ca_certificate, {"caCertificate": pem, "certificateMode": "SNI_ONLY"}),
    )
    for call, arguments in register_calls:
        with refused("CertificateValidationException", 400, "The ") as caught:
            call(**arguments)
        assert "is a BIT STRING" in caught.response["Error"]["Message"]
    with pytest.raises(CertificateError, match="is a BIT STRING"):
        connect_device(pem)


def register(iot: Any, device: DeviceIdentity, **arguments: Any) -> str:
    answer = iot.register_certificate(certificatePem=device.certificate_pem, **arguments)
    certificate_id: str = answer["certificateId"]
    return certificate_id


def status(iot: Any, certificate_id: str) -> str:
    found: str = described(iot, certificate_id)["status"]
    return found


def make_csr(key: Any, subject: x509.Name | None = None) -> str:
    if subject is None:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "from-csr")])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, algorithm)
    return request.public_bytes(Encoding.PEM).decode()


def spki(public_key: Any) -> bytes:
    data: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return data


class TestRegisterCertificate:
    def test_the_answer_has_the_id_of_the_der_bytes(self, iot: Any, bulb: DeviceIdentity) -> None:
        answer = iot.register_certificate(certificatePem=bulb.certificate_pem)
        assert answer["certificateId"] == bulb.certificate.fingerprint(hashes.SHA256()).hex()
        assert answer["certificateArn"] == (
            f"arn:aws:iot:us-east-1:{ACCOUNT}:cert/{answer['certificateId']}"
        )

    def test_the_pem_text_comes_back_byte_for_byte(self, iot: Any, bulb: DeviceIdentity) -> None:
        text = "bulb\r\n" + bulb.certificate_pem.replace("\n", "\r\n") + "\r\n "
        answer = iot.register_certificate(certificatePem=text)
        assert answer["certificateId"] == bulb.certificate_id
        assert described(iot, bulb.certificate_id)["certificatePem"] == text

    def test_the_description_has_every_documented_member(
        self, iot: Any, ca: CertificateAuthority, bulb: DeviceIdentity
    ) -> None:
        before = datetime.now(timezone.utc) - timedelta(seconds=1)
        found = described(iot, register(iot, bulb))
        assert found["status"] == "INACTIVE"
        assert found["caCertificateId"] == ca.certificate_id
        assert found["ownedBy"] == ACCOUNT
        assert found["customerVersion"] == 1
        assert len(found["generationId"]) == 36
        assert found["certificateMode"] == "DEFAULT"
        assert found["validity"] == {
            "notBefore": bulb.certificate.not_valid_before_utc,
            "notAfter": bulb.certificate.not_valid_after_utc,
        }
        assert before <= found["creationDate"] == found["lastModifiedDate"]
        assert described(iot, bulb.certificate_id) == found

    @pytest.mark.parametrize("wanted", ["ACTIVE", "INACTIVE", "REVOKED"])
    def test_documented_first_statuses(self, iot: Any, bulb: DeviceIdentity, wanted: str) -> None:
        assert status(iot, register(iot, bulb, status=wanted)) == wanted

    def test_set_as_active_still_works(self, iot: Any, bulb: DeviceIdentity) -> None:
        assert status(iot, register(iot, bulb, setAsActive=True)) == "ACTIVE"

    def test_only_a_connection_makes_a_certificate_pending(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        text = "Not allowed to register certificate with PENDING_ACTIVATION status"
        with refused("CertificateStateException", 406, text):
            register(iot, bulb, status="PENDING_ACTIVATION")
        with refused("CertificateStateException", 406, text):
            iot.register_certificate_without_ca(
                certificatePem=bulb.certificate_pem, status="PENDING_ACTIVATION"
            )
        with pytest.raises(ConnectionRefused) as caught:
            connect_device(bulb)
        assert caught.value.reason is RefusalReason.DEVICE_CERTIFICATE_PENDING_ACTIVATION
        assert status(iot, bulb.certificate_id) == "PENDING_ACTIVATION"

    @pytest.mark.parametrize("wrong", ["PENDING_TRANSFER", "REGISTER_INACTIVE"])
    def test_other_first_statuses_are_refused(
        self, iot: Any, bulb: DeviceIdentity, wrong: str
    ) -> None:
        with refused("InvalidRequestException", 400, "A certificate cannot be registered with "):
            register(iot, bulb, status=wrong)
        with refused("InvalidRequestException", 400, "1 validation error detected: Value 'active'"):
            register(iot, bulb, status="active")

    def test_a_registered_certificate_answers_with_its_id_and_arn(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        text = "The certificate is already provisioned or registered"
        arn = described(iot, register(iot, bulb))["certificateArn"]
        respelled = bulb.certificate_pem.replace("\n", "\r\n")
        for again in (iot.register_certificate, iot.register_certificate_without_ca):
            with refused("ResourceAlreadyExistsException", 409, text) as caught:
                again(certificatePem=respelled)
            assert caught.response["resourceId"] == bulb.certificate_id
            assert caught.response["resourceArn"] == arn

    @pytest.mark.parametrize("text", ["no certificate", "-----BEGIN CERTIFICATE-----\nMIIB"])
    def test_text_that_is_not_a_certificate_is_refused(self, iot: Any, text: str) -> None:
        for register_text in (iot.register_certificate, iot.register_certificate_without_ca):
            with refused("CertificateValidationException", 400, "The certificate is not valid: "):
                register_text(certificatePem=text)

    def test_a_short_rsa_key_is_refused(self, iot: Any, ca: CertificateAuthority) -> None:
        key = rsa.generate_private_key(65537, 1024)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "short")])
        until = datetime.now(timezone.utc) + timedelta(days=1)
        pem = ca.sign_public_key(subject, key.public_key(), until)
        for register_text in (iot.register_certificate, iot.register_certificate_without_ca):
            with refused("CertificateValidationException", 400, "The certificate has an RSA key "):
                register_text(certificatePem=pem)

    def test_threads_that_register_one_certificate_get_one_registration(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        together = threading.Barrier(8)

        def once(number: int) -> str:
            together.wait(HANG)
            try:
                if number % 2:
                    register(iot, bulb)
                else:
                    iot.register_certificate_without_ca(certificatePem=bulb.certificate_pem)
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return "registered"

        with ThreadPoolExecutor(8) as pool:
            outcomes = sorted(pool.map(once, range(8)))
        assert outcomes == ["ResourceAlreadyExistsException"] * 7 + ["registered"]
        assert len(iot.list_certificates()["certificates"]) == 1


class TestIssuer:
    def test_the_ca_must_be_registered(self, iot: Any) -> None:
        stranger = CertificateAuthority(common_name="Stranger")
        text = "No CA certificate exists for the given certificate"
        with refused("CertificateStateException", 406, text):
            register(iot, stranger.issue())
        with refused("CertificateStateException", 406, text):
            register(iot, stranger.issue(), caCertificatePem=stranger.certificate_pem)

    def test_the_ca_of_another_account_or_region_does_not_count(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        text = "No CA certificate exists for the given certificate"
        for where in (client("eu-west-1"), client_of("111111111111")):
            with refused("CertificateStateException", 406, text):
                register(where, bulb)

    def test_the_ca_must_be_active(
        self, iot: Any, ca: CertificateAuthority, bulb: DeviceIdentity
    ) -> None:
        iot.update_ca_certificate(certificateId=ca.certificate_id, newStatus="INACTIVE")
        for arguments in ({}, {"caCertificatePem": ca.certificate_pem}):
            with refused("CertificateStateException", 406, "The CA certificate is not active"):
                register(iot, bulb, **arguments)
        iot.update_ca_certificate(certificateId=ca.certificate_id, newStatus="ACTIVE")
        register(iot, bulb)

    def test_a_namesake_of_the_ca_did_not_sign_it(self, iot: Any, ca: CertificateAuthority) -> None:
        namesake = CertificateAuthority(common_name="Acme Root")
        for arguments in ({}, {"caCertificatePem": ca.certificate_pem}):
            with refused(
                "CertificateValidationException",
                400,
                "The signature of the certificate failed verification against the provided CA "
                "certificate.",
            ):
                register(iot, namesake.issue(), **arguments)

    def test_the_named_ca_must_be_the_issuer(self, iot: Any, bulb: DeviceIdentity) -> None:
        other = CertificateAuthority(common_name="Other Root")
        other.register(iot)
        with refused(
            "CertificateValidationException",
            400,
            "The issuer of the certificate did not match the subject of the provided CA "
            "certificate.",
        ):
            register(iot, bulb, caCertificatePem=other.certificate_pem)

    def test_the_named_ca_must_be_a_certificate(self, iot: Any, bulb: DeviceIdentity) -> None:
        with refused("CertificateValidationException", 400, "The CA certificate is not valid: "):
            register(iot, bulb, caCertificatePem="no certificate")

    def test_of_two_cas_of_one_subject_the_request_must_name_one(
        self, iot: Any, ca: CertificateAuthority, bulb: DeviceIdentity
    ) -> None:
        namesake = CertificateAuthority(common_name="Acme Root")
        namesake.register(iot)
        with refused("CertificateConflictException", 409, "2 registered CA certificates have the "):
            register(iot, bulb)
        register(iot, bulb, caCertificatePem=ca.certificate_pem)
        assert described(iot, bulb.certificate_id)["caCertificateId"] == ca.certificate_id
        other = register(iot, namesake.issue(), caCertificatePem=namesake.certificate_pem)
        assert described(iot, other)["caCertificateId"] == namesake.certificate_id

    def test_the_root_of_a_registered_intermediate_does_not_count(
        self, iot: Any, ca: CertificateAuthority
    ) -> None:
        plant = CertificateAuthority(common_name="Acme Plant 1", parent=ca)
        text = "No CA certificate exists for the given certificate"
        with refused("CertificateStateException", 406, text):
            register(iot, plant.issue())
        plant.register(iot)
        device = plant.issue()
        assert described(iot, register(iot, device))["caCertificateId"] == plant.certificate_id

    def test_devices_take_the_mode_of_their_ca(self, iot: Any) -> None:
        ca = CertificateAuthority(common_name="Shared Root")
        ca.register(iot, certificate_mode="SNI_ONLY")
        assert described(iot, register(iot, ca.issue()))["certificateMode"] == "SNI_ONLY"

    def test_a_device_is_registered_without_any_ca_in_sni_only_mode(self, iot: Any) -> None:
        device = CertificateAuthority(common_name="Stranger").issue()
        answer = iot.register_certificate_without_ca(certificatePem=device.certificate_pem)
        found = described(iot, answer["certificateId"])
        assert answer["certificateArn"] == found["certificateArn"]
        assert answer["certificateId"] == device.certificate_id
        assert found["certificateMode"] == "SNI_ONLY"
        assert found["status"] == "INACTIVE"
        assert "caCertificateId" not in found

    def test_the_same_certificate_can_live_in_several_accounts_and_regions(self, iot: Any) -> None:
        device = CertificateAuthority(common_name="Stranger").issue()
        for where in (iot, client("eu-west-1"), client_of("111111111111")):
            where.register_certificate_without_ca(
                certificatePem=device.certificate_pem, status="ACTIVE"
            )
            found = described(where, device.certificate_id)
            assert found["ownedBy"] == found["certificateArn"].split(":")[4]
        iot.update_certificate(certificateId=device.certificate_id, newStatus="REVOKED")
        assert status(client("eu-west-1"), device.certificate_id) == "ACTIVE"


class TestCertificatesOfTheService:
    def test_keys_and_certificate_belong_together(self, iot: Any) -> None:
        made = iot.create_keys_and_certificate(setAsActive=True)
        certificate = x509.load_pem_x509_certificate(made["certificatePem"].encode())
        public_key = load_pem_public_key(made["keyPair"]["PublicKey"].encode())
        private_key = load_pem_private_key(made["keyPair"]["PrivateKey"].encode(), None)
        assert isinstance(public_key, rsa.RSAPublicKey)
        assert public_key.key_size == 2048
        assert spki(public_key) == spki(certificate.public_key()) == spki(private_key.public_key())
        assert made["certificateId"] == certificate.fingerprint(hashes.SHA256()).hex()
        found = described(iot, made["certificateId"])
        assert found["certificateArn"] == made["certificateArn"]
        assert found["certificatePem"] == made["certificatePem"]
        assert found["status"] == "ACTIVE"
        assert found["certificateMode"] == "DEFAULT"
        assert "caCertificateId" not in found
        assert found["validity"]["notAfter"] == certificate.not_valid_after_utc

    def test_certificates_are_inactive_unless_asked_otherwise(self, iot: Any) -> None:
        made = iot.create_keys_and_certificate()
        assert status(iot, made["certificateId"]) == "INACTIVE"
        made = iot.create_certificate_from_csr(
            certificateSigningRequest=make_csr(ec.generate_private_key(ec.SECP256R1()))
        )
        assert status(iot, made["certificateId"]) == "INACTIVE"

    @pytest.mark.parametrize("kind", ["EC", "RSA"])
    def test_a_csr_gets_a_certificate_for_its_own_key_and_subject(
        self, iot: Any, kind: str
    ) -> None:
        key = (
            ec.generate_private_key(ec.SECP256R1())
            if kind == "EC"
            else rsa.generate_private_key(65537, 2048)
        )
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "KR"),
                x509.NameAttribute(NameOID.COMMON_NAME, "from-csr"),
            ]
        )
        made = iot.create_certificate_from_csr(
            certificateSigningRequest=make_csr(key, subject), setAsActive=True
        )
        certificate = x509.load_pem_x509_certificate(made["certificatePem"].encode())
        assert spki(certificate.public_key()) == spki(key.public_key())
        assert certificate.subject == subject
        assert made["certificateId"] == certificate.fingerprint(hashes.SHA256()).hex()
        assert status(iot, made["certificateId"]) == "ACTIVE"

    def test_all_are_really_signed_by_one_ca(self, iot: Any) -> None:
        csr = make_csr(ec.generate_private_key(ec.SECP256R1()))
        first, second = (
            x509.load_pem_x509_certificate(made["certificatePem"].encode())
            for made in (
                iot.create_keys_and_certificate(),
                iot.create_certificate_from_csr(certificateSigningRequest=csr),
            )
        )
        assert first.issuer == second.issuer != first.subject
        # Neither signed the other, and neither is self-signed: a third party signed both.
        for certificate, issuer in ((first, second), (first, first), (second, second)):
            with pytest.raises((ValueError, InvalidSignature, TypeError)):
                certificate.verify_directly_issued_by(issuer)

    def test_two_certificates_for_one_csr_differ(self, iot: Any) -> None:
        csr = make_csr(ec.generate_private_key(ec.SECP256R1()))
        made = [
            iot.create_certificate_from_csr(certificateSigningRequest=csr)["certificateId"]
            for _ in range(2)
        ]
        assert made[0] != made[1]

    @pytest.mark.parametrize(
        ("csr", "text"),
        [
            (
                "no request",
                "The certificateSigningRequest is not a PEM certificate signing request",
            ),
            (
                make_csr(rsa.generate_private_key(65537, 1024)),
                "The certificateSigningRequest has an RSA key of 1024 bit",
            ),
            (
                make_csr(ed25519.Ed25519PrivateKey.generate()),
                "The certificateSigningRequest has a key of the type Ed25519",
            ),
        ],
        ids=["no CSR", "short key", "Ed25519"],
    )
    def test_impossible_requests_are_refused(self, iot: Any, csr: str, text: str) -> None:
        with refused("InvalidRequestException", 400, text):
            iot.create_certificate_from_csr(certificateSigningRequest=csr)

    def test_a_csr_with_a_bit_string_as_a_name_is_refused(self, iot: Any) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        request = x509.load_pem_x509_csr(make_csr(key).encode())
        der = request.public_bytes(Encoding.DER).replace(
            b"\x0c\x08from-csr", b"\x03\x08\x00rom-csr"
        )
        with refused("InvalidRequestException", 400, "The certificateSigningRequest ") as caught:
            iot.create_certificate_from_csr(
                certificateSigningRequest=armored(der, "CERTIFICATE REQUEST")
            )
        assert "is a BIT STRING" in caught.response["Error"]["Message"]

    def test_a_csr_whose_signature_is_wrong_is_refused(self, iot: Any) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        request = x509.load_pem_x509_csr(make_csr(key).encode())
        der = bytearray(request.public_bytes(Encoding.DER))
        der[-1] ^= 1
        forged = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()
        with refused("InvalidRequestException", 400, "The signature of the certificateSigningReq"):
            iot.create_certificate_from_csr(certificateSigningRequest=forged)


class TestUpdate:
    @pytest.mark.parametrize("before", ["ACTIVE", "INACTIVE", "REVOKED"])
    @pytest.mark.parametrize("after", ["ACTIVE", "INACTIVE", "REVOKED", "REGISTER_INACTIVE"])
    def test_the_documented_statuses_follow_one_another(
        self, iot: Any, bulb: DeviceIdentity, before: str, after: str
    ) -> None:
        certificate_id = register(iot, bulb, status=before)
        iot.update_certificate(certificateId=certificate_id, newStatus=after)
        assert status(iot, certificate_id) == after

    def test_a_pending_certificate_can_be_activated(self, iot: Any, bulb: DeviceIdentity) -> None:
        with pytest.raises(ConnectionRefused):
            connect_device(bulb)
        iot.update_certificate(certificateId=bulb.certificate_id, newStatus="ACTIVE")
        assert connect_device(bulb).certificate_id == bulb.certificate_id

    @pytest.mark.parametrize("wrong", ["PENDING_TRANSFER", "PENDING_ACTIVATION"])
    def test_statuses_that_only_aws_sets_are_refused(
        self, iot: Any, bulb: DeviceIdentity, wrong: str
    ) -> None:
        certificate_id = register(iot, bulb, status="ACTIVE")
        text = f"Not allowed to update certificate to {wrong} status"
        with refused("CertificateStateException", 406, text):
            iot.update_certificate(certificateId=certificate_id, newStatus=wrong)
        assert status(iot, certificate_id) == "ACTIVE"

    def test_a_status_that_does_not_exist_is_refused(self, iot: Any, bulb: DeviceIdentity) -> None:
        certificate_id = register(iot, bulb)
        with refused("InvalidRequestException", 400, "1 validation error detected: Value 'Active'"):
            iot.update_certificate(certificateId=certificate_id, newStatus="Active")

    def test_an_update_is_remembered_and_repeating_it_changes_nothing(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        created = described(iot, register(iot, bulb))
        with an_hour_later():
            iot.update_certificate(certificateId=bulb.certificate_id, newStatus="ACTIVE")
        active = described(iot, bulb.certificate_id)
        assert active["lastModifiedDate"] > created["lastModifiedDate"]
        assert active["creationDate"] == created["creationDate"]
        iot.update_certificate(certificateId=bulb.certificate_id, newStatus="ACTIVE")
        assert described(iot, bulb.certificate_id) == active

    def test_an_unknown_certificate_is_not_found(self, iot: Any) -> None:
        with refused("ResourceNotFoundException", 404, ""):
            iot.update_certificate(certificateId=UNKNOWN, newStatus="ACTIVE")
        with refused("ResourceNotFoundException", 404, ""):
            iot.describe_certificate(certificateId=UNKNOWN)


class TestDelete:
    def test_an_active_certificate_must_be_deactivated_first(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        certificate_id = register(iot, bulb, status="ACTIVE")
        text = f"Certificate must be deactivated (not ACTIVE) before deletion. Id: {certificate_id}"
        for force in (False, True):
            with refused("CertificateStateException", 406, text):
                iot.delete_certificate(certificateId=certificate_id, forceDelete=force)
        iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
        iot.delete_certificate(certificateId=certificate_id)
        with refused("ResourceNotFoundException", 404, ""):
            iot.describe_certificate(certificateId=certificate_id)

    @pytest.mark.parametrize("wanted", ["INACTIVE", "REVOKED", "PENDING_ACTIVATION"])
    def test_every_other_status_can_be_deleted_and_registered_again(
        self, iot: Any, bulb: DeviceIdentity, wanted: str
    ) -> None:
        if wanted == "PENDING_ACTIVATION":
            with pytest.raises(ConnectionRefused):
                connect_device(bulb)
        else:
            register(iot, bulb, status=wanted)
        assert status(iot, bulb.certificate_id) == wanted
        iot.delete_certificate(certificateId=bulb.certificate_id)
        assert register(iot, bulb) == bulb.certificate_id

    def test_policies_are_detached_first_or_by_force(self, iot: Any, bulb: DeviceIdentity) -> None:
        arn = described(iot, register(iot, bulb))["certificateArn"]
        iot.create_policy(policyName="p", policyDocument=POLICY)
        iot.attach_policy(policyName="p", target=arn)
        text = f"Certificate policies must be detached before deletion (arn: {arn})"
        with refused("DeleteConflictException", 409, text):
            iot.delete_certificate(certificateId=bulb.certificate_id)
        iot.delete_certificate(certificateId=bulb.certificate_id, forceDelete=True)
        assert iot.list_targets_for_policy(policyName="p")["targets"] == []
        iot.delete_policy(policyName="p")

    def test_things_are_detached_first_even_by_force(self, iot: Any, bulb: DeviceIdentity) -> None:
        arn = described(iot, register(iot, bulb))["certificateArn"]
        iot.create_thing(thingName="bulb-1")
        iot.attach_thing_principal(thingName="bulb-1", principal=arn)
        text = f"Things must be detached before deletion (arn: {arn})"
        for force in (False, True):
            with refused("DeleteConflictException", 409, text):
                iot.delete_certificate(certificateId=bulb.certificate_id, forceDelete=force)
        iot.detach_thing_principal(thingName="bulb-1", principal=arn)
        iot.delete_certificate(certificateId=bulb.certificate_id)

    def test_an_unknown_certificate_is_not_found(self, iot: Any) -> None:
        with refused("ResourceNotFoundException", 404, ""):
            iot.delete_certificate(certificateId=UNKNOWN)


class TestListing:
    @pytest.fixture
    def ids(self, iot: Any, ca: CertificateAuthority) -> list[str]:
        """Seven devices of one CA, the oldest first."""
        return [register(iot, ca.issue()) for _ in range(7)]

    def test_the_newest_comes_first_unless_asked_otherwise(
        self, iot: Any, ca: CertificateAuthority, ids: list[str]
    ) -> None:
        for listing in (
            iot.list_certificates,
            lambda **given: iot.list_certificates_by_ca(caCertificateId=ca.certificate_id, **given),
        ):
            for arguments, order in (
                ({}, ids[::-1]),
                ({"ascendingOrder": False}, ids[::-1]),
                ({"ascendingOrder": True}, ids),
            ):
                found = [c["certificateId"] for c in listing(**arguments)["certificates"]]
                assert found == order

    def test_entries_have_the_documented_members(
        self, iot: Any, ca: CertificateAuthority, bulb: DeviceIdentity
    ) -> None:
        description = described(iot, register(iot, bulb))
        (entry,) = iot.list_certificates()["certificates"]
        members = ("certificateArn", "certificateId", "status", "creationDate", "certificateMode")
        assert entry == {member: description[member] for member in members}

    def test_only_the_devices_of_a_ca_are_listed_by_ca(
        self, iot: Any, ids: list[str], ca: CertificateAuthority
    ) -> None:
        other = CertificateAuthority(common_name="Other Root")
        other.register(iot)
        device = register(iot, other.issue())
        iot.create_keys_and_certificate()
        iot.delete_certificate(certificateId=ids[0])

        def of(ca_id: str) -> list[str]:
            answer = iot.list_certificates_by_ca(caCertificateId=ca_id, ascendingOrder=True)
            return [certificate["certificateId"] for certificate in answer["certificates"]]

        assert of(other.certificate_id) == [device]
        assert of(ca.certificate_id) == ids[1:]
        assert of(UNKNOWN) == []

    @pytest.mark.parametrize("operation", ["list_certificates", "list_certificates_by_ca"])
    @pytest.mark.parametrize("ascending", [True, False])
    def test_the_paginators_find_everything_once(
        self, iot: Any, ca: CertificateAuthority, ids: list[str], operation: str, ascending: bool
    ) -> None:
        arguments: dict[str, Any] = {"ascendingOrder": ascending}
        if operation == "list_certificates_by_ca":
            arguments["caCertificateId"] = ca.certificate_id
        pages = [
            [certificate["certificateId"] for certificate in page["certificates"]]
            for page in iot.get_paginator(operation).paginate(
                **arguments, PaginationConfig={"PageSize": 3}
            )
        ]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [entry for page in pages for entry in page] == (ids if ascending else ids[::-1])

    def test_a_page_holds_25_unless_asked_otherwise(
        self, iot: Any, ca: CertificateAuthority
    ) -> None:
        for _ in range(26):
            register(iot, ca.issue())
        assert len(iot.list_certificates()["certificates"]) == 25
        assert len(iot.list_certificates(pageSize=26)["certificates"]) == 26

    @pytest.mark.parametrize("wrong", [{"pageSize": 251}, {"marker": "%"}, {"marker": "abcd"}])
    def test_impossible_pages_are_refused(self, iot: Any, wrong: dict[str, Any]) -> None:
        with refused("InvalidRequestException", 400, ""):
            iot.list_certificates(**wrong)
