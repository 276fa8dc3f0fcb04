"""The document of a shadow: how an update changes it, and its delta.

moto's own merges an update into the dictionaries of the previous version, keeps a section that is
set to null, renews every timestamp and reports differences that do not exist.
https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from moto.iotdata.models import FakeShadow

SECTIONS = ("desired", "reported")


class Shadow(FakeShadow):
    """moto's shadow with AWS IoT's rules for null, for timestamps and for the delta."""

    @classmethod
    def parse_payload(cls, desired: Any, reported: Any) -> Any:
        """Return what is desired but not reported; ``None`` if there is nothing."""
        return _difference(desired or {}, reported or {}) or None

    def to_dict(self, include_delta: bool = True) -> dict[str, Any]:
        """Return the document; the delta's metadata is that of the desired state."""
        document: dict[str, Any] = super().to_dict(include_delta=include_delta)
        delta = document.get("state", {}).get("delta")
        if delta:
            document["metadata"]["delta"] = metadata_of(delta, self.metadata_desired)
        return document

    def to_response_dict(self) -> dict[str, Any]:
        """Return the answer to the update that made this version.

        Its state is the request's, including nulls; removed keys have no timestamp.
        """
        answer: dict[str, Any] = super().to_response_dict()
        state = (self.requested_payload or {})["state"]
        if state is not None:
            answer["state"] = copy.deepcopy(state)
            answer["metadata"] = _stamps(state, self.timestamp)
        return answer

    @property
    def size(self) -> int:
        """The size of its state as compact JSON without metadata, in bytes."""
        state = {section: getattr(self, section) for section in SECTIONS}
        nonempty_sections = {section: values for section, values in state.items() if values}
        text = json.dumps(nonempty_sections, separators=(",", ":"), ensure_ascii=False)
        return len(text.encode("utf-8", "backslashreplace"))


def updated(previous: FakeShadow | None, request: Mapping[str, Any]) -> Shadow:
    """Return the version of a shadow that an update makes; the previous one is unchanged.

    Args:
        previous: the previous version, which may be that of a deleted shadow; ``None`` for a new
            one.
        request: a checked request. A null removes its key or section, or with ``"state": null``
            both sections.
    """
    shadow = Shadow(None, None, dict(request), previous.version + 1 if previous else 1)
    state = request["state"]
    if state is None:
        return shadow
    for section in SECTIONS:
        change = state.get(section, {})
        if change is None:
            continue
        values = copy.deepcopy(getattr(previous, section, None)) or {}
        metadata = copy.deepcopy(getattr(previous, f"metadata_{section}", None)) or {}
        _merge(values, metadata, change, shadow.timestamp)
        if values:
            setattr(shadow, section, values)
            setattr(shadow, f"metadata_{section}", metadata)
    return shadow


def metadata_of(delta: Any, metadata: Any) -> Any:
    """Return the timestamps of the values in a delta.

    Args:
        delta: the delta's state, or a part of it.
        metadata: the metadata of the desired state, or of the same part.
    """
    if not isinstance(delta, dict):
        return metadata
    return {key: metadata_of(value, metadata[key]) for key, value in delta.items()}


def _merge(
    values: dict[str, Any], metadata: dict[str, Any], change: Mapping[str, Any], now: int
) -> None:
    for key, value in change.items():
        if value is None:
            values.pop(key, None)
            metadata.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(values.get(key), dict):
                values[key], metadata[key] = {}, {}
            _merge(values[key], metadata[key], value, now)
        else:
            values[key], metadata[key] = copy.deepcopy(value), _stamps(value, now)


def _stamps(value: Any, now: int) -> Any:
    """The metadata of a value: a timestamp for each part that is neither object nor array."""
    if isinstance(value, dict):
        return {key: _stamps(part, now) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_stamps(part, now) for part in value]
    return {"timestamp": now}


def _difference(desired: Mapping[str, Any], reported: Mapping[str, Any]) -> dict[str, Any]:
    """The desired keys that are reported differently or not at all; an array is one value."""
    delta: dict[str, Any] = {}
    for key, value in desired.items():
        if key not in reported:
            delta[key] = value
        elif isinstance(value, dict) and isinstance(reported[key], dict):
            inner = _difference(value, reported[key])
            if inner:
                delta[key] = inner
        elif not _same(value, reported[key]):
            delta[key] = value
    return delta


def _same(first: Any, second: Any) -> bool:
    # In Python 1 equals True; in JSON it does not.
    return bool(first == second) and isinstance(first, bool) == isinstance(second, bool)
