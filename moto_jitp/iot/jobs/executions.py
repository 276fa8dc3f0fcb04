"""Jobs and their executions, and how they move from status to status.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-jobs-lifecycle.html
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import unix_time, utcnow
from moto.iot.models import FakeJob, FakeJobExecution

from moto_jitp.iot.api.outputs import without_null

PENDING = ("IN_PROGRESS", "QUEUED")
DEVICE_STATUSES = ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")
"""The statuses that a device may set."""

_MOST_DETAILS = 10
_LONGEST_DETAIL = 1024
_DETAIL_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")

_COUNTS = {
    "CANCELED": "numberOfCanceledThings",
    "SUCCEEDED": "numberOfSucceededThings",
    "FAILED": "numberOfFailedThings",
    "REJECTED": "numberOfRejectedThings",
    "QUEUED": "numberOfQueuedThings",
    "IN_PROGRESS": "numberOfInProgressThings",
    "REMOVED": "numberOfRemovedThings",
    "TIMED_OUT": "numberOfTimedOutThings",
}


def defect_of_details(details: Mapping[str, str]) -> str | None:
    """Return what is wrong with status details; ``None`` if nothing is.

    https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html#job-limits

    Args:
        details: the details.
    """
    if len(details) > _MOST_DETAILS:
        return f"statusDetails has {len(details)} pairs; at most {_MOST_DETAILS} are allowed."
    for name, value in details.items():
        if not _DETAIL_NAME.fullmatch(name):
            return (
                f"The name {name!r} in statusDetails is not valid: it must have 1 to 128 letters, "
                "digits and : _ -."
            )
        if not 1 <= len(value) <= _LONGEST_DETAIL:
            return (
                f"The value of {name} in statusDetails has {len(value)} characters; it must have "
                f"1 to {_LONGEST_DETAIL}."
            )
        if any(unicodedata.category(sign).startswith("C") for sign in value):
            return f"The value of {name} in statusDetails has a control character."
    return None


class JobExecution(FakeJobExecution):
    """One thing's execution of a job.

    Args:
        job: the job.
        thing_arn: the thing's ARN.
    """

    def __init__(self, job: FakeJob, thing_arn: str) -> None:
        super().__init__(job.job_id, thing_arn)
        self.started_at = None  # type: ignore[assignment] # moto has every execution started
        self.execution_number = 1
        self.version_number = 1
        self._minutes: int | None = (job.timeout_config or {}).get("inProgressTimeoutInMinutes")
        self._step_deadline: datetime | None = None

    @property
    def thing_name(self) -> str:
        """The thing's name."""
        return str(self.thing_arn.partition(":thing/")[2])

    @property
    def is_pending(self) -> bool:
        """Whether it has not ended."""
        return self.status in PENDING

    @property
    def deadline(self) -> datetime | None:
        """When it times out, in UTC without a time zone; ``None`` if it does not."""
        if self.status != "IN_PROGRESS":
            return None
        deadlines = [] if self._step_deadline is None else [self._step_deadline]
        if self._minutes is not None and self.started_at is not None:
            deadlines.append(self.started_at + timedelta(minutes=self._minutes))
        return min(deadlines, default=None)

    def limit_to(self, minutes: int | None) -> None:
        """Let it time out this many minutes after its start; ``None`` for never."""
        self._minutes = minutes

    def update(
        self, status: str, details: dict[str, str] | None = None, step_minutes: int | None = None
    ) -> None:
        """Move to a status.

        Args:
            status: the status, which may be the present one.
            details: the new status details; ``None`` leaves them unchanged.
            step_minutes: when the step times out, in minutes from now; -1 ends that timer.
        """
        now = utcnow()
        if status == "IN_PROGRESS" and self.started_at is None:
            self.started_at = now
        self.status = status
        if details is not None:
            self.status_details_map = dict(details)
        if step_minutes is not None:
            ahead = None if step_minutes == -1 else timedelta(minutes=step_minutes)
            self._step_deadline = None if ahead is None else now + ahead
        self.last_updated_at = now
        self.version_number += 1

    def to_get_dict(self) -> dict[str, Any]:
        described: dict[str, Any] = super().to_get_dict()
        del described["approximateSecondsBeforeTimedOut"]
        deadline = self.deadline
        if deadline is not None:
            seconds_left = (deadline - utcnow()).total_seconds()
            described["approximateSecondsBeforeTimedOut"] = max(0, int(seconds_left))
        return without_null(described)

    def to_dict(self) -> dict[str, Any]:
        description: dict[str, Any] = super().to_dict()
        return {
            **description,
            "jobExecutionSummary": without_null(description["jobExecutionSummary"]),
        }

    def summary(self) -> dict[str, Any]:
        """Return it as in GetPendingJobExecutions and ``notify``, with times in seconds."""
        times = {
            "queuedAt": self.queued_at,
            "startedAt": self.started_at,
            "lastUpdatedAt": self.last_updated_at,
        }
        return {
            "jobId": self.job_id,
            **{name: int(unix_time(time)) for name, time in times.items() if time is not None},
            "versionNumber": self.version_number,
            "executionNumber": self.execution_number,
        }

    def state(self) -> dict[str, Any]:
        """Return its ``executionState``."""
        return {
            "status": self.status,
            "statusDetails": dict(self.status_details_map),
            "versionNumber": self.version_number,
        }


class Job(FakeJob):
    """A job whose status and counts follow from its executions.

    Attributes:
        executions: its executions by the thing's name.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.status = "IN_PROGRESS"
        self.target_selection = self.target_selection or "SNAPSHOT"
        self.executions: dict[str, JobExecution] = {}

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return bool(self.status == "IN_PROGRESS")

    @property
    def job_process_details(self) -> dict[str, Any]:
        """How many of its executions have each status."""
        counts = dict.fromkeys(_COUNTS.values(), 0)
        for execution in self.executions.values():
            counts[_COUNTS[execution.status]] += 1
        return counts

    @job_process_details.setter
    def job_process_details(self, ignored: Any) -> None:
        """Ignore the fixed value that moto sets."""

    def complete(self) -> bool:
        """End with the last of its executions.

        Returns:
            Whether it ended now.
        """
        if (
            not self.is_open
            or self.target_selection == "CONTINUOUS"
            or any(execution.is_pending for execution in self.executions.values())
        ):
            return False
        self.status = "COMPLETED"
        self.completed_at = self.last_updated_at = utcnow()  # type: ignore[assignment]
        return True

    def parsed_document(self) -> Any:
        """Return its document as devices receive it over MQTT."""
        return json.loads(self.document)
