"""Checks whether a CA issued a certificate, and whether a key belongs to it."""

from __future__ import annotations

import enum
from functools import lru_cache
from os import PathLike

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import SignatureAlgorithmOID

from moto_jitp.files import content_of

from .reading import PresentedCertificate, unwarned

# What nearly all certificates are signed with; to have it made for each takes its time.
_ECDSA = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: ec.ECDSA(hashes.SHA256()),
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: ec.ECDSA(hashes.SHA384()),
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: ec.ECDSA(hashes.SHA512()),
}
_WEAK_DIGESTS = {"sha1": "SHA-1", "md5": "MD5"}


class IssuerCheck(enum.Enum):
    """The outcome of :func:`check_issuer`."""

    ISSUED = "the CA issued the certificate"
    NAME_DIFFERS = "the certificate's issuer is not the CA's subject"
    SIGNATURE_DIFFERS = "the signature does not verify with the CA's key"


def check_issuer(certificate: PresentedCertificate, ca: PresentedCertificate) -> IssuerCheck:
    """Check whether a CA issued a certificate: its name is the issuer, its key made the signature.

    Nothing else is required of the CA. AWS requires the registration of the CA that directly signs
    the leaves, so there is no path to build, and CAs without key identifiers or of X.509 v1 are in
    real use.
    """
    earlier_check = certificate.issuer_checks.get(ca.certificate_id)
    if isinstance(earlier_check, IssuerCheck):
        return earlier_check
    check = _check_issuer(certificate, ca)
    certificate.issuer_checks[ca.certificate_id] = check
    return check


def _check_issuer(certificate: PresentedCertificate, ca: PresentedCertificate) -> IssuerCheck:
    if certificate.issuer_key != ca.subject_key:
        return IssuerCheck.NAME_DIFFERS
    try:
        try:
            _verify(certificate, ca)
        except Warning:
            unwarned(lambda: _verify(certificate, ca))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        # All but the first: the signature's algorithm does not fit the CA's kind of key.
        return IssuerCheck.SIGNATURE_DIFFERS
    return IssuerCheck.ISSUED


def _verify(presented: PresentedCertificate, issuer: PresentedCertificate) -> None:
    leaf = presented.certificate
    key = issuer.ec_public_key
    if key is None:
        leaf.verify_directly_issued_by(issuer.certificate)
        return
    algorithm = _ECDSA.get(leaf.signature_algorithm_oid) or leaf.signature_algorithm_parameters
    if not isinstance(algorithm, ec.ECDSA):
        raise TypeError("not a signature of an EC key")
    # As verify_directly_issued_by does, which reads the CA's key again for each device.
    key.verify(leaf.signature, presented.signed_part, algorithm)


def weak_digest(certificate: PresentedCertificate) -> str | None:
    """Return the digest of a certificate's signature if it is no longer trusted.

    Args:
        certificate: the certificate.

    Returns:
        ``SHA-1`` or ``MD5``; ``None`` for any other.
    """
    try:
        digest = unwarned(lambda: certificate.certificate.signature_hash_algorithm)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return _WEAK_DIGESTS.get(digest.name) if digest is not None else None


def private_key_belongs_to(
    certificate: PresentedCertificate, private_key_pem: str | bytes | PathLike[str]
) -> bool:
    """Check whether a private key belongs to the public key of a certificate.

    Args:
        certificate: the certificate.
        private_key_pem: an unencrypted private key as PEM text or bytes.

    Raises:
        ValueError: the text is not a readable private key.
    """
    key = read_private_key(private_key_pem)
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        public_key = certificate.certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False  # not a kind of key that a device could have
    return key.public_key().public_bytes(*form) == public_key.public_bytes(*form)


def read_private_key(private_key_pem: str | bytes | PathLike[str]) -> PrivateKeyTypes:
    """Read an unencrypted private key from PEM text or bytes.

    Raises:
        ValueError: the text is not a readable private key.
    """
    pem = content_of(private_key_pem)
    data = pem.encode() if isinstance(pem, str) else pem
    try:
        return _loaded(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(
            "Expected an unencrypted private key in PEM (-----BEGIN PRIVATE KEY----- …); "
            f"it cannot be read: {error}"
        ) from None


@lru_cache(maxsize=64)
def _loaded(data: bytes) -> PrivateKeyTypes:
    # OpenSSL tests the primes of an RSA key, which takes longer than the rest of a connection; and
    # a device's key is read both when it is loaded and when it connects.
    return load_pem_private_key(data, password=None)
