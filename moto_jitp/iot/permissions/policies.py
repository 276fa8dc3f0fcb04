"""IoT policies: checks their documents, and knows which are in effect for a device.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-policies.html
https://docs.aws.amazon.com/iot/latest/developerguide/thing-groups.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from moto.iot.exceptions import ResourceNotFoundException
from moto.iot.models import FakePolicy, FakePolicyVersion, IoTBackend

from moto_jitp import settings
from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.iot.api.operations import (
    CallMoto,
    Input,
    Output,
    operation,
    operation_over_moto,
)
from moto_jitp.iot.exceptions import (
    InvalidRequest,
    LimitExceeded,
    MalformedPolicy,
    ResourceNotFound,
)
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.tags import Tags
from moto_jitp.iot.registry.thing_principals import check_principal
from moto_jitp.policies import (
    AuthorizationContext,
    Decision,
    MalformedPolicyError,
    PolicyDocument,
    Request,
    evaluate,
    parse_policy,
)
from moto_jitp.templates.rules import POLICIES_PER_CERTIFICATE

from .policy_targets import missing_principal, missing_thing, not_a_target

_NOTHING = PolicyDocument("2012-10-17", ())
_PARSED = "moto_jitp_parsed"


@dataclass
class _Dates:
    """When a policy was made and last changed; this outlives deleted versions."""

    created: datetime
    modified: datetime


class IotPolicies:
    """Keeps IoT policies and knows which are in effect.

    Args:
        registry: the account's and Region's tables.
        tags: their tags.
    """

    def __init__(self, registry: Registry, tags: Tags) -> None:
        self.registry = registry
        self.tags = tags
        self._dates: WeakKeyDictionary[FakePolicy, _Dates] = WeakKeyDictionary()

    def create_policy(self, policy_name: str, policy_document: Any) -> FakePolicy:
        """Store a policy.

        Raises:
            MalformedPolicy: AWS IoT would not accept the document, and ``strict`` is on.
            ResourceAlreadyExistsException: there is a policy of that name.
        """
        policy = IoTBackend.create_policy(
            self.registry.moto, policy_name, _checked(policy_document)
        )
        # A run that fell due earlier makes its policies at that moment.
        moment = acting_moment().replace(tzinfo=None)
        first = policy.versions[0]
        first.create_datetime = first.last_modified_datetime = moment
        self._dates[policy] = _Dates(moment, moment)
        return policy

    def create_policy_version(
        self, policy_name: str, policy_document: Any, set_as_default: bool
    ) -> FakePolicyVersion:
        """Store a further version of a policy; see :meth:`create_policy`."""
        version = IoTBackend.create_policy_version(
            self.registry.moto, policy_name, _checked(policy_document), set_as_default
        )
        self._changed(policy_name)
        return version

    def set_default_policy_version(self, policy_name: str, version_id: str) -> None:
        """Make a version of a policy the default one.

        Raises:
            ResourceNotFound: there is no such version, and ``strict`` is on (own wording).
            ResourceNotFoundException: there is no policy of that name.
        """
        with self.registry.lock:
            self._require_version(policy_name, version_id)
            IoTBackend.set_default_policy_version(self.registry.moto, policy_name, version_id)
            self._changed(policy_name)

    def delete_policy_version(self, policy_name: str, version_id: str) -> None:
        """Delete a version that is not the default one.

        https://docs.aws.amazon.com/iot/latest/apireference/API_DeletePolicyVersion.html

        Raises:
            InvalidRequestException: it is the default version.
            ResourceNotFound: there is no such version, and ``strict`` is on (own wording).
            ResourceNotFoundException: there is no policy of that name.
        """
        with self.registry.lock:
            self._require_version(policy_name, version_id)
            IoTBackend.delete_policy_version(self.registry.moto, policy_name, version_id)
            self._changed(policy_name)

    def _require_version(self, policy_name: str, version_id: str) -> None:
        versions = [
            version.version_id for version in self.registry.get_policy(policy_name).versions
        ]
        if settings.current().strict and version_id not in versions:
            raise ResourceNotFound(
                f"The policy {policy_name} has no version {version_id}; it has "
                f"{', '.join(versions)}."
            )

    def dates_of(self, policy_name: str) -> dict[str, datetime]:
        """Return when a policy was made and last changed, by GetPolicy's names."""
        policy = self.registry.get_policy(policy_name)
        first = policy.versions[0]
        dates = self._dates.get(policy) or _Dates(
            first.create_datetime, first.last_modified_datetime
        )
        return {"creationDate": dates.created, "lastModifiedDate": dates.modified}

    def _changed(self, policy_name: str) -> None:
        dates = self._dates.get(self.registry.get_policy(policy_name))
        if dates is not None:
            dates.modified = acting_moment().replace(tzinfo=None)

    def attach_policy(self, policy_name: str, target: str) -> None:
        """Attach a policy; do nothing if it is already attached.

        Args:
            policy_name: the policy.
            target: the ARN of a certificate or a thing group, or a Cognito identity's id.

        Raises:
            InvalidRequest: the target is the ARN of something else.
            LimitExceeded: a certificate or Cognito identity already has ten policies (own wording).
            ResourceNotFoundException: the policy or the target does not exist.
        """
        with self.registry.lock:
            if settings.current().strict:
                self._attach(policy_name, target)
            else:
                IoTBackend.attach_policy(self.registry.moto, policy_name, target)

    def attach_principal_policy(self, policy_name: str, principal_arn: str) -> None:
        """Attach a policy by the older operation; see :meth:`attach_policy`.

        It does not accept thing groups.
        https://docs.aws.amazon.com/iot/latest/apireference/API_AttachPrincipalPolicy.html
        """
        check_principal(principal_arn)
        with self.registry.lock:
            if settings.current().strict:
                self._attach(policy_name, principal_arn)
            else:
                IoTBackend.attach_principal_policy(self.registry.moto, policy_name, principal_arn)

    def detach_policy(self, policy_name: str, target: str) -> None:
        """Detach a policy; do nothing if it is not attached or one of the two is gone.

        https://docs.aws.amazon.com/iot/latest/apireference/API_DetachPolicy.html

        Args:
            policy_name: the policy.
            target: see :meth:`attach_policy`.

        Raises:
            InvalidRequest: the target is the ARN of something else.
            ResourceNotFoundException: it is not attached, and ``strict`` is off.
        """
        if not settings.current().strict:
            IoTBackend.detach_policy(self.registry.moto, policy_name, target)
            return
        refusal = not_a_target(target)
        if refusal is not None:
            raise refusal
        self.registry.principal_policies.pop((target, policy_name), None)

    def detach_principal_policy(self, policy_name: str, principal_arn: str) -> None:
        """Detach a policy by the older operation, which checks that both exist.

        https://docs.aws.amazon.com/iot/latest/apireference/API_DetachPrincipalPolicy.html

        Raises:
            InvalidRequest: the principal is the ARN of something else.
            ResourceNotFoundException: the policy or the principal does not exist, or with
                ``strict`` off it is not attached.
        """
        registry = self.registry
        if not settings.current().strict:
            IoTBackend.detach_principal_policy(registry.moto, policy_name, principal_arn)
            return
        check_principal(principal_arn)
        registry.principal(principal_arn)
        registry.get_policy(policy_name)
        registry.principal_policies.pop((principal_arn, policy_name), None)

    def _attach(self, policy_name: str, target: str) -> None:
        refusal = not_a_target(target)
        if refusal is not None:
            raise refusal
        principal = self.require_principal(target)
        policy = self.registry.policies.get(policy_name)
        if policy is None:
            raise ResourceNotFound(f"The policy {policy_name} does not exist.")
        attached = self.registry.principal_policies.seconds_of(target)
        if policy_name in attached:
            return
        if ":thinggroup/" not in target and len(attached) >= POLICIES_PER_CERTIFICATE:
            target_kind = "certificate" if ":cert/" in target else "Cognito identity"
            raise LimitExceeded(
                f"The {target_kind} has {len(attached)} policies already, the maximum that AWS IoT "
                "allows: "
                f"{', '.join(attached)}. Detach one, or put the statements of {policy_name} into "
                "one of them.",
                "Detach policies from the certificate, or merge their statements.",
            )
        self.registry.principal_policies[target, policy_name] = (principal, policy)

    def require_principal(self, principal: str) -> Any:
        """Return a principal of policies: a certificate, a thing group or a Cognito identity.

        Args:
            principal: the ARN of a certificate or a thing group, or a Cognito identity's id.

        Raises:
            ResourceNotFound: it does not exist; the text says what was looked for and where.
        """
        try:
            return self.registry.principal(principal)
        except ResourceNotFoundException:
            raise missing_principal(self.registry, principal) from None

    def policies_in_effect(self, principal: str, thing_names: Iterable[str]) -> list[FakePolicy]:
        """Return the policies of a principal and of things, without duplicates, the principal's
        first.

        A thing contributes the policies of its groups and of all groups above them.

        Args:
            principal: the ARN of a certificate or a thing group, or a Cognito identity's id.
            thing_names: the things whose groups count.
        """
        targets = [principal, *self._groups_above(principal)]
        for thing_name in thing_names:
            targets += self._groups_of(self.registry.arn(f"thing/{thing_name}"))
        return each_once(
            policy
            for target in dict.fromkeys(targets)
            for policy in self.registry.list_attached_policies(target)
        )

    def last_changes_in_effect(self, principal: str, thing_arn: str) -> tuple[object, ...]:
        """Return a value that changes with the policies in effect for a principal and a thing.

        It does not depend on a policy's default version.

        Args:
            principal: the ARN of a certificate.
            thing_arn: the thing whose groups count; it may not exist.
        """
        attached = self.registry.principal_policies
        last_own_change = attached.last_change_of(principal)
        if thing_arn not in self.registry.thing_groups.by_thing:
            return (last_own_change,)
        groups = self._groups_of(thing_arn)
        return last_own_change, *groups, *map(attached.last_change_of, groups)

    def _groups_of(self, thing_arn: str) -> list[str]:
        """Return the ARNs of a thing's groups, including those above them."""
        targets = []
        for group in self.registry.thing_groups.of_thing(thing_arn):
            targets += [group.arn, *self._groups_above(group.arn)]
        return targets

    def effective_policies(self, principal: str | None, thing_name: str | None) -> list[FakePolicy]:
        """Answer GetEffectivePolicies.

        Args:
            principal: a certificate, a thing group or a Cognito identity. Without a thing name, the
                things that a certificate is attached to count, too (AWS documents no rule for
                that).
            thing_name: the thing whose groups count; without a principal, only they do.

        Raises:
            InvalidRequest: both are missing.
            ResourceNotFound: the principal or the thing does not exist.
        """
        if thing_name is not None and self.registry.find_thing(thing_name) is None:
            raise missing_thing(self.registry, thing_name)
        if principal is None:
            if thing_name is None:
                raise InvalidRequest(
                    "Both principal and thingName are missing; name the certificate or thing whose "
                    "policies you want to see."
                )
            return self.policies_in_effect("", [thing_name])
        self.require_principal(principal)
        things = [thing_name] if thing_name else self.registry.list_principal_things(principal)
        return self.policies_in_effect(principal, things)

    def policies_of_connection(
        self, principal: str, context: AuthorizationContext
    ) -> list[FakePolicy]:
        """Return the policies in effect for a connection.

        A group's policies count only if the connection represents the thing: the client ID is its
        name, or the certificate is exclusively attached to it.
        """
        thing = context.connected_thing
        return self.policies_in_effect(principal, [thing.name] if thing else [])

    def _groups_above(self, group_arn: str) -> list[str]:
        group = self.registry.thing_groups.get(group_arn)
        above = group.metadata.get("rootToParentThingGroups", []) if group is not None else []
        return [entry["groupArn"] for entry in reversed(above)]


def evaluate_policies(policies: Iterable[FakePolicy], request: Request) -> Decision:
    """Decide on a request by stored policies, each in its default version.

    An unreadable policy, which can exist only if ``strict`` was off, allows and denies nothing.
    """
    return evaluate([(policy.name, _parsed(policy)) for policy in policies], request)


def problem_with(policy: FakePolicy) -> str | None:
    """Return why a stored policy cannot be read; ``None`` if it can."""
    document: Any = policy.document
    try:
        parse_policy(document)
    except MalformedPolicyError as error:
        return error.message
    return None


def has_conditions(policy: FakePolicy) -> bool:
    """Whether a statement of a policy has a condition, so that the time may matter."""
    return any(statement.conditions for statement in _parsed(policy).statements)


def _parsed(policy: FakePolicy) -> PolicyDocument:
    """Return a policy's default version, parsed.

    It is kept with the policy, so that any number can be in use. Another default version has
    another document.
    """
    document: Any = policy.document
    cached_document: tuple[Any, PolicyDocument] | None = vars(policy).get(_PARSED)
    if cached_document is not None and cached_document[0] is document:
        return cached_document[1]
    try:
        parsed = parse_policy(document)
    except MalformedPolicyError:
        parsed = _NOTHING
    vars(policy)[_PARSED] = document, parsed
    return parsed


def _checked(document: Any) -> Any:
    if not settings.current().strict:
        return document
    if isinstance(document, dict):
        document = json.dumps(document)  # CloudFormation passes an object; AWS IoT keeps text
    try:
        parse_policy(document)
    except MalformedPolicyError as error:
        raise MalformedPolicy(error.message, bare=error.bare_message) from None
    return document


def each_once(policies: Iterable[FakePolicy]) -> list[FakePolicy]:
    """Return the policies without duplicates, in their order."""
    return list({policy.name: policy for policy in policies}.values())


def refuse_identity_pool(arguments: Input) -> None:
    """Refuse an input with ``cognitoIdentityPoolId``.

    Raises:
        InvalidRequest: it has one.
    """
    if arguments.get("cognitoIdentityPoolId"):
        raise InvalidRequest(
            "cognitoIdentityPoolId is not emulated: the roles of an identity pool have IAM "
            "policies. Give a certificate, thing group or Cognito identity as principal."
        )


@operation_over_moto("CreatePolicy", IotPolicies)
def create_policy(policies: IotPolicies, arguments: Input, moto: CallMoto) -> Output:
    def create() -> Output:
        if not settings.current().strict:
            return moto()  # which accepts documents that are not text
        policy = policies.create_policy(arguments["policyName"], arguments.get("policyDocument"))
        return policy.to_dict_at_creation()

    arn = policies.registry.arn(f"policy/{arguments['policyName']}")
    return policies.tags.create_with(arn, arguments.get("tags"), create)


@operation_over_moto("CreatePolicyVersion", IotPolicies)
def create_policy_version(policies: IotPolicies, arguments: Input, moto: CallMoto) -> Output:
    if not settings.current().strict:
        return moto()
    version = policies.create_policy_version(
        arguments["policyName"],
        arguments.get("policyDocument"),
        arguments.get("setAsDefault", False),
    )
    return version.to_dict_at_creation()


@operation_over_moto("GetPolicy", IotPolicies)
def get_policy(policies: IotPolicies, arguments: Input, moto: CallMoto) -> Output:
    name = arguments["policyName"]
    newest = policies.registry.get_policy(name).versions[-1].version_id
    return {**moto(), **policies.dates_of(name), "generationId": newest}


@operation("DeletePolicy", IotPolicies)
def delete_policy(policies: IotPolicies, arguments: Input) -> None:
    policy = policies.registry.get_policy(arguments["policyName"])
    policies.registry.delete_policy(policy.name)
    policies.tags.untag_all(policy.arn)


@operation("GetEffectivePolicies", IotPolicies)
def get_effective_policies(policies: IotPolicies, arguments: Input) -> Output:
    refuse_identity_pool(arguments)
    effective = policies.effective_policies(arguments.get("principal"), arguments.get("thingName"))
    return {
        "effectivePolicies": [
            {**policy.to_dict(), "policyDocument": policy.document} for policy in effective
        ]
    }
