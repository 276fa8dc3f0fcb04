"""The connection attempts and runs of all accounts and Regions, and the observers of attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter

from moto_jitp.due_work import carry_out_due_work
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.journal import RunEntry
from moto_jitp.history.order import in_order, walk
from moto_jitp.history.state import state_of
from moto_jitp.iot.models import JitpIoTBackend, live_backends

observers: list[Callable[[ConnectionAttempt], object]] = []
"""Called with each attempt as it is made, for reports on a test after its mock has ended."""


def all_connection_attempts() -> tuple[ConnectionAttempt, ...]:
    """Every attempt since the last reset, of all accounts and Regions, oldest first."""
    carry_out_due_work()  # nothing may have called the cloud since they fell due
    attempts = [attempt for backend in live_backends() for attempt in state_of(backend).attempts]
    return tuple(sorted(attempts, key=lambda attempt: attempt.attempt_id))


def walk_attempts(after: int | None, ascending: bool) -> Iterator[ConnectionAttempt]:
    """Walk the attempts of all accounts and Regions from a place on.

    Args:
        after: the id of the attempt before; ``None`` to begin at the first.
        ascending: oldest first; otherwise newest first.
    """
    carry_out_due_work()
    walks = [
        walk(state_of(backend).attempts, _id_of_attempt, after, ascending=ascending)
        for backend in live_backends()
    ]
    return in_order(walks, _id_of_attempt, ascending=ascending)


def find_attempt(backend: JitpIoTBackend, attempt_id: int) -> ConnectionAttempt | None:
    """Return the attempt of this id at an account and Region; ``None`` where there is none."""
    found = walk(state_of(backend).attempts, _id_of_attempt, attempt_id - 1)
    attempt = next(found, None)
    return attempt if attempt is not None and attempt.attempt_id == attempt_id else None


def find_run(run_id: int) -> RunEntry | None:
    """Return the provisioning run with this number, of any account and Region."""
    carry_out_due_work()
    runs_found = (state_of(backend).runs.find(run_id) for backend in live_backends())
    return next((entry for entry in runs_found if entry is not None), None)


def walk_runs(after: int | None, ascending: bool, *, by_api: bool = False) -> Iterator[RunEntry]:
    """Walk the provisioning runs of all accounts and Regions from a place on.

    Args:
        after: the number of the run before; ``None`` to begin at the first.
        ascending: oldest first; otherwise newest first.
        by_api: only those that no connection set off.
    """
    carry_out_due_work()
    walks = [
        state_of(backend).runs.walk(after, ascending=ascending, by_api=by_api)
        for backend in live_backends()
    ]
    return in_order(walks, _id_of_run, ascending=ascending)


def runs_of_attempt(attempt_id: int, after: int | None, ascending: bool) -> Iterator[RunEntry]:
    """Walk the runs that an attempt and its connection set off; arguments as for all runs."""
    carry_out_due_work()
    entries = [
        entry
        for backend in live_backends()
        for entry in state_of(backend).runs.of_attempt(attempt_id)
    ]
    return walk(entries, _id_of_run, after, ascending=ascending)


_id_of_attempt: Callable[[ConnectionAttempt], int] = attrgetter("attempt_id")
_id_of_run: Callable[[RunEntry], int] = attrgetter("id")
