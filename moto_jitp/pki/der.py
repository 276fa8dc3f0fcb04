"""Walks DER where ``cryptography`` does not say what is needed, or says it at a price.

https://www.itu.int/rec/T-REC-X.690
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_VERSION = 0xA0


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, content) of each element; stops at the first that is not whole.

    Args:
        data: any bytes.
    """
    at = 0
    while at + 2 <= len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            if not 0 < size <= 4:
                return
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            return
        yield tag, data[at : at + length]
        at += length


class Outline(NamedTuple):
    """Parts of a certificate, as they are encoded there (RFC 5280, 4.1).

    Attributes:
        signed_part: what the issuer has signed, the TBSCertificate.
        issuer: the issuer's name.
        key_algorithm: the kind of the public key, for an EC key with its curve.
    """

    signed_part: bytes
    issuer: bytes
    key_algorithm: bytes


def outline_of(certificate: bytes) -> Outline:
    """Return parts of a certificate.

    Args:
        certificate: the DER of a certificate that ``cryptography`` has parsed, so that its
            outermost elements are whole.
    """
    signed_part = _begin(certificate, 0)
    at = _begin(certificate, signed_part)
    if certificate[at] == _VERSION:
        at = _end(certificate, at)
    issuer = _end(certificate, _end(certificate, at))  # after serial number and signature algorithm
    validity = _end(certificate, issuer)
    key = _end(certificate, _end(certificate, validity))  # after validity and subject
    algorithm = _begin(certificate, key)
    return Outline(
        certificate[signed_part : _end(certificate, signed_part)],
        certificate[issuer:validity],
        certificate[algorithm : _end(certificate, algorithm)],
    )


def _begin(data: bytes, at: int) -> int:
    """Where the content of the element at a place begins."""
    length = data[at + 1]
    return at + 2 if length < 0x80 else at + 2 + (length & 0x7F)


def _end(data: bytes, at: int) -> int:
    """Where the element at a place ends."""
    length = data[at + 1]
    if length < 0x80:
        return at + 2 + length
    begin = _begin(data, at)
    return begin + int.from_bytes(data[at + 2 : begin], "big")
