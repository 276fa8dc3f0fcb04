"""Connected devices' requests to fleet provisioning, and their outcomes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class FleetCall(NamedTuple):
    """One request of a device to the MQTT API of fleet provisioning.

    Attributes:
        moment: when, in UTC.
        sequence: orders it among attempts and calls of the same moment.
        attempt_id: the attempt that began its connection.
        operation: ``CreateKeysAndCertificate``, ``CreateCertificateFromCsr`` or ``RegisterThing``.
        template_name: the provisioning template of RegisterThing.
        claim_certificate_id: the id of the certificate that the device was connected with.
        failed: whether it was refused.
        thing_name: the thing that RegisterThing made or found; ``None`` if it was refused.
    """

    moment: datetime
    sequence: int
    attempt_id: int
    operation: str
    template_name: str | None
    claim_certificate_id: str
    failed: bool
    thing_name: str | None
