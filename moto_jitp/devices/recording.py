"""What CloudWatch and CloudTrail are to know of a device beyond its attempts, and its log entries.

Metrics and events are counted and put together from the attempts themselves when they are read, so
that a connection costs next to nothing here as long as nothing is logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from moto.iot.models import iot_backends

from moto_jitp import settings
from moto_jitp.iot.endpoints import parse_endpoint
from moto_jitp.iot.message_broker import sequence
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.iot.provisioning.provisioning_run import ProvisioningRun
from moto_jitp.monitoring import EndedRun, records_of
from moto_jitp.monitoring.logs import (
    Client,
    authentication_error,
    entries_of_attempt,
    operation_entry,
    provisioning_entry,
)

from .attempts import ConnectionAttempt, RefusalReason
from .authorization import SOURCE_ADDRESS


def record_attempt(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> None:
    """Take note of an attempt that was just kept.

    Args:
        backend: the account and Region at whose endpoint it arrived.
        attempt: the attempt.
    """
    current = settings.current()
    if not current.metrics:
        records_of(backend).without_metrics.add(attempt.sequence)
    if not current.trail:
        records_of(backend).without_trail.add(attempt.sequence)
    if attempt.reason is RefusalReason.SNI_MISUSED:
        _tell_owner(attempt)
    elif backend.is_logging:
        client = _client(attempt)
        backend.log(client, attempt.timestamp, entries_of_attempt(attempt, client))


def record_late_run(
    backend: JitpIoTBackend, attempt: ConnectionAttempt, run: ProvisioningRun
) -> None:
    """Take note that a run has ended that went on after its connection had.

    Args:
        backend: the account and Region.
        attempt: the attempt that set it off.
        run: the run.
    """
    now = datetime.now(timezone.utc)
    records_of(backend).ends[attempt.sequence] = EndedRun(next(sequence), now)
    if backend.is_logging:
        backend.log(_client(attempt), now, [provisioning_entry(run)])


def record_operation(
    backend: JitpIoTBackend,
    attempt: ConnectionAttempt,
    event_type: str,
    fields: Mapping[str, str],
    *,
    not_authorized: bool = False,
) -> None:
    """Log what a connected client does.

    Args:
        backend: the account and Region.
        attempt: the accepted attempt that the connection goes back to.
        event_type: the log entry's, such as ``Publish-In``.
        fields: the entry's own fields, such as ``topicName``.
        not_authorized: whether the policies did not allow it.
    """
    if backend.is_logging:
        client = _client(attempt)
        entry = operation_entry(event_type, client, fields, not_authorized=not_authorized)
        backend.log(client, datetime.now(timezone.utc), [entry])


def _client(attempt: ConnectionAttempt) -> Client:
    return Client(attempt.client_id, attempt.certificate_id, SOURCE_ADDRESS)


def _tell_owner(attempt: ConnectionAttempt) -> None:
    """AWS counts and logs such an attempt with the account that the server name belongs to."""
    address = parse_endpoint(attempt.server_name or "")
    account = iot_backends.get(address.account_id) if address else None
    if address is None or account is None or not address.is_for_devices:
        return
    owner = dict.get(account, address.region_name)
    if isinstance(owner, JitpIoTBackend):
        records = records_of(owner)
        records.misdirected.append(attempt)
        if not settings.current().metrics:
            records.without_metrics.add(attempt.sequence)
        client = _client(attempt)
        owner.log(client, attempt.timestamp, [authentication_error(attempt, client)])
