"""What topic rules did with messages: each rule's outcome, and those of its actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from moto_jitp.sql import Outcome


@dataclass(frozen=True)
class ActionRun:
    """The outcome of one action for one message.

    Attributes:
        action: its kind as the API names it, such as ``dynamoDBv2``.
        target: what it acts on: a queue's URL, a topic, a function's ARN.
        error: why it failed, in AWS's words where they are known; ``None`` if it did not.
        advice: what to change; ``None`` if it did not fail.
        function_error: the error of the Lambda function that it invoked; the action itself did not
            fail, as AWS IoT does not wait for the function.
    """

    action: str
    target: str
    error: str | None = None
    advice: str | None = None
    function_error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether AWS IoT could carry the action out."""
        return self.error is None

    def __str__(self) -> str:
        text = f"{self.action} {self.target}: "
        if self.error is not None:
            advice = f" {self.advice}" if self.advice else ""
            return f"{text}failed. {self.error}{advice}"
        if self.function_error is not None:
            return f"{text}invoked; the function failed: {self.function_error}"
        return f"{text}done"


@dataclass(frozen=True)
class RuleRun:
    """What one rule did with one message.

    Attributes:
        rule_name: the rule.
        topic: the message's topic.
        outcome: the outcome of its statement for the message.
        timestamp: when, in UTC.
        account_id: the account of the rule.
        region_name: its Region.
        client_id: the MQTT client that published the message; ``None`` if no MQTT client did.
        principal: its certificate's ID, or the user's; ``None`` if unknown.
        actions: the outcomes of the actions, in order; empty if the message did not match.
        error_action: the outcome of the error action; ``None`` if it did not run.
        has_json: whether the message was JSON.
    """

    rule_name: str
    topic: str
    outcome: Outcome
    timestamp: datetime
    account_id: str
    region_name: str
    client_id: str | None = None
    principal: str | None = None
    actions: tuple[ActionRun, ...] = ()
    error_action: ActionRun | None = None
    has_json: bool = True

    @property
    def matched(self) -> bool:
        """Whether the message matched, so that the actions ran."""
        return self.outcome.matched

    @property
    def document(self) -> Any:
        """The document that the actions received, as Python reads JSON; bytes if it is not JSON, or
        ``None``.
        """
        return self.outcome.document

    @property
    def clause(self) -> str | None:
        """The clause that dropped the message: ``FROM``, ``SET``, ``WHERE`` or ``SELECT``."""
        return self.outcome.clause

    @property
    def reason(self) -> str:
        """Why the message was dropped; empty if it matched."""
        return self.outcome.reason

    @property
    def failed(self) -> bool:
        """Whether something went wrong: in the statement, in an action or in a function."""
        runs = self.actions if self.error_action is None else (*self.actions, self.error_action)
        return self.outcome.failed or any(
            run.error is not None or run.function_error is not None for run in runs
        )

    def __str__(self) -> str:
        lines = [f"{self.rule_name}, {self.topic}: {self.outcome}"]
        lines += [f"  {run}" for run in self.actions]
        if self.error_action is not None:
            lines.append(f"  error action: {self.error_action}")
        return "\n".join(lines)


class Unheard(NamedTuple):
    """The rules whose FROM a message did not match, until they are read.

    Attributes:
        render: composes their runs.
    """

    render: Callable[[], Iterator[RuleRun]]


class RuleRuns:
    """The runs of the rules of one account and Region, in their order."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, RuleRun | Unheard]] = []
        self._heard: list[tuple[int, RuleRun]] = []

    def __len__(self) -> int:
        """Return the number of entries, of which an :class:`Unheard` may hold many runs."""
        return len(self._entries)

    def add(self, number: int, entry: RuleRun | Unheard) -> None:
        """Add a run.

        Args:
            number: the message's number in the order of everything.
            entry: the run, or the runs of the rules that the message did not concern.
        """
        self._entries.append((number, entry))
        if isinstance(entry, RuleRun):
            self._heard.append((number, entry))

    def copy(self) -> RuleRuns:
        """Return a copy of the runs so far."""
        copy = RuleRuns()
        copy._entries, copy._heard = list(self._entries), list(self._heard)
        return copy

    def newest_heard(self) -> Iterator[tuple[int, RuleRun]]:
        """Yield the runs of rules whose FROM the message matched, numbered, the newest first."""
        return reversed(self._heard)

    def numbered(self) -> Iterator[tuple[int, RuleRun]]:
        """Yield all runs, including those of rules that the message did not concern, each with its
        number.
        """
        for number, entry in list(self._entries):
            if isinstance(entry, RuleRun):
                yield number, entry
            else:
                for run in entry.render():
                    yield number, run
