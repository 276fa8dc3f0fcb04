"""The provisioning run: a template executed for one device.

RegisterThing and JITP call the same code, as they do on AWS, where JITP loads the CA's template and
calls RegisterThing with the values taken from the certificate.
https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from moto_jitp.history.journal import RunOrigin
from moto_jitp.history.runs import (
    ProvisioningRun,
    ProvisioningStep,
    RunStatus,
    StepResult,
    pack_steps,
)
from moto_jitp.history.state import state_of
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate
from moto_jitp.iot.exceptions import NotAdmitted
from moto_jitp.templates import (
    TemplateError,
    TemplateSource,
    UnresolvedReferenceError,
    parse_template,
)

from . import run_advice as advice
from .deferred_runs import DeferredRun, DeferredRuns, is_immediate
from .provisioning_templates import ProvisioningTemplates
from .resolved_template import ResolvedTemplate
from .run_steps import ProvisioningFailure
from .template_execution import RunParts, TemplateExecution


class ThingRegistration:
    """Executes provisioning templates.

    Args:
        parts: the parts that the runs need.
        templates: the stored templates.
        deferred: keeps the slow runs.
    """

    def __init__(
        self, parts: RunParts, templates: ProvisioningTemplates, deferred: DeferredRuns
    ) -> None:
        self._parts = parts
        self._templates = templates
        self._deferred = deferred

    def register_thing(
        self, template_body: str, parameters: Mapping[str, str]
    ) -> tuple[str | None, ProvisioningRun]:
        """Execute a template for given parameters, as RegisterThing does.

        Args:
            template_body: the template's JSON text.
            parameters: parameter name to value.

        Returns:
            The certificate's PEM text, ``None`` if the template has no certificate; and the run.

        Raises:
            InvalidRequest: the template is wrong, or AWS IoT does not accept a value.
            ResourceRegistrationFailure: something that the template refers to is missing or in
                conflict, or a step failed.
        """
        failed: ProvisioningFailure | None = None
        with self._parts.registry.lock:
            run = TemplateExecution(
                self._parts,
                ResolvedTemplate(None, template_body),
                parameters,
                certificate_required=False,
            )
            try:
                run.load()
                run.execute(None)
            except ProvisioningFailure as failure:
                failed = _told_to_caller(failure)
            outcome = run.outcome(failed)
        moment = datetime.now(timezone.utc)
        state_of(self._parts.registry.moto).runs.enter(RunOrigin.REGISTER_THING, outcome, moment)
        if failed is not None:
            raise failed.error from failed
        return run.certificate.certificate_pem if run.certificate else None, outcome

    def provision_certificate(
        self,
        certificate: DeviceCertificate,
        parameters: Mapping[str, str],
        *,
        source: TemplateSource,
        first_step: ProvisioningStep,
        seconds: float | None = None,
    ) -> ProvisioningRun:
        """Execute a CA's template for a certificate that has just connected.

        Never raises for mistakes in the template or the account: the run reports them.

        Args:
            certificate: the registered, pending certificate.
            parameters: the parameters that the certificate provides.
            source: the CA's template.
            first_step: the certificate's registration, which came first.
            seconds: how long it takes, if a test requested that; ``None`` for the setting of moto's
                state manager.
        """

        if (seconds is None and is_immediate()) or not self._can_begin(certificate, source):
            return self._provision(certificate, parameters, source, first_step)

        def execute() -> ProvisioningRun:
            return self._provision(certificate, parameters, source, first_step)

        thing_name = self._planned_thing(parameters, source)
        self._deferred.defer(DeferredRun(certificate, thing_name, execute, seconds))
        return ProvisioningRun(
            RunStatus.IN_PROGRESS,
            source.name,
            parameters,
            (),
            pack_steps([first_step]),
            {},
            certificate_id=certificate.certificate_id,
            certificate_status=certificate.status,
        )

    def registration_failed(
        self,
        parameters: Mapping[str, str],
        source: TemplateSource,
        certificate_id: str,
        error: NotAdmitted,
    ) -> ProvisioningRun:
        """Return the run of a device whose certificate could not even be registered.

        Args:
            parameters: the parameters that the certificate provides.
            source: the CA's template.
            certificate_id: the id of the certificate that is not registered.
            error: why not.
        """
        step = ProvisioningStep(
            "RegisterCertificate",
            f"cert/{certificate_id}",
            StepResult.FAILED,
            error.code,
            str(error.message),
        )
        return ProvisioningRun.refused(
            source.name,
            parameters,
            step,
            advice=error.advice,
            certificate_id=certificate_id,
        )

    def _provision(
        self,
        certificate: DeviceCertificate,
        parameters: Mapping[str, str],
        source: TemplateSource,
        first_step: ProvisioningStep,
    ) -> ProvisioningRun:
        with self._parts.registry.lock:
            template = self._templates.resolve(source)
            run = TemplateExecution(self._parts, template, parameters, from_certificate=True)
            run.certificate = certificate
            run.steps.add(first_step)
            try:
                run.load()
                run.enter()
                run.require_declared_parameters()
                run.execute(certificate)
            except ProvisioningFailure as failure:
                return run.outcome(failure)
            return run.outcome()

    def _can_begin(self, certificate: DeviceCertificate, source: TemplateSource) -> bool:
        """Whether AWS IoT can assume the role, which it does first."""
        role_arn = self._templates.resolve(source).role_arn
        try:
            self._parts.roles.check(role_arn, source.name, certificate.ca_certificate_id)
        except NotAdmitted:
            return False
        return True

    def _planned_thing(self, parameters: Mapping[str, str], source: TemplateSource) -> str | None:
        try:
            template = parse_template(self._templates.resolve(source).body or "")
            thing = template.resolve(parameters, any_number_of_policies=True).thing
        except TemplateError:
            return None
        return thing.name if thing else None


def _told_to_caller(failure: ProvisioningFailure) -> ProvisioningFailure:
    """Say what a caller of RegisterThing, with values of its own, can change."""
    if isinstance(failure.mistake, UnresolvedReferenceError):
        failure.advice = advice.parameter_not_given(failure.mistake.parameter)
    elif failure.mistake is not None:
        failure.advice = advice.template_mistake(failure.mistake, "the parameters of the call")
    return failure


@operation("RegisterThing", ThingRegistration)
def register_thing(registration: ThingRegistration, arguments: Input) -> Output:
    pem, run = registration.register_thing(
        arguments["templateBody"], arguments.get("parameters", {})
    )
    output: dict[str, object] = {"resourceArns": run.resource_arns}
    return output if pem is None else {"certificatePem": pem, **output}
