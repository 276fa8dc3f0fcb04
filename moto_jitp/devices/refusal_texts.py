"""What the gateway says: for each decision, what was found and what to change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from moto.iot.models import FakeCaCertificate, FakeDomainConfiguration

from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.iot.certificates.ca_certificate import CaCertificate
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate
from moto_jitp.iot.exceptions import NotAdmitted
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.pki import PresentedCertificate, weak_digest
from moto_jitp.policies import Decision

from .verdict import ConnectRequest, Verdict

_NOT_REGISTERED = RefusalReason.DEVICE_CERTIFICATE_NOT_REGISTERED

_FEW = 3

ACCEPTED = Verdict(None, "The certificate is ACTIVE; the device is connected.")


def ending(attempt: ConnectionAttempt) -> str:
    """Say how a connection ended: the last line about a device."""
    if attempt.accepted:
        return "The connection is accepted"
    if attempt.reason is RefusalReason.RECONNECT_REQUIRED:
        return "The connection is dropped; the device must reconnect"
    return "The connection is refused"


def register_thing_ending(run: ProvisioningRun) -> str:
    """Say how RegisterThing ended, called over MQTT or by the API."""
    return f"RegisterThing is {'accepted' if run.succeeded else 'rejected'}"


def ca_trouble(ca: CaCertificate, template_name: str | None, body: str | None) -> str | None:
    """Say what prevents the devices of a CA from being provisioned; ``None`` if nothing does.

    Args:
        ca: the CA certificate.
        template_name: the stored template that it names.
        body: the text of its template; ``None`` if there is none, or no longer one.
    """
    if ca.status != "ACTIVE":
        return (
            f"The CA is {ca.status}: devices that it issued and that are not registered are "
            "refused."
        )
    if ca.auto_registration_status != "ENABLE":
        return (
            "Auto-registration is off: its devices are refused unless they are registered already."
        )
    if body is not None:
        return None
    if template_name:
        return f"The template {template_name} no longer exists: provisioning fails."
    return "It has no template: its devices are registered, and stay PENDING_ACTIVATION."


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def sni_misused(server_name: str, backend: JitpIoTBackend) -> Verdict:
    address = backend.endpoints.address()
    configuration = backend.endpoints.domain_configuration_of(server_name)
    if configuration is not None:
        return _domain_not_served(server_name, configuration, address)
    return Verdict(
        RefusalReason.SNI_MISUSED,
        f"The device asked for the server name {server_name!r}, which is not a device endpoint of "
        f"account {backend.account_id} in {backend.region_name}.",
        f"Use the endpointAddress of describe_endpoint(endpointType='iot:Data-ATS') there, "
        f"{address}, or the domain name of an enabled domain configuration.",
    )


def _domain_not_served(
    server_name: str, configuration: FakeDomainConfiguration, address: str
) -> Verdict:
    name = configuration.domain_configuration_name
    opening = f"The device asked for the server name {server_name!r} of the domain configuration "
    if configuration.domain_configuration_status == "DISABLED":
        return Verdict(
            RefusalReason.SNI_MISUSED,
            f"{opening}{name}, which is DISABLED.",
            f"Call update_domain_configuration(domainConfigurationName={name!r}, "
            f"domainConfigurationStatus='ENABLED'), or use the endpoint {address}.",
        )
    return Verdict(
        RefusalReason.SNI_MISUSED,
        f"{opening}{name}, whose service type is {configuration.service_type}.",
        "Use the domain name of a domain configuration of the service type DATA, or the endpoint "
        f"{address}.",
    )


def throttled(client_id: str) -> Verdict:
    return Verdict(
        RefusalReason.CONNECT_THROTTLED,
        f"The CONNECT of {client_id!r} was throttled: the test requested this with "
        "disturb('throttle').",
        "The device must reconnect after a pause that grows each time.",
    )


def delayed(client_id: str, until: datetime) -> Verdict:
    return Verdict(
        RefusalReason.CONNECT_DELAYED,
        f"The CONNECT of {client_id!r} is not answered before {_time(until)}: the test requested "
        "this with disturb('delay').",
        "Move the test's clock, and connect the device again.",
    )


def wrong_private_key(presented: PresentedCertificate) -> Verdict:
    return Verdict(
        RefusalReason.NOT_AUTHENTICATED,
        "The device's private key does not belong to the certificate that it presents "
        f"({presented.subject_text or 'no subject'}).",
        "Load the key that the certificate was issued for; the usual cause is a mix-up of two "
        "devices' files.",
    )


def wrong_key(presented: PresentedCertificate, fault: str) -> Verdict:
    return Verdict(
        RefusalReason.NOT_AUTHENTICATED,
        f"The device's certificate {presented.subject_text!r} has {fault.rstrip('.')}.",
        "Issue the device a certificate for an RSA key of 2048 bit or more, or for an EC key on "
        "P-256, P-384 or P-521.",
    )


def ca_as_device(presented: PresentedCertificate) -> Verdict:
    return Verdict(
        RefusalReason.NOT_AUTHENTICATED,
        f"The device presents the certificate of the registered CA {presented.subject_text!r} as "
        "its own.",
        "Give the device its own certificate, issued by that CA.",
    )


def ca_expired(ca: CaCertificate, ended: datetime, now: datetime) -> Verdict:
    return Verdict(
        RefusalReason.DEVICE_CERTIFICATE_NOT_REGISTERED,
        f"The CA certificate {ca.certificate_id} expired at {_time(ended)}, so it registers no new "
        f"devices; it is {_time(now)}.",
        "Register a new CA certificate and issue the device from it, or move the test's clock "
        "back.",
    )


def expired(presented: PresentedCertificate, now: datetime) -> Verdict:
    return Verdict(
        RefusalReason.DEVICE_CERTIFICATE_EXPIRED,
        f"The certificate expired at {_time(presented.not_after)}; it is {_time(now)}.",
        "Issue the device a new certificate, or move the test's clock back.",
    )


def not_yet_valid(presented: PresentedCertificate, now: datetime) -> Verdict:
    return Verdict(
        RefusalReason.DEVICE_CERTIFICATE_NOT_YET_VALID,
        f"The certificate is valid from {_time(presented.not_before)} on; it is {_time(now)}.",
        "Wait, issue a certificate that is already valid, or move the test's clock forward.",
    )


def revoked(certificate: DeviceCertificate) -> Verdict:
    return Verdict(
        RefusalReason.DEVICE_CERTIFICATE_REVOKED,
        f"The certificate {certificate.certificate_id} is REVOKED.",
        "Issue the device a new certificate; a revoked certificate is not provisioned again.",
    )


def inactive(certificate: DeviceCertificate) -> Verdict:
    certificate_id, status = certificate.certificate_id, certificate.status
    if status == "PENDING_TRANSFER":
        advice = _end_transfer(certificate)
    else:
        advice = (
            f"{_activate(certificate)}, or set Status ACTIVE in the provisioning template; it "
            "runs for new and pending certificates only."
        )
    return Verdict(
        RefusalReason.DEVICE_CERTIFICATE_INACTIVE,
        f"The certificate {certificate_id} is registered and {status}.",
        advice,
    )


def _end_transfer(certificate: DeviceCertificate) -> str:
    certificate_id = certificate.certificate_id
    if certificate.transfers is not None and certificate.transfers[1] == certificate.owner:
        return (
            f"Call accept_certificate_transfer(certificateId='{certificate_id}', setAsActive=True) "
            f"in the account {certificate.owner}."
        )
    return (
        "Accept the transfer in the other account, or call cancel_certificate_transfer("
        f"certificateId='{certificate_id}')."
    )


def _activate(certificate: DeviceCertificate) -> str:
    return (
        f"Call update_certificate(certificateId='{certificate.certificate_id}', newStatus='ACTIVE')"
    )


def pending(certificate: DeviceCertificate) -> Verdict:
    return Verdict(
        RefusalReason.DEVICE_CERTIFICATE_PENDING_ACTIVATION,
        f"The certificate {certificate.certificate_id} is registered and PENDING_ACTIVATION. Its "
        "CA registers devices but has no provisioning template (just-in-time registration).",
        "Activate the certificate from a subscriber to $aws/events/certificates/registered/+, or "
        "give the CA a registrationConfig, and connect again.",
    )


def pending_without_ca(certificate: DeviceCertificate) -> Verdict:
    return Verdict(
        RefusalReason.DEVICE_CERTIFICATE_PENDING_ACTIVATION,
        f"The certificate {certificate.certificate_id} is PENDING_ACTIVATION, and the CA "
        "certificate that registered it has been deleted.",
        f"{_activate(certificate)}, or register the CA again.",
    )


def unclaimed(certificate: DeviceCertificate) -> Verdict:
    return Verdict(
        RefusalReason.DEVICE_CERTIFICATE_PENDING_ACTIVATION,
        f"The certificate {certificate.certificate_id} is PENDING_ACTIVATION: fleet provisioning "
        "has issued it, and no RegisterThing has activated it yet.",
        "The device must publish its certificateOwnershipToken on $aws/provisioning-templates/"
        "<template>/provision/json over the connection with its claim certificate, and connect "
        "with the new certificate once that is accepted.",
    )


def not_authorized(
    certificate_arn: str, action: str, resource: str, decision: Decision, notes: Sequence[str]
) -> Verdict:
    if action != "iot:Connect":
        advice = (
            f"Allow {action} on {resource} in a policy of the certificate {certificate_arn}, or "
            "connect the device without this will."
        )
    elif decision.explicit_deny:
        advice = (
            f"Change the statement that denies iot:Connect on {resource}, or detach its policy; or "
            "use a client ID that it does not deny."
        )
    elif decision.thing_to_attach is not None:
        advice = (
            "Attach the certificate to the thing of its client ID: attach_thing_principal("
            f"thingName={decision.thing_to_attach!r}, principal='{certificate_arn}'); or use the "
            "name of a thing that the certificate is attached to as the client ID."
        )
    elif decision.policy_names:
        advice = (
            f"Allow iot:Connect on {resource} in one of these policies, or use a client ID that "
            "they allow (client_id=…); the thing's name is the usual one."
        )
    else:
        advice = (
            f"Give the provisioning template a policy that allows iot:Connect on {resource}, or "
            f"attach one: attach_policy(policyName=…, target='{certificate_arn}')."
        )
    return Verdict(
        RefusalReason.NOT_AUTHORIZED,
        " ".join(
            ("The certificate is ACTIVE, but not allowed to connect:", decision.reason, *notes)
        ),
        advice,
    )


def ca_inactive(ca: CaCertificate) -> Verdict:
    return Verdict(
        RefusalReason.CA_CERTIFICATE_INACTIVE,
        f"The CA certificate {ca.certificate_id} that issued the device's is {ca.status}, which "
        "new and pending devices need ACTIVE.",
        f"Call update_ca_certificate(certificateId='{ca.certificate_id}', newStatus='ACTIVE'), or "
        "register the CA with setAsActive=True; INACTIVE is the default.",
    )


def auto_registration_disabled(ca: CaCertificate) -> Verdict:
    return Verdict(
        RefusalReason.AUTO_REGISTRATION_DISABLED,
        f"The CA certificate {ca.certificate_id} that issued the device's has auto-registration "
        "switched off.",
        f"Call update_ca_certificate(certificateId='{ca.certificate_id}', "
        "newAutoRegistrationStatus='ENABLE'), or register the CA with "
        "allowAutoRegistration=True; DISABLE is the default.",
    )


def server_name_missing(*, at_local_endpoint: bool) -> Verdict:
    """No server name was sent.

    Args:
        at_local_endpoint: whether the device came over a socket of this machine.
    """
    advice = "Configure the TLS client to send the endpoint's host name as the server name."
    if at_local_endpoint:
        advice = (
            "Connect to the host name localhost, not to an address: most TLS clients send a server "
            "name for host names only."
        )
    return Verdict(
        RefusalReason.SERVER_NAME_MISSING,
        "The device sent no server name (SNI), without which AWS IoT does not register or "
        "provision a device.",
        advice,
    )


def not_registered(
    request: ConnectRequest, backend: JitpIoTBackend, same_subject: Sequence[FakeCaCertificate]
) -> Verdict:
    """No registered CA issued the certificate; name the nearest match."""
    presented = request.certificate
    place = f"account {backend.account_id}, Region {backend.region_name}"
    issuer = presented.issuer_text or "no name"
    if not same_subject and presented.issuer_key == presented.subject_key:
        message = (
            f"The device's certificate {issuer!r} is self-signed, and is not a CA certificate that "
            f"is registered in {place}."
        )
        advice = "Give the device its own certificate, issued by a registered CA."
    elif same_subject and (digest := weak_digest(presented)):
        message = (
            f"A CA certificate with the subject {issuer!r} is registered in {place}, but the "
            f"signature of the device's certificate uses {digest}, which is refused."
        )
        advice = "Sign the device's certificate with SHA-256, SHA-384 or SHA-512."
    elif same_subject:
        message = (
            f"A CA certificate with the subject {issuer!r} is registered in {place}, but its key "
            "did not sign the device's certificate."
        )
        advice = (
            "Register the CA that signed this device, or issue the device from the registered "
            "one: the usual cause is two CAs with the same name and different keys."
        )
    elif higher := _registered_above(request, backend):
        message = (
            f"The device's certificate was issued by {issuer!r}, which is not registered in "
            f"{place}; {higher!r} above it is."
        )
        advice = (
            "Register the intermediate CA that signs the devices directly; AWS IoT does not "
            "follow a chain up to a registered root."
        )
    elif not backend.ca_certificates:
        message = f"No CA certificate is registered in {place}; the device's issuer is {issuer!r}."
        advice = (
            "Register that CA there with register_ca_certificate; registrations belong to one "
            "account and Region."
        )
    else:
        message = (
            f"No CA certificate with the subject {issuer!r}, the issuer of the device's "
            f"certificate, is registered in {place}; registered {_registered(backend)}."
        )
        advice = "Register the CA that signs the devices directly, in this account and Region."
    return Verdict(RefusalReason.DEVICE_CERTIFICATE_NOT_REGISTERED, message, advice)


def _registered(backend: JitpIoTBackend) -> str:
    """Say which CAs are registered: a few by name, many by number."""
    names = [
        repr(ca.presented.subject_text)
        for ca in list(backend.ca_certificates.values())[: _FEW + 1]
        if isinstance(ca, CaCertificate) and ca.presented is not None
    ]
    if len(names) > _FEW:
        return f"are {len(backend.ca_certificates)} others"
    return f"{'is' if len(names) == 1 else 'are'} {', '.join(names)}" if names else "are others"


def _registered_above(request: ConnectRequest, backend: JitpIoTBackend) -> str | None:
    """Return a registered CA further up the chain that the device presents."""
    for issuer in request.issuers():
        for key in (issuer.subject_key, issuer.issuer_key):
            for ca in backend.ca_certificates.with_subject(key):
                if isinstance(ca, CaCertificate) and ca.presented is not None:
                    return ca.presented.subject_text
    return None


def provisioned(run: ProvisioningRun) -> Verdict:
    thing_note = f" as the thing {run.thing_name!r}" if run.thing_name else ""
    if run.certificate_status == "ACTIVE":
        advice = "Connect the device again after a short pause."
    else:
        advice = (
            f"Set Status ACTIVE in the provisioning template: it left the certificate "
            f"{run.certificate_status}, so that the next connection is refused, too."
        )
    return Verdict(
        RefusalReason.RECONNECT_REQUIRED,
        f"The device was provisioned{thing_note}. AWS IoT drops the connection on which it "
        "provisions a device.",
        advice,
        run,
    )


def in_progress(run: ProvisioningRun | None) -> Verdict:
    return Verdict(
        RefusalReason.DEVICE_CERTIFICATE_PENDING_ACTIVATION,
        "The certificate is PENDING_ACTIVATION and provisioning is in progress: moto's state "
        "manager has iot::jitp complete later.",
        "Look at the certificate with describe_certificate until it is ACTIVE, then connect again.",
        run,
    )


def registration_failed(error: NotAdmitted, run: ProvisioningRun | None) -> Verdict:
    return Verdict(
        RefusalReason.PROVISIONING_FAILED if run else _NOT_REGISTERED,
        f"The certificate could not be registered. {error.code}: {error.message}",
        error.advice,
        run,
    )


def provisioning_failed(run: ProvisioningRun) -> Verdict:
    return Verdict(
        RefusalReason.PROVISIONING_FAILED,
        f"Provisioning failed, the certificate stays PENDING_ACTIVATION. {run.error_code}: "
        f"{run.message}",
        run.advice,
        run,
    )
