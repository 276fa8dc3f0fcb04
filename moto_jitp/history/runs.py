"""What a provisioning run leaves behind: each step, and in the end why it failed."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from moto_jitp.templates import Template


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
    """A step and what its API action was called with.

    Attributes:
        step: the step.
        parameters: the action's own parameters, as boto3 would take them; empty where nothing
            was called, or ``trail`` was off.
    """

    step: ProvisioningStep
    parameters: Mapping[str, Any]


# The steps of a run, six entries each: the fields of a step and the call's parameters. A hundred
# thousand runs are kept in memory, and the garbage collector walks every object that could hold
# others: tuples of texts, also nested ones, are not.
PackedSteps = tuple[Any, ...]
_ENTRIES = 6


def pack_steps(steps: Iterable[ProvisioningStep]) -> PackedSteps:
    """Return steps in the form in which a run keeps them."""
    return pack_calls([(*step[:2], step.result.value, *step[3:], {}) for step in steps])


def pack_calls(calls: Iterable[tuple[Any, ...]]) -> PackedSteps:
    """Return steps, with what was called for them, in the form in which a run keeps them.

    Args:
        calls: of each step its action, resource, result (as text), error code and message, and the
            parameters: texts, truth values and dicts of them, by name.
    """
    record: list[Any] = []
    for call in calls:
        record += call
        record[-1] = _packed(record[-1]) if record[-1] else ()
    return tuple(record)


def _packed(parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    # A loop and not a generator: this is done for each step of each device.
    entries: list[Any] = []
    for name, value in parameters.items():
        entries += (name, _packed(value) if isinstance(value, dict) else value)
    return tuple(entries)


def _unpacked(entries: tuple[Any, ...]) -> dict[str, Any]:
    return {
        name: _unpacked(value) if isinstance(value, tuple) else value
        for name, value in zip(entries[::2], entries[1::2], strict=True)
    }


class ProvisioningRun(NamedTuple):
    """One execution of a provisioning template for one device.

    Attributes:
        status: ``SUCCEEDED``, ``FAILED``, or ``IN_PROGRESS`` where completion is asynchronous.
        template_name: the stored template's name; ``None`` for a template body on the CA.
        parameters: the values that the template got: parameter name to value.
        wanted: the parameter names that the template requires, in its order.
        record: the steps in the form in which they are kept; read :attr:`steps`.
        resource_arns: logical name to ARN, as RegisterThing answers it.
        thing_name: the thing that was created or found, if the template has one.
        certificate_id: the certificate that was provisioned.
        certificate_status: its status after the run.
        error_code: the AWS error code of a failed run.
        message: the AWS error text of a failed run.
        advice: one plain sentence on what to change, for a failed run.
        place: where in the template the problem is, such as
            ``Resources.thing.Properties.ThingName``; empty where it lies elsewhere.
        role_arn: the provisioning role; ``None`` where none is configured.
        template: the template as it was then; ``None`` where the run did not come to it, and in
            what a server reports of a run.
        thing_id: the thing's id, where the template has one; known as ``template`` is.

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
        """Return the run of a device whose first step failed.

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
        """What was done, in order; for a failed run, up to where it stopped."""
        return tuple(step for step, _ in self.calls)

    @property
    def calls(self) -> Iterator[StepCall]:
        """The steps with what each API action was called with."""
        for at in range(0, len(self.record), _ENTRIES):
            action, resource, result, code, message, parameters = self.record[at : at + _ENTRIES]
            step = ProvisioningStep(action, resource, StepResult(result), code, message)
            yield StepCall(step, _unpacked(parameters))

    @property
    def error_codes(self) -> set[str | None]:
        """The error codes of the run and of its steps; ``None`` is among them for one without."""
        return {self.error_code, *self.record[3::_ENTRIES]}

    def mentions(self, text: str) -> bool:
        """Whether a text occurs in what is written down of the steps.

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
        """The steps that failed; several where several resources are missing."""
        return tuple(step for step in self.steps if step.result is StepResult.FAILED)


def _mentions(entries: tuple[Any, ...], text: str) -> bool:
    return any(
        _mentions(entry, text) if isinstance(entry, tuple) else text in str(entry)
        for entry in entries
        if entry
    )
