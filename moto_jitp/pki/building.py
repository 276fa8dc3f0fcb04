"""The parts of a test certificate: its subject, its key, its validity, its PEM text."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from .reading import unwarned
from .strings import not_printable

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
KeyKind = Literal["ec", "rsa"]

# A day ago, so that the certificate is valid even if the clock is frozen or slightly slow.
_BACKDATED = timedelta(days=1)

# In the order in which OpenSSL's default configuration writes a subject.
_FIELDS = {
    "country": NameOID.COUNTRY_NAME,
    "state": NameOID.STATE_OR_PROVINCE_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizational_unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "dn_qualifier": NameOID.DN_QUALIFIER,
    "common_name": NameOID.COMMON_NAME,
    "serial_number": NameOID.SERIAL_NUMBER,
}
# X.520 makes these PrintableStrings, whatever they contain.
_PRINTABLE = ("country", "dn_qualifier", "serial_number")
_TWO_LETTERS = "it takes two letters, a country's code of ISO 3166 such as KR."


def subject_name(subject: x509.Name | None, **fields: str | None) -> x509.Name:
    """Return a subject: the given one, or one made of single fields in the usual order.

    Raises:
        ValueError: both are passed, or a field has a value that X.509 does not allow.
        TypeError: the subject is not an ``x509.Name``.
    """
    given_fields = {field: value for field, value in fields.items() if value is not None}
    if subject is not None:
        if given_fields:
            raise ValueError(
                "subject= is the whole subject; it cannot be combined with "
                f"{', '.join(given_fields)}."
            )
        if not isinstance(subject, x509.Name):
            raise TypeError(
                f"subject= is an x509.Name of cryptography, not {type(subject).__name__}; for "
                "single fields there are common_name=, country= and so on."
            )
        return subject
    attributes = []
    for field, oid in _FIELDS.items():
        if field in given_fields:
            value = given_fields[field]
            try:
                attributes.append(x509.NameAttribute(oid, value))
            except (ValueError, TypeError) as error:
                reason = _TWO_LETTERS if field == "country" else f"{error}"
                raise ValueError(f"{field}={value!r} is refused by X.509: {reason}") from None
            if field in _PRINTABLE and (wrong := not_printable(value.encode())):
                raise ValueError(
                    f"{field}={value!r} is refused by X.509: it is a PrintableString, which cannot "
                    f"hold {wrong}."
                )
    return x509.Name(attributes)


def new_key(kind: KeyKind) -> PrivateKey:
    """Make a key: ``"ec"`` (P-256) or ``"rsa"`` (2048 bits).

    Raises:
        ValueError: the kind is unknown.
    """
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    raise ValueError(f'key is "ec" or "rsa", not {kind!r}.')


def start_certificate(
    subject: x509.Name,
    key: Any,
    *,
    lasting: timedelta,
    serial: int | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    is_ca: bool | None = None,
) -> x509.CertificateBuilder:
    """Return a builder for a certificate without issuer and issuer extensions.

    Args:
        subject: its subject.
        key: the key, of which the public half is used, or a public key.
        lasting: how long it is valid if ``not_after`` is missing.
        serial: its number; by default random.
        not_before: start of validity, in UTC if it has no time zone; by default a day ago.
        not_after: end of validity.
        is_ca: whether its extensions are those of a CA or of a device; ``None`` for a certificate
            without extensions.

    Raises:
        ValueError: X.509 does not allow the number, or the validity ends before it starts.
        TypeError: the number is not an integer.
    """
    public_key = key.public_key() if hasattr(key, "public_key") else key
    now = datetime.now(timezone.utc)
    not_before, not_after = _in_utc(not_before), _in_utc(not_after)
    if not_before is None:
        not_before = now - _BACKDATED if not_after is None else min(now, not_after) - _BACKDATED
    if not_after is None:
        not_after = max(now, not_before) + lasting
    if not_after < not_before:
        raise ValueError(
            f"The validity ends before it starts: not_before={not_before:%Y-%m-%d %H:%M:%S}, "
            f"not_after={not_after:%Y-%m-%d %H:%M:%S} (UTC)."
        )
    try:
        numbered = x509.CertificateBuilder().serial_number(
            x509.random_serial_number() if serial is None else serial
        )
    except (ValueError, TypeError) as error:
        raise type(error)(f"certificate_serial={serial!r} is refused by X.509: {error}") from None
    builder = (
        numbered.subject_name(subject)
        .public_key(public_key)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    if is_ca is None:
        return builder
    return (
        builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(_key_usage(is_ca), critical=True)
    )


def _key_usage(is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Return the extension that identifies an issuer's key in the certificates that it signs.

    It repeats the issuer's subject key identifier, or is derived from its key if there is none.

    Args:
        issuer: the issuer's certificate.
    """
    try:
        extensions = unwarned(lambda: issuer.extensions)
        subject_key_identifier = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except (x509.ExtensionNotFound, ValueError):
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key_identifier)


def _in_utc(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=timezone.utc)


def pem_of(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM text."""
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def key_pem(key: PrivateKey) -> str:
    """Return a private key as unencrypted PKCS#8 PEM text."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
