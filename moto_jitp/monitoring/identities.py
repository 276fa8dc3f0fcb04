"""Who made a call: CloudTrail's ``userIdentity``.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from moto.sts.models import AssumedRole, sts_backends
from moto.utilities.utils import get_partition

from moto_jitp.aws.iam_roles import SERVICE, SESSION_NAME, find_role


class Identity(NamedTuple):
    """A caller.

    Attributes:
        user_name: ``Username`` in LookupEvents: the user, or the role's session.
        element: the ``userIdentity`` of the event.
    """

    user_name: str | None
    element: dict[str, Any]


def caller(
    account_id: str, region_name: str, access_key: str | None, sessions: dict[str, Identity]
) -> Identity:
    """The owner of an access key, as GetCallerIdentity returns it now.

    An event keeps the identity of its caller, whatever happens to the user or role later.

    Args:
        account_id: the account that was called.
        region_name: the Region that was called.
        access_key: the access key id that signed the call; ``None`` for an unsigned one.
        sessions: the sessions of assumed roles by access key, to be extended.
    """
    known = sessions.get(access_key or "")
    if known is not None:
        return known
    sts = sts_backends[account_id][get_partition(region_name)]
    role = sts.get_assumed_role_from_access_key(access_key) if access_key else None
    if role is None:
        owner = sts.get_caller_identity(access_key or "", region_name)
        return _user(access_key, *owner)
    # moto invents a new id each time if its IAM lacks the role.
    session = sessions[role.access_key_id] = _session(role)
    return session


@functools.lru_cache(maxsize=256)
def _user(access_key: str | None, user_id: str, arn: str, owner: str) -> Identity:
    name = arn.rpartition("/")[2]
    signed = {"accessKeyId": access_key} if access_key else {}
    common = {"principalId": user_id, "arn": arn, "accountId": owner, **signed}
    return Identity(name, {"type": "IAMUser", **common, "userName": name})


def _session(role: AssumedRole) -> Identity:
    user_id = role.user_id
    return Identity(
        role.session_name,
        {
            "type": "AssumedRole",
            "principalId": user_id,
            "arn": role.arn,
            "accountId": role.account_id,
            "accessKeyId": role.access_key_id,
            "sessionContext": _session_issuer(role.role_arn, user_id, role.account_id),
        },
    )


def provisioning_service(account_id: str, region_name: str, role_arn: str | None) -> Identity:
    """AWS IoT with the provisioning role that it has assumed for a run.

    Args:
        account_id: the account of the run.
        region_name: the Region of the run.
        role_arn: the role; ``None`` if none is configured, and the service acts as itself.
    """
    if role_arn is None:
        return Identity(None, {"type": "AWSService", "invokedBy": SERVICE})
    role_name = role_arn.rpartition("/")[2]
    user_id = f"{_role_id(role_arn)}:{SESSION_NAME}"
    session = f"assumed-role/{role_name}/{SESSION_NAME}"
    return Identity(
        SESSION_NAME,
        {
            "type": "AssumedRole",
            "principalId": user_id,
            "arn": f"arn:{get_partition(region_name)}:sts::{account_id}:{session}",
            "accountId": account_id,
            "sessionContext": _session_issuer(role_arn, user_id, account_id),
            "invokedBy": SERVICE,
        },
    )


def _role_id(role_arn: str) -> str:
    """The unique id of a role in moto's IAM; a similar one if there is no such role."""
    role = find_role(role_arn)
    return str(role.id) if role else f"AROAJITP{role_arn.rpartition('/')[2].upper()[:13]}"


def _session_issuer(role_arn: str, user_id: str, account_id: str) -> dict[str, Any]:
    return {
        "sessionIssuer": {
            "type": "Role",
            "principalId": user_id.partition(":")[0],
            "arn": role_arn,
            "accountId": account_id,
            "userName": role_arn.rpartition("/")[2],
        }
    }
