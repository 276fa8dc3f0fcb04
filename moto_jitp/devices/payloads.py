"""Payloads as a caller passes them."""

from __future__ import annotations


def to_bytes(payload: bytes | str) -> bytes:
    """Return a payload as it is sent, text as UTF-8.

    Raises:
        TypeError: it is neither bytes nor text.
    """
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)
    raise TypeError(
        f"A payload must be bytes or text, not {type(payload).__name__}; give JSON as "
        "json.dumps(payload)."
    )
