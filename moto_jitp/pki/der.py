"""Walks DER where ``cryptography`` does not say what is needed, or says it at a price.

https://www.itu.int/rec/T-REC-X.690
"""

from __future__ import annotations

from collections.abc import Iterator

_VERSION = 0xA0
_LONG = 0x80


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, content) of each element; stops at the first that is not whole.

    Args:
        data: any bytes.
    """
    at = 0
    while at + 2 <= len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & _LONG:
            size = length & 0x7F
            if not 0 < size <= 4:
                return
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            return
        yield tag, data[at : at + length]
        at += length


def outline_of(certificate: bytes) -> tuple[bytes, bytes, bytes]:
    """Return parts of a certificate, as they are encoded there (RFC 5280, 4.1).

    Args:
        certificate: the DER of a certificate that ``cryptography`` has parsed, so that its
            outermost elements are whole.

    Returns:
        The part that the issuer has signed (TBSCertificate), the issuer's name, and the algorithm
        of the public key, for an EC key with its curve.
    """
    data = certificate
    signed_part = _begin(data, 0)
    at = _begin(data, signed_part)
    if data[at] == _VERSION:
        at = _end(data, at)
    # What is short, as nearly all of this is, needs no call: each device comes by here.
    size = data[at + 1]
    at = at + 2 + size if size < _LONG else _end(data, at)  # the serial number
    size = data[at + 1]
    issuer = at + 2 + size if size < _LONG else _end(data, at)  # after the signature algorithm
    size = data[issuer + 1]
    at = validity = issuer + 2 + size if size < _LONG else _end(data, issuer)
    size = data[at + 1]
    at = at + 2 + size if size < _LONG else _end(data, at)
    size = data[at + 1]
    key = at + 2 + size if size < _LONG else _end(data, at)  # after the subject
    at = key + 2 if data[key + 1] < _LONG else _begin(data, key)
    size = data[at + 1]
    end = at + 2 + size if size < _LONG else _end(data, at)
    return data[signed_part : _end(data, signed_part)], data[issuer:validity], data[at:end]


def _begin(data: bytes, at: int) -> int:
    """Where the content of the element at a place begins."""
    length = data[at + 1]
    return at + 2 if length < _LONG else at + 2 + (length & 0x7F)


def _end(data: bytes, at: int) -> int:
    """Where the element at a place ends."""
    length = data[at + 1]
    if length < _LONG:
        return at + 2 + length
    begin = _begin(data, at)
    return begin + int.from_bytes(data[at + 2 : begin], "big")
