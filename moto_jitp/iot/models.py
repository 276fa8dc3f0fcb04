"""``JitpIoTBackend``: moto's IoT backend with just-in-time provisioning in it.

The class must stay in a module of this name, with ``urls`` beside it: moto derives the one from the
other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.iot.models import (
    FakeBillingGroup,
    FakeCertificate,
    FakeEndpoint,
    FakeJob,
    FakeJobExecution,
    FakePolicy,
    FakePolicyVersion,
    FakeThing,
    FakeThingGroup,
    FakeThingType,
    IoTBackend,
    iot_backends,
)

from moto_jitp.broker.calling import call_each
from moto_jitp.history.state import existing_backends
from moto_jitp.iot.account.domain_configurations import DomainConfigurations
from moto_jitp.iot.account.endpoints import Endpoints
from moto_jitp.iot.account.logging_options import LoggingOptions
from moto_jitp.iot.api.operations import CallParameter, PartT
from moto_jitp.iot.certificates.ca_certificate import CaCertificate, adopt_ca
from moto_jitp.iot.certificates.ca_certificates import CaCertificates
from moto_jitp.iot.certificates.device_certificates import (
    DeviceCertificate,
    DeviceCertificates,
    adopt_certificate,
)
from moto_jitp.iot.certificates.transfers import CertificateTransfers
from moto_jitp.iot.jobs.jobs import Jobs
from moto_jitp.iot.permissions.authorization_simulation import AuthorizationTests
from moto_jitp.iot.permissions.policies import IotPolicies
from moto_jitp.iot.permissions.provisioning_role import ProvisioningRoles
from moto_jitp.iot.provisioning.bulk.registration_tasks import RegistrationTasks
from moto_jitp.iot.provisioning.deferred_runs import DeferredRuns
from moto_jitp.iot.provisioning.fleet.fleet_provisioning import FleetProvisioning
from moto_jitp.iot.provisioning.fleet.provisioning_claims import ProvisioningClaims
from moto_jitp.iot.provisioning.provisioning_templates import ProvisioningTemplates
from moto_jitp.iot.provisioning.template_execution import RunParts
from moto_jitp.iot.provisioning.thing_registration import ThingRegistration
from moto_jitp.iot.provisioning.thing_steps import ThingParts
from moto_jitp.iot.registry import event_configurations as event_configurations
from moto_jitp.iot.registry import tagged_resources as tagged_resources
from moto_jitp.iot.registry.billing_groups import BillingGroups
from moto_jitp.iot.registry.indexes import CaTable, CertificateTable, PairTable
from moto_jitp.iot.registry.memberships import Memberships
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.tags import Tags
from moto_jitp.iot.registry.thing_groups import ThingGroups
from moto_jitp.iot.registry.thing_principals import ThingPrincipals
from moto_jitp.iot.registry.thing_types import ThingTypes
from moto_jitp.iot.registry.things import Things
from moto_jitp.iot.rules.topic_rules import TopicRules
from moto_jitp.iot.search import searching as searching
from moto_jitp.iot.search.indexing import Indexing
from moto_jitp.iot.software.software_packages import SoftwarePackages

ending_observers: list[Callable[[JitpIoTBackend], object]] = []
"""Called with a backend before its state is cleared, or before moto takes it back."""


class JitpIoTBackend(IoTBackend):
    """The IoT state of one account and Region: moto's tables, and parts that work on them.

    Each kind of resource is a part, which gets here what it needs. Where moto has a method that we
    replace, it is one line that calls a part.
    """

    ca_certificates: CaTable
    certificates: CertificateTable
    principal_policies: PairTable[tuple[str, FakePolicy]]
    principal_things: PairTable[tuple[str, FakeThing]]

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.assemble()

    def assemble(self) -> None:
        """Make the parts, each with those that it needs."""
        self.registry = registry = Registry(self)
        self.lock = registry.lock
        self.endpoints = Endpoints(registry)
        self.tags = tags = Tags(registry)
        self.principals = principals = ThingPrincipals(registry)
        self.logging = LoggingOptions(principals)
        self.jobs_part = Jobs(registry, self.logging)
        domains = DomainConfigurations(registry, tags)
        self.roles = roles = ProvisioningRoles(registry, tags)
        self.iot_policies = policies = IotPolicies(registry, tags)
        self.templates = templates = ProvisioningTemplates(registry, tags, roles)
        self.cas = CaCertificates(registry, tags, roles, templates.check)
        self.device_certificates = certificates = DeviceCertificates(registry)
        self.deferred = DeferredRuns(registry)
        self.billing = billing = BillingGroups(registry, tags)
        self.things_part = things = Things(registry)
        self.types_part = types = ThingTypes(registry, tags)
        self.groups_part = groups = ThingGroups(registry, tags)
        memberships = Memberships(registry)
        packages = SoftwarePackages(registry, tags)
        on_things = ThingParts(things, memberships, packages)
        run_parts = RunParts(registry, certificates, principals, policies, roles, on_things)
        self.registration = ThingRegistration(run_parts, templates, self.deferred)
        self.fleet = FleetProvisioning(run_parts, templates)
        self.claims = ProvisioningClaims(registry, templates)
        self.bulk = RegistrationTasks(run_parts)
        parts = (
            registry,
            tags,
            principals,
            self.logging,
            domains,
            policies,
            AuthorizationTests(policies, principals),
            templates,
            self.cas,
            certificates,
            CertificateTransfers(certificates),
            self.registration,
            self.claims,
            self.jobs_part,
            self.bulk,
            things,
            types,
            groups,
            memberships,
            billing,
            packages,
            TopicRules(registry, tags),
            Indexing(registry),
        )
        self._parts: dict[type, Any] = {type(part): part for part in parts}

    def part(self, kind: type[PartT]) -> PartT:
        """Return the part of this class, for operations."""
        return self._parts[kind]  # type: ignore[no-any-return]

    def arn(self, resource: str) -> str:
        """Return the ARN of one of this account's and Region's IoT resources (``thing/x``)."""
        return self.registry.arn(resource)

    def note_call(self, operation: str, parameter: CallParameter) -> None:
        """Carry out due work before an API call.

        Args:
            operation: its name, such as ``DescribeCertificate``.
            parameter: returns one of its parameters by name.
        """
        self.fleet.drop_unclaimed_certificates()
        self.deferred.note_call(operation, parameter)

    # moto's methods, which its own operations and its CloudFormation call.

    def describe_endpoint(self, endpoint_type: str) -> FakeEndpoint:
        return self.endpoints.describe_endpoint(endpoint_type)

    def describe_thing(self, thing_name: str) -> FakeThing:
        return self.registry.describe_thing(thing_name)

    def create_thing(
        self,
        thing_name: str,
        thing_type_name: str,
        attribute_payload: dict[str, Any] | None,
        billing_group_name: str | None = None,
    ) -> FakeThing:
        return self.things_part.create_thing(
            thing_name, thing_type_name, attribute_payload, billing_group_name
        )

    def update_thing(
        self,
        thing_name: str,
        thing_type_name: str,
        attribute_payload: dict[str, Any] | None,
        remove_thing_type: bool,
    ) -> None:
        self.things_part.update_thing(
            thing_name, thing_type_name, attribute_payload, remove_thing_type
        )

    def delete_thing(self, thing_name: str) -> None:
        self.things_part.delete_thing(thing_name)

    def create_thing_type(
        self, thing_type_name: str, thing_type_properties: dict[str, Any]
    ) -> tuple[str, str]:
        return self.types_part.create_thing_type(thing_type_name, thing_type_properties)

    def describe_thing_type(self, thing_type_name: str) -> FakeThingType:
        return self.registry.describe_thing_type(thing_type_name)

    def deprecate_thing_type(self, thing_type_name: str, undo_deprecate: bool) -> FakeThingType:
        return self.types_part.deprecate_thing_type(thing_type_name, undo_deprecate)

    def delete_thing_type(self, thing_type_name: str) -> None:
        self.types_part.delete_thing_type(thing_type_name)

    def describe_thing_group(self, thing_group_name: str) -> FakeThingGroup:
        return self.registry.describe_thing_group(thing_group_name)

    def create_thing_group(
        self,
        thing_group_name: str,
        parent_group_name: str,
        thing_group_properties: dict[str, Any],
    ) -> tuple[str, str, str]:
        return self.groups_part.create_thing_group(
            thing_group_name, parent_group_name, thing_group_properties
        )

    def update_thing_group(
        self,
        thing_group_name: str,
        thing_group_properties: dict[str, Any],
        expected_version: int,
    ) -> int:
        return self.groups_part.update_thing_group(
            thing_group_name, thing_group_properties, expected_version
        )

    def delete_thing_group(self, thing_group_name: str) -> None:
        self.groups_part.delete_thing_group(thing_group_name)

    def create_billing_group(
        self, billing_group_name: str, billing_group_properties: dict[str, Any] | None
    ) -> FakeBillingGroup:
        return self.billing.create_billing_group(billing_group_name, billing_group_properties)

    def describe_billing_group(self, billing_group_name: str) -> FakeBillingGroup:
        return self.registry.describe_billing_group(billing_group_name)

    def update_billing_group(
        self,
        billing_group_name: str,
        billing_group_properties: dict[str, Any],
        expected_version: int,
    ) -> int:
        return self.billing.update_billing_group(
            billing_group_name, billing_group_properties, expected_version
        )

    def delete_billing_group(self, billing_group_name: str) -> None:
        self.billing.delete_billing_group(billing_group_name)

    def _get_principal(self, principal_arn: str) -> Any:
        return self.registry.principal(principal_arn)

    def attach_thing_principal(self, thing_name: str, principal_arn: str) -> None:
        self.principals.attach_thing_principal(thing_name, principal_arn)

    def detach_thing_principal(self, thing_name: str, principal_arn: str) -> None:
        self.principals.detach_thing_principal(thing_name, principal_arn)

    def list_principal_things(self, principal_arn: str) -> list[str]:
        return self.registry.list_principal_things(principal_arn)

    def list_thing_principals(self, thing_name: str) -> list[str]:
        return self.registry.list_thing_principals(thing_name)

    def create_policy(self, policy_name: str, policy_document: Any) -> FakePolicy:
        return self.iot_policies.create_policy(policy_name, policy_document)

    def create_policy_version(
        self, policy_name: str, policy_document: Any, set_as_default: bool
    ) -> FakePolicyVersion:
        return self.iot_policies.create_policy_version(policy_name, policy_document, set_as_default)

    def set_default_policy_version(self, policy_name: str, version_id: str) -> None:
        self.iot_policies.set_default_policy_version(policy_name, version_id)

    def delete_policy_version(self, policy_name: str, version_id: str) -> None:
        self.iot_policies.delete_policy_version(policy_name, version_id)

    def attach_policy(self, policy_name: str, target: str) -> None:
        self.iot_policies.attach_policy(policy_name, target)

    def attach_principal_policy(self, policy_name: str, principal_arn: str) -> None:
        self.iot_policies.attach_principal_policy(policy_name, principal_arn)

    def detach_policy(self, policy_name: str, target: str) -> None:
        self.iot_policies.detach_policy(policy_name, target)

    def detach_principal_policy(self, policy_name: str, principal_arn: str) -> None:
        self.iot_policies.detach_principal_policy(policy_name, principal_arn)

    def get_policy(self, policy_name: str) -> FakePolicy:
        return self.registry.get_policy(policy_name)

    def delete_policy(self, policy_name: str) -> None:
        self.registry.delete_policy(policy_name)

    def list_attached_policies(self, target: str) -> list[FakePolicy]:
        return self.registry.list_attached_policies(target)

    def list_principal_policies(self, principal_arn: str) -> list[FakePolicy]:
        return self.registry.list_attached_policies(principal_arn)

    def list_policy_principals(self, policy_name: str) -> list[str]:
        return self.registry.list_policy_principals(policy_name)

    def describe_ca_certificate(self, certificate_id: str) -> CaCertificate:
        return self.cas.describe_ca_certificate(certificate_id)

    def create_keys_and_certificate(
        self, set_as_active: bool
    ) -> tuple[FakeCertificate, dict[str, str]]:
        return self.device_certificates.create_keys_and_certificate(set_as_active)

    def create_certificate_from_csr(self, csr: str, set_as_active: bool) -> DeviceCertificate:
        return self.device_certificates.create_certificate_from_csr(csr, set_as_active)

    def describe_certificate(self, certificate_id: str) -> DeviceCertificate:
        return self.device_certificates.describe_certificate(certificate_id)

    def list_certificates_by_ca(self, ca_certificate_id: str) -> list[FakeCertificate]:
        return self.registry.list_certificates_by_ca(ca_certificate_id)

    def delete_certificate(self, certificate_id: str, force_delete: bool) -> None:
        self.device_certificates.delete_certificate(certificate_id, force_delete)

    def _validation_delete(self, cert: FakeCertificate, force_delete: bool = False) -> None:
        self.registry.prepare_deletion(cert, force_delete)

    def create_job(  # type: ignore[override] # moto's members are handed on as they are
        self, job_id: str, targets: list[str], **members: Any
    ) -> tuple[str, str, str]:
        return self.jobs_part.create_job(job_id, targets, **members)

    def describe_job(self, job_id: str) -> FakeJob:
        return self.jobs_part.describe_job(job_id)

    def describe_job_execution(
        self, job_id: str, thing_name: str, execution_number: int
    ) -> FakeJobExecution:
        execution: FakeJobExecution = self.jobs_part.describe_job_execution(
            job_id, thing_name, execution_number
        )
        return execution

    def cancel_job(self, job_id: str, reason_code: str, comment: str, force: bool) -> FakeJob:
        return self.jobs_part.cancel_job(job_id, reason_code, comment, force)

    def delete_job(self, job_id: str, force: bool) -> None:
        self.jobs_part.delete_job(job_id, force)

    def get_job_document(self, job_id: str) -> FakeJob:
        return self.jobs_part.get_job_document(job_id)

    def cancel_job_execution(self, job_id: str, thing_name: str, force: bool) -> None:
        self.jobs_part.cancel_job_execution(job_id, thing_name, force)

    def delete_job_execution(
        self, job_id: str, thing_name: str, execution_number: int, force: bool
    ) -> None:
        self.jobs_part.delete_job_execution(job_id, thing_name, execution_number, force)

    def reset(self) -> None:
        try:
            call_each(ending_observers, self)
        finally:
            super().reset()


def live_backends() -> list[JitpIoTBackend]:
    """Return the existing backends: the accounts and Regions that have been used."""
    return [backend for backend in existing_backends() if isinstance(backend, JitpIoTBackend)]


def is_plugged_in() -> bool:
    """Whether moto makes our backends for new accounts and Regions."""
    return iot_backends.backend is JitpIoTBackend


def adopt(backend: IoTBackend) -> None:
    """Turn a live moto backend into ours, in place and with its state.

    State that ours had kept there before a :func:`release` is restored.
    """
    if isinstance(backend, JitpIoTBackend):
        return
    backend.__class__ = JitpIoTBackend
    assert isinstance(backend, JitpIoTBackend)
    if not hasattr(backend, "registry"):
        backend.assemble()
    registry = backend.registry
    for ca in backend.ca_certificates.values():
        adopt_ca(ca, next(registry.sequences))
    for certificate in backend.certificates.values():
        adopt_certificate(certificate, next(registry.sequences))
    registry.index()


def release(backend: IoTBackend) -> None:
    """Turn our backend back into moto's, in place and with its state."""
    if isinstance(backend, JitpIoTBackend):
        call_each(ending_observers, backend)
        backend.__class__ = IoTBackend  # type: ignore[assignment]
