"""The two formats of messages to AWS IoT's own MQTT APIs: JSON, and CBOR (RFC 8949)."""

from __future__ import annotations

import json
from typing import Any

from moto_jitp.extras import command_for


class PayloadError(ValueError):
    """A message that is not in its topic's format; the text says what is wrong."""


def require_format(form: str) -> None:
    """Make sure that messages of a format can be read and written.

    Args:
        form: ``json`` or ``cbor``, as in the topic.

    Raises:
        ModuleNotFoundError: the format is CBOR, and the extra ``[mqtt]`` is not installed.
    """
    if form == "cbor":
        _cbor()


def decode(form: str, payload: bytes) -> Any:
    """Read a message.

    Args:
        form: ``json`` or ``cbor``.
        payload: the message.

    Raises:
        PayloadError: it is not in that format.
    """
    if form == "cbor":
        cbor = _cbor()
        try:
            message = cbor.loads(payload)
        except (cbor.CBORDecodeError, ValueError, RecursionError) as error:
            raise PayloadError(f"it is not CBOR ({error}).") from None
        # cbor2 5 returns the end of a sequence that never began, which later ones refuse.
        if message is getattr(cbor, "break_marker", cbor):
            raise PayloadError("it is not CBOR (it begins with a break).")
        return message
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"it is not JSON ({error}).") from None


def encode(form: str, message: dict[str, Any]) -> dict[str, Any] | bytes:
    """Return a message in a format: CBOR as bytes; JSON unchanged, to be encoded later."""
    return _cbor().dumps(message) if form == "cbor" else message


def shown(value: Any) -> str:
    """Return a shortened value from a message for an error text."""
    try:
        return f"{value!r:.80}"
    except ValueError:  # CBOR has integers with thousands of digits
        return f"something of the type {type(value).__name__}"


def _cbor() -> Any:
    try:
        import cbor2
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"Messages in CBOR need the package cbor2: {command_for('mqtt')}. Or publish on the "
            "topic that ends with /json.",
            name="cbor2",
        ) from None
    return cbor2
