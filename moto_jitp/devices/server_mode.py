"""Under moto's ``TEST_SERVER_MODE`` devices connect to the server that boto3 speaks to."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from typing import Any

from moto import settings as moto_settings
from moto.core.models import ServerModeMockAWS

from moto_jitp.events import Event
from moto_jitp.pki import CertificateError, DeviceIdentity

from . import attempts, presence
from .arguments import AmbiguousEndpoint, ServerName
from .attempts import ConnectionAttempt
from .connection import DeviceConnection, DeviceSubscription
from .control_client import ControlClient, ControlError
from .json_form import attempt_from_json, event_from_json
from .refusal import ConnectionRefused

_ERRORS: dict[str, type[ValueError]] = {
    "AmbiguousEndpoint": AmbiguousEndpoint,
    "CertificateError": CertificateError,
}


def connect_through_server(
    device: DeviceIdentity | str | bytes,
    endpoint: str | None,
    server_name: ServerName | None,
    client_id: str | None,
    reconnect: bool,
) -> DeviceConnection:
    """Connect a device to the server; arguments and errors as of ``connect_device``.

    Raises:
        RuntimeError: no mock is active, or the server has no just-in-time provisioning.
        ConnectionError: the server does not answer.
    """
    if ServerModeMockAWS._nested_count <= 0:
        raise RuntimeError(
            "connect_device() needs an active mock, also under TEST_SERVER_MODE: use it inside "
            "mock_jitp or mock_aws."
        )
    return connect_at(_client(), device, endpoint, server_name, client_id, reconnect)


def connect_at(
    client: ControlClient,
    device: DeviceIdentity | str | bytes,
    endpoint: str | None,
    server_name: ServerName | None,
    client_id: str | None,
    reconnect: bool,
) -> DeviceConnection:
    """Connect a device to the server that a client speaks to, whatever mock is active here.

    Raises:
        RuntimeError: the server has no just-in-time provisioning.
        ConnectionError: the server does not answer.
    """
    body = connect_body(device, endpoint, server_name, client_id, reconnect)
    try:
        outcome = client.post("connect", body)
    except ControlError as error:
        if error.code in ("", "NotActive"):
            raise RuntimeError(str(error)) from None
        raise _ERRORS.get(error.code, ValueError)(str(error)) from None
    made = tuple(attempt_from_json(attempt) for attempt in outcome["attempts"])
    if not outcome["accepted"]:
        raise ConnectionRefused(made)
    return ServerModeConnection(client, made, outcome["certificateArn"], outcome["thingName"])


def connect_body(
    device: DeviceIdentity | str | bytes,
    endpoint: str | None,
    server_name: ServerName | None,
    client_id: str | None,
    reconnect: bool,
) -> dict[str, Any]:
    """Return the body of a request to the route ``connect``."""
    if not isinstance(device, (DeviceIdentity, str, bytes)):
        raise TypeError(
            "device is a DeviceIdentity, or a certificate as PEM text or bytes, not "
            f"{type(device).__name__}."
        )
    body: dict[str, Any] = {"reconnect": reconnect}
    if isinstance(device, DeviceIdentity):
        body["certificatePem"] = device.chain_pem
        body["privateKeyPem"] = device.private_key_pem
    else:
        # What is no ASCII is no PEM, and the server says so in the words of connect_device.
        body["certificatePem"] = device if isinstance(device, str) else device.decode("latin-1")
    if endpoint is not None:
        body["endpoint"] = endpoint
    if server_name is not None:
        body["serverName"] = server_name.value
    if client_id is not None:
        body["clientId"] = client_id
    return body


def all_connection_attempts() -> tuple[ConnectionAttempt, ...]:
    """Every attempt since the state was last reset, here or, in server mode, at the server."""
    if not moto_settings.TEST_SERVER_MODE:
        return attempts.all_connection_attempts()
    return connection_attempts_at(_client())


def connection_attempts_at(client: ControlClient) -> tuple[ConnectionAttempt, ...]:
    """Every attempt at the server that a client speaks to, since its state was last reset."""
    return tuple(attempt_from_json(item) for item in _listed(client, "connections"))


def all_events() -> tuple[Event, ...]:
    """Every event since the state was last reset, here or, in server mode, at the server."""
    if not moto_settings.TEST_SERVER_MODE:
        return presence.all_events()
    return tuple(event_from_json(item) for item in _listed(_client(), "events"))


def events_until_now() -> Callable[[], tuple[Event, ...]]:
    """Return a function that returns what has been published so far, also after a reset."""
    if not moto_settings.TEST_SERVER_MODE:
        return presence.events_until_now()
    published = all_events()
    return lambda: published


def _listed(client: ControlClient, route: str) -> list[Any]:
    """All items of a list; none where no server with just-in-time provisioning answers."""
    items: list[Any] = []
    query: dict[str, Any] = {"limit": 1000}
    while True:
        try:
            page = client.get(route, **query)
        except (ControlError, ConnectionError):
            return items
        items += page[route]
        if page["nextCursor"] is None:
            return items
        query["cursor"] = page["nextCursor"]


class ServerModeConnection(DeviceConnection):
    """A connection that stands in the server's process."""

    def __init__(
        self,
        client: ControlClient,
        made: tuple[ConnectionAttempt, ...],
        certificate_arn: str,
        thing_name: str | None,
    ) -> None:
        self._client = client
        self._session = made[-1]
        self._inbox = None
        self.attempts = made
        self.certificate_id = self._session.certificate_id
        self.certificate_arn = certificate_arn
        self.client_id = self._session.client_id
        self.thing_name = thing_name

    @property
    def connected(self) -> bool:
        try:
            answer = self._client.get(f"connections/{self._session.sequence}")
        except ControlError:  # the server's state was reset
            return False
        return bool(answer["connected"])

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        data = payload.encode() if isinstance(payload, str) else bytes(payload)
        body = {"topic": topic, "payloadBase64": base64.b64encode(data).decode(), "retain": retain}
        self._do("publish", body)

    def subscribe(
        self, topic_filter: str, handler: Callable[..., object] | None = None
    ) -> DeviceSubscription:
        raise NotImplementedError(
            "Under TEST_SERVER_MODE a device cannot subscribe: its connection stands in the "
            "server's process. Read what was published with 'with mock_jitp() as jitp: "
            "jitp.events', or GET /moto-api/jitp/events."
        )

    def disconnect(self) -> None:
        try:
            self._do("disconnect", {})
        except ControlError:  # the server's state was reset, and the connection with it
            return

    def _do(self, what: str, body: dict[str, Any]) -> None:
        try:
            self._client.post(f"connections/{self._session.sequence}/{what}", body)
        except ControlError as error:
            if error.code == "NotConnected":
                raise ConnectionError(str(error)) from None
            if error.code == "NotAuthorized":
                raise PermissionError(str(error)) from None
            if error.code == "InvalidRequest":
                raise ValueError(str(error)) from None
            raise


def _client() -> ControlClient:
    return _client_of(moto_settings.test_server_mode_endpoint())


@functools.lru_cache(maxsize=4)
def _client_of(endpoint_url: str) -> ControlClient:
    return ControlClient(endpoint_url, connections=8)
