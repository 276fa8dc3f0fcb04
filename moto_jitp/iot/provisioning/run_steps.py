"""Carries out and keeps the steps of a run, and turns a failure into the error that ends it.

https://docs.aws.amazon.com/iot/latest/apireference/API_RegisterThing.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from moto_jitp import settings
from moto_jitp.history.runs import PackedSteps, ProvisioningStep, pack_parameters, pack_step
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
    """Ends a run, with RegisterThing's error and what to change.

    Args:
        error: AWS's error.
        advice: one plain sentence for a person.
        place: where in the template the problem is, if it is there.
        mistake: the template's mistake that the error reports, if any.
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
    """The steps of one run, kept as they happen.

    Args:
        permit: the check that each call must pass, if any; it raises ``NotAdmitted``.
    """

    __slots__ = ("_entries", "_keeps_parameters", "permit")

    def __init__(self, permit: Callable[[str, str], None] | None = None) -> None:
        self._entries: list[Any] = []
        self._keeps_parameters = settings.current().trail
        self.permit = permit

    @property
    def packed_steps(self) -> PackedSteps:
        """The steps so far, in the form that a run keeps."""
        return tuple(self._entries)

    def note(self, action: str, resource: str, message: str | None) -> None:
        """Add a successful step without a call of its own.

        Args:
            action: the API action's name.
            resource: what it acts on.
            message: a remark, if any.
        """
        self._entries += (action, resource, "SUCCEEDED", None, message, ())

    def add(self, step: ProvisioningStep) -> None:
        """Add a step that was carried out elsewhere."""
        self._entries += pack_step(step)

    def do(
        self,
        action: str,
        resource: str,
        call: Callable[[Mapping[str, Any]], ResultT],
        parameters: Mapping[str, Any],
    ) -> ResultT:
        """Carry out a step by a call.

        Args:
            action: the API action's name.
            resource: what it acts on, such as ``thing/bulb-1``.
            call: the function that carries it out. It gets only the parameters, so that the trail
                shows what was really sent.
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
        kept_parameters = pack_parameters(parameters) if self._keeps_parameters else ()
        self._entries += (action, resource, "SUCCEEDED", None, None, kept_parameters)
        return result

    def found(self, action: str, resource: str) -> None:
        """Write down a step that only looks for something, and has found it.

        Args:
            action: the API action's name.
            resource: what it looks for.

        Raises:
            ProvisioningFailure: the call is not allowed.
        """
        self._pass(action, resource, _NOTHING)
        self._entries += (action, resource, "SUCCEEDED", None, None, ())

    def unchanged(self, action: str, resource: str, parameters: Mapping[str, Any]) -> None:
        """Add a step that found everything as required.

        It is a call all the same: it counts for quotas, needs permission, and can be made to fail.

        Args:
            action: the API action's name.
            resource: what it acts on.
            parameters: those of the API action.

        Raises:
            ProvisioningFailure: the call is not allowed.
        """
        self._pass(action, resource, parameters)
        kept_parameters = pack_parameters(parameters) if self._keeps_parameters else ()
        self._entries += (action, resource, "UNCHANGED", None, None, kept_parameters)

    def _pass(self, action: str, resource: str, parameters: Mapping[str, Any]) -> None:
        if self.permit is None:
            return
        try:
            self.permit(action, resource)
        except NotAdmitted as error:
            self.fail(action, resource, *code_and_message(error), parameters)
            raise not_admitted(error) from None

    def refused(
        self, action: str, resource: str, message: str, advice_text: str, place: str = ""
    ) -> ProvisioningFailure:
        """Add a step that a rule forbids, and return the error that ends the run.

        Args:
            action: the API action's name.
            resource: what it would act on.
            message: the error text, without RegisterThing's first sentence.
            advice_text: one plain sentence on what to change.
            place: where in the template the problem is, if it is there.
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
        """Add a failed step."""
        kept_parameters = pack_parameters(parameters) if self._keeps_parameters else ()
        self._entries += (action, resource, "FAILED", error_code, message, kept_parameters)


def not_admitted(error: NotAdmitted) -> ProvisioningFailure:
    """Return the error that ends a run because a call is not allowed."""
    # RegisterThing only answers with its own errors, and IAM with AccessDeniedException.
    declared = error.code in _ERRORS_OF_REGISTER_THING
    if declared:
        return ProvisioningFailure(error, error.advice)
    text, bare = TERMINATED + str(error.message), TERMINATED + error.bare_message
    return ProvisioningFailure(ResourceRegistrationFailure(text, bare=bare), error.advice)
