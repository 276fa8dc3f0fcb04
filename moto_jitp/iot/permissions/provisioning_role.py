"""The provisioning role: may AWS IoT assume it, and does it allow a run's calls?

Roles, policies and their evaluation are moto's, with the additions of :mod:`iam_statements`. A call
must be allowed by a policy of the role, and by its permissions boundary if it has one. Policies of
organizations, and condition keys other than those below, are not known. Checked only with
``enforce_role``. https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from moto_jitp import faults, settings
from moto_jitp.aws.iam_roles import SERVICE, SESSION_NAME, account_of, find_role, iam_of
from moto_jitp.aws.iam_statements import (
    IamCall,
    IamContext,
    IamDecision,
    IamStatement,
    MalformedStatementsError,
    decide,
    read_statements,
)
from moto_jitp.aws.role_checks import default_version, policy_statements, service_call
from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.iot.api.admission import admit
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.tags import Tags

from . import role_refusals as refusals

# The kinds of resources on which IAM authorises an action, all of which must be allowed; none if
# the action has no resources, so that a statement must name "*".
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


# Actions that are also allowed by their older names, as in two of AWS's own walk-throughs.
_OLDER_NAMES: Mapping[str, tuple[str, ...]] = {"AttachPolicy": ("AttachPrincipalPolicy",)}


class ProvisioningRoles:
    """Checks the roles with which AWS IoT acts for this account and Region.

    Args:
        registry: the account's and Region's tables.
        tags: their tags, to which statements may refer.
    """

    def __init__(self, registry: Registry, tags: Tags) -> None:
        self._registry = registry
        self._tags = tags

    def check(
        self,
        role_arn: str | None,
        template_name: str | None,
        ca_id: str | None = None,
        *,
        source: str | None = None,
    ) -> None:
        """With ``enforce_role``, refuse a role that AWS IoT cannot assume.

        AWS IoT assumes it for the stored template, or else for the CA certificate that has the
        body.
        https://docs.aws.amazon.com/iot/latest/developerguide/cross-service-confused-deputy-prevention.html

        Args:
            role_arn: the provisioning role, if any.
            template_name: the stored template to execute, if any.
            ca_id: otherwise the CA certificate that has the template's body.
            source: what the role is assumed for, if neither of these, such as
                ``thingregistrationtask/…``.

        Raises:
            RoleNotAssumable: the role belongs to another account, which cannot be passed to a
                service, does not exist, or does not trust iot.amazonaws.com.
        """
        if not settings.current().enforce_role or role_arn is None:
            return
        account = account_of(role_arn)
        if account not in (None, self._registry.account_id):
            raise refusals.of_another_account(role_arn, account, self._registry.account_id)
        role = _role(role_arn)
        if source is None:
            stored = f"provisioningtemplate/{template_name}"
            source = stored if template_name is not None else f"cacert/{ca_id}"
        call = self.call_of_service("sts:AssumeRole", None, self._registry.arn(source))
        try:
            decision = decide(read_statements(role.assume_role_policy_document), call)
        except MalformedStatementsError as error:
            raise refusals.trust_malformed(role_arn, error) from None
        if not decision.allowed:
            raise refusals.not_trusted(role_arn, SERVICE, decision)

    def permit_for_run(
        self,
        role_arn: str | None,
        resources: Callable[[], Mapping[str, str]],
        admitted: Collection[str] = (),
    ) -> Callable[[str, str], None] | None:
        """Return the check that each step of a run must pass; ``None`` if nothing could stop a
        step.

        Args:
            role_arn: the provisioning role of a just-in-time run; ``None`` for RegisterThing, which
                runs with its caller's permissions.
            resources: returns the run's certificate and thing by kind, as far as known.
            admitted: operations that were admitted before the run began.

        Returns:
            A function of the API action's name and the resource, which raises ``NotAdmitted``.
        """
        current = settings.current()
        role = role_arn if current.enforce_role else None
        if role is None and current.throttling is False and not faults.any_planned():
            return None

        def permit(action: str, resource: str) -> None:
            if action not in admitted:
                admit(self._registry.moto, action)
            if role is not None:
                self.require_permission(role, action, resource, resources())

        return permit

    def require_permission(
        self, role_arn: str, action: str, resource: str, other_resources: Mapping[str, str]
    ) -> None:
        """Check that a role may make a call.

        Args:
            role_arn: the provisioning role.
            action: the API action's name, such as ``CreateThing``.
            resource: the resource of the call, such as ``thing/bulb-1``.
            other_resources: the run's certificate and thing by kind (``cert``, ``thing``), on which
                IAM authorises some calls.

        Raises:
            AccessDenied: no policy of the role allows it, its boundary does not, or one of them
                denies it.
            RoleNotAssumable: the role is gone.
        """
        role = _role(role_arn)
        named_resources = {**other_resources, resource.partition("/")[0]: resource}
        kinds = _AUTHORISED_ON.get(action, (resource.partition("/")[0],))
        arns = [
            self._registry.arn(named_resources[kind]) for kind in kinds if kind in named_resources
        ]
        for authorised in arns or ["*"]:
            context = _context(self._keys_of_run(role, authorised))
            role_call = refusals.RoleCall(role_arn, action, authorised)
            names = (action, *_OLDER_NAMES.get(action, ()))
            calls = [IamCall(f"iot:{name}", authorised, context) for name in names]
            try:
                _check_policies(role, calls, role_call)
            except MalformedStatementsError as error:
                raise refusals.policy_malformed(role_call, error) from None

    def call_of_service(self, action: str, resource: str | None, source_arn: str) -> IamCall:
        """Return a call that AWS IoT makes as itself, to evaluate a resource's policy for.

        https://docs.aws.amazon.com/iot/latest/developerguide/cross-service-confused-deputy-prevention.html

        Args:
            action: such as ``sts:AssumeRole``.
            resource: the ARN; ``None`` if the policy's statements name none.
            source_arn: the CA certificate or the provisioning template that it acts for.
        """
        return service_call(
            action,
            resource,
            account_id=self._registry.account_id,
            region_name=self._registry.region_name,
            source_arn=source_arn,
            moment=acting_moment(),
        )

    # The condition keys of a call that are known.
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html

    def _keys_of_every_call(self) -> dict[str, str]:
        return {
            "aws:RequestedRegion": self._registry.region_name,
            "aws:ResourceAccount": self._registry.account_id,
            "aws:SecureTransport": "true",
        }

    def _keys_of_run(self, role: Any, resource_arn: str) -> dict[str, str]:
        """The keys of a call that a run makes in its role; address and VPC are not known."""
        tags = self._tags.tags_of(resource_arn)
        return {
            **self._keys_of_every_call(),
            "aws:PrincipalAccount": role.account_id,
            "aws:PrincipalArn": role.arn,
            "aws:PrincipalType": "AssumedRole",
            "aws:PrincipalIsAWSService": "false",
            "aws:ViaAWSService": "false",
            "aws:userid": f"{role.id}:{SESSION_NAME}",
            **{f"aws:PrincipalTag/{tag['Key']}": tag["Value"] for tag in role.tags or ()},
            **{f"aws:ResourceTag/{tag['Key']}": tag["Value"] for tag in tags},
        }


def _check_policies(role: Any, calls: Sequence[IamCall], role_call: refusals.RoleCall) -> None:
    by_policies = _decide_either(policy_statements(role), calls)
    if by_policies.denied:
        raise refusals.by_policies(role_call, by_policies)
    boundary_arn = role.permissions_boundary_arn
    by_boundary = _by_boundary(role, calls, role_call) if boundary_arn else None
    # IAM names only one kind of policy; a Deny takes precedence, wherever it is.
    if by_boundary is not None and by_boundary.denied:
        raise refusals.by_boundary(role_call, by_boundary, boundary_arn)
    if not by_policies.allowed:
        raise refusals.by_policies(role_call, by_policies)
    if by_boundary is not None and not by_boundary.allowed:
        raise refusals.by_boundary(role_call, by_boundary, boundary_arn)


def _decide_either(statements: Iterable[IamStatement], calls: Sequence[IamCall]) -> IamDecision:
    """Decide about a call that has several names: it suffices to allow one, and denying any denies
    it.
    """
    all_statements = list(statements)
    decisions = [decide(all_statements, call) for call in calls]
    return min(decisions, key=lambda decision: (not decision.denied, not decision.allowed))


def _by_boundary(role: Any, calls: Sequence[IamCall], role_call: refusals.RoleCall) -> IamDecision:
    iam = iam_of(role.arn)
    assert iam is not None  # it has the role
    boundary = iam.managed_policies.get(role.permissions_boundary_arn)
    if boundary is None:
        raise refusals.boundary_missing(role_call, role.permissions_boundary_arn)
    return _decide_either(read_statements(default_version(boundary)), calls)


def _context(keys: Mapping[str, str]) -> IamContext:
    return IamContext(current_time=acting_moment(), extra=keys)


def _role(role_arn: str) -> Any:
    role = find_role(role_arn)
    if role is None:
        raise refusals.no_role(role_arn)
    return role
