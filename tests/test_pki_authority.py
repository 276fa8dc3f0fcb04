"""``CertificateAuthority`` makes the certificates that a test needs."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from moto_jitp import CertificateAuthority, CertificateError

NOW = datetime.now(timezone.utc)


def subject_of(pem: str) -> str:
    return x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()


def sha256_of(pem: str) -> str:
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


@pytest.mark.parametrize(
    ("field", "oid", "value"),
    [
        ("common_name", NameOID.COMMON_NAME, "bulb-1"),
        ("serial_number", NameOID.SERIAL_NUMBER, "42"),
        ("country", NameOID.COUNTRY_NAME, "KR"),
        ("organization", NameOID.ORGANIZATION_NAME, "Acme (Korea), Ltd."),
        ("organizational_unit", NameOID.ORGANIZATIONAL_UNIT_NAME, "Lights"),
        ("state", NameOID.STATE_OR_PROVINCE_NAME, "Gyeonggi-do"),
        ("locality", NameOID.LOCALITY_NAME, "수원"),
        ("dn_qualifier", NameOID.DN_QUALIFIER, "bulb-v2"),
    ],
)
def test_every_subject_field_can_be_set_on_a_device_and_on_a_ca(
    field: str, oid: x509.ObjectIdentifier, value: str
) -> None:
    fields: dict[str, Any] = {field: value}
    ca = CertificateAuthority(**fields)
    for certificate in (ca.certificate, ca.issue(**fields).certificate):
        assert [found.value for found in certificate.subject.get_attributes_for_oid(oid)] == [value]


def test_the_subjects_serial_number_and_the_certificates_own_are_two_things() -> None:
    device = CertificateAuthority().issue(serial_number="42", certificate_serial=4711)
    assert device.certificate.serial_number == 4711
    subject = device.certificate.subject
    assert subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value == "42"


def test_a_device_without_a_common_name_can_be_issued() -> None:
    ca = CertificateAuthority()
    assert ca.issue(common_name=None, country="KR").certificate.subject.rfc4514_string() == "C=KR"
    assert ca.issue(common_name=None).certificate.subject.rfc4514_string() == ""


def test_devices_and_authorities_without_a_name_get_one_of_their_own() -> None:
    ca, other = CertificateAuthority(), CertificateAuthority()
    assert ca.certificate.subject != other.certificate.subject
    assert ca.issue().certificate.subject != ca.issue().certificate.subject
    assert "CN=" in ca.issue(country="KR").certificate.subject.rfc4514_string()


def test_a_ca_can_have_a_subject_without_a_common_name() -> None:
    ca = CertificateAuthority(organization="Acme", country="US")
    assert ca.certificate.subject.rfc4514_string() == "O=Acme,C=US"


def test_a_whole_subject_can_be_given_for_repeated_attributes() -> None:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "first"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "second"),
        ]
    )
    ca = CertificateAuthority(subject=subject)
    assert ca.certificate.subject == subject
    assert ca.issue(subject=subject).certificate.subject == subject
    with pytest.raises(ValueError, match=r"cannot be combined with country"):
        ca.issue(subject=subject, country="KR")


@pytest.mark.parametrize("signer", ["ec", "rsa"])
@pytest.mark.parametrize("key", ["ec", "rsa"])
def test_keys_of_either_kind_sign_devices_of_either_kind(
    signer: Literal["ec", "rsa"], key: Literal["ec", "rsa"]
) -> None:
    ca = CertificateAuthority(key=signer)
    device = ca.issue(key=key)
    device.certificate.verify_directly_issued_by(ca.certificate)
    kinds = {"ec": ec.EllipticCurvePrivateKey, "rsa": rsa.RSAPrivateKey}
    private = load_pem_private_key(device.private_key_pem.encode(), None)
    assert isinstance(private, kinds[key])
    assert private.public_key() == device.certificate.public_key()


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r'"ec" or "rsa", not .dsa'):
        CertificateAuthority(key="dsa")  # type: ignore[arg-type]


def test_a_self_signed_ca_is_a_ca() -> None:
    ca = CertificateAuthority(common_name="Acme Root")
    ca.certificate.verify_directly_issued_by(ca.certificate)
    assert ca.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert subject_of(ca.certificate_pem) == "CN=Acme Root"
    assert ca.certificate_id == sha256_of(ca.certificate_pem)
    key = load_pem_private_key(ca.private_key_pem.encode(), None)
    assert key.public_key() == ca.certificate.public_key()


def test_an_intermediate_is_signed_by_its_parent_and_is_in_the_chain() -> None:
    root = CertificateAuthority(common_name="Root", key="rsa")
    line = CertificateAuthority(common_name="Line 4", parent=root)
    device = line.issue(common_name="bulb-1")
    line.certificate.verify_directly_issued_by(root.certificate)
    chain = device.chain_pem
    assert chain == device.certificate_pem + line.certificate_pem + root.certificate_pem
    assert chain.count("BEGIN CERTIFICATE") == 3


def test_the_verification_certificate_names_the_code_and_is_signed_by_the_ca() -> None:
    ca, code = CertificateAuthority(), "c0de" * 16
    pem = ca.verification_certificate(code)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    certificate.verify_directly_issued_by(ca.certificate)
    assert subject_of(pem) == f"CN={code}"


def test_validity_can_lie_in_the_past_and_in_the_future() -> None:
    ca = CertificateAuthority()
    past, future = NOW - timedelta(days=9), NOW + timedelta(days=9)
    assert (
        ca.issue().certificate.not_valid_before_utc
        < NOW
        < (ca.issue().certificate.not_valid_after_utc)
    )
    old = ca.issue(not_after=past).certificate
    assert old.not_valid_before_utc < old.not_valid_after_utc < NOW
    young = ca.issue(not_before=future).certificate
    assert NOW < young.not_valid_before_utc < young.not_valid_after_utc


def test_a_moment_without_time_zone_is_utc() -> None:
    moment = datetime(2020, 1, 2, 3, 4, 5)
    certificate = CertificateAuthority().issue(not_before=moment).certificate
    assert certificate.not_valid_before_utc == moment.replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"country": "KOR"}, r"country='KOR' is refused by X\.509: it takes two letters"),
        (
            {"serial_number": "SN_1"},
            r"serial_number='SN_1' .* PrintableString, which cannot hold '_'",
        ),
        ({"dn_qualifier": "a*b@c"}, r"cannot hold '\*' or '@'"),
        ({"country": "한국"}, r"country='한국' is refused"),
    ],
)
def test_a_field_that_x509_does_not_allow_is_named(fields: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        CertificateAuthority().issue(**fields)  # type: ignore[arg-type]


def test_a_ca_made_elsewhere_signs_devices() -> None:
    made = CertificateAuthority(common_name="Made elsewhere")
    ca = CertificateAuthority.from_pem(made.certificate_pem, made.private_key_pem.encode())
    assert (ca.certificate_pem, ca.certificate_id) == (made.certificate_pem, made.certificate_id)
    assert ca.private_key_pem == made.private_key_pem
    ca.issue().certificate.verify_directly_issued_by(made.certificate)
    root = CertificateAuthority()
    assert (
        CertificateAuthority.from_pem(made.certificate_pem, made.private_key_pem, parent=root)
        .issue()
        .chain_pem.endswith(root.certificate_pem)
    )


def test_a_ca_whose_key_nobody_has_signs_nothing() -> None:
    made = CertificateAuthority(common_name="Vendor CA")
    ca = CertificateAuthority.from_pem(made.certificate_pem.encode())
    assert ca.certificate_id == made.certificate_id
    for use in (ca.issue, lambda: ca.private_key_pem, lambda: ca.verification_certificate("code")):
        with pytest.raises(ValueError, match=r"CN=Vendor CA.*no private key"):
            use()


def test_a_key_that_does_not_fit_the_ca_is_refused() -> None:
    one, other = CertificateAuthority(common_name="One"), CertificateAuthority()
    with pytest.raises(ValueError, match=r"does not belong to the CA certificate 'CN=One'"):
        CertificateAuthority.from_pem(one.certificate_pem, other.private_key_pem)


def test_a_key_that_cannot_be_read_is_refused() -> None:
    ca = CertificateAuthority()
    key = load_pem_private_key(ca.private_key_pem.encode(), None)
    locked = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    for text in (locked, "no key", ca.certificate_pem):
        with pytest.raises(ValueError, match=r"Expected an unencrypted private key in PEM"):
            CertificateAuthority.from_pem(ca.certificate_pem, text)


def test_a_ca_with_a_key_of_a_kind_that_aws_does_not_take_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ed")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, NOW - timedelta(1), NOW + timedelta(1)
    )
    pem = builder.sign(key, None).public_bytes(Encoding.PEM)
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match=r"EC or RSA"):
        CertificateAuthority.from_pem(pem, key_pem)


def test_text_that_is_not_a_ca_certificate_is_refused() -> None:
    with pytest.raises(CertificateError, match=r"Expected a PEM certificate"):
        CertificateAuthority.from_pem("Acme Root")


def test_the_signatures_are_of_a_kind_that_aws_takes() -> None:
    kinds: tuple[Literal["ec", "rsa"], ...] = ("ec", "rsa")
    for kind in kinds:
        algorithm = CertificateAuthority(key=kind).issue().certificate.signature_hash_algorithm
        assert isinstance(algorithm, hashes.SHA256)


def test_what_x509_refuses_is_named_by_its_argument() -> None:
    ca = CertificateAuthority(common_name="Acme")
    with pytest.raises(TypeError, match=r"subject= is an x509\.Name"):
        ca.issue(subject="CN=bulb")  # type: ignore[arg-type]
    for number in (0, 2**160):
        with pytest.raises(ValueError, match=f"certificate_serial={number} is refused"):
            ca.issue(certificate_serial=number)
    start = datetime(2030, 1, 1, tzinfo=timezone.utc)
    with pytest.raises(ValueError, match="ends before it starts: not_before=2030-01-01"):
        ca.issue(not_before=start, not_after=start - timedelta(days=1))
