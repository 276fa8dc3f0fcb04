"""May a service assume a role, and may the role make a call?

Roles, policies and their evaluation are moto's, with the additions of :mod:`iam_statements`.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-create-role.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from moto.iam.models import Policy

from .iam_roles import SERVICE, account_of, find_role, iam_of
from .iam_statements import (
    IamCall,
    IamContext,
    IamStatement,
    MalformedStatementsError,
    decide,
    read_statements,
)

_SESSION_NAME = "iot-rules-engine"


class RoleRefused(Exception):  # noqa: N818 - says what it is about
    """A role cannot be assumed, or does not allow a call.

    Args:
        message: AWS's text.
        advice: what is wrong here, and what to change.
    """

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(f"{message} {advice}")
        self.message = message
        self.advice = advice


def service_call(
    action: str,
    resource: str | None,
    *,
    account_id: str,
    region_name: str,
    source_arn: str,
    moment: datetime,
    service: str = SERVICE,
    keys: Mapping[str, str] | None = None,
) -> IamCall:
    """Return a call that AWS IoT makes as itself, to evaluate a resource's policy for.

    Args:
        action: such as ``lambda:InvokeFunction``.
        resource: the ARN; ``None`` if the policy's statements name none.
        account_id: the account that AWS IoT acts for.
        region_name: the Region.
        source_arn: the resource that it acts for, such as a rule.
        moment: when, in UTC.
        service: the service principal that makes the call.
        keys: further condition keys.

    https://docs.aws.amazon.com/iot/latest/developerguide/cross-service-confused-deputy-prevention.html
    """
    extra = {
        "aws:RequestedRegion": region_name,
        "aws:ResourceAccount": account_id,
        "aws:SecureTransport": "true",
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": service,
        "aws:SourceAccount": account_id,
        "aws:SourceArn": source_arn,
        **(keys or {}),
    }
    return IamCall(action, resource, IamContext(current_time=moment, extra=extra), service=service)


def check_assumable(role_arn: str, call: IamCall) -> None:
    """Check that AWS IoT can assume a role.

    Args:
        role_arn: the role.
        call: the call of ``sts:AssumeRole`` that AWS IoT makes.

    Raises:
        RoleRefused: there is no such role, it belongs to another account, or it does not trust AWS
            IoT.
    """
    service = call.service
    message = (
        f"AWS IoT ({service}) is unable to assume role (sts:AssumeRole) on resource: {role_arn}."
    )
    account, expected_account = account_of(role_arn), call.context.extra["aws:SourceAccount"]
    if account not in (None, expected_account):
        raise RoleRefused(
            message, f"It is a role of the account {account}; create one in {expected_account}."
        )
    role = find_role(role_arn)
    if role is None:
        raise RoleRefused(
            message,
            "moto's IAM has no such role: create it with iam.create_role(RoleName=…, "
            "AssumeRolePolicyDocument=…).",
        )
    try:
        decision = decide(read_statements(role.assume_role_policy_document), call)
    except MalformedStatementsError as error:
        raise RoleRefused(message, f"Its trust policy cannot be read: {error}.") from None
    if not decision.allowed:
        conditions = f", for this condition: {decision.conditions}" if decision.conditions else ""
        raise RoleRefused(
            message,
            f"Its trust policy does not allow sts:AssumeRole to {service}{conditions}: change it "
            "with iam.update_assume_role_policy.",
        )


def check_allowed(
    role_arn: str, action: str, resource: str, *, region_name: str, moment: datetime
) -> None:
    """Check that a role's policies, and its permissions boundary, allow a call.

    Args:
        role_arn: a role that exists.
        action: such as ``sqs:SendMessage``.
        resource: the ARN to authorise it on, or ``*``.
        region_name: the Region that is called.
        moment: when, in UTC.

    Raises:
        RoleRefused: they do not, or the role is gone.
    """
    role = find_role(role_arn)
    if role is None:
        raise RoleRefused(f"The role {role_arn} does not exist.", "Create it in moto's IAM.")
    keys = {
        "aws:RequestedRegion": region_name,
        "aws:ResourceAccount": role.account_id,
        "aws:SecureTransport": "true",
        "aws:PrincipalAccount": role.account_id,
        "aws:PrincipalArn": role.arn,
        "aws:PrincipalType": "AssumedRole",
        "aws:PrincipalIsAWSService": "false",
        **{f"aws:PrincipalTag/{tag['Key']}": tag["Value"] for tag in role.tags or ()},
    }
    call = IamCall(action, resource, IamContext(current_time=moment, extra=keys))
    for kind, statements in _layers_of(role):
        try:
            decision = decide(statements, call)
        except MalformedStatementsError as error:
            raise _refused(role, call, f"because a policy cannot be read: {error}", kind) from None
        if decision.denied:
            raise _refused(role, call, f"with an explicit deny in {kind}", kind)
        if not decision.allowed:
            unmet = f" (condition not met: {decision.conditions})" if decision.conditions else ""
            raise _refused(
                role,
                call,
                f"because no {kind.removeprefix('a ').removeprefix('an ')} allows the "
                f"{action} action{unmet}",
                kind,
            )


def policy_statements(role: Any) -> Iterator[IamStatement]:
    """Yield every statement of a role's inline and attached managed policies."""
    documents = [*role.policies.values(), *map(default_version, role.managed_policies.values())]
    for document in documents:
        yield from read_statements(document)


def default_version(policy: Policy) -> str:
    """Return the document of a managed policy's default version."""
    return next(str(version.document) for version in policy.versions if version.is_default)


def _layers_of(role: Any) -> Iterator[tuple[str, Iterator[IamStatement]]]:
    yield "an identity-based policy", policy_statements(role)
    if role.permissions_boundary_arn:
        iam = iam_of(role.arn)
        assert iam is not None  # it has the role
        boundary = iam.managed_policies.get(role.permissions_boundary_arn)
        statements = [] if boundary is None else read_statements(default_version(boundary))
        yield "a permissions boundary", iter(statements)


def _refused(role: Any, call: IamCall, because: str, kind: str) -> RoleRefused:
    assumed = role.arn.replace(":iam:", ":sts:", 1).replace(":role/", ":assumed-role/", 1)
    return RoleRefused(
        f"User: {assumed}/{_SESSION_NAME} is not authorized to perform: {call.action} on resource: "
        f"{call.resource} {because}.",
        f"Allow {call.action} on {call.resource} in {kind} of the role {role.arn}.",
    )
