"""The provisioning role: may AWS IoT assume it, and does it allow a run's calls?

Roles and policies are moto's, and so is their evaluation. Checked only with ``enforce_role``.
https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.models import iam_backends
from moto.utilities.utils import get_partition

from .exceptions import AccessDenied, RoleNotAssumable

_SERVICE = "iot.amazonaws.com"
_ROLE_ARN = re.compile(r"arn:(?P<partition>[\w-]+):iam::(?P<account>\d{12}):role/(?P<path>.+)")


def require_assumable(role_arn: str) -> None:
    """Check that AWS IoT can assume a role.

    Raises:
        RoleNotAssumable: there is no such role, or it does not trust iot.amazonaws.com.
    """
    role = _find_role(role_arn)
    if role is None:
        raise RoleNotAssumable(
            role_arn,
            "moto's IAM has no such role: create it with iam.create_role(RoleName=..., "
            "AssumeRolePolicyDocument=...).",
        )
    if not _trusts_iot(role):
        raise RoleNotAssumable(
            role_arn,
            "its trust policy does not allow sts:AssumeRole to the service "
            f"{_SERVICE}: set it with iam.update_assume_role_policy.",
        )


def require_permission(role_arn: str, action: str, resource_arn: str) -> None:
    """Check that a role's policies allow a call.

    Args:
        role_arn: the provisioning role.
        action: the API action's name, such as ``CreateThing``.
        resource_arn: what it acts on.

    Raises:
        AccessDenied: no policy of the role allows it, or one denies it.
        RoleNotAssumable: the role is gone.
    """
    role = _find_role(role_arn)
    if role is None:
        raise RoleNotAssumable(role_arn, "moto's IAM has no such role any more.")
    allowed = False
    for policy in _policies_of(role):
        result = IAMPolicy(policy).is_action_permitted(f"iot:{action}", resource_arn)
        if result is PermissionResult.DENIED:
            raise AccessDenied(role_arn, action, resource_arn, denied=True)
        allowed = allowed or result is PermissionResult.PERMITTED
    if not allowed:
        raise AccessDenied(role_arn, action, resource_arn, denied=False)


def _iam(role_arn: str) -> Any:
    match = _ROLE_ARN.fullmatch(role_arn)
    if match is None:
        return None
    return iam_backends[match["account"]][match["partition"]]


def _find_role(role_arn: str) -> Any:
    backend = _iam(role_arn)
    if backend is None:
        return None
    return next((role for role in backend.roles.values() if role.arn == role_arn), None)


def _policies_of(role: Any) -> Iterable[Any]:
    backend = iam_backends[role.account_id][get_partition("us-east-1")]
    backend = _iam(role.arn) or backend
    for name in backend.list_role_policies(role.name):
        yield backend.get_role_policy(role.name, name)[1]
    attached, _ = backend.list_attached_role_policies(role.name)
    yield from attached


def _trusts_iot(role: Any) -> bool:
    document = role.assume_role_policy_document
    trust = json.loads(document) if isinstance(document, str) else document
    statements = trust.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        services = [services] if isinstance(services, str) else services
        actions = statement.get("Action", [])
        actions = [actions] if isinstance(actions, str) else actions
        if (
            statement.get("Effect") == "Allow"
            and _SERVICE in services
            and any(action in ("sts:AssumeRole", "sts:*", "*") for action in actions)
        ):
            return True
    return False
