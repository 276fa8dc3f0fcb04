"""Log entries of AWS IoT, in moto's CloudWatch Logs.

Entries are JSON, as with AWS's second generation of IoT logging (log group ``AWSIotLogsV2``).
https://docs.aws.amazon.com/iot/latest/developerguide/cwl-format.html
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from moto.logs.models import LogGroup, logs_backends

from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.fleet_calls import FleetCall
from moto_jitp.history.runs import ProvisioningRun

from .metrics import is_authentication_error

LOG_GROUP = "AWSIotLogsV2"
LOG_GROUP_V1 = "AWSIotLogs"
LEVELS = ("DISABLED", "ERROR", "WARN", "INFO", "DEBUG")
"""From least to most detailed."""

EVENT_TYPES = (
    "Connect",
    "Connection.AuthNError",
    "DeleteConnection",
    "DeleteThingShadow",
    "DescribeJobExecution",
    "Disconnect",
    "FunctionExecution",
    "GetConnection",
    "GetDeviceCredentials",
    "GetPendingJobExecution",
    "GetRetainedMessage",
    "GetThingShadow",
    "ListRetainedMessage",
    "ListSubscriptions",
    "Ping",
    "ProvisionDevice",
    "Publish-In",
    "Publish-Out",
    "Queued",
    "ReportFinalJobExecutionCount",
    "RuleExecution",
    "RuleMatch",
    "RuleNotFound",
    "SendDirectMessage",
    "StartNextPendingJobExecution",
    "StartingRuleExecution",
    "Subscribe",
    "Unsubscribe",
    "UpdateJobExecution",
    "UpdateThingShadow",
)
"""The event types that are written."""

OTHER_EVENT_TYPES = (
    "AddThingToDynamicThingGroupsFailed",
    "NamedShadowCountForDynamicGroupQueryLimitExceeded",
    "RetrieveOCSPStapleData",
    "RuleEvaluation",
    "RuleExecutionThrottled",
)
"""AWS's other event types, which can be configured but are never written here."""

OPT_IN = ("Connection.AuthNError", "Ping")
"""The event types that the account's default level does not enable."""

_RETENTION_DAYS = 30
_AUTHENTICATION_ERRORS = {
    "DEVICE_CERTIFICATE_INACTIVE": "Device certificate is not active",
    "DEVICE_CERTIFICATE_NOT_REGISTERED": "Device certificate is not registered",
    "DEVICE_CERTIFICATE_REVOKED": "Device certificate is revoked",
    "DOMAIN_CONFIGURATION_DISABLED": (
        "Domain configuration for the Server Name Indication (SNI) provided is disabled"
    ),
    "DOMAIN_CONFIGURATION_INVALID": "The endpoint type in domain configuration is invalid",
    "NOT_AUTHENTICATED": "The credentials provided could not be authenticated",
    "SNI_MISUSED": "The client used an SNI that is not associated with this account",
}
_NOT_AUTHORIZED = {"reason": "AUTHORIZATION_FAILURE", "details": "Authorization Failure"}


class Client(NamedTuple):
    """The client that an entry is about.

    Attributes:
        client_id: the MQTT client ID; ``None`` for a request over HTTPS, which has none.
        principal_id: the id of its certificate, or of the user or role that sent the request.
        address: its IP address.
        port: its port; 0 for a client in the test's process.
        protocol: ``MQTT`` or ``HTTP``.
    """

    client_id: str | None
    principal_id: str
    address: str
    port: int = 0
    protocol: str = "MQTT"

    def fields(self) -> dict[str, Any]:
        """The entry's fields about the client."""
        return {
            "protocol": self.protocol,
            **({} if self.client_id is None else {"clientId": self.client_id}),
            "principalId": self.principal_id,
            "sourceIp": self.address,
            "sourcePort": self.port,
        }


class ShadowRequest(NamedTuple):
    """A request to a thing's shadow.

    Attributes:
        operation: ``update``, ``get`` or ``delete``.
        thing_name: the thing.
        shadow_name: the named shadow; ``None`` for the unnamed one.
        protocol: ``MQTT`` or ``HTTP``.
    """

    operation: str
    thing_name: str
    shadow_name: str | None
    protocol: str


class JobRequest(NamedTuple):
    """A device's request about its jobs.

    Attributes:
        event_type: such as ``UpdateJobExecution``.
        topic: the topic of the request, or the equivalent topic of one over HTTPS.
        client_id: the client's id; over HTTPS the thing's name.
        protocol: ``MQTT`` or ``HTTP``.
        job_id: the job; ``None`` if the request names none.
        client_token: the request's client token; ``None`` for none.
        status: the status to set; ``None`` for none.
        version: the version that is expected; ``None`` for any.
    """

    event_type: str
    topic: str
    client_id: str
    protocol: str
    job_id: str | None = None
    client_token: str | None = None
    status: str | None = None
    version: int | None = None


class LogEntry(NamedTuple):
    """An entry, before it is known whether it will be written.

    Attributes:
        event_type: such as ``Connect``.
        failed: whether it reports a failure; the level is then ERROR, else INFO.
        fields: its fields beyond the common ones.
        for_debugging: whether its level is DEBUG if nothing failed.
    """

    event_type: str
    failed: bool
    fields: Mapping[str, Any]
    for_debugging: bool = False

    @property
    def level(self) -> str:
        if self.failed:
            return "ERROR"
        return "DEBUG" if self.for_debugging else "INFO"


def entries_of_attempt(attempt: ConnectionAttempt, client: Client) -> Iterator[LogEntry]:
    """Yield AWS IoT's log entries for a connection attempt."""
    run = attempt.provisioning
    if run is not None and run.status.value != "IN_PROGRESS":
        yield provisioning_entry(run)
    if attempt.accepted:
        yield LogEntry("Connect", False, client.fields())
    elif attempt.reason is not None and attempt.reason.value == "NOT_AUTHORIZED":
        if client.client_id is None:
            return  # a request over HTTPS has an entry of its own
        yield LogEntry("Connect", True, client.fields() | _NOT_AUTHORIZED)
    elif is_authentication_error(attempt):
        yield authentication_error(attempt, client)


def authentication_error(
    attempt: ConnectionAttempt, client: Client, reason: str | None = None
) -> LogEntry:
    """The ``Connection.AuthNError`` of a refused attempt.

    Args:
        attempt: the attempt.
        client: the client that made it.
        reason: AWS's reason, if it is more specific than that of the attempt.
    """
    assert attempt.reason is not None
    reason = reason or attempt.reason.aws_reason or "NOT_AUTHENTICATED"
    fields = client.fields()
    fields["authenticationType"] = "AWS_X509"
    fields["targetPort"] = attempt.transport.target_port
    fields["serverNameIndication"] = attempt.server_name
    fields["reason"] = reason
    fields["details"] = _AUTHENTICATION_ERRORS[reason]
    return LogEntry("Connection.AuthNError", True, fields)


def provisioning_entry(run: ProvisioningRun) -> LogEntry:
    """The entry of a provisioning run that has ended.

    AWS says that errors of auto-registration are logged, but not how: this is the entry documented
    for fleet provisioning.
    """
    failed = run.status.value == "FAILED"
    template_field = {"provisioningTemplateName": run.template_name} if run.template_name else {}
    details = f"{run.error_code}: {run.message}" if failed else "The device was provisioned."
    fields = {**template_field, "deviceCertificateId": run.certificate_id, "details": details}
    return LogEntry("ProvisionDevice", failed, fields)


def fleet_entry(call: FleetCall, certificate_id: str | None, error: str | None) -> LogEntry:
    """The entry of a request to fleet provisioning that did not lead to a provisioning run.

    Args:
        call: the request.
        certificate_id: the id of the device's new certificate, if it got one.
        error: why the request was refused; ``None`` for an accepted one.
    """
    fields: dict[str, Any] = {"details": error or "A certificate was issued to the device."}
    if certificate_id is not None:
        fields["deviceCertificateId"] = certificate_id
    if call.operation != "RegisterThing":
        return LogEntry("GetDeviceCredentials", error is not None, fields)
    fields["provisioningTemplateName"] = call.template_name
    return LogEntry("ProvisionDevice", error is not None, fields)


def operation_entry(
    event_type: str,
    client: Client,
    fields: Mapping[str, Any],
    *,
    not_authorized: bool = False,
    failed: bool = False,
) -> LogEntry:
    """The entry of a connected client's action, such as ``Publish-In``.

    Args:
        event_type: the event type.
        client: the client.
        fields: the fields of this event type, such as ``topicName``.
        not_authorized: whether the policies did not allow it.
        failed: whether it failed for another reason, which is in ``fields``.
    """
    failure_fields = _NOT_AUTHORIZED if not_authorized else {}
    return LogEntry(
        event_type, not_authorized or failed, {**client.fields(), **fields, **failure_fields}
    )


def ping_entry(client: Client, moment: datetime) -> LogEntry:
    """The entry of a ping, which is answered at once.

    Args:
        client: the client.
        moment: when it was received and answered, in UTC.
    """
    timestamp = _readable(moment)
    times = {"latency": "0", "requestTimestamp": timestamp, "responseTimestamp": timestamp}
    return LogEntry("Ping", False, {**client.fields(), **times}, for_debugging=True)


def shadow_entry(request: ShadowRequest, error: str | None = None) -> LogEntry:
    """The entry of a request to a thing's shadow.

    Args:
        request: the request.
        error: why it was refused; ``None`` if it was carried out.
    """
    shadow_suffix = f"~{request.shadow_name}" if request.shadow_name is not None else ""
    path = f"/name/{request.shadow_name}" if request.shadow_name is not None else ""
    fields = {
        "protocol": request.protocol,
        # The form of a named shadow is not documented; AWS's error texts have this one.
        "deviceShadowName": f"{request.thing_name}{shadow_suffix}",
        "topicName": f"$aws/things/{request.thing_name}/shadow{path}/{request.operation}",
        **({} if error is None else {"details": error}),
    }
    event_type = f"{request.operation.capitalize()}ThingShadow"
    return LogEntry(event_type, error is not None, fields)


def job_entry(request: JobRequest, error: str | None = None) -> LogEntry:
    """The entry of a device's request about its jobs.

    Args:
        request: the request.
        error: why it was refused; ``None`` if it was carried out.
    """
    destination = "" if request.status is None else f"The destination status is {request.status}. "
    outcome = "SUCCESS." if error is None else f"FAILURE. {error}"
    job_fields = {
        "jobId": request.job_id,
        "clientToken": request.client_token,
        "versionNumber": None if request.version is None else str(request.version),
    }
    fields = {
        "protocol": request.protocol,
        "clientId": request.client_id,
        "topicName": request.topic,
        **{name: value for name, value in job_fields.items() if value is not None},
        "details": f"{destination}The request status is {outcome}",
    }
    return LogEntry(request.event_type, error is not None, fields, for_debugging=True)


_COUNTED = ("QUEUED", "IN_PROGRESS", "FAILED", "SUCCEEDED", "CANCELED", "REJECTED", "REMOVED")


def final_count_entry(job_id: str, counts: Mapping[str, int]) -> LogEntry:
    """The entry of a job that has completed.

    Args:
        job_id: the job.
        counts: how many executions have each status.
    """
    count_texts = " ".join(
        f"{status} job execution count: {counts.get(status, 0)}" for status in _COUNTED
    )
    fields = {"jobId": job_id, "details": f"Job {job_id} completed. {count_texts}"}
    return LogEntry("ReportFinalJobExecutionCount", False, fields)


class LogWriter:
    """Writes entries into the log groups of one account and Region.

    Args:
        account_id: the account.
        region_name: the Region.
    """

    def __init__(self, account_id: str, region_name: str) -> None:
        self._account_id = account_id
        self._region_name = region_name
        digits = hashlib.sha256(f"{account_id}/{region_name}".encode()).hexdigest()
        self._stream = f"{uuid.UUID(hex=digits[:32])}_{account_id}_0"

    def write(self, group: str, moment: datetime, entry: LogEntry, trace_id: str) -> None:
        """Write an entry as JSON.

        Args:
            group: the log group, which is made if it does not exist.
            moment: when it happened, in UTC.
            entry: the entry.
            trace_id: the same for all entries of one request.
        """
        text = {
            "timestamp": _readable(moment),
            "logLevel": entry.level,
            "traceId": trace_id,
            "accountId": self._account_id,
            "status": "Failure" if entry.failed else "Success",
            "eventType": entry.event_type,
            **entry.fields,
        }
        self._put(group, moment, json.dumps(text))

    def write_plain(self, group: str, moment: datetime, entry: LogEntry, trace_id: str) -> None:
        """Write an entry as text, as the first generation of IoT logging does.

        Its form is no longer documented (the form is ours, the field names are AWS's).
        """
        principal = entry.fields.get("principalId", entry.fields.get("deviceCertificateId"))
        parts = [
            _readable(moment),
            f"TRACEID:{trace_id}",
            f"PRINCIPALID:{principal or 'N/A'}",
            f"[{entry.level}]",
            f"EVENT:{entry.event_type}",
            *(f"{n}:{v}" for n, v in entry.fields.items() if n in ("clientId", "topicName")),
            f"MESSAGE:{entry.fields.get('details', 'Failure' if entry.failed else 'Success')}",
        ]
        self._put(group, moment, " ".join(parts))

    def _put(self, group: str, moment: datetime, message: str) -> None:
        logs = logs_backends[self._account_id][self._region_name]
        if group not in logs.groups:
            logs.ensure_log_group(group)
            logs.put_retention_policy(group, _RETENTION_DAYS)  # type: ignore[arg-type]
        logs.ensure_log_stream(group, self._stream)
        event = {"timestamp": int(moment.timestamp() * 1000), "message": message}
        # Not through the backend, which refuses entries that are 14 days old: AWS would have
        # written it in time, but here a slow run may be carried out that late.
        log_group: LogGroup = logs.groups[group]
        log_group.put_log_events(self._stream, [event])


def _readable(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def new_trace_id() -> str:
    """Return an identifier for the entries of one request."""
    return str(uuid.uuid4())
