"""What the rules of all accounts and Regions have done."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from itertools import islice

from moto_jitp.due_work import carry_out_due_work
from moto_jitp.history.rule_runs import RuleRun, RuleRuns
from moto_jitp.history.state import existing_backends

from .engine import rule_runs_of


def all_rule_runs() -> tuple[RuleRun, ...]:
    """Every rule's run since the last reset, in the order of messages and of rules."""
    carry_out_due_work()  # nothing may have called the cloud since they fell due
    return _in_order([rule_runs_of(backend) for backend in existing_backends()])


def newest_heard_rule_runs(limit: int, *, failed: bool = False) -> list[RuleRun]:
    """Return the newest runs of rules whose FROM a message matched, the oldest first.

    Args:
        limit: how many at most.
        failed: only those that failed.
    """
    newest: list[tuple[int, RuleRun]] = []
    for backend in existing_backends():
        newest_runs = rule_runs_of(backend).newest_heard()
        newest += islice((entry for entry in newest_runs if entry[1].failed or not failed), limit)
    newest.reverse()
    newest.sort(key=lambda entry: entry[0])  # runs of one message stay as they are
    return [run for _, run in newest[-limit:]]


def rule_runs_until_now() -> Callable[[], tuple[RuleRun, ...]]:
    """Remember what the rules have done so far.

    Returns:
        A function that composes the runs, even when the state is gone by then.
    """
    carry_out_due_work()
    run_lists = [rule_runs_of(backend).copy() for backend in existing_backends()]
    return functools.cache(lambda: _in_order(run_lists))


def _in_order(journals: Iterable[RuleRuns]) -> tuple[RuleRun, ...]:
    numbered = [entry for runs in journals for entry in runs.numbered()]
    numbered.sort(key=lambda entry: entry[0])
    return tuple(run for _, run in numbered)
