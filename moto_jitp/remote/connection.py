"""Under moto's ``TEST_SERVER_MODE`` devices connect to the server that boto3 speaks to."""

from __future__ import annotations

import base64
import contextlib
import functools
from collections.abc import Callable
from typing import Any

from moto import settings as moto_settings
from moto.core.models import ServerModeMockAWS

from moto_jitp.devices.arguments import AmbiguousEndpoint, ServerName
from moto_jitp.devices.authorization import NotAuthorized
from moto_jitp.devices.connection import DeviceConnection, DeviceSubscription
from moto_jitp.devices.payloads import to_bytes
from moto_jitp.devices.refusal import ConnectionRefused
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.journal import RunEntry
from moto_jitp.history.json_form import (
    attempt_from_json,
    event_from_json,
    listed_run_from_json,
    run_from_json,
)
from moto_jitp.history.messages import Event
from moto_jitp.history.rule_json import rule_run_from_json
from moto_jitp.history.rule_runs import RuleRun
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.mqtt.topic_filters import check_topic_filter
from moto_jitp.mqtt.topics import check_is_text
from moto_jitp.pki import CertificateError, DeviceIdentity

from .client import SERVER_MODE, ControlClient, ControlError

_LONGEST_WAIT = 30.0
"""The server waits at most this many seconds before it answers that there is no message."""

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
    mqtt_version: str = "5",
) -> DeviceConnection:
    """Connect a device to the server; arguments and errors as for ``connect_device``.

    Raises:
        RuntimeError: no mock is active, or the server has no just-in-time provisioning.
        ConnectionError: the server does not answer.
    """
    if ServerModeMockAWS._nested_count <= 0:
        raise RuntimeError(
            "connect_device() needs an active mock, also under TEST_SERVER_MODE: use it inside "
            "mock_jitp or mock_aws."
        )
    return connect_at(
        server_client(), device, endpoint, server_name, client_id, reconnect, mqtt_version
    )


def connect_at(
    client: ControlClient,
    device: DeviceIdentity | str | bytes,
    endpoint: str | None,
    server_name: ServerName | None,
    client_id: str | None,
    reconnect: bool,
    mqtt_version: str = "5",
) -> DeviceConnection:
    """Connect a device to the server that a client speaks to, whatever mock is active here.

    Raises:
        ConnectionRefused: AWS IoT does not accept the device.
        RuntimeError: the server has no just-in-time provisioning.
        ConnectionError: the server does not answer.
        ValueError: the server refused an argument, or the error that the server names for it.
    """
    body = connect_body(device, endpoint, server_name, client_id, reconnect, mqtt_version)
    try:
        outcome = client.post("connect", body)
    except ControlError as error:
        if error.code in ("", "NotActive"):
            raise RuntimeError(str(error)) from None
        raise _ERRORS.get(error.code, ValueError)(str(error)) from None
    attempts = tuple(attempt_from_json(attempt) for attempt in outcome["attempts"])
    if not outcome["accepted"]:
        raise ConnectionRefused(attempts)
    return ServerModeConnection(client, attempts, outcome["certificateArn"], outcome["thingName"])


def connect_body(
    device: DeviceIdentity | str | bytes,
    endpoint: str | None,
    server_name: ServerName | None,
    client_id: str | None,
    reconnect: bool,
    mqtt_version: str = "5",
) -> dict[str, Any]:
    """Return the body of a request to the route ``connect``.

    Raises:
        TypeError: the device has the wrong type.
    """
    if not isinstance(device, (DeviceIdentity, str, bytes)):
        raise TypeError(
            "device must be a DeviceIdentity, or a certificate as PEM text or bytes, not "
            f"{type(device).__name__}."
        )
    body: dict[str, Any] = {"reconnect": reconnect}
    if isinstance(device, DeviceIdentity):
        body["certificatePem"] = device.chain_pem
        body["privateKeyPem"] = device.private_key_pem
    else:
        # Text that is not ASCII is not PEM, and the server says so in the words of connect_device.
        body["certificatePem"] = device if isinstance(device, str) else device.decode("latin-1")
    if endpoint is not None:
        body["endpoint"] = endpoint
    if server_name is not None:
        body["serverName"] = server_name.value
    if client_id is not None:
        body["clientId"] = client_id
    if mqtt_version != "5":
        body["mqttVersion"] = mqtt_version
    return body


def connection_attempts_at(client: ControlClient) -> tuple[ConnectionAttempt, ...]:
    """Every attempt at the server that a client speaks to, since its state was last reset."""
    return tuple(attempt_from_json(item) for item in _listed(client, "connections"))


def attempts_of_certificate(
    client: ControlClient, certificate_id: str
) -> tuple[ConnectionAttempt, ...]:
    """The last thousand attempts of one certificate at a server, oldest first.

    Args:
        client: speaks to the server.
        certificate_id: the certificate's id.

    Raises:
        ControlError: the server refused the request.
        ConnectionError: there is no answer.
    """
    page = client.get("connections", certificateId=certificate_id, limit=1000)
    return tuple(attempt_from_json(item) for item in page["connections"])


def runs_at(client: ControlClient) -> tuple[RunEntry, ...]:
    """Every provisioning run at the server that a client speaks to."""
    return tuple(listed_run_from_json(item) for item in _listed(client, "runs"))


def events_at(client: ControlClient) -> tuple[Event, ...]:
    """Every event at the server that a client speaks to, since its state was last reset."""
    return tuple(event_from_json(item) for item in _listed(client, "events"))


def rule_runs_at(client: ControlClient) -> tuple[RuleRun, ...]:
    """What topic rules have done at the server since its state was last reset."""
    return tuple(rule_run_from_json(item) for item in _listed(client, "rules"))


def _listed(client: ControlClient, route: str) -> list[Any]:
    """All items of a list; none if no server with just-in-time provisioning answers."""
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
    """A connection in the server's process.

    :attr:`undelivered` has the refusals that :meth:`receive` has raised; only the server knows
    those still to come.
    """

    def __init__(
        self,
        client: ControlClient,
        attempts: tuple[ConnectionAttempt, ...],
        certificate_arn: str,
        thing_name: str | None,
    ) -> None:
        self._client = client
        self._attempt_id = attempts[-1].attempt_id
        self._subscriptions: list[_ServerModeSubscription] = []
        self._undelivered: list[NotAuthorized] = []
        self.attempts = attempts
        self.certificate_id = attempts[-1].certificate_id
        self.certificate_arn = certificate_arn
        self.client_id = attempts[-1].client_id
        self.thing_name = thing_name

    @property
    def connected(self) -> bool:
        try:
            answer = self._client.get(f"connections/{self._attempt_id}")
        except (ControlError, ConnectionError):  # the server's state was reset, or it has ended
            return False
        return bool(answer["connected"])

    @property
    def provisioning(self) -> ProvisioningRun | None:
        query = {"connectionId": self._attempt_id, "order": "desc", "limit": 1}
        try:
            runs = self._client.get("runs", **query)["runs"]
        except (ControlError, ConnectionError):  # the server's state was reset, or it has ended
            runs = []
        if runs:
            return run_from_json(runs[0])
        return next(
            (attempt.provisioning for attempt in self.attempts if attempt.provisioning), None
        )

    @property
    def subscriptions(self) -> tuple[DeviceSubscription, ...]:
        return tuple(self._subscriptions)

    @property
    def undelivered(self) -> tuple[NotAuthorized, ...]:
        return tuple(self._undelivered)

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        check_is_text(topic)
        data = base64.b64encode(to_bytes(payload)).decode()
        self._do("publish", {"topic": topic, "payloadBase64": data, "retain": retain})

    def subscribe(
        self, topic_filter: str, handler: Callable[..., object] | None = None
    ) -> DeviceSubscription:
        if handler is not None:
            raise NotImplementedError(
                "Under TEST_SERVER_MODE no handler can be called: messages arrive in the server's "
                "process. Leave the handler out and take them with receive()."
            )
        check_topic_filter(topic_filter)
        self._do("subscribe", {"topicFilter": topic_filter})
        self._subscriptions = [
            subscription
            for subscription in self._subscriptions
            if not subscription.is_of(topic_filter)
        ]
        subscription = _ServerModeSubscription(self, topic_filter)
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: _ServerModeSubscription) -> None:
        """End a subscription; do nothing if it has ended."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            # It has ended with its connection, or with the server.
            with contextlib.suppress(ValueError, ConnectionError):
                self._do("unsubscribe", {"topicFilter": subscription.topic_filter})

    def receive(self, timeout: float | None = None) -> Event:
        seconds_left = timeout or 0.0
        while True:
            wait = min(seconds_left, _LONGEST_WAIT)
            try:
                answer = self._do("receive", {"wait": wait})
            except NotAuthorized as refused:
                self._undelivered.append(refused)
                raise
            if answer["message"] is not None:
                return event_from_json(answer["message"])
            seconds_left -= wait
            if seconds_left <= 0:
                raise TimeoutError(answer["explanation"])

    def disconnect(self) -> None:
        self._subscriptions.clear()
        with contextlib.suppress(ConnectionError):  # it has ended with the server's state
            self._do("disconnect", {})

    def _do(self, what: str, body: dict[str, Any]) -> Any:
        try:
            return self._client.post(f"connections/{self._attempt_id}/{what}", body)
        except ControlError as error:
            if error.code == "NotConnected":
                raise ConnectionError(str(error)) from None
            if error.code == "NotAnswered":
                raise TimeoutError(str(error)) from None
            if error.code == "NotFound":
                raise ConnectionError(
                    f"The connection of {self.client_id!r} has ended: the server's state was "
                    "reset, and the connection with it."
                ) from None
            if error.code == "NotAuthorized":
                action, resource = error.details["action"], error.details["resource"]
                raise NotAuthorized(str(error), action, resource) from None
            if error.code == "InvalidRequest":
                raise ValueError(str(error)) from None
            raise


class _ServerModeSubscription(DeviceSubscription):
    """A subscription whose messages wait in the server's process."""

    def __init__(self, connection: ServerModeConnection, topic_filter: str) -> None:
        self.topic_filter = topic_filter
        self.handler = None
        self._owner = connection

    def is_of(self, topic_filter: str) -> bool:
        return self.topic_filter == topic_filter

    def cancel(self) -> None:
        self._owner.unsubscribe(self)


def server_client() -> ControlClient:
    """Return the client of the server of moto's ``TEST_SERVER_MODE``."""
    return _client_of(moto_settings.test_server_mode_endpoint())


@functools.lru_cache(maxsize=4)
def _client_of(endpoint_url: str) -> ControlClient:
    return ControlClient(endpoint_url, connections=8, ways=SERVER_MODE)
