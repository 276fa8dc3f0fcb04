"""Fleet provisioning: a device without a certificate of its own gets one and provisions itself.

It connects with a provisioning claim, a certificate that many devices have. It gets a certificate
that is PENDING_ACTIVATION, with a token that proves ownership, and has a template executed for it.
https://docs.aws.amazon.com/iot/latest/developerguide/provision-wo-cert.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from moto.moto_api._internal import mock_random

from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.iot.api.admission import admit
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate
from moto_jitp.iot.certificates.service_ca import issue_from_csr, issue_with_keys
from moto_jitp.iot.exceptions import IoTError, NotAdmitted
from moto_jitp.iot.provisioning import run_advice as advice
from moto_jitp.iot.provisioning.provisioning_templates import (
    ProvisioningTemplate,
    ProvisioningTemplates,
)
from moto_jitp.iot.provisioning.resolved_template import ResolvedTemplate
from moto_jitp.iot.provisioning.run_steps import ProvisioningFailure
from moto_jitp.iot.provisioning.template_execution import RunParts, TemplateExecution
from moto_jitp.iot.provisioning.template_rules import FLEET_PROVISIONING
from moto_jitp.templates import UnresolvedReferenceError

from . import refusals
from .pre_provisioning_hook import consult_hook
from .refusals import FleetRefusal

TOKEN_SECONDS = 3600
"""How long a certificate without an owner is kept."""

_REGISTER_THING = "RegisterThing"
_CERTIFICATE_ID = "AWS::IoT::Certificate::Id"


class FleetClient(NamedTuple):
    """Who asks.

    Attributes:
        certificate_id: the id of the claim certificate that it connected with.
        client_id: its MQTT client ID.
    """

    certificate_id: str
    client_id: str


class DeviceCredentials(NamedTuple):
    """The new credentials of a device.

    Attributes:
        certificate: the new certificate.
        private_key_pem: its key; ``None`` if the device has made its own.
        ownership_token: the token that RegisterThing requires.
    """

    certificate: DeviceCertificate
    private_key_pem: str | None
    ownership_token: str


class _Ownership(NamedTuple):
    certificate: DeviceCertificate
    ends: float


class FleetProvisioning:
    """The implementation of the MQTT API of fleet provisioning.

    Args:
        parts: the parts that the runs need.
        templates: the stored templates.

    Attributes:
        unclaimed: the certificates that no device has claimed yet, by their token.
    """

    def __init__(self, parts: RunParts, templates: ProvisioningTemplates) -> None:
        self._parts = parts
        self._registry = parts.registry
        self._templates = templates
        self.unclaimed: dict[str, _Ownership] = {}

    def create_keys_for_device(self) -> DeviceCredentials:
        """Make a key pair and a certificate for a device.

        Raises:
            FleetRefusal: a test requested a failure, or the operation's quota is used up.
        """
        self._admit("CreateKeysAndCertificate")
        issued = issue_with_keys()
        return self._give(issued.certificate_pem, issued.private_key_pem)

    def create_certificate_for_device(self, signing_request: str) -> DeviceCredentials:
        """Make a certificate for a device that made its own key pair.

        Args:
            signing_request: the CSR as PEM text.

        Raises:
            FleetRefusal: AWS IoT does not accept the text as a CSR, a test requested a failure, or
                the operation's quota is used up.
        """
        self._admit("CreateCertificateFromCsr")
        try:
            certificate_pem = issue_from_csr(signing_request)
        except IoTError as error:
            raise refusals.of_error(error) from None
        return self._give(certificate_pem, None)

    def _admit(self, operation: str) -> None:
        try:
            admit(self._registry.moto, operation, over_mqtt=True)
        except NotAdmitted as error:
            raise refusals.of_error(error, advice=error.advice) from None

    def _give(self, certificate_pem: str, private_key_pem: str | None) -> DeviceCredentials:
        token = "".join(mock_random.uuid4().hex for _ in range(4))
        with self._registry.lock:
            certificate = self._parts.certificates.add_issued_certificate(
                certificate_pem, "PENDING_ACTIVATION"
            )
            self.unclaimed[token] = _Ownership(certificate, time.time() + TOKEN_SECONDS)
        return DeviceCredentials(certificate, private_key_pem, token)

    def provision_device(
        self,
        template_name: str,
        ownership_token: str,
        parameters: Mapping[str, str],
        client: FleetClient,
    ) -> tuple[ProvisioningRun, Mapping[str, str]]:
        """Execute a template for a device, as RegisterThing of the MQTT API does.

        Args:
            template_name: an enabled template of the type FLEET_PROVISIONING.
            ownership_token: the token that came with the device's certificate.
            parameters: the parameters that the device provides, name to value.
            client: who asks.

        Returns:
            The run, and the template's device configuration.

        Raises:
            FleetRefusal: the request is not allowed, template or token is not valid, the hook does
                not allow it, or the run failed, which is then in the refusal. The token remains
                valid for another try.
        """
        self._admit(_REGISTER_THING)
        template = self._fleet_template(template_name)
        certificate = self._owner_of(ownership_token)
        if template.hook is not None:
            # Outside the lock: the function may call the cloud.
            request = {
                "claimCertificateId": client.certificate_id,
                "certificateId": certificate.certificate_id,
                "certificatePem": certificate.certificate_pem,
                "templateArn": template.arn,
                "clientId": client.client_id,
                "parameters": dict(parameters),
            }
            overrides = consult_hook(self._parts.roles, template.hook["targetArn"], request)
            parameters = {**parameters, **overrides}
        with self._registry.lock:
            self._owner_of(ownership_token)  # another request may have used it up
            outcome = self._execute(template, certificate, parameters)
            del self.unclaimed[ownership_token]
            return outcome

    def _execute(
        self,
        template: ProvisioningTemplate,
        certificate: DeviceCertificate,
        parameters: Mapping[str, str],
    ) -> tuple[ProvisioningRun, Mapping[str, str]]:
        run = TemplateExecution(
            self._parts,
            ResolvedTemplate(template.name, template.body, template.role_arn),
            {**parameters, _CERTIFICATE_ID: certificate.certificate_id},
            admitted=(_REGISTER_THING,),
        )
        run.certificate = certificate
        try:
            run.load()
            run.enter()
            plan = run.execute(certificate)
        except ProvisioningFailure as failure:
            raise _refusal(run, failure) from None
        return run.outcome(), plan.device_configuration

    def _fleet_template(self, name: str) -> ProvisioningTemplate:
        template = self._templates.provisioning_templates.get(name)
        if template is None:
            raise refusals.unknown_template(name)
        if template.template_type != FLEET_PROVISIONING:
            raise refusals.template_of_other_type(name, template.template_type, FLEET_PROVISIONING)
        if not template.enabled:
            raise refusals.disabled_template(name)
        return template

    def _owner_of(self, token: str) -> DeviceCertificate:
        if not token:
            raise refusals.no_token()
        self.drop_unclaimed_certificates()
        owned = self.unclaimed.get(token)
        if owned is None:
            raise refusals.bad_token()
        return owned.certificate

    def drop_unclaimed_certificates(self) -> None:
        """Delete the certificates that no device claimed within the hour."""
        if not self.unclaimed:
            return
        now = time.time()
        with self._registry.lock:
            for token, owned in list(self.unclaimed.items()):
                if owned.ends <= now:
                    del self.unclaimed[token]
                    self._delete_unused(owned.certificate)

    def _delete_unused(self, certificate: DeviceCertificate) -> None:
        is_used = (
            certificate.status != "PENDING_ACTIVATION"
            or any(self._registry.principal_policies.seconds_of(certificate.arn))
            or any(self._registry.principal_things.seconds_of(certificate.arn))
        )
        if not is_used:
            self._registry.certificates.pop(certificate.certificate_id, None)


def _refusal(run: TemplateExecution, failure: ProvisioningFailure) -> FleetRefusal:
    """Return the refusal for a failed run, with less detail for the device and more for people."""
    mistake = failure.mistake
    if isinstance(failure.error, NotAdmitted):
        return refusals.of_error(failure.error, run=run.outcome(failure))
    if isinstance(mistake, UnresolvedReferenceError):
        failure.advice = advice.parameter_not_sent(mistake.parameter)
        return refusals.unresolved(mistake.parameter, run.outcome(failure))
    if mistake is not None:
        failure.advice = advice.template_mistake(mistake, "the parameters of the device's request")
    return refusals.provisioning_failed(failure.error, run.outcome(failure))
