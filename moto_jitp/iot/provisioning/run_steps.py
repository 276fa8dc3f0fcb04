"""How a run carries out its steps, and which error ends it when one fails.

https://docs.aws.amazon.com/iot/latest/apireference/API_RegisterThing.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from moto_jitp.iot.exceptions import (
    AwsError,
    IoTError,
    NotAdmitted,
    ResourceRegistrationFailure,
    bare_text,
    code_and_message,
)
from moto_jitp.iot.registry.registry import Registry

from . import run_advice as advice
from .step_recorder import NOTHING, ProvisioningFailure, StepRecorder

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

ResultT = TypeVar("ResultT")


class RunSteps:
    """The steps of one run, written down as they happen.

    Args:
        registry: the tables of the account and Region that the run changes.
        recorder: writes the steps down.
    """

    def __init__(self, registry: Registry, recorder: StepRecorder) -> None:
        self.registry = registry
        self.recorder = recorder

    def step(
        self,
        action: str,
        resource: str,
        call: Callable[[Mapping[str, Any]], ResultT],
        parameters: Mapping[str, Any] = NOTHING,
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
        permit = self.recorder.permit
        try:
            if permit is not None:
                permit(action, resource)
            result = call(parameters)
        except AwsError as error:
            code, message = code_and_message(error)
            self.recorder.fail(action, resource, code, message, parameters)
            if isinstance(error, NotAdmitted):
                raise not_admitted(error) from None
            raise ProvisioningFailure(
                ResourceRegistrationFailure(
                    TERMINATED + message, bare=TERMINATED + bare_text(error)
                ),
                getattr(error, "advice", None) or advice.step_failed(action, resource, code),
            ) from error
        self.recorder.end(action, resource, parameters)
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
            ProvisioningFailure: the call may not happen.
        """
        permit = self.recorder.permit
        try:
            if permit is not None:
                permit(action, resource)
        except NotAdmitted as error:
            self.recorder.fail(action, resource, *code_and_message(error), parameters)
            raise not_admitted(error) from None
        self.recorder.end(action, resource, parameters, changed=False)

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
        self.recorder.fail(action, resource, error.code, message)
        return ProvisioningFailure(error, advice_text, place)

    def fail_step(self, action: str, resource: str, error: IoTError) -> None:
        """Write down a step that failed with an error of ours."""
        self.recorder.fail(action, resource, error.code, str(error.message))


def not_admitted(error: NotAdmitted) -> ProvisioningFailure:
    """Return what ends a run whose call may not happen."""
    # RegisterThing answers with its own errors only, and IAM with AccessDeniedException.
    declared = error.code in _ERRORS_OF_REGISTER_THING
    if declared:
        return ProvisioningFailure(error, error.advice)
    text, bare = TERMINATED + str(error.message), TERMINATED + error.bare_message
    return ProvisioningFailure(ResourceRegistrationFailure(text, bare=bare), error.advice)
