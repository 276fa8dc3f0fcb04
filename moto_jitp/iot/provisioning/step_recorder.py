"""How the steps of a provisioning run are written down, and what ends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from moto_jitp import settings
from moto_jitp.history.runs import ProvisioningStep, StepRecord, pack_calls
from moto_jitp.iot.exceptions import IoTError
from moto_jitp.templates import TemplateError

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
    """Writes a run's steps down, one by one.

    Args:
        permit: what each call must pass, if there is anything; it raises ``NotAdmitted``.
    """

    __slots__ = ("_calls", "_keeps_parameters", "permit")

    def __init__(self, permit: Callable[[str, str], None] | None = None) -> None:
        self._calls: list[tuple[Any, ...]] = []
        self._keeps_parameters = settings.current().trail
        self.permit = permit

    @property
    def record(self) -> StepRecord:
        """What has been written down, as a run keeps it."""
        return pack_calls(self._calls)

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

    def end(
        self,
        action: str,
        resource: str,
        parameters: Mapping[str, Any],
        *,
        changed: bool = True,
    ) -> None:
        """Write down a step that was carried out, or found everything as wanted.

        Args:
            action: the API action's name.
            resource: what it acts on.
            parameters: what the action is called with, as boto3 would take it.
            changed: whether it did anything.
        """
        result = "SUCCEEDED" if changed else "UNCHANGED"
        self._write(action, resource, result, None, None, parameters)

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
