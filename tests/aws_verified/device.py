"""``MqttDevice``: a typical device, with paho-mqtt over mutual TLS."""

from __future__ import annotations

import json
import queue
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.patience import HANG

from moto_jitp.pki.device import DeviceFiles

_PORT = 8883


class Received(NamedTuple):
    """A message.

    Attributes:
        topic: its topic.
        payload: its payload.
    """

    topic: str
    payload: bytes

    @property
    def json(self) -> Any:
        """The payload, parsed as JSON."""
        return json.loads(self.payload)


class MqttDevice:
    """A device; skips the test if paho-mqtt is not installed.

    Args:
        files: its certificate with chain, and its key.
        client_id: its MQTT client id.
        address: the address from ``describe_endpoint``, with or without a port.
        root: the file of root certificates that it trusts.
        patience: seconds to wait for an answer; ``None`` for as long as it takes here.
    """

    def __init__(
        self,
        files: DeviceFiles,
        client_id: str,
        address: str,
        *,
        root: Path,
        patience: float | None = None,
    ) -> None:
        self._mqtt = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
        self._files = files
        self._client_id = client_id
        self._host, _, port = address.partition(":")
        self._port = int(port or _PORT)
        self._root = root
        self._patience = patience or HANG
        self._client: Any = None
        self._told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[Received] = queue.SimpleQueue()

    def connect(self) -> bool:
        """Connect once; return whether the device is accepted."""
        self.disconnect()
        told = self._told = queue.SimpleQueue()
        client = self._mqtt.Client(
            self._mqtt.CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            reconnect_on_failure=False,
        )
        client.tls_set(
            ca_certs=str(self._root),
            certfile=str(self._files.chain),
            keyfile=str(self._files.private_key),
        )
        client.on_connect = lambda *args: told.put(not args[3].is_failure)
        client.on_disconnect = lambda *args: told.put(False)
        client.on_subscribe = lambda *args: told.put(args[3])
        client.on_publish = lambda *args: told.put("published")
        client.on_message = lambda *args: self._messages.put(
            Received(args[2].topic, args[2].payload)
        )
        try:
            client.connect(self._host, self._port)
        except (ConnectionError, ssl.SSLError):
            return False  # if the handshake itself is refused, as in older reports
        client.loop_start()
        self._client = client
        is_let_in = bool(self._next())
        if not is_let_in:
            self.disconnect()
        return is_let_in

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe with QoS 1; the device must be allowed to."""
        self._client.subscribe(topic_filter, 1)
        codes = self._next()
        assert codes, f"the connection was lost on {topic_filter}"
        assert not codes[0].is_failure, f"{topic_filter}: {codes[0]}"

    def publish(self, topic: str, payload: str | bytes | dict[str, Any]) -> None:
        """Publish with QoS 1, and wait until it is confirmed."""
        text = json.dumps(payload) if isinstance(payload, dict) else payload
        self._client.publish(topic, text, 1)
        assert self._next() == "published", f"the connection was lost on {topic}"

    def receive(self) -> Received:
        """Return the next message."""
        try:
            return self._messages.get(timeout=self._patience)
        except queue.Empty:
            raise AssertionError(f"{self._client_id} has received no message.") from None

    def _next(self) -> Any:
        try:
            return self._told.get(timeout=self._patience)
        except queue.Empty:
            raise AssertionError(
                f"{self._host}:{self._port} has not answered {self._client_id}."
            ) from None

    def disconnect(self) -> None:
        """End the connection, if there is one."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None
