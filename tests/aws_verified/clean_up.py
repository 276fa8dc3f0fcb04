"""Finds what verified tests have made by its prefix, and deletes it in an order that AWS allows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from support.patience import until

from moto_jitp.pki import read_certificate

from .account import Account

PROJECT = "moto-jitp-"
ROLE_PATH = "/moto-jitp/"

_IS_GONE = ("ResourceNotFoundException", "NoSuchEntity")
#: AWS's errors until a detachment or deactivation is visible everywhere.
_NOT_YET = (
    "CertificateStateException",
    "ConflictException",
    "DeleteConflict",
    "DeleteConflictException",
    "InvalidRequestException",
    "ResourceInUseException",
    "ThrottlingException",
    "TooManyRequestsException",
    "VersionConflictException",
)


class Left(NamedTuple):
    """What could not be deleted.

    Attributes:
        what: such as ``thing moto-jitp-1a2b3c4d-bulb``.
        why: what AWS said.
        is_expected: whether AWS refuses it by a rule that no test can avoid.
    """

    what: str
    why: str
    is_expected: bool = False


class _Step(NamedTuple):
    noun: str
    find: Callable[[CleanUp], Iterable[str]]
    remove: Callable[[CleanUp, str], None]
    stays: bool = False


class CleanUp:
    """Finds and deletes what has names that begin with a prefix.

    Args:
        account: where.
        prefix: that of one test, or ``moto-jitp-`` for everything that tests have ever left.

    Attributes:
        certificates: ids of certificates to delete in addition to those that are found.
    """

    def __init__(self, account: Account, prefix: str) -> None:
        self._account = account
        # Names of topic rules have no hyphens.
        self._prefixes = (prefix, prefix.replace("-", "_"))
        self.certificates: set[str] = set()

    def found(self) -> list[str]:
        """Return the names of everything that is found."""
        nouns = dict.fromkeys(step.noun for step in _STEPS)
        finders = {step.noun: step.find for step in _STEPS}
        return [f"{noun} {name}" for noun in nouns for name in finders[noun](self)]

    def run(self) -> list[Left]:
        """Delete all of it; a refused deletion does not prevent the others.

        Returns:
            What is left.
        """
        left: list[Left] = []
        for step in _STEPS:
            try:
                names = list(step.find(self))
            except (ClientError, BotoCoreError) as error:
                left.append(Left(f"every {step.noun}", str(error)))
                continue
            for name in names:
                why = self._refusal(step, name)
                if why:
                    left.append(Left(f"{step.noun} {name}", why, step.stays))
        return left

    def _refusal(self, step: _Step, name: str) -> str:
        why = ""

        def is_done() -> bool:
            nonlocal why
            try:
                step.remove(self, name)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                why = "" if code in _IS_GONE else str(error)
                return code not in _NOT_YET
            except BotoCoreError as error:
                why = str(error)
                return True
            why = ""
            return True

        if step.stays or not self._account.is_on_aws:
            is_done()
        else:
            until(is_done, seconds=self._account.patience, every=1.0, required=False)
        return why

    # -- what there is --------------------------------------------------------------------------

    def _is_meant(self, name: str) -> bool:
        return name.startswith(self._prefixes)

    def _listed(self, operation: str, member: str, key: str, **arguments: Any) -> Iterator[str]:
        for page in self.iot.get_paginator(operation).paginate(**arguments):
            yield from (entry[key] for entry in page[member])

    def _named(self, operation: str, member: str, key: str, **arguments: Any) -> list[str]:
        return [n for n in self._listed(operation, member, key, **arguments) if self._is_meant(n)]

    @property
    def iot(self) -> Any:
        """A client of the control plane."""
        return self._account.client("iot")

    @property
    def iam(self) -> Any:
        """A client of IAM."""
        return self._account.client("iam")

    def cas(self) -> list[str]:
        """The ids of CA certificates, by their common names."""
        return [ca["certificateId"] for ca in self._descriptions_of_cas()]

    def cas_in_use(self) -> list[str]:
        """Those that still admit devices."""
        return [
            ca["certificateId"]
            for ca in self._descriptions_of_cas()
            if ca["status"] == "ACTIVE" or ca["autoRegistrationStatus"] == "ENABLE"
        ]

    def _descriptions_of_cas(self) -> Iterator[Any]:
        for ca in list(self._listed("list_ca_certificates", "certificates", "certificateId")):
            found = self.iot.describe_ca_certificate(certificateId=ca)["certificateDescription"]
            if self._is_meant(read_certificate(found["certificatePem"]).common_name or ""):
                yield found

    def things(self) -> list[str]:
        return self._named("list_things", "things", "thingName")

    def policies(self) -> list[str]:
        return self._named("list_policies", "policies", "policyName")

    def groups(self) -> list[str]:
        """Thing groups, the deepest first."""

        def depth(name: str) -> int:
            metadata = self.iot.describe_thing_group(thingGroupName=name)["thingGroupMetadata"]
            return len(metadata.get("rootToParentThingGroups", ()))

        names = self._named("list_thing_groups", "thingGroups", "groupName", recursive=True)
        return sorted(names, key=depth, reverse=True)

    def device_certificates(self) -> list[str]:
        """The ids of certificates: those of the CAs, those attached to things and policies, and
        given ones.
        """
        ids = set(self.certificates)
        for ca in self.cas():
            ids.update(
                self._listed(
                    "list_certificates_by_ca", "certificates", "certificateId", caCertificateId=ca
                )
            )
        arns: list[str] = []
        for thing in self.things():
            arns += self.iot.list_thing_principals(thingName=thing)["principals"]
        for policy in self.policies():
            arns += self.iot.list_targets_for_policy(policyName=policy)["targets"]
        ids.update(match[1] for arn in arns if (match := re.search(r":cert/(\w+)$", arn)))
        return sorted(identifier for identifier in ids if self._is_there(identifier))

    def _is_there(self, certificate_id: str) -> bool:
        try:
            self.iot.describe_certificate(certificateId=certificate_id)
        except self.iot.exceptions.ResourceNotFoundException:
            return False
        return True

    def certificates_in_use(self) -> list[str]:
        """Those with which devices can connect."""

        def status(one: str) -> str:
            found = self.iot.describe_certificate(certificateId=one)["certificateDescription"]
            return str(found["status"])

        return [
            device_certificate
            for device_certificate in self.device_certificates()
            if status(device_certificate) != "INACTIVE"
        ]

    def role_aliases(self) -> list[str]:
        pages = self.iot.get_paginator("list_role_aliases").paginate()
        return [name for page in pages for name in page["roleAliases"] if self._is_meant(name)]

    def roles(self) -> list[str]:
        pages = self.iam.get_paginator("list_roles").paginate(PathPrefix=ROLE_PATH)
        names = [role["RoleName"] for page in pages for role in page["Roles"]]
        return [name for name in names if self._is_meant(name)]

    # -- how it goes ----------------------------------------------------------------------------

    def _deactivate_ca(self, ca_id: str) -> None:
        self.iot.update_ca_certificate(
            certificateId=ca_id, newStatus="INACTIVE", newAutoRegistrationStatus="DISABLE"
        )

    def _delete_ca(self, ca_id: str) -> None:
        self.iot.delete_ca_certificate(certificateId=ca_id)

    def _deactivate_certificate(self, certificate_id: str) -> None:
        self.iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")

    def _delete_certificate(self, certificate_id: str) -> None:
        found = self.iot.describe_certificate(certificateId=certificate_id)
        arn = found["certificateDescription"]["certificateArn"]
        for thing in self.iot.list_principal_things(principal=arn)["things"]:
            self.iot.detach_thing_principal(thingName=thing, principal=arn)
        for policy in self.iot.list_attached_policies(target=arn)["policies"]:
            self.iot.detach_policy(policyName=policy["policyName"], target=arn)
        self.iot.delete_certificate(certificateId=certificate_id, forceDelete=True)

    def _delete_thing_type(self, name: str) -> None:
        self.iot.deprecate_thing_type(thingTypeName=name)
        self.iot.delete_thing_type(thingTypeName=name)

    def _delete_policy(self, name: str) -> None:
        for target in self.iot.list_targets_for_policy(policyName=name)["targets"]:
            self.iot.detach_policy(policyName=name, target=target)
        for version in self.iot.list_policy_versions(policyName=name)["policyVersions"]:
            if not version["isDefaultVersion"]:
                self.iot.delete_policy_version(
                    policyName=name, policyVersionId=version["versionId"]
                )
        self.iot.delete_policy(policyName=name)

    def _delete_role(self, name: str) -> None:
        for policy in self.iam.list_role_policies(RoleName=name)["PolicyNames"]:
            self.iam.delete_role_policy(RoleName=name, PolicyName=policy)
        self.iam.delete_role(RoleName=name)


def _by_name(operation: str, member: str, key: str, **arguments: Any) -> Any:
    return lambda self: self._named(operation, member, key, **arguments)


def _deleted_by(operation: str, argument: str) -> Any:
    return lambda self, name: getattr(self.iot, operation)(**{argument: name})


# Admission of further devices ends first, then connections; then everything is deleted, each kind
# after its dependents.
_STEPS = (
    _Step("CA certificate", CleanUp.cas_in_use, CleanUp._deactivate_ca),
    _Step(
        "provisioning template",
        _by_name("list_provisioning_templates", "templates", "templateName"),
        _deleted_by("delete_provisioning_template", "templateName"),
    ),
    _Step(
        "topic rule",
        _by_name("list_topic_rules", "rules", "ruleName"),
        _deleted_by("delete_topic_rule", "ruleName"),
    ),
    _Step("certificate", CleanUp.certificates_in_use, CleanUp._deactivate_certificate),
    _Step("certificate", CleanUp.device_certificates, CleanUp._delete_certificate),
    _Step("CA certificate", CleanUp.cas, CleanUp._delete_ca),
    _Step("thing", CleanUp.things, _deleted_by("delete_thing", "thingName")),
    _Step("thing group", CleanUp.groups, _deleted_by("delete_thing_group", "thingGroupName")),
    _Step(
        "billing group",
        _by_name("list_billing_groups", "billingGroups", "groupName"),
        _deleted_by("delete_billing_group", "billingGroupName"),
    ),
    _Step(
        "thing type",
        _by_name("list_thing_types", "thingTypes", "thingTypeName"),
        CleanUp._delete_thing_type,
        stays=True,
    ),
    _Step(
        "role alias",
        CleanUp.role_aliases,
        _deleted_by("delete_role_alias", "roleAlias"),
    ),
    _Step("policy", CleanUp.policies, CleanUp._delete_policy),
    _Step("role", CleanUp.roles, CleanUp._delete_role),
)
