"""What connected devices have asked of fleet provisioning, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.iot.provisioning.provisioning_run import ProvisioningRun

from .attempts import ConnectionAttempt


class FleetCall(NamedTuple):
    """One request of a device to the MQTT API of fleet provisioning.

    Attributes:
        moment: when, in UTC.
        sequence: orders it among attempts and calls of the same moment.
        connection: the sequence number of the attempt that its connection goes back to.
        operation: ``CreateKeysAndCertificate``, ``CreateCertificateFromCsr`` or ``RegisterThing``.
        template_name: the provisioning template of RegisterThing.
        claim_certificate_id: the id of the certificate that the device was connected with.
        failed: whether it was refused.
        run: the provisioning run of RegisterThing, also of one that did not come to its steps.
    """

    moment: datetime
    sequence: int
    connection: int
    operation: str
    template_name: str | None
    claim_certificate_id: str
    failed: bool
    run: ProvisioningRun | None


def fleet_calls_of(backend: JitpIoTBackend) -> list[FleetCall]:
    """The requests in one account and Region, oldest first; to be appended to."""
    # Kept in the backend, so that moto's reset and the end of the mock take them away.
    return backend.__dict__.setdefault("fleet_calls", [])  # type: ignore[no-any-return]


def runs_of(backend: JitpIoTBackend, session: ConnectionAttempt) -> Iterator[ProvisioningRun]:
    """Yield the runs that a connection has set off by RegisterThing, the newest first."""
    for call in reversed(fleet_calls_of(backend)):
        if call.connection == session.sequence and call.run is not None:
            yield call.run
