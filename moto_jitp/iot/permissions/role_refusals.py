"""The texts about a provisioning role that stops a run: AWS's, and what to change.

The phrases after the resource are those of IAM's page on access denied messages.
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from __future__ import annotations

from dataclasses import dataclass

from moto_jitp.aws.iam_statements import IamDecision, MalformedStatementsError
from moto_jitp.iot.exceptions import AccessDenied, RoleNotAssumable

_MANAGED = "config={'iam': {'load_aws_managed_policies': True}}"


@dataclass(frozen=True)
class RoleCall:
    """A call by a role, for texts about it.

    Attributes:
        role_arn: the provisioning role.
        action: the API action's name, such as ``CreateThing``.
        resource_arn: the resource that it is authorised on.
    """

    role_arn: str
    action: str
    resource_arn: str

    def __str__(self) -> str:
        return f"iot:{self.action} on {self.resource_arn}"

    def refused(self, because: str, advice: str) -> AccessDenied:
        """Return the refusal of this call."""
        return AccessDenied(self.role_arn, self.action, self.resource_arn, because, advice)


def by_policies(call: RoleCall, decision: IamDecision) -> AccessDenied:
    """The role's own policies deny a call, or none allows it."""
    place = f"the policies of the provisioning role {call.role_arn}"
    if decision.denied:
        because = "with an explicit deny in an identity-based policy"
        return call.refused(because, _take_out(call, place, decision))
    because = f"because no identity-based policy allows the iot:{call.action} action"
    if decision.conditions:
        return call.refused(because, _unmet(call, place, decision))
    return call.refused(
        because,
        f"Allow {call} in a policy of the provisioning role {call.role_arn}; AWS's managed policy "
        "AWSIoTThingsRegistration allows everything that a run needs (moto has it with "
        f"{_MANAGED}).",
    )


def by_boundary(call: RoleCall, decision: IamDecision, boundary_arn: str) -> AccessDenied:
    """The role's permissions boundary denies a call, or does not allow it."""
    place = f"the permissions boundary {boundary_arn} of the provisioning role {call.role_arn}"
    if decision.denied:
        because = "with an explicit deny in a permissions boundary"
        return call.refused(because, _take_out(call, place, decision))
    because = _no_boundary_allows(call)
    if decision.conditions:
        return call.refused(because, _unmet(call, place, decision))
    return call.refused(
        because,
        f"Allow {call} in {place}: a role may do what its policies and its boundary both allow.",
    )


def boundary_missing(call: RoleCall, boundary_arn: str) -> AccessDenied:
    """The policy that is the role's permissions boundary does not exist."""
    return call.refused(
        _no_boundary_allows(call),
        f"moto's IAM has no policy {boundary_arn}, the permissions boundary of the provisioning "
        f"role {call.role_arn}: create it with iam.create_policy, or load AWS's managed policies "
        f"with {_MANAGED}.",
    )


def policy_malformed(call: RoleCall, error: MalformedStatementsError) -> AccessDenied:
    """IAM would not have stored a policy of the role."""
    return call.refused(
        f"because no identity-based policy allows the iot:{call.action} action",
        f"Fix this policy of the provisioning role {call.role_arn}: {error}.",
    )


def _no_boundary_allows(call: RoleCall) -> str:
    return f"because no permissions boundary allows the iot:{call.action} action"


def _take_out(call: RoleCall, place: str, decision: IamDecision) -> str:
    change = ""
    if decision.conditions:
        change = f", or change its Condition, which is met: {decision.conditions}"
    return f"Take the Deny that covers {call} out of {place}{change}; it wins over every Allow."


def _unmet(call: RoleCall, place: str, decision: IamDecision) -> str:
    return (
        f"A statement in {place} would allow {call}, but its Condition is not met: "
        f"{decision.conditions}. Change the Condition, or allow the call in another statement."
    )


def no_role(role_arn: str) -> RoleNotAssumable:
    """There is no such role."""
    return RoleNotAssumable(
        role_arn,
        "moto's IAM has no such role: create it with iam.create_role(RoleName=..., "
        "AssumeRolePolicyDocument=...).",
    )


def of_another_account(role_arn: str, account: str, expected_account: str) -> RoleNotAssumable:
    """The role belongs to a different account than the CA or the template.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    return RoleNotAssumable(
        role_arn,
        f"it is a role of the account {account}, and AWS IoT accepts only roles of the account "
        f"{expected_account}, which has the CA certificate or the template: create a role there.",
    )


def not_trusted(role_arn: str, service: str, decision: IamDecision) -> RoleNotAssumable:
    """The role's trust policy forbids AWS IoT to assume it, or does not allow it."""
    change = "change it with iam.update_assume_role_policy."
    if decision.denied:
        note = f" (its Condition is met: {decision.conditions})" if decision.conditions else ""
        return RoleNotAssumable(
            role_arn,
            f"a Deny in its trust policy covers sts:AssumeRole by the service {service}{note}, and "
            f"it wins over every Allow: {change}",
        )
    if decision.conditions:
        return RoleNotAssumable(
            role_arn,
            f"its trust policy would allow sts:AssumeRole to the service {service}, but the "
            f"Condition is not met: {decision.conditions}; {change}",
        )
    return RoleNotAssumable(
        role_arn,
        "its trust policy does not allow sts:AssumeRole to the service "
        f"{service}: set it with iam.update_assume_role_policy.",
    )


def trust_malformed(role_arn: str, error: MalformedStatementsError) -> RoleNotAssumable:
    """IAM would not have stored the role's trust policy."""
    return RoleNotAssumable(
        role_arn,
        f"its trust policy cannot be read ({error}): set it with iam.update_assume_role_policy.",
    )
