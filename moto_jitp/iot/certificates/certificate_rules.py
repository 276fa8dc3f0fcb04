"""AWS IoT's requirements for registering a certificate: readable, with a suitable key and issuer.

https://docs.aws.amazon.com/iot/latest/developerguide/x509-client-certs.html
"""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from moto_jitp.iot import exceptions as errors
from moto_jitp.pki import (
    CertificateError,
    IssuerCheck,
    PresentedCertificate,
    check_issuer,
    read_certificate,
    weak_digest,
)

_RSA_MINIMUM = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
# An EC key on one of these, as its AlgorithmIdentifier says (RFC 5480, 2.1.1).
_ACCEPTED_ALGORITHMS = frozenset(
    bytes.fromhex(f"30{2 + 7 + len(curve) // 2:02x}06072a8648ce3d0201" + curve)
    for curve in ("06082a8648ce3d030107", "06052b81040022", "06052b81040023")
)


def certificate_id(presented: PresentedCertificate | None, pem: str) -> str:
    """Return AWS's id: the hash of the DER bytes, or of the text where moto accepts any."""
    if presented is not None:
        return presented.certificate_id
    return hashlib.sha256(pem.encode()).hexdigest()


def read_or_none(pem: str) -> PresentedCertificate | None:
    """Read a certificate; ``None`` for other text, which moto accepts."""
    try:
        return read_certificate(pem)
    except CertificateError:
        return None


def read_for_registration(pem: str, subject: str) -> PresentedCertificate:
    """Read a certificate for registration, and check its key.

    Args:
        pem: its PEM text.
        subject: its name in an error, such as ``The certificate``.

    Raises:
        CertificateValidation: it cannot be read, or AWS does not accept its kind of key (own
            wording).
    """
    try:
        presented = read_certificate(pem)
    except CertificateError as error:
        raise errors.CertificateValidation(f"{subject} is not valid: {error}") from None
    fault = defect_of_certificate(presented)
    if fault is not None:
        raise errors.CertificateValidation(f"{subject} has {fault}")
    return presented


def defect_of_certificate(presented: PresentedCertificate) -> str | None:
    """Compare a certificate's key with AWS's list; see :func:`defect_of_key`."""
    # What stands before the key says enough of most; to read the key itself costs each connection.
    if presented.key_algorithm in _ACCEPTED_ALGORITHMS:
        return None
    try:
        key = presented.certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        return f"a key that cannot be read: {error}"
    return defect_of_key(key)


def defect_of_key(key: Any) -> str | None:
    """Compare a public key with AWS's list: RSA from 2048 bit, EC on P-256, P-384, P-521.

    Returns:
        What is wrong with it, to follow "has"; ``None`` for a key that AWS accepts.
    """
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _RSA_MINIMUM:
            return (
                f"an RSA key of {key.key_size} bits; AWS IoT requires {_RSA_MINIMUM} bits or more."
            )
        return None
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            return (
                f"an EC key on {key.curve.name}; AWS IoT accepts the curves P-256, P-384 and P-521."
            )
        return None
    kind = type(key).__name__.lstrip("_").removesuffix("PublicKey")
    return f"a key of the type {kind}; AWS IoT accepts RSA, and EC on P-256, P-384 or P-521."


def require_issuer(
    certificate: PresentedCertificate, ca: PresentedCertificate, *, parameter: str = ""
) -> None:
    """Check that a CA issued a certificate.

    Args:
        certificate: the certificate.
        ca: the CA.
        parameter: the request's parameter with the certificate, if that verifies the CA.

    Raises:
        CertificateValidation: the names differ, or the signature does not verify.
    """
    check = check_issuer(certificate, ca)
    if check is IssuerCheck.NAME_DIFFERS:
        raise _not_issued(errors.ISSUER_DIFFERS, certificate, ca, parameter)
    if check is IssuerCheck.SIGNATURE_DIFFERS:
        digest = weak_digest(certificate)
        if digest is None:
            raise _not_issued(errors.SIGNATURE_DIFFERS, certificate, ca, parameter)
        raise errors.CertificateValidation(
            f"{errors.SIGNATURE_DIFFERS} {errors.WEAK_DIGEST.format(digest)}",
            bare=errors.SIGNATURE_DIFFERS,
        )


def _not_issued(
    sentence: str, certificate: PresentedCertificate, ca: PresentedCertificate, parameter: str
) -> errors.CertificateValidation:
    """Return AWS's sentence, then the certificates in question and what to sign with what."""
    finding = (
        f"The {parameter or 'certificatePem'} {certificate.subject_text!r} has the issuer "
        f"{certificate.issuer_text!r}; the CA certificate has the subject {ca.subject_text!r}."
    )
    change = (
        "Sign a CSR whose CN is the registration code with that CA's private key, and pass the "
        f"resulting certificate as {parameter}."
        if parameter
        else "Give the CA that signed this certificate, or sign it with that CA's private key."
    )
    return errors.CertificateValidation(f"{sentence} {finding} {change}", bare=sentence)
