"""The gateway: examines a certificate, decides, provisions and answers.

Every way in (``connect_device``, the server's control route, an MQTT endpoint) comes through here,
so they cannot disagree. Decisions follow AWS's documented behaviour; where nothing is documented,
the sentence in question says so.
https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from moto_jitp import disturbances, settings
from moto_jitp.broker.message_broker import HandingOnLater, publish
from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason
from moto_jitp.history.journal import RunOrigin
from moto_jitp.history.order import sequence
from moto_jitp.history.runs import ProvisioningRun, ProvisioningStep, RunStatus, StepResult
from moto_jitp.history.state import state_of
from moto_jitp.iot.api.admission import raise_planned_fault
from moto_jitp.iot.certificates.ca_certificate import CaCertificate, issuers_of
from moto_jitp.iot.certificates.certificate_rules import defect_of_certificate
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate
from moto_jitp.iot.exceptions import NotAdmitted
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.pki import (
    PresentedCertificate,
    certificate_parameters,
)

from . import refusal_texts as texts
from . import request_texts
from .attempts import observers
from .authorization import Principal, judge_connect
from .jitr_event import CertificateRegistered
from .lifecycle_events import ConnectFailed, has_events
from .sessions import Session, exclusive_thing_of, open_session
from .telemetry import record_attempt, record_late_run
from .verdict import ConnectRequest, Verdict


class ConnectOutcome(NamedTuple):
    """The outcome of one CONNECT.

    Attributes:
        backend: the account and Region whose endpoint the device reached.
        attempt: the attempt, which the account and Region keep, too.
        verdict: the decision, with what was found for it.
        session: the client's session; ``None`` if it was refused.
    """

    backend: JitpIoTBackend
    attempt: ConnectionAttempt
    verdict: Verdict
    session: Session | None


def connect(backend: JitpIoTBackend, request: ConnectRequest) -> ConnectOutcome:
    """Carry out one MQTT CONNECT of a device.

    Args:
        backend: the account and Region whose endpoint the device reached.
        request: what the device brings.

    Returns:
        The outcome.
    """
    # Handlers run after the decision and outside the lock: they may call the cloud, or connect.
    with HandingOnLater():
        with backend.lock:
            verdict = _judge(backend, request)
            attempt = _record(backend, request, verdict)
            session = _admit(backend, attempt, verdict)
            if session is not None:
                session.begin_disturbed(verdict.disturbed)
        for observe in observers:
            observe(attempt)
    return ConnectOutcome(backend, attempt, verdict, session)


def judge_certificate(
    backend: JitpIoTBackend, request: ConnectRequest, *, credentials: bool = False
) -> Verdict:
    """Judge the certificate of a request over HTTPS, which must be registered and ACTIVE.

    That a first request does not register the device is our own choice: AWS documents registration
    for connections, but not for which kinds.

    Args:
        backend: the account and Region whose endpoint the device reached.
        request: what the device brings.
        credentials: whether the request is for the credentials provider, which has an endpoint of
            its own and requires a server name.
    """
    presented = request.certificate
    certificate = backend.certificates.presented_as(presented.certificate_id)
    if certificate is None:
        certificate = backend.claims.find(presented.certificate_id)
    assert certificate is None or isinstance(certificate, DeviceCertificate)
    verdict = _judge_reached(backend, request, credentials=credentials)
    if verdict is None and certificate is None:
        verdict = request_texts.not_registered(presented, backend)
    elif verdict is None and certificate is not None:
        if backend.deferred.runs:
            backend.deferred.carry_out_due_runs(connecting=presented.certificate_id)
        verdict = _judge_validity(presented) or _judge_status(certificate)
    return (verdict or request_texts.ACCEPTED)._replace(certificate=certificate)


def _judge_reached(
    backend: JitpIoTBackend, request: ConnectRequest, *, credentials: bool
) -> Verdict | None:
    name = request.server_name
    if not credentials:
        return _judge_handshake(backend, request)
    if not request.names_a_server:
        return request_texts.credentials_without_name(at=backend.endpoints.address())
    is_served = request.is_named_locally or (
        name is not None and backend.endpoints.serves(name, credentials=True)
    )
    return None if is_served or name is None else request_texts.not_for_credentials(name, backend)


def _judge_status(certificate: DeviceCertificate) -> Verdict | None:
    if certificate.status == "ACTIVE":
        return None
    if certificate.status == "REVOKED":
        return texts.revoked(certificate)
    if certificate.status == "PENDING_ACTIVATION":
        return request_texts.pending(certificate)
    return texts.inactive(certificate)


def make_known(
    backend: JitpIoTBackend, request: ConnectRequest, verdict: Verdict
) -> ConnectionAttempt:
    """Keep a refused request over HTTPS with the refused connections.

    Args:
        backend: the account and Region.
        request: what the device brought.
        verdict: why it was refused.
    """
    with HandingOnLater():
        with backend.lock:
            attempt = _record(backend, request, verdict)
        for observe in observers:
            observe(attempt)
    return attempt


def _admit(backend: JitpIoTBackend, attempt: ConnectionAttempt, verdict: Verdict) -> Session | None:
    certificate = verdict.certificate
    if certificate is None:
        return None
    if attempt.accepted:
        return open_session(backend, attempt, certificate)
    if attempt.reason is RefusalReason.NOT_AUTHORIZED and has_events(attempt.client_id):
        publish(backend, ConnectFailed(attempt, exclusive_thing_of(backend, certificate)))
    return None


def _judge(backend: JitpIoTBackend, request: ConnectRequest) -> Verdict:
    presented = request.certificate
    verdict = _judge_handshake(backend, request)
    disturbed = disturbances.UNDISTURBED
    # For a real client this was determined when its CONNECT arrived, and may be used up by now.
    if verdict is None and (request.disturbed is not None or disturbances.any_planned()):
        verdict, disturbed = _judge_disturbed(backend, request)
    if verdict is None:
        if backend.deferred.runs:
            backend.deferred.carry_out_due_runs(connecting=presented.certificate_id)
        if backend.fleet.unclaimed:
            backend.fleet.drop_unclaimed_certificates()
    certificate = backend.certificates.presented_as(presented.certificate_id)
    if certificate is None:
        certificate = backend.claims.find(presented.certificate_id)
    assert certificate is None or isinstance(certificate, DeviceCertificate)
    thing_name = _thing_of(backend, certificate)
    client_id = _client_id(request, thing_name)
    if verdict is None and certificate is not None:
        verdict = _judge_known(backend, request, certificate, client_id)
    elif verdict is None:
        verdict, certificate = _judge_unknown(backend, request, client_id)
    if verdict.provisioning is not None:
        thing_name = _thing_of(backend, certificate)
        client_id = _client_id(request, thing_name)
    return Verdict(*verdict[:4], certificate, thing_name, client_id, disturbed)


def _judge_disturbed(
    backend: JitpIoTBackend, request: ConnectRequest
) -> tuple[Verdict | None, disturbances.Disturbed]:
    """Return what a test wants to go wrong on this connection, and the refusal that follows."""
    disturbed, client_id = request.disturbed, request.client_id or ""
    if disturbed is None:
        certificate = backend.certificates.presented_as(request.certificate.certificate_id)
        assert certificate is None or isinstance(certificate, DeviceCertificate)
        client_id = _client_id(request, _thing_of(backend, certificate))
        now = datetime.now(timezone.utc)
        until = disturbances.held_until(client_id, now)
        if until is not None:
            # The delayed CONNECT, sent again: it gets through undisturbed once the delay is over.
            is_due = until <= now
            return None if is_due else texts.delayed(client_id, until), disturbances.UNDISTURBED
        disturbed = disturbances.of_connection(client_id, held_from=now)
        if disturbed.delay:
            return texts.delayed(client_id, now + timedelta(seconds=disturbed.delay)), disturbed
    return texts.throttled(client_id) if disturbed.is_throttled else None, disturbed


def _judge_handshake(backend: JitpIoTBackend, request: ConnectRequest) -> Verdict | None:
    """Return the refusal of a device whatever certificate it presents."""
    server_name = request.server_name
    is_local = request.is_named_locally
    if server_name is not None and not is_local and not backend.endpoints.serves(server_name):
        return texts.sni_misused(server_name, backend)
    if not request.holds_key:
        return texts.wrong_private_key(request.certificate)
    return None


def _judge_known(
    backend: JitpIoTBackend,
    request: ConnectRequest,
    certificate: DeviceCertificate,
    client_id: str,
) -> Verdict:
    outdated = _judge_validity(request.certificate)
    if outdated is not None:
        return outdated
    if certificate.status == "ACTIVE":
        if not settings.current().enforce_policies:
            return texts.ACCEPTED
        principal = Principal(certificate, client_id, request.server_name, request.transport)
        return judge_connect(backend, principal)
    if certificate.status == "REVOKED":
        return texts.revoked(certificate)
    if certificate.status != "PENDING_ACTIVATION":
        return texts.inactive(certificate)
    step = ProvisioningStep(
        "RegisterCertificate", f"cert/{certificate.certificate_id}", StepResult.UNCHANGED
    )
    # The documentation makes no exception for CAs that no longer register devices, or are deleted.
    if request.names_a_server and certificate.ca_certificate_id:
        publish(backend, CertificateRegistered(certificate, backend.account_id, is_first=False))
    ca = backend.ca_certificates.get(certificate.ca_certificate_id or "")
    if ca is None:
        return (texts.pending_without_ca if certificate.ca_certificate_id else texts.unclaimed)(
            certificate
        )
    assert isinstance(ca, CaCertificate)
    refused = _judge_ca(ca, request)
    if refused is not None:
        return refused
    if backend.deferred.is_being_provisioned(certificate):
        return texts.in_progress(None)
    return _pending(backend, request, client_id, certificate, ca, step)


def _judge_unknown(
    backend: JitpIoTBackend, request: ConnectRequest, client_id: str
) -> tuple[Verdict, DeviceCertificate | None]:
    """Judge a certificate that is not registered; also return it if it is registered now."""
    presented = request.certificate
    issuers = issuers_of(backend.registry, presented)
    if not issuers:
        same_subject = backend.ca_certificates.with_subject(presented.issuer_key)
        return texts.not_registered(request, backend, same_subject), None
    ca = issuers[0]
    refused = (
        _judge_validity(presented)
        or _judge_kind(backend, presented)
        or _judge_ca(ca, request)
        or _judge_ca_validity(ca)
    )
    if refused is not None:
        return refused, None
    try:
        raise_planned_fault("RegisterCertificate")
    except NotAdmitted as error:
        return _registration_failed(backend, presented, ca, error), None
    certificate = backend.device_certificates.add_certificate(
        request.pem, presented, status="PENDING_ACTIVATION", ca=ca
    )
    step = ProvisioningStep("RegisterCertificate", f"cert/{certificate.certificate_id}")
    publish(backend, CertificateRegistered(certificate, backend.account_id, is_first=True))
    return _pending(backend, request, client_id, certificate, ca, step), certificate


def _registration_failed(
    backend: JitpIoTBackend, presented: PresentedCertificate, ca: CaCertificate, error: NotAdmitted
) -> Verdict:
    source = ca.template_source
    if not source.is_given:
        return texts.registration_failed(error, None)
    run = backend.registration.registration_failed(
        certificate_parameters(presented), source, presented.certificate_id, error
    )
    return texts.registration_failed(error, run)


def _judge_validity(presented: PresentedCertificate) -> Verdict | None:
    now = datetime.now(timezone.utc)
    if presented.not_after < now:
        return texts.expired(presented, now)
    if presented.not_before > now:
        return texts.not_yet_valid(presented, now)
    return None


def _judge_kind(backend: JitpIoTBackend, presented: PresentedCertificate) -> Verdict | None:
    """Refuse a certificate of a kind that RegisterCertificate would not accept for a device."""
    if backend.ca_certificates.presented_as(presented.certificate_id) is not None:
        return texts.ca_as_device(presented)
    if not settings.current().strict:
        return None
    fault = defect_of_certificate(presented)
    return texts.wrong_key(presented, fault) if fault is not None else None


def _judge_ca_validity(ca: CaCertificate) -> Verdict | None:
    """A CA that has since expired registers no new devices (our own choice).

    AWS leaves it ACTIVE and says that it should sign no new device certificates.
    https://docs.aws.amazon.com/iot-device-defender/latest/devguide/audit-chk-ca-cert-approaching-expiration.html
    """
    now = datetime.now(timezone.utc)
    if ca.presented is None or ca.presented.not_after >= now:
        return None
    return texts.ca_expired(ca, ca.presented.not_after, now)


def _judge_ca(ca: CaCertificate, request: ConnectRequest) -> Verdict | None:
    """Return what prevents a CA's unknown and pending certificates from being registered or
    provisioned.
    """
    if not ca.is_active:
        return texts.ca_inactive(ca)
    if not ca.registers_devices:
        return texts.auto_registration_disabled(ca)
    if not request.names_a_server:
        return texts.server_name_missing(at_local_endpoint=request.transport.port > 0)
    return None


def _pending(
    backend: JitpIoTBackend,
    request: ConnectRequest,
    client_id: str,
    certificate: DeviceCertificate,
    ca: CaCertificate,
    first_step: ProvisioningStep,
) -> Verdict:
    """Judge a certificate in PENDING_ACTIVATION: the CA's template runs if it has one."""
    source = ca.template_source
    if not source.is_given:
        return texts.pending(certificate)
    run = backend.registration.provision_certificate(
        certificate,
        certificate_parameters(request.certificate),
        source=source,
        first_step=first_step,
        seconds=disturbances.of_provisioning(client_id),
    )
    if run.status is RunStatus.IN_PROGRESS:
        return texts.in_progress(run)
    if run.status is RunStatus.FAILED:
        return texts.provisioning_failed(run)
    return texts.provisioned(run)


def _record(
    backend: JitpIoTBackend, request: ConnectRequest, verdict: Verdict
) -> ConnectionAttempt:
    presented = request.certificate
    attempt = ConnectionAttempt(
        verdict.reason is None,
        verdict.reason,
        verdict.message,
        verdict.advice,
        presented.certificate_id,
        presented.subject_text,
        verdict.client_id,
        request.server_name,
        backend.account_id,
        backend.region_name,
        datetime.now(timezone.utc),
        next(sequence),
        verdict.provisioning,
        request.transport,
    )
    state = state_of(backend)
    state.attempts.append(attempt)
    if attempt.provisioning is not None:
        state.runs.enter(
            RunOrigin.JITP,
            attempt.provisioning,
            attempt.timestamp,
            run_id=attempt.attempt_id,
            attempt_id=attempt.attempt_id,
        )
        if attempt.provisioning.status is RunStatus.IN_PROGRESS:
            _finish_later(backend, attempt)
    record_attempt(backend, attempt)
    return attempt


def _finish_later(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> None:
    """Let the attempt that started a run, and was just stored, record how the run ends."""
    attempts = state_of(backend).attempts
    at = len(attempts) - 1

    def finish(run: ProvisioningRun, moment: datetime) -> None:
        attempts[at] = attempts[at]._replace(provisioning=run)
        record_late_run(backend, attempt, run, moment)

    deferred = backend.deferred.find(attempt.certificate_id)
    assert deferred is not None
    deferred.when_done = finish


def _thing_of(backend: JitpIoTBackend, certificate: DeviceCertificate | None) -> str | None:
    """The thing that a certificate is attached to, if any."""
    if certificate is None:
        return None
    things = backend.principal_things.seconds_of(certificate.arn)
    return things[0] if things else None


def _client_id(request: ConnectRequest, thing_name: str | None) -> str:
    presented = request.certificate
    return request.client_id or thing_name or presented.common_name or presented.certificate_id[:36]
