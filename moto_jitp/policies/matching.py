"""Patterns of policies: wildcards and variables, compiled once and matched without backtracking.

In a policy ``*`` stands for any number of any characters, including ``/``, and ``?`` for exactly
one. MQTT's ``+`` and ``#`` are ordinary characters there (developer guide, publish/subscribe policy
examples). ``${*}``, ``${?}`` and ``${$}`` stand for the characters themselves; the IoT page on
policy variables writes them with round brackets, so both spellings count. The value of a variable
is literal text: the client ID ``*`` does not become a wildcard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

Lookup = Callable[[str], "str | None"]
"""Gives a policy variable's value by its name as written, or ``None`` if it has none."""


class Variable(NamedTuple):
    """A ``${name}`` in a pattern."""

    name: str


class _Wildcard(NamedTuple):
    character: str


_MANY = _Wildcard("*")
_ONE = _Wildcard("?")
_SPECIAL = "*?$"

Piece = str | Variable | _Wildcard


class Template:
    """A text with variables and without wildcards, such as a value of ``StringEquals``.

    Args:
        text: the text as in the policy.
        variables: whether ``${…}`` are variables; in a policy of version 2008-10-17 they are
            ordinary text.
    """

    __slots__ = ("_constant", "_pieces", "text")

    def __init__(self, text: str, *, variables: bool = True) -> None:
        self.text = text
        pieces = parse_pieces(text, variables=variables, wildcards=False)
        self._pieces = pieces
        self._constant = None if _has_variable(pieces) else "".join(map(str, pieces))

    @property
    def constant(self) -> str | None:
        """The text itself if it has no variables."""
        return self._constant

    def fill(self, lookup: Lookup) -> str | None:
        """The text with its variables replaced; ``None`` if one of them has no value."""
        if self._constant is not None:
            return self._constant
        pieces = _fill(self._pieces, lookup)
        return None if pieces is None else "".join(map(str, pieces))


class Pattern:
    """A text with variables and wildcards, such as a ``Resource``.

    Args:
        text: the pattern as in the policy.
        variables: as for :class:`Template`.
    """

    __slots__ = ("_glob", "_pieces", "text", "variable_names")

    def __init__(self, text: str, *, variables: bool = True) -> None:
        self.text = text
        self._pieces = parse_pieces(text, variables=variables)
        self.variable_names = tuple(p.name for p in self._pieces if isinstance(p, Variable))
        self._glob = None if self.variable_names else Glob(self._pieces)

    def regular_expression(self, lookup: Lookup) -> str | None:
        """Return the pattern with its variables replaced, for matching with ``re``.

        ``*`` alone is unchanged, as moto's IAM replaces it itself.

        Args:
            lookup: returns the values of variables.

        Returns:
            The expression; ``None`` if a variable has no value, so that nothing matches.
        """
        pieces = _fill(self._pieces, lookup)
        return None if pieces is None else "".join(map(_as_expression, pieces))

    def matches(self, value: str, lookup: Lookup) -> bool:
        """Whether the pattern matches the value; never if one of its variables has no value."""
        if self._glob is not None:
            return self._glob.matches(value)
        pieces = _fill(self._pieces, lookup)
        return pieces is not None and Glob(pieces).matches(value)


class ArnPattern:
    """A pattern whose wildcards stay within the six parts of an ARN (``ArnLike``, ``ArnEquals``).

    Args:
        text: the pattern as in the policy.
        variables: as for :class:`Template`.
    """

    __slots__ = ("_parts", "text")

    def __init__(self, text: str, *, variables: bool = True) -> None:
        self.text = text
        self._parts = _split_at_colons(parse_pieces(text, variables=variables), 5)

    def matches(self, value: str, lookup: Lookup) -> bool:
        parts = value.split(":", 5)
        if len(parts) != len(self._parts):
            return False
        for pieces, part in zip(self._parts, parts, strict=True):
            filled_pieces = _fill(pieces, lookup)
            if filled_pieces is None or not Glob(filled_pieces).matches(part):
                return False
        return True


class Glob:
    """Literal text and wildcards, matched from left to right.

    Between two ``*`` is a segment; taking each at its leftmost place is enough, so nothing is ever
    tried twice. Segments without ``?`` are found by ``str.find``, others in one pass over the text
    with a bit for each position of the segment (the shift-and algorithm).
    """

    __slots__ = ("_exact", "_segments", "_shortest")

    def __init__(self, pieces: Sequence[Piece]) -> None:
        segments: list[list[Piece]] = [[]]
        for piece in pieces:
            if piece is _MANY:
                segments.append([])
            else:
                segments[-1].append(piece)
        self._segments = [_Segment(segment) for segment in segments]
        self._shortest = sum(segment.length for segment in self._segments)
        self._exact = self._segments[0].literal if len(segments) == 1 else None

    def matches(self, text: str) -> bool:
        if self._exact is not None:
            return text == self._exact
        if len(text) < self._shortest:
            return False
        segments = self._segments
        head = segments[0]
        if len(segments) == 1:
            return len(text) == head.length and head.stands_at(text, 0)
        tail = segments[-1]
        position, end = head.length, len(text) - tail.length
        if not (head.stands_at(text, 0) and tail.stands_at(text, end)):
            return False
        for segment in segments[1:-1]:
            end_of_match = segment.find(text, position, end)
            if end_of_match < 0:
                return False
            position = end_of_match + segment.length
        return True


class _Segment:
    """A stretch of literal text and ``?``: its length and the positions of its literal parts."""

    __slots__ = ("length", "literal", "parts")

    def __init__(self, pieces: Sequence[Piece]) -> None:
        parts: list[tuple[int, str]] = []
        length = 0
        for piece in pieces:
            if piece is _ONE:
                length += 1
                continue
            text = str(piece)
            if parts and parts[-1][0] + len(parts[-1][1]) == length:
                parts[-1] = (parts[-1][0], parts[-1][1] + text)
            elif text:
                parts.append((length, text))
            length += len(text)
        self.length = length
        self.parts = parts
        self.literal: str | None = None
        if length == 0:
            self.literal = ""
        elif len(parts) == 1 and len(parts[0][1]) == length:
            self.literal = parts[0][1]

    def stands_at(self, text: str, position: int) -> bool:
        return all(text.startswith(part, position + offset) for offset, part in self.parts)

    def find(self, text: str, start: int, end: int) -> int:
        """The leftmost place between start and end, or -1."""
        if self.literal is not None:
            return text.find(self.literal, start, end)
        any_character = (1 << self.length) - 1
        variable_ends: dict[str, int] = {}
        for offset, part in self.parts:
            for bit, character in enumerate(part, offset):
                any_character &= ~(1 << bit)
                variable_ends[character] = variable_ends.get(character, 0) | 1 << bit
        last = 1 << (self.length - 1)
        partial_matches = 0
        for position in range(start, end):
            partial_matches = (partial_matches << 1 | 1) & (
                variable_ends.get(text[position], 0) | any_character
            )
            if partial_matches & last:
                return position + 1 - self.length
        return -1


def parse_pieces(text: str, *, variables: bool, wildcards: bool = True) -> tuple[Piece, ...]:
    """Split a text of a policy into literal text, variables and wildcards."""
    pieces: list[Piece] = []
    literal: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        piece: Piece = character
        step = 1
        if variables and character == "$":
            piece, step = _dollar(text, position)
        elif wildcards and character in "*?":
            piece = _MANY if character == "*" else _ONE
        if isinstance(piece, str):
            literal.append(piece)
        else:
            if literal:
                pieces.append("".join(literal))
                literal = []
            pieces.append(piece)
        position += step
    if literal:
        pieces.append("".join(literal))
    return tuple(pieces)


def _dollar(text: str, position: int) -> tuple[Piece, int]:
    """What a ``$`` begins (an escape, a variable or itself), and its length in characters."""
    if text.startswith("$(", position) and text[position + 3 : position + 4] == ")":
        character = text[position + 2]
        if character in _SPECIAL:
            return character, 4
    if text.startswith("${", position):
        end = text.find("}", position)
        if end >= 0:
            name = text[position + 2 : end]
            is_escape = len(name) == 1 and name in _SPECIAL
            return (name if is_escape else Variable(name)), end + 1 - position
    return "$", 1


def _has_variable(pieces: Sequence[Piece]) -> bool:
    return any(isinstance(piece, Variable) for piece in pieces)


def _fill(pieces: Sequence[Piece], lookup: Lookup) -> list[Piece] | None:
    filled_pieces: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Variable):
            value = lookup(piece.name)
            if value is None:
                return None
            filled_pieces.append(value)
        else:
            filled_pieces.append(piece)
    return filled_pieces


def _as_expression(piece: Piece) -> str:
    if piece is _MANY:
        return "*"
    if piece is _ONE:
        return "."
    return re.escape(str(piece)).replace(r"\*", r"\x2a")


def _split_at_colons(pieces: Sequence[Piece], most: int) -> list[list[Piece]]:
    parts: list[list[Piece]] = [[]]
    for piece in pieces:
        if not isinstance(piece, str):
            parts[-1].append(piece)
            continue
        first, *rest = piece.split(":", most - (len(parts) - 1))
        parts[-1].append(first)
        parts.extend([text] for text in rest)
    return parts
