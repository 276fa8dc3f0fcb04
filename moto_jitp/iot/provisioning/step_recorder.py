"""How the steps of a provisioning run are carried out and written down, and what ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from moto_jitp.history.runs import ProvisioningStep, StepRecord
from moto_jitp.iot.exceptions import AwsError, IoTError, code_and_message
from moto_jitp.templates import TemplateError

ResultT = TypeVar("ResultT")


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
        """What has been written down, as a run keeps it."""
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
