"""Pre-provisioning hooks: a Lambda function that decides whether a device is provisioned.

The function is moto's, and so is its execution: in a container, or, with moto's configuration
``{"lambda": {"use_docker": False}}``, with the results that the test has queued.
https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html
https://docs.getmoto.org/en/latest/docs/services/lambda.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from moto_jitp import settings
from moto_jitp.iot.exceptions import AwsError
from moto_jitp.moto_names import check_names_for_hooks

from . import fleet_refusals as refusals

_SERVICE = "iot.amazonaws.com"
_FUNCTION_ARN = re.compile(
    r"arn:[\w-]+:lambda:(?P<region>[\w-]+):(?P<account>\d{12}):function:"
    r"(?P<name>[\w-]+)(?::(?P<qualifier>[\w$-]+))?"
)
_INVOKES = ("lambda:invokefunction", "lambda:*", "*")


def consult_hook(function_arn: str, request: Mapping[str, Any]) -> dict[str, str]:
    """Ask a pre-provisioning hook about a device.

    Args:
        function_arn: the hook's ``targetArn``.
        request: what the function is given: ``claimCertificateId``, ``certificateId``,
            ``certificatePem``, ``templateArn``, ``clientId`` and ``parameters``.

    Returns:
        The parameters that the function overrides, name to value.

    Raises:
        FleetRefusal: it does not allow the device, cannot be invoked, fails, or answers something
            else than a hook should.
    """
    match = _FUNCTION_ARN.fullmatch(function_arn)
    if match is None:
        raise refusals.hook_not_invoked(function_arn, "that is no ARN of a Lambda function.")
    check_names_for_hooks()
    from moto.awslambda.utils import get_backend  # takes its time, and few templates have a hook

    functions: Any = get_backend(match["account"], match["region"])
    _require_invocable(functions, function_arn, match)
    headers: dict[str, Any] = {}
    try:
        answer = functions.invoke(
            match["name"], match["qualifier"], json.dumps(request), {}, headers
        )
    except Exception as error:  # of the function's container: without Docker there is none
        raise refusals.hook_failed(
            function_arn,
            f"{type(error).__name__}: {error}. Where Docker does not run, use moto's configuration "
            "{'lambda': {'use_docker': False}} and queue the function's results.",
        ) from error
    text = answer.decode() if isinstance(answer, bytes) else str(answer or "")
    if "x-amz-function-error" in headers:
        raise refusals.hook_failed(function_arn, text)
    return _overrides(function_arn, text)


def _require_invocable(functions: Any, function_arn: str, match: re.Match[str]) -> None:
    try:
        function = functions.get_function(match["name"], match["qualifier"])
    except AwsError as error:
        raise refusals.hook_not_invoked(function_arn, f"{error.message}.") from None
    # Like the provisioning role, its permissions are looked at only where the test wants it.
    if settings.current().enforce_role and not _allows_service(function.policy.statements):
        raise refusals.hook_not_invoked(
            function_arn,
            f"its resource policy does not allow lambda:InvokeFunction to {_SERVICE}: set it with "
            f"add_permission(FunctionName={match['name']!r}, StatementId='iot', "
            f"Action='lambda:InvokeFunction', Principal={_SERVICE!r}).",
        )


def _allows_service(statements: list[dict[str, Any]]) -> bool:
    def is_for_service(statement: Mapping[str, Any]) -> bool:
        principal = statement.get("Principal")
        service = principal.get("Service") if isinstance(principal, dict) else principal
        return service in (_SERVICE, "*") and str(statement.get("Action")).lower() in _INVOKES

    effects = {str(one.get("Effect")) for one in statements if is_for_service(one)}
    return effects == {"Allow"}


def _overrides(function_arn: str, text: str) -> dict[str, str]:
    """The overrides in a function's answer, which must allow the device."""
    try:
        answer = json.loads(text)
    except ValueError:
        raise refusals.bad_hook_result(function_arn, f"{text[:200]!r}") from None
    if not isinstance(answer, dict):
        raise refusals.bad_hook_result(function_arn, f"a JSON {type(answer).__name__}")
    overrides = answer.get("parameterOverrides") or {}
    if not isinstance(overrides, dict) or not all(isinstance(v, str) for v in overrides.values()):
        raise refusals.bad_hook_result(function_arn, f'"parameterOverrides": {overrides!r:.200}')
    # The guide writes the value as a boolean and as text.
    if answer.get("allowProvisioning") not in (True, "true"):
        raise refusals.hook_refused(function_arn)
    return overrides
