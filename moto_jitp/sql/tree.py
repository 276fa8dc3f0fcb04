"""A parsed statement: immutable values that print back to SQL.

``str()`` of a node is SQL that parses to an equal node, in one canonical form: keywords in upper
case, strings in single quotes, parentheses only where the precedence of operators needs them.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import ClassVar

OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, ATOM, POSTFIX = range(1, 10)
"""How tightly each kind of expression binds; POSTFIX can be followed by ``.name``."""

OPERATORS = {
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">=", "IN"), COMPARISON),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "%"), PRODUCT),
}

VALUE_KEYWORD = (
    r"(?i:value)\b(?=\s*(?:[\w'\"(\[{@]|\*\s*(?:\)|\Z|(?i:from|where|as)\b)))"
    r"(?!\s*(?i:from|where|as|and|or|in)\b)"
)
"""VALUE before an expression; an attribute of that name precedes anything else."""


def quote(text: str) -> str:
    """Write a string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a statement."""

    def children(self) -> Iterator[Node]:
        """The nodes directly below this one."""
        for field in fields(self):
            yield from _nodes(getattr(self, field.name))

    def walk(self) -> Iterator[Node]:
        """This node and all those below it."""
        pending_nodes: list[Node] = [self]
        while pending_nodes:
            node = pending_nodes.pop()
            yield node
            pending_nodes.extend(node.children())


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


@dataclass(frozen=True, slots=True)
class Expression(Node):
    """A node with a value."""

    precedence: ClassVar[int] = ATOM

    def within(self, least: int) -> str:
        """Print for a place that accepts expressions that bind at least as tightly as ``least``."""
        return str(self) if self.precedence >= least else f"({self})"


@dataclass(frozen=True, slots=True)
class Constant(Expression):
    """A string, a number that is not negative, a Boolean or Null, spelled out."""

    value: str | int | Decimal | bool | None

    def __str__(self) -> str:
        if isinstance(self.value, str):
            return quote(self.value)
        if self.value is None or isinstance(self.value, bool):
            return {None: "NULL", True: "TRUE", False: "FALSE"}[self.value]
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Name(Expression):
    """An attribute of the payload, or of the element of a nested query."""

    precedence: ClassVar[int] = POSTFIX
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Variable(Expression):
    """A variable of the SET clause; ``name`` is without ``@``."""

    precedence: ClassVar[int] = POSTFIX
    name: str

    def __str__(self) -> str:
        return f"@{self.name}"


@dataclass(frozen=True, slots=True)
class Star(Expression):
    """``*``: the whole payload, or the whole element of a nested query."""

    def __str__(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class Member(Expression):
    """``of.name``."""

    precedence: ClassVar[int] = POSTFIX
    of: Expression
    name: str

    def __str__(self) -> str:
        return f"{self.of.within(POSTFIX)}.{self.name}"


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A function with its arguments; the name as it was written."""

    precedence: ClassVar[int] = POSTFIX
    name: str
    arguments: tuple[Expression, ...]

    @property
    def function(self) -> str:
        """The function's name in lower case, as names of functions have no case."""
        return self.name.lower()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Cast(Expression):
    """``CAST(value AS type)``; the type as it was written."""

    value: Expression
    type: str

    def __str__(self) -> str:
        return f"CAST({self.value} AS {self.type})"


@dataclass(frozen=True, slots=True)
class Negative(Expression):
    """``-operand``."""

    precedence: ClassVar[int] = SIGN
    operand: Expression

    def __str__(self) -> str:
        return f"-{self.operand.within(ATOM)}"


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """``NOT operand``."""

    precedence: ClassVar[int] = NOT
    operand: Expression

    def __str__(self) -> str:
        return f"NOT {self.operand.within(NOT)}"


@dataclass(frozen=True, slots=True)
class Operation(Expression):
    """Two operands with one of :data:`OPERATORS` between them."""

    operator: str
    left: Expression
    right: Expression

    @property
    def precedence(self) -> int:  # type: ignore[override]
        return OPERATORS[self.operator]

    def __str__(self) -> str:
        left, right = self.left.within(self.precedence), self.right.within(self.precedence + 1)
        return f"{left} {self.operator} {right}"


@dataclass(frozen=True, slots=True)
class Logical(Expression):
    """Two or more operands with ``AND`` or ``OR`` between them."""

    operator: str
    operands: tuple[Expression, ...]

    @property
    def precedence(self) -> int:  # type: ignore[override]
        return AND if self.operator == "AND" else OR

    def __str__(self) -> str:
        inside = (operand.within(self.precedence + 1) for operand in self.operands)
        return f" {self.operator} ".join(inside)


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """``CASE value WHEN … THEN … ELSE … END``; the branches are pairs of WHEN and THEN."""

    value: Expression
    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None = None

    def __str__(self) -> str:
        branches = "".join(f" WHEN {when} THEN {then}" for when, then in self.branches)
        otherwise = "" if self.otherwise is None else f" ELSE {self.otherwise}"
        return f"CASE {self.value}{branches}{otherwise} END"


@dataclass(frozen=True, slots=True)
class ObjectLiteral(Expression):
    """``{'key': value}``."""

    pairs: tuple[tuple[str, Expression], ...]

    def __str__(self) -> str:
        return "{" + ", ".join(f"{quote(key)}: {value}" for key, value in self.pairs) + "}"


@dataclass(frozen=True, slots=True)
class ArrayLiteral(Expression):
    """``[item, item]``."""

    items: tuple[Expression, ...]

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.items))}]"


@dataclass(frozen=True, slots=True)
class Item(Node):
    """One item of a SELECT clause.

    Attributes:
        expression: its value.
        alias: the path after AS, ``bar.baz`` as two names; empty without AS.
    """

    expression: Expression
    alias: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.expression} AS {'.'.join(self.alias)}" if self.alias else f"{self.expression}"
        )


@dataclass(frozen=True, slots=True)
class Selection(Node):
    """The clause after SELECT.

    Attributes:
        items: the items, at least one.
        value: whether it is ``SELECT VALUE``, which has one item without a name.
    """

    items: tuple[Item, ...]
    value: bool = False

    def __str__(self) -> str:
        if not self.value:
            return f"SELECT {', '.join(map(str, self.items))}"
        text = str(self.items[0])
        match = re.match(VALUE_KEYWORD, f"VALUE {text}")
        return f"SELECT VALUE {text}" if match else f"SELECT VALUE ({text})"


@dataclass(frozen=True, slots=True)
class Query(Expression):
    """A nested query, in parentheses.

    Attributes:
        selection: its SELECT clause.
        source: the array or object that it reads.
        alias: the name after AS, which stands for each element.
        where: its condition.
    """

    precedence: ClassVar[int] = POSTFIX
    selection: Selection
    source: Expression
    alias: str | None = None
    where: Expression | None = None

    def __str__(self) -> str:
        alias = "" if self.alias is None else f" AS {self.alias}"
        where = "" if self.where is None else f" WHERE {self.where}"
        return f"({self.selection} FROM {self.source.within(POSTFIX)}{alias}{where})"


@dataclass(frozen=True, slots=True)
class Exists(Expression):
    """``EXISTS (SELECT …)``."""

    query: Query

    def __str__(self) -> str:
        return f"EXISTS {self.query}"


@dataclass(frozen=True, slots=True)
class Assignment(Node):
    """``@name = value`` of the SET clause."""

    name: str
    value: Expression

    def __str__(self) -> str:
        return f"@{self.name} = {self.value}"


@dataclass(frozen=True, slots=True)
class Statement(Node):
    """A rule's statement.

    Attributes:
        selection: the SELECT clause.
        topic_filter: the FROM clause; ``None`` without one, for a rule of basic ingest.
        where: the WHERE clause.
        assignments: the SET clause.
    """

    selection: Selection
    topic_filter: str | None = None
    where: Expression | None = None
    assignments: tuple[Assignment, ...] = ()

    def __str__(self) -> str:
        parts = [str(self.selection)]
        if self.assignments:
            parts.insert(0, f"SET {', '.join(map(str, self.assignments))}")
        if self.topic_filter is not None:
            parts.append(f"FROM {quote(self.topic_filter)}")
        if self.where is not None:
            parts.append(f"WHERE {self.where}")
        return " ".join(parts)
