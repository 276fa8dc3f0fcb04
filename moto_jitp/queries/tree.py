"""A parsed query: terms, ranges and their combinations, each of which can match a document.

Search ignores case, and matches text word by word.
https://docs.aws.amazon.com/iot/latest/developerguide/query-syntax.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

Value = str | int | float | bool
"""The value of a field: text, a number, or a boolean."""

_LARGEST = 2**53
"""Integers from this one on are indexed as text."""

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


class Document(Protocol):
    """A document to match queries with."""

    def values(self, field: str | None) -> Iterable[Value]:
        """Return the values of a field.

        Args:
            field: its name; ``None`` for everything that a term without a field searches.
        """
        ...


def number_in(text: str) -> float | int | None:
    """Return the number of which a text is a JSON literal; ``None`` if it is not one.

    Examples:
        >>> number_in("75"), number_in("075"), number_in("7.5e1")
        (75, None, 75.0)
    """
    if not _NUMBER.fullmatch(text):
        return None
    if text.lstrip("-").isdigit():
        number = int(text)
        return number if -_LARGEST <= number < _LARGEST else None
    return float(text)


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).casefold()


@dataclass(frozen=True)
class Everything:
    """``*`` without a field."""

    field: None = None

    def matches(self, document: Document) -> bool:
        """Whether a document matches: each does."""
        return True


@dataclass(frozen=True)
class Term:
    """A word to find, with or without wildcards.

    Attributes:
        field: where; ``None`` for everywhere.
        text: the word, its escapes resolved.
        pattern: the pattern for a word with wildcards; ``None`` if it has none.
    """

    field: str | None
    text: str
    pattern: re.Pattern[str] | None = None

    def matches(self, document: Document) -> bool:
        """Whether one of the field's words is this one."""
        return any(self._is(value) for value in document.values(self.field))

    def _is(self, value: Value) -> bool:
        if self.pattern is not None:
            return any(self.pattern.fullmatch(word) for word in _words(value))
        if _is_number(value):
            return value == number_in(self.text)
        return self.text.casefold() in _words(value)


def _words(value: Value) -> list[str]:
    # An empty text is still a value of its field.
    return _text(value).split() or [""]


@dataclass(frozen=True)
class Phrase:
    """Words in quotes, to be found in sequence.

    Attributes:
        field: where; ``None`` for everywhere.
        text: the words.
    """

    field: str | None
    text: str

    def matches(self, document: Document) -> bool:
        """Whether the field has these words in sequence."""
        phrase_words = _words(self.text)
        return any(
            value_words[at : at + len(phrase_words)] == phrase_words
            for value_words in map(_words, document.values(self.field))
            for at in range(len(value_words) - len(phrase_words) + 1)
        )


@dataclass(frozen=True)
class Bound:
    """One end of a range.

    Attributes:
        text: the text with its escapes resolved.
        is_inclusive: whether the end itself belongs to the range.
        is_text: whether it was in quotes, so that it is not a number.
    """

    text: str
    is_inclusive: bool
    is_text: bool = False

    @property
    def number(self) -> float | int | None:
        """Its number; ``None`` for text."""
        return None if self.is_text else number_in(self.text)


@dataclass(frozen=True)
class Range:
    """A range of numbers, or of texts.

    Attributes:
        field: where.
        low: its lower end; ``None`` if it is open.
        high: its upper end; ``None`` likewise.
    """

    field: str
    low: Bound | None
    high: Bound | None

    def matches(self, document: Document) -> bool:
        """Whether the field has a value in the range."""
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        numeric = all(bound.number is not None for bound in bounds)
        return any(self._holds(value, numeric) for value in document.values(self.field))

    def _holds(self, value: Value, numeric: bool) -> bool:
        if numeric:
            if not _is_number(value):
                return False
            comparable: Value = value
            ends: list[Value | None] = [
                None if end is None else end.number for end in (self.low, self.high)
            ]
        else:
            if not isinstance(value, str):
                return False
            comparable = _text(value)
            ends = [None if end is None else end.text.casefold() for end in (self.low, self.high)]
        return _is_beyond(comparable, ends[0], self.low) and _is_beyond(
            comparable, ends[1], self.high, downwards=True
        )


def _is_beyond(
    value: Value, end: Value | None, bound: Bound | None, downwards: bool = False
) -> bool:
    if end is None or bound is None:
        return True
    if value == end:
        return bound.is_inclusive
    # Both are numbers, or both are texts.
    return bool(value < end) if downwards else bool(value > end)  # type: ignore[operator]


@dataclass(frozen=True)
class Not:
    """A part that must not match."""

    part: Node

    def matches(self, document: Document) -> bool:
        """Whether the part does not match."""
        return not self.part.matches(document)


@dataclass(frozen=True)
class And:
    """Parts that all must match."""

    parts: tuple[Node, ...]

    def matches(self, document: Document) -> bool:
        """Whether all parts match."""
        return all(part.matches(document) for part in self.parts)


@dataclass(frozen=True)
class Or:
    """Parts of which one must match."""

    parts: tuple[Node, ...]

    def matches(self, document: Document) -> bool:
        """Whether one of the parts matches."""
        return any(part.matches(document) for part in self.parts)


Leaf = Everything | Term | Phrase | Range
Node = Leaf | Not | And | Or


def leaves(node: Node) -> Iterator[Leaf]:
    """Yield the terms, phrases and ranges of a query in the order in which they are written."""
    if isinstance(node, Not):
        yield from leaves(node.part)
    elif isinstance(node, (And, Or)):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node


def required(node: Node) -> Iterator[Leaf]:
    """Yield the leaves that every match requires."""
    if isinstance(node, And):
        for part in node.parts:
            yield from required(part)
    elif not isinstance(node, (Not, Or)):
        yield node
