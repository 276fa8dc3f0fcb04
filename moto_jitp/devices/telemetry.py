"""What CloudWatch and CloudTrail record about a device beyond its attempts, and its log entries.

Metrics and events are derived from the attempts themselves when they are read, so that a connection
costs next to nothing here unless something is logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason
from moto_jitp.history.fleet_calls import FleetCall
from moto_jitp.history.journal import RunOrigin
from moto_jitp.history.messages import Publisher
from moto_jitp.history.order import sequence
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.history.state import existing_backend, state_of
from moto_jitp.iot.account.endpoints import parse_endpoint
from moto_jitp.iot.models import JitpIoTBackend, live_backends
from moto_jitp.iot.provisioning.fleet.api import FleetAnswer
from moto_jitp.monitoring import count_device_action, follow_settings, records_of
from moto_jitp.monitoring.logs import (
    Client,
    authentication_error,
    entries_of_attempt,
    fleet_entry,
    operation_entry,
    ping_entry,
    provisioning_entry,
)
from moto_jitp.mqtt.topics import FleetRequest

_PROTOCOL = "MQTT"
_SNI_MISUSED = RefusalReason.SNI_MISUSED.value
_METRICS = {
    "Publish-In": "PublishIn",
    "Publish-Out": "PublishOut",
    "Queued": "Queued",
    "Subscribe": "Subscribe",
    "Unsubscribe": "Unsubscribe",
}
"""A log entry's event type to the metric of the same action."""


def record_attempt(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> None:
    """Record an attempt that was just kept.

    Args:
        backend: the account and Region at whose endpoint it arrived.
        attempt: the attempt.
    """
    follow_settings(backend, attempt.attempt_id)
    if attempt.reason is RefusalReason.SNI_MISUSED:
        _tell_owner(attempt)
    elif backend.logging.is_logging:
        client = _client(attempt)
        backend.logging.log(client, attempt.timestamp, entries_of_attempt(attempt, client))


def record_late_run(
    backend: JitpIoTBackend,
    attempt: ConnectionAttempt,
    run: ProvisioningRun,
    moment: datetime,
) -> None:
    """Record the end of a run that outlasted its connection.

    Args:
        backend: the account and Region.
        attempt: the attempt that set it off.
        run: the run.
        moment: when it ended, in UTC.
    """
    state_of(backend).runs.finish(attempt.attempt_id, run, moment)
    if backend.logging.is_logging:
        backend.logging.log(_client(attempt), moment, [provisioning_entry(run)])


def record_device_action(
    backend: JitpIoTBackend,
    attempt: ConnectionAttempt,
    event_type: str,
    fields: Mapping[str, str],
    *,
    not_authorized: bool = False,
    failed: bool = False,
) -> None:
    """Log and count what a connected client does, or receives.

    Args:
        backend: the account and Region.
        attempt: the accepted attempt that began the connection.
        event_type: the log entry's, such as ``Publish-In``.
        fields: the entry's own fields, such as ``topicName``.
        not_authorized: whether the policies did not allow it.
        failed: whether the entry reports a failure for another reason.
    """
    metric = _METRICS.get(event_type)
    if metric is not None:
        outcome = "AuthError" if not_authorized else "Success"
        count(backend, f"{metric}.{outcome}")
        if fields.get("retain"):
            count(backend, f"PublishRetained.{outcome}")
    if backend.logging.is_logging:
        client = _client(attempt)
        entry = operation_entry(
            event_type, client, fields, not_authorized=not_authorized, failed=failed
        )
        backend.logging.log(client, datetime.now(timezone.utc), [entry])


def record_request(
    backend: JitpIoTBackend,
    publisher: Publisher,
    port: int,
    fields: Mapping[str, str],
    *,
    not_authorized: bool = False,
) -> None:
    """Log and count a message that a device publishes over HTTPS.

    AWS IoT has no metric for one that is not allowed.
    https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html

    Args:
        backend: the account and Region.
        publisher: the device.
        port: its port.
        fields: the log entry's own fields, such as ``topicName``.
        not_authorized: whether the policies did not allow it.
    """
    protocol = publisher.protocol
    if not not_authorized:
        count_device_action(backend, "PublishIn.Success", protocol)
        if fields.get("retain"):
            count_device_action(backend, "PublishRetained.Success", protocol)
    if backend.logging.is_logging:
        client = Client(None, publisher.principal_id, publisher.address, port, protocol)
        entry = operation_entry("Publish-In", client, fields, not_authorized=not_authorized)
        backend.logging.log(client, datetime.now(timezone.utc), [entry])


def record_ping(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> None:
    """Count a client's ping, and log it if that was requested.

    Args:
        backend: the account and Region.
        attempt: the accepted attempt that began the connection.
    """
    count(backend, "Ping.Success")
    if backend.logging.is_logging:
        now = datetime.now(timezone.utc)
        client = _client(attempt)
        backend.logging.log(client, now, [ping_entry(client, now)])


def count(backend: JitpIoTBackend, metric: str) -> None:
    """Count an action of a connected client.

    Args:
        backend: the account and Region.
        metric: the CloudWatch metric, such as ``PublishIn.ClientError``.
    """
    count_device_action(backend, metric, _PROTOCOL)


def record_fleet_call(
    backend: JitpIoTBackend,
    attempt: ConnectionAttempt,
    request: FleetRequest,
    answer: FleetAnswer,
    claim_certificate_id: str,
) -> None:
    """Record a request to fleet provisioning that has been carried out.

    Args:
        backend: the account and Region.
        attempt: the accepted attempt that began the connection.
        request: the request.
        answer: its answer.
        claim_certificate_id: the id of the certificate that the client is connected with.
    """
    now, refusal, run = datetime.now(timezone.utc), answer.refusal, answer.run
    call = FleetCall(
        now,
        next(sequence),
        attempt.attempt_id,
        request.operation,
        request.template_name,
        claim_certificate_id,
        refusal is not None,
        run.thing_name if run is not None and refusal is None else None,
    )
    state = state_of(backend)
    follow_settings(backend, call.sequence)
    state.fleet_calls.append(call)
    if run is not None:
        origin, number = RunOrigin.FLEET_PROVISIONING, call.sequence
        state.runs.enter(origin, run, now, run_id=number, attempt_id=attempt.attempt_id)
    if backend.logging.is_logging:
        if run is not None and run.role_arn is not None:
            entry = provisioning_entry(run)
        else:
            error = None
            if refusal is not None:
                error = f"{refusal.code}: {refusal.message} {refusal.advice}".rstrip()
            entry = fleet_entry(call, answer.certificate_id, error)
        backend.logging.log(_client(attempt), now, [entry])


def _client(attempt: ConnectionAttempt) -> Client:
    transport = attempt.transport
    return Client(
        attempt.client_id if transport.protocol == _PROTOCOL else None,
        attempt.certificate_id,
        transport.address,
        transport.port,
        transport.protocol,
    )


def _tell_owner(attempt: ConnectionAttempt) -> None:
    """Record an attempt with the account that the server name belongs to, as AWS does."""
    owner, reason = _owner_of(attempt.server_name or "")
    if owner is None:
        return
    records_of(owner).misdirected.append(attempt)
    follow_settings(owner, attempt.attempt_id)
    if owner.logging.is_logging:
        client = _client(attempt)
        entry = authentication_error(attempt, client, reason)
        owner.logging.log(client, attempt.timestamp, [entry])


def _owner_of(server_name: str) -> tuple[JitpIoTBackend | None, str]:
    """The account and Region of a server name, if any, and why it refused the device."""
    address = parse_endpoint(server_name)
    if address is not None:
        there = existing_backend(address.account_id, address.region_name)
        if isinstance(there, JitpIoTBackend) and address.is_for_devices:
            return there, _SNI_MISUSED
        return None, _SNI_MISUSED
    for backend in live_backends():
        configuration = backend.endpoints.domain_configuration_of(server_name)
        if configuration is None:
            continue
        if configuration.domain_configuration_status == "DISABLED":
            return backend, "DOMAIN_CONFIGURATION_DISABLED"
        is_for_data = configuration.service_type in (None, "DATA")
        return backend, _SNI_MISUSED if is_for_data else "DOMAIN_CONFIGURATION_INVALID"
    return None, _SNI_MISUSED
