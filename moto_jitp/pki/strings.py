"""Finds the attribute that makes a certificate unreadable.

Some tools (node-forge among them) write a ``PrintableString`` with characters that X.680 does not
allow in one, such as ``_``. Since version 45 ``cryptography`` refuses those without saying which
attribute it was, so only then do we walk the DER ourselves. The same goes for a ``BIT STRING``,
which it only accepts for the unique identifier (2.5.4.45).
"""

from __future__ import annotations

from collections.abc import Iterator

from .der import elements

_OID, _PRINTABLE, _BIT_STRING = 0x06, 0x13, 0x03
_UNIQUE_IDENTIFIER = b"\x55\x04\x2d"
_ALLOWED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
_NAMES = {
    b"\x55\x04\x03": "common name (CN)",
    b"\x55\x04\x05": "serial number (2.5.4.5)",
    b"\x55\x04\x06": "country (C)",
    b"\x55\x04\x07": "locality (L)",
    b"\x55\x04\x08": "state (ST)",
    b"\x55\x04\x0a": "organization (O)",
    b"\x55\x04\x0b": "organizational unit (OU)",
    b"\x55\x04\x2e": "distinguished name qualifier (dnQualifier)",
}
_MAX_DEPTH = 12


def explain_bad_string(der: bytes) -> str | None:
    """Say which name attribute of a certificate cannot be read as text, if any.

    Args:
        der: the DER bytes of a certificate or a signing request; for anything else the result is
            ``None``.
    """
    for oid, tag, value in _strings(der, 0):
        name = _NAMES.get(oid, "attribute " + oid.hex())
        if tag == _BIT_STRING:
            return f"its {name} is a BIT STRING. Make it again with that attribute as UTF8String."
        wrong = not_printable(value)
        if wrong:
            return (
                f"its {name} {value.decode('latin-1')!r} is a PrintableString, which cannot hold "
                f"{wrong}. Make it again with that attribute as UTF8String (OpenSSL "
                "does so by itself), or without the character."
            )
    return None


def not_printable(value: bytes) -> str:
    """Return the characters that are not valid in a PrintableString, for people; empty for none."""
    wrong = sorted(
        {
            character
            for character in value.decode("utf-8", "replace")
            if ord(character) not in _ALLOWED
        }
    )
    return " or ".join(map(repr, wrong))


def _strings(data: bytes, depth: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield (OID, tag, value) of each attribute whose string type may be invalid."""
    oid = b""
    for tag, content in elements(data):
        if tag == _OID:
            oid = content
        elif oid and (tag == _PRINTABLE or (tag == _BIT_STRING and oid != _UNIQUE_IDENTIFIER)):
            yield oid, tag, content
        elif tag & 0x20 and depth < _MAX_DEPTH:
            yield from _strings(content, depth + 1)
