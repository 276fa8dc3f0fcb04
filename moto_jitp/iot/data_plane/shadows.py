"""Device shadows over MQTT: the messages that AWS IoT answers with.

https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html
https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

from moto.iot.models import FakeThing
from moto.iotdata.models import FakeShadow

_SECTIONS = ("desired", "reported")
_LONGEST_TOKEN = 64


class ShadowRefused(Exception):  # noqa: N818 - becomes a message on …/rejected, not an error
    """A request to a shadow that is answered on its topic ``…/rejected``.

    The codes and texts are those of
    https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-error-messages.html
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    def body(self) -> dict[str, Any]:
        """The message's JSON."""
        return {"code": self.code, "message": str(self), "timestamp": int(time.time())}


def prefix(thing_name: str, shadow_name: str | None) -> str:
    """Return what all topics of a shadow begin with."""
    named = f"/name/{shadow_name}" if shadow_name is not None else ""
    return f"$aws/things/{thing_name}/shadow{named}"


def client_token(payload: str | bytes) -> dict[str, str]:
    """Return the client token of a request, to be put into the answers; empty without one."""
    try:
        document = json.loads(payload)
    except ValueError:
        return {}
    token = document.get("clientToken") if isinstance(document, dict) else None
    return {"clientToken": token} if isinstance(token, str) else {}


def check_request(
    thing: FakeThing | None, shadow_name: str | None, request: str, payload: bytes
) -> None:
    """Check a request before moto carries it out.

    Args:
        thing: the thing, ``None`` where there is none.
        shadow_name: the named shadow; ``None`` for the unnamed one.
        request: ``update``, ``get`` or ``delete``.
        payload: the message, which only ``update`` reads.

    Raises:
        ShadowRefused: it is answered with an error.
    """
    if request == "update":
        document = _document(payload)
        _check_document(document)
    if thing is None:
        raise ShadowRefused(404, "Thing not found")
    shadow = thing.thing_shadows.get(shadow_name)
    if request == "update":
        version = 0 if shadow is None else shadow.version
        if document.get("version", version) != version:
            raise ShadowRefused(409, "Version conflict")
    elif shadow is None or shadow.deleted:
        name = thing.thing_name if shadow_name is None else f"{thing.thing_name}~{shadow_name}"
        raise ShadowRefused(404, f"No shadow exists with name: '{name}'")


def _document(payload: bytes) -> dict[str, Any]:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        message = "Unsupported documented encoding; supported encoding is UTF-8"
        raise ShadowRefused(415, message) from None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ShadowRefused(400, "Invalid JSON") from None
    if not isinstance(document, dict):
        raise ShadowRefused(400, "Invalid JSON")
    return document


def _check_document(document: dict[str, Any]) -> None:
    if "state" not in document:
        raise ShadowRefused(400, "Missing required node: state")
    state = document["state"]
    if state is not None and not isinstance(state, dict):
        raise ShadowRefused(400, "State node must be an object")
    for section, value in (state or {}).items():
        if section not in _SECTIONS:
            raise ShadowRefused(400, "State contains an invalid node")
        if value is not None and not isinstance(value, dict):
            raise ShadowRefused(400, f"{section.capitalize()} node must be an object")
    version = document.get("version", 0)
    if not isinstance(version, int) or isinstance(version, bool):
        raise ShadowRefused(400, "Invalid version")
    token = document.get("clientToken", "")
    if not isinstance(token, str) or len(token.encode()) > _LONGEST_TOKEN:
        raise ShadowRefused(400, "Invalid clientToken")


def state_document(shadow: FakeShadow | None) -> dict[str, Any] | None:
    """Return what a shadow holds now; ``None`` where there is none."""
    if shadow is None or shadow.deleted:
        return None
    document = shadow.to_dict(include_delta=False)
    # moto merges an update into the dictionaries of the version before.
    return copy.deepcopy({key: document[key] for key in ("state", "metadata", "version")})


def update_messages(
    previous: dict[str, Any] | None, now: FakeShadow
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what an update makes AWS IoT publish: the end of each topic, and the message.

    Args:
        previous: the :func:`state_document` from before the update.
        now: the shadow after it.
    """
    yield "update/accepted", now.to_response_dict()
    documents = {"current": state_document(now), "timestamp": now.timestamp}
    if previous is not None:
        documents["previous"] = previous
    yield "update/documents", documents
    document = now.to_dict()
    delta = document["state"].get("delta")
    if delta:
        yield (
            "update/delta",
            {
                "version": now.version,
                "timestamp": now.timestamp,
                "state": delta,
                "metadata": _metadata_of(delta, now.metadata_desired),
            },
        )


def _metadata_of(delta: Any, metadata: Any) -> Any:
    """The timestamps of what stands in a delta."""
    if not isinstance(delta, dict):
        return metadata
    return {key: _metadata_of(value, metadata[key]) for key, value in delta.items()}
