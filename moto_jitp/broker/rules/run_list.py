"""What the rules of all accounts and Regions have done."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from moto_jitp.due_work import carry_out_due_work
from moto_jitp.history.rule_runs import RuleRun, RuleRuns
from moto_jitp.history.state import existing_backends

from .engine import rule_runs_of


def all_rule_runs() -> tuple[RuleRun, ...]:
    """Every rule's run since the state was last reset, in the order of messages and of rules."""
    carry_out_due_work()  # nobody may have called the cloud since they became due
    return _in_order([rule_runs_of(backend) for backend in existing_backends()])


def heard_rule_runs() -> tuple[RuleRun, ...]:
    """The same, without the rules whose FROM a message did not match."""
    return tuple(run for backend in existing_backends() for run in rule_runs_of(backend).heard())


def rule_runs_until_now() -> Callable[[], tuple[RuleRun, ...]]:
    """Remember what the rules have done so far.

    Returns:
        A function that puts the runs together, also when the state is gone by then.
    """
    carry_out_due_work()
    run_lists = [rule_runs_of(backend).copy() for backend in existing_backends()]
    return functools.cache(lambda: _in_order(run_lists))


def _in_order(journals: Iterable[RuleRuns]) -> tuple[RuleRun, ...]:
    numbered = [entry for runs in journals for entry in runs.numbered()]
    numbered.sort(key=lambda entry: entry[0])
    return tuple(run for _, run in numbered)
