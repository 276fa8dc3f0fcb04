"""The JSON text of a template, read with care.

A body comes from a user and may be anything: the length is checked before the text, the depth
before parsing, and a number is never computed (``1e999999`` and integers of ten thousand digits are
only text here).
"""

import json
import re
from typing import Any, NoReturn

from moto_jitp.files import path_advice
from moto_jitp.json_slips import slip

from .errors import NOT_WELL_FORMED, TemplateSyntaxError

MAXIMUM_LENGTH = 10_240
"""Characters of a template body (service model ``TemplateBody``, and AWS's quota page)."""

MAXIMUM_DEPTH = 64
"""Nesting depth of objects and lists; real templates need about ten."""

# Of a body that is not JSON. AWS's sentence quotes so much of it that the rest is lost.
_ECHOED_BY_AWS = 500
_ECHOED = 60

Node = Any
"""A JSON value: dict, list, str, Number, bool or None."""

# Strings are skipped as a whole; an unclosed one runs to the end and is left to the parser.
_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Number(str):
    """A JSON number as its text in the document."""

    __slots__ = ()


class _RefusedError(ValueError):
    """An error found by the parser's hooks; only ``load`` sees it."""


def depth(text: str) -> int:
    """The nesting depth of objects and lists in a JSON text."""
    level = deepest = 0
    for match in _BRACKET.finditer(text):
        mark = match.group()
        if mark in ("[", "{"):
            level += 1
            deepest = max(deepest, level)
        elif mark in ("]", "}"):
            level -= 1
    return deepest


def _object(pairs: list[tuple[str, Node]]) -> dict[str, Node]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys_seen: set[str] = set()
        for key, _ in pairs:
            if key in keys_seen:
                raise _RefusedError(f'the key "{key[:80]}" stands twice in one object')
            keys_seen.add(key)
    return result


def _constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is not JSON")


def load(text: str) -> Node:
    """Read a JSON text of any origin.

    Raises:
        json.JSONDecodeError: it is not well formed.
        ValueError: it is too deep, or has something that JSON does not allow: a duplicate key, NaN,
            half of a surrogate pair.
    """
    if depth(text) > MAXIMUM_DEPTH:
        raise _RefusedError(f"objects and lists stand more than {MAXIMUM_DEPTH} deep in each other")
    node = json.loads(
        text,
        object_pairs_hook=_object,
        parse_int=Number,
        parse_float=Number,
        parse_constant=_constant,
    )
    if ("\\u" in text or _SURROGATE.search(text)) and _has_surrogate(node):
        raise _RefusedError("a string holds half of a surrogate pair, which is not a character")
    return node


def _has_surrogate(node: Node) -> bool:
    if isinstance(node, str):
        return _SURROGATE.search(node) is not None
    if isinstance(node, dict):
        return any(_has_surrogate(key) or _has_surrogate(value) for key, value in node.items())
    return isinstance(node, list) and any(_has_surrogate(item) for item in node)


def not_an_object(text: str) -> str:
    """Why a text is not a JSON object, in a few words; empty if it is one."""
    if depth(text) > MAXIMUM_DEPTH:
        return f"nested more than {MAXIMUM_DEPTH} deep"
    try:
        # Numbers stay text: an integer of ten thousand digits would take long.
        node = json.loads(text, parse_int=str)
    except json.JSONDecodeError as error:
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    if isinstance(node, dict):
        return ""
    return f"it is {_kind(node)}"


def load_template(body: object) -> dict[str, Node]:
    """Read a template body.

    Args:
        body: the text; another type is refused with advice, because passing the object instead of
            its text is a common mistake.

    Raises:
        TemplateSyntaxError: it is not a JSON object, or longer or deeper than allowed.
    """
    if not isinstance(body, str):
        raise TemplateSyntaxError(
            "Template format error: the template body is not text.",
            found=type(body).__name__,
            expected="a string that holds JSON",
            advice="Pass json.dumps(template).",
        )
    if len(body) > MAXIMUM_LENGTH:
        raise TemplateSyntaxError(
            "Template format error: the template body is too long.",
            found=f"{len(body)} characters",
            expected=f"at most {MAXIMUM_LENGTH} characters",
            advice="Move a long policy document into a policy and give its PolicyName.",
        )
    try:
        node = load(body)
    except json.JSONDecodeError as error:
        raise _not_well_formed(body, error) from None
    except ValueError as error:
        raise TemplateSyntaxError(f"Template format error: {error}.") from None
    if not isinstance(node, dict):
        raise _not_an_object(node)
    return node


def _sentence(body: str, error: json.JSONDecodeError, echoed: int) -> str:
    """AWS's sentence, with this many characters of the body."""
    excerpt = body[:echoed].encode("utf-8", "backslashreplace").decode("utf-8")
    rest = f"[truncated {len(body) - echoed} chars]" if len(body) > echoed else ""
    location = f'[Source: (String)"{excerpt}"{rest}; line: {error.lineno}, column: {error.colno}]'
    return NOT_WELL_FORMED.format(location=location)


def _not_well_formed(body: str, error: json.JSONDecodeError) -> TemplateSyntaxError:
    advice = ""
    if not body.strip():
        advice = "The body is empty: was the file or the shell variable empty?"
    elif body.lstrip().startswith(("{\\", "\\")):
        advice = 'The body is escaped (\\") although it is not inside a string: unescape it once.'
    elif body.lstrip().startswith("file:"):
        advice = "The body is a file's address: pass the file's content."
    else:
        advice = path_advice(body) or slip(body, error)
    return TemplateSyntaxError(
        _sentence(body, error, _ECHOED_BY_AWS),
        found=error.msg,
        advice=advice,
        opening=_sentence(body, error, _ECHOED),
    )


def _not_an_object(node: Node) -> TemplateSyntaxError:
    advice = ""
    if type(node) is str and node.lstrip().startswith("{"):
        advice = "The template was escaped twice: call json.dumps once, or pass the text itself."
    return TemplateSyntaxError(
        "Template format error: the template body is not a JSON object.",
        found=_kind(node),
        expected='an object such as {"Parameters": {…}, "Resources": {…}}',
        advice=advice,
    )


def _kind(node: Node) -> str:
    if isinstance(node, list):
        return "a list"
    if isinstance(node, Number):
        return "a number"
    return "a string" if isinstance(node, str) else "a constant"
