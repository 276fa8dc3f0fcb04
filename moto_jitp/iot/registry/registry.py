"""moto's tables of one account and Region, with indexed lookups.

Each method answers like moto's own of the same name (whose tests run against these), at a cost that
does not depend on the number of things, certificates or attachments.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from moto.iot.exceptions import (
    CertificateStateException,
    DeleteConflictException,
    ResourceNotFoundException,
)
from moto.iot.models import (
    FakeBillingGroup,
    FakeCertificate,
    FakePolicy,
    FakeThing,
    FakeThingGroup,
    FakeThingType,
    IoTBackend,
)

from moto_jitp.history.state import lock_of
from moto_jitp.ordered_tables import ListedTable

from .events import Events
from .indexes import (
    BillingGroupTable,
    CaTable,
    CertificateTable,
    MembershipObserver,
    PairTable,
    ThingGroupTable,
    ThingTable,
)

ResourceT = TypeVar("ResourceT")


class Registry:
    """The tables of one account and Region, which are moto's, with indexes beside them.

    Args:
        moto: the backend that has them.

    Attributes:
        sequences: numbers resources in the order in which they are made.
        events: publishes the events that are switched on.
        on_membership: each is called when a thing joins or leaves a group; see
            :class:`.indexes.ThingGroupTable`.
        on_thing_deleted: each is called with a thing that was deleted from the registry.
        lock: held while code reads the state of this account and Region to change it.

    Examples:
        >>> Registry(IoTBackend("us-east-1", "123456789012")).arn("thing/bulb-1")
        'arn:aws:iot:us-east-1:123456789012:thing/bulb-1'
    """

    def __init__(self, moto: IoTBackend) -> None:
        self.moto = moto
        self.account_id: str = moto.account_id
        self.region_name: str = moto.region_name
        self.partition: str = moto.partition
        self._arn_prefix = f"arn:{self.partition}:iot:{self.region_name}:{self.account_id}:"
        self.sequences = itertools.count(1)
        self.lock = lock_of(moto)
        self.events = Events(moto)
        self.on_membership: list[MembershipObserver] = []
        self.on_thing_deleted: list[Callable[[FakeThing], object]] = []
        self.index()

    def index(self) -> None:
        """Replace moto's dictionaries by indexed ones with the same content."""
        moto = self.moto
        moto.things = self.things = ThingTable(moto.things)
        moto.thing_types = self.thing_types = ListedTable(moto.thing_types)
        moto.thing_groups = self.thing_groups = ThingGroupTable(
            moto.thing_groups, self.on_membership
        )
        moto.billing_groups = self.billing_groups = BillingGroupTable(moto.billing_groups)
        moto.policies = self.policies = ListedTable(moto.policies)
        moto.role_aliases = self.role_aliases = ListedTable(moto.role_aliases)
        moto.jobs = self.jobs = ListedTable(moto.jobs)
        moto.jobs_templates = self.job_templates = ListedTable(moto.jobs_templates)
        moto.job_executions = self.job_executions = PairTable(moto.job_executions)
        moto.ca_certificates = self.ca_certificates = CaTable(moto.ca_certificates)
        moto.certificates = self.certificates = CertificateTable(moto.certificates)
        moto.principal_policies = self.principal_policies = PairTable(moto.principal_policies)
        moto.principal_things = self.principal_things = PairTable(moto.principal_things)

    def arn(self, resource: str) -> str:
        """Return the ARN of one of this account's and Region's IoT resources (``thing/x``)."""
        return self._arn_prefix + resource

    # Things, types and groups are kept by ARN, which follows from the name.

    def find_thing(self, thing_name: str) -> FakeThing | None:
        """Return a thing, or ``None`` if there is none of that name."""
        return self.things.get(f"{self._arn_prefix}thing/{thing_name}")

    def describe_thing(self, thing_name: str) -> FakeThing:
        thing = self.things.get(f"{self._arn_prefix}thing/{thing_name}")
        return thing or self._missing("Thing", thing_name)

    def find_thing_type(self, thing_type_name: str) -> FakeThingType | None:
        """Return a thing type, or ``None`` if there is none of that name."""
        return self.thing_types.get(f"{self._arn_prefix}thingtype/{thing_type_name}")

    def describe_thing_type(self, thing_type_name: str) -> FakeThingType:
        return self.find_thing_type(thing_type_name) or self._missing("Thing Type", thing_type_name)

    def find_thing_group(self, thing_group_name: str) -> FakeThingGroup | None:
        """Return a thing group, or ``None`` if there is none of that name."""
        return self.thing_groups.get(f"{self._arn_prefix}thinggroup/{thing_group_name}")

    def describe_thing_group(self, thing_group_name: str) -> FakeThingGroup:
        group = self.thing_groups.get(f"{self._arn_prefix}thinggroup/{thing_group_name}")
        return group or self._missing("ThingGroup", thing_group_name)

    def describe_billing_group(self, billing_group_name: str) -> FakeBillingGroup:
        group = self.billing_groups.get(billing_group_name)
        return group or self._missing("BillingGroup", billing_group_name)

    def not_found(self, kind: str, name: str) -> str:
        """Return AWS's text for a resource that does not exist.

        Args:
            kind: the kind of resource by its name in the text: ``Thing``, ``Thing Type``,
                ``ThingGroup``, ``BillingGroup``.
            name: its name.

        Examples:
            >>> registry.not_found("Thing", "bulb-1")  # doctest: +SKIP
            'Thing 123456789012:bulb-1 not found.'
        """
        return f"{kind} {self.account_id}:{name} not found."

    def _missing(self, kind: str, name: str) -> NoReturn:
        raise ResourceNotFoundException(self.not_found(kind, name))

    def remove_thing(self, thing: FakeThing) -> None:
        """Take a thing out of the registry and out of its groups."""
        if thing.billing_group_name:
            group = self.billing_groups.get(thing.billing_group_name)
            if group is not None and thing.arn in group.things:
                group.things.remove(thing.arn)
            thing.billing_group_name = None
        for thing_group in self.thing_groups.of_thing(thing.arn):
            thing_group.things.pop(thing.arn, None)
        del self.things[thing.arn]
        for observe in self.on_thing_deleted:
            observe(thing)

    # Policies and what they are attached to.

    def get_policy(self, policy_name: str) -> FakePolicy:
        return _require_found(
            self.policies.get(policy_name), f"The policy {policy_name} does not exist."
        )

    def detach_all_policies(self, target: str) -> None:
        """Detach every policy of a target that is deleted."""
        for policy_name in self.principal_policies.seconds_of(target):
            del self.principal_policies[target, policy_name]

    def list_attached_policies(self, target: str) -> list[FakePolicy]:
        with self.lock:
            return [
                self.principal_policies[target, name][1]
                for name in self.principal_policies.seconds_of(target)
            ]

    def list_policy_principals(self, policy_name: str) -> list[str]:
        return list(self.principal_policies.firsts_of(policy_name))

    def delete_policy(self, policy_name: str) -> None:
        if any(self.principal_policies.firsts_of(policy_name)):
            raise DeleteConflictException(
                "The policy cannot be deleted as the policy is attached to one or more principals "
                f"(name={policy_name})"
            )
        IoTBackend.delete_policy(self.moto, policy_name)

    # Principals and their things.

    def list_principal_things(self, principal_arn: str) -> list[str]:
        return list(self.principal_things.seconds_of(principal_arn))

    def list_thing_principals(self, thing_name: str) -> list[str]:
        self.require_listed(thing_name)
        return list(self.principal_things.firsts_of(thing_name))

    def require_listed(self, thing_name: str) -> None:
        """Make sure that a thing exists before its principals are listed.

        Raises:
            ResourceNotFoundException: moto's, if it does not.
        """
        if self.find_thing(thing_name) is None:
            raise ResourceNotFoundException(
                f"Failed to list principals for thing {thing_name} because the thing does not "
                "exist in your account"
            )

    def principal(self, principal_arn: str) -> Any:
        """Return a certificate, a thing group or a Cognito identity.

        Raises:
            ResourceNotFoundException: moto's, if it does not exist.
        """
        if ":cert/" in principal_arn:
            certificate = self.certificates.get(principal_arn.rpartition("/")[2])
            if certificate is not None and certificate.arn == principal_arn:
                return certificate
            raise ResourceNotFoundException(
                "The certificate given in the principal does not exist."
            )
        return IoTBackend._get_principal(self.moto, principal_arn)

    # Certificates.

    def describe_certificate(self, certificate_id: str) -> FakeCertificate:
        return _require_found(
            self.certificates.get(certificate_id), f"CertificateId {certificate_id} does not exist"
        )

    def list_certificates_by_ca(self, ca_certificate_id: str) -> list[FakeCertificate]:
        with self.lock:
            return self.certificates.of_ca(ca_certificate_id)

    def prepare_deletion(self, cert: FakeCertificate, force_delete: bool) -> None:
        """Make sure that a certificate may be deleted; with force, detach its policies.

        Raises:
            CertificateStateException: the certificate is ACTIVE.
            DeleteConflictException: things or policies are attached to it.
        """
        if cert.status == "ACTIVE":
            raise CertificateStateException(
                "Certificate must be deactivated (not ACTIVE) before deletion.",
                cert.certificate_id,
            )
        if any(self.principal_things.seconds_of(cert.arn)):
            raise DeleteConflictException(
                f"Things must be detached before deletion (arn: {cert.arn})"
            )
        if any(self.principal_policies.seconds_of(cert.arn)) and not force_delete:
            raise DeleteConflictException(
                f"Certificate policies must be detached before deletion (arn: {cert.arn})"
            )
        self.detach_all_policies(cert.arn)


def type_name(thing: FakeThing) -> str | None:
    """Return the name of a thing's type, if it has one."""
    return thing.thing_type.thing_type_name if thing.thing_type else None


def _require_found(resource: ResourceT | None, text: str) -> ResourceT:
    if resource is None:
        raise ResourceNotFoundException(text)
    return resource
