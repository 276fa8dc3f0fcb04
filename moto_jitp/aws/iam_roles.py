"""The roles in moto's IAM that AWS IoT assumes, and its principal."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from moto.iam.models import iam_backends

SERVICE = "iot.amazonaws.com"
"""The service principal of AWS IoT."""
SESSION_NAME = "iot-provisioning"
"""The session name by which AWS's samples recognise just-in-time provisioning."""

_ROLE_ARN = re.compile(r"arn:(?P<partition>[\w-]+):iam::(?P<account>\d{12}):role/.+")


def account_of(role_arn: str) -> str | None:
    """Return the account of a role; ``None`` if the text is not a role's ARN."""
    match = _ROLE_ARN.fullmatch(role_arn)
    return match["account"] if match else None


def iam_of(role_arn: str) -> Any | None:
    """Return moto's IAM of a role's account; ``None`` if moto has none for this ARN."""
    match = _ROLE_ARN.fullmatch(role_arn)
    if match is not None:
        with suppress(KeyError):  # moto knows no such partition
            return iam_backends[match["account"]][match["partition"]]
    return None


def find_role(role_arn: str) -> Any | None:
    """Return the role of moto's IAM with this ARN; ``None`` if there is no such role."""
    iam = iam_of(role_arn)
    roles = [] if iam is None else list(iam.roles.values())
    return next((role for role in roles if role.arn == role_arn), None)
