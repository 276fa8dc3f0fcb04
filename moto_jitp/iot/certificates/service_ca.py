"""The certificates that AWS IoT issues itself, from a CA that lives in memory.

https://docs.aws.amazon.com/iot/latest/developerguide/device-certs-create.html
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from moto.moto_api._internal import mock_random

from moto_jitp import settings
from moto_jitp.iot.exceptions import InvalidRequest
from moto_jitp.locks import new_lock
from moto_jitp.pki import CertificateAuthority
from moto_jitp.pki.strings import explain_bad_string

from .certificate_rules import defect_of_key

# AWS's own certificates end with the year 2049, whenever they were made.
_ISSUED_UNTIL = datetime(2049, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
_CLAIM_BACKDATED = timedelta(minutes=2)
_ISSUED_SUBJECT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AWS IoT Certificate")])
_REQUEST_BLOCK = re.compile(
    r"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----(.*?)-----END (?:NEW )?CERTIFICATE REQUEST-----",
    re.DOTALL,
)
_lock = new_lock()


class IssuedKeys(NamedTuple):
    """A certificate with its key pair, each as PEM text."""

    certificate_pem: str
    public_key_pem: str
    private_key_pem: str


def issue_with_keys() -> IssuedKeys:
    """Make a 2048-bit RSA key pair and a certificate for it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = _service_ca().sign_public_key(_ISSUED_SUBJECT, key.public_key(), _ISSUED_UNTIL)
    return _with_keys(pem, key)


def issue_claim(not_after: datetime, lasting: timedelta) -> IssuedKeys:
    """Make a 2048-bit RSA key pair and a provisioning claim for it, like those of AWS.

    Args:
        not_after: when the claim ends, in UTC.
        lasting: how long it lasts from now on. Its validity began two minutes ago.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    # 64 hexadecimal digits, whose meaning AWS does not document.
    name = mock_random.uuid4().hex + mock_random.uuid4().hex
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    not_before = not_after - lasting - _CLAIM_BACKDATED
    pem = _claims_ca().sign_public_key(subject, key.public_key(), not_after, not_before=not_before)
    return _with_keys(pem, key)


def _with_keys(certificate_pem: str, key: rsa.RSAPrivateKey) -> IssuedKeys:
    public_key = key.public_key()
    return IssuedKeys(
        certificate_pem,
        public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(),
    )


def issue_from_csr(csr: str) -> str:
    """Issue a certificate for a CSR's own key and subject.

    Returns:
        The certificate as PEM text.

    Raises:
        InvalidRequest: the text is not a CSR, its signature is wrong, or AWS IoT does not accept
            its kind of key (own wording).
    """
    try:
        request = x509.load_pem_x509_csr(csr.encode())
        key = request.public_key()
        signed = _is_signed(request)
        subject = request.subject if list(request.subject) else _ISSUED_SUBJECT
    # Depending on mistake and release: ValueError, TypeError, KeyError, UnsupportedAlgorithm.
    except Exception as error:
        raise InvalidRequest(_unreadable(csr, error)) from None
    if settings.current().strict:
        if not signed:
            raise InvalidRequest(
                "The signature of the certificateSigningRequest does not verify with its own key."
            )
        fault = defect_of_key(key)
        if fault is not None:
            raise InvalidRequest(f"The certificateSigningRequest has {fault}")
    return _service_ca().sign_public_key(subject, key, _ISSUED_UNTIL)


def _is_signed(request: x509.CertificateSigningRequest) -> bool:
    """Whether a CSR's signature verifies with its own key.

    AWS also accepts signatures with SHA-1, which older devices make; ``cryptography`` itself
    rejects all of them.
    """
    digest = request.signature_hash_algorithm
    if not isinstance(digest, hashes.SHA1):
        return request.is_signature_valid
    key, signature, signed = (
        request.public_key(),
        request.signature,
        request.tbs_certrequest_bytes,
    )
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(digest))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _unreadable(csr: str, error: Exception) -> str:
    block = _REQUEST_BLOCK.search(csr)
    if block is None:
        return (
            "The certificateSigningRequest is not a PEM certificate signing request (-----BEGIN "
            f"CERTIFICATE REQUEST----- …) that can be read: {error}"
        )
    explained = None
    with suppress(binascii.Error):
        explained = explain_bad_string(base64.b64decode(block[1]))
    return f"The certificateSigningRequest cannot be read: {explained or error}"


def _service_ca() -> CertificateAuthority:
    with _lock:  # otherwise two threads would make two
        return _make_service_ca()


@functools.lru_cache(maxsize=1)
def _make_service_ca() -> CertificateAuthority:
    return CertificateAuthority(
        key="rsa",
        organizational_unit="Amazon Web Services O=Amazon.com Inc. L=Seattle ST=Washington C=US",
        not_after=_ISSUED_UNTIL,
    )


def _claims_ca() -> CertificateAuthority:
    with _lock:
        return _make_claims_ca()


@functools.lru_cache(maxsize=1)
def _make_claims_ca() -> CertificateAuthority:
    return CertificateAuthority(
        key="rsa", organizational_unit="Amazon IoT Provisioning", not_after=_ISSUED_UNTIL
    )
