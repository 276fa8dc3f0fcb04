"""Every provisioning run: those of connections, and those of fleet provisioning over them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.history.state import state_of
from moto_jitp.iot.models import JitpIoTBackend, live_backends
from moto_jitp.iot.provisioning.template_rules import FLEET_PROVISIONING, JITP

from .attempts import all_connection_attempts


class ListedRun(NamedTuple):
    """A provisioning run and where it belongs.

    Attributes:
        id: rises with every run, of all accounts and Regions.
        connection_id: the sequence number of the attempt over whose connection it was set off.
        type: ``JITP`` or ``FLEET_PROVISIONING``.
        run: the run.
    """

    id: int
    connection_id: int
    type: str
    run: ProvisioningRun


def all_runs() -> tuple[ListedRun, ...]:
    """Every run since the state was last reset, the oldest first."""
    runs = [run for attempt in all_connection_attempts() for run in _just_in_time(attempt)]
    runs += (run for backend in live_backends() for run in fleet_runs(backend))
    return tuple(sorted(runs, key=lambda one: one.id))


def runs_of_connection(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> list[ListedRun]:
    """The runs of one attempt and of the connection that it led to, the oldest first."""
    later = (run for run in fleet_runs(backend) if run.connection_id == attempt.sequence)
    return [*_just_in_time(attempt), *later]


def fleet_runs(backend: JitpIoTBackend) -> Iterator[ListedRun]:
    """Yield the runs of fleet provisioning in one account and Region, the oldest first."""
    for call in list(state_of(backend).fleet_calls):
        if call.run is not None:
            yield ListedRun(call.sequence, call.connection, FLEET_PROVISIONING, call.run)


def _just_in_time(attempt: ConnectionAttempt) -> list[ListedRun]:
    if attempt.provisioning is None:
        return []
    return [ListedRun(attempt.sequence, attempt.sequence, JITP, attempt.provisioning)]


def fleet_runs_of(backend: JitpIoTBackend, session: ConnectionAttempt) -> Iterator[ProvisioningRun]:
    """Yield the runs that a connection has set off by RegisterThing, the newest first."""
    for call in reversed(state_of(backend).fleet_calls):
        if call.connection == session.sequence and call.run is not None:
            yield call.run
