"""The name that a device chooses never starts a line of its own in a log or on a terminal."""

from __future__ import annotations

import json
import logging
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cloud import client
from support.patience import HANG
from support.plugin_runs import Run, run
from support.servers import TEMPLATE, Api, provisioning_ca, serving

from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device
from moto_jitp.cli import main
from moto_jitp.endpoint.log import EndpointLog
from moto_jitp.endpoint.peer import Peer
from moto_jitp.printing import one_line
from moto_jitp.server import ThreadedJitpServer
from moto_jitp.server.logs import TextFormatter

pytest_plugins = ["pytester"]
__all__ = ["run"]

#: Each character that some program takes for the end of a line, before what looks like a line.
BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
#: Short, as a common name has 64 characters at most.
FORGED = "FAKE"
NAME = "b" + "".join(f"{line_break}{FORGED}" for line_break in BREAKS) + "\x1b[2J"


def forged(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.lstrip().startswith(FORGED)]


@given(st.text())
def test_any_text_is_one_line(text: str) -> None:
    shown = one_line(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    shown.encode("utf-8")


def test_what_people_write_is_shown_as_it_is() -> None:
    for text in ("", "CN=전구 1", "CN=Lampe Büro, O=株式会社\u3000灯", "a\u00a0b"):
        assert one_line(text) == text


@pytest.mark.usefixtures("mocked")
def test_a_refusal_has_no_line_of_the_devices() -> None:
    ca = CertificateAuthority(common_name=NAME)
    device = ca.issue(NAME, country="KR")
    with pytest.raises(ConnectionRefused) as unknown:
        connect_device(device)
    ca.register(client(), template_body=TEMPLATE)
    with pytest.raises(ConnectionRefused) as bad_name:
        connect_device(device)
    for caught in (unknown, bad_name):
        assert FORGED in str(caught.value)
        assert forged(str(caught.value)) == []
    for value in (ca, device, device.presented):
        assert len(repr(value).splitlines()) == 1


@pytest.mark.parametrize("country", ["KR", None], ids=["bad thing name", "no country"])
def test_connect_prints_no_line_of_the_devices(
    country: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadedJitpServer() as server:
        ca = provisioning_ca(server.endpoint_url)
        ca.issue(NAME, country=country).write(tmp_path)
        assert main(["connect", str(tmp_path), "--endpoint-url", server.endpoint_url]) == 1
    out, err = capsys.readouterr()
    assert FORGED in out
    assert forged(out + err) == []
    assert "\x1b" not in out + err


def test_connect_prints_no_line_out_of_a_client_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadedJitpServer() as server:
        provisioning_ca(server.endpoint_url).issue("bulb-1").write(tmp_path)
        at = ("--endpoint-url", server.endpoint_url)
        main(["connect", str(tmp_path), "--client-id", f"me\n{FORGED}", *at])
    out, err = capsys.readouterr()
    assert forged(out + err) == []


def test_render_prints_no_line_of_the_devices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ca = CertificateAuthority()
    (tmp_path / "template.json").write_text(json.dumps(TEMPLATE))
    for country in ("KR", None):
        ca.issue(NAME, country=country).write(tmp_path / f"of {country}")
        device = str(tmp_path / f"of {country}")
        main(["render", str(tmp_path / "template.json"), "--certificate", device])
        out, err = capsys.readouterr()
        assert forged(out + err) == []


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_log_has_no_line_of_the_devices(tmp_path: Path, log_format: str) -> None:
    log = tmp_path / "log"
    with log.open("w") as file, serving("--log-format", log_format, stderr=file) as server:
        ca = provisioning_ca(server.endpoint_url)
        api = Api(server.endpoint_url)
        api.connect(ca.issue(NAME, country="KR"))
        api.connect(ca.issue(NAME))
        api.connect(ca.issue("bulb-1", country="KR"), clientId=f"me\n{FORGED}")
        api.request("GET", f"/nothing%0a{FORGED}")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(HANG)
    text = log.read_text()
    assert FORGED in text
    assert forged(text) == []
    assert "\x1b" not in text


def test_a_log_of_ones_own_has_no_line_of_the_devices(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="moto_jitp.server")
    with ThreadedJitpServer() as server:
        ca = provisioning_ca(server.endpoint_url)
        api = Api(server.endpoint_url)
        api.connect(ca.issue(NAME, country="KR"))
        api.connect(ca.issue("bulb-1", country="KR"), clientId=f"me\n{FORGED}")
    messages = [record.getMessage() for record in caplog.records]
    assert any(FORGED in message for message in messages)
    assert [line for message in messages for line in forged(message)] == []


def test_the_log_of_an_endpoint_has_no_line_of_the_devices(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="moto_jitp.endpoint")
    log, peer = EndpointLog(), Peer("127.0.0.1", 4711, server_name=NAME)
    log.stranger(peer, f"no certificate of {NAME}")
    log.client(peer, NAME, f"there is no {NAME}")
    log.failed(ValueError(NAME))
    messages = [record.getMessage() for record in caplog.records]
    assert messages == list(log.entries)
    assert all(FORGED in message for message in messages)
    assert [line for message in messages for line in forged(message)] == []
    assert "\x1b" not in "".join(messages)


def test_a_traceback_in_the_log_is_indented() -> None:
    try:
        raise RuntimeError(f"no\n{FORGED}")
    except RuntimeError:
        record = logging.LogRecord("x", 40, "x", 1, f"a\n{FORGED}", (), sys.exc_info())
    first, *others = TextFormatter().format(record).split("\n")
    assert first.endswith(f"a\\n{FORGED}")
    assert others
    assert all(line.startswith("  ") for line in others)


def test_the_report_of_a_failed_test_has_no_line_of_the_devices(run: Run) -> None:
    result = run(
        f"""
        import moto_jitp

        def test_it(jitp):
            try:
                jitp.connect(jitp.issue({NAME!r}))
            except moto_jitp.ConnectionRefused:
                pass
            raise KeyError
        """
    )
    text = str(result.stdout)
    report = text[text.index("JITP connections") :]
    assert FORGED in report
    assert forged(report) == []
