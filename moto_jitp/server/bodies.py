"""Checks a request's JSON body and query."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto_jitp.names import did_you_mean

from .answers import RequestRefused

_TYPES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "string": (str, "a text"),
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
    "number": ((int, float), "a number"),
    "object": (dict, "an object"),
    "array": (list, "a list"),
    "null": (type(None), "null"),
}


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a body that must be a JSON object.

    Raises:
        RequestRefused: it is not valid JSON; the text says where it goes wrong.
    """
    try:
        document = json.loads(body) if body.strip() else None
    except UnicodeDecodeError:
        raise RequestRefused("The body is not UTF-8 text; send JSON.") from None
    except RecursionError:
        raise RequestRefused("The body is nested too deeply.") from None
    except ValueError as error:
        raise RequestRefused(f"The body is not JSON: {error}.") from None
    if not isinstance(document, dict):
        found_kind = "empty" if document is None else f"{_name_of(document)}"
        raise RequestRefused(f"The body must be a JSON object; it is {found_kind}.")
    return document


def check_object(value: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check an object against its schema in the OpenAPI document.

    Args:
        value: the parsed body.
        schema: uses ``properties`` with ``type``, ``enum`` and ``minimum``, and ``required``; other
            properties are refused.

    Raises:
        RequestRefused: it names the field.
    """
    properties: Mapping[str, Any] = schema["properties"]
    for name in value:
        if name not in properties:
            unknown = f"Unknown field {shown(name)}."
            unknown = did_you_mean(name, properties, after=unknown, shown=repr)
            raise RequestRefused(f"{unknown} The fields are: {', '.join(properties)}.")
    for name in schema.get("required", ()):
        if name not in value:
            raise RequestRefused(f"The field {name!r} is missing; it is required.")
    for name, member in value.items():
        _check_type(name, member, properties[name])


def _check_type(name: str, member: Any, schema: Mapping[str, Any]) -> None:
    allowed = schema.get("type")
    if allowed is None:
        return
    names = [allowed] if isinstance(allowed, str) else list(allowed)
    if not any(_is_of(member, kind) for kind in names):
        expected = " or ".join(_TYPES[kind][1] for kind in names)
        raise RequestRefused(f"The field {name!r} must be {expected}; it is {_name_of(member)}.")
    if isinstance(member, str):
        try:
            member.encode("utf-8")
        except UnicodeEncodeError:
            raise RequestRefused(f"The field {name!r} has half a surrogate pair in it.") from None


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind != "boolean":
        return False
    return isinstance(value, _TYPES[kind][0])


def _name_of(value: Any) -> str:
    kinds = (kind for kind in _TYPES if _is_of(value, kind))
    return _TYPES[next(kinds)][1]


def shown(name: str) -> str:
    """Return a name from a request in a form for an answer, short and in ASCII."""
    return ascii(name if len(name) <= 60 else name[:59] + "...")
