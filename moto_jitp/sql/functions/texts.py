"""Functions of strings, including regular expressions.

Regular expressions are Java's on AWS and those of the package ``regex`` here, which knows Java's
``(?<name>…)``, ``\\p{L}`` and possessive quantifiers, and can be told to give up. ``$1`` and
``${name}`` are understood in a replacement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from moto_jitp.sql.errors import StatementFailed
from moto_jitp.sql.evaluation import Evaluation
from moto_jitp.sql.values import (
    UNDEFINED,
    V2,
    Value,
    floor,
    is_number,
    require_size,
    to_decimal,
    to_string,
)

from .table import as_number, function, of_number, of_texts

if TYPE_CHECKING:
    import regex

_Result = TypeVar("_Result")

MOST_SPACES = 1000
MOST_SECONDS = 5.0
"""How long one regular expression may take: most need microseconds, but some never end."""
_WHITE = " \t"

of_texts("lower", 1)(str.lower)
of_texts("upper", 1)(str.upper)
of_texts("ltrim", 1)(lambda text: text.lstrip(_WHITE))
of_texts("rtrim", 1)(lambda text: text.rstrip(_WHITE))
of_texts("trim", 1)(lambda text: text.strip(_WHITE))
of_texts("startswith", 2)(str.startswith)
of_texts("endswith", 2)(str.endswith)
of_texts("indexof", 2, since=V2)(str.find)
of_texts("length", 1, since=V2)(len)
of_texts("numbytes", 1, since=V2)(lambda text: len(text.encode("utf-8", "replace")))


@of_texts("replace", 3)
def replace(text: str, old: str, new: str) -> Value:
    require_size(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


@of_number("chr")
def character(value: object) -> Value:
    code = floor(value)  # type: ignore[arg-type]
    return chr(code) if 0 <= code < 128 else UNDEFINED


def _pad(name: str, *, left: bool) -> None:
    @function(name, 2)
    def run(_: Evaluation, arguments: Sequence[Value]) -> Value:
        text, count = to_string(arguments[0]), as_number(arguments[1])
        if UNDEFINED in (text, count):
            return UNDEFINED
        spaces = " " * min(max(floor(count), 0), MOST_SPACES)
        return spaces + text if left else text + spaces


_pad("lpad", left=True)
_pad("rpad", left=False)


@function("concat", 0, None)
def concat(_: Evaluation, arguments: Sequence[Value]) -> Value:
    if not arguments:
        return UNDEFINED
    if len(arguments) == 1:
        return arguments[0]
    if any(isinstance(argument, list) for argument in arguments):
        require_size(sum(len(array) for array in arguments if isinstance(array, list)))
        joined: list[Value] = []
        for argument in arguments:
            joined.extend(argument if isinstance(argument, list) else [argument])
        return [item for item in joined if item is not UNDEFINED]
    texts = [to_string(argument) for argument in arguments]
    if UNDEFINED in texts:
        return UNDEFINED
    require_size(sum(map(len, texts)))
    return "".join(texts)


@function("substring", 2, 3)
def substring(_: Evaluation, arguments: Sequence[Value]) -> Value:
    text = to_string(arguments[0])
    bounds = [to_decimal(argument) for argument in arguments[1:]]
    if text is UNDEFINED or not all(map(is_number, bounds)):
        return UNDEFINED
    # The examples cut 2.745 to 2, where other conversions round.
    places = [min(max(int(bound), 0), len(text)) for bound in bounds]
    return text[slice(*places)] if len(places) == 2 else text[places[0] :]


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> regex.Pattern[str] | None:
    import regex

    try:
        return regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError):
        return None


def _within_limit(function: str, pattern: str, text: str, run: Callable[[], _Result]) -> _Result:
    """Run a regular expression with a time limit, as it may backtrack for ever.

    Raises:
        StatementFailed: it exceeded the time limit.
    """
    try:
        return run()
    except TimeoutError:
        raise StatementFailed(
            f"{function}(): the pattern {pattern!r} was not done with a text of {len(text)} "
            f"characters after {MOST_SECONDS:g} seconds. Repeat no group that repeats its own "
            "content: (a+)+ matches the same texts as a+."
        ) from None


@of_texts("regexp_matches", 2)
def regexp_matches(text: str, pattern: str) -> Value:
    compiled = _pattern(pattern)
    if compiled is None:
        return UNDEFINED
    return _within_limit(
        "regexp_matches",
        pattern,
        text,
        lambda: compiled.search(text, timeout=MOST_SECONDS) is not None,
    )


@of_texts("regexp_substr", 2)
def regexp_substr(text: str, pattern: str) -> Value:
    compiled = _pattern(pattern)
    if compiled is None:
        return UNDEFINED
    match = _within_limit(
        "regexp_substr", pattern, text, lambda: compiled.search(text, timeout=MOST_SECONDS)
    )
    return UNDEFINED if match is None else match[0]


@of_texts("regexp_replace", 3)
def regexp_replace(text: str, pattern: str, replacement: str) -> Value:
    compiled = _pattern(pattern)
    pieces = None if compiled is None else _replacement(replacement, compiled)
    if compiled is None or pieces is None:
        return UNDEFINED

    size = len(text)

    def replaced(match: regex.Match[str]) -> str:
        nonlocal size
        new = "".join((match[piece] or "") if group else str(piece) for group, piece in pieces)
        size += len(new)
        require_size(size)
        return new

    return _within_limit(
        "regexp_replace",
        pattern,
        text,
        lambda: compiled.sub(replaced, text, timeout=MOST_SECONDS),
    )


def _replacement(text: str, pattern: regex.Pattern[str]) -> list[tuple[bool, str | int]] | None:
    r"""Parse Java's replacement: ``$1``, ``${name}``, ``\$`` and plain text.

    Returns:
        Pairs: whether it is a group, and its number or name, or the text; ``None`` if it is not a
        valid replacement.
    """
    pieces: list[tuple[bool, str | int]] = []
    at = 0
    while at < len(text):
        token = re.compile(r"\$(\d)|\$\{(\w+)\}|\\(.)|([^$\\]+)", re.DOTALL).match(text, at)
        if token is None:
            return None
        digit, name, escaped, plain = token.groups()
        if digit is not None:
            if int(digit) > pattern.groups:
                return None
            pieces.append((True, int(digit)))
        elif name is not None:
            if name not in pattern.groupindex:
                return None
            pieces.append((True, name))
        else:
            pieces.append((False, escaped or plain))
        at = token.end()
    return pieces
