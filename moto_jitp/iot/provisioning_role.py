"""The provisioning role: may AWS IoT assume it, and does it allow a run's calls?

Roles and policies are moto's, and so is their evaluation, with its limits: conditions count as met,
and ``?`` is no wildcard. Checked only with ``enforce_role``.
https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

from moto.iam.access_control import IAMPolicyStatement, PermissionResult
from moto.iam.models import Policy, iam_backends

from .exceptions import AccessDenied, RoleNotAssumable

_SERVICE = "iot.amazonaws.com"
_PERMITTED = PermissionResult.PERMITTED
_ROLE_ARN = re.compile(r"arn:(?P<partition>[\w-]+):iam::(?P<account>\d{12}):role/(?P<path>.+)")

# What IAM authorises an action on: kinds of resources, all of which must be allowed; none where the
# action knows no resources, so that a statement must name "*".
# https://docs.aws.amazon.com/iot/latest/developerguide/security_iam_service-with-iam.html
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html
_AUTHORISED_ON: Mapping[str, tuple[str, ...]] = {
    "AddThingToBillingGroup": ("billinggroup", "thing"),
    "AddThingToThingGroup": ("thinggroup", "thing"),
    "AttachPolicy": ("cert",),
    "AttachThingPrincipal": ("cert",),
    "CreateCertificateFromCsr": (),
    "CreatePolicy": ("policy",),
    "CreateThing": ("thing",),
    "DescribeBillingGroup": ("billinggroup",),
    "DescribeCertificate": ("cert",),
    "DescribeThingGroup": ("thinggroup",),
    "DescribeThingType": ("thingtype",),
    "GetPolicy": ("policy",),
    "RegisterCertificate": (),
    "RegisterThing": (),
    "RemoveThingFromThingGroup": ("thinggroup", "thing"),
    "UpdateCertificate": ("cert",),
    "UpdateThing": ("thing",),
}


def require_assumable(role_arn: str) -> None:
    """Check that AWS IoT can assume a role.

    Raises:
        RoleNotAssumable: there is no such role, or it does not trust iot.amazonaws.com.
    """
    if not _trusts_iot(_role(role_arn)):
        raise RoleNotAssumable(
            role_arn,
            "its trust policy does not allow sts:AssumeRole to the service "
            f"{_SERVICE}: set it with iam.update_assume_role_policy.",
        )


def require_permission(
    role_arn: str, action: str, resource: str, others: Mapping[str, str], arn: Callable[[str], str]
) -> None:
    """Check that a role's policies allow a call.

    Args:
        role_arn: the provisioning role.
        action: the API action's name, such as ``CreateThing``.
        resource: the resource that the call is made for, such as ``thing/bulb-1``.
        others: the run's certificate and thing by kind (``cert``, ``thing``), which IAM authorises
            some calls on.
        arn: makes an ARN of a resource.

    Raises:
        AccessDenied: no policy of the role allows it, or one denies it.
        RoleNotAssumable: the role is gone.
    """
    statements = list(_statements_of(_role(role_arn)))
    named = {**others, resource.partition("/")[0]: resource}
    kinds = _AUTHORISED_ON.get(action, (resource.partition("/")[0],))
    for authorised in [arn(named[kind]) for kind in kinds if kind in named] or ["*"]:
        results = [_evaluate(statement, f"iot:{action}", authorised) for statement in statements]
        denied = PermissionResult.DENIED in results
        if denied or _PERMITTED not in results:
            raise AccessDenied(role_arn, action, authorised, denied=denied)


def _role(role_arn: str) -> Any:
    match = _ROLE_ARN.fullmatch(role_arn)
    if match is not None:
        with suppress(KeyError):  # moto knows no such partition
            roles = iam_backends[match["account"]][match["partition"]].roles.values()
            for role in roles:
                if role.arn == role_arn:
                    return role
    raise RoleNotAssumable(
        role_arn,
        "moto's IAM has no such role: create it with iam.create_role(RoleName=..., "
        "AssumeRolePolicyDocument=...).",
    )


def _statements_of(role: Any) -> Iterator[dict[str, Any]]:
    """Every statement of a role's inline and attached managed policies."""
    for document in [
        *role.policies.values(),
        *map(_default_version, role.managed_policies.values()),
    ]:
        yield from _statements(document)


def _default_version(policy: Policy) -> str:
    return next(str(version.document) for version in policy.versions if version.is_default)


def _statements(document: str | dict[str, Any]) -> list[dict[str, Any]]:
    policy = json.loads(document) if isinstance(document, str) else document
    found = policy.get("Statement", [])
    return found if isinstance(found, list) else [found]


def _evaluate(statement: dict[str, Any], action: str, resource: str) -> PermissionResult:
    if "NotResource" not in statement:
        return IAMPolicyStatement(statement).is_action_permitted(action, resource)
    # moto does not know NotResource: it would allow everything, by a Deny too.
    excluded = {**statement, "Effect": "Allow", "Resource": statement["NotResource"]}
    anywhere = {**statement, "Resource": "*"}
    if IAMPolicyStatement(excluded).is_action_permitted(action, resource) is _PERMITTED:
        return PermissionResult.NEUTRAL
    return IAMPolicyStatement(anywhere).is_action_permitted(action, resource)


def _trusts_iot(role: Any) -> bool:
    allowed = False
    for statement in _statements(role.assume_role_policy_document):
        principal = statement.get("Principal", {})
        services = _listed(principal.get("Service", [])) if isinstance(principal, dict) else []
        actions = _listed(statement.get("Action", []))
        if _SERVICE in services and any(
            fnmatchcase("sts:assumerole", action.lower()) for action in actions
        ):
            if statement.get("Effect") == "Deny":
                return False
            allowed = True
    return allowed


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
