"""How a run carries out its steps and writes them down, and which error ends it when one fails.

https://docs.aws.amazon.com/iot/latest/apireference/API_RegisterThing.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from moto_jitp import settings
from moto_jitp.history.runs import PackedSteps, ProvisioningStep, pack_calls
from moto_jitp.iot.exceptions import (
    AwsError,
    IoTError,
    NotAdmitted,
    ResourceRegistrationFailure,
    bare_text,
    code_and_message,
)
from moto_jitp.templates import TemplateError

from . import run_advice as advice

TERMINATED = "Register thing workflow execution terminates due to: "
_ERRORS_OF_REGISTER_THING = {
    "AccessDeniedException",
    "ConflictingResourceUpdateException",
    "InternalFailureException",
    "InvalidRequestException",
    "ResourceRegistrationFailureException",
    "ServiceUnavailableException",
    "ThrottlingException",
    "UnauthorizedException",
}

_NOTHING: Mapping[str, Any] = MappingProxyType({})

ResultT = TypeVar("ResultT")


class ProvisioningFailure(Exception):
    """Ends a run: the error that RegisterThing answers with, and what to change.

    Args:
        error: AWS's error.
        advice: one plain sentence for a person.
        place: where in the template the trouble lies, if it lies there.
        mistake: the template's mistake that the error reports, if it is one.
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


class RunSteps:
    """The steps of one run, written down as they happen.

    Args:
        permit: what each call must pass, if there is anything; it raises ``NotAdmitted``.
    """

    __slots__ = ("_calls", "_keeps_parameters", "permit")

    def __init__(self, permit: Callable[[str, str], None] | None = None) -> None:
        self._calls: list[tuple[Any, ...]] = []
        self._keeps_parameters = settings.current().trail
        self.permit = permit

    @property
    def packed_steps(self) -> PackedSteps:
        """What has been written down, as a run keeps it."""
        return pack_calls(self._calls)

    def note(self, action: str, resource: str, message: str | None) -> None:
        """Write down a step that succeeded and is not a call of its own.

        Args:
            action: the API action's name.
            resource: what it acts on.
            message: what is to be known of it, if anything.
        """
        self._calls.append((action, resource, "SUCCEEDED", None, message, _NOTHING))

    def add(self, step: ProvisioningStep) -> None:
        """Write down a step that was made elsewhere."""
        action, resource, result, error_code, message = step
        self._calls.append((action, resource, result.value, error_code, message, _NOTHING))

    def do(
        self,
        action: str,
        resource: str,
        call: Callable[[Mapping[str, Any]], ResultT],
        parameters: Mapping[str, Any] = _NOTHING,
    ) -> ResultT:
        """Carry out a step by calling something.

        Args:
            action: the API action's name.
            resource: what it acts on, such as ``thing/bulb-1``.
            call: what carries it out. It is given the parameters and nothing else, so that the
                trail tells what was really sent.
            parameters: those of the API action, as boto3 would take them.

        Raises:
            ProvisioningFailure: it failed with an AWS error.
        """
        try:
            if self.permit is not None:
                self.permit(action, resource)
            result = call(parameters)
        except AwsError as error:
            code, message = code_and_message(error)
            self.fail(action, resource, code, message, parameters)
            if isinstance(error, NotAdmitted):
                raise not_admitted(error) from None
            raise ProvisioningFailure(
                ResourceRegistrationFailure(
                    TERMINATED + message, bare=TERMINATED + bare_text(error)
                ),
                getattr(error, "advice", None) or advice.step_failed(action, resource, code),
            ) from error
        kept_parameters = parameters if self._keeps_parameters else _NOTHING
        self._calls.append((action, resource, "SUCCEEDED", None, None, kept_parameters))
        return result

    def unchanged(self, action: str, resource: str, parameters: Mapping[str, Any]) -> None:
        """Write down a step that found everything as wanted.

        It was a call all the same: it counts for quotas, needs its permission, and can be made to
        fail.

        Args:
            action: the API action's name.
            resource: what it acts on.
            parameters: those of the API action.

        Raises:
            ProvisioningFailure: the call is not allowed.
        """
        try:
            if self.permit is not None:
                self.permit(action, resource)
        except NotAdmitted as error:
            self.fail(action, resource, *code_and_message(error), parameters)
            raise not_admitted(error) from None
        kept_parameters = parameters if self._keeps_parameters else _NOTHING
        self._calls.append((action, resource, "UNCHANGED", None, None, kept_parameters))

    def refused(
        self, action: str, resource: str, message: str, advice_text: str, place: str = ""
    ) -> ProvisioningFailure:
        """Write down a step that a rule forbids, and return what ends the run.

        Args:
            action: the API action's name.
            resource: what it would act on.
            message: the error text, without the sentence that RegisterThing begins with.
            advice_text: one plain sentence on what to change.
            place: where in the template the trouble lies, if it lies there.
        """
        error = ResourceRegistrationFailure(TERMINATED + message)
        self.fail(action, resource, error.code, message)
        return ProvisioningFailure(error, advice_text, place)

    def fail(
        self,
        action: str,
        resource: str,
        error_code: str,
        message: str,
        parameters: Mapping[str, Any] = _NOTHING,
    ) -> None:
        """Write down a step that failed."""
        kept_parameters = parameters if self._keeps_parameters else _NOTHING
        self._calls.append((action, resource, "FAILED", error_code, message, kept_parameters))


def not_admitted(error: NotAdmitted) -> ProvisioningFailure:
    """Return what ends a run whose call is not allowed."""
    # RegisterThing answers with its own errors only, and IAM with AccessDeniedException.
    declared = error.code in _ERRORS_OF_REGISTER_THING
    if declared:
        return ProvisioningFailure(error, error.advice)
    text, bare = TERMINATED + str(error.message), TERMINATED + error.bare_message
    return ProvisioningFailure(ResourceRegistrationFailure(text, bare=bare), error.advice)
