"""Every provisioning run: those of connections, and those of fleet provisioning over them."""

from __future__ import annotations

from typing import NamedTuple

from moto_jitp.iot.provisioning.provisioning_run import ProvisioningRun
from moto_jitp.iot.template_rules import FLEET_PROVISIONING, JITP

from .attempts import all_connection_attempts, live_backends
from .fleet_calls import fleet_calls_of


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
    runs = [
        ListedRun(attempt.sequence, attempt.sequence, JITP, attempt.provisioning)
        for attempt in all_connection_attempts()
        if attempt.provisioning is not None
    ]
    runs += (
        ListedRun(call.sequence, call.connection, FLEET_PROVISIONING, call.run)
        for backend in live_backends()
        for call in list(fleet_calls_of(backend))
        if call.run is not None
    )
    return tuple(sorted(runs, key=lambda one: one.id))
