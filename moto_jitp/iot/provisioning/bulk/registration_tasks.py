"""Bulk registration: a task that calls RegisterThing for each line of a file in S3.

On AWS a task takes time. Here it has ended when StartThingRegistrationTask returns, unless moto's
state manager says otherwise for the model ``iot::thing-registration-task``: after some seconds of
the clock, or after some number of DescribeThingRegistrationTask. Until then it has progressed as
far as the time or the number of calls says.
https://docs.aws.amazon.com/iot/latest/developerguide/bulk-provisioning.html
https://docs.aws.amazon.com/iot/latest/apireference/API_StartThingRegistrationTask.html
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from moto.moto_api import state_manager
from moto.moto_api._internal import mock_random
from moto.utilities.utils import get_partition

from moto_jitp import settings
from moto_jitp.aws.role_checks import RoleRefused, check_allowed
from moto_jitp.due_work import Turn, finishes
from moto_jitp.history.acting_moment import acting_at
from moto_jitp.history.journal import RunOrigin
from moto_jitp.history.state import existing_backends, state_of
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.exceptions import (
    InvalidRequest,
    ResourceNotFound,
    code_and_message,
    invalid_template,
)
from moto_jitp.iot.provisioning import run_advice as advice
from moto_jitp.iot.provisioning.resolved_template import ResolvedTemplate
from moto_jitp.iot.provisioning.run_steps import ProvisioningFailure
from moto_jitp.iot.provisioning.state_transitions import UnusableTransition, transition_of
from moto_jitp.iot.provisioning.template_execution import RunParts, TemplateExecution
from moto_jitp.locks import new_lock
from moto_jitp.monitoring import follow_settings
from moto_jitp.templates import TemplateError, UnresolvedReferenceError, parse_template

from .input_file import BadLine, InputFile, Line, UnreadableFile
from .report_files import Report

MODEL = "iot::thing-registration-task"
KEPT_FOR = timedelta(days=30)
"""How long a task may take, and how long it is kept after its end."""

_DEFAULT_PAGE = 25
_LONGEST_MESSAGE = 2048
_OPEN = ("InProgress", "Cancelling")

state_manager.register_default_transition(MODEL, {"progression": "immediate"})


class RegistrationTask:
    """A bulk registration.

    It uses the settings in force when it was started. Its calls do not count for quotas, as a task
    on AWS takes the time that it needs to stay within them.

    Args:
        parts: the parts that its runs need.
        task_id: its id.
        template_body: the template's JSON text.
        bucket: the bucket of the input file.
        key: its key.
        role_arn: the role with which the file is read and the devices are registered.

    Attributes:
        task_id: its id.
        sequence: its number among the tasks.
        status: ``InProgress``, ``Completed``, ``Failed``, ``Cancelling`` or ``Cancelled``.
        ended: when it ended, in UTC; ``None`` while it is open.
        reports: the results and the errors, by report type.
    """

    def __init__(
        self,
        parts: RunParts,
        task_id: str,
        template_body: str,
        bucket: str,
        key: str,
        role_arn: str,
    ) -> None:
        self._parts = parts
        registry = parts.registry
        self.task_id = task_id
        self.sequence = next(registry.sequences)
        self._template_body = template_body
        self._bucket = bucket
        self._key = key
        self._role_arn = role_arn
        self._settings = replace(settings.current(), throttling=False)
        self._started = self._modified = datetime.now(timezone.utc)
        self._stopped: datetime | None = None
        self._looks = 0
        self._lock = new_lock()
        self._file: InputFile | None = None
        self.status = "InProgress"
        self._message = ""
        self._successes = self._failures = self._percentage = 0
        self.ended: datetime | None = None
        place = f"aws-iot-registration-tasks-{registry.region_name}-{registry.account_id}"
        self.reports = {
            kind: Report(place, f"{task_id}/{kind.lower()}") for kind in ("RESULTS", "ERRORS")
        }

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.status in _OPEN

    def description(self) -> dict[str, Any]:
        """Return the answer of DescribeThingRegistrationTask."""
        return {
            "taskId": self.task_id,
            "creationDate": self._started,
            "lastModifiedDate": self._modified,
            "templateBody": self._template_body,
            "inputFileBucket": self._bucket,
            "inputFileKey": self._key,
            "roleArn": self._role_arn,
            "status": self.status,
            "message": self._message or None,
            "successCount": self._successes,
            "failureCount": self._failures,
            "percentageProgress": self._percentage,
        }

    def stop(self) -> None:
        """End it where it is, even while another thread works on it; completed lines stay
        registered.
        """
        if self.status == "InProgress":
            self._looks = 0
            self.status = "Cancelling"
            self._stopped = self._modified = datetime.now(timezone.utc)

    def look(self) -> None:
        """Count one DescribeThingRegistrationTask."""
        self._looks += 1

    def get_on(self) -> None:
        """Proceed as far as the state manager's setting allows.

        Raises:
            UnusableTransition: with the setting no task would ever end.
        """
        if not self.is_open:
            return
        setting = transition_of(MODEL)
        # Never wait: the thread that works on the task may wait for a lock that this one holds, and
        # may itself come here through what a run sets off.
        if not self._lock.acquire(blocking=False):
            return
        try:
            if not self.is_open:
                return
            now = datetime.now(timezone.utc)
            latest = self._started + KEPT_FOR
            if self._stopped is not None:
                self._cancel(setting, now)
            else:
                self._register_until(setting, min(now, latest))
                if self.is_open and now >= latest:
                    self._end("Failed", latest, "The task did not end within 30 days.")
        finally:
            self._lock.release()

    def _cancel(self, setting: Mapping[str, Any], now: datetime) -> None:
        # A caller that stops it and then looks sees Cancelling once.
        assert self._stopped is not None
        is_over = self._looks > 1 if setting["progression"] == "manual" else now > self._stopped
        if is_over:
            self._end("Cancelled", now)

    def _register_until(self, setting: Mapping[str, Any], now: datetime) -> None:
        """Register the devices of the lines that are due."""
        share, seconds = 1.0, 0.0
        if setting["progression"] == "time" and setting["seconds"] > 0:
            seconds = float(setting["seconds"])
            share = min(1.0, (now - self._started).total_seconds() / seconds)
        elif setting["progression"] == "manual" and setting["times"] > 0:
            share = min(1.0, self._looks / setting["times"])
        try:
            with settings.held(self._settings):
                file = self._file = self._file or self._open()
                while self._stopped is None and (
                    share >= 1 or file.position < int(share * file.size)
                ):
                    line = file.next_line()
                    if line is None:
                        break
                    share_done = file.position / file.size
                    moment = (
                        self._started + timedelta(seconds=share_done * seconds) if seconds else now
                    )
                    self._take(line, min(moment, now))
                    self._percentage = int(100 * share_done)
        except UnreadableFile as error:
            self._end("Failed", now, str(error))
            return
        if share >= 1 and self._stopped is None:
            self._percentage = 100
            end = self._started + timedelta(seconds=seconds) if seconds else now
            self._end("Completed", min(end, now))

    def _open(self) -> InputFile:
        registry = self._parts.registry
        if settings.current().enforce_role:
            partition = get_partition(registry.region_name)
            resource = f"arn:{partition}:s3:::{self._bucket}/{self._key}"
            try:
                check_allowed(
                    self._role_arn,
                    "s3:GetObject",
                    resource,
                    region_name=registry.region_name,
                    moment=datetime.now(timezone.utc),
                )
            except RoleRefused as refused:
                raise UnreadableFile(str(refused)) from None
        return InputFile(registry.account_id, registry.region_name, self._bucket, self._key)

    def _take(self, line: Line, moment: datetime) -> None:
        place = {"lineNumber": line.number, "offset": line.offset}
        self._modified = moment
        try:
            parameters = line.parameters()
        except BadLine as error:
            self._note_error(place, "InvalidRequestException", str(error))
            return
        with acting_at(moment):
            run, failure = self._register(parameters)
            outcome = run.outcome(failure)
            backend = self._parts.registry.moto
            entry = state_of(backend).runs.enter(RunOrigin.BULK_REGISTRATION, outcome, moment)
            follow_settings(backend, entry.id)
        if failure is not None:
            self._note_error(place, *code_and_message(failure.error))
            return
        self._successes += 1
        response: dict[str, Any] = {"ResourceArns": dict(outcome.resource_arns)}
        if run.certificate is not None:
            response["CertificatePem"] = run.certificate.certificate_pem
        self.reports["RESULTS"].write({**place, "response": response})

    def _register(
        self, parameters: Mapping[str, str]
    ) -> tuple[TemplateExecution, ProvisioningFailure | None]:
        with self._parts.registry.lock:
            run = TemplateExecution(
                self._parts,
                ResolvedTemplate(None, self._template_body, self._role_arn),
                parameters,
                certificate_required=False,
            )
            try:
                run.load()
                run.enter(source_of(self.task_id))
                run.execute(None)
            except ProvisioningFailure as failure:
                mistake = failure.mistake
                if isinstance(mistake, UnresolvedReferenceError):
                    failure.advice = advice.parameter_not_given(mistake.parameter)
                elif mistake is not None:
                    failure.advice = advice.template_mistake(mistake, "the parameters of the line")
                return run, failure
            return run, None

    def _note_error(self, place: Mapping[str, int], code: str, message: str) -> None:
        self._failures += 1
        self.reports["ERRORS"].write({**place, "errorCode": code, "errorMessage": message})

    def _end(self, status: str, moment: datetime, message: str = "") -> None:
        self.status = status
        self._message = message[:_LONGEST_MESSAGE]
        self._modified = self.ended = moment
        self._file = None
        for report in self.reports.values():
            report.store()


def source_of(task_id: str) -> str:
    """Return the resource that AWS IoT acts for when it assumes a task's role (own choice)."""
    return f"thingregistrationtask/{task_id}"


class RegistrationTasks:
    """The bulk registrations of an account and Region.

    Args:
        parts: what the runs work on.

    Attributes:
        tasks: those that are kept, by id, oldest first.
    """

    def __init__(self, parts: RunParts) -> None:
        self._parts = parts
        self._lock = new_lock()
        self.tasks: dict[str, RegistrationTask] = {}

    def start(self, template_body: str, bucket: str, key: str, role_arn: str) -> RegistrationTask:
        """Start a task.

        Args:
            template_body: the template's JSON text.
            bucket: the bucket of the input file. A missing file fails the task.
            key: its key.
            role_arn: the role with which the file is read and the devices are registered.

        Raises:
            InvalidRequest: the template is wrong, AWS IoT cannot assume the role, or another task
                has not ended.
            UnusableTransition: with the state manager's setting no task would ever end.
        """
        transition_of(MODEL)
        try:
            parse_template(template_body, certificate_required=False)
        except TemplateError as error:
            raise invalid_template(error) from None
        task_id = str(mock_random.uuid4())
        self._parts.roles.check(role_arn, None, source=source_of(task_id))
        self.get_on()
        with self._lock:
            running = next((task for task in self.tasks.values() if task.is_open), None)
            if running is not None:
                raise InvalidRequest(
                    f"The thing registration task {running.task_id} has the status "
                    f"{running.status}, and an account can run only one task at a time. Wait until "
                    "it ends, or stop it."
                )
            task = RegistrationTask(self._parts, task_id, template_body, bucket, key, role_arn)
            self.tasks[task_id] = task
        task.get_on()
        return task

    def find(self, task_id: str) -> RegistrationTask:
        """Return a task.

        Raises:
            ResourceNotFound: there is none with this id.
        """
        self.get_on()
        task = self.tasks.get(task_id)
        if task is None:
            raise ResourceNotFound(f"There is no thing registration task {task_id}.")
        return task

    def get_on(self) -> None:
        """Advance the open task, and delete tasks that ended 30 days ago.

        Raises:
            UnusableTransition: with the state manager's setting no task would ever end.
        """
        if not self.tasks:
            return
        now = datetime.now(timezone.utc)
        for task_id, task in list(self.tasks.items()):
            task.get_on()
            if task.ended is not None and task.ended + KEPT_FOR <= now:
                self.tasks.pop(task_id, None)
                for report in task.reports.values():
                    report.discard()


@finishes(Turn.TASKS)
def get_on_with_tasks() -> None:
    """Advance the tasks of every account and Region; with an unusable setting none proceeds."""
    for backend in existing_backends():
        # moto's reset briefly removes every attribute.
        tasks = getattr(backend, "bulk", None)
        if isinstance(tasks, RegistrationTasks):
            with suppress(UnusableTransition):
                tasks.get_on()


@operation("StartThingRegistrationTask", RegistrationTasks)
def start_thing_registration_task(tasks: RegistrationTasks, arguments: Input) -> Output:
    task = tasks.start(
        arguments["templateBody"],
        arguments["inputFileBucket"],
        arguments["inputFileKey"],
        arguments["roleArn"],
    )
    return {"taskId": task.task_id}


@operation("StopThingRegistrationTask", RegistrationTasks)
def stop_thing_registration_task(tasks: RegistrationTasks, arguments: Input) -> Output:
    task = tasks.find(arguments["taskId"])
    if not task.is_open:
        raise InvalidRequest(
            f"The thing registration task {task.task_id} has ended with the status {task.status}."
        )
    task.stop()
    return {}


@operation("DescribeThingRegistrationTask", RegistrationTasks)
def describe_thing_registration_task(tasks: RegistrationTasks, arguments: Input) -> Output:
    task = tasks.find(arguments["taskId"])
    task.look()
    task.get_on()
    return task.description()


@operation("ListThingRegistrationTasks", RegistrationTasks)
def list_thing_registration_tasks(tasks: RegistrationTasks, arguments: Input) -> Output:
    tasks.get_on()
    page = Page("ListThingRegistrationTasks", arguments, default_size=_DEFAULT_PAGE)
    status = arguments.get("status")
    items_of_page = page.cut_numbered(
        [task for task in tasks.tasks.values() if status in (None, task.status)]
    )
    return page.output("taskIds", [task.task_id for task in items_of_page])


@operation("ListThingRegistrationTaskReports", RegistrationTasks)
def list_thing_registration_task_reports(tasks: RegistrationTasks, arguments: Input) -> Output:
    kind = arguments["reportType"]
    try:
        links = tasks.find(arguments["taskId"]).reports[kind].links()
    except ResourceNotFound as error:  # an error that this operation does not declare
        raise InvalidRequest(str(error.message)) from None
    page = Page("ListThingRegistrationTaskReports", arguments, default_size=_DEFAULT_PAGE)
    items_of_page = page.cut(
        (number, link) for number, link in links if number > (page.number or 0)
    )
    return {**page.output("resourceLinks", items_of_page), "reportType": kind}
