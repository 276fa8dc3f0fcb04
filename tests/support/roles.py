"""Provisioning roles and their policies, for tests with ``enforce_role``."""

from __future__ import annotations

import json
from typing import Any

from support.cloud import ACCOUNT, client

ENFORCED = {"jitp": {"enforce_role": True}}
TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "iot.amazonaws.com"},
    "Action": "sts:AssumeRole",
}
HERE = f"arn:aws:iot:us-east-1:{ACCOUNT}"


def document(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource: Any = "*", effect: str = "Allow") -> dict[str, Any]:
    return {
        "Effect": effect,
        "Action": [f"iot:{action}" for action in actions],
        "Resource": resource,
    }


def create_role(trust: Any = TRUST, **arguments: Any) -> str:
    arguments = {"RoleName": "JITPRole", **arguments}
    answer = iam().create_role(AssumeRolePolicyDocument=document(trust), **arguments)
    arn: str = answer["Role"]["Arn"]
    return arn


def set_permissions(*statements: Any, name: str = "inline") -> None:
    iam().put_role_policy(
        RoleName="JITPRole", PolicyName=name, PolicyDocument=document(*statements)
    )


def iam() -> Any:
    return client(service="iam")
