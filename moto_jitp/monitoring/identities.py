"""Who made a call: CloudTrail's ``userIdentity``.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

from __future__ import annotations

from typing import Any, NamedTuple

from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

SERVICE = "iot.amazonaws.com"
PROVISIONING_SESSION = "iot-provisioning"
"""The session's name by which AWS's samples recognise just-in-time provisioning."""


class Identity(NamedTuple):
    """A caller.

    Attributes:
        user_name: what LookupEvents calls ``Username``: the user, or the role's session.
        element: the ``userIdentity`` of the event.
    """

    user_name: str | None
    element: dict[str, Any]


def caller(account_id: str, region_name: str, access_key: str) -> Identity:
    """The owner of an access key, as GetCallerIdentity answers.

    Args:
        account_id: the account that was called.
        region_name: the Region that was called.
        access_key: the access key id that signed the call.
    """
    partition = get_partition(region_name)
    user_id, arn, owner = sts_backends[account_id][partition].get_caller_identity(
        access_key, region_name
    )
    kind, _, name = arn.rpartition(":")[2].partition("/")
    common = {"principalId": user_id, "arn": arn, "accountId": owner, "accessKeyId": access_key}
    if kind != "assumed-role":
        user_name = name.rpartition("/")[2]
        return Identity(user_name, {"type": "IAMUser", **common, "userName": user_name})
    role_name, _, session = name.partition("/")
    issuer = _session_issuer(f"arn:{partition}:iam::{owner}:role/{role_name}", user_id, owner)
    return Identity(session, {"type": "AssumedRole", **common, "sessionContext": issuer})


def provisioning_service(account_id: str, region_name: str, role_arn: str | None) -> Identity:
    """AWS IoT with the provisioning role that it has assumed for a run.

    Args:
        account_id: the account of the run.
        region_name: the Region of the run.
        role_arn: the role; ``None`` where none is configured, and the service acts by itself.
    """
    if role_arn is None:
        return Identity(None, {"type": "AWSService", "invokedBy": SERVICE})
    role_name = role_arn.rpartition("/")[2]
    user_id = f"AROAJITP{role_name.upper()[:13]}:{PROVISIONING_SESSION}"
    session = f"assumed-role/{role_name}/{PROVISIONING_SESSION}"
    return Identity(
        PROVISIONING_SESSION,
        {
            "type": "AssumedRole",
            "principalId": user_id,
            "arn": f"arn:{get_partition(region_name)}:sts::{account_id}:{session}",
            "accountId": account_id,
            "sessionContext": _session_issuer(role_arn, user_id, account_id),
            "invokedBy": SERVICE,
        },
    )


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
