"""Parses text into the tree, and explains text that it refuses."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from moto_jitp.names import did_you_mean

from . import tree
from .errors import SqlError
from .values import CONTEXT, DIGITS, UNDEFINED, number

if TYPE_CHECKING:
    from lark import Lark, Token

DEEPEST = 100
"""The maximum nesting of an expression; AWS has no limit, but Python needs one."""

LONGEST = 128 * 1024
"""Bytes of a statement: AWS IoT allows as many for all of a rule as JSON.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html#rules-limits
"""

_WORDS = (
    *("SET", "SELECT", "FROM", "WHERE", "AS", "OR", "AND", "NOT", "TRUE", "FALSE", "NULL"),
    *("CASE", "WHEN", "THEN", "ELSE", "END"),
)

_NAMES = {
    "WORD": "a name",
    "NAME": "an attribute or a function",
    "STRING": "a string",
    "NUMBER": "a number",
    "VARIABLE": "a variable such as @name",
    "BARE_FILTER": "a topic filter in single quotes",
    "COMPARISON": "a comparison (=, <>, <, <=, >, >=)",
    "FACTOR": "*, / or %",
    "PLUS": "+",
    "MINUS": "-",
    "_STAR": "*",
    "IN": "IN",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "LBRACE": "{",
    "RBRACE": "}",
    "COMMA": "a comma",
    "COLON": "a colon",
    "DOT": "a dot",
    "EQUAL": "=",
    "$END": "the end",
}
_OF_OPERANDS = {"NAME", "STRING", "NUMBER", "VARIABLE"}
_OPERATORS = {"COMPARISON", "FACTOR", "PLUS", "MINUS", "IN", "_AND", "_OR"}

_FOREIGN = {
    "!": "IoT SQL has no !=; write <>.",
    "|": "IoT SQL has no ||; write + or concat().",
    "`": "IoT SQL has no quoted names; write get(*, 'name').",
    ";": "A statement has no semicolon at its end.",
    "&": "IoT SQL has no &; write AND, or bitand().",
    "#": "IoT SQL has no comments.",
    "$": "${…} is for the fields of actions; in the statement write the expression itself.",
}


def parse_statement(sql: str) -> tree.Statement:
    """Parse a rule's statement.

    Args:
        sql: such as ``SELECT temperature FROM 'devices/+' WHERE temperature > 50``.

    Returns:
        The tree. :meth:`moto_jitp.sql.Rule.parse` checks what its version and the reference allow.

    Raises:
        SqlError: the text is not IoT SQL; the error has line and column.
    """
    parsed = _parse(sql, "statement")
    assert isinstance(parsed, tree.Statement)
    return parsed


def parse_expression(text: str) -> tree.Expression:
    """Parse one expression, as in a substitution template.

    Raises:
        SqlError: the text is not an expression; the error has line and column.
    """
    parsed = _parse(text, "expression")
    assert isinstance(parsed, tree.Expression)
    return parsed


def _parse(text: str, start: str) -> tree.Node:
    from lark.exceptions import UnexpectedInput, VisitError

    if not isinstance(text, str):
        raise SqlError(f"The SQL must be text, not {type(text).__name__}.")
    size = len(text.encode("utf-8", "replace"))
    if size > LONGEST:
        raise SqlError(
            f"The SQL has {size} bytes; AWS IoT allows {LONGEST} for all of a rule. Take what is "
            "constant out of it, or make several rules."
        )
    try:
        parsed = _parser().parse(text, start=start)
    except UnexpectedInput as error:
        raise _syntax_error(error, text) from None
    except VisitError as error:
        raise error.orig_exc from None
    assert isinstance(parsed, tree.Node)
    _check_depth(parsed)
    return parsed


@lru_cache(maxsize=1)
def _parser() -> Lark:
    """Make the parser once; lark is imported for the first statement."""
    from lark import Lark

    grammar = files(__package__).joinpath("grammar.lark").read_text("utf-8")
    keywords = "".join(f"_{word}.2: /{word.lower()}\\b/i\n" for word in _WORDS)
    keywords += f"_VALUE.2: /{tree.VALUE_KEYWORD}/\n"
    return Lark(
        grammar + keywords,
        parser="lalr",
        start=["statement", "expression"],
        transformer=_builder(),
        maybe_placeholders=True,
    )


def _builder() -> Any:
    from lark import Transformer, v_args

    @v_args(inline=True)
    class Builder(Transformer):  # type: ignore[type-arg]
        """Makes a node for each rule as the parser completes it, without recursion."""

        def statement(self, assignments: Any, selection: Any, topic_filter: Any, where: Any) -> Any:
            return tree.Statement(selection, topic_filter, where, assignments or ())

        def assignments(self, *assignments: tree.Assignment) -> Any:
            return assignments

        def assignment(self, variable: Token, value: Any) -> Any:
            return tree.Assignment(str(variable[1:]), value)

        def filter(self, text: Token) -> str:
            return _unquote(text) if text.type == "STRING" else str(text)

        def select(self, *items: tree.Item) -> Any:
            return tree.Selection(items)

        def select_value(self, expression: Any) -> Any:
            return tree.Selection((tree.Item(expression),), value=True)

        def item(self, expression: Any, alias: Any) -> Any:
            return tree.Item(expression, alias or ())

        def path(self, *words: Token) -> Any:
            return tuple(map(str, words))

        def star(self) -> Any:
            return tree.Star()

        def logical_or(self, *operands: Any) -> Any:
            return tree.Logical("OR", operands)

        def logical_and(self, *operands: Any) -> Any:
            return tree.Logical("AND", operands)

        def logical_not(self, operand: Any) -> Any:
            return tree.Not(operand)

        def operation(self, left: Any, operator: Token, right: Any) -> Any:
            return tree.Operation(str(operator).upper(), left, right)

        def negative(self, _: Token, operand: Any) -> Any:
            return tree.Negative(operand)

        def string(self, text: Token) -> Any:
            return tree.Constant(_unquote(text))

        def number(self, text: Token) -> Any:
            return tree.Constant(_number(text))

        def true(self) -> Any:
            return tree.Constant(True)

        def false(self) -> Any:
            return tree.Constant(False)

        def null(self) -> Any:
            return tree.Constant(None)

        def cast(self, value: Any, type_name: Token) -> Any:
            return tree.Cast(value, str(type_name))

        def case(self, value: Any, *rest: Any) -> Any:
            return tree.Case(value, rest[:-1], rest[-1])

        def branch(self, when: Any, then: Any) -> Any:
            return when, then

        def exists(self, query: Any) -> Any:
            return tree.Exists(query)

        def object_literal(self, *pairs: Any) -> Any:
            return tree.ObjectLiteral(_without_placeholder(pairs))

        def pair(self, key: Token, value: Any) -> Any:
            return _unquote(key), value

        def array_literal(self, *items: Any) -> Any:
            return tree.ArrayLiteral(_without_placeholder(items))

        def name(self, name: Token) -> Any:
            return tree.Name(str(name))

        def variable(self, name: Token) -> Any:
            return tree.Variable(str(name[1:]))

        def call(self, name: Token, *arguments: Any) -> Any:
            return tree.Call(str(name), _without_placeholder(arguments))

        def member(self, of: Any, name: Token) -> Any:
            return tree.Member(of, str(name))

        def query(self, selection: Any, source: Any, alias: Token | None, where: Any) -> Any:
            return tree.Query(selection, source, None if alias is None else str(alias), where)

    return Builder()


def _without_placeholder(children: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without the placeholder of an empty list."""
    return tuple(child for child in children if child is not None)


def _unquote(literal: str) -> str:
    quotation = literal[0]
    return re.sub(rf"\\(['\"\\])|{quotation}({quotation})", r"\1\2", literal[1:-1])


def _number(text: Token) -> int | Decimal:
    if text.isdigit() and len(text) <= DIGITS:
        return int(text)
    value = number(CONTEXT.create_decimal(str(text)))
    if value is UNDEFINED:
        raise SqlError(
            f"{_shorten(text)} is too large: a Decimal goes up to 9.99E999.", text.line, text.column
        )
    assert isinstance(value, int | Decimal)
    return value


def _check_depth(root: tree.Node) -> None:
    pending_nodes = [(root, 1)]
    while pending_nodes:
        node, depth = pending_nodes.pop()
        if depth > DEEPEST:
            raise SqlError(
                f"The statement is nested more than {DEEPEST} levels deep; take it apart, for "
                "instance with variables of a SET clause."
            )
        pending_nodes.extend((child, depth + 1) for child in node.children())


def _syntax_error(error: Any, text: str) -> SqlError:
    from lark.exceptions import UnexpectedToken

    if isinstance(error, UnexpectedToken):
        expected = set(error.accepts or error.expected)
        token_text = "the end" if error.token.type == "$END" else _shorten(str(error.token))
    else:
        expected = set(error.allowed)
        token_text = _shorten(text[error.pos_in_stream :])
    line, column = error.line, error.column
    if token_text == "the end":
        before = text.rstrip()
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    advice = _advice(token_text, expected, text[: max(getattr(error, "pos_in_stream", 0) or 0, 0)])
    return SqlError(
        f"{token_text} cannot stand here; {_expectation(expected)} was expected.{advice}",
        line,
        column,
    )


def _expectation(expected: set[str]) -> str:
    """Say briefly what was expected."""
    names: list[str] = []
    if expected >= _OF_OPERANDS:
        names.append("an expression")
        expected = expected & {"_STAR", "RPAR", "RSQB"}
    elif len(expected & _OPERATORS) > 2:
        names.append("an operator")
        expected = expected - _OPERATORS - {"DOT", "LPAR"}
    expected_names = (_NAMES.get(name, name.lstrip("_")) for name in expected)
    names += sorted(expected_names, key=lambda name: (not name[:1].isupper(), name))
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "nothing"


def _advice(token_text: str, expected: set[str], before: str) -> str:
    if re.search(r"\bcase\s+when\s*\Z", before, re.IGNORECASE):
        return " CASE needs a value after it, which is compared with those after WHEN."
    foreign = _FOREIGN.get(token_text[:1])
    if foreign is not None:
        return f" {foreign}"
    if token_text[:1] in ("'", '"') and token_text.count(token_text[0]) % 2:
        return " The string has no end; a quotation mark inside a string is written twice."
    if before.endswith(".") or re.match(r"[0-9.]", token_text):
        return (
            " Names that begin with a digit or have a hyphen or a space need get(), as in "
            "get(data, 'my-key')."
        )
    if token_text.startswith("[") and "DOT" in expected:
        return " IoT SQL has no [0] behind an array; write get(array, 0)."
    keywords = [name.lstrip("_") for name in expected if name.startswith("_")]
    question = did_you_mean(token_text, keywords)
    return f" {question}" if question else ""


def _shorten(text: str) -> str:
    word = re.match(r"\w+|'[^']*'?|\"[^\"]*\"?|\S", text)
    shown_text = word[0] if word is not None else text
    if not shown_text.isprintable():
        shown_text = ascii(shown_text)
    return shown_text if len(shown_text) <= 40 else f"{shown_text[:40]}…"
