"""Matches values against the patterns of AWS's service models, which are written for Java.

https://docs.oracle.com/javase/8/docs/api/java/util/regex/Pattern.html defines their meaning:
``\\w``, ``\\d`` and ``\\s`` only match ASCII, a dot stops at every line terminator, and ``\\p{L}``
stands for a Unicode category.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable

_ASCII = [chr(code) for code in range(128)]

# Java's POSIX classes only match ASCII.
_POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Graph": "!-~",
    "Print": " -~",
    "Cntrl": r"\x00-\x1f\x7f",
}

# Python's re has no Unicode categories. Each non-ASCII character of a value is replaced by one
# character of the private use area for its category, which the pattern matches instead.
_STAND_INS = {category: chr(0xE000 + at) for at, category in enumerate("CLMNPSZ")}
_ANY_BUT_LINE_ENDS = "[^\n\r\x85\u2028\u2029]"

_CLASS = r"\\p\{(\w+)\}"
_TOKEN = re.compile(rf"{_CLASS}|\\.|\[(?:\\.|[^\]\\])*\]|\.", re.DOTALL)


@functools.cache
def matcher(pattern: str) -> Callable[[str], object] | None:
    """Compile a pattern.

    Args:
        pattern: the pattern of a shape in botocore's model, such as ``[a-zA-Z0-9:_-]+``.

    Returns:
        A function that returns a true value for a value that matches as a whole; ``None`` if the
        pattern uses a part of Java's syntax that is not supported here.

    Examples:
        >>> bool(matcher(r"[\\p{L}\\p{N}]+")("Gerät2"))
        True
    """
    try:
        compiled = re.compile(_TOKEN.sub(_translate, pattern), re.ASCII)
    except (KeyError, re.error):
        return None
    if r"\p{" not in pattern:
        return compiled.fullmatch
    return lambda value: compiled.fullmatch(_with_stand_ins(value))


def _translate(token: re.Match[str]) -> str:
    if token[0] == ".":
        return _ANY_BUT_LINE_ENDS
    if token[1]:
        return f"[{_members(token[1])}]"
    if token[0].startswith("["):
        return re.sub(_CLASS, lambda match: _members(match[1]), token[0])
    return token[0]


@functools.cache
def _members(name: str) -> str:
    """Return the members of a class such as ``L`` or ``Upper``, to go between brackets."""
    if name in _POSIX:
        return _POSIX[name]
    stand_in = _STAND_INS[name]
    ascii_members = (c for c in _ASCII if unicodedata.category(c)[0] == name)
    return "".join(f"\\x{ord(c):02x}" for c in ascii_members) + stand_in


def _with_stand_ins(value: str) -> str:
    if value.isascii():
        return value
    return "".join(c if c < "\x80" else _STAND_INS[unicodedata.category(c)[0]] for c in value)
