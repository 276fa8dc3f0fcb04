"""One execution of a template, from its values to the last step.

The steps and their order are those of the developer guide; completed steps are not undone when a
later one fails, as the provisioning role has no permission to delete.
https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from moto_jitp import settings
from moto_jitp.history.runs import ProvisioningRun, RunStatus
from moto_jitp.iot.certificates.device_certificates import (
    DeviceCertificate,
    DeviceCertificates,
    update_certificate,
)
from moto_jitp.iot.exceptions import (
    InvalidRequest,
    IoTError,
    NotAdmitted,
    ResourceNotFound,
    ResourceRegistrationFailure,
    code_and_message,
    invalid_template,
)
from moto_jitp.iot.permissions.policies import IotPolicies
from moto_jitp.iot.permissions.provisioning_role import ProvisioningRoles
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.thing_principals import ThingPrincipals, attach_thing_principal
from moto_jitp.templates import (
    Override,
    PlannedCertificate,
    PlannedPolicy,
    PlannedThing,
    ProvisioningPlan,
    Template,
    TemplateError,
    UnresolvedReferenceError,
    parse_template,
)

from . import run_advice as advice
from .named_resources import require_named_resources
from .resolved_template import ResolvedTemplate
from .run_steps import TERMINATED, ProvisioningFailure, RunSteps
from .thing_steps import ThingParts, ThingSteps

_NOT_ENABLED = "the template is not enabled, which does not stop just-in-time provisioning"


class RunParts(NamedTuple):
    """The parts of an account and Region that a run needs.

    Attributes:
        registry: the tables: things, types, groups.
        certificates: the device certificates.
        principals: their attachments.
        policies: the IoT policies.
        roles: checks the provisioning role.
        on_things: makes things and puts them into groups.
    """

    registry: Registry
    certificates: DeviceCertificates
    principals: ThingPrincipals
    policies: IotPolicies
    roles: ProvisioningRoles
    on_things: ThingParts


class TemplateExecution:
    """One execution, from the template to the last step."""

    def __init__(
        self,
        parts: RunParts,
        source: ResolvedTemplate,
        parameters: Mapping[str, str],
        *,
        admitted: Collection[str] = (),
        from_certificate: bool = False,
        certificate_required: bool = True,
    ) -> None:
        permit = parts.roles.permit_for_run(source.role_arn, self._own_resources, admitted)
        self.parts = parts
        self.steps = RunSteps(permit)
        self._thing = ThingSteps(parts.registry, self.steps, parts.on_things)
        self.source = source
        self.template: Template | None = None
        self.parameters = parameters
        self.from_certificate = from_certificate
        self.certificate_required = certificate_required
        self.certificate: DeviceCertificate | None = None
        self._resource_arns: dict[str, str] = {}

    def _own_resources(self) -> dict[str, str]:
        """The run's certificate and thing by kind, as far as known."""
        own_resources = {}
        if self.certificate is not None:
            own_resources["cert"] = f"cert/{self.certificate.certificate_id}"
        if self._thing.thing_name is not None:
            own_resources["thing"] = f"thing/{self._thing.thing_name}"
        return own_resources

    def outcome(self, failure: ProvisioningFailure | None = None) -> ProvisioningRun:
        certificate, template, source, thing = (
            self.certificate,
            self.template,
            self.source,
            self._thing,
        )
        status, code, message, advice_text, place = RunStatus.SUCCEEDED, None, None, None, ""
        if failure is not None:
            code, message = code_and_message(failure.error)
            status, advice_text, place = RunStatus.FAILED, failure.advice, failure.place
        return ProvisioningRun(
            status,
            source.name,
            self.parameters,
            template.wanted if template is not None else (),
            self.steps.packed_steps,
            self._resource_arns,
            thing.thing_name,
            certificate.certificate_id if certificate is not None else None,
            certificate.status
            if certificate is not None and self._is_registered(certificate)
            else None,
            code,
            message,
            advice_text,
            place,
            source.role_arn,
            template,
            thing.thing_id,
        )

    # Before the first call: the template and its values.

    def load(self) -> None:
        """Parse the template.

        Raises:
            ProvisioningFailure: it is gone, or the text is not a template.
        """
        name, problem = self.source.name, self.source.problem
        if problem is not None:
            answer = InvalidRequest(str(problem.message))
            self._fail("DescribeProvisioningTemplate", answer)
            raise ProvisioningFailure(answer, advice.template_deleted(name or ""))
        try:
            self.template = parse_template(
                self.source.body or "", certificate_required=self.certificate_required
            )
        except TemplateError as error:
            raise self._template_failure(error) from None

    def enter(self, acting_for: str | None = None) -> None:
        """Assume the provisioning role and call RegisterThing, as JITP does.

        Args:
            acting_for: what the role is assumed for, if neither the stored template nor the
                certificate's CA.

        Raises:
            ProvisioningFailure: the certificate cannot be provisioned.
        """
        try:
            ca_id = self.certificate.ca_certificate_id if self.certificate else None
            self.parts.roles.check(self.source.role_arn, self.source.name, ca_id, source=acting_for)
            if self.steps.permit is not None:
                self.steps.permit("RegisterThing", self.source.resource)
        except NotAdmitted as error:
            self._fail("RegisterThing", error)
            # This very call failed, so no further words are needed.
            raise ProvisioningFailure(error, error.advice) from None

    def require_declared_parameters(self) -> None:
        """JITP needs a value for every declared parameter, even an unused one.

        Raises:
            ProvisioningFailure: the template declares a parameter that no certificate can supply.
        """
        assert self.template is not None
        missing = self.template.missing(self.parameters)
        if missing:
            error = invalid_template(UnresolvedReferenceError(missing[0]))
            self._fail("RegisterThing", error)
            raise ProvisioningFailure(
                error, advice.missing_parameters(missing), f"Parameters.{missing[0]}"
            )

    def _resolve(self) -> ProvisioningPlan:
        assert self.template is not None
        try:
            plan = self.template.resolve(
                self.template.without_empty(self.parameters),
                from_certificate=self.from_certificate,
                # As AttachPolicy, with which each of them ends.
                any_number_of_policies=not settings.current().strict,
            )
        except TemplateError as error:
            raise self._template_failure(error) from None
        note = None if self.source.enabled else _NOT_ENABLED
        self.steps.note("RegisterThing", self.source.resource, note)
        return plan

    def _fail(self, action: str, error: IoTError) -> None:
        """Add a failed step on the template."""
        self.steps.fail(action, self.source.resource, error.code, str(error.message))

    def _template_failure(self, error: TemplateError) -> ProvisioningFailure:
        answer = invalid_template(error)
        self._fail("RegisterThing", answer)
        return ProvisioningFailure(answer, advice.template_mistake(error), error.place, error)

    # The steps, in the order of the developer guide.

    def execute(self, certificate: DeviceCertificate | None) -> ProvisioningPlan:
        """Execute the template.

        Args:
            certificate: the certificate to provision, if AWS IoT already has it; otherwise the
                template says which.

        Returns:
            The template's plan.

        Raises:
            ProvisioningFailure: a value is wrong, or a step failed.
        """
        plan = self._resolve()
        if certificate is not None:
            self._require_usable(certificate)
        require_named_resources(
            self.steps, plan, self.parts.registry, self.parts.on_things.packages
        )
        planned_certificate = plan.certificate_if_any
        if certificate is None and planned_certificate is not None:
            self.certificate = certificate = self._certificate(planned_certificate)
        if planned_certificate is not None and certificate is not None:
            self._resource_arns[planned_certificate.logical_name] = certificate.arn
        if plan.thing is not None:
            thing = self._thing.make_or_change_thing(plan.thing)
            self._resource_arns[plan.thing.logical_name] = thing.arn
        if planned_certificate is None or certificate is None:
            return plan
        for policy in plan.policies:
            self._policy(policy, certificate)
        if plan.thing is not None:
            self._attach_thing(plan.thing, planned_certificate, certificate)
        self._status(planned_certificate, certificate)
        return plan

    def _require_usable(self, certificate: DeviceCertificate) -> None:
        """A slow run may find the certificate deleted or revoked."""
        if self._is_registered(certificate):
            if certificate.status == "REVOKED":
                resource = f"cert/{certificate.certificate_id}"
                raise self.steps.refused(
                    "UpdateCertificate",
                    resource,
                    f"The certificate {certificate.certificate_id} was revoked.",
                    advice.certificate_revoked(),
                )
            return
        resource = f"cert/{certificate.certificate_id}"
        message = f"The certificate {certificate.certificate_id} was deleted."
        self.steps.fail("DescribeCertificate", resource, "ResourceNotFoundException", message)
        raise ProvisioningFailure(
            ResourceRegistrationFailure(TERMINATED + message), advice.certificate_deleted()
        )

    def _is_registered(self, certificate: DeviceCertificate) -> bool:
        return self.parts.registry.certificates.get(certificate.certificate_id) is certificate

    def _certificate(self, planned_certificate: PlannedCertificate) -> DeviceCertificate:
        if planned_certificate.certificate_id is not None:
            parameters = {"certificateId": planned_certificate.certificate_id}
            resource = f"cert/{planned_certificate.certificate_id}"
            return self.steps.do("DescribeCertificate", resource, self._find, parameters)
        if planned_certificate.certificate_pem is not None:
            parameters = {"certificatePem": planned_certificate.certificate_pem}
            if planned_certificate.ca_certificate_pem is not None:
                parameters["caCertificatePem"] = planned_certificate.ca_certificate_pem
            return self.steps.do(
                "RegisterCertificate", "certificate", self._register_or_find, parameters
            )
        parameters = {
            "certificateSigningRequest": planned_certificate.certificate_signing_request or ""
        }
        return self.steps.do("CreateCertificateFromCsr", "certificate", self._issue, parameters)

    # The calls, with the parameters that boto3 takes.

    def _issue(self, parameters: Mapping[str, Any]) -> DeviceCertificate:
        issue = self.parts.certificates.create_certificate_from_csr
        return issue(parameters["certificateSigningRequest"], False)

    def _find(self, parameters: Mapping[str, Any]) -> DeviceCertificate:
        certificate_id = parameters["certificateId"]
        # DescribeCertificate's own text does not say what is missing, as its caller knows.
        if certificate_id not in self.parts.registry.certificates:
            raise ResourceNotFound(f"There is no certificate {certificate_id}.")
        return self.parts.certificates.describe_certificate(certificate_id)

    def _register_or_find(self, parameters: Mapping[str, Any]) -> DeviceCertificate:
        pem, ca_pem = parameters["certificatePem"], parameters.get("caCertificatePem")
        try:
            return self.parts.certificates.register_certificate(pem, ca_pem, False, None)
        except IoTError as error:
            existing_id = getattr(error, "resourceId", None)
            if error.code != "ResourceAlreadyExistsException" or existing_id is None:
                raise
            return self.parts.certificates.describe_certificate(existing_id)

    def _create_policy(self, parameters: Mapping[str, Any]) -> None:
        self.parts.policies.create_policy(parameters["policyName"], parameters["policyDocument"])

    def _attach_policy(self, parameters: Mapping[str, Any]) -> None:
        self.parts.policies.attach_policy(parameters["policyName"], parameters["target"])

    def _policy(self, planned_policy: PlannedPolicy, certificate: DeviceCertificate) -> None:
        name = planned_policy.policy_name
        resource = f"policy/{name}"
        if planned_policy.document is not None:
            parameters = {"policyName": name, "policyDocument": planned_policy.document}
            if name in self.parts.registry.policies:
                self.steps.unchanged("CreatePolicy", resource, parameters)
            else:
                self.steps.do("CreatePolicy", resource, self._create_policy, parameters)
            self._resource_arns[planned_policy.logical_name] = self.parts.registry.policies[
                name
            ].arn
        parameters = {"policyName": name, "target": certificate.arn}
        if (certificate.arn, name) in self.parts.registry.principal_policies:
            self.steps.unchanged("AttachPolicy", resource, parameters)
            return
        self.steps.do("AttachPolicy", resource, self._attach_policy, parameters)

    def _attach_thing(
        self,
        thing: PlannedThing,
        planned_certificate: PlannedCertificate,
        certificate: DeviceCertificate,
    ) -> None:
        kind, resource = planned_certificate.thing_principal_type, f"thing/{thing.name}"
        parameters = {"thingName": thing.name, "principal": certificate.arn}
        if kind is not None:
            parameters["thingPrincipalType"] = kind
        if self.parts.principals.is_attached_as(kind, thing.name, certificate.arn):
            self.steps.unchanged("AttachThingPrincipal", resource, parameters)
            return
        attach = functools.partial(attach_thing_principal, self.parts.principals)
        self.steps.do("AttachThingPrincipal", resource, attach, parameters)

    def _status(
        self, planned_certificate: PlannedCertificate, certificate: DeviceCertificate
    ) -> None:
        resource = f"cert/{certificate.certificate_id}"
        parameters = {
            "certificateId": certificate.certificate_id,
            "newStatus": planned_certificate.status,
        }
        # DO_NOTHING and FAIL refer to a status set earlier. Read literally they would leave a
        # pending certificate pending, yet AWS's own example has DO_NOTHING and works.
        is_pending = certificate.status == "PENDING_ACTIVATION"
        if certificate.status == planned_certificate.status or (
            planned_certificate.status_override is Override.DO_NOTHING and not is_pending
        ):
            self.steps.unchanged("UpdateCertificate", resource, parameters)
            return
        if planned_certificate.status_override is Override.FAIL and not is_pending:
            raise self.steps.refused(
                "UpdateCertificate",
                resource,
                f"Existing Status: {certificate.status} conflicts with "
                f"Status: {planned_certificate.status} in Template.",
                "Use REPLACE for Status in the certificate's OverrideSettings.",
            )
        update = functools.partial(update_certificate, self.parts.certificates)
        self.steps.do("UpdateCertificate", resource, update, parameters)
