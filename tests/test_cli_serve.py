"""``moto-jitp serve`` in scripts: where it listens, how it ends, what it logs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from support.patience import HANG
from support.servers import Api, clean_environment, client, program, provisioning_ca, serving

from moto_jitp import CertificateAuthority
from moto_jitp.server import ThreadedJitpServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]


def test_it_says_where_it_listens_and_how_to_use_it() -> None:
    with serving() as server:
        assert server.first_line == f"moto_jitp listens on {server.endpoint_url}\n"
        assert server.endpoint_url.startswith("http://127.0.0.1:")
        lines = server.lines(3)
        assert f"aws --endpoint-url {server.endpoint_url} iot" in lines[0]
        assert f"endpoint_url='{server.endpoint_url}'" in lines[1]
        assert f"{server.endpoint_url}/moto-api/jitp/" in lines[2]
        assert Api(server.endpoint_url).get("/ready")["status"] == "ready"


def test_it_says_at_once_where_other_machines_can_reach_it() -> None:
    with serving("--host", "0.0.0.0") as server:
        assert "(on 0.0.0.0, where other machines can reach it" in server.first_line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with serving() as server:
        client(server.endpoint_url).create_thing(thingName="one")
        server.process.send_signal(number)
        assert server.process.wait(HANG) == 0


def test_sigint_ends_it_also_in_the_background_of_a_script(tmp_path: Path) -> None:
    log = tmp_path / "log"
    # A shell without job control starts background jobs with SIGINT ignored.
    command = " ".join(f"'{word}'" for word in program("serve", "--port", "0"))
    script = f"""
        {command} >'{log}' 2>/dev/null &
        pid=$!
        until grep -q listens '{log}'; do kill -0 $pid || exit 9; done
        kill -INT $pid
        wait $pid
        echo "exit code $?"
    """
    done = subprocess.run(
        ["sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=HANG,
        env=clean_environment(),
        check=False,
    )
    assert done.stdout == "exit code 0\n", done.stderr


def test_it_ends_with_the_process_that_started_it() -> None:
    with serving("--exit-with-stdin", stdin=subprocess.PIPE) as server:
        assert Api(server.endpoint_url).get("/ready")["status"] == "ready"
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(HANG) == 0


@pytest.mark.parametrize("more", [(), ("--reload",)])
def test_a_taken_port_is_a_clear_error_at_once(more: tuple[str, ...]) -> None:
    with ThreadedJitpServer() as server:
        done = run("serve", "--port", str(server.port), *more)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "address already in use" in done.stderr
    assert "--port 0" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "70000"), "70000"),
        (("--port", "x"), "'x' is not a valid port"),
        (("--ssl-cert", "x.pem"), "--ssl-key"),
        (("--config", "{"), "not a JSON object"),
        (("--config", "@nofile"), "cannot read nofile: no such file"),
        (("--config", '{"jitp": {"trail": false}}'), 'section, not {"jitp": {"trail": false}} but'),
        (("--config", '{"stict": true}'), "Did you mean 'strict'"),
        (("--log-format", "xml"), "xml"),
        (("--reload", "--exit-with-stdin"), "cannot be combined"),
    ],
)
def test_wrong_usage_is_named(arguments: tuple[str, ...], said: str) -> None:
    done = run("serve", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_json_logs_tell_programs_where_it_listens_and_what_devices_did(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as file, serving("--log-format", "json", stderr=file) as server:
        first = json.loads(server.first_line)
        assert first["event"] == "listening"
        assert first["endpointUrl"] == server.endpoint_url
        assert first["pid"] == server.process.pid
        ca = provisioning_ca(server.endpoint_url)
        Api(server.endpoint_url).connect(ca.issue("bulb-1", country="KR"))
        Api(server.endpoint_url).connect(ca.issue("bulb-2"))
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(HANG)
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    connections = [entry for entry in entries if entry["event"] == "connection"]
    reasons = [entry["reason"] for entry in connections]
    assert reasons == ["RECONNECT_REQUIRED", None, "PROVISIONING_FAILED"]
    assert connections[-1]["clientId"] == "bulb-2"
    requests = [entry for entry in entries if entry["event"] == "request"]
    assert {"method", "path", "status", "milliseconds", "time"} <= requests[0].keys()


def test_text_logs_tell_people_why_a_device_was_refused(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as file, serving(stderr=file) as server:
        ca = provisioning_ca(server.endpoint_url)
        Api(server.endpoint_url).connect(ca.issue("bulb\x1b[2J"))
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(HANG)
    text = log.read_text()
    assert "PROVISIONING_FAILED" in text
    assert "no country (C)" in text
    assert "\x1b" not in text
    assert re.search(r"POST /moto-api/jitp/connect 200", text)


def test_settings_come_from_the_command_line_or_a_file(tmp_path: Path) -> None:
    settings = tmp_path / "jitp.json"
    settings.write_text('{"enforce_policies": true}')
    with serving("--config", f"@{settings}") as server:
        config = Api(server.endpoint_url).get("/config")
        assert config["enforce_policies"] is True
        assert config["strict"] is True


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_https_with_a_certificate_made_for_the_purpose(tmp_path: Path) -> None:
    with serving("--ssl") as server:
        assert server.endpoint_url.startswith("https://")
        assert Api(server.endpoint_url).get("/ready")["status"] == "ready"
        (tmp_path / "bulb.pem").write_text(CertificateAuthority().issue().certificate_pem)
        connect = ("connect", str(tmp_path / "bulb.pem"), "--endpoint-url", server.endpoint_url)
        untrusted = run(*connect)
        assert untrusted.returncode == 1
        assert "give the command --no-verify-ssl" in untrusted.stderr
        refused = run(*connect, "--no-verify-ssl")
        assert "DEVICE_CERTIFICATE_NOT_REGISTERED" in refused.stdout


def test_the_port_may_come_from_the_environment_as_with_motos_server() -> None:
    with ThreadedJitpServer() as server:
        port = server.port
        done = run("serve", env={"MOTO_PORT": str(port)})
    assert f"127.0.0.1:{port}: address already in use" in done.stderr


def test_with_the_reloader_it_serves_and_ends_on_a_signal() -> None:
    with serving("--reload") as server:
        with urllib.request.urlopen(f"{server.endpoint_url}/moto-api/jitp/ready") as answer:
            assert answer.status == 200
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(HANG)


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program(*arguments),
        capture_output=True,
        text=True,
        timeout=HANG,
        env=clean_environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        check=False,
    )
