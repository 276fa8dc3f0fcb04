"""The events of jobs and their executions, if they are switched on.

https://docs.aws.amazon.com/iot/latest/developerguide/events-jobs.html
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from moto.core.utils import unix_time
from moto.iot.models import FakeJob

from moto_jitp.iot.registry.registry import Registry

from .executions import Job, JobExecution

_COUNTED = ("Canceled", "Rejected", "Failed", "Removed", "Succeeded", "TimedOut")


def tell_of_job(registry: Registry, happened: str, job: Job, status: str | None = None) -> None:
    """Publish what has happened to a job.

    Args:
        registry: the account's and Region's tables.
        happened: ``completed``, ``canceled``, ``cancellation_in_progress``, ``deleted`` or
            ``deletion_in_progress``.
        job: the job.
        status: the status that the event names; ``None`` for the job's own.
    """
    if "JOB" not in registry.events.on:
        return
    members = {
        "timestamp": int(unix_time()),
        "jobId": job.job_id,
        "status": status or job.status,
        "targetSelection": job.target_selection,
        "targets": list(job.targets),
        "description": job.description,
        **_times(job),
    }
    if happened == "completed":
        counts = job.job_process_details
        names = [f"numberOf{name}Things" for name in _COUNTED]
        members["jobProcessDetails"] = {name: counts[name] for name in names}
    elif job.comment is not None:
        members["comment"] = job.comment
    registry.events.publish(f"job/{job.job_id}", "JOB", happened, members)


def _times(job: FakeJob) -> dict[str, int]:
    times: dict[str, Any] = {
        "completedAt": job.completed_at,
        "createdAt": job.created_at,
        "lastUpdatedAt": job.last_updated_at,
    }
    return {
        name: int(unix_time(moment) * 1000)
        for name, moment in times.items()
        if isinstance(moment, datetime)
    }


def tell_of_execution(
    registry: Registry, execution: JobExecution, happened: str | None = None
) -> None:
    """Publish that an execution has ended, or was deleted.

    Args:
        registry: the account's and Region's tables.
        execution: the execution.
        happened: ``deleted``; ``None`` for its status.
    """
    if "JOB_EXECUTION" not in registry.events.on:
        return
    operation = happened or execution.status.lower()
    members = {
        "timestamp": int(unix_time()),
        "jobId": execution.job_id,
        "thingArn": execution.thing_arn,
        "status": execution.status,
        "statusDetails": dict(execution.status_details_map),
    }
    topic_part = f"jobExecution/{execution.job_id}"
    registry.events.publish(topic_part, "JOB_EXECUTION", operation, members)
