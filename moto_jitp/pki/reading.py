"""Reads certificates: turns PEM or DER into a value with its AWS IoT certificate id."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from os import PathLike
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from moto_jitp.files import content_of, path_advice
from moto_jitp.locks import cached_property
from moto_jitp.printing import one_line

from .der import outline_of
from .strings import explain_bad_string

_PEM_BLOCK = re.compile(
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----(.*?)-----END (?:X509 )?CERTIFICATE-----",
    re.DOTALL,
)
_AS_WRITTEN = re.compile(
    rb"-----BEGIN CERTIFICATE-----\n"
    rb"((?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{1,64}={0,2}\n)"
    rb"-----END CERTIFICATE-----\n"
)
_CLOSING_LINE = b"-----END CERTIFICATE-----"

ResultT = TypeVar("ResultT")
ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)


class CertificateError(ValueError):
    """The text contains no certificate, or an unreadable one; the message says which and why.

    Examples:
        >>> connect_device("bulb-1")
        Traceback (most recent call last):
        ...
        moto_jitp.CertificateError: ...
    """

    __module__ = "moto_jitp"  # where users find it


class PresentedCertificate:
    """A certificate as a device presents it.

    Attributes:
        certificate: the parsed ``cryptography`` certificate.
        certificate_id: the id that AWS IoT gives it, lower-case hex SHA-256 of the DER bytes.

    Args:
        certificate: the parsed certificate.
        der: the bytes that it was parsed from, if available.
        pem: the same as PEM text.

    Raises:
        Exception: its subject or issuer cannot be read; the type depends on the mistake.
            :func:`read_certificate` and :func:`read_chain` raise :class:`CertificateError`.
    """

    # No __slots__: cached_property keeps its values in __dict__.

    def __init__(
        self, certificate: x509.Certificate, der: bytes | None = None, pem: str | None = None
    ) -> None:
        self.certificate = certificate
        # By CA id: verifying a signature is the expensive part of a connection, and its result
        # never changes.
        self.issuer_checks: dict[str, object] = {}
        if der is None:
            der = certificate.public_bytes(Encoding.DER)
        # Cut out of the bytes at hand: the library would encode them again.
        self.signed_part, issuer, self.key_algorithm = outline_of(der)
        """What the issuer has signed, and the kind of the key; see :func:`.der.outline_of`."""
        issuer_key = _issuer_keys.get(issuer)
        self.issuer_key = (
            _read_issuer_key(certificate, issuer) if issuer_key is None else issuer_key
        )
        """The issuer as DER."""
        try:
            subject = certificate.subject
        except Warning:
            subject = unwarned(lambda: certificate.subject)
        # Read at once: the library parses much of it lazily, and bad parts must be refused here.
        self.subject = _attributes(subject)
        """The subject's attributes, OID and value, in certificate order."""
        self.subject_text = _name_text(self.subject)
        """The subject for people, in certificate order: ``C=KR,CN=bulb-1``."""
        self.not_before: datetime = certificate.not_valid_before_utc
        """Start of validity, in UTC."""
        self.not_after: datetime = certificate.not_valid_after_utc
        """End of validity, in UTC."""
        self._serial_number: int | None = None
        self._pem = pem
        self.certificate_id = hashlib.sha256(der).hexdigest()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PresentedCertificate) and other.certificate_id == self.certificate_id
        )

    def __hash__(self) -> int:
        return hash(self.certificate_id)

    def __repr__(self) -> str:
        return f"<PresentedCertificate {one_line(self.subject_text) or '(no subject)'}>"

    @property
    def serial_number(self) -> int:
        """The certificate's own number, not the subject's serialNumber."""
        if self._serial_number is None:
            self._serial_number = unwarned(lambda: self.certificate.serial_number)
        return self._serial_number

    @cached_property
    def subject_key(self) -> bytes:
        """The subject as DER, to compare issuer names with."""
        return unwarned(lambda: self.certificate.subject.public_bytes())

    @cached_property
    def public_key(self) -> CertificatePublicKeyTypes:
        """The public key, cached for CAs, whose keys verify the certificates of many devices.

        Raises:
            UnsupportedAlgorithm: it is of an unknown kind.
            ValueError: it cannot be read.
        """
        return self.certificate.public_key()

    @cached_property
    def ec_public_key(self) -> ec.EllipticCurvePublicKey | None:
        """The same where it is an EC key; ``None`` where it is another.

        Raises:
            UnsupportedAlgorithm, ValueError: as :attr:`public_key`.
        """
        key = self.public_key
        return key if isinstance(key, ec.EllipticCurvePublicKey) else None

    @cached_property
    def public_key_der(self) -> bytes:
        """The public key; if it cannot be read, a value that no other certificate has."""
        try:
            key = self.certificate.public_key()
            return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        except (ValueError, UnsupportedAlgorithm):
            return self.certificate_id.encode()

    @property
    def subject_key_identifier(self) -> bytes | None:
        """The certificate's identifier of its own key; ``None`` if missing or unreadable."""
        return self._extension(x509.SubjectKeyIdentifier, lambda extension: extension.digest)

    @property
    def authority_key_identifier(self) -> bytes | None:
        """The certificate's identifier of its issuer's key; ``None`` if missing or unreadable."""
        return self._extension(
            x509.AuthorityKeyIdentifier, lambda extension: extension.key_identifier
        )

    def _extension(
        self, kind: type[ExtensionT], read: Callable[[ExtensionT], bytes | None]
    ) -> bytes | None:
        try:
            extensions = unwarned(lambda: self.certificate.extensions)
            return read(extensions.get_extension_for_class(kind).value)
        # Either there is none, or the library cannot read an extension and raises ValueError,
        # TypeError, DuplicateExtension or others.
        except Exception:
            return None

    @property
    def pem(self) -> str:
        """Only the certificate, as PEM text."""
        if self._pem is None:
            self._pem = self.certificate.public_bytes(Encoding.PEM).decode("ascii")
        return self._pem

    @property
    def issuer_text(self) -> str:
        """The issuer for people."""
        return _name_text(_attributes(unwarned(lambda: self.certificate.issuer)))

    @property
    def common_name(self) -> str | None:
        """The subject's first common name, ``None`` if there is none or it is empty."""
        for oid, value in self.subject:
            if oid == NameOID.COMMON_NAME:
                return value or None
        return None


# A fleet has few issuers, and to read their names takes longer than to hash a certificate: so the
# last ones are kept, by what the certificates have in that place.
_issuer_keys: dict[bytes, bytes] = {}
_MOST_ISSUERS = 1024


def _read_issuer_key(certificate: x509.Certificate, issuer: bytes) -> bytes:
    key = unwarned(lambda: certificate.issuer.public_bytes())
    if len(_issuer_keys) >= _MOST_ISSUERS:
        _issuer_keys.clear()
    _issuer_keys[issuer] = key
    return key


_SHORT_NAMES = {
    NameOID.COMMON_NAME: "CN",
    NameOID.COUNTRY_NAME: "C",
    NameOID.DN_QUALIFIER: "dnQualifier",
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.LOCALITY_NAME: "L",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
}


def unwarned(read: Callable[[], ResultT]) -> ResultT:
    """Call ``read`` on unusual but real certificates, even where warnings are errors.

    ``cryptography`` warns of serial numbers that are not positive and of countries that are not
    two letters; AWS IoT accepts both.
    """
    try:
        return read()
    except Warning:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()


def _attributes(name: x509.Name) -> tuple[tuple[x509.ObjectIdentifier, str], ...]:
    attributes = []
    for attribute in name:
        value: str | bytes = attribute.value  # a bit string comes as bytes
        attributes.append((attribute.oid, value if isinstance(value, str) else value.hex()))
    return tuple(attributes)


def _name_text(attributes: tuple[tuple[x509.ObjectIdentifier, str], ...]) -> str:
    """Write a distinguished name as OpenSSL does, in certificate order."""
    return ",".join(
        [f"{_SHORT_NAMES.get(oid) or oid.dotted_string}={value}" for oid, value in attributes]
    )


def read_certificate(pem: str | bytes | PathLike[str]) -> PresentedCertificate:
    """Read the first certificate of a PEM text.

    Args:
        pem: PEM text or bytes, or the path of their file; text before and further certificates
            after it are ignored.

    Raises:
        CertificateError: there is no certificate in it, or it cannot be parsed.
    """
    return _read_first(_as_bytes(pem))


def _read_first(data: bytes) -> PresentedCertificate:
    # Most texts are as OpenSSL writes them: a single certificate.
    match = _AS_WRITTEN.fullmatch(data)
    if match is not None:
        try:
            der = binascii.a2b_base64(match[1])
            certificate = unwarned(lambda: x509.load_der_x509_certificate(der))
            return PresentedCertificate(certificate, der, data.decode("ascii"))
        except Exception:
            pass  # read it block by block below, to explain what is wrong
    return _read_der(_pem_blocks(data)[0])


def read_chain(pem: str | bytes | PathLike[str]) -> tuple[PresentedCertificate, ...]:
    """Read every certificate of a PEM text, in its order (the leaf first).

    Raises:
        CertificateError: there is no certificate in it, or one cannot be parsed.
    """
    data = _as_bytes(pem)
    if data.count(b"-----BEGIN") == 1:
        return (_read_first(data),)
    leaf, *issuers = _pem_blocks(data)
    return (_read_der(leaf), *map(_read_issuer, issuers))


def read_presented(chain: Sequence[bytes]) -> tuple[PresentedCertificate, ...]:
    """Read the certificates that a client showed in its handshake.

    Devices return, so the last ones are cached.

    Args:
        chain: the certificates as DER, the leaf first.

    Raises:
        CertificateError: there is none, or one cannot be parsed.
    """
    if not chain:
        raise CertificateError(_why_no_block(b""))
    leaf, *issuers = chain
    return (_read_leaf(leaf), *map(_read_issuer, issuers))


def read_issuer(pem: str) -> PresentedCertificate:
    """Read the first certificate of a PEM text, that of a device's issuer.

    A fleet has few of these, so the last ones are cached.

    Raises:
        CertificateError: there is no certificate in it, or it cannot be parsed.
    """
    return _read_issuer(_pem_blocks(pem.encode("utf-8", "replace"))[0])


def _as_bytes(pem: str | bytes | PathLike[str]) -> bytes:
    if isinstance(pem, str):
        return pem.encode("utf-8", "replace")
    if isinstance(pem, (bytes, bytearray)):
        return bytes(pem)
    if isinstance(pem, PathLike):
        return content_of(pem).encode("utf-8", "replace")
    raise TypeError(f"A certificate is PEM text or bytes, not {type(pem).__name__}.")


def _pem_blocks(data: bytes) -> list[bytes]:
    blocks = []
    for match in _PEM_BLOCK.finditer(data):
        try:
            blocks.append(base64.b64decode(b"".join(match.group(1).split()), validate=True))
        except binascii.Error as error:
            raise CertificateError(
                f"The text between the BEGIN and END CERTIFICATE lines is not base64 ({error}). "
                "Was the file cut off, or its line breaks escaped?"
            ) from None
    if not blocks:
        raise CertificateError(_why_no_block(data))
    return blocks


def _why_no_block(data: bytes) -> str:
    expected = "Expected a PEM certificate (-----BEGIN CERTIFICATE----- …)"
    if not data.strip():
        return f"{expected}, found an empty text."
    if b"PRIVATE KEY-----" in data and b"CERTIFICATE" not in data:
        return f"{expected}, found a private key. Give the certificate, leaf first."
    if b"CERTIFICATE REQUEST-----" in data:
        return f"{expected}, found a certificate signing request. Give the certificate made of it."
    if b"-----BEGIN CERTIFICATE-----" in data:
        return (
            f"{expected}, found its first line but no line {_CLOSING_LINE.decode()}: it is cut off."
        )
    if data[:1] == b"\x30":
        return f"{expected}, found binary data that looks like DER. Convert it to PEM first."
    advice = path_advice(data[:256].decode("utf-8", "replace"))
    return f"{expected}, found {data[:40]!r}.{f' {advice}' if advice else ''}"


@lru_cache(maxsize=1024)
def _read_leaf(der: bytes) -> PresentedCertificate:
    return _read_der(der)


@lru_cache(maxsize=64)
def _read_issuer(der: bytes) -> PresentedCertificate:
    return _read_der(der)


def _read_der(der: bytes) -> PresentedCertificate:
    try:
        return PresentedCertificate(unwarned(lambda: x509.load_der_x509_certificate(der)), der)
    # The library documents ValueError, but depending on mistake and release also raises TypeError
    # (a name attribute of another string type), KeyError, InvalidVersion and others.
    except Exception as error:
        reason = explain_bad_string(der) or str(error)
        raise CertificateError(
            f"The certificate {hashlib.sha256(der).hexdigest()} cannot be read: {reason}"
        ) from None


def is_declared_no_ca(certificate: PresentedCertificate) -> bool:
    """Whether a certificate says that it is not a CA's (basicConstraints CA:FALSE).

    One without that extension says nothing; old scripts make such CAs, and all X.509 v1
    certificates are such.

    Args:
        certificate: the certificate.
    """
    try:
        extensions = unwarned(lambda: certificate.certificate.extensions)
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return not constraints.ca
