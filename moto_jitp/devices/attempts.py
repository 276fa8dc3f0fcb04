"""The connection attempts and runs of all accounts and Regions, and the observers of attempts."""

from __future__ import annotations

from collections.abc import Callable

from moto_jitp.due_work import carry_out_due_work
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.journal import RunEntry
from moto_jitp.history.state import state_of
from moto_jitp.iot.models import live_backends

observers: list[Callable[[ConnectionAttempt], object]] = []
"""Called with each attempt as it is made, for reports on a test after its mock has ended."""


def all_connection_attempts() -> tuple[ConnectionAttempt, ...]:
    """Every attempt since the last reset, of all accounts and Regions, oldest first."""
    carry_out_due_work()  # nothing may have called the cloud since they fell due
    attempts = [attempt for backend in live_backends() for attempt in state_of(backend).attempts]
    return tuple(sorted(attempts, key=lambda attempt: attempt.attempt_id))


def find_run(run_id: int) -> RunEntry | None:
    """Return the provisioning run with this number, of any account and Region."""
    carry_out_due_work()
    runs_found = (state_of(backend).runs.find(run_id) for backend in live_backends())
    return next((entry for entry in runs_found if entry is not None), None)


def all_runs() -> tuple[RunEntry, ...]:
    """Every provisioning run since the last reset, of all accounts and Regions."""
    carry_out_due_work()
    runs = [entry for backend in live_backends() for entry in state_of(backend).runs.entries()]
    return tuple(sorted(runs, key=lambda entry: entry.id))
