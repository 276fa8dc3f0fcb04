"""The MQTT API of jobs: devices' requests and their answers.

https://docs.aws.amazon.com/iot/latest/developerguide/jobs-mqtt-api.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from moto.core.utils import unix_time

from moto_jitp.monitoring.logs import Client, JobRequest, job_entry

from .executions import defect_of_details
from .jobs import JobRefused, Jobs

_KINDS: Mapping[str, type] = {
    "clientToken": str,
    "status": str,
    "statusDetails": dict,
    "stepTimeoutInMinutes": int,
    "expectedVersion": int,
    "executionNumber": int,
    "includeJobDocument": bool,
    "includeJobExecutionState": bool,
}
_LONGEST_STEP = 10080


def answer_request(
    jobs: Jobs,
    thing_name: str,
    job_id: str | None,
    request: str,
    payload: bytes,
    *,
    client_id: str,
) -> tuple[str, dict[str, Any]]:
    """Carry out the request in a message on a reserved topic of jobs.

    Args:
        jobs: the account's and Region's jobs.
        thing_name: the thing of the topic.
        job_id: the job of the topic, or ``$next``; ``None`` if it has none.
        request: ``get``, ``start-next`` or ``update``.
        payload: the message.
        client_id: the client that sent it.

    Returns:
        ``accepted`` or ``rejected``, and the answer.
    """
    token: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    place = thing_name, job_id, request
    now = int(unix_time())
    try:
        arguments.update(_members(payload))
        token = {name: arguments[name] for name in ("clientToken",) if name in arguments}
        answer = carry_out(jobs, thing_name, job_id, request, arguments)
        log_request(jobs, *place, arguments, client_id=client_id)
        return "accepted", {**answer, "timestamp": now, **token}
    except JobRefused as refused:
        log_request(jobs, *place, arguments, client_id=client_id, error=str(refused))
        state = {} if refused.state is None else {"executionState": refused.state}
        body = {"code": refused.code, "message": str(refused), "timestamp": now}
        return "rejected", {**body, **state, **token}


def carry_out(
    jobs: Jobs, thing_name: str, job_id: str | None, request: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Carry out a request of a device, however it was sent.

    Args:
        jobs: the account's and Region's jobs.
        thing_name: the thing.
        job_id: as for :func:`answer_request`.
        request: as for :func:`answer_request`.
        arguments: its members.

    Returns:
        The answer's members, job documents parsed.

    Raises:
        JobRefused: it is refused.
    """
    details, step = arguments.get("statusDetails"), arguments.get("stepTimeoutInMinutes")
    if step is not None and step != -1 and not 1 <= step <= _LONGEST_STEP:
        raise JobRefused(
            "InvalidRequest",
            f"stepTimeoutInMinutes is {step}; it must be -1, or from 1 to {_LONGEST_STEP}.",
        )
    fault = defect_of_details(details or {})
    if fault is not None:
        raise JobRefused("InvalidRequest", fault)
    if request == "update":
        updated = jobs.update_execution(
            thing_name,
            str(job_id),
            arguments.get("status", ""),
            details=details,
            expected_version=arguments.get("expectedVersion"),
            number=arguments.get("executionNumber"),
            step_minutes=step,
        )
        answer: dict[str, Any] = {}
        if arguments.get("includeJobExecutionState"):
            answer["executionState"] = updated.state()
        if arguments.get("includeJobDocument"):
            answer["jobDocument"] = jobs.job_of(updated).parsed_document()
        return answer
    if request == "start-next":
        execution = jobs.start_next(thing_name, details, step)
        with_document = True
    elif job_id is None:
        pending_executions = jobs.pending(thing_name)
        return {
            name: [
                execution.summary()
                for execution in pending_executions
                if execution.status == status
            ]
            for name, status in (("inProgressJobs", "IN_PROGRESS"), ("queuedJobs", "QUEUED"))
        }
    else:
        with_document = arguments.get("includeJobDocument", True)
        if job_id == "$next":
            execution = next(iter(jobs.pending(thing_name)), None)
        else:
            execution = jobs.execution_of(thing_name, job_id, arguments.get("executionNumber"))
            if not execution.is_pending:
                message = f"The execution has ended: it is {execution.status}."
                raise JobRefused("TerminalStateReached", message, execution)
    if execution is None:
        return {}
    return {"execution": jobs.described(execution, with_document=with_document)}


def log_request(
    jobs: Jobs,
    thing_name: str,
    job_id: str | None,
    request: str,
    arguments: Mapping[str, Any],
    *,
    client_id: str | None = None,
    error: str | None = None,
) -> None:
    """Log a request of a device if the logging options say so.

    Args:
        jobs: the account's and Region's jobs.
        thing_name: the thing.
        job_id: as for :func:`answer_request`.
        request: as for :func:`answer_request`.
        arguments: its members.
        client_id: the client that sent it; ``None`` for a request over HTTPS.
        error: why it was refused; ``None`` if it was carried out.
    """
    if not jobs.logging.is_logging:
        return
    path = request if job_id is None else f"{job_id}/{request}"
    job_request = JobRequest(
        _EVENT_TYPES[job_id is not None, request],
        f"$aws/things/{thing_name}/jobs/{path}",
        thing_name if client_id is None else client_id,
        "HTTP" if client_id is None else "MQTT",
        job_id,
        arguments.get("clientToken"),
        arguments.get("status"),
        arguments.get("expectedVersion"),
    )
    client = Client(job_request.client_id, "", "", protocol=job_request.protocol)
    jobs.logging.log(client, datetime.now(timezone.utc), [job_entry(job_request, error)])


_EVENT_TYPES = {
    (False, "get"): "GetPendingJobExecution",
    (False, "start-next"): "StartNextPendingJobExecution",
    (True, "get"): "DescribeJobExecution",
    (True, "update"): "UpdateJobExecution",
}


def _members(payload: bytes) -> dict[str, Any]:
    try:
        members = json.loads(payload or b"{}")
    except (ValueError, RecursionError):
        raise JobRefused("InvalidJson", "The message is not valid JSON.") from None
    if not isinstance(members, dict):
        raise JobRefused("InvalidJson", "The message is not a JSON object.")
    for name, kind in _KINDS.items():
        value = members.get(name)
        if value is None:
            members.pop(name, None)
        elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise JobRefused("InvalidRequest", f"{name} must be of the type {kind.__name__}.")
    if not all(isinstance(value, str) for value in members.get("statusDetails", {}).values()):
        raise JobRefused("InvalidRequest", "The values of statusDetails must be strings.")
    return members
