"""What a provisioning run leaves behind: each step, and in the end why it failed."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from moto_jitp.iot.exceptions import AwsError, IoTError, code_and_message
from moto_jitp.templates import Template, TemplateError

ResultT = TypeVar("ResultT")


class RunStatus(str, enum.Enum):
    """How a run ended, or that it has not ended yet."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    IN_PROGRESS = "IN_PROGRESS"


class StepResult(str, enum.Enum):
    """How a step ended; ``UNCHANGED`` where what it was to make existed as wanted."""

    SUCCEEDED = "SUCCEEDED"
    UNCHANGED = "UNCHANGED"
    FAILED = "FAILED"


class ProvisioningStep(NamedTuple):
    """One step of a run.

    Attributes:
        action: the API action that AWS IoT calls for it, such as ``CreateThing``.
        resource: what it acts on, such as ``thing/bulb-1``.
        result: how it ended.
        error_code: the API action's error code, where it failed.
        message: the error's text, where it failed.
    """

    action: str
    resource: str
    result: StepResult = StepResult.SUCCEEDED
    error_code: str | None = None
    message: str | None = None


# The steps of a run, five entries each. A hundred thousand runs are kept in memory, and the garbage
# collector walks every object that could hold others: a flat tuple of texts is none of these.
StepRecord = tuple["str | None", ...]


def pack_steps(steps: Iterable[ProvisioningStep]) -> StepRecord:
    """Return steps in the form in which a run keeps them."""
    return tuple(
        entry
        for step in steps
        for entry in (step.action, step.resource, step.result.value, step.error_code, step.message)
    )


class ProvisioningRun(NamedTuple):
    """One execution of a provisioning template for one device.

    Attributes:
        status: ``SUCCEEDED``, ``FAILED``, or ``IN_PROGRESS`` where completion is asynchronous.
        template_name: the stored template's name; ``None`` for a template body on the CA.
        parameters: what was offered to the template: parameter name to value.
        wanted: the parameter names that the template wants, in its order.
        record: the steps in the form in which they are kept; read :attr:`steps`.
        resource_arns: logical name to ARN, as RegisterThing answers it.
        thing_name: the thing that was made or found, where the template has one.
        certificate_id: the certificate that was provisioned.
        certificate_status: its status after the run.
        error_code: the AWS error code of a failed run.
        message: the AWS error text of a failed run.
        advice: one plain sentence on what to change, for a failed run.
        place: where in the template the trouble lies, such as
            ``Resources.thing.Properties.ThingName``; empty where it lies elsewhere.
        role_arn: the provisioning role; ``None`` where none is configured.
        template: the template as it was then, from which the steps' parameters are worked out;
            ``None`` where the run did not come to it, and in what a server tells of a run.
        thing_id: the thing's id, where the template has one; known as ``template`` is.
    """

    status: RunStatus
    template_name: str | None
    parameters: Mapping[str, str]
    wanted: tuple[str, ...]
    record: StepRecord
    resource_arns: Mapping[str, str]
    thing_name: str | None = None
    certificate_id: str | None = None
    certificate_status: str | None = None
    error_code: str | None = None
    message: str | None = None
    advice: str | None = None
    place: str = ""
    role_arn: str | None = None
    template: Template | None = None
    thing_id: str | None = None

    @classmethod
    def refused(
        cls,
        template_name: str | None,
        parameters: Mapping[str, str],
        step: ProvisioningStep,
        *,
        advice: str,
        certificate_id: str | None = None,
    ) -> ProvisioningRun:
        """Return the run of a device that came no further than to a first, failed step.

        Args:
            template_name: the template that would have been executed, if it is a stored one.
            parameters: what was offered to it.
            step: the step, with its error.
            advice: one plain sentence on what to change.
            certificate_id: the device's certificate, where it is known.
        """
        return cls(
            RunStatus.FAILED,
            template_name,
            parameters,
            (),
            pack_steps([step]),
            {},
            certificate_id=certificate_id,
            error_code=step.error_code,
            message=step.message,
            advice=advice,
        )

    @property
    def steps(self) -> tuple[ProvisioningStep, ...]:
        """What was done, in order; of a failed run up to where it stopped."""
        entries: Any = iter(self.record)
        return tuple(
            ProvisioningStep(action, resource, StepResult(result), error_code, message)
            for action, resource, result, error_code, message in zip(*[entries] * 5, strict=True)
        )

    @property
    def succeeded(self) -> bool:
        """Whether the run reached its end."""
        return self.status is RunStatus.SUCCEEDED

    @property
    def failed_steps(self) -> tuple[ProvisioningStep, ...]:
        """The steps that failed; several where several resources are missing."""
        return tuple(step for step in self.steps if step.result is StepResult.FAILED)


class ProvisioningFailure(Exception):
    """Ends a run: the error that RegisterThing answers with, and what to change.

    Args:
        error: AWS's error.
        advice: one plain sentence for a person.
        place: where in the template the trouble lies, if it lies there.
        mistake: the template's mistake that the error tells of, if it is one.
    """

    def __init__(
        self,
        error: IoTError,
        advice: str,
        place: str = "",
        mistake: TemplateError | None = None,
    ) -> None:
        super().__init__(str(error.message))
        self.error = error
        self.advice = advice
        self.place = place
        self.mistake = mistake


class StepRecorder:
    """Carries out a run's steps one by one and writes them down."""

    __slots__ = ("_entries", "permit")

    def __init__(self, permit: Callable[[str, str], None] | None = None) -> None:
        self._entries: list[str | None] = []
        self.permit = permit

    @property
    def record(self) -> StepRecord:
        """What has been written down, as :class:`ProvisioningRun` keeps it."""
        return tuple(self._entries)

    def do(self, action: str, resource: str, call: Callable[..., ResultT], *args: Any) -> ResultT:
        """Carry out a step.

        Args:
            action: the API action's name.
            resource: what it acts on.
            call: carries it out; an AWS error that it raises ends the step as failed.
            *args: its arguments.

        Raises:
            The AWS error, once it is written down.
        """
        try:
            if self.permit is not None:
                self.permit(action, resource)
            result = call(*args)
        except AwsError as error:
            self.fail(action, resource, *code_and_message(error))
            raise
        self.succeeded(action, resource)
        return result

    def succeeded(self, action: str, resource: str) -> None:
        """Write down a step that succeeded."""
        self._entries += (action, resource, "SUCCEEDED", None, None)

    def add(self, step: ProvisioningStep) -> None:
        """Write down a step that was carried out elsewhere."""
        action, resource, result, error_code, message = step
        self._entries += (action, resource, result.value, error_code, message)

    def unchanged(self, action: str, resource: str) -> None:
        """Write down a step that found everything as wanted.

        It was a call all the same: it counts for quotas, needs its permission, and can be made to
        fail.

        Raises:
            NotAdmitted: the call may not happen, which is written down.
        """
        try:
            if self.permit is not None:
                self.permit(action, resource)
        except AwsError as error:
            self.fail(action, resource, *code_and_message(error))
            raise
        self._entries += (action, resource, "UNCHANGED", None, None)

    def fail(self, action: str, resource: str, error_code: str, message: str) -> None:
        """Write down a step that failed."""
        self._entries += (action, resource, "FAILED", error_code, message)
