"""Pre-provisioning hooks: a Lambda function that decides whether a device is provisioned.

The function is moto's, and so is its execution: in a container, or, with moto's configuration
``{"lambda": {"use_docker": False}}``, with the results that the test has queued. It may take longer
than the five seconds that AWS IoT waits for: a container's image may have to be fetched first.
https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html
https://docs.getmoto.org/en/latest/docs/services/lambda.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from moto_jitp import settings
from moto_jitp.aws.iam_roles import SERVICE
from moto_jitp.aws.iam_statements import IamCall, decide, read_statements
from moto_jitp.aws.moto_check import check_names_of
from moto_jitp.iot.exceptions import AwsError
from moto_jitp.iot.permissions.provisioning_role import ProvisioningRoles

from . import refusals
from .payload_formats import shown

_INVOKE = "lambda:InvokeFunction"
_FUNCTION_ARN = re.compile(
    r"arn:[\w-]+:lambda:(?P<region>[\w-]+):(?P<account>\d{12}):function:"
    r"(?P<name>[\w-]+)(?::(?P<qualifier>[\w$-]+))?"
)


def consult_hook(
    roles: ProvisioningRoles, function_arn: str, request: Mapping[str, Any]
) -> dict[str, str]:
    """Ask a pre-provisioning hook about a device.

    Args:
        roles: says how AWS IoT calls the function.
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
    check_names_of("moto.awslambda.utils")
    from moto.awslambda.utils import get_backend  # takes its time, and few templates have a hook

    try:
        functions: Any = get_backend(match["account"], match["region"])
        function = functions.get_function(match["name"], match["qualifier"])
    except KeyError:
        why = f"moto's Lambda is in no Region {match['region']}."
        raise refusals.hook_not_invoked(function_arn, why) from None
    except AwsError as error:
        raise refusals.hook_not_invoked(function_arn, f"{error.message}.") from None
    # Like the provisioning role's, its permissions are looked at only where the test wants it.
    if settings.current().enforce_role:
        call = roles.call_of_service(_INVOKE, function_arn, request["templateArn"])
        _require_permission(function.policy.statements, call)
    return _overrides(function_arn, _invoked(functions, match, json.dumps(request)))


def _invoked(functions: Any, match: re.Match[str], request: str) -> str:
    """What the function answers."""
    headers: dict[str, Any] = {}
    try:
        answer = functions.invoke(match["name"], match["qualifier"], request, {}, headers)
    except Exception as error:  # of the function's container, whatever it is made of
        raise refusals.hook_failed(match[0], f"{type(error).__name__}: {error}") from error
    text = answer.decode() if isinstance(answer, bytes) else str(answer or "")
    if "x-amz-function-error" in headers:
        raise refusals.hook_failed(match[0], text)
    if text == request:
        raise refusals.hook_without_result(match[0])
    return text


def _require_permission(statements: list[dict[str, Any]], call: IamCall) -> None:
    """The function's policy must let AWS IoT invoke it."""
    decision = decide(read_statements({"Version": "2012-10-17", "Statement": statements}), call)
    if decision.allowed:
        return
    raise refusals.hook_not_invoked(
        str(call.resource),
        f"its policy does not allow {_INVOKE} to {SERVICE}"
        + (f", for this condition: {decision.conditions}" if decision.conditions else "")
        + f". Set it with add_permission(FunctionName=…, StatementId='iot', Action={_INVOKE!r}, "
        f"Principal={SERVICE!r}).",
    )


def _overrides(function_arn: str, text: str) -> dict[str, str]:
    """The overrides in a function's answer, which must allow the device."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise refusals.bad_hook_result(function_arn, f"{text[:200]!r}") from None
    if not isinstance(answer, dict):
        raise refusals.bad_hook_result(function_arn, f"a JSON {type(answer).__name__}")
    allowed = answer.get("allowProvisioning")
    # The guide writes the value as a boolean and as text; to Python, 1 equals True.
    if allowed is not True and allowed != "true":
        raise refusals.hook_refused(function_arn)
    overrides = answer.get("parameterOverrides") or {}
    if not isinstance(overrides, dict) or not all(isinstance(v, str) for v in overrides.values()):
        raise refusals.bad_hook_result(function_arn, f'"parameterOverrides": {shown(overrides)}')
    return overrides
