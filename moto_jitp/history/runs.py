"""The history of a provisioning run: each step, and why it failed if it did."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from moto_jitp.templates import Template


class RunStatus(str, enum.Enum):
    """How a run ended, or that it is still in progress."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    IN_PROGRESS = "IN_PROGRESS"


class StepResult(str, enum.Enum):
    """How a step ended; ``UNCHANGED`` if its resource already existed as required."""

    SUCCEEDED = "SUCCEEDED"
    UNCHANGED = "UNCHANGED"
    FAILED = "FAILED"


class ProvisioningStep(NamedTuple):
    """One step of a run.

    Attributes:
        action: the API action that AWS IoT calls for it, such as ``CreateThing``.
        resource: what it acts on, such as ``thing/bulb-1``.
        result: how it ended.
        error_code: the API action's error code, if it failed.
        message: the error's text, if it failed; otherwise a note, if there is one.

    Examples:
        >>> for step in connect_device(bulb).provisioning.steps[-2:]:
        ...     print(step.action, step.result.value)
        AttachThingPrincipal SUCCEEDED
        UpdateCertificate SUCCEEDED
    """

    action: str
    resource: str
    result: StepResult = StepResult.SUCCEEDED
    error_code: str | None = None
    message: str | None = None


class StepCall(NamedTuple):
    """A step, with the parameters of its API action.

    Attributes:
        step: the step.
        parameters: the action's own parameters, as boto3 would take them; empty if nothing was
            called or ``trail`` was off.
    """

    step: ProvisioningStep
    parameters: Mapping[str, Any]


# The steps of a run, six entries each: the fields of a step and the call's parameters. A hundred
# thousand runs are kept in memory, and the garbage collector walks every object that could refer to
# others, but not tuples of texts, even nested ones.
PackedSteps = tuple[Any, ...]
_ENTRIES = 6


def pack_step(step: ProvisioningStep) -> PackedSteps:
    """Return a step of which nothing was called, in the form in which a run keeps it."""
    action, resource, result, error_code, message = step
    return action, resource, result.value, error_code, message, ()


def pack_steps(steps: Iterable[ProvisioningStep]) -> PackedSteps:
    """Return steps in the form that a run keeps."""
    return tuple(chain.from_iterable(map(pack_step, steps)))


def pack_parameters(parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the parameters of a step's API action in the form that a run keeps.

    Args:
        parameters: texts, truth values and dicts of them, by name.
    """
    # This is done for each step of each device, and few parameters are dicts themselves.
    entries = tuple(chain.from_iterable(parameters.items()))
    if dict not in map(type, entries):
        return entries
    if dict not in map(type, entries[:-1]):  # as in CreateThing
        return (*entries[:-1], pack_parameters(entries[-1]))
    return tuple(
        [pack_parameters(entry) if isinstance(entry, dict) else entry for entry in entries]
    )


def _unpacked(entries: tuple[Any, ...]) -> dict[str, Any]:
    return {
        name: _unpacked(value) if isinstance(value, tuple) else value
        for name, value in zip(entries[::2], entries[1::2], strict=True)
    }


class ProvisioningRun(NamedTuple):
    """One execution of a provisioning template for one device.

    Attributes:
        status: ``SUCCEEDED``, ``FAILED``, or ``IN_PROGRESS`` if completion is asynchronous.
        template_name: the stored template's name; ``None`` for a template body on the CA.
        parameters: the values passed to the template: parameter name to value.
        wanted: the names of the parameters that the template requires, in its order.
        record: the steps in the form in which they are kept; read :attr:`steps`.
        resource_arns: logical name to ARN, as in RegisterThing's answer.
        thing_name: the thing that was created or found, if the template has one.
        certificate_id: the certificate that was provisioned.
        certificate_status: its status after the run.
        error_code: the AWS error code of a failed run.
        message: the AWS error text of a failed run.
        advice: one plain sentence on what to change, for a failed run.
        place: where in the template the problem is, such as
            ``Resources.thing.Properties.ThingName``; empty if it is elsewhere.
        role_arn: the provisioning role; ``None`` if none is configured.
        template: the template as it was then; ``None`` if the run did not reach it, and for a run
            that a server reports.
        thing_id: the thing's id, if the template has a thing; known when ``template`` is.

    Examples:
        >>> run = connect_device(bulb).provisioning
        >>> run.succeeded, run.thing_name, run.certificate_status
        (True, 'bulb-1', 'ACTIVE')
    """

    status: RunStatus
    template_name: str | None
    parameters: Mapping[str, str]
    wanted: tuple[str, ...]
    record: PackedSteps
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
        """Return a run that failed in its first step.

        Args:
            template_name: the template that would have been executed, if it is a stored one.
            parameters: the parameters provided.
            step: the step, with its error.
            advice: one plain sentence on what to change.
            certificate_id: the device's certificate, if known.
        """
        return cls(
            RunStatus.FAILED,
            template_name,
            parameters,
            (),
            pack_step(step),
            {},
            certificate_id=certificate_id,
            error_code=step.error_code,
            message=step.message,
            advice=advice,
        )

    @property
    def steps(self) -> tuple[ProvisioningStep, ...]:
        """The steps in order; for a failed run, up to where it stopped."""
        return tuple(step for step, _ in self.calls)

    @property
    def calls(self) -> Iterator[StepCall]:
        """The steps with the parameters of each API action."""
        for at in range(0, len(self.record), _ENTRIES):
            action, resource, result, code, message, parameters = self.record[at : at + _ENTRIES]
            step = ProvisioningStep(action, resource, StepResult(result), code, message)
            yield StepCall(step, _unpacked(parameters))

    @property
    def error_codes(self) -> set[str | None]:
        """The error codes of the run and its steps, including ``None`` for a step without one."""
        return {self.error_code, *self.record[3::_ENTRIES]}

    def mentions(self, text: str) -> bool:
        """Whether a text occurs in what is kept of the steps.

        Args:
            text: the text.

        Raises:
            TypeError: it is not text.

        Examples:
            >>> connect_device(bulb).provisioning.mentions("thing/bulb-1")
            True
        """
        return _mentions(self.record, text)

    @property
    def succeeded(self) -> bool:
        """Whether the run reached its end."""
        return self.status is RunStatus.SUCCEEDED

    @property
    def failed_steps(self) -> tuple[ProvisioningStep, ...]:
        """The steps that failed; several if several resources are missing."""
        return tuple(step for step in self.steps if step.result is StepResult.FAILED)


def _mentions(entries: tuple[Any, ...], text: str) -> bool:
    return any(
        _mentions(entry, text) if isinstance(entry, tuple) else text in str(entry)
        for entry in entries
        if entry
    )
