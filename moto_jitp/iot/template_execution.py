"""One execution of a template: from the values to the last step.

The steps and their order are those of the developer guide; nothing that a step did is undone when a
later one fails, as the provisioning role has no permission to delete.
https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from moto.iot.models import FakeThing

from moto_jitp.templates import (
    Override,
    PlannedCertificate,
    PlannedPolicy,
    PlannedThing,
    ProvisioningPlan,
    Template,
    TemplateError,
    parse_template,
)

from . import run_advice as advice
from .admission import check_role, permit_for_run
from .certificates import DeviceCertificate
from .exceptions import (
    AwsError,
    InvalidRequest,
    IoTError,
    NotAdmitted,
    ResourceRegistrationFailure,
    code_and_message,
)
from .existing_things import ThingChanges, ThingConflict, changes, type_name
from .provisioning_run import (
    ProvisioningFailure,
    ProvisioningRun,
    ProvisioningStep,
    RunStatus,
    StepRecorder,
)
from .thing_principals import ThingPrincipals

INVALID = "Invalid registration template. "
_TERMINATED = "Register thing workflow execution terminates due to: "
_MAX_ATTRIBUTES_WITHOUT_TYPE = 3
_MAX_ATTRIBUTES = 50
_MAX_GROUPS = 10
_MAX_POLICIES = 10
_EXCLUSIVE = "EXCLUSIVE_THING"
_ERRORS_OF_REGISTER_THING = {
    "AccessDeniedException",
    "ConflictingResourceUpdateException",
    "InternalFailureException",
    "InvalidRequestException",
    "ResourceRegistrationFailureException",
    "ServiceUnavailableException",
    "ThrottlingException",
    "UnauthorizedException",
}

ResultT = TypeVar("ResultT")


class TemplateExecution:
    """One execution, from the template to the last step."""

    def __init__(
        self,
        backend: ThingPrincipals,
        template: Template | None,
        parameters: Mapping[str, str],
        *,
        template_name: str | None,
        role_arn: str | None = None,
    ) -> None:
        self.backend = backend
        self.template = template
        self.parameters = parameters
        self.template_name = template_name
        self.role_arn = role_arn
        self.recorder = StepRecorder(permit_for_run(backend, role_arn, self._own_resources))
        self.certificate: DeviceCertificate | None = None
        self.thing_name: str | None = None
        self.resource_arns: dict[str, str] = {}

    def _own_resources(self) -> dict[str, str]:
        """The run's certificate and thing by kind, as far as they are known."""
        own = {}
        if self.certificate is not None:
            own["cert"] = f"cert/{self.certificate.certificate_id}"
        if self.thing_name is not None:
            own["thing"] = f"thing/{self.thing_name}"
        return own

    def outcome(self, failure: ProvisioningFailure | None = None) -> ProvisioningRun:
        certificate = self.certificate
        code, message = code_and_message(failure.error) if failure else (None, None)
        return ProvisioningRun(
            RunStatus.FAILED if failure else RunStatus.SUCCEEDED,
            self.template_name,
            self.parameters,
            self.template.wanted if self.template else (),
            self.recorder.record,
            self.resource_arns,
            self.thing_name,
            certificate.certificate_id if certificate else None,
            certificate.status if certificate and self._is_registered(certificate) else None,
            code,
            message,
            failure.advice if failure else None,
            failure.place if failure else "",
            self.role_arn,
        )

    # Before the first call: the template and its values.

    def load(self, registration_config: Mapping[str, str]) -> None:
        """Find and parse the CA's template."""
        name = self.template_name
        if name is not None:
            stored = self.backend.provisioning_templates.get(name)
            if stored is None:
                error = InvalidRequest(f"Unable to find template named {name}")
                self._fail_step(
                    "DescribeProvisioningTemplate", f"provisioningtemplate/{name}", error
                )
                raise ProvisioningFailure(error, advice.template_deleted(name))
            body = stored.body
        else:
            body = registration_config.get("templateBody", "")
        try:
            self.template = parse_template(body)
        except TemplateError as error:
            raise self._template_failure(error) from None

    def enter(self, role_arn: str | None) -> None:
        """Assume the provisioning role and call RegisterThing, as JITP does."""
        resource = self._template_resource()
        try:
            check_role(role_arn)
            if self.recorder.permit is not None:
                self.recorder.permit("RegisterThing", resource)
        except NotAdmitted as error:
            self._fail_step("RegisterThing", resource, error)
            raise _not_admitted(error) from None

    def require_declared_parameters(self) -> None:
        """JITP needs a value for every declared parameter, also for one that nothing uses."""
        assert self.template is not None
        missing = self.template.missing(self.parameters)
        if missing:
            error = InvalidRequest(f"{INVALID}Cannot resolve reference value: {{Ref={missing[0]}}}")
            self._fail_step("RegisterThing", self._template_resource(), error)
            raise ProvisioningFailure(
                error, advice.missing_parameters(missing), f"Parameters.{missing[0]}"
            )

    def _resolve(self) -> ProvisioningPlan:
        assert self.template is not None
        try:
            plan = self.template.resolve(self.parameters)
        except TemplateError as error:
            raise self._template_failure(error) from None
        self.recorder.add(ProvisioningStep("RegisterThing", self._template_resource()))
        return plan

    def _template_failure(self, error: TemplateError) -> ProvisioningFailure:
        answer = InvalidRequest(INVALID + error.message)
        self._fail_step("RegisterThing", self._template_resource(), answer)
        return ProvisioningFailure(answer, advice.template_mistake(error), error.place)

    def _template_resource(self) -> str:
        name = self.template_name
        return f"provisioningtemplate/{name}" if name is not None else "templateBody"

    # The steps, in the order of the developer guide.

    def execute(self, certificate: DeviceCertificate | None) -> None:
        """Carry the template out.

        Args:
            certificate: the one that is being provisioned just in time; without it the template
                says which.
        """
        plan = self._resolve()
        if certificate is not None:
            self._require_registered(certificate)
        self._require_named_resources(plan)
        if certificate is None:
            self.certificate = certificate = self._certificate(plan.certificate)
        self.resource_arns[plan.certificate.logical_name] = certificate.arn
        if plan.thing is not None:
            self._thing(plan.thing)
        for policy in plan.policies:
            self._policy(policy, certificate)
        if plan.thing is not None:
            self._attach_thing(plan.thing, plan.certificate, certificate)
        self._status(plan.certificate, certificate)

    def _require_registered(self, certificate: DeviceCertificate) -> None:
        """A run that takes its time may find the certificate deleted."""
        if self._is_registered(certificate):
            return
        resource = f"cert/{certificate.certificate_id}"
        message = f"The certificate {certificate.certificate_id} was deleted."
        self.recorder.fail("DescribeCertificate", resource, "ResourceNotFoundException", message)
        raise ProvisioningFailure(
            ResourceRegistrationFailure(_TERMINATED + message), advice.certificate_deleted()
        )

    def _is_registered(self, certificate: DeviceCertificate) -> bool:
        return self.backend.certificates.get(certificate.certificate_id) is certificate

    def _require_named_resources(self, plan: ProvisioningPlan) -> None:
        """Find everything that the template only names, before anything is made.

        A template makes neither thing types nor groups; what is missing is reported in the order
        type, groups, billing group, policies, and all of it stands in the run's record.
        """
        backend, account_id = self.backend, self.backend.account_id
        wanted: list[tuple[str, str, object, str]] = []
        thing = plan.thing
        if thing is not None:
            if thing.thing_type is not None:
                found: object = backend.find_thing_type(thing.thing_type)
                text = f"Thing Type {account_id}:{thing.thing_type} not found."
                wanted.append(("DescribeThingType", f"thingtype/{thing.thing_type}", found, text))
            for name in thing.groups:
                found = backend.find_thing_group(name)
                text = f"ThingGroup {account_id}:{name} not found."
                wanted.append(("DescribeThingGroup", f"thinggroup/{name}", found, text))
            if thing.billing_group is not None:
                name = thing.billing_group
                found = backend.billing_groups.get(name)
                text = f"BillingGroup {account_id}:{name} not found."
                wanted.append(("DescribeBillingGroup", f"billinggroup/{name}", found, text))
        for policy in plan.policies:
            if policy.name is not None:
                found = backend.policies.get(policy.name)
                text = "Policy default version not found"
                wanted.append(("GetPolicy", f"policy/{policy.name}", found, text))
        missing = []
        for action, resource, found, text in wanted:
            if found is None:
                missing.append((resource, text))
                self.recorder.fail(action, resource, "ResourceNotFoundException", text)
            else:
                self._step(action, resource, _nothing)
        if missing:
            raise ProvisioningFailure(
                ResourceRegistrationFailure(_TERMINATED + missing[0][1]),
                advice.missing_resources([resource for resource, _ in missing]),
            )

    def _certificate(self, planned: PlannedCertificate) -> DeviceCertificate:
        backend = self.backend
        if planned.certificate_id is not None:
            resource = f"cert/{planned.certificate_id}"
            return self._step(
                "DescribeCertificate",
                resource,
                backend.describe_certificate,
                planned.certificate_id,
            )
        if planned.certificate_pem is not None:
            return self._step(
                "RegisterCertificate",
                "certificate",
                self._register_or_find,
                planned.certificate_pem,
                planned.ca_certificate_pem,
            )
        return self._step(
            "CreateCertificateFromCsr",
            "certificate",
            backend.create_certificate_from_csr,
            planned.certificate_signing_request,
            False,
        )

    def _register_or_find(self, pem: str, ca_pem: str | None) -> DeviceCertificate:
        try:
            return self.backend.register_certificate(pem, ca_pem, False, None)
        except IoTError as error:
            known = getattr(error, "resourceId", None)
            if error.code != "ResourceAlreadyExistsException" or known is None:
                raise
            return self.backend.describe_certificate(known)

    def _thing(self, planned: PlannedThing) -> None:
        self.thing_name = planned.name
        if planned.package_versions:
            raise self._refused(
                "CreateThing",
                f"thing/{planned.name}",
                "PackageVersions is not emulated: moto knows no software packages.",
                "Take PackageVersions out of the template's thing.",
            )

        thing = self.backend.find_thing(planned.name)
        if thing is None:
            self._check_groups(planned.groups, planned)
            thing = self._step(
                "CreateThing",
                f"thing/{planned.name}",
                self.backend.create_thing,
                planned.name,
                planned.thing_type,
                {"attributes": dict(planned.attributes)},
            )
            self._join_groups(thing, planned.groups)
        else:
            self._update_thing(thing, planned)
        self._join_billing_group(thing, planned.billing_group)
        self.resource_arns[planned.logical_name] = thing.arn

    def _update_thing(self, thing: FakeThing, planned: PlannedThing) -> None:
        """Bring an existing thing to what the template says, as far as OverrideSettings allow."""
        backend, resource = self.backend, f"thing/{planned.name}"
        groups = {
            group.thing_group_name: group.arn
            for group in backend.thing_groups.values()
            if thing.arn in group.things
        }
        try:
            wanted = changes(thing, groups, planned)
        except ThingConflict as conflict:
            raise self._conflict(planned, conflict) from None
        stays = [name for name in groups if name not in wanted.groups_to_leave]
        self._check_groups([*stays, *wanted.groups_to_join], planned)
        if wanted.attributes is None and wanted.thing_type is None:
            self._unchanged("CreateThing", resource)
        else:
            self._check_attribute_count(thing, wanted, resource)
            payload = None if wanted.attributes is None else {"attributes": wanted.attributes}
            new_type = wanted.thing_type or ""
            self._step(
                "UpdateThing",
                resource,
                backend.update_thing,
                planned.name,
                new_type,
                payload,
                False,
            )
        for name in wanted.groups_to_leave:
            leave = backend.remove_thing_from_thing_group
            self._step(
                "RemoveThingFromThingGroup",
                f"thinggroup/{name}",
                leave,
                name,
                None,
                thing.thing_name,
                None,
            )
        self._join_groups(thing, wanted.groups_to_join)

    def _check_groups(self, names: Sequence[str], planned: PlannedThing) -> None:
        """A thing is in ten groups at most, and never in two of one hierarchy."""
        roots: dict[str, str] = {}
        for name in names:
            group = self.backend.describe_thing_group(name)
            path = group.metadata.get("rootToParentThingGroups")
            root = path[0]["groupName"] if path else name
            if root in roots:
                raise self._refused(
                    "AddThingToThingGroup",
                    f"thinggroup/{name}",
                    f"Thing {planned.name} cannot be in the groups {roots[root]} and {name}, which "
                    f"belong to one hierarchy, that of {root}.",
                    f"Name one of {roots[root]} and {name} in ThingGroups; a member of a child "
                    "group belongs to its parents without being named there.",
                    f"Resources.{planned.logical_name}.Properties.ThingGroups",
                )
            roots[root] = name
        if len(names) > _MAX_GROUPS:
            raise self._refused(
                "AddThingToThingGroup",
                f"thing/{planned.name}",
                f"Thing {planned.name} would be in {len(names)} groups; at most {_MAX_GROUPS} are "
                "allowed.",
                "Use REPLACE for ThingGroups in OverrideSettings, or take the thing out of groups.",
            )

    def _check_attribute_count(self, thing: FakeThing, wanted: ThingChanges, resource: str) -> None:
        attributes = thing.attributes if wanted.attributes is None else wanted.attributes
        typed = bool(wanted.thing_type or type_name(thing))
        most = _MAX_ATTRIBUTES if typed else _MAX_ATTRIBUTES_WITHOUT_TYPE
        if len(attributes) > most:
            raise self._refused(
                "UpdateThing",
                resource,
                f"The thing would have {len(attributes)} attributes; one "
                f"{'with' if typed else 'without'} a thing type can have {most}.",
                "Give the thing a type, or use REPLACE for AttributePayload in OverrideSettings.",
            )

    def _join_groups(self, thing: FakeThing, names: Sequence[str]) -> None:
        for name in names:
            self._step(
                "AddThingToThingGroup",
                f"thinggroup/{name}",
                self.backend.add_thing_to_thing_group,
                name,
                None,
                thing.thing_name,
                None,
            )

    def _join_billing_group(self, thing: FakeThing, name: str | None) -> None:
        if name is None:
            return
        resource = f"billinggroup/{name}"
        existing = thing.billing_group_name
        if existing == name:
            self._unchanged("AddThingToBillingGroup", resource)
            return
        if existing is not None:
            raise self._refused(
                "AddThingToBillingGroup",
                resource,
                f"Existing BillingGroup: {existing} conflicts with BillingGroup: {name} in "
                "Template.",
                f"Take the thing {thing.thing_name} out of the billing group {existing}; a thing "
                "is in one at most, and no OverrideSettings apply to it.",
            )
        self._step(
            "AddThingToBillingGroup",
            resource,
            self.backend.add_thing_to_billing_group,
            name,
            None,
            thing.thing_name,
        )

    def _policy(self, planned: PlannedPolicy, certificate: DeviceCertificate) -> None:
        backend, name = self.backend, planned.policy_name
        resource = f"policy/{name}"
        if planned.document is not None:
            if name in backend.policies:
                self._unchanged("CreatePolicy", resource)
            else:
                self._step("CreatePolicy", resource, backend.create_policy, name, planned.document)
            self.resource_arns[planned.logical_name] = backend.policies[name].arn
        if (certificate.arn, name) in backend.principal_policies:
            self._unchanged("AttachPolicy", resource)
            return
        if len(backend.list_attached_policies(certificate.arn)) >= _MAX_POLICIES:
            raise self._refused(
                "AttachPolicy",
                resource,
                f"The certificate has {_MAX_POLICIES} policies already, the most that AWS IoT "
                "allows.",
                "Detach policies from the certificate, or merge their statements.",
            )
        self._step("AttachPolicy", resource, backend.attach_policy, name, certificate.arn)

    def _attach_thing(
        self, thing: PlannedThing, planned: PlannedCertificate, certificate: DeviceCertificate
    ) -> None:
        backend, resource = self.backend, f"thing/{thing.name}"
        if planned.thing_principal_type == _EXCLUSIVE:
            others = [n for n in backend.list_principal_things(certificate.arn) if n != thing.name]
            if others:
                raise self._refused(
                    "AttachThingPrincipal",
                    resource,
                    f"The certificate is attached to the thing {others[0]}, so {thing.name} cannot "
                    "have it exclusively.",
                    f"Detach the certificate from {others[0]}, or leave ThingPrincipalType out.",
                )
        if (certificate.arn, thing.name) in backend.principal_things:
            self._unchanged("AttachThingPrincipal", resource)
        else:
            call = backend.attach_thing_principal
            self._step("AttachThingPrincipal", resource, call, thing.name, certificate.arn)
        if planned.thing_principal_type == _EXCLUSIVE:
            backend.exclusive_things[certificate.arn] = thing.name

    def _status(self, planned: PlannedCertificate, certificate: DeviceCertificate) -> None:
        resource = f"cert/{certificate.certificate_id}"
        # DO_NOTHING and FAIL are about a status that somebody gave before. Read to the letter they
        # would keep a pending certificate pending, yet AWS's own example has DO_NOTHING and works.
        pending = certificate.status == "PENDING_ACTIVATION"
        if certificate.status == planned.status or (
            planned.status_override is Override.DO_NOTHING and not pending
        ):
            self._unchanged("UpdateCertificate", resource)
            return
        if planned.status_override is Override.FAIL and not pending:
            raise self._refused(
                "UpdateCertificate",
                resource,
                f"Existing Status: {certificate.status} conflicts with Status: {planned.status} in "
                "Template.",
                "Use REPLACE for Status in the certificate's OverrideSettings.",
            )
        self._step("UpdateCertificate", resource, certificate.set_status, planned.status)

    # How steps fail.

    def _step(
        self, action: str, resource: str, call: Callable[..., ResultT], *args: Any
    ) -> ResultT:
        try:
            return self.recorder.do(action, resource, call, *args)
        except NotAdmitted as error:
            raise _not_admitted(error) from None
        except AwsError as error:
            code, message = code_and_message(error)
            raise ProvisioningFailure(
                ResourceRegistrationFailure(_TERMINATED + message),
                advice.step_failed(action, resource, code),
            ) from error

    def _unchanged(self, action: str, resource: str) -> None:
        try:
            self.recorder.unchanged(action, resource)
        except NotAdmitted as error:
            raise _not_admitted(error) from None

    def _refused(
        self, action: str, resource: str, message: str, advice_text: str, place: str = ""
    ) -> ProvisioningFailure:
        error = ResourceRegistrationFailure(_TERMINATED + message)
        self.recorder.fail(action, resource, error.code, message)
        return ProvisioningFailure(error, advice_text, place)

    def _conflict(self, planned: PlannedThing, conflict: ThingConflict) -> ProvisioningFailure:
        error = ResourceRegistrationFailure(str(conflict))
        self.recorder.fail("UpdateThing", f"thing/{planned.name}", error.code, str(conflict))
        return ProvisioningFailure(
            error,
            advice.conflict(planned.name, conflict.setting),
            f"Resources.{planned.logical_name}.Properties.{conflict.setting}",
        )

    def _fail_step(self, action: str, resource: str, error: IoTError) -> None:
        self.recorder.fail(action, resource, error.code, str(error.message))


def _not_admitted(error: NotAdmitted) -> ProvisioningFailure:
    # RegisterThing answers with its own errors only, and IAM with AccessDeniedException.
    declared = error.code in _ERRORS_OF_REGISTER_THING
    answer = error if declared else ResourceRegistrationFailure(_TERMINATED + str(error.message))
    return ProvisioningFailure(answer, error.advice)


def _nothing() -> None:
    """The call of a step that only looks."""
