"""A fleet whose devices are Locust's users; see README.md beside this file.

Each Locust process makes its own CA and registers it at the server, so that no key has to be sent
to other machines. Each user is a device with a certificate of that CA: a simulated one over HTTP
(SimulatedDevice), or a real MQTT client over mutual TLS (MqttDevice).
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import paho.mqtt.client as mqtt
import requests
from locust import HttpUser, User, constant_throughput, events, task
from paho.mqtt.enums import CallbackAPIVersion

from moto_jitp import CertificateAuthority, DeviceIdentity

TEMPLATE = json.dumps(
    {
        "Parameters": {
            "AWS::IoT::Certificate::CommonName": {"Type": "String"},
            "AWS::IoT::Certificate::Id": {"Type": "String"},
        },
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {"ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}},
            },
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {
                    "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                    "Status": "ACTIVE",
                },
            },
        },
    }
)
_ROLE = "arn:aws:iam::123456789012:role/JITPRole"
_CONTROL = "/moto-api/jitp"
_ANSWERS_WITHIN = 60


class Fleet:
    """The CA of this process, once it is registered at a server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ca: CertificateAuthority | None = None

    def new_device(self, host: str) -> DeviceIdentity:
        """Issue the certificate of a new device.

        Args:
            host: the server's URL, at which the first call registers the CA.
        """
        with self._lock:
            if self._ca is None:
                ca = CertificateAuthority(common_name=f"Fleet {uuid.uuid4().hex[:8]}")
                iot = boto3.client(
                    "iot",
                    endpoint_url=host,
                    region_name="us-east-1",
                    aws_access_key_id="locust",
                    aws_secret_access_key="locust",
                )
                ca.register(iot, template_body=TEMPLATE, role_arn=_ROLE)
                self._ca = ca
        return self._ca.issue(common_name=f"device-{uuid.uuid4().hex[:12]}")


FLEET = Fleet()


class SimulatedDevice(HttpUser):
    """A device that connects and publishes through the server's control routes."""

    wait_time = constant_throughput(1)

    def on_start(self) -> None:
        device = FLEET.new_device(self.host)
        body = {"certificatePem": device.certificate_pem, "privateKeyPem": device.private_key_pem}
        # AWS IoT drops the connection on which it provisions; the route connects again.
        answer = self.client.post(f"{_CONTROL}/connect", json=body, name="connect").json()
        assert answer["accepted"], answer["explanation"]
        self.connection_id = answer["connectionId"]
        self.topic = f"fleet/{answer['thingName']}"

    @task
    def publish(self) -> None:
        self.client.post(
            f"{_CONTROL}/connections/{self.connection_id}/publish",
            json={"topic": self.topic, "payloadText": json.dumps({"at": time.time()})},
            name="publish",
        )


class MqttDevice(User):
    """A device that connects to the server's device endpoint with MQTT over mutual TLS."""

    wait_time = constant_throughput(1)

    def on_start(self) -> None:
        device = FLEET.new_device(self.host)
        endpoint = requests.get(f"{self.host}{_CONTROL}/endpoint", timeout=_ANSWERS_WITHIN).json()
        name = device.presented.common_name
        self.topic = f"fleet/{name}"
        self.folder = tempfile.TemporaryDirectory()
        files = device.write(Path(self.folder.name))
        root = Path(self.folder.name) / "root.pem"
        root.write_text(endpoint["rootCaPem"])
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self.mqtt.tls_set(str(root), str(files.chain), str(files.private_key))
        # It reconnects by itself: the first connection provisions it and is closed.
        self.mqtt.reconnect_delay_set(min_delay=1, max_delay=8)
        connected = threading.Event()
        self.mqtt.on_connect = lambda *_: connected.set()
        # An endpoint that listens on all addresses is called localhost; its host is the server's.
        host = urlsplit(self.host).hostname if endpoint["host"] == "localhost" else endpoint["host"]
        with Timed("connect"):
            self.mqtt.connect(_named(host), endpoint["port"])
            self.mqtt.loop_start()
            if not connected.wait(_ANSWERS_WITHIN):
                raise TimeoutError(f"{name} was not accepted; the server's page says why.")

    @task
    def publish(self) -> None:
        with Timed("publish"):
            message = self.mqtt.publish(self.topic, json.dumps({"at": time.time()}), qos=1)
            message.wait_for_publish(_ANSWERS_WITHIN)

    def on_stop(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()
        self.folder.cleanup()


class Timed:
    """A block whose duration Locust shows, with its exception as a failure.

    Args:
        name: its name in Locust.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if error is not None and not isinstance(error, Exception):
            return  # Locust stops the user in the middle of it
        events.request.fire(
            request_type="MQTT",
            name=self._name,
            response_time=(time.perf_counter() - self._began) * 1000,
            response_length=0,
            exception=error,
            context={},
        )


def _named(host: str | None) -> str:
    """The name for a host: AWS IoT does not register devices that send no server name, as with an
    address.
    """
    return "localhost" if host in (None, "127.0.0.1", "::1") else host
