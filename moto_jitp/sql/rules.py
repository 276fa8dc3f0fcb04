"""A rule's statement, applied to messages: the result, or the clause that dropped the message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from moto_jitp.mqtt.topic_filters import topic_matches

from . import tree
from .checks import ONCE_ONLY, check_statement, check_version, external_calls
from .errors import FunctionFailed, StatementFailed
from .evaluation import Evaluation, Scope, column_name
from .messages import Environment, Message
from .parsing import parse_statement
from .reasons import why_not_true
from .values import (
    UNDEFINED,
    V1,
    BinaryValueError,
    Value,
    Version,
    serialize,
)

Clause = Literal["FROM", "SET", "WHERE", "SELECT"]

LARGEST_VARIABLES = 128 * 1024
"""The maximum size of one variable as JSON, and of all together, in bytes."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a statement for a message.

    Attributes:
        matched: whether the actions run.
        payload: their payload: compact JSON in UTF-8, or the message's own bytes; empty if not
            matched.
        clause: the clause that dropped the message; ``None`` if it matched.
        reason: why the message was dropped, as a sentence; empty if it matched.
        failed: whether it was an error rather than a condition: a function of the account without
            an answer, a result that cannot be sent.
        notes: remarks on the result.
        variables: the values of the SET clause.
    """

    matched: bool
    payload: bytes = b""
    clause: Clause | None = None
    reason: str = ""
    failed: bool = False
    notes: tuple[str, ...] = ()
    variables: Mapping[str, Value] = field(default_factory=dict, repr=False)

    @property
    def document(self) -> Any:
        """The document for the actions, as read by Python; bytes if it is not JSON, or ``None``."""
        if not self.matched:
            return None
        try:
            return json.loads(self.payload.decode("utf-8"))
        except (ValueError, RecursionError):
            return self.payload

    def __str__(self) -> str:
        if self.matched:
            notes = "".join(f"\nNote: {note}" for note in self.notes)
            return f"The message matches; the actions get {_text(self.payload)}{notes}"
        opening = "The rule fails in" if self.failed else "The message is dropped by"
        return f"{opening} {self.clause}: {self.reason}"


@dataclass(frozen=True)
class Rule:
    """A statement that has been parsed and checked; make it with :meth:`parse`.

    Attributes:
        statement: its tree.
        version: the version of its SQL.
        notes: remarks, such as on a column without a name.
    """

    statement: tree.Statement
    version: Version
    notes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, sql: str, version: str | None = None) -> Rule:
        """Parse and check a rule's statement, as CreateTopicRule does.

        Args:
            sql: the statement.
            version: ``2015-10-08`` or ``2016-03-23``; ``None`` is the first, as on AWS.

        Raises:
            SqlError: the statement is wrong, or has a function that is not emulated.

        >>> rule = Rule.parse("SELECT temperature AS t FROM 'devices/+' WHERE temperature > 50")
        >>> rule.apply(Message("devices/bulb-1", b'{"temperature": 60}'), Environment()).payload
        b'{"t":60}'
        """
        checked = check_version(version)
        statement = parse_statement(sql)
        check_statement(statement, checked)
        return cls(statement, checked, tuple(_notes(statement)))

    @property
    def topic_filter(self) -> str | None:
        """The filter of the FROM clause; ``None`` for a rule of basic ingest only."""
        return self.statement.topic_filter

    @property
    def variable_names(self) -> tuple[str, ...]:
        """The variables of the SET clause, without ``@``."""
        return tuple(assignment.name for assignment in self.statement.assignments)

    def apply(self, message: Message, environment: Environment) -> Outcome:
        """Apply the rule to a message.

        Args:
            message: the message. A basic ingest message matches whatever FROM says, as it names its
                rule itself.
            environment: what the engine provides.

        Returns:
            The outcome. Nothing is raised: failures are in the outcome.
        """
        unheard = self._why_not_from(message)
        if unheard is not None:
            return Outcome(False, clause="FROM", reason=unheard)
        evaluation = Evaluation(message, environment, self.version)
        at: list[Clause] = ["SET"]
        try:
            return self._run(evaluation, evaluation.payload_scope(), at)
        except (FunctionFailed, StatementFailed, BinaryValueError) as error:
            reason = str(error)
        except RecursionError:
            reason = "The payload is nested too deeply."
        return Outcome(False, clause=at[-1], reason=reason, failed=True)

    def _why_not_from(self, message: Message) -> str | None:
        if message.rule_name is not None:
            return None
        if self.topic_filter is None:
            return (
                "the rule has no FROM, so it hears only basic ingest, on "
                "$aws/rules/<the rule's name>."
            )
        if topic_matches(self.topic_filter, message.topic):
            return None
        return f"the topic {message.topic} does not match {tree.quote(self.topic_filter)}."

    def _run(self, evaluation: Evaluation, scope: Scope, at: list[Clause]) -> Outcome:
        repeated = [name for name, count in external_calls(self.statement).items() if count > 1]
        if repeated:
            at.append("SELECT")
            raise StatementFailed(
                f"{repeated[0]}() occurs in it more than once, and AWS IoT ends such a rule "
                f"without any action; keep the answer of one call in a variable of SET."
            )
        self._assign(evaluation, scope)
        where = self.statement.where
        if where is not None:
            at.append("WHERE")
            if evaluation.value_of(where, scope) is not True:
                reason = why_not_true(evaluation, where, scope)
                return Outcome(False, clause="WHERE", reason=reason)
        at.append("SELECT")
        value = evaluation.select(self.statement.selection, scope)
        if self.version == V1 and self.statement.selection.value and isinstance(value, list):
            raise StatementFailed(
                "SELECT VALUE gives an array, which SQL version 2015-10-08 does not output; use "
                "2016-03-23."
            )
        return Outcome(True, serialize(value), notes=self.notes, variables=evaluation.variables)

    def _assign(self, evaluation: Evaluation, scope: Scope) -> None:
        total = 0
        for assignment in self.statement.assignments:
            value = evaluation.value_of(assignment.value, scope)
            if isinstance(value, bytes):
                raise StatementFailed(
                    f"@{assignment.name} cannot hold a payload that is not JSON; set it to "
                    "encode(*, 'base64')."
                )
            size = 0 if value is UNDEFINED else len(serialize(value))
            total += size
            if total > LARGEST_VARIABLES:
                raise StatementFailed(
                    f"the variables up to @{assignment.name} have {total} bytes as JSON; "
                    f"{LARGEST_VARIABLES} are allowed for all of them."
                )
            evaluation.variables[assignment.name] = value


def _notes(statement: tree.Statement) -> list[str]:
    notes = []
    for place, item in enumerate(statement.selection.items, 1):
        nameless = column_name(item.expression, place) == f"expr{place}"
        plain = isinstance(item.expression, tree.Star | tree.ObjectLiteral)
        if nameless and not plain and not item.alias and not statement.selection.value:
            notes.append(
                f"{item.expression} has no name, and what AWS IoT calls it is not documented; "
                f"here it is expr{place}. Name it with AS."
            )
    notes += [
        f"More than one {name}() ends the rule at each message."
        for name, count in external_calls(statement).items()
        if count > 1 and name in ONCE_ONLY
    ]
    return notes


def _text(payload: bytes) -> str:
    try:
        return payload.decode("utf-8") or "an empty payload."
    except UnicodeDecodeError:
        return f"{len(payload)} bytes: {payload[:40]!r}"
