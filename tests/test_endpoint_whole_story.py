"""From the AWS CLI to the shadow: the life of a device with the programs that people use."""

from __future__ import annotations

import importlib.util
import json
import queue
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from support.aws_cli import REQUIREMENTS, Shell, shell
from support.patience import HANG
from support.servers import client

from moto_jitp import DeviceEndpoint
from moto_jitp.server import ThreadedJitpServer

pytestmark = REQUIREMENTS
__all__ = ["shell"]


@pytest.mark.skipif(shutil.which("mosquitto_pub") is None, reason="mosquitto_pub is not installed")
@pytest.mark.skipif(importlib.util.find_spec("paho") is None, reason="paho-mqtt is not installed")
def test_a_device_of_the_guide_connects_twice_and_its_shadow_is_read(
    server: ThreadedJitpServer, shell: Shell, tmp_path: Path
) -> None:
    shell.make_what_the_template_names()
    shell.aws(
        "iot register-ca-certificate --ca-certificate file://your-ca-cert "
        "--certificate-mode SNI_ONLY --set-as-active --allow-auto-registration "
        "--registration-config file://your-template"
    )
    leaf = shell.issue("bulb", "/C=KR/CN=bulb-1/serialNumber=42")
    # As the guide says: the device presents its certificate with the CA's after it.
    (tmp_path / "chain.pem").write_text(leaf + (tmp_path / "your-ca-cert").read_text())
    with DeviceEndpoint() as endpoint:
        port = str(endpoint.port)
        command = [
            *("mosquitto_pub", "--cafile", str(endpoint.root_ca_path)),
            *("--cert", "chain.pem", "--key", "bulb.key", "-h", endpoint.host, "-p", port),
            *("-q", "1", "-t", "foo/bar", "-i", "bulb-1", "-m", "Hello"),
        ]
        first, second = (
            subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=HANG, check=False)
            for _ in range(2)
        )
        assert (first.returncode != 0, second.returncode) == (True, 0), second.stderr

        report(endpoint, tmp_path, {"state": {"reported": {"power": "on"}}})

        answer = client(server.endpoint_url, "iot-data").get_thing_shadow(thingName="bulb-1")
    assert json.loads(answer["payload"].read())["state"] == {"reported": {"power": "on"}}
    described = shell.aws("iot describe-thing --thing-name bulb-1")
    assert described["thingTypeName"] == "lightBulb-versionA"


def report(endpoint: DeviceEndpoint, folder: Path, document: object) -> None:
    """Update the shadow of bulb-1 with paho, and wait until AWS IoT has taken it."""
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    topic = "$aws/things/bulb-1/shadow/update"
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    paho = Client(CallbackAPIVersion.VERSION2, client_id="bulb-1")
    paho.tls_set(str(endpoint.root_ca_path), str(folder / "chain.pem"), str(folder / "bulb.key"))
    paho.on_connect = lambda *_: paho.subscribe(f"{topic}/+", 1)
    paho.on_subscribe = lambda *_: paho.publish(topic, json.dumps(document), 1)
    paho.on_message = lambda *args: told.put(args[2].topic)
    paho.connect(endpoint.host, endpoint.port)
    paho.loop_start()
    try:
        assert told.get(timeout=HANG) == f"{topic}/accepted"
    finally:
        paho.disconnect()
        paho.loop_stop()
