"""The attributes of things and thing groups: their maximum number, and the result of an update.

https://docs.aws.amazon.com/iot/latest/apireference/API_AttributePayload.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto_jitp.iot.exceptions import InvalidRequest
from moto_jitp.templates.rules import ATTRIBUTES_WITH_TYPE, ATTRIBUTES_WITHOUT_TYPE

ATTRIBUTES_OF_GROUP = 50


def attributes_of(payload: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the attributes in the payload of a creation.

    Args:
        payload: an ``AttributePayload``, or ``None`` if there is none.
    """
    return dict((payload or {}).get("attributes") or {})


def updated(attributes: Mapping[str, str], payload: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the attributes after an update.

    Args:
        attributes: those before the update.
        payload: an ``AttributePayload``. Its attributes replace the previous ones, or are merged
            with them if ``merge`` is true; one with an empty value is removed. Without attributes
            it changes nothing.

    Examples:
        >>> updated({"a": "1", "b": "2"}, {"attributes": {"a": "", "c": "3"}, "merge": True})
        {'b': '2', 'c': '3'}
    """
    payload_attributes = (payload or {}).get("attributes")
    if payload is None or payload_attributes is None:
        return dict(attributes)
    new_attributes = (
        {**attributes, **payload_attributes} if payload.get("merge") else payload_attributes
    )
    return {name: value for name, value in new_attributes.items() if value}


def check_thing_attributes(attributes: Mapping[str, str], *, has_type: bool) -> None:
    """Refuse more attributes than a thing can have (own wording).

    https://docs.aws.amazon.com/general/latest/gr/iot-core.html#thing-limits

    Args:
        attributes: those that the thing would have.
        has_type: whether it has a thing type.

    Raises:
        InvalidRequest: there are more than 50 with a type, or more than 3 without.
    """
    most = ATTRIBUTES_WITH_TYPE if has_type else ATTRIBUTES_WITHOUT_TYPE
    if len(attributes) > most:
        raise InvalidRequest(
            f"The thing would have {len(attributes)} attributes; one "
            f"{'with' if has_type else 'without'} a thing type can have {most}.",
            "Give the thing a type, or use REPLACE for AttributePayload in OverrideSettings.",
        )


def check_group_attributes(attributes: Mapping[str, str]) -> None:
    """Refuse more attributes than a thing group can have (own wording).

    Args:
        attributes: those that the group would have.

    Raises:
        InvalidRequest: there are more than 50.
    """
    if len(attributes) > ATTRIBUTES_OF_GROUP:
        raise InvalidRequest(
            f"The thing group would have {len(attributes)} attributes; it can have "
            f"{ATTRIBUTES_OF_GROUP}."
        )
