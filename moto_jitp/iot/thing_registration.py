"""The provisioning run: a template executed for one device.

RegisterThing and JITP call the same code, as they do on AWS, where JITP loads the CA's template and
calls RegisterThing with the values taken from the certificate.
https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from moto.core.responses import ActionResult
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
from .actions import IoTActions
from .certificates import Certificates, DeviceCertificate
from .exceptions import (
    AwsError,
    InvalidRequest,
    IoTError,
    ResourceRegistrationFailure,
    code_and_message,
)
from .provisioning_run import (
    ProvisioningFailure,
    ProvisioningRun,
    ProvisioningStep,
    RunStatus,
    StepRecorder,
)

_PREFIX = "Invalid registration template. "
_TERMINATED = "Register thing workflow execution terminates due to: "
_MAX_ATTRIBUTES_WITHOUT_TYPE = 3
_MAX_ATTRIBUTES = 50
_MAX_GROUPS = 10
_MAX_POLICIES = 10
ResultT = TypeVar("ResultT")
_EXCLUSIVE = "EXCLUSIVE_THING"


class ThingRegistration(Certificates):
    """The part of the backend that executes provisioning templates."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        # Certificate ARN to the one thing that it may be attached to (ThingPrincipalType).
        self.exclusive_things: dict[str, str] = {}

    def attach_thing_principal(self, thing_name: str, principal_arn: str) -> None:
        only = self.exclusive_things.get(principal_arn)
        if only not in (None, thing_name) and only in self.list_principal_things(principal_arn):
            raise InvalidRequest(
                f"The principal {principal_arn} is attached to the thing {only} exclusively; "
                f"detach it there before it is attached to {thing_name}."
            )
        super().attach_thing_principal(thing_name, principal_arn)

    def register_thing(
        self, template_body: str, parameters: Mapping[str, str]
    ) -> tuple[str, ProvisioningRun]:
        """Execute a template for given parameters, as RegisterThing does.

        Args:
            template_body: the template's JSON text.
            parameters: parameter name to value.

        Returns:
            The certificate's PEM text, and the run.

        Raises:
            InvalidRequest: the template is wrong, or a value is none that AWS IoT takes.
            ResourceRegistrationFailure: something that the template names is missing or in
                conflict, or a step failed.
        """
        try:
            template = parse_template(template_body)
        except TemplateError as error:
            raise InvalidRequest(_PREFIX + error.message) from None
        with self.lock:
            run = _Run(self, template, parameters, template_name=None)
            try:
                run.execute(None)
            except ProvisioningFailure as failure:
                raise failure.error from failure
            assert run.certificate is not None
            return run.certificate.certificate_pem, run.outcome()

    def provision_certificate(
        self,
        certificate: DeviceCertificate,
        parameters: Mapping[str, str],
        *,
        registration_config: Mapping[str, str],
        first_step: ProvisioningStep,
    ) -> ProvisioningRun:
        """Execute a CA's template for a certificate that has just connected.

        Never raises for what the template or the account lacks: the run says it.

        Args:
            certificate: the registered, pending certificate.
            parameters: what the certificate offers to the template.
            registration_config: the CA's.
            first_step: the certificate's registration, which came before.
        """
        template_name = registration_config.get("templateName")
        with self.lock:
            run = _Run(self, None, parameters, template_name=template_name)
            run.certificate = certificate
            run.recorder.steps.append(first_step)
            try:
                run.load(registration_config)
                run.require_declared_parameters()
                run.execute(certificate)
            except ProvisioningFailure as failure:
                return run.outcome(failure)
            return run.outcome()


class _Run:
    """One execution, from the template to the last step."""

    def __init__(
        self,
        backend: ThingRegistration,
        template: Template | None,
        parameters: Mapping[str, str],
        *,
        template_name: str | None,
    ) -> None:
        self.backend = backend
        self.template = template
        self.parameters = parameters
        self.template_name = template_name
        self.recorder = StepRecorder()
        self.certificate: DeviceCertificate | None = None
        self.thing_name: str | None = None
        self.resource_arns: dict[str, str] = {}

    def outcome(self, failure: ProvisioningFailure | None = None) -> ProvisioningRun:
        certificate = self.certificate
        code, message = code_and_message(failure.error) if failure else (None, None)
        return ProvisioningRun(
            RunStatus.FAILED if failure else RunStatus.SUCCEEDED,
            self.template_name,
            self.parameters,
            self.template.wanted if self.template else (),
            tuple(self.recorder.steps),
            self.resource_arns,
            self.thing_name,
            certificate.certificate_id if certificate else None,
            certificate.status if certificate else None,
            code,
            message,
            failure.advice if failure else None,
            failure.place if failure else "",
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

    def require_declared_parameters(self) -> None:
        """JITP needs a value for every declared parameter, also for one that nothing uses."""
        assert self.template is not None
        missing = self.template.missing(self.parameters)
        if missing:
            error = InvalidRequest(f"{_PREFIX}Cannot resolve reference value: {{Ref={missing[0]}}}")
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
        self.recorder.steps.append(ProvisioningStep("RegisterThing", self._template_resource()))
        return plan

    def _template_failure(self, error: TemplateError) -> ProvisioningFailure:
        answer = InvalidRequest(_PREFIX + error.message)
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
                self.recorder.do(action, resource, _nothing)
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
        self._check_group_hierarchies(planned.groups, planned)
        thing = self.backend.find_thing(planned.name)
        if thing is None:
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
        resource = f"thing/{planned.name}"
        attributes = self._new_attributes(thing, planned)
        thing_type = self._new_type(thing, planned)
        to_join, to_leave = self._new_groups(thing, planned)
        if attributes is None and thing_type is None:
            self.recorder.unchanged("CreateThing", resource)
        else:
            self._check_attribute_count(
                attributes if attributes is not None else thing.attributes,
                thing_type or _type_name(thing),
                resource,
            )
            payload = None if attributes is None else {"attributes": attributes}
            self._step(
                "UpdateThing",
                resource,
                self.backend.update_thing,
                planned.name,
                thing_type or "",
                payload,
                False,
            )
        for name in to_leave:
            self._step(
                "RemoveThingFromThingGroup",
                f"thinggroup/{name}",
                self.backend.remove_thing_from_thing_group,
                name,
                None,
                thing.thing_name,
                None,
            )
        self._join_groups(thing, to_join)

    def _new_attributes(self, thing: FakeThing, planned: PlannedThing) -> dict[str, str] | None:
        """The attributes that the thing is to get, or ``None`` to leave it those that it has."""
        wanted = planned.attributes
        if not wanted or wanted == thing.attributes:
            return None
        override = planned.overrides.attribute_payload
        if override is Override.DO_NOTHING:
            return None
        if override is Override.MERGE:
            merged = {**thing.attributes, **wanted}
            return merged if merged != thing.attributes else None
        if override is Override.REPLACE:
            return dict(wanted)
        raise self._conflict(
            planned,
            "AttributePayload",
            f"Existing AttributePayload: {_java_map(thing.attributes)} conflicts with "
            f"AttributePayload: {_java_map(wanted)} in Template.",
        )

    def _new_type(self, thing: FakeThing, planned: PlannedThing) -> str | None:
        """The type that the thing is to get, or ``None`` to leave it the one that it has."""
        existing = _type_name(thing)
        if planned.thing_type is None or planned.thing_type == existing:
            return None
        override = planned.overrides.thing_type_name
        if override is Override.DO_NOTHING:
            return None
        if override is Override.REPLACE:
            return planned.thing_type
        raise self._conflict(
            planned,
            "ThingTypeName",
            f"Existing ThingType: {existing or 'null'} conflicts with ThingType: "
            f"{planned.thing_type} in Template.",
        )

    def _new_groups(self, thing: FakeThing, planned: PlannedThing) -> tuple[list[str], list[str]]:
        """The groups that the thing is to join, and those that it is to leave."""
        existing = {
            group.thing_group_name: group.arn
            for group in self.backend.thing_groups.values()
            if thing.arn in group.things
        }
        to_join = [name for name in planned.groups if name not in existing]
        to_leave = [name for name in existing if name not in planned.groups]
        if not planned.groups or not (to_join or to_leave):
            return [], []
        override = planned.overrides.thing_groups
        if override is Override.DO_NOTHING:
            return [], []
        if override is Override.MERGE:
            self._check_group_hierarchies((*existing, *to_join), planned)
            return to_join, []
        # A thing in no group yet is no conflict: an earlier run may have stopped before it.
        if override is Override.REPLACE or not existing:
            return to_join, to_leave
        has = ", ".join(f"{{GroupName: {name},GroupArn: {arn}}}" for name, arn in existing.items())
        raise self._conflict(
            planned,
            "ThingGroups",
            f"Existing ThingGroups: [{has}] conflict with ThingGroups: "
            f"[{', '.join(planned.groups)}] in Template.",
        )

    def _check_group_hierarchies(self, names: tuple[str, ...], planned: PlannedThing) -> None:
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

    def _check_attribute_count(
        self, attributes: Mapping[str, str], thing_type: str | None, resource: str
    ) -> None:
        most = _MAX_ATTRIBUTES if thing_type else _MAX_ATTRIBUTES_WITHOUT_TYPE
        if len(attributes) > most:
            kind = "with" if thing_type else "without"
            raise self._refused(
                "UpdateThing",
                resource,
                f"The thing would have {len(attributes)} attributes; one {kind} a thing type can "
                f"have {most}.",
                "Give the thing a type, or use REPLACE for AttributePayload in OverrideSettings.",
            )

    def _join_groups(self, thing: FakeThing, names: list[str] | tuple[str, ...]) -> None:
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
            self.recorder.unchanged("AddThingToBillingGroup", resource)
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
                self.recorder.unchanged("CreatePolicy", resource)
            else:
                self._step("CreatePolicy", resource, backend.create_policy, name, planned.document)
            self.resource_arns[planned.logical_name] = backend.policies[name].arn
        if (certificate.arn, name) in backend.principal_policies:
            self.recorder.unchanged("AttachPolicy", resource)
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
            self.recorder.unchanged("AttachThingPrincipal", resource)
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
            self.recorder.unchanged("UpdateCertificate", resource)
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
        except AwsError as error:
            code, message = code_and_message(error)
            raise ProvisioningFailure(
                ResourceRegistrationFailure(_TERMINATED + message),
                advice.step_failed(action, resource, code),
            ) from error

    def _refused(
        self, action: str, resource: str, message: str, advice_text: str, place: str = ""
    ) -> ProvisioningFailure:
        error = ResourceRegistrationFailure(_TERMINATED + message)
        self.recorder.fail(action, resource, error.code, message)
        return ProvisioningFailure(error, advice_text, place)

    def _conflict(self, planned: PlannedThing, setting: str, message: str) -> ProvisioningFailure:
        error = ResourceRegistrationFailure(message)
        self.recorder.fail("UpdateThing", f"thing/{planned.name}", error.code, message)
        return ProvisioningFailure(
            error,
            advice.conflict(planned.name, setting),
            f"Resources.{planned.logical_name}.Properties.{setting}",
        )

    def _fail_step(self, action: str, resource: str, error: IoTError) -> None:
        self.recorder.fail(action, resource, error.code, str(error.message))


def _nothing() -> None:
    """The call of a step that only looks."""


def _type_name(thing: FakeThing) -> str | None:
    return thing.thing_type.thing_type_name if thing.thing_type else None


def _java_map(values: Mapping[str, str]) -> str:
    """Write a map as AWS's error texts do."""
    return "{" + ", ".join(f"{key}={value}" for key, value in values.items()) + "}"


class ThingRegistrationActions(IoTActions):
    """The API action RegisterThing."""

    @property
    def backend(self) -> ThingRegistration:
        return self.any_backend()  # type: ignore[no-any-return]

    def register_thing(self) -> ActionResult:
        given = self.input()
        pem, run = self.backend.register_thing(given["templateBody"], given.get("parameters", {}))
        return ActionResult({"certificatePem": pem, "resourceArns": run.resource_arns})
