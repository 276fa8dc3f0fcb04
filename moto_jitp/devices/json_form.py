"""Attempts, runs and events as JSON objects, and back: what the server and its clients exchange.

The one place that knows the names of the fields; ``openapi.py`` of the server describes them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason
from moto_jitp.history.messages import Event
from moto_jitp.history.runs import (
    ProvisioningRun,
    ProvisioningStep,
    RunStatus,
    StepResult,
    pack_steps,
)

from .refusal import explain
from .runs import ListedRun

Json = dict[str, Any]


def attempt_to_json(attempt: ConnectionAttempt) -> Json:
    """Return an attempt as a JSON object; its ``id`` is the attempt's sequence number."""
    reason, run = attempt.reason, attempt.provisioning
    return {
        "id": attempt.sequence,
        "accepted": attempt.accepted,
        "reason": reason.value if reason else None,
        "awsReason": reason.aws_reason if reason else None,
        "message": attempt.message,
        "advice": attempt.advice,
        "certificateId": attempt.certificate_id,
        "subject": attempt.subject,
        "clientId": attempt.client_id,
        "serverName": attempt.server_name,
        "accountId": attempt.account_id,
        "regionName": attempt.region_name,
        "timestamp": attempt.timestamp.isoformat(),
        "provisioning": run_to_json(run) if run is not None else None,
    }


def attempt_from_json(value: Mapping[str, Any]) -> ConnectionAttempt:
    """Return the attempt that :func:`attempt_to_json` described."""
    reason, run = value["reason"], value["provisioning"]
    return ConnectionAttempt(
        accepted=value["accepted"],
        reason=RefusalReason(reason) if reason is not None else None,
        message=value["message"],
        advice=value["advice"],
        certificate_id=value["certificateId"],
        subject=value["subject"],
        client_id=value["clientId"],
        server_name=value["serverName"],
        account_id=value["accountId"],
        region_name=value["regionName"],
        timestamp=datetime.fromisoformat(value["timestamp"]),
        sequence=value["id"],
        provisioning=run_from_json(run) if run is not None else None,
    )


def run_to_json(run: ProvisioningRun) -> Json:
    """Return a provisioning run as a JSON object."""
    return {
        "status": run.status.value,
        "templateName": run.template_name,
        "parameters": dict(run.parameters),
        "wanted": list(run.wanted),
        "steps": [
            {
                "action": step.action,
                "resource": step.resource,
                "result": step.result.value,
                "errorCode": step.error_code,
                "message": step.message,
            }
            for step in run.steps
        ],
        "resourceArns": dict(run.resource_arns),
        "thingName": run.thing_name,
        "certificateId": run.certificate_id,
        "certificateStatus": run.certificate_status,
        "errorCode": run.error_code,
        "message": run.message,
        "advice": run.advice,
        "place": run.place,
        "roleArn": run.role_arn,
    }


def listed_run_to_json(listed: ListedRun) -> Json:
    """Return a run with where it belongs as a JSON object."""
    where = {"id": listed.id, "connectionId": listed.connection_id, "type": listed.type}
    return where | run_to_json(listed.run)


def run_from_json(value: Mapping[str, Any]) -> ProvisioningRun:
    """Return the run that :func:`run_to_json` described."""
    steps = [
        ProvisioningStep(
            step["action"],
            step["resource"],
            StepResult(step["result"]),
            step["errorCode"],
            step["message"],
        )
        for step in value["steps"]
    ]
    return ProvisioningRun(
        status=RunStatus(value["status"]),
        template_name=value["templateName"],
        parameters=value["parameters"],
        wanted=tuple(value["wanted"]),
        record=pack_steps(steps),
        resource_arns=value["resourceArns"],
        thing_name=value["thingName"],
        certificate_id=value["certificateId"],
        certificate_status=value["certificateStatus"],
        error_code=value["errorCode"],
        message=value["message"],
        advice=value["advice"],
        place=value["place"],
        role_arn=value["roleArn"],
    )


def outcome_to_json(
    attempts: Sequence[ConnectionAttempt], certificate_arn: str, thing_name: str | None
) -> Json:
    """Return what became of a device that connected.

    Args:
        attempts: every attempt that it made, oldest first.
        certificate_arn: the ARN of its certificate, if that is registered.
        thing_name: the thing that the certificate is attached to, if it is.
    """
    last = attempts[-1]
    run = next((one.provisioning for one in reversed(attempts) if one.provisioning), None)
    return {
        "accepted": last.accepted,
        "reason": last.reason.value if last.reason else None,
        "message": last.message,
        "advice": last.advice,
        "connectionId": last.sequence,
        "certificateId": last.certificate_id,
        "certificateArn": certificate_arn,
        "clientId": last.client_id,
        "thingName": thing_name,
        "attempts": [attempt_to_json(attempt) for attempt in attempts],
        "provisioning": run_to_json(run) if run is not None else None,
        "explanation": "\n".join(explain(attempt) for attempt in attempts),
    }


def event_to_json(event: Event) -> Json:
    """Return an event as a JSON object.

    What AWS IoT publishes stands in ``payload``, a device's text in ``payloadText``, and what is
    no text in ``payloadBase64``.
    """
    form: Json = {
        "topic": event.topic,
        "accountId": event.account_id,
        "regionName": event.region_name,
    }
    if not isinstance(event.payload, bytes):
        return form | {"payload": event.payload}
    try:
        return form | {"payloadText": event.payload.decode("utf-8")}
    except UnicodeDecodeError:
        return form | {"payloadBase64": base64.b64encode(event.payload).decode("ascii")}


def event_from_json(value: Mapping[str, Any]) -> Event:
    """Return the event that :func:`event_to_json` described."""
    payload = value["payload"] if "payload" in value else payload_from_json(value)
    return Event(value["topic"], payload, value["accountId"], value["regionName"])


def payload_from_json(value: Mapping[str, Any]) -> bytes:
    """Return the bytes of a message given as ``payloadText`` or ``payloadBase64``.

    Raises:
        ValueError: the one is no text that UTF-8 can write, or the other is no base64.
    """
    if "payloadText" in value:
        return str(value["payloadText"]).encode("utf-8")
    try:
        return base64.b64decode(value["payloadBase64"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"payloadBase64 is no base64: {error}.") from None
