"""``connect_device``: a device connects, inside the test process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from moto import settings as moto_settings
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.iot.models import iot_backends

from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason
from moto_jitp.iot.account.endpoints import endpoint_address, parse_endpoint
from moto_jitp.iot.models import JitpIoTBackend, is_plugged_in, live_backends
from moto_jitp.mqtt.topics import check_mqtt_text
from moto_jitp.pki import (
    DeviceIdentity,
    IssuerCheck,
    PresentedCertificate,
    check_issuer,
    read_chain,
)

from .arguments import AmbiguousEndpoint, ServerName
from .connection import DeviceConnection
from .gateway import connect, thing_name_of
from .recording import count
from .refusal import ConnectionRefused
from .verdict import ConnectRequest

_THE_ENDPOINT: Any = "<the endpoint>"
_MAX_CLIENT_ID_BYTES = 128


def connect_device(
    device: DeviceIdentity | str | bytes,
    *,
    endpoint: str | Mapping[str, Any] | None = None,
    server_name: str | None = _THE_ENDPOINT,
    client_id: str | None = None,
    reconnect: bool = True,
) -> DeviceConnection:
    """Connect a device to AWS IoT Core, as its firmware would over MQTT.

    On the first connection of a device whose CA auto-registers, AWS IoT registers the certificate
    as PENDING_ACTIVATION, runs the CA's provisioning template and drops the connection.

    Args:
        device: the device's identity, or its certificate as PEM text or bytes (the leaf first, a
            chain optional).
        endpoint: what ``describe_endpoint`` answered, or its ``endpointAddress``; it says which
            account and Region. Without it: the one account and Region that know the certificate or
            its CA, else the default ones.
        server_name: the server name (SNI) that the device asks for; the endpoint's unless given.
            ``None`` sends none.
        client_id: the MQTT client id; the thing's name unless given, else the common name.
        reconnect: connect again after a provisioning that succeeded, as good firmware does. A
            failed provisioning is not tried again. ``False`` makes one attempt.

    Returns:
        The accepted connection.

    Raises:
        ConnectionRefused: AWS IoT did not let the device in; the error says why.
        AmbiguousEndpoint: several accounts or Regions could be meant.
        ValueError: there is no certificate in the text, it cannot be read, the chain does not begin
            with the device's own certificate, the endpoint is none, or the client id has a
            character that MQTT forbids or is longer than the 128 bytes that AWS IoT takes.
        TypeError: an argument is of another type.
        RuntimeError: no mock with just-in-time provisioning is active.

    See https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
    """
    named = None if server_name is _THE_ENDPOINT else ServerName(server_name)
    if endpoint is not None:
        endpoint = _address_in(endpoint)
    if moto_settings.TEST_SERVER_MODE:
        from moto_jitp.remote.connection import connect_through_server

        return connect_through_server(device, endpoint, named, client_id, reconnect)
    _require_mock()
    request = request_of(device, client_id)
    backend, attempts = make_attempts(request, endpoint, named, reconnect=reconnect)
    if not attempts[-1].accepted:
        raise ConnectionRefused(attempts)
    return DeviceConnection(backend, attempts, thing_name_of(backend, request.certificate))


def _address_in(endpoint: str | Mapping[str, Any]) -> str:
    """Return the address in what a caller gave as the endpoint."""
    address = endpoint.get("endpointAddress") if isinstance(endpoint, Mapping) else endpoint
    if isinstance(address, str):
        return address
    raise TypeError(
        "endpoint is what describe_endpoint(endpointType='iot:Data-ATS') answers, or the "
        f"endpointAddress in it as text; found {endpoint!r}."
    )


def make_attempts(
    request: ConnectRequest,
    endpoint: str | None,
    server_name: ServerName | None,
    *,
    reconnect: bool,
) -> tuple[JitpIoTBackend, tuple[ConnectionAttempt, ...]]:
    """Let a device connect, and connect again after a provisioning if ``reconnect`` says so.

    Args:
        request: what the device brings.
        endpoint: as for :func:`connect_device`.
        server_name: what the device names; ``None`` for the endpoint's name.
        reconnect: as for :func:`connect_device`.

    Returns:
        The account and Region that was reached, and the attempts, oldest first.

    Raises:
        AmbiguousEndpoint: several accounts or Regions could be meant.
        ValueError: the endpoint is none, or the client id is none that AWS IoT takes.
    """
    backend = _backend_at(endpoint) if endpoint is not None else _backend_knowing(request)
    if request.client_id is not None:
        try:
            _check_client_id(request.client_id)
        except ValueError:
            count(backend, "Connect.ClientError")
            raise
    if server_name is None:
        server_name = ServerName(_host_of(endpoint) if endpoint else backend.endpoint_address())
    request = request._replace(server_name=server_name.value)
    attempts: tuple[ConnectionAttempt, ...] = (connect(backend, request),)
    if reconnect and attempts[0].reason is RefusalReason.RECONNECT_REQUIRED:
        attempts += (connect(backend, request),)
    return backend, attempts


def _host_of(endpoint: str) -> str:
    """The host name that a TLS client would send for an endpoint, which may be a whole URL."""
    address = parse_endpoint(endpoint)
    return endpoint if address is None else endpoint_address(*astuple(address))


def _require_mock() -> None:
    if not is_plugged_in() or not botocore_stubber.enabled:
        raise RuntimeError(
            "connect_device() needs an active mock: use it inside mock_jitp (decorator, context "
            "manager or the pytest fixture jitp), or call moto_jitp.activate() and use it inside "
            "mock_aws."
        )


def request_of(device: DeviceIdentity | str | bytes, client_id: str | None) -> ConnectRequest:
    """Return what a device brings; see :func:`connect_device`."""
    if not isinstance(client_id, (str, type(None))):
        raise TypeError(f"client_id is text, not {type(client_id).__name__}.")
    if isinstance(device, DeviceIdentity):
        return ConnectRequest(
            device.presented,
            device.certificate_pem,
            None,
            client_id,
            device.holds_its_key,
            lambda: device.issuers,
        )
    if not isinstance(device, (str, bytes)):
        raise TypeError(
            "device is a DeviceIdentity, or a certificate as PEM text or bytes, not "
            f"{type(device).__name__}."
        )
    leaf, *issuers = read_chain(device)
    if issuers and _is_upside_down(leaf, issuers[0]):
        raise ValueError(
            f"The chain begins with the CA {leaf.subject_text!r} and goes on with "
            f"{issuers[0].subject_text!r}, which that CA issued: put the device's own certificate "
            "first, then its issuers."
        )
    return ConnectRequest(leaf, leaf.pem, None, client_id, issuers=lambda: issuers)


def _check_client_id(client_id: str) -> None:
    # https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
    check_mqtt_text(client_id, "client ID")
    size = len(client_id.encode())
    if size > _MAX_CLIENT_ID_BYTES:
        raise ValueError(
            f"The client ID {client_id[:40]!r}… has {size} bytes; AWS IoT takes "
            f"{_MAX_CLIENT_ID_BYTES} at most."
        )


def _is_upside_down(first: PresentedCertificate, second: PresentedCertificate) -> bool:
    return (
        first.issuer_key != second.subject_key and check_issuer(second, first) is IssuerCheck.ISSUED
    )


def _backend_at(endpoint: str) -> JitpIoTBackend:
    address = parse_endpoint(endpoint)
    if address is None:
        for backend in live_backends():  # a domain configuration's name
            if backend.serves(endpoint):
                return backend
        raise ValueError(
            f"{endpoint!r} is no endpoint: give what describe_endpoint(endpointType="
            "'iot:Data-ATS') answers as endpointAddress, or the domain name of an enabled domain "
            "configuration."
        )
    return _backend(address.account_id, address.region_name)


def _backend_knowing(request: ConnectRequest) -> JitpIoTBackend:
    """The one account and Region that know the certificate or its CA, else the default ones."""
    backends = live_backends()
    knowing = [backend for backend in backends if _knows(backend, request)]
    if not knowing:  # a CA of the right name but with another key: say so where it is
        issuer = request.certificate.issuer_key
        knowing = [b for b in backends if b.ca_certificates.with_subject(issuer)][:1]
    if len(knowing) > 1:
        places = ", ".join(
            f"account {backend.account_id} in {backend.region_name} ({backend.endpoint_address()})"
            for backend in knowing
        )
        raise AmbiguousEndpoint(
            "Several accounts or Regions know this device or its CA: "
            f"{places}. Say which one the device connects to with endpoint=…."
        )
    if knowing:
        return knowing[0]
    return _backend(
        os.environ.get("MOTO_ACCOUNT_ID", DEFAULT_ACCOUNT_ID),
        os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or "us-east-1",
    )


def _knows(backend: JitpIoTBackend, request: ConnectRequest) -> bool:
    presented = request.certificate
    if backend.certificates.presented_as(presented.certificate_id) is not None:
        return True
    return bool(backend.issuers_of(presented))


def _backend(account_id: str, region_name: str) -> JitpIoTBackend:
    try:
        backend = iot_backends[account_id][region_name]
    except KeyError:
        raise ValueError(f"{region_name!r} is no Region that moto knows for AWS IoT.") from None
    assert isinstance(backend, JitpIoTBackend)
    return backend
