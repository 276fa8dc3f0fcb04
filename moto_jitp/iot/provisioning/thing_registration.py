"""The provisioning run: a template executed for one device.

RegisterThing and JITP call the same code, as they do on AWS, where JITP loads the CA's template and
calls RegisterThing with the values taken from the certificate.
https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

from collections.abc import Mapping

from moto_jitp.history.runs import (
    ProvisioningRun,
    ProvisioningStep,
    RunStatus,
    StepResult,
    pack_steps,
)
from moto_jitp.iot.api.admission import check_role, source_arn
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate
from moto_jitp.iot.exceptions import NotAdmitted, invalid_template
from moto_jitp.templates import TemplateError, parse_template

from .deferred_runs import DeferredRun, DeferredRuns, is_immediate
from .step_recorder import ProvisioningFailure
from .template_execution import TemplateExecution


class ThingRegistration(DeferredRuns):
    """The part of the backend that executes provisioning templates."""

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
            raise invalid_template(error.message) from None
        with self.lock:
            run = TemplateExecution(self, template, parameters, template_name=None)
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

        def execute() -> ProvisioningRun:
            return self._provision(certificate, parameters, registration_config, first_step)

        if is_immediate() or not self._can_begin(certificate, registration_config):
            return execute()
        thing_name = self._planned_thing(parameters, registration_config)
        self.defer(DeferredRun(certificate, thing_name, execute))
        return ProvisioningRun(
            RunStatus.IN_PROGRESS,
            registration_config.get("templateName"),
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
        registration_config: Mapping[str, str],
        certificate_id: str,
        error: NotAdmitted,
    ) -> ProvisioningRun:
        """Return the run of a device whose certificate could not even be registered.

        Args:
            parameters: what the certificate offers to the template.
            registration_config: the CA's.
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
            registration_config.get("templateName"),
            parameters,
            step,
            advice=error.advice,
            certificate_id=certificate_id,
        )

    def _provision(
        self,
        certificate: DeviceCertificate,
        parameters: Mapping[str, str],
        registration_config: Mapping[str, str],
        first_step: ProvisioningStep,
    ) -> ProvisioningRun:
        template_name = registration_config.get("templateName")
        role_arn = self._role_of(registration_config)
        with self.lock:
            run = TemplateExecution(
                self,
                None,
                parameters,
                template_name=template_name,
                role_arn=role_arn,
                from_certificate=True,
            )
            run.certificate = certificate
            run.recorder.add(first_step)
            try:
                run.load(registration_config)
                run.enter(role_arn)
                run.require_declared_parameters()
                run.execute(certificate)
            except ProvisioningFailure as failure:
                return run.outcome(failure)
            return run.outcome()

    def _can_begin(
        self, certificate: DeviceCertificate, registration_config: Mapping[str, str]
    ) -> bool:
        """Whether AWS IoT can assume the role, which it does before it sets to work."""
        name = registration_config.get("templateName")
        source = source_arn(self, name, certificate.ca_certificate_id)
        try:
            check_role(self, self._role_of(registration_config), source)
        except NotAdmitted:
            return False
        return True

    def _planned_thing(
        self, parameters: Mapping[str, str], registration_config: Mapping[str, str]
    ) -> str | None:
        run = TemplateExecution(
            self, None, parameters, template_name=registration_config.get("templateName")
        )
        try:
            run.load(registration_config)
            assert run.template is not None
            thing = run.template.resolve(parameters).thing
        except (ProvisioningFailure, TemplateError):
            return None
        return thing.name if thing else None

    def _role_of(self, registration_config: Mapping[str, str]) -> str | None:
        stored = self.provisioning_templates.get(registration_config.get("templateName", ""))
        return registration_config.get("roleArn") or (stored.role_arn if stored else None)


@operation("RegisterThing", ThingRegistration)
def register_thing(registration: ThingRegistration, given: Input) -> Output:
    pem, run = registration.register_thing(given["templateBody"], given.get("parameters", {}))
    return {"certificatePem": pem, "resourceArns": run.resource_arns}
