"""Device shadows: what AWS IoT refuses, its answers and its notifications.

https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html
https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html
"""

from __future__ import annotations

import copy
import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from moto.iotdata.models import FakeShadow

from moto_jitp.iot.exceptions import text_for_caller

from .shadow_documents import SECTIONS, Shadow, metadata_of, updated

_LONGEST_TOKEN = 64
_LONGEST_NAME = 64
_VERSION_KEPT_SECONDS = 48 * 60 * 60
_NAME = re.compile(r"[$a-zA-Z0-9:_-]+")
MOST_BYTES = 8 * 1024
MOST_LEVELS = 8


class ShadowRefused(Exception):  # noqa: N818 - becomes a message on …/rejected, not an error
    """A refused request to a shadow, answered on its topic ``…/rejected`` or by an HTTP error.

    The codes and texts are those of
    https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-error-messages.html

    Args:
        code: the code.
        message: the text.
        bare: AWS's part of the text, if the rest is ours.
    """

    def __init__(self, code: int, message: str, *, bare: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self._bare = message if bare is None else bare

    @property
    def text(self) -> str:
        """The text that the client receives."""
        return text_for_caller(str(self), self._bare)

    def body(self) -> dict[str, Any]:
        """The message's JSON."""
        return {"code": self.code, "message": self.text, "timestamp": int(time.time())}


def prefix(thing_name: str, shadow_name: str | None) -> str:
    """Return the prefix of all topics of a shadow."""
    name_part = f"/name/{shadow_name}" if shadow_name is not None else ""
    return f"$aws/things/{thing_name}/shadow{name_part}"


def client_token(payload: str | bytes) -> dict[str, str]:
    """Return the client token of a request, for its answers; empty if there is none."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    token = document.get("clientToken") if isinstance(document, dict) else None
    return {"clientToken": token} if isinstance(token, str) else {}


def check_update(
    stored_shadow: FakeShadow | None, shadow_name: str | None, payload: str | bytes
) -> Shadow:
    """Return the version of a shadow that an update makes, once it is stored.

    Args:
        stored_shadow: the shadow as it is, or was before its deletion; ``None`` if there was none.
        shadow_name: the named shadow; ``None`` for the unnamed one.
        payload: the request.

    Raises:
        ShadowRefused: AWS IoT does not accept the request.
    """
    _check_name(shadow_name)
    document = _document(payload)
    _check_document(document)
    previous = _remembered(stored_shadow)
    if "version" in document and document["version"] != getattr(previous, "version", None):
        raise ShadowRefused(409, "Version conflict")
    shadow = updated(previous, document)
    # Only the parts of a request that are kept count, together with the shadow's present state.
    if shadow.size > MOST_BYTES:
        raise ShadowRefused(413, "The payload exceeds the maximum size allowed")
    return shadow


def _remembered(shadow: FakeShadow | None) -> FakeShadow | None:
    """Return the shadow whose version the next one follows; a deleted one counts for 48 hours.

    https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-data-flow.html
    """
    forgotten = (
        shadow is not None
        and shadow.deleted
        and time.time() - shadow.timestamp > _VERSION_KEPT_SECONDS
    )
    return None if forgotten else shadow


def check_present(
    thing_name: str, stored_shadows: Mapping[str | None, FakeShadow], shadow_name: str | None
) -> None:
    """Make sure that there is a shadow to get or to delete.

    Args:
        thing_name: the thing, which need not be registered.
        stored_shadows: its shadows by name.
        shadow_name: the named shadow; ``None`` for the unnamed one.

    Raises:
        ShadowRefused: there is none, or a shadow cannot have this name.
    """
    _check_name(shadow_name)
    shadow = stored_shadows.get(shadow_name)
    if shadow is None or shadow.deleted:
        name = thing_name if shadow_name is None else f"{thing_name}~{shadow_name}"
        raise ShadowRefused(404, f"No shadow exists with name: '{name}'")


def _check_name(shadow_name: str | None) -> None:
    # AWS's sentence for members that violate a constraint; the API reference lists these two.
    if shadow_name is None:
        return
    constraint = None
    if len(shadow_name) > _LONGEST_NAME:
        constraint = f"Member must have length less than or equal to {_LONGEST_NAME}"
    elif _NAME.fullmatch(shadow_name) is None:
        constraint = f"Member must satisfy regular expression pattern: {_NAME.pattern}"
    if constraint is not None:
        raise ShadowRefused(
            400,
            f"1 validation error detected: Value '{shadow_name}' at 'shadowName' failed to satisfy "
            f"constraint: {constraint}",
        )


def _document(payload: str | bytes) -> dict[str, Any]:
    try:
        text = payload if isinstance(payload, str) else payload.decode()
    except UnicodeDecodeError:
        message = "Unsupported documented encoding; supported encoding is UTF-8"
        raise ShadowRefused(415, message) from None
    try:
        document = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ShadowRefused(400, "Invalid JSON") from None
    if not isinstance(document, dict):
        raise ShadowRefused(400, "Invalid JSON")
    return document


def _finite(text: str) -> float:
    """Read a number. Python's parser also accepts NaN and 1e999, which JSON cannot represent."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a JSON number")
    return number


def _check_document(document: dict[str, Any]) -> None:
    if "state" not in document:
        raise ShadowRefused(400, "Missing required node: state")
    state = document["state"]
    if state is not None and not isinstance(state, dict):
        raise ShadowRefused(400, "State node must be an object")
    for section, value in (state or {}).items():
        if section not in SECTIONS:
            raise ShadowRefused(400, "State contains an invalid node")
        if value is not None and not isinstance(value, dict):
            raise ShadowRefused(400, f"{section.capitalize()} node must be an object")
        _check_values(section, value)
    version = document.get("version", 0)
    if not isinstance(version, int) or isinstance(version, bool):
        raise ShadowRefused(400, "Invalid version")
    token = document.get("clientToken", "")
    if not isinstance(token, str) or len(token.encode("utf-8", "replace")) > _LONGEST_TOKEN:
        raise ShadowRefused(400, "Invalid clientToken")


def _check_values(section: str, value: Any) -> None:
    if _is_deeper(value, MOST_LEVELS):
        # The guide's list of errors still says 6, but the quota was raised to 8.
        raise ShadowRefused(
            400, f"JSON contains too many levels of nesting; maximum is {MOST_LEVELS}"
        )
    place = _array_with_null(value, section)
    if place is not None:
        # Own wording; the guide says "Arrays can't have null values" and that it is rejected.
        raise ShadowRefused(
            400,
            f"Invalid JSON: the array {place} has null in it; arrays can't have null values",
            bare="Invalid JSON",
        )


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether a value is nested more deeply than this many levels."""
    return any(levels == 0 or _is_deeper(part, levels - 1) for _, part in _parts(value))


def _array_with_null(value: Any, place: str) -> str | None:
    """The place of the first array with a null in it; ``None`` if there is none."""
    if isinstance(value, list) and None in value:
        return place
    nested_places = (_array_with_null(part, f"{place}.{key}") for key, part in _parts(value))
    return next((place for place in nested_places if place is not None), None)


def _parts(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def state_document(shadow: FakeShadow | None) -> dict[str, Any] | None:
    """Return the present content of a shadow; ``None`` if there is none."""
    if shadow is None or shadow.deleted:
        return None
    document = shadow.to_dict(include_delta=False)
    # moto merges an update into the dictionaries of the previous version.
    return copy.deepcopy({key: document[key] for key in ("state", "metadata", "version")})


def update_messages(
    previous: dict[str, Any] | None, now: FakeShadow
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what AWS IoT publishes for an update: the end of each topic, and the message.

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
                "metadata": metadata_of(delta, now.metadata_desired),
            },
        )
