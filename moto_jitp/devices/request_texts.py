"""The texts about refused requests over HTTPS: what was found, and what to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moto_jitp.aws.role_checks import RoleRefused
from moto_jitp.history.attempts import RefusalReason
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.names import did_you_mean
from moto_jitp.pki import PresentedCertificate

from .authorization import NotAuthorized, Outcome
from .verdict import Verdict

ACCEPTED = Verdict(None, "The certificate is ACTIVE; the request is carried out.")


def not_registered(presented: PresentedCertificate, backend: JitpIoTBackend) -> Verdict:
    return Verdict(
        RefusalReason.DEVICE_CERTIFICATE_NOT_REGISTERED,
        f"The device's certificate {presented.subject_text or 'without a subject'!r} is not "
        f"registered in account {backend.account_id}, Region {backend.region_name}, and a request "
        "over HTTPS does not register a device.",
        "Connect the device with MQTT first, which registers and provisions it, or register its "
        "certificate with the API.",
    )


def pending(certificate: DeviceCertificate) -> Verdict:
    return Verdict(
        RefusalReason.DEVICE_CERTIFICATE_PENDING_ACTIVATION,
        f"The certificate {certificate.certificate_id} is PENDING_ACTIVATION, and a request over "
        "HTTPS does not start provisioning.",
        "Connect the device with MQTT, which provisions it, or activate the certificate.",
    )


def not_for_credentials(server_name: str, backend: JitpIoTBackend) -> Verdict:
    address = backend.endpoints.address("iot:CredentialProvider")
    return Verdict(
        RefusalReason.SNI_MISUSED,
        f"The device asked for credentials at the server name {server_name!r}, which is not the "
        f"credentials endpoint of account {backend.account_id} in {backend.region_name}.",
        "Use the endpointAddress of describe_endpoint(endpointType='iot:CredentialProvider') "
        f"there, {address}, or the name by which the device endpoint is reached.",
    )


def credentials_without_name(*, at: str) -> Verdict:
    return Verdict(
        RefusalReason.SERVER_NAME_MISSING,
        "The device sent no server name (SNI), without which the credentials provider does not "
        "answer.",
        f"The device must use the host name ({at}) rather than an address, for which most clients "
        "send no server name.",
    )


def publish_not_authorized(
    certificate: DeviceCertificate, topic: str, error: NotAuthorized
) -> Verdict:
    return Verdict(
        RefusalReason.NOT_AUTHORIZED,
        f"The certificate is ACTIVE, but is not allowed to publish on {topic!r} over HTTPS: "
        f"{error}",
        f"Allow {error.action} on {error.resource} in a policy of the certificate "
        f"{certificate.arn}. A request over HTTPS has no client ID, so iot:ClientId and the thing "
        "variables have no value.",
    )


def credentials_not_authorized(certificate: DeviceCertificate, outcome: Outcome) -> Verdict:
    reasons = " ".join((outcome.decision.reason, *outcome.notes))
    return Verdict(
        RefusalReason.NOT_AUTHORIZED,
        "The certificate is ACTIVE, but is not allowed to assume the role through its alias: "
        f"{reasons}",
        f"Allow {outcome.action} on {outcome.resource} in a policy of the certificate "
        f"{certificate.arn}.",
    )


def thing_not_attached(
    certificate: DeviceCertificate, thing_name: str, attached: Sequence[str]
) -> Verdict:
    things = ", ".join(map(repr, attached)) or "no thing"
    return Verdict(
        RefusalReason.CREDENTIALS_REFUSED,
        f"The header x-amzn-iot-thingname names {thing_name!r}, which the certificate "
        f"{certificate.certificate_id} is not attached to; it is attached to {things}.",
        f"Send the name of a thing of the certificate, or attach it: attach_thing_principal("
        f"thingName={thing_name!r}, principal='{certificate.arn}').",
    )


def alias_missing(name: str, aliases: Sequence[str]) -> Verdict:
    listing = f"There are: {', '.join(sorted(aliases))}." if aliases else "There is none."
    return Verdict(
        RefusalReason.CREDENTIALS_REFUSED,
        did_you_mean(
            name,
            aliases,
            after=f"The role alias {name!r} does not exist; names are case-sensitive. {listing}",
            shown=repr,
        ),
        f"Create it with create_role_alias(roleAlias={name!r}, roleArn=…), or correct the path "
        "/role-aliases/<alias>/credentials.",
    )


def role_refused(alias: Any, error: RoleRefused) -> Verdict:
    return Verdict(
        RefusalReason.CREDENTIALS_REFUSED,
        f"The role of the alias {alias.role_alias!r} cannot be assumed: {error.message}",
        error.advice,
    )


def duration_too_long(alias: Any, longest: int) -> Verdict:
    return Verdict(
        RefusalReason.CREDENTIALS_REFUSED,
        f"The alias {alias.role_alias!r} gives credentials for "
        f"{alias.credential_duration_seconds} seconds, and its role {alias.role_arn} allows "
        f"sessions of at most {longest}.",
        f"Call iam.update_role(RoleName=…, MaxSessionDuration="
        f"{alias.credential_duration_seconds}), or give the alias a shorter "
        "credentialDurationSeconds.",
    )
