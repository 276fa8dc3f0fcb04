"""Certificates are read as AWS IoT reads them, and what cannot be read is explained."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import warnings
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from moto_jitp.pki import (
    CertificateAuthority,
    CertificateError,
    IssuerCheck,
    certificate_parameters,
    check_issuer,
    read_certificate,
    read_chain,
    read_presented,
)

CA = CertificateAuthority(common_name="Acme Root")
DEVICE = CA.issue(common_name="bulb-1")
PREFIX = "AWS::IoT::Certificate::"


def der_of(pem: str) -> bytes:
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)


def pem_of(der: bytes, label: str = "CERTIFICATE") -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


def test_the_id_is_the_sha256_of_the_der_whatever_the_pem_looks_like() -> None:
    der = der_of(DEVICE.certificate_pem)
    expected = hashlib.sha256(der).hexdigest()
    assert DEVICE.certificate_id == expected
    for text in (
        DEVICE.certificate_pem,
        DEVICE.certificate_pem.encode(),
        DEVICE.certificate_pem.replace("\n", "\r\n"),
        "Certificate:\n    Data: as `openssl x509 -text` writes it\n" + DEVICE.certificate_pem,
        pem_of(der),
        pem_of(der, "X509 CERTIFICATE"),
        DEVICE.private_key_pem + DEVICE.certificate_pem,
    ):
        assert read_certificate(text).certificate_id == expected
    assert read_certificate(CA.certificate_pem).certificate_id != expected


def test_a_chain_is_read_in_its_order() -> None:
    leaf, issuer = read_chain(DEVICE.chain_pem)
    assert (leaf.subject_text, issuer.subject_text) == ("CN=bulb-1", "CN=Acme Root")
    assert leaf.issuer_text == issuer.subject_text
    assert [certificate.certificate_id for certificate in read_chain(CA.certificate_pem)] == [
        CA.certificate_id
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found an empty text"),
        ("  \n", "found an empty text"),
        ("certs/bulb-1.pem", r"found b'certs/bulb-1\.pem'"),
        (DEVICE.private_key_pem, "found a private key"),
        (DEVICE.certificate_pem[:300], "cut off"),
        (DEVICE.certificate_pem.replace("\n", "\\n"), "line breaks escaped"),
        (pem_of(b"\x30\x03abc"), "cannot be read"),
        (pem_of(b"", "CERTIFICATE REQUEST"), "found a certificate signing request"),
    ],
)
def test_text_without_a_readable_certificate_is_explained(text: str, words: str) -> None:
    for read in (read_certificate, read_chain):
        with pytest.raises(CertificateError, match=words):
            read(text)


def test_der_bytes_are_recognised() -> None:
    with pytest.raises(CertificateError, match=r"looks like DER\. Convert it to PEM"):
        read_certificate(der_of(DEVICE.certificate_pem))


def test_something_that_is_not_text_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="PEM text or bytes, not int"):
        read_certificate(5)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused_and_never_a_traceback(junk: bytes) -> None:
    for data in (junk, pem_of(junk).encode()):
        with pytest.raises(CertificateError):
            read_certificate(data)


@settings(max_examples=150, deadline=None)
@given(st.integers(0), st.integers(0, 255))
def test_a_certificate_with_a_changed_byte_reads_or_is_refused(at: int, byte: int) -> None:
    der = bytearray(der_of(DEVICE.certificate_pem))
    der[at % len(der)] = byte
    try:
        presented = read_certificate(pem_of(bytes(der)))
    except CertificateError:
        return
    assert presented.certificate_id == hashlib.sha256(der).hexdigest()
    certificate_parameters(presented)
    changed = bytes(der) != der_of(DEVICE.certificate_pem)
    issued = check_issuer(presented, read_certificate(CA.certificate_pem)) is IssuerCheck.ISSUED
    # A signature covers its certificate; its own unused encodings aside, no change goes through.
    assert not (changed and issued)


def test_a_printable_string_with_an_underscore_is_named() -> None:
    der = der_of(CA.issue(common_name="test_thing").certificate_pem)
    forged = der.replace(b"\x0c\x0atest_thing", b"\x13\x0atest_thing")
    assert forged != der
    try:
        # Before version 45 the library read such a certificate.
        x509.load_der_x509_certificate(forged).subject.rfc4514_string()
    except ValueError:
        identifier = hashlib.sha256(forged).hexdigest()
        with pytest.raises(
            CertificateError,
            match=rf"{identifier} cannot be read: its common name \(CN\) 'test_thing' .* hold '_'",
        ):
            read_certificate(pem_of(forged))
    else:
        assert read_certificate(pem_of(forged)).subject_text == "CN=test_thing"


def of_another_type(name: bytes, tag: int) -> str:
    """A certificate whose subject or issuer holds a name as another type than UTF8String."""
    der = der_of(CertificateAuthority(common_name="Root").issue(common_name="abcd").certificate_pem)
    found = b"\x0c\x04" + name
    assert found in der
    return pem_of(der.replace(found, bytes([tag, 4, 0]) + name[1:]))


@pytest.mark.parametrize("name", [b"abcd", b"Root"], ids=["subject", "issuer"])
def test_a_name_in_a_bit_string_is_refused_and_named(name: bytes) -> None:
    pem = of_another_type(name, 0x03)
    for text in (pem, DEVICE.private_key_pem + pem):
        for read in (read_certificate, read_chain):
            with pytest.raises(
                CertificateError, match=r"its common name \(CN\) is a BIT STRING\. Make it again"
            ):
                read(text)


@pytest.mark.parametrize("name", [b"abcd", b"Root"], ids=["subject", "issuer"])
def test_a_name_of_any_type_is_read_or_refused(name: bytes) -> None:
    for tag in range(256):
        with contextlib.suppress(CertificateError):
            read_certificate(of_another_type(name, tag))


def unusual(change: Callable[[bytes], bytes], **fields: str) -> str:
    der = der_of(CA.issue(**fields, certificate_serial=0x7A).certificate_pem)  # type: ignore[arg-type]
    changed = change(der)
    assert changed != der
    return pem_of(changed)


def test_a_serial_number_of_zero_is_accepted_even_where_warnings_are_errors() -> None:
    pem = unusual(lambda der: der.replace(b"\x02\x01\x7a", b"\x02\x01\x00", 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        presented = read_certificate(pem)
        assert certificate_parameters(presented)[PREFIX + "SerialNumber"] == "0"
        check_issuer(presented, read_certificate(CA.certificate_pem))


def test_an_empty_country_counts_as_missing_also_where_warnings_are_errors() -> None:
    empty = b"\x06\x03\x55\x04%c\x0c\x00"
    organization, country = empty % 0x0A, empty % 0x06
    pem = unusual(lambda der: der.replace(organization, country), organization="")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        presented = read_certificate(pem)
        assert presented.subject_text.startswith("C=,")
        assert PREFIX + "Country" not in certificate_parameters(presented)


def test_the_seven_attributes_and_the_id_are_offered_to_templates() -> None:
    device = CA.issue(
        common_name="bulb-1",
        serial_number="42",
        country="KR",
        organization="Acme",
        organizational_unit="Lights",
        state="Gyeonggi-do",
        locality="Suwon",
        dn_qualifier="v2",
    )
    assert certificate_parameters(device.presented) == {
        PREFIX + "CommonName": "bulb-1",
        PREFIX + "SerialNumber": "42",
        PREFIX + "Country": "KR",
        PREFIX + "Organization": "Acme",
        PREFIX + "OrganizationalUnit": "Lights",
        PREFIX + "StateName": "Gyeonggi-do",
        PREFIX + "DistinguishedNameQualifier": "v2",
        PREFIX + "Id": device.certificate_id,
    }


def test_without_a_serial_number_in_the_subject_the_certificates_own_is_offered() -> None:
    device = CA.issue(common_name="x", certificate_serial=2**150 + 1)
    assert certificate_parameters(device.presented) == {
        PREFIX + "CommonName": "x",
        PREFIX + "SerialNumber": str(2**150 + 1),
        PREFIX + "Id": device.certificate_id,
    }


def test_the_first_of_a_repeated_attribute_counts() -> None:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, value) for value in ("first", "second")]
    device = CA.issue(subject=x509.Name(names))
    assert certificate_parameters(device.presented)[PREFIX + "CommonName"] == "first"


def test_an_attribute_that_is_there_but_empty_counts_as_missing() -> None:
    device = CA.issue(common_name="x", organization="")
    assert PREFIX + "Organization" not in certificate_parameters(device.presented)
    assert device.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)


def test_special_characters_arrive_escaped_as_on_aws() -> None:
    device = CA.issue(common_name="testThingC=US", organization='a,b"c\\d+e<f>g;h i')
    parameters = certificate_parameters(device.presented)
    assert parameters[PREFIX + "CommonName"] == "testThingC\\=US"
    assert parameters[PREFIX + "Organization"] == 'a\\,b\\"c\\\\d\\+e\\<f\\>g\\;h i'


def test_an_issuer_is_recognized_by_name_and_by_signature() -> None:
    impostor = CertificateAuthority(common_name="Acme Root")
    other = CertificateAuthority(common_name="Other", key="rsa")

    def check(ca: CertificateAuthority) -> IssuerCheck:
        return check_issuer(DEVICE.presented, read_certificate(ca.certificate_pem))

    assert check(CA) is IssuerCheck.ISSUED
    assert check(impostor) is IssuerCheck.SIGNATURE_DIFFERS
    assert check(other) is IssuerCheck.NAME_DIFFERS
    rsa_impostor = CertificateAuthority(common_name="Acme Root", key="rsa")
    assert check(rsa_impostor) is IssuerCheck.SIGNATURE_DIFFERS


def test_certificates_of_a_handshake_are_read_as_those_of_a_pem_text() -> None:
    chain = read_chain(DEVICE.chain_pem)

    shown = [certificate.certificate.public_bytes(Encoding.DER) for certificate in chain]

    assert read_presented(shown) == chain
    assert read_presented(shown)[0].pem == chain[0].pem


def test_a_handshake_without_a_certificate_is_explained_as_an_empty_text_is() -> None:
    with pytest.raises(CertificateError, match="found an empty text"):
        read_presented([])
