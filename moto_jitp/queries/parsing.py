"""Reads a query of fleet indexing.

NOT binds tightest, then AND, which may be omitted, then OR (our own choice: not documented by AWS).
https://docs.aws.amazon.com/iot/latest/developerguide/query-syntax.html
https://docs.aws.amazon.com/iot/latest/developerguide/example-queries.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from .tree import And, Bound, Document, Everything, Leaf, Node, Not, Or, Phrase, Range, Term
from .tree import leaves as leaves_of
from .tree import required as required_of

# https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html#fleet-indexing-limits
MOST_TERMS = 12
LONGEST = 1000
MOST_STARS = 2
MOST_QUESTION_MARKS = 5
LONGEST_WITH_LEADING_WILDCARD = 100

_OPERATORS = ("AND", "OR", "NOT")
_SIGNS = "()[]{}:"
_UNSUPPORTED = "`@#%/';,"
_OF_LUCENE = {
    "~": "Fuzzy and proximity searches are not supported.",
    "^": "Boosting is not supported.",
    "+": "Terms are combined with AND as they are.",
    "!": "Write NOT.",
    "&": "Write AND.",
    "|": "Write OR.",
}


class QueryError(ValueError):
    """A query is not valid; the text says what is wrong, and where."""


@dataclass(frozen=True)
class Query:
    """A parsed query.

    Attributes:
        text: the original text.
        root: the expression that a document must match.
    """

    text: str
    root: Node

    def matches(self, document: Document) -> bool:
        """Whether a document matches."""
        return self.root.matches(document)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it names, in order, without duplicates."""
        named_fields = (leaf.field for leaf in leaves_of(self.root))
        return tuple(dict.fromkeys(field for field in named_fields if field is not None))

    def required_words(self, *fields: str) -> frozenset[str]:
        """Return the words, in lower case, of which some fields must have one for any match.

        Args:
            *fields: the fields' names.

        Examples:
            >>> sorted(parse_query("thingName:Bulb-1 attributes.a:2").required_words("thingName"))
            ['bulb-1']
        """
        return frozenset(
            leaf.text.casefold()
            for leaf in required_of(self.root)
            if isinstance(leaf, Term) and leaf.pattern is None and leaf.field in fields
        )


def parse_query(text: str) -> Query:
    """Read a query.

    Args:
        text: the query, of 1,000 characters at most.

    Raises:
        QueryError: it is not valid, or uses something that the language does not have.

    Examples:
        >>> parse_query("thingName:(tv* AND -plasma)").fields
        ('thingName',)
    """
    if len(text) > LONGEST:
        raise QueryError(f"The query has {len(text)} characters; at most {LONGEST} are allowed.")
    root = _Parser(_tokens(text), len(text)).parse()
    terms = list(leaves_of(root))
    if len(terms) > MOST_TERMS:
        raise QueryError(f"The query has {len(terms)} terms; at most {MOST_TERMS} are allowed.")
    _check_wildcards(text, terms)
    return Query(text, root)


def _check_wildcards(text: str, terms: list[Leaf]) -> None:
    leading = [
        leaf
        for leaf in terms
        if isinstance(leaf, Term) and leaf.text[0] in "*?" and leaf.pattern and leaf.text != "*"
    ]
    if len(leading) > 1:
        raise QueryError(
            f"{leading[1].text!r} is the second term that begins with a wildcard; a query can have "
            "one."
        )
    if leading and len(text) > LONGEST_WITH_LEADING_WILDCARD:
        raise QueryError(
            f"The query has {len(text)} characters; with a term that begins with a wildcard "
            f"({leading[0].text!r}), at most {LONGEST_WITH_LEADING_WILDCARD} are allowed."
        )


class _Token(NamedTuple):
    """A sign, a word or words in quotes.

    ``kind`` is ``word``, ``phrase`` or the sign itself. ``literal`` says for each character of a
    word whether it was escaped, and so stands for itself.
    """

    kind: str
    text: str
    at: int
    literal: tuple[bool, ...] = ()

    @property
    def signs(self) -> list[tuple[str, bool]]:
        """Each character with whether it stands for itself."""
        return list(zip(self.text, self.literal, strict=True))

    @property
    def wildcards(self) -> str:
        """Its wildcards, one after the other."""
        return "".join(sign for sign, literal in self.signs if sign in "*?" and not literal)

    @property
    def operator(self) -> str | None:
        is_operator = self.kind == "word" and self.text in _OPERATORS and not any(self.literal)
        return self.text if is_operator else None

    @property
    def is_negated(self) -> bool:
        return self.kind == "word" and self.text[0] == "-" and not self.literal[0]


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if sign.isspace():
            at += 1
            continue
        if sign in _SIGNS:
            token, end = _Token(sign, sign, at), at + 1
        elif sign in "<>":
            end = at + 2 if text[at + 1 : at + 2] == "=" else at + 1
            token = _Token("compare", text[at:end], at)
        elif sign == '"':
            token, end = _phrase(text, at)
        else:
            token, end = _word(text, at)
        tokens.append(token)
        at = end
    return tokens


def _phrase(text: str, at: int) -> tuple[_Token, int]:
    characters: list[str] = []
    place = at + 1
    while place < len(text):
        if text[place] == '"':
            return _Token("phrase", "".join(characters), at), place + 1
        if text[place] == "\\" and place + 1 < len(text):
            place += 1
        characters.append(text[place])
        place += 1
    raise _error("The quotation mark is not closed", at)


def _word(text: str, at: int) -> tuple[_Token, int]:
    characters: list[str] = []
    literal: list[bool] = []
    place = at
    while place < len(text):
        sign = text[place]
        if sign.isspace() or sign in _SIGNS or sign in '<>"':
            break
        is_escaped = sign == "\\"
        if is_escaped:
            place += 1
            if place == len(text):
                raise _error("A backslash needs the character that it escapes after it", place - 1)
            sign = text[place]
        elif sign in _UNSUPPORTED:
            if "".join(characters) == "geo_distance":
                raise _error("Geoqueries (geo_distance) are not emulated", at)
            raise _error(
                f"The character {sign!r} is not supported; put the value in quotes, or a backslash "
                "before the character",
                place,
            )
        elif sign in _OF_LUCENE:
            raise _error(f"The character {sign!r} is not supported", place, _OF_LUCENE[sign])
        characters.append(sign)
        literal.append(is_escaped)
        place += 1
    return _Token("word", "".join(characters), at, tuple(literal)), place


def _error(message: str, at: int, advice: str = "") -> QueryError:
    return QueryError(f"{message} (at character {at + 1}). {advice}".rstrip())


class _Parser:
    """Reads tokens by recursive descent."""

    def __init__(self, tokens: list[_Token], length: int) -> None:
        self._tokens = tokens
        self._length = length
        self._place = 0

    def parse(self) -> Node:
        if not self._tokens:
            raise QueryError("The query is empty. Write * to find everything.")
        root = self._any_of(None)
        if self._next is not None:
            raise _error(f"{self._next.text!r} does not belong here", self._next.at)
        return root

    @property
    def _next(self) -> _Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _take(self) -> _Token | None:
        token = self._next
        self._place += 1
        return token

    def _ahead(self, kind: str) -> bool:
        return self._next is not None and self._next.kind == kind

    def _any_of(self, field: str | None) -> Node:
        parts = [self._all_of(field)]
        while self._next is not None and self._next.operator == "OR":
            self._take()
            parts.append(self._all_of(field))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all_of(self, field: str | None) -> Node:
        parts = [self._one(field)]
        while (token := self._next) is not None and token.kind != ")" and token.operator != "OR":
            if token.operator == "AND":
                self._take()
            parts.append(self._one(field))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self, field: str | None) -> Node:
        token = self._next
        if token is None:
            raise _error("A term is missing at the end", self._length)
        if token.operator == "NOT":
            self._take()
            return Not(self._one(field))
        if token.is_negated:
            if token.text == "-":
                self._take()
            else:
                rest = token._replace(
                    text=token.text[1:], literal=token.literal[1:], at=token.at + 1
                )
                self._tokens[self._place] = rest
            return Not(self._one(field))
        if token.operator is not None:
            raise _error(f"{token.text} stands where a term is missing", token.at)
        if token.kind == "(":
            return self._group(field)
        if token.kind == "word":
            return self._word(field)
        return self._value(field)

    def _group(self, field: str | None) -> Node:
        opening = self._take()
        assert opening is not None
        if self._ahead(")"):
            raise _error("The brackets are empty", opening.at)
        group = self._any_of(field)
        if not self._ahead(")"):
            raise _error("The bracket '(' is not closed", opening.at)
        self._take()
        return group

    def _word(self, field: str | None) -> Node:
        word = self._tokens[self._place]
        following = self._tokens[self._place + 1 : self._place + 2]
        kind = following[0].kind if following else ""
        if kind not in (":", "compare"):
            return self._value(field)
        if word.wildcards:
            raise _error(f"The name of a field, {word.text!r}, cannot have wildcards", word.at)
        self._place += 2
        if kind == "compare":
            return self._comparison(word.text, following[0])
        if self._ahead("("):
            return self._group(word.text)
        return self._value(word.text)

    def _comparison(self, field: str, sign: _Token) -> Node:
        value = self._bound(f"after {field}{sign.text}", sign.text.endswith("="))
        if value is None:
            raise _error(f"{field}{sign.text} needs a value, and not *", sign.at)
        return Range(field, value, None) if sign.text[0] == ">" else Range(field, None, value)

    def _value(self, field: str | None) -> Node:
        token = self._take()
        if token is None:
            raise _error(f"The field {field} has no value", self._length)
        if token.kind == "phrase":
            return Phrase(field, token.text)
        if token.kind in ("[", "{"):
            return self._range(field, token)
        if token.kind == "compare" and field is not None:
            raise _error(f"Write {field}{token.text} without the colon", token.at)
        if token.kind != "word" or token.operator is not None:
            problem = (
                f"A value of {field} is missing before" if field else "A term is missing before"
            )
            raise _error(f"{problem} {token.text!r}", token.at)
        if self._ahead(":"):
            raise _error(
                "A colon in a value needs a backslash before it, or quotes around the value",
                self._tokens[self._place].at,
            )
        if field is None and token.text == "*" and not token.literal[0]:
            return Everything()
        return Term(field, token.text, _pattern(token))

    def _range(self, field: str | None, opening: _Token) -> Node:
        if field is None:
            raise _error("A range needs a field", opening.at, "Write field:[low TO high].")
        low = self._bound("of the range", opening.kind == "[")
        to = self._take()
        if to is None or to.kind != "word" or to.text != "TO":
            at = self._length if to is None else to.at
            raise _error("A range needs TO between its ends", at, "Write [low TO high].")
        high = self._bound("of the range", True)
        closing = self._take()
        if closing is None or closing.kind not in ("]", "}"):
            raise _error(f"The bracket {opening.kind!r} is not closed", opening.at)
        if high is not None:
            high = Bound(high.text, closing.kind == "]", high.is_text)
        return Range(field, low, high)

    def _bound(self, field: str, is_inclusive: bool) -> Bound | None:
        """Read an end of a range; ``None`` is ``*``, which leaves it open."""
        token = self._take()
        if token is None or token.kind not in ("word", "phrase"):
            at = self._length if token is None else token.at
            raise _error(f"A value {field} is missing", at)
        if token.kind == "phrase":
            return Bound(token.text, is_inclusive, is_text=True)
        if token.text == "*" and not token.literal[0]:
            return None
        if _pattern(token) is not None:
            raise _error(f"A value {field} cannot have wildcards", token.at)
        return Bound(token.text, is_inclusive)


def _pattern(token: _Token) -> re.Pattern[str] | None:
    """Return the pattern of a word with wildcards; ``None`` for one without."""
    wild = token.wildcards
    if not wild:
        return None
    for sign, most in (("*", MOST_STARS), ("?", MOST_QUESTION_MARKS)):
        if wild.count(sign) > most:
            raise _error(
                f"{token.text!r} has {wild.count(sign)} times {sign!r}; at most {most} are allowed",
                token.at,
            )
    signs = {"*": ".*", "?": "."}
    return re.compile(
        "".join(
            signs[sign] if sign in signs and not literal else re.escape(sign.casefold())
            for sign, literal in token.signs
        ),
        re.DOTALL,
    )
