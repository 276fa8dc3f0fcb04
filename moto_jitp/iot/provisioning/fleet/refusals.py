"""The texts of refused requests to the fleet provisioning API.

Texts and codes are those seen on AWS, except those marked as own wording.
https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from moto.core.utils import get_service_model
from moto.moto_api._internal import mock_random

from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.iot.api.operation_names import COMMON_ERRORS
from moto_jitp.iot.exceptions import IoTError, text_for_caller

_QUEUE = "POST /moto-api/static/lambda-simple/response"


class FleetRefusal(Exception):  # noqa: N818 - becomes a message on …/rejected, not an error
    """A request that is answered on its topic ``…/rejected``.

    Attributes:
        status_code: the HTTP status that the error would have.
        code: AWS's name for the error, without ``Exception``.
        message: the error text, all that the device receives.
        bare_message: AWS's part of it, if the rest is ours.
        advice: one plain sentence on what to change; empty if the message says it.
        run: the failed provisioning run, if there was one.
    """

    def __init__(
        self,
        status_code: int,
        code: str,
        message: str,
        *,
        bare: str | None = None,
        advice: str = "",
        run: ProvisioningRun | None = None,
    ) -> None:
        super().__init__(message)
        self.bare_message = message if bare is None else bare
        self.status_code = status_code
        self.code = code
        self.message = message
        self.advice = advice
        self.run = run

    def body(self) -> dict[str, Any]:
        """The content of the message."""
        return {
            "statusCode": self.status_code,
            "errorCode": self.code,
            "errorMessage": text_for_caller(self.message, self.bare_message),
        }


def unknown_template(name: str) -> FleetRefusal:
    return _bad_template(
        f"Template with name {name} does not exist.",
        f"Create it with iot.create_provisioning_template(templateName={name!r}, enabled=True, …), "
        "or publish on the topic of an existing template.",
    )


def disabled_template(name: str) -> FleetRefusal:
    return _bad_template(
        f"Template {name} is not enabled.",
        f"Enable it with iot.update_provisioning_template(templateName={name!r}, enabled=True).",
    )


def template_of_other_type(name: str, found_type: str, expected_type: str) -> FleetRefusal:
    """Own wording."""
    return _bad_template(
        f"Template {name} is not of the type {expected_type}.",
        f"{name} is of the type {found_type}: create another with type={expected_type!r}, since "
        "the type of a template cannot be changed.",
    )


def _bad_template(message: str, advice: str = "") -> FleetRefusal:
    return FleetRefusal(400, "InvalidTemplate", message, advice=advice)


def unreadable(reason: str) -> FleetRefusal:
    """The sentence is AWS's; the rest is ours."""
    return FleetRefusal(
        400,
        "InvalidPayload",
        f"Message cannot be parsed: {reason}",
        bare="Message cannot be parsed",
        advice="The device must send an object with certificateOwnershipToken and, if the "
        "template requires any, parameters, in the format that the topic ends with.",
    )


def no_token() -> FleetRefusal:
    return FleetRefusal(
        400,
        "InvalidCertificateOwnershipToken",
        "Certificate ownership token cannot be empty.",
        advice="The device must send the certificateOwnershipToken that it received with its "
        "certificate.",
    )


def bad_token() -> FleetRefusal:
    return FleetRefusal(
        400,
        "InvalidCertificateOwnershipToken",
        "Certificate ownership token is invalid.",
        advice="A token comes with the certificate from $aws/certificates/create/… or "
        "create-from-csr/…, is valid for one hour and for one device: request another one.",
    )


def unresolved(name: str, run: ProvisioningRun) -> FleetRefusal:
    return FleetRefusal(
        400, "InvalidParameters", f"Cannot resolve reference value: {name}", run=run
    )


def provisioning_failed(error: IoTError, run: ProvisioningRun) -> FleetRefusal:
    """A value was refused, or something that the template refers to is missing or in conflict.

    The text is RegisterThing's with what AWS's client for Java adds to an error, as the service
    that answers devices is a client of AWS IoT's API.

    Args:
        error: RegisterThing's error.
        run: the failed run.
    """
    suffix = (
        " (Service: AWSIot; Status Code: 400; Error Code: ResourceRegistrationFailureException; "
        f"Request ID: {mock_random.uuid4()}; Proxy: null)"
    )
    return FleetRefusal(
        400,
        "ProvisioningFailed",
        f"{error.message}{suffix}",
        bare=error.bare_message + suffix,
        run=run,
    )


def hook_refused(function_arn: str) -> FleetRefusal:
    return FleetRefusal(
        403,
        "AccessDenied",
        "Access Denied",
        advice=f'The pre-provisioning hook {function_arn} did not answer "allowProvisioning": '
        "true.",
    )


def hook_not_invoked(function_arn: str, reason: str) -> FleetRefusal:
    return FleetRefusal(
        400,
        "InvocationError",
        "Access denied while invoking Lambda function",
        advice=f"The pre-provisioning hook {function_arn} cannot be invoked: {reason}",
    )


def hook_failed(function_arn: str, reason: str) -> FleetRefusal:
    return FleetRefusal(
        400,
        "InvocationError",
        "The provisioning hook was not executed successfully.",
        advice=f"The pre-provisioning hook {function_arn} failed: {reason}. moto runs functions in "
        "Docker; without Docker, register a Python callable with jitp.lambda_handler(), or use "
        "moto's configuration {'lambda': {'use_docker': False}} and queue the function's results "
        f"at {_QUEUE}.",
    )


def hook_too_slow(function_arn: str, took: timedelta, longest: timedelta) -> FleetRefusal:
    """AWS's text for a failed hook, as AWS IoT does not wait for its answer."""
    return FleetRefusal(
        400,
        "InvocationError",
        "The provisioning hook was not executed successfully.",
        advice=f"The pre-provisioning hook {function_arn} took {took.total_seconds():g} seconds by "
        f"the test's clock, and AWS IoT waits {longest.total_seconds():g}: make it answer sooner. "
        "If moto was downloading a container image, freeze the clock, or register a Python "
        "callable with jitp.lambda_handler().",
    )


def hook_without_result(function_arn: str) -> FleetRefusal:
    return FleetRefusal(
        403,
        "AccessDenied",
        "Access Denied",
        advice=f"No result is queued for the pre-provisioning hook {function_arn}, so moto echoed "
        'its input. Queue one such as {"allowProvisioning": true} at ' + f"{_QUEUE}.",
    )


def bad_hook_result(function_arn: str, reason: str) -> FleetRefusal:
    return FleetRefusal(
        400,
        "InvalidResult",
        "Provisioning hook result is in an invalid format.",
        advice=f"The pre-provisioning hook {function_arn} answered {reason}; it must return a JSON "
        'object with "allowProvisioning" and, optionally, "parameterOverrides" with string values.',
    )


def of_error(
    error: IoTError, *, advice: str = "", run: ProvisioningRun | None = None
) -> FleetRefusal:
    """Return the refusal for an API error with which a request ended.

    With which code and status AWS passes these on is not documented: here it is the error's own
    code without ``Exception``, and its own status.
    """
    code = error.code
    name = code.removesuffix("Exception")
    return FleetRefusal(
        _status_of(code),
        name,
        str(error.message),
        bare=error.bare_message,
        advice=advice,
        run=run,
    )


def _status_of(code: str) -> int:
    if code in COMMON_ERRORS:
        return COMMON_ERRORS[code]
    shapes = get_service_model("iot").error_shapes
    modelled = next((shape for shape in shapes if shape.error_code == code), None)
    status = modelled.metadata.get("error", {}).get("httpStatusCode") if modelled else None
    return int(status or 400)
