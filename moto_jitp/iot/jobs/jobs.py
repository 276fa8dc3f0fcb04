"""Jobs: made and cancelled by the account, carried out by its things.

Timeouts follow the test's clock: the next call of any service, or the next action of a device, ends
what has timed out. The execution of a thing that is deleted, or leaves the last group through which
a job targets it, is REMOVED. https://docs.aws.amazon.com/iot/latest/developerguide/iot-jobs.html
"""

from __future__ import annotations

import heapq
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from botocore.exceptions import ClientError
from moto.core.utils import unix_time, utcnow
from moto.iot.models import FakeJob, FakeThing, FakeThingGroup, IoTBackend

from moto_jitp import settings
from moto_jitp.aws.clients import client_of
from moto_jitp.broker.message_broker import HandingOnLater, publish
from moto_jitp.due_work import Turn, finishes
from moto_jitp.history.messages import AwsMessage
from moto_jitp.history.state import existing_backends
from moto_jitp.iot.account.logging_options import LoggingOptions
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.exceptions import (
    InvalidRequest,
    IoTError,
    LimitExceeded,
    ResourceAlreadyExists,
    ResourceNotFound,
    VersionConflict,
)
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.monitoring.logs import Client, final_count_entry

from .executions import DEVICE_STATUSES, Job, JobExecution, defect_of_details
from .job_events import tell_of_execution, tell_of_job

_SOURCE = re.compile(
    r"https://(?:s3[.-][a-z0-9.-]*amazonaws\.com/(?P<first>[^/]+)"
    r"|(?P<host>[a-z0-9.-]+?)\.s3[a-z0-9.-]*\.amazonaws\.com)/(?P<key>.+)"
)
_PLACEHOLDER = re.compile(r"\$\{aws:iot:[^}]*\}")
_MOST_LISTED = 15
_MOST_TARGETS = 100


class JobRefused(Exception):  # noqa: N818 - becomes a message on …/rejected, or an HTTP error
    """A device's request is refused.

    Args:
        code: the code of the MQTT API.
        message: the text (own wording).
        execution: the execution, whose state goes into the answer.

    https://docs.aws.amazon.com/iot/latest/developerguide/jobs-api.html
    """

    def __init__(self, code: str, message: str, execution: JobExecution | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.state = None if execution is None else execution.state()


class Jobs:
    """The jobs of an account and Region, in moto's own tables.

    Args:
        registry: the account's and Region's tables.
        logging: logs requests of devices, and how jobs end.
    """

    def __init__(self, registry: Registry, logging: LoggingOptions) -> None:
        self._registry = registry
        self.logging = logging
        self._moto: Any = registry.moto
        # The executions that have not ended, by the thing's name and the job's id, in the order of
        # queueing.
        self._queues: dict[str, dict[str, JobExecution]] = {}
        # When executions time out, the earliest first; some may since have ended or been prolonged.
        self._deadlines: list[tuple[datetime, int, JobExecution]] = []
        self._numbers = itertools.count()
        self._of_groups: dict[str, dict[str, Job]] = {}
        registry.on_thing_deleted.append(self._thing_deleted)
        registry.on_membership.append(self._membership_changed)

    # Actions of the account.

    def create_job(self, job_id: str, targets: list[str], **members: Any) -> tuple[str, str, str]:
        """Make a job, and queue an execution for each of its things.

        With ``strict`` off moto makes it, and devices do not see it.

        Args:
            job_id: its id.
            targets: the ARNs of things and thing groups.
            members: the other parameters of moto's method.

        Returns:
            Its ARN, its id and its description.

        Raises:
            IoTError: the id is taken, a target is missing, or there is not exactly one document.
        """
        if not settings.current().strict:
            created_job: tuple[str, str, str] = IoTBackend.create_job(
                self._moto, job_id, targets, **members
            )
            return created_job
        with HandingOnLater(), self._registry.lock:
            if job_id in self._moto.jobs:
                arn = self._registry.arn(f"job/{job_id}")
                raise ResourceAlreadyExists(f"Job {job_id} already exists.", job_id, arn)
            members["document"] = self._document(**members)
            things = list(dict.fromkeys(self._things_of(targets)))
            job = Job(
                job_id=job_id,
                targets=targets,
                account_id=self._registry.account_id,
                region_name=self._registry.region_name,
                **members,
            )
            with self._telling(map(_name_in, things)):
                self._moto.jobs[job_id] = job
                for arn in things:
                    self._queue(job, arn)
            self._follow_groups(job, targets)
            return job.job_arn, job_id, job.description

    def associate_targets(self, job_id: str, targets: list[str], comment: str | None) -> FakeJob:
        """Add targets to a job that is CONTINUOUS.

        https://docs.aws.amazon.com/iot/latest/apireference/API_AssociateTargetsWithJob.html

        Args:
            job_id: the job.
            targets: the ARNs of things and thing groups; present targets are kept.
            comment: why; ``None`` leaves the previous comment.

        Raises:
            IoTError: there is no such job or target, the job is not CONTINUOUS or not IN_PROGRESS,
                or it would have more than 100 targets.
        """
        with HandingOnLater(), self._registry.lock:
            job = self._require_job(job_id)
            if not isinstance(job, Job) or job.target_selection != "CONTINUOUS":
                raise InvalidRequest(
                    f"Job {job_id} accepts no more targets: its targetSelection is "
                    f"{job.target_selection}, not CONTINUOUS."
                )
            if job.status != "IN_PROGRESS":
                raise InvalidRequest(f"Job {job_id} accepts no more targets: it is {job.status}.")
            all_targets = list(dict.fromkeys([*job.targets, *targets]))
            if len(all_targets) > _MOST_TARGETS:
                raise LimitExceeded(
                    f"Job {job_id} would have {len(all_targets)} targets; at most {_MOST_TARGETS} "
                    "are allowed."
                )
            things = list(dict.fromkeys(self._things_of(targets)))
            new_things = [arn for arn in things if _name_in(arn) not in job.executions]
            with self._telling(map(_name_in, new_things)):
                job.targets = all_targets
                if comment is not None:
                    job.comment = comment
                for arn in new_things:
                    self._queue(job, arn)
            self._follow_groups(job, targets)
            job.last_updated_at = utcnow()
            return job

    def update_job(
        self, job_id: str, description: str | None, timeout: dict[str, int] | None
    ) -> None:
        """Change a job's description, and how long an execution may be in progress.

        A new time limit also applies to executions that start later, and to those in progress from
        their start (not documented by AWS).
        https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateJob.html

        Args:
            job_id: the job.
            description: its new description; ``None`` leaves it.
            timeout: its new ``timeoutConfig``; ``None`` leaves it.

        Raises:
            IoTError: there is no such job, or it has ended.
        """
        self.expire()
        with self._registry.lock:
            job = self._require_job(job_id)
            if job.status in ("CANCELED", "COMPLETED"):
                raise InvalidRequest(f"Job {job_id} cannot be updated: it is {job.status}.")
            if description is not None:
                job.description = description
            if timeout is not None:
                job.timeout_config = timeout
                for execution in getattr(job, "executions", {}).values():
                    execution.limit_to(timeout.get("inProgressTimeoutInMinutes"))
                    self._note_deadline(execution)
            job.last_updated_at = utcnow()

    def cancel_job(self, job_id: str, reason_code: str, comment: str, force: bool) -> FakeJob:
        """Cancel a job with its queued executions, and with force those in progress, too.

        Raises:
            IoTError: there is no such job, or it has ended.
        """
        self.expire()
        job = self._require_job(job_id)
        if not isinstance(job, Job):
            return IoTBackend.cancel_job(self._moto, job_id, reason_code, comment, force)
        if job.status == "COMPLETED":
            raise InvalidRequest(f"Job {job_id} cannot be cancelled: it is {job.status}.")
        cancelled = ("QUEUED", "IN_PROGRESS") if force else ("QUEUED",)
        with HandingOnLater(), self._registry.lock, self._telling(job.executions):
            job.reason_code, job.comment, job.force = reason_code, comment, bool(force)
            started = "CANCELLATION_IN_PROGRESS"
            tell_of_job(self._registry, started.lower(), job, started)
            for execution in job.executions.values():
                if execution.status in cancelled:
                    execution.force_canceled = execution.status == "IN_PROGRESS"
                    self._advance(execution, "CANCELED")
            job.status = "CANCELED"
            job.last_updated_at = now = utcnow()
            job.completed_at = now  # type: ignore[assignment] # moto ends none
            tell_of_job(self._registry, "canceled", job)
        return job

    def delete_job(self, job_id: str, force: bool) -> None:
        """Delete a job with its executions.

        Raises:
            IoTError: there is no such job, or it is in progress and ``force`` is off.
        """
        self.expire()
        job = self._require_job(job_id)
        if not isinstance(job, Job):
            IoTBackend.delete_job(self._moto, job_id, force)
            return
        if job.status == "IN_PROGRESS" and not force:
            raise _invalid_transition(f"Job {job_id} is IN_PROGRESS: cancel it, or use force.")
        with HandingOnLater(), self._registry.lock, self._telling(list(job.executions)):
            started = "DELETION_IN_PROGRESS"
            tell_of_job(self._registry, started.lower(), job, started)
            for execution in list(job.executions.values()):
                self._forget(job, execution)
            for followed in self._of_groups.values():
                followed.pop(job_id, None)
            del self._moto.jobs[job_id]
            tell_of_job(self._registry, "deleted", job, "DELETED")

    def describe_job(self, job_id: str) -> FakeJob:
        self.expire()
        return self._require_job(job_id)

    def get_job_document(self, job_id: str) -> FakeJob:
        return self._require_job(job_id)

    def describe_job_execution(self, job_id: str, thing_name: str, number: int | None) -> Any:
        self.expire()
        return self._require_execution(job_id, thing_name, number)

    def cancel_job_execution(
        self,
        job_id: str,
        thing_name: str,
        force: bool,
        expected_version: int | None = None,
        details: dict[str, str] | None = None,
    ) -> None:
        """Cancel one thing's execution.

        https://docs.aws.amazon.com/iot/latest/apireference/API_CancelJobExecution.html

        Args:
            job_id: the job.
            thing_name: the thing.
            force: whether it may be in progress.
            expected_version: the version that it must have; ``None`` for any.
            details: its new status details; ``None`` leaves them.

        Raises:
            IoTError: there is none, it has ended, it is in progress and ``force`` is off, there
                are too many details, or it has another version.
        """
        self.expire()
        execution = self._require_execution(job_id, thing_name)
        if not isinstance(execution, JobExecution):
            IoTBackend.cancel_job_execution(self._moto, job_id, thing_name, force)
            return
        fault = defect_of_details(details or {})
        if fault is not None:
            raise InvalidRequest(fault)
        if expected_version not in (None, execution.version_number):
            raise VersionConflict(
                "job execution",
                f"{job_id} of {thing_name}",
                execution.version_number,
                int(expected_version or 0),
            )
        if not execution.is_pending or (execution.status == "IN_PROGRESS" and not force):
            raise _invalid_transition(
                f"The execution of job {job_id} on {thing_name} is {execution.status}."
            )
        with HandingOnLater(), self._registry.lock, self._telling([thing_name]):
            execution.force_canceled = execution.status == "IN_PROGRESS"
            self._advance(execution, "CANCELED", details)
            self._complete(self.job_of(execution))

    def delete_job_execution(
        self, job_id: str, thing_name: str, execution_number: int, force: bool
    ) -> None:
        """Delete one thing's execution.

        Raises:
            IoTError: there is none, or it has not ended and ``force`` is off.
        """
        self.expire()
        execution = self._require_execution(job_id, thing_name, execution_number)
        if not isinstance(execution, JobExecution):
            IoTBackend.delete_job_execution(self._moto, job_id, thing_name, execution_number, force)
            return
        if execution.is_pending and not force:
            raise _invalid_transition(
                f"The execution of job {job_id} on {thing_name} is {execution.status}."
            )
        with HandingOnLater(), self._registry.lock, self._telling([thing_name]):
            job = self._moto.jobs[job_id]
            self._forget(job, execution)
            tell_of_execution(self._registry, execution, "deleted")
            self._complete(job)

    # Actions of devices.

    def pending(self, thing_name: str) -> list[JobExecution]:
        """Return a thing's executions that have not ended, the next one first.

        Raises:
            JobRefused: there is no such thing.
        """
        if self._registry.find_thing(thing_name) is None:
            raise JobRefused("ResourceNotFound", f"There is no thing {thing_name}.")
        self.expire()
        return self._pending(thing_name)

    def start_next(
        self, thing_name: str, details: dict[str, str] | None, step_minutes: int | None
    ) -> JobExecution | None:
        """Start the next execution of a thing; one in progress is left unchanged.

        Returns:
            The execution; ``None`` if none is pending.
        """
        with HandingOnLater(), self._registry.lock:
            execution = next(iter(self.pending(thing_name)), None)
            if execution is not None and execution.status == "QUEUED":
                self._advance(execution, "IN_PROGRESS", details, step_minutes)
            return execution

    def execution_of(self, thing_name: str, job_id: str, number: int | None = None) -> JobExecution:
        """Return a thing's execution of a job.

        Args:
            thing_name: the thing.
            job_id: the job.
            number: the execution's number; ``None`` for any.

        Raises:
            JobRefused: there is none.
        """
        self.expire()
        execution = self._moto.job_executions.get((job_id, thing_name))
        if not isinstance(execution, JobExecution) or number not in (
            None,
            execution.execution_number,
        ):
            raise JobRefused(
                "ResourceNotFound", f"The thing {thing_name} has no execution of job {job_id}."
            )
        return execution

    def update_execution(
        self,
        thing_name: str,
        job_id: str,
        status: str,
        *,
        details: dict[str, str] | None = None,
        expected_version: int | None = None,
        number: int | None = None,
        step_minutes: int | None = None,
    ) -> JobExecution:
        """Set the status of an execution at its device's request.

        Raises:
            JobRefused: there is no such execution, it has ended, it has another version, or a
                device may not set this status.
        """
        if status not in DEVICE_STATUSES:
            raise JobRefused(
                "InvalidRequest",
                f"{status!r} is not a status that a device can set: use "
                f"{', '.join(DEVICE_STATUSES)}.",
            )
        with HandingOnLater(), self._registry.lock:
            execution = self.execution_of(thing_name, job_id, number)
            if expected_version not in (None, execution.version_number):
                raise JobRefused(
                    "VersionMismatch",
                    f"The execution has version {execution.version_number}; {expected_version} "
                    "was expected.",
                    execution,
                )
            if not execution.is_pending:
                raise JobRefused(
                    "InvalidStateTransition",
                    f"The execution has ended: it is {execution.status}.",
                    execution,
                )
            with self._telling([thing_name]):
                self._advance(execution, status, details, step_minutes)
                self._complete(self.job_of(execution))
            return execution

    def job_of(self, execution: JobExecution) -> Job:
        """Return an execution's job."""
        return self._moto.jobs[execution.job_id]  # type: ignore[no-any-return]

    def described(self, execution: JobExecution, *, with_document: bool) -> dict[str, Any]:
        """Return an execution as devices see it, its document parsed; times in seconds."""
        described = {
            **execution.summary(),
            "thingName": execution.thing_name,
            "status": execution.status,
            "statusDetails": dict(execution.status_details_map),
        }
        if with_document:
            described["jobDocument"] = self.job_of(execution).parsed_document()
        return described

    def expire(self) -> None:
        """End the executions that have timed out."""
        if not self._deadlines:
            return
        with HandingOnLater(), self._registry.lock:
            now = utcnow()
            late: dict[int, tuple[JobExecution, datetime]] = {}
            while self._deadlines and self._deadlines[0][0] <= now:
                execution = heapq.heappop(self._deadlines)[2]
                deadline = execution.deadline
                if deadline is not None and deadline <= now and self._is_queued(execution):
                    late[id(execution)] = execution, deadline
            if late:
                with self._telling([execution.thing_name for execution, _ in late.values()]):
                    for execution, deadline in late.values():
                        self._advance(execution, "TIMED_OUT")
                        execution.last_updated_at = deadline
                        self._complete(self.job_of(execution))

    # The implementation.

    def _queue(self, job: Job, thing_arn: str) -> None:
        execution = JobExecution(job, thing_arn)
        name = execution.thing_name
        before = job.executions.get(name)
        if before is not None:
            execution.execution_number = before.execution_number + 1
        job.executions[name] = execution
        self._moto.job_executions[job.job_id, name] = execution
        self._queues.setdefault(name, {})[job.job_id] = execution

    def _is_queued(self, execution: JobExecution) -> bool:
        return self._queues.get(execution.thing_name, {}).get(execution.job_id) is execution

    def _dequeue(self, execution: JobExecution) -> None:
        if self._is_queued(execution):
            queue = self._queues[execution.thing_name]
            del queue[execution.job_id]
            if not queue:
                del self._queues[execution.thing_name]

    def _note_deadline(self, execution: JobExecution) -> None:
        deadline = execution.deadline
        if deadline is not None:
            heapq.heappush(self._deadlines, (deadline, next(self._numbers), execution))

    def _follow_groups(self, job: Job, targets: Iterable[str]) -> None:
        """Extend a CONTINUOUS job to the things that join its groups."""
        if job.target_selection == "CONTINUOUS":
            for arn in targets:
                if arn in self._registry.thing_groups:
                    self._of_groups.setdefault(arn, {})[job.job_id] = job

    def _membership_changed(self, happened: str, group: FakeThingGroup, thing: FakeThing) -> None:
        of_group = self._of_groups.get(group.arn)
        if not of_group:
            return
        jobs = [job for job in of_group.values() if job.is_open]
        if not jobs:
            return
        with HandingOnLater(), self._telling([thing.thing_name]):
            for job in jobs:
                execution = job.executions.get(thing.thing_name)
                if happened == "ADDED":
                    if execution is None or execution.status == "REMOVED":
                        self._queue(job, thing.arn)
                elif (
                    execution is not None
                    and execution.is_pending
                    and thing.arn not in set(self._things_that_are_left(job.targets))
                ):
                    self._advance(execution, "REMOVED")

    def _things_that_are_left(self, targets: Iterable[str]) -> Iterator[str]:
        for arn in targets:
            group = self._registry.thing_groups.get(arn)
            yield from (arn,) if group is None else group.things

    def _thing_deleted(self, thing: FakeThing) -> None:
        with HandingOnLater():
            for execution in list(self._queues.get(thing.thing_name, {}).values()):
                self._advance(execution, "REMOVED")
                self._complete(self.job_of(execution))

    def _advance(
        self,
        execution: JobExecution,
        status: str,
        details: dict[str, str] | None = None,
        step_minutes: int | None = None,
    ) -> None:
        """Move an execution to a status; see :meth:`JobExecution.update`."""
        execution.update(status, details, step_minutes)
        if execution.is_pending:
            self._note_deadline(execution)
        else:
            self._dequeue(execution)
            tell_of_execution(self._registry, execution)

    def _complete(self, job: Job) -> None:
        """End a job with the last of its executions."""
        if job.complete():
            tell_of_job(self._registry, "completed", job)
            if self.logging.is_logging:
                statuses = Counter(execution.status for execution in job.executions.values())
                entry = final_count_entry(job.job_id, statuses)
                self.logging.log(Client(None, "", ""), datetime.now(timezone.utc), [entry])

    def _forget(self, job: Job, execution: JobExecution) -> None:
        del job.executions[execution.thing_name]
        del self._moto.job_executions[job.job_id, execution.thing_name]
        self._dequeue(execution)

    def _pending(self, thing_name: str) -> list[JobExecution]:
        queued_executions = self._queues.get(thing_name, {}).values()
        return sorted(queued_executions, key=lambda execution: execution.status == "QUEUED")

    @contextmanager
    def _telling(self, thing_names: Iterable[str]) -> Iterator[None]:
        """Notify things of their changes by ``notify`` and ``notify-next``."""
        before = {name: self._pending(name) for name in thing_names}
        yield
        now = int(unix_time())
        for name, earlier in before.items():
            later = self._pending(name)
            topic = f"$aws/things/{name}/jobs/notify"
            if {id(execution) for execution in earlier} != {id(execution) for execution in later}:
                jobs: dict[str, list[dict[str, Any]]] = {}
                for execution in later[:_MOST_LISTED]:
                    jobs.setdefault(execution.status, []).append(execution.summary())
                publish(self._moto, AwsMessage(topic, {"timestamp": now, "jobs": jobs}))
            if earlier[:1] != later[:1]:
                message: dict[str, Any] = {"timestamp": now}
                if later:
                    message["execution"] = self.described(later[0], with_document=True)
                publish(self._moto, AwsMessage(f"{topic}-next", message))

    def _things_of(self, targets: list[str]) -> Iterator[str]:
        for arn in targets:
            group = self._registry.thing_groups.get(arn)
            if group is not None:
                yield from group.things
            elif arn in self._registry.things:
                yield arn
            else:
                raise ResourceNotFound(f"The target {arn} is neither a thing nor a thing group.")

    def _document(self, *, document: str | None, document_source: str | None, **_: Any) -> str:
        """Return the document of a new job, fetching it from a source now.

        Raises:
            InvalidRequest: there is not exactly one, it is not JSON, or it needs something that is
                not emulated.
        """
        if (document is None) == (document_source is None):
            raise InvalidRequest("Give exactly one of document and documentSource.")
        text = document if document is not None else self._fetched(str(document_source))
        try:
            parsed_document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"The job document is not valid JSON: {error}") from None
        if not isinstance(parsed_document, dict):
            raise InvalidRequest("The job document is not a JSON object.")
        placeholder = _PLACEHOLDER.search(text)
        if placeholder is not None:
            raise InvalidRequest(f"The placeholder {placeholder[0]} is not emulated.")
        return text

    def _fetched(self, source: str) -> str:
        match = _SOURCE.fullmatch(source)
        if match is None:
            raise InvalidRequest(f"The documentSource {source} is not the URL of an S3 object.")
        s3 = client_of("s3", self._registry.account_id, self._registry.region_name)
        try:
            answer = s3.get_object(Bucket=match["first"] or match["host"], Key=match["key"])
            return str(answer["Body"].read().decode())
        except (ClientError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"The documentSource {source} cannot be read: {error}") from None

    def _require_job(self, job_id: str) -> FakeJob:
        if job_id not in self._moto.jobs:
            raise ResourceNotFound(f"There is no job {job_id}.")
        return self._moto.jobs[job_id]  # type: ignore[no-any-return]

    def _require_execution(self, job_id: str, thing_name: str, number: int | None = None) -> Any:
        execution = self._moto.job_executions.get((job_id, thing_name))
        if execution is None or number not in (None, execution.execution_number):
            raise ResourceNotFound(f"The job {job_id} has no execution for the thing {thing_name}.")
        return execution


def _name_in(thing_arn: str) -> str:
    return thing_arn.partition(":thing/")[2]


def _invalid_transition(message: str) -> IoTError:
    return IoTError("InvalidStateTransitionException", message)


@operation("UpdateJob", Jobs)
def update_job(jobs: Jobs, arguments: Input) -> None:
    jobs.update_job(
        arguments["jobId"], arguments.get("description"), arguments.get("timeoutConfig")
    )


@operation("CancelJobExecution", Jobs)
def cancel_job_execution(jobs: Jobs, arguments: Input) -> None:
    jobs.cancel_job_execution(
        arguments["jobId"],
        arguments["thingName"],
        arguments.get("force", False),
        arguments.get("expectedVersion"),
        arguments.get("statusDetails"),
    )


@operation("AssociateTargetsWithJob", Jobs)
def associate_targets_with_job(jobs: Jobs, arguments: Input) -> Output:
    job = jobs.associate_targets(arguments["jobId"], arguments["targets"], arguments.get("comment"))
    return {"jobArn": job.job_arn, "jobId": job.job_id, "description": job.description}


@finishes(Turn.JOBS)
def _end_what_is_late() -> None:
    for backend in existing_backends():
        jobs = getattr(backend, "jobs_part", None)
        if isinstance(jobs, Jobs):
            jobs.expire()
