"""The places of a fleet's state machine: this process, behind a server, or behind an endpoint.

A place has a boto3 IoT client, lets devices connect, and reports what has happened.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import requests
from botocore.config import Config

from moto_jitp import (
    ConnectionRefused,
    DeviceConnection,
    DeviceIdentity,
    connect_device,
    mock_jitp,
)
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.rule_runs import RuleRun
from moto_jitp.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Puback,
    Publish,
    Subscribe,
    Subscription,
    Version,
)
from moto_jitp.remote.client import ControlClient
from moto_jitp.remote.connection import connect_at, connection_attempts_at, rule_runs_at
from moto_jitp.server import ThreadedJitpServer
from support.cloud import client
from support.device_doors import MqttDoor
from support.patience import HANG
from support.servers import client as client_at

_MANY = Config(max_pool_connections=64)
CONFIG = {"jitp": {"enforce_policies": True}}


class InProcess:
    """A ``mock_jitp``, and devices of ``connect_device``."""

    def __init__(self) -> None:
        self.undo = ExitStack()
        self.jitp = self.undo.enter_context(mock_jitp(config=CONFIG))
        self.reset_url = "http://motoapi.amazonaws.com"

    def client(self, service: str) -> Any:
        """Return a boto3 client."""
        return client(service=service)

    def connect(self, device: DeviceIdentity) -> DeviceConnection:
        """Connect a device, and again after its provisioning.

        Raises:
            ConnectionRefused: it is refused.
        """
        return connect_device(device)

    def talk(self, device: DeviceIdentity, topic: str) -> None:
        """Connect a device, subscribe, publish a JSON object, and disconnect.

        Other threads may do so at the same time, even with the same device.
        """
        connection = self.connect(device)
        connection.subscribe("to/#")
        connection.publish(topic, b"{}")
        connection.disconnect()

    def attempts(self) -> Sequence[ConnectionAttempt]:
        """Return all attempts since the last reset."""
        return self.jitp.connections

    def rule_runs(self) -> Sequence[RuleRun]:
        """Return what rules have done since the last reset."""
        return self.jitp.rules

    def reset(self) -> None:
        """Reset everything by moto's own route."""
        requests.post(f"{self.reset_url}/moto-api/reset", timeout=HANG)

    def close(self) -> None:
        """Release all resources."""
        self.undo.close()


class AtServer(InProcess):
    """A server, reached over HTTP only."""

    def __init__(self) -> None:
        self.undo = ExitStack()
        server = self.undo.enter_context(ThreadedJitpServer(config=CONFIG))
        self.reset_url = server.endpoint_url
        self._control = ControlClient(server.endpoint_url, connections=64)

    def client(self, service: str) -> Any:
        return client_at(self.reset_url, service, config=_MANY)

    def connect(self, device: DeviceIdentity) -> DeviceConnection:
        return connect_at(self._control, device, None, None, None, True)

    def attempts(self) -> Sequence[ConnectionAttempt]:
        return connection_attempts_at(self._control)

    def rule_runs(self) -> Sequence[RuleRun]:
        return rule_runs_at(self._control)


class AtEndpoint(InProcess):
    """A ``mock_jitp``, and devices that speak MQTT over TLS."""

    def __init__(self) -> None:
        super().__init__()
        self._door = MqttDoor()
        self.undo.callback(self._door.close)

    def connect(self, device: DeviceIdentity) -> DeviceConnection:
        made: list[ConnectionAttempt] = []
        for _ in range(2):
            connection = self._door.attempt(device)
            if connection is not None:
                return connection
            made.append(self.jitp.connections[-1])
            if made[-1].reason != "RECONNECT_REQUIRED":
                break
        raise ConnectionRefused(tuple(made))

    def talk(self, device: DeviceIdentity, topic: str) -> None:
        from support.endpoint_clients import RawClient, client_context

        endpoint = self._door.endpoint
        for _ in range(2):
            context = client_context(endpoint.root_ca_pem, device)
            with RawClient(endpoint.port, context) as there:
                there.send(Connect(device.presented.common_name or "", Version.MQTT_5))
                answer = there.next_packet()
                if not isinstance(answer, Connack) or answer.reason_code:
                    continue
                # Another connection of the same client may end this one at any time.
                with contextlib.suppress(ConnectionError, ssl.SSLZeroReturnError):
                    subscribe = Subscribe(1, (Subscription("to/#", 1),))
                    there.send(subscribe, Publish(topic, b"{}", 1, 2))
                    while not isinstance(answer, Puback) and answer is not None:
                        answer = there.next_packet()
                    there.send(Disconnect())
                return


PLACES: dict[str, Callable[[], InProcess]] = {
    "in process": InProcess,
    "at a server": AtServer,
    "at an endpoint": AtEndpoint,
}
