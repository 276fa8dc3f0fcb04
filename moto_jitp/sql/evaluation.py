"""Evaluates expressions and SELECT clauses for one message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from . import tree
from .errors import StatementFailed
from .messages import Environment, Message
from .operators import apply
from .values import (
    CONTEXT,
    UNDEFINED,
    Value,
    Version,
    equal,
    floor,
    from_double,
    is_number,
    number,
    require_size,
    to_boolean,
    to_decimal,
    to_string,
    type_name,
    whole_as_int,
)

MOST_ELEMENTS = 256 * 1024
"""Elements that the nested queries of a statement go through for one message; AWS names no limit.

The largest array that a message can hold has a quarter of it.
"""

CASTS = {
    **dict.fromkeys(("string", "nvarchar", "text", "ntext", "varchar"), "String"),
    **dict.fromkeys(("int", "integer"), "Int"),
    "double": "Double",
    "decimal": "Decimal",
    **dict.fromkeys(("bool", "boolean"), "Boolean"),
}
"""The types after AS in ``cast()``, with their conversions."""

CASTS_OF_V2 = ("decimal", "bool", "boolean")


Body = Callable[["Evaluation", Sequence[Value]], Value]
LazyBody = Callable[["Evaluation", Sequence[tree.Expression], "Scope"], Value]


class Function(NamedTuple):
    """A function that statements can call.

    Attributes:
        name: the reference's spelling; case does not matter.
        since: the version that introduced it.
        least: its minimum number of arguments; with fewer its result is Undefined.
        most: the maximum; ``None`` for any number.
        body: called with the evaluation and the values of the arguments.
        lazy: whether it gets the expressions instead of their values, because it does not need all
            of them.
        asks_account: whether its answer comes from a resource of the account.
        role_at: the place of the role's ARN among the arguments, from 0 or, negative, from the end.
        mode_at: the place of the argument that chooses what the function does.
    """

    name: str
    since: Version
    least: int
    most: int | None
    body: Body | None = None
    lazy: LazyBody | None = None
    asks_account: bool = False
    role_at: int | None = None
    mode_at: int | None = None


FUNCTIONS: dict[str, Function] = {}
"""All functions that are emulated, by their name in lower case; :mod:`.functions` fills it."""


@dataclass(frozen=True)
class Scope:
    """The meaning of names: attributes of the payload, or of an element and then of its
    surroundings.

    Attributes:
        whole: what ``*`` stands for.
        alias: the name after AS in a nested query, which stands for the element.
        outer: the scope around a nested query; ``None`` for the payload itself.
    """

    whole: Value
    alias: str | None = None
    outer: Scope | None = None

    @property
    def is_payload(self) -> bool:
        """Whether this is the message's own scope."""
        return self.outer is None

    def find(self, name: str) -> Value:
        """Return the value of a name; Undefined if there is none."""
        scope: Scope | None = self
        while scope is not None:
            if name == scope.alias:
                return scope.whole
            if isinstance(scope.whole, dict) and name in scope.whole:
                return scope.whole[name]
            scope = scope.outer
        return UNDEFINED


@dataclass
class Evaluation:
    """One message under evaluation.

    Attributes:
        message: the message.
        environment: the functions and values that the engine provides.
        version: the version of the rule's SQL.
        variables: the values of the SET clause, added as they are calculated.
        answers: the answers of functions of the account, by their names and arguments.
        explaining: whether to reuse those answers instead of calling again.
    """

    message: Message
    environment: Environment
    version: Version
    variables: dict[str, Value] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    explaining: bool = False
    _elements: int = field(default=0, init=False)

    def payload_scope(self) -> Scope:
        """The scope of the statement itself."""
        return Scope(self.message.read(self.version))

    def value_of(self, expression: tree.Expression, scope: Scope) -> Value:
        """Evaluate an expression.

        Raises:
            FunctionFailed: a function of the account has no answer.
        """
        return _EVALUATE[type(expression)](self, expression, scope)

    def select(self, selection: tree.Selection, scope: Scope) -> Value:
        """Build the result of a SELECT clause.

        Returns:
            An object; for SELECT VALUE and a lone ``*`` a value of any type.

        Raises:
            FunctionFailed: a function of the account has no answer.
            StatementFailed: ``*`` beside other items is not an object.
        """
        first = selection.items[0]
        if selection.value:
            return self.value_of(first.expression, scope)
        if selection.items == (_ALL,):
            return scope.whole
        selected = _Columns()
        for place, item in enumerate(selection.items, 1):
            value = self.value_of(item.expression, scope)
            if item.alias:
                selected.put(item.alias, value)
            elif isinstance(item.expression, tree.Star):
                selected.put_payload(self._columns(value))
            elif isinstance(item.expression, tree.ObjectLiteral):
                for name, member in value.items():
                    selected.put((name,), member)
            else:
                selected.put((column_name(item.expression, place),), value)
        return selected.columns

    def _columns(self, whole: Value) -> Mapping[str, Value]:
        if isinstance(whole, dict):
            return whole
        if whole == b"":
            return {}  # an empty payload can have columns beside it
        raise StatementFailed(
            f"* is selected beside other items, and the payload is not a JSON object but "
            f"{_described(whole)}; select encode(*, 'base64') AS data instead."
        )

    def _query(self, query: tree.Query, scope: Scope) -> Value:
        source = self.value_of(query.source, scope)
        if isinstance(source, list):
            self._elements += len(source)
            if self._elements > MOST_ELEMENTS:
                raise StatementFailed(
                    f"its nested queries go through more than {MOST_ELEMENTS} elements for one "
                    "message; do not nest queries of the same array."
                )
            results = (self._element(query, element, scope) for element in source)
            return [result for result in results if result is not UNDEFINED]
        return self._element(query, source, scope) if isinstance(source, dict) else UNDEFINED

    def _element(self, query: tree.Query, element: Value, outer: Scope) -> Value:
        scope = Scope(element, query.alias, outer)
        if query.where is not None and self.value_of(query.where, scope) is not True:
            return UNDEFINED
        return self.select(query.selection, scope)

    def _call(self, call: tree.Call, scope: Scope) -> Value:
        function = FUNCTIONS[call.function]
        count = len(call.arguments)
        if count < function.least or (function.most is not None and count > function.most):
            return UNDEFINED
        if function.lazy is not None:
            return function.lazy(self, call.arguments, scope)
        assert function.body is not None
        result = function.body(
            self, [self.value_of(arguments, scope) for arguments in call.arguments]
        )
        if isinstance(result, str):
            require_size(len(result))
        return result

    def _logical(self, node: tree.Logical, scope: Scope) -> Value:
        values = [to_boolean(self.value_of(operand, scope)) for operand in node.operands]
        if UNDEFINED in values:
            return UNDEFINED  # the reference has no short-circuit evaluation
        return all(values) if node.operator == "AND" else any(values)

    def _not(self, node: tree.Not, scope: Scope) -> Value:
        value = to_boolean(self.value_of(node.operand, scope))
        return value if value is UNDEFINED else not value

    def _negative(self, node: tree.Negative, scope: Scope) -> Value:
        value = to_decimal(self.value_of(node.operand, scope))
        if not is_number(value):
            return UNDEFINED
        return -value if isinstance(value, int) else CONTEXT.minus(value)

    def _operation(self, node: tree.Operation, scope: Scope) -> Value:
        left, right = self.value_of(node.left, scope), self.value_of(node.right, scope)
        return whole_as_int(apply(node.operator, left, right), self.version)

    def _case(self, node: tree.Case, scope: Scope) -> Value:
        value = self.value_of(node.value, scope)
        if value is UNDEFINED:
            return UNDEFINED
        for when, then in node.branches:
            if equal(value, self.value_of(when, scope)) is True:
                return self.value_of(then, scope)
        return UNDEFINED if node.otherwise is None else self.value_of(node.otherwise, scope)

    def _cast(self, node: tree.Cast, scope: Scope) -> Value:
        return cast(self.value_of(node.value, scope), CASTS[node.type.lower()], self.version)

    def _exists(self, node: tree.Exists, scope: Scope) -> Value:
        rows = self._query(node.query, scope)
        return bool(rows) if isinstance(rows, list) else rows is not UNDEFINED

    def _object(self, node: tree.ObjectLiteral, scope: Scope) -> Value:
        return {key: self.value_of(value, scope) for key, value in node.pairs}

    def _array(self, node: tree.ArrayLiteral, scope: Scope) -> Value:
        values = (self.value_of(item, scope) for item in node.items)
        return [value for value in values if value is not UNDEFINED]

    def _member(self, node: tree.Member, scope: Scope) -> Value:
        of = self.value_of(node.of, scope)
        return of.get(node.name, UNDEFINED) if isinstance(of, dict) else UNDEFINED


_ALL = tree.Item(tree.Star())

_EVALUATE: dict[type, Callable[[Evaluation, Any, Scope], Value]] = {
    tree.Constant: lambda run, node, scope: whole_as_int(node.value, run.version),
    tree.Name: lambda run, node, scope: scope.find(node.name),
    tree.Variable: lambda run, node, scope: run.variables.get(node.name, UNDEFINED),
    tree.Star: lambda run, node, scope: scope.whole,
    tree.Member: Evaluation._member,
    tree.Call: Evaluation._call,
    tree.Cast: Evaluation._cast,
    tree.Negative: Evaluation._negative,
    tree.Not: Evaluation._not,
    tree.Operation: Evaluation._operation,
    tree.Logical: Evaluation._logical,
    tree.Case: Evaluation._case,
    tree.ObjectLiteral: Evaluation._object,
    tree.ArrayLiteral: Evaluation._array,
    tree.Query: Evaluation._query,
    tree.Exists: Evaluation._exists,
}


def cast(value: Value, target: str, version: Version) -> Value:
    """Convert as ``cast()`` does, which also converts between numbers and Booleans.

    Args:
        value: the value.
        target: a type that :data:`CASTS` names.
        version: the version, which decides about whole Decimals.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
    """
    if value is None:
        return UNDEFINED
    if target == "String":
        return to_string(value)
    if target == "Boolean":
        return bool(value) if is_number(value) else to_boolean(value)
    converted = int(value) if isinstance(value, bool) else to_decimal(value)
    if not is_number(converted):
        return UNDEFINED
    if target == "Int":
        return floor(converted)
    if target == "Double":
        try:
            converted = from_double(float(converted))
        except OverflowError:
            return UNDEFINED
    return whole_as_int(number(Decimal(converted)), version)


def column_name(expression: tree.Expression, place: int) -> str:
    """Name an item that has no AS.

    Args:
        expression: the item.
        place: its place in the SELECT clause, from 1.

    Returns:
        The attribute's name, the last name of a path, or the function's name; ``expr`` with the
        place for anything else, where the reference says nothing.
    """
    if isinstance(expression, tree.Name | tree.Member | tree.Call | tree.Variable):
        return expression.name
    return "cast" if isinstance(expression, tree.Cast) else f"expr{place}"


class _Columns:
    """The object that a SELECT clause builds, column by column.

    Attributes:
        columns: the object.
    """

    def __init__(self) -> None:
        self.columns: dict[str, Value] = {}
        # The objects that were made for paths; others are the payload's, and copied.
        self._own: dict[int, dict[str, Value]] = {}
        self._put_since_payload: set[str] | None = None

    def put(self, path: tuple[str, ...], value: Value) -> None:
        """Set a value at a path."""
        if self._put_since_payload is not None:
            self._put_since_payload.add(path[0])
        target = self.columns
        *way, last = path
        for name in way:
            inner = target.get(name)
            own = self._own.get(id(inner))
            if own is None:
                own = dict(inner) if isinstance(inner, dict) else {}
                self._own[id(own)] = own
                target[name] = own
            target = own
        target[last] = value

    def put_payload(self, payload: Mapping[str, Value]) -> None:
        """Set all columns of the payload; a further time only those that are others by now."""
        if self._put_since_payload is None:
            self.columns.update(payload)
        else:
            names = self._put_since_payload & payload.keys()
            self.columns.update((name, payload[name]) for name in names)
        self._put_since_payload = set()


def _described(value: Value) -> str:
    kind = type_name(value)
    return "bytes that are not a JSON object" if kind == "binary" else f"of the type {kind}"
