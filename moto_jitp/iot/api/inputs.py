"""Takes an operation's typed input out of a request, by botocore's service model.

The model says where each member travels (path, query string, header, body), of which type it is and
which constraints AWS puts on it; boto3 checks types before it sends, but neither patterns nor
lengths, so those are checked here, with the sentence that AWS answers with.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.model import OperationModel, Shape

from moto_jitp.iot.exceptions import InvalidRequest


def read_input(
    operation: OperationModel,
    path: str,
    query: str,
    body: str,
    headers: Mapping[str, str],
    *,
    check: bool,
) -> dict[str, Any]:
    """Return an operation's input: member name to value, for the members that were given.

    Args:
        operation: the operation in botocore's model.
        path: the request's path, still URL-encoded.
        query: the request's query string.
        body: the request's body, a JSON object or empty.
        headers: the request's headers, by names in any case.
        check: whether to check the model's constraints (required, lengths, patterns, enums).

    Raises:
        InvalidRequest: the body is no JSON object, a value has the wrong type or breaks a
            constraint.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    in_query = parse_qs(query, keep_blank_values=True)
    in_body = _json_object(body)
    matched = _path_pattern(operation.http["requestUri"]).search(path)
    in_path = matched.groupdict() if matched else {}
    values: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        location = member.serialization.get("location")
        value: Any
        if location == "uri":
            value = unquote(in_path[wire_name]) if in_path.get(wire_name) else None
        elif location == "querystring":
            value = in_query[wire_name][0] if wire_name in in_query else None
        elif location == "header":
            value = headers.get(wire_name)
        elif name == shape.serialization.get("payload"):
            value = in_body  # the body is this member, not an object that has it
        else:
            value = in_body.get(wire_name)
        if value is not None:
            values[name] = _typed(name, member, value, from_text=location is not None, check=check)
    if check:
        for name in shape.required_members:
            if name not in values:
                raise _broken("null", name, "Member must not be null")
    return values


@functools.lru_cache(maxsize=256)
def _path_pattern(request_uri: str) -> re.Pattern[str]:
    path = re.escape(request_uri.partition("?")[0])
    greedy = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", path)  # {arn+} takes slashes, too
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", greedy) + "$")


def _json_object(body: str) -> Mapping[str, Any]:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("The request body is not well-formed JSON.") from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"The request body is a JSON {type(value).__name__}, not an object.")
    return value


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}


# The template language says better what is wrong with a body, its length included.
_CHECKED_ELSEWHERE = ("TemplateBody",)


def _typed(name: str, shape: Shape, value: Any, *, from_text: bool, check: bool) -> Any:
    kind = shape.type_name
    if from_text:
        value = _from_text(name, kind, value)
    expected = _PYTHON_TYPES.get(kind)
    # To Python a boolean is an integer too.
    if expected and not (
        isinstance(value, expected) and isinstance(value, bool) == (kind == "boolean")
    ):
        raise InvalidRequest(
            f"The member {name} must be of type {kind}; found {type(value).__name__}."
        )
    if kind == "structure":
        members: Mapping[str, Shape] = shape.members
        value = {
            key: _typed(f"{name}.{key}", members[key], item, from_text=False, check=check)
            for key, item in value.items()
            if key in members and item is not None
        }
        if check:
            for key in shape.required_members:
                if key not in value:
                    raise _broken("null", f"{name}.{key}", "Member must not be null")
    elif kind == "list":
        value = [
            _typed(f"{name}.{at}.member", shape.member, item, from_text=False, check=check)
            for at, item in enumerate(value, 1)
        ]
    elif kind == "map":
        if check:
            for key in value:
                _check(name, shape.key, key)
        value = {
            key: _typed(f"{name}.{key}", shape.value, item, from_text=False, check=check)
            for key, item in value.items()
        }
    if check and shape.name not in _CHECKED_ELSEWHERE:
        _check(name, shape, value)
    return value


def _from_text(name: str, kind: str, text: str) -> Any:
    if kind == "boolean":
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise InvalidRequest(f"The member {name} must be true or false; found {text!r}.")
    if kind in ("integer", "long"):
        try:
            return int(text)
        except ValueError:
            raise InvalidRequest(f"The member {name} must be a number; found {text!r}.") from None
    return text


def _check(name: str, shape: Shape, value: Any) -> None:
    metadata = shape.metadata
    size = value if isinstance(value, int) else len(value)
    what = "value" if isinstance(value, int) else "length"
    if not isinstance(value, bool):
        if "min" in metadata and size < metadata["min"]:
            limit = f"Member must have {what} greater than or equal to {metadata['min']}"
            raise _broken(value, name, limit)
        if "max" in metadata and size > metadata["max"]:
            limit = f"Member must have {what} less than or equal to {metadata['max']}"
            raise _broken(value, name, limit)
    if isinstance(value, str):
        enum = metadata.get("enum")
        if enum and value not in enum:
            allowed = f"Member must satisfy enum value set: [{', '.join(enum)}]"
            raise _broken(value, name, allowed)
        pattern = _pattern(metadata.get("pattern"))
        if pattern and not pattern.fullmatch(value):
            wanted = metadata["pattern"]
            raise _broken(value, name, f"Member must satisfy regular expression pattern: {wanted}")


@functools.lru_cache(maxsize=256)
def _pattern(pattern: str | None) -> re.Pattern[str] | None:
    """Compile one of the model's patterns, which are written in Java's dialect."""
    if pattern is None or pattern == r"[\s\S]*":
        return None
    try:
        return re.compile(pattern.replace(r"[^\p{C}]", r"[^\x00-\x1f\x7f-\x9f]"))
    except re.error:
        return None  # other Unicode classes: Python's re knows none


def _broken(value: Any, name: str, constraint: str) -> InvalidRequest:
    shown = value if isinstance(value, str) else json.dumps(value)
    if len(shown) > 200:
        shown = shown[:200] + "…"
    return InvalidRequest(
        f"1 validation error detected: Value '{shown}' at '{name}' failed to satisfy constraint: "
        f"{constraint}"
    )
