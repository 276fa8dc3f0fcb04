"""How the steps of a provisioning run are carried out and written down, and what ends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from moto_jitp import settings
from moto_jitp.history.runs import ProvisioningStep, StepRecord, pack_calls
from moto_jitp.iot.exceptions import AwsError, IoTError, code_and_message
from moto_jitp.templates import TemplateError

ResultT = TypeVar("ResultT")
NOTHING: Mapping[str, Any] = MappingProxyType({})


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

    __slots__ = ("_calls", "_keeps_parameters", "permit")

    def __init__(self, permit: Callable[[str, str], None] | None = None) -> None:
        self._calls: list[tuple[Any, ...]] = []
        self._keeps_parameters = settings.current().trail
        self.permit = permit

    @property
    def record(self) -> StepRecord:
        """What has been written down, as a run keeps it."""
        return pack_calls(self._calls)

    def do(
        self,
        action: str,
        resource: str,
        call: Callable[[Mapping[str, Any]], ResultT],
        parameters: Mapping[str, Any],
    ) -> ResultT:
        """Carry out a step.

        Args:
            action: the API action's name.
            resource: what it acts on.
            call: carries it out; an AWS error that it raises ends the step as failed.
            parameters: what the action is called with, as boto3 would take it. ``call`` is given
                this and nothing else, so that the trail tells what was really sent.

        Raises:
            The AWS error, once it is written down.
        """
        try:
            if self.permit is not None:
                self.permit(action, resource)
            result = call(parameters)
        except AwsError as error:
            self.fail(action, resource, *code_and_message(error), parameters)
            raise
        self._write(action, resource, "SUCCEEDED", None, None, parameters)
        return result

    def add(self, step: ProvisioningStep) -> None:
        """Write down a step that is not a call of its own, or was made elsewhere."""
        action, resource, result, error_code, message = step
        self._write(action, resource, result.value, error_code, message, NOTHING)

    def _write(
        self,
        action: str,
        resource: str,
        result: str,
        error_code: str | None,
        message: str | None,
        parameters: Mapping[str, Any],
    ) -> None:
        kept = parameters if self._keeps_parameters else NOTHING
        self._calls.append((action, resource, result, error_code, message, kept))

    def unchanged(self, action: str, resource: str, parameters: Mapping[str, Any]) -> None:
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
            self.fail(action, resource, *code_and_message(error), parameters)
            raise
        self._write(action, resource, "UNCHANGED", None, None, parameters)

    def fail(
        self,
        action: str,
        resource: str,
        error_code: str,
        message: str,
        parameters: Mapping[str, Any] = NOTHING,
    ) -> None:
        """Write down a step that failed."""
        self._write(action, resource, "FAILED", error_code, message, parameters)
