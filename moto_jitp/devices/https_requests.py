"""Devices' requests over HTTPS: publishing a message, and credentials for an IAM role.

A request comes with a certificate, as an MQTT connection does, and is judged by the same rules. It
never registers or provisions a device: AWS IoT does that on an MQTT CONNECT.
https://docs.aws.amazon.com/iot/latest/developerguide/http.html
https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from moto.sts.models import sts_backends

from moto_jitp import settings
from moto_jitp.aws.iam_roles import account_of, find_role
from moto_jitp.aws.role_checks import RoleRefused, check_assumable, service_call
from moto_jitp.broker.message_broker import HandingOnLater, publish
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import ClientMessage, Publisher
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate
from moto_jitp.iot.data_plane.message_properties import message_properties
from moto_jitp.iot.exceptions import not_published
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.iot.provisioning.fleet.provisioning_claims import ClaimCertificate
from moto_jitp.iot.registry.registry import type_name
from moto_jitp.monitoring import count_device_action
from moto_jitp.mqtt.topics import MAX_PAYLOAD_BYTES, check_publish
from moto_jitp.policies import role_alias_arn

from . import request_texts as texts
from .authorization import NotAuthorized, Principal, decide, require
from .gateway import judge_certificate, make_known
from .telemetry import record_request
from .verdict import ConnectRequest, Verdict

_CREDENTIALS_SERVICE = "credentials.iot.amazonaws.com"
_LONGEST_ROLE_SESSION = 3600
_FORBIDDEN = "Forbidden"
_ASSUME = "iot:AssumeRoleWithCertificate"


class RequestRefused(Exception):  # noqa: N818 - says what happened
    """A request that is answered with an error.

    Args:
        status: the HTTP status.
        error_type: AWS's name for the error, such as ``ForbiddenException``.
        message: what AWS's body says.
        attempt: the attempt that tells people why; ``None`` if there is none.
        details: tells people why if ``message`` does not and there is no attempt.
    """

    def __init__(
        self,
        status: int,
        error_type: str,
        message: str,
        attempt: ConnectionAttempt | None = None,
        *,
        details: str = "",
    ) -> None:
        super().__init__(message)
        self.details = details or message
        self.status = status
        self.error_type = error_type
        self.message = message
        self.attempt = attempt


class PublishRequest(NamedTuple):
    """A message that a device publishes over HTTPS.

    Attributes:
        topic: the topic.
        payload: the message.
        members: the other members of Publish by botocore's names, each as the text that arrived.
    """

    topic: str
    payload: bytes
    members: Mapping[str, Any]


class Credentials(NamedTuple):
    """Credentials of AWS STS for a role.

    Attributes:
        access_key_id: the access key's id.
        secret_access_key: its secret.
        session_token: the token of the session.
        expiration: when they end, in UTC.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: datetime


def publish_over_https(
    backend: JitpIoTBackend, request: ConnectRequest, publish_request: PublishRequest
) -> None:
    """Publish a message that came over HTTPS. It needs ``iot:Publish``.

    Args:
        backend: the account and Region whose endpoint the device has reached.
        request: what the device brings.
        publish_request: what it asks for.

    Raises:
        RequestRefused: the certificate is not in order, a policy does not allow it, or the request
            is not valid.
    """
    certificate = _certificate(backend, request, (403, "ForbiddenException", _FORBIDDEN))
    transport, topic = request.transport, publish_request.topic
    try:
        if len(publish_request.payload) > MAX_PAYLOAD_BYTES:
            raise RequestRefused(
                413,
                "RequestEntityTooLargeException",
                f"The payload has {len(publish_request.payload)} bytes; AWS IoT accepts "
                f"{MAX_PAYLOAD_BYTES} at most.",
            )
        qos = _choice(publish_request.members, "qos", {"0": 0, "1": 1}, 0)
        retain = bool(
            _choice(publish_request.members, "retain", {"true": True, "false": False}, False)
        )
        check_publish(topic, publish_request.payload, retain=retain, connected=False)
        properties = message_properties(publish_request.members)
    except (RequestRefused, ValueError) as error:
        count_device_action(backend, "PublishIn.ClientError", transport.protocol)
        if isinstance(error, RequestRefused):
            raise
        text = str(not_published(error).answer().message)
        raise RequestRefused(400, "InvalidRequestException", text) from None
    publisher = Publisher(None, certificate.certificate_id, transport.address, transport.protocol)
    principal = Principal(certificate, None, request.server_name, transport)
    logged = {"topicName": topic, **({"retain": "True"} if retain else {})}
    try:
        require(backend, principal, "iot:Publish", topic)
        if retain:
            require(backend, principal, "iot:RetainPublish", topic)
    except NotAuthorized as error:
        record_request(backend, publisher, transport.port, logged, not_authorized=True)
        verdict = texts.publish_not_authorized(certificate, topic, error)
        attempt = make_known(backend, request, verdict)
        raise RequestRefused(403, "ForbiddenException", _FORBIDDEN, attempt) from None
    record_request(backend, publisher, transport.port, logged)
    message = ClientMessage(
        topic, publish_request.payload, publisher, qos=qos, retain=retain, properties=properties
    )
    with HandingOnLater():
        publish(backend, message)


def _choice(members: Mapping[str, Any], name: str, values: Mapping[str, int], default: int) -> int:
    value = members.get(name)
    if value is None:
        return default
    if value not in values:
        raise ValueError(f"{name} is {' or '.join(values)}, not {value!r}.")
    return values[value]


def credentials_for(
    backend: JitpIoTBackend, request: ConnectRequest, alias_name: str, thing_name: str | None
) -> Credentials:
    """Give a device credentials for the IAM role of a role alias.

    It needs ``iot:AssumeRoleWithCertificate``, where policies are enforced, and the role's trust,
    where ``enforce_role`` is on.

    Args:
        backend: the account and Region whose endpoint the device has reached.
        request: what the device brings.
        alias_name: the role alias.
        thing_name: the thing that the device claims to be; ``None`` if it names none.

    Raises:
        RequestRefused: the device is refused; the attempt says why.
    """
    invalid = (403, "AccessDeniedException", "Certificate is invalid on this endpoint")
    certificate = _certificate(backend, request, invalid, credentials=True)
    attached = backend.list_principal_things(certificate.arn)
    if thing_name is not None and thing_name not in attached:
        verdict = texts.thing_not_attached(certificate, thing_name, attached)
        raise _denied(backend, request, "Invalid thing name passed", verdict)
    place = (backend.partition, backend.region_name, backend.account_id)
    resource = role_alias_arn(*place, alias_name)
    if isinstance(certificate, ClaimCertificate) or settings.current().enforce_policies:
        # The thing in the header counts as the connection's, so that policies can refer to it.
        principal = Principal(certificate, thing_name, request.server_name, request.transport)
        outcome = decide(backend, principal, _ASSUME, resource)
        if not outcome.decision.allowed:
            verdict = texts.credentials_not_authorized(certificate, outcome)
            raise _denied(backend, request, "Access Denied", verdict)
    alias = backend.role_aliases.get(alias_name)
    if alias is None:
        verdict = texts.alias_missing(alias_name, list(backend.role_aliases))
        attempt = make_known(backend, request, verdict)
        message = "Role alias does not exist"
        raise RequestRefused(404, "ResourceNotFoundException", message, attempt)
    if settings.current().enforce_role:
        _check_role(backend, request, certificate, alias, thing_name)
    duration = int(alias.credential_duration_seconds or _LONGEST_ROLE_SESSION)
    sts = sts_backends[account_of(alias.role_arn) or backend.account_id][backend.partition]
    assumed = sts.assume_role(
        region_name=backend.region_name,
        # AWS's name for it is not documented; the certificate's id fits, and says whose it is.
        role_session_name=certificate.certificate_id,
        role_arn=alias.role_arn,
        policy="",
        duration=duration,
        external_id="",
    )
    count_device_action(backend, "CredentialExchangeSuccess", None)
    return Credentials(
        assumed.access_key_id,
        assumed.secret_access_key,
        assumed.session_token,
        assumed.expiration,
    )


def _check_role(
    backend: JitpIoTBackend,
    request: ConnectRequest,
    certificate: DeviceCertificate,
    alias: Any,
    thing_name: str | None,
) -> None:
    """Refuse a role that the credentials provider cannot assume for that long."""
    call = service_call(
        "sts:AssumeRole",
        None,
        account_id=backend.account_id,
        region_name=backend.region_name,
        source_arn=alias.arn,
        moment=datetime.now(timezone.utc),
        service=_CREDENTIALS_SERVICE,
        keys=_credentials_keys(backend, certificate, thing_name),
    )
    try:
        check_assumable(alias.role_arn, call)
    except RoleRefused as error:
        attempt = make_known(backend, request, texts.role_refused(alias, error))
        message = "Unable to assume the role, or the role to assume does not exist"
        raise RequestRefused(400, "InvalidRequestException", message, attempt) from None
    role = find_role(alias.role_arn)
    longest = int(getattr(role, "max_session_duration", None) or _LONGEST_ROLE_SESSION)
    if alias.credential_duration_seconds > longest:
        attempt = make_known(backend, request, texts.duration_too_long(alias, longest))
        message = (
            "The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the "
            "role"
        )
        raise RequestRefused(400, "InvalidRequestException", message, attempt)


def _credentials_keys(
    backend: JitpIoTBackend, certificate: DeviceCertificate, thing_name: str | None
) -> dict[str, str]:
    """The condition keys that the credentials provider adds."""
    keys = {"credentials-iot:AwsCertificateId": certificate.certificate_id}
    thing = None if thing_name is None else backend.registry.find_thing(thing_name)
    if thing is not None:
        keys["credentials-iot:ThingName"] = thing.thing_name
        of_type = type_name(thing)
        if of_type is not None:
            keys["credentials-iot:ThingTypeName"] = of_type
    return keys


def _denied(
    backend: JitpIoTBackend, request: ConnectRequest, message: str, verdict: Verdict
) -> RequestRefused:
    attempt = make_known(backend, request, verdict)
    return RequestRefused(403, "AccessDeniedException", message, attempt)


def _certificate(
    backend: JitpIoTBackend,
    request: ConnectRequest,
    refusal: tuple[int, str, str],
    *,
    credentials: bool = False,
) -> DeviceCertificate:
    """Return the registered certificate of a request.

    Raises:
        RequestRefused: there is none, or it is not ACTIVE or not valid now.
    """
    with backend.lock:
        verdict = judge_certificate(backend, request, credentials=credentials)
    if verdict.reason is not None:
        raise RequestRefused(*refusal, make_known(backend, request, verdict))
    assert verdict.certificate is not None
    return verdict.certificate
