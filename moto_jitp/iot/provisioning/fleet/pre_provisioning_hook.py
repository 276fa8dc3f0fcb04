"""Pre-provisioning hooks: a Lambda function that decides whether a device is provisioned.

The function is a Python handler of the test, or a function in moto's Lambda, which runs it in a
container or, with moto's configuration ``{"lambda": {"use_docker": False}}``, returns the results
that the test has queued. AWS IoT waits five seconds for the answer, by the test's clock: a handler
that moves a clock frozen by freezegun takes as long as it moves it.
https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html
https://docs.getmoto.org/en/latest/docs/services/lambda.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from moto_jitp import settings
from moto_jitp.aws.lambda_functions import INVOKE, FunctionError, NotInvoked, invoke
from moto_jitp.iot.permissions.provisioning_role import ProvisioningRoles

from . import refusals
from .payload_formats import shown

LONGEST_ANSWER = timedelta(seconds=5)
"""How long AWS IoT waits for a hook's answer."""


def consult_hook(
    roles: ProvisioningRoles, function_arn: str, request: Mapping[str, Any]
) -> dict[str, str]:
    """Call a pre-provisioning hook for a device.

    Args:
        roles: makes AWS IoT's call of the function.
        function_arn: the hook's ``targetArn``.
        request: the function's event: ``claimCertificateId``, ``certificateId``,
            ``certificatePem``, ``templateArn``, ``clientId`` and ``parameters``.

    Returns:
        The parameters that the function overrides, name to value.

    Raises:
        FleetRefusal: it does not allow the device, cannot be invoked, fails, takes more than five
            seconds, or does not return what a hook should.
    """
    event = json.dumps(request)
    asked_at = datetime.now(timezone.utc)
    try:
        answer = invoke(
            function_arn,
            event,
            lambda arn: roles.call_of_service(INVOKE, arn, request["templateArn"]),
            check_policy=settings.current().strict,
        )
    except NotInvoked as error:
        raise refusals.hook_not_invoked(function_arn, str(error)) from None
    except FunctionError as error:
        raise refusals.hook_failed(function_arn, str(error)) from error
    took = datetime.now(timezone.utc) - asked_at
    if took > LONGEST_ANSWER:
        raise refusals.hook_too_slow(function_arn, took, LONGEST_ANSWER)
    if answer == event:
        raise refusals.hook_without_result(function_arn)
    return _overrides(function_arn, answer)


def _overrides(function_arn: str, text: str) -> dict[str, str]:
    """Return the overrides in a function's answer, which must allow the device."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise refusals.bad_hook_result(function_arn, f"{text[:200]!r}") from None
    if not isinstance(answer, dict):
        raise refusals.bad_hook_result(function_arn, f"a JSON {type(answer).__name__}")
    allowed = answer.get("allowProvisioning")
    # The guide has the value as a boolean and as text; in Python, 1 equals True.
    if allowed is not True and allowed != "true":
        raise refusals.hook_refused(function_arn)
    overrides = answer.get("parameterOverrides") or {}
    if not isinstance(overrides, dict) or not all(isinstance(v, str) for v in overrides.values()):
        raise refusals.bad_hook_result(function_arn, f'"parameterOverrides": {shown(overrides)}')
    return overrides
