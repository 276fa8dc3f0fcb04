"""``serve --mqtt-port``, ``connect --mqtt`` and ``fleet --mqtt``: real devices from the command."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")
pytest.importorskip("flask", reason="the extra [server] is not installed")

from support.endpoint_clients import RawClient, client_context
from support.patience import HANG
from support.servers import Api, clean_environment, client, program, provisioning_ca, serving

from moto_jitp import DeviceIdentity
from moto_jitp.cli import main
from moto_jitp.endpoint.device_client import DeviceClient, EndpointAddress, connect_over_mqtt
from moto_jitp.mqtt.packets import (
    Connack,
    Connect,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Version,
    Will,
)
from moto_jitp.mqtt.properties import Properties

V5 = Version.MQTT_5

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]


def test_serve_says_where_devices_connect_and_where_the_root_certificate_is() -> None:
    with serving("--mqtt-port", "0", "--alpn-port", "0") as server:
        told = [line.rstrip("\n") for line in server.lines(6)[3:]]
        ports = re.search(r"on host localhost, port (\d+), and with ALPN port (\d+)", told[0])
        assert ports is not None
        path = Path(told[1].partition("root certificate: ")[2])
        api = Api(server.endpoint_url)

        endpoint = api.get("/endpoint")
        root = api.request("GET", "/endpoint/root.pem")

        assert [endpoint["port"], endpoint["alpnPort"]] == [int(port) for port in ports.groups()]
        assert endpoint["host"] == "localhost"
        assert told[2].strip() == f"{server.endpoint_url}/moto-api/jitp/endpoint/root.pem"
        assert root.headers["Content-Type"] == "application/x-pem-file"
        assert root.data.decode() == endpoint["rootCaPem"] == path.read_text()

        ca = provisioning_ca(server.endpoint_url)
        address = EndpointAddress(endpoint["host"], endpoint["port"], endpoint["rootCaPem"])
        bulb = ca.issue(common_name="bulb-1", country="KR")
        assert connect_over_mqtt(address, bulb, "bulb-1")
        [first, second] = api.get("/connections")["connections"]
        assert first["reason"] == "RECONNECT_REQUIRED"
        assert second["accepted"]


def test_a_device_of_a_server_gets_credentials_over_https_that_boto3_uses() -> None:
    with serving("--mqtt-port", "0", "--https-port", "0") as server:
        told = server.lines(4)[3:]
        endpoint = Api(server.endpoint_url).get("/endpoint")
        lines = server.lines(1)
        assert f"on host localhost, port {endpoint['port']}" in told[0]
        assert f"https://localhost:{endpoint['httpsPort']}/topics/" in lines[0]
        iot = client(server.endpoint_url, "iot")
        iot.create_role_alias(roleAlias="photos", roleArn="arn:aws:iam::123456789012:role/p")
        address = EndpointAddress(endpoint["host"], endpoint["port"], endpoint["rootCaPem"])
        bulb = provisioning_ca(server.endpoint_url).issue(common_name="bulb-1", country="KR")
        assert connect_over_mqtt(address, bulb, "bulb-1")

        https = http.client.HTTPSConnection(
            "localhost",
            endpoint["httpsPort"],
            timeout=HANG,
            context=client_context(endpoint["rootCaPem"], bulb),
        )
        https.request("GET", "/role-aliases/photos/credentials")
        given = json.loads(https.getresponse().read())["credentials"]
        https.close()
        sts = client(
            server.endpoint_url,
            "sts",
            aws_access_key_id=given["accessKeyId"],
            aws_secret_access_key=given["secretAccessKey"],
            aws_session_token=given["sessionToken"],
        )
        assert sts.get_caller_identity()["Arn"].endswith(f"/p/{bulb.certificate_id}")


@pytest.mark.parametrize("option", ["--alpn-port", "--https-port"])
def test_a_port_beside_the_one_for_mqtt_needs_it(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", option, "0"]) == 2
    assert f"{option} needs --mqtt-port" in capsys.readouterr().err


def test_wills_wait_at_a_server_where_that_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["serve", "--delays-wills"]) == 2
    assert "--delays-wills needs --mqtt-port" in capsys.readouterr().err

    with serving("--mqtt-port", "0", "--delays-wills") as server:
        api = Api(server.endpoint_url)
        endpoint = api.get("/endpoint")
        address = EndpointAddress(endpoint["host"], endpoint["port"], endpoint["rootCaPem"])
        ca = provisioning_ca(server.endpoint_url)
        bulb, other = (ca.issue(common_name=f"bulb-{n}", country="KR") for n in range(2))
        for number, device in enumerate((bulb, other)):
            assert connect_over_mqtt(address, device, f"bulb-{number}")
        properties = Properties(will_delay_interval=3600)
        kept = Properties(session_expiry_interval=3600)
        will = Will("wills", b"gone", 1, properties=properties)

        def connected(device: DeviceIdentity, client_id: str, **more: Any) -> RawClient:
            context = client_context(endpoint["rootCaPem"], device)
            there = RawClient(endpoint["port"], context)
            there.send(Connect(client_id, V5, properties=kept, **more))
            there.receive(Connack)
            return there

        with connected(other, "bulb-1") as listener:
            listener.send(Subscribe(1, (Subscription("wills", 1),)))
            listener.receive(Suback)
            connected(bulb, "bulb-0", will=will).close()
            with connected(bulb, "bulb-0", clean_start=False):
                listener.send(Publish("wills", b"no will has come", 1, 2))
                packets = [listener.next_packet() for _ in range(2)]

    [heard] = [packet.payload for packet in packets if isinstance(packet, Publish)]
    assert heard == b"no will has come"


def test_serve_tells_programs_where_devices_connect() -> None:
    with serving("--mqtt-port", "0", "--log-format", "json") as server:
        told = json.loads(server.first_line)
        assert told["mqttHost"] == "localhost"
        assert told["mqttPort"] > 0
        assert told["alpnPort"] is None
        assert Path(told["rootCaPath"]).read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_a_taken_port_is_an_error_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            program("serve", "--port", "0", "--mqtt-port", port),
            capture_output=True,
            text=True,
            timeout=HANG,
            env=clean_environment(),
            check=False,
        )

    assert done.returncode == 1
    assert f"cannot listen on localhost:{port}" in done.stderr
    assert "--mqtt-port 0 picks a free one" in done.stderr


@pytest.mark.parametrize(
    ("first", "protocol"), [(b"\x16\x03\x01\x02\x00\x01", "TLS"), (b"\x10\x0c\x00\x04MQTT", "MQTT")]
)
@pytest.mark.parametrize("with_endpoint", [False, True])
def test_a_device_at_the_http_port_is_told_where_devices_connect(
    first: bytes, protocol: str, with_endpoint: bool
) -> None:
    options = ("--mqtt-port", "0") if with_endpoint else ()
    with serving(*options, stderr=subprocess.PIPE) as server:
        port = int(server.endpoint_url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as there:
            there.sendall(first)
            assert there.recv(100) == b""
        [line] = server.error_lines(1)

    assert f"speaks {protocol} to this port, which is for HTTP" in line
    assert ("devices connect to host localhost" if with_endpoint else "--mqtt-port 8883") in line


def test_serve_tells_of_a_device_that_shows_no_certificate() -> None:
    with serving("--mqtt-port", "0", stderr=subprocess.PIPE) as server:
        endpoint = Api(server.endpoint_url).get("/endpoint")
        context = client_context(endpoint["rootCaPem"], None)
        with contextlib.suppress(ssl.SSLError), RawClient(endpoint["port"], context) as device:
            device.connect()
        lines = server.error_lines(2)

    assert any("TLS handshake failed: peer did not return a certificate" in line for line in lines)


def test_connect_over_mqtt_prints_the_story(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving("--mqtt-port", "0") as server:
        ca = provisioning_ca(server.endpoint_url)
        device = ca.issue(common_name="bulb-1", country="KR")
        files = device.write(tmp_path)
        command = ["connect", str(files.chain), "--key", str(files.private_key), "--mqtt"]
        command += ["--endpoint-url", server.endpoint_url]

        assert main(command) == 0
        story = capsys.readouterr().out
        assert "provisioned, AWS drops this connection" in story
        assert "ACCEPTED" in story
        assert "server name localhost" in story

        assert main([*command, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["accepted"] is True

        assert main([*command, "--server-name", "x"]) == 2
        assert main([command[0], str(files.chain), *command[4:]]) == 2


def test_connect_over_mqtt_needs_an_endpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as server:
        ca = provisioning_ca(server.endpoint_url)
        files = ca.issue(common_name="bulb-1", country="KR").write(tmp_path)
        command = ["connect", str(files.chain), "--key", str(files.private_key), "--mqtt"]

        assert main([*command, "--endpoint-url", server.endpoint_url]) == 1
        assert "--mqtt-port" in capsys.readouterr().err


@pytest.mark.parametrize("at_server", [False, True])
def test_a_fleet_connects_over_mqtt(at_server: bool, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["fleet", "--mqtt", "--devices", "10", "--without-country", "20", "--json"]
    if at_server:
        with serving("--mqtt-port", "0") as server:
            assert main([*command, "--endpoint-url", server.endpoint_url]) == 0
    else:
        assert main(command) == 0

    report = json.loads(capsys.readouterr().out)
    assert (report["accepted"], report["refused"]) == (8, 2)
    assert [failure["reason"] for failure in report["failures"]] == ["PROVISIONING_FAILED"]


def test_a_device_of_the_command_says_that_it_goes() -> None:
    from support.endpoint_stories import running

    with running() as place:
        bulb = place.device()
        address = EndpointAddress(
            place.endpoint.host, place.endpoint.port, place.endpoint.root_ca_pem
        )
        with DeviceClient(address, bulb, "bulb-1") as there:
            assert there.connect() is not None
        event = place.endpoint.wait_for("disconnection", client_id="bulb-1")
        assert event.payload["clientInitiatedDisconnect"] is True
