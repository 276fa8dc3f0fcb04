"""Connects a device inside the test process: finds its endpoint and calls the gateway."""

from __future__ import annotations

import os
import ssl
from dataclasses import astuple
from datetime import datetime, timezone

from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.iot.models import iot_backends

from moto_jitp.history.attempts import RefusalReason
from moto_jitp.iot.account.endpoints import endpoint_address, parse_endpoint
from moto_jitp.iot.certificates.ca_certificate import issuers_of
from moto_jitp.iot.models import JitpIoTBackend, is_plugged_in, live_backends
from moto_jitp.mqtt.packets import Version
from moto_jitp.mqtt.topics import check_mqtt_text
from moto_jitp.mqtt.transport import SIMULATED
from moto_jitp.pki import (
    DeviceIdentity,
    IssuerCheck,
    PresentedCertificate,
    check_issuer,
    read_certificate,
    read_chain,
)

from .arguments import AmbiguousEndpoint, ServerName
from .connection import DeviceConnection
from .gateway import ConnectOutcome, connect
from .refusal import ConnectionRefused
from .session_connection import SessionConnection
from .telemetry import count
from .verdict import ConnectRequest

_MAX_CLIENT_ID_BYTES = 128
_TRANSPORTS = {
    "5": SIMULATED._replace(version=Version.MQTT_5),
    "3.1.1": SIMULATED._replace(version=Version.MQTT_3_1_1),
}


def connect_here(
    device: DeviceIdentity | str | bytes,
    endpoint: str | None,
    server_name: ServerName | None,
    client_id: str | None,
    reconnect: bool,
    mqtt_version: str = "5",
) -> DeviceConnection:
    """Connect a device in this process; arguments and errors as for ``connect_device``.

    Args:
        device: as there.
        endpoint: an endpoint's address; ``None`` for the one that knows the device.
        server_name: the name that the device sends; ``None`` for the endpoint's.
        client_id: as there.
        reconnect: as there.
        mqtt_version: as there.

    Raises:
        ConnectionRefused: AWS IoT does not let the device in.
    """
    _require_mock()
    request = request_of(device, client_id, mqtt_version)
    outcomes = make_attempts(request, endpoint, server_name, reconnect)
    last, attempts = outcomes[-1], tuple([outcome.attempt for outcome in outcomes])
    if last.session is None:
        raise ConnectionRefused(attempts)
    return SessionConnection(last.session, attempts, last.verdict.thing_name)


def make_attempts(
    request: ConnectRequest,
    endpoint: str | None,
    server_name: ServerName | None,
    reconnect: bool,
) -> tuple[ConnectOutcome, ...]:
    """Let a device connect, and connect again after provisioning if ``reconnect`` says so.

    Args:
        request: what the device brings.
        endpoint: as for :func:`connect_here`.
        server_name: the name that the device sends; ``None`` for the endpoint's.
        reconnect: as for :func:`connect_here`.

    Returns:
        The outcome of each attempt, oldest first, all at one account and Region.

    Raises:
        AmbiguousEndpoint: several accounts or Regions know the device.
        ValueError: the endpoint or the client id is not valid.
    """
    backend = backend_at(endpoint) if endpoint is not None else backend_knowing(request)
    if request.client_id is not None:
        try:
            _check_client_id(request.client_id)
        except ValueError:
            count(backend, "Connect.ClientError")
            raise
    if server_name is None:
        server_name = ServerName(_host_of(endpoint) if endpoint else backend.endpoints.address())
    request = request._replace(server_name=server_name.value)
    outcome = connect(backend, request)
    if reconnect and outcome.attempt.reason is RefusalReason.RECONNECT_REQUIRED:
        return outcome, connect(backend, request)
    return (outcome,)


def _host_of(endpoint: str) -> str:
    """The host name that a TLS client would send for an endpoint, which may be a URL."""
    address = parse_endpoint(endpoint)
    return endpoint if address is None else endpoint_address(*astuple(address))


def _require_mock() -> None:
    if not is_plugged_in() or not botocore_stubber.enabled:
        raise RuntimeError(
            "connect_device() needs an active mock: use it inside mock_jitp (decorator, context "
            "manager or the pytest fixture jitp), or call moto_jitp.activate() and use it inside "
            "mock_aws."
        )


def request_of(
    device: DeviceIdentity | str | bytes, client_id: str | None, mqtt_version: str = "5"
) -> ConnectRequest:
    """Return a device's connection request; arguments as for :func:`connect_here`.

    Raises:
        ValueError: the version of MQTT is unknown, there is no readable certificate, or the chain
            does not begin with the device's own.
        TypeError: an argument has the wrong type.
    """
    if mqtt_version not in _TRANSPORTS:
        raise ValueError(
            f"mqtt_version must be one of {', '.join(map(repr, _TRANSPORTS))}; found "
            f"{mqtt_version!r}."
        )
    transport = _TRANSPORTS[mqtt_version]
    if not isinstance(client_id, (str, type(None))):
        raise TypeError(f"client_id must be text, not {type(client_id).__name__}.")
    if isinstance(device, DeviceIdentity):
        return ConnectRequest(
            device.presented,
            device.certificate_pem,
            None,
            client_id,
            device.holds_its_key,
            lambda: device.issuers,
            transport,
        )
    if not isinstance(device, (str, bytes)):
        raise TypeError(
            "device must be a DeviceIdentity, or a certificate as PEM text or bytes, not "
            f"{type(device).__name__}."
        )
    leaf, *issuers = read_chain(device)
    if issuers and _is_upside_down(leaf, issuers[0]):
        raise ValueError(
            f"The chain begins with the CA {leaf.subject_text!r} and continues with "
            f"{issuers[0].subject_text!r}, which that CA issued: put the device's certificate "
            "first, then its issuers."
        )
    return ConnectRequest(
        leaf, leaf.pem, None, client_id, issuers=lambda: issuers, transport=transport
    )


def _check_client_id(client_id: str) -> None:
    # https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
    check_mqtt_text(client_id, "client ID")
    size = len(client_id.encode())
    if size > _MAX_CLIENT_ID_BYTES:
        raise ValueError(
            f"The client ID {client_id[:40]!r}… has {size} bytes; AWS IoT accepts "
            f"{_MAX_CLIENT_ID_BYTES} at most."
        )


def _is_upside_down(first: PresentedCertificate, second: PresentedCertificate) -> bool:
    return (
        first.issuer_key != second.subject_key and check_issuer(second, first) is IssuerCheck.ISSUED
    )


def backend_at(endpoint: str) -> JitpIoTBackend:
    """Return the account and Region of an endpoint's address, or of a domain configuration's name.

    Raises:
        ValueError: it is neither.
    """
    address = parse_endpoint(endpoint)
    if address is None:
        for backend in live_backends():  # a domain configuration's name
            if backend.endpoints.serves(endpoint):
                return backend
        raise ValueError(
            f"{endpoint!r} is not an endpoint: pass what describe_endpoint(endpointType="
            "'iot:Data-ATS') answers as endpointAddress, or the domain name of an enabled domain "
            "configuration."
        )
    return _backend(address.account_id, address.region_name)


def backend_knowing(request: ConnectRequest) -> JitpIoTBackend:
    """Return the one account and Region that know the certificate or its CA, else the default ones.

    Raises:
        AmbiguousEndpoint: several know them.
    """
    knowing = [backend for backend in live_backends() if _may_know(backend, request)]
    if len(knowing) > 1:
        # A CA of the right name may have another key; if all have, the first says so.
        knowing = [backend for backend in knowing if _knows(backend, request)] or knowing[:1]
    if len(knowing) > 1:
        places = ", ".join(
            f"account {backend.account_id} in {backend.region_name} ({backend.endpoints.address()})"
            for backend in knowing
        )
        raise AmbiguousEndpoint(
            "Several accounts or Regions know this device or its CA: "
            f"{places}. Choose the one that the device connects to with endpoint=…."
        )
    if knowing:
        return knowing[0]
    return _backend(
        os.environ.get("MOTO_ACCOUNT_ID", DEFAULT_ACCOUNT_ID),
        os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or "us-east-1",
    )


def _may_know(backend: JitpIoTBackend, request: ConnectRequest) -> bool:
    """Whether a certificate is registered, or a CA with the name of its issuer."""
    presented = request.certificate
    if _has_certificate(backend, presented.certificate_id):
        return True
    return backend.ca_certificates.has_subject(presented.issuer_key)


def _knows(backend: JitpIoTBackend, request: ConnectRequest) -> bool:
    presented = request.certificate
    if _has_certificate(backend, presented.certificate_id):
        return True
    return bool(issuers_of(backend.registry, presented))


def _has_certificate(backend: JitpIoTBackend, certificate_id: str) -> bool:
    """Whether a certificate is registered or is a provisioning claim."""
    if backend.certificates.presented_as(certificate_id) is not None:
        return True
    return backend.claims.find(certificate_id) is not None


def _backend(account_id: str, region_name: str) -> JitpIoTBackend:
    try:
        backend = iot_backends[account_id][region_name]
    except KeyError:
        raise ValueError(f"{region_name!r} is not a Region that moto knows for AWS IoT.") from None
    assert isinstance(backend, JitpIoTBackend)
    return backend


def is_known_certificate(der: bytes, _: str | None = None) -> bool:
    """Whether to let a certificate through a TLS handshake, where the handshake decides at all.

    That is a registered certificate of any status, or one issued by an active registered CA.

    Args:
        der: the certificate.
    """
    try:
        presented = read_certificate(ssl.DER_cert_to_PEM_cert(der))
    except ValueError:
        return False
    now = datetime.now(timezone.utc)
    if not presented.not_before <= now <= presented.not_after:
        return False
    return any(
        _has_certificate(backend, presented.certificate_id)
        or any(ca.is_active for ca in issuers_of(backend.registry, presented))
        for backend in live_backends()
    )
