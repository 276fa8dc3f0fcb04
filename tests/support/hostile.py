"""Inputs that nobody sends on purpose: values of wrong types, mutated texts, requests with both.

Each function draws from a ``random.Random``; one from hypothesis makes failures shrinkable.
"""

from __future__ import annotations

import copy
import functools
import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import botocore.session
from botocore.model import OperationModel, Shape

TEXTS = (
    *("", " ", "a", "a b", "\x00", "a\x00b", "\n", "\r\nX: y", "\ud800", "\udfff\ud800", "\ufeff"),
    *("é", "日本", "\U0001f4a1", "\u202e", "%00", "%ff", "%", "..", "../..", "/", "a/b", "+", "#"),
    *("$aws/", "${iot:Connection.Thing.ThingName}", "${", "*", "?", "'", '"', "\\", "{}", "[]"),
    *("null", "0", "-1", "1e999", "NaN", "x" * 300, "9" * 5000, "arn:", "arn:aws:iot:::"),
    *("arn:aws:iot:us-east-1:123456789012:thing/a", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END"),
)
NUMBERS = (
    *(0, 1, -1, 2, 250, 251, 2**31, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e308, 1e-320),
    *(float("inf"), float("-inf"), float("nan")),
)
DEEP = ("[" * 3_000, "[" * 100_000, '{"a":' * 3_000, "[" * 900 + "]" * 900)
BODIES = (
    *(b"", b"[]", b"null", b'"x"', b"1", b"{", b"\xff\xfe\x00", b"\xef\xbb\xbf{}", b'{"a":1}x'),
    *(b'{"a":1e999}', b'{"a":NaN}', b'{"a":"\\ud800"}', b'{"a":' + b"9" * 5000 + b"}", b"\x00"),
    *(text.encode() for text in DEEP),
)


def junk(source: random.Random, depth: int = 0) -> Any:
    """Any JSON value."""
    kind = source.randrange(8 if depth < 3 else 5)
    if kind == 0:
        return None
    if kind == 1:
        return bool(source.randrange(2))
    if kind == 2:
        return source.choice(NUMBERS)
    if kind < 5:
        return source.choice(TEXTS)
    if kind == 5:
        return [junk(source, depth + 1) for _ in range(source.randrange(3))]
    return {source.choice(TEXTS): junk(source, depth + 1) for _ in range(source.randrange(3))}


def mutated(source: random.Random, data: bytes, most: int = 4) -> bytes:
    """Bytes of which a few are changed, added or removed."""
    found = bytearray(data)
    for _ in range(source.randint(1, most)):
        kind, at = source.randrange(6), source.randrange(len(found) + 1)
        if kind == 0 and at < len(found):
            found[at] ^= 1 << source.randrange(8)
        elif kind == 1 and at < len(found):
            found[at] = source.choice((0, 1, 0x0A, 0x7F, 0x80, 0xFF))
        elif kind == 2:
            found[at:at] = bytes(source.randrange(256) for _ in range(source.randint(1, 3)))
        elif kind == 3:
            del found[at : at + source.randint(1, 8)]
        elif kind == 4:
            found[at:at] = found[at : at + source.randint(1, 12)]
        else:
            there = source.randrange(len(found) + 1)
            found[at:at] = found[there : there + source.randint(1, 12)]
    return bytes(found)


def mutated_text(source: random.Random, text: str, most: int = 4) -> str:
    """A text of which a few parts are changed, added or removed."""
    for _ in range(source.randint(1, most)):
        at, there = source.randrange(len(text) + 1), source.randrange(len(text) + 1)
        cut = at + source.choice((0, 0, 1, 1, 5))
        new = source.choice(("", source.choice(TEXTS), text[there : there + source.randint(1, 12)]))
        text = text[:at] + new + text[cut:]
    return text


def mutated_json(source: random.Random, value: Any, most: int = 3) -> Any:
    """A JSON value of which a few parts are changed, removed or renamed."""
    value = copy.deepcopy(value)
    for _ in range(source.randint(1, most)):
        places = list(_places(value))
        if not places:
            return junk(source)
        holder, key = source.choice(places)
        kind = source.randrange(6)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[source.choice(TEXTS)] = holder.pop(key)
        elif kind == 2:
            holder[key] = [holder[key]]
        elif kind == 3 and isinstance(holder[key], str):
            holder[key] = mutated_text(source, holder[key], 2)
        elif kind == 4:
            there, name = source.choice(places)
            if name in there if isinstance(there, dict) else name < len(there):
                holder[key] = copy.deepcopy(there[name])
        else:
            holder[key] = junk(source)
    return value


def _places(value: Any) -> Any:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def to_bytes(value: Any) -> bytes:
    """Encode JSON that may contain halves of surrogate pairs, NaN and Infinity."""
    return json.dumps(value).encode()


class Request(NamedTuple):
    """A request as it is sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


SIGNING_NAMES = {"iot-data": "iotdata"}


@functools.cache
def operations(service: str) -> dict[str, OperationModel]:
    """The operations of a service as botocore knows them."""
    model = botocore.session.get_session().get_service_model(service)
    return {name: model.operation_model(name) for name in model.operation_names}


def signed_for(service: str) -> dict[str, str]:
    """The headers from which moto derives the service, the account and the Region."""
    scope = f"testing/20260101/us-east-1/{SIGNING_NAMES.get(service, service)}/aws4_request"
    signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return {"Authorization": signature, "Content-Type": "application/json"}


def hostile_request(
    source: random.Random, service: str, operation: str, known: Mapping[str, Sequence[Any]]
) -> Request:
    """A request for an operation, of which each member may be missing, junk or right.

    Args:
        source: the source of randomness.
        service: as boto3 names it.
        operation: its name.
        known: values that exist in the account, by the names of members.
    """
    model = operations(service)[operation]
    shape = model.input_shape
    values: dict[str, Any] = {}
    for name, member in shape.members.items() if shape is not None else ():
        often = 0.95 if name in shape.required_members else 0.35
        if source.random() < often:
            values[name] = _value(source, name, member, known, 0)
    return _as_request(source, service, model, values)


def _value(
    source: random.Random, name: str, shape: Shape, known: Mapping[str, Sequence[Any]], depth: int
) -> Any:
    chance = source.random()
    if chance < 0.08:
        return junk(source)
    if chance < 0.7 and name in known:
        found = source.choice(known[name])
        if isinstance(found, str) and source.random() < 0.1:
            return mutated_text(source, found, 2)
        return found
    kind = shape.type_name
    if kind == "structure" and depth < 6:
        return {
            name: _value(source, name, member, known, depth + 1)
            for name, member in shape.members.items()
            if source.random() < (0.9 if name in shape.required_members else 0.35)
        }
    if kind == "list" and depth < 6:
        return [
            _value(source, name, shape.member, known, depth + 1) for _ in range(source.randrange(3))
        ]
    if kind == "map" and depth < 6:
        keys = [source.choice(("a", "b", *TEXTS)) for _ in range(source.randrange(3))]
        return {key: _value(source, name, shape.value, known, depth + 1) for key in keys}
    if kind == "boolean":
        return bool(source.randrange(2))
    if kind in ("integer", "long", "float", "double", "timestamp"):
        return source.choice((0, 1, 2, 10, 60, 1_700_000_000, *NUMBERS))
    if kind == "string" and shape.metadata.get("enum") and chance < 0.9:
        return source.choice(shape.metadata["enum"])
    return (
        source.choice(("abc", "n1", "n2", "n3", "eA==")) if chance < 0.8 else source.choice(TEXTS)
    )


def _as_request(
    source: random.Random, service: str, model: OperationModel, values: dict[str, Any]
) -> Request:
    path, _, fixed = model.http["requestUri"].partition("?")
    query, headers = [fixed] if fixed else [], signed_for(service)
    body: dict[str, Any] = {}
    payload: bytes | None = None
    for name, value in values.items():
        shape = model.input_shape
        assert shape is not None
        travels = shape.members[name].serialization
        wire, where = travels.get("name", name), travels.get("location")
        text = value if isinstance(value, str) else json.dumps(value)
        quoted = quote(text.encode("utf-8", "surrogatepass"), safe="")
        if where == "uri":
            path = re.sub(rf"\{{{wire}\+?\}}", lambda _, to=quoted: to, path)
        elif where == "querystring":
            query.append(f"{quote(wire)}={quoted}")
        elif where == "header":
            headers[wire] = re.sub(r"[^\x20-\x7e]", "?", text)
        elif name == shape.serialization.get("payload"):
            payload = text.encode("utf-8", "surrogatepass")
        else:
            body[wire] = value
    path = re.sub(r"\{\w+\+?\}", "missing", path)
    if payload is None:
        payload = to_bytes(body)
    if source.random() < 0.06:
        payload = source.choice(BODIES)
    elif source.random() < 0.05:
        payload = mutated(source, payload)
    if source.random() < 0.03:
        headers["Content-Type"] = source.choice(
            ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "x")
        )
    whole = "&".join(query)
    return Request(model.http["method"], f"{path}?{whole}" if whole else path, headers, payload)
