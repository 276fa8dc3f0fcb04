"""The README's first command shows two devices."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from moto_jitp.cli import main

pytestmark = pytest.mark.slow


def test_the_demo_tells_of_a_device_that_succeeds_and_of_one_that_fails_and_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["demo"]) == 0
    good, _, bad = capsys.readouterr().out.partition("4. The device bulb-2")
    for action in ("RegisterCertificate", "CreateThing", "CreatePolicy", "UpdateCertificate"):
        assert f"{action} " in good
    assert "certificate: ACTIVE" in good
    assert "lightBulb-versionA" in good
    assert "FAILED" not in good
    assert "requires AWS::IoT::Certificate::Country: missing" in bad
    assert "certificate: PENDING_ACTIVATION" in bad
    assert "The certificate's subject has no country (C)" in bad


def test_the_demo_answers_scripts_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--json"]) == 0
    story = json.loads(capsys.readouterr().out)
    assert story["succeeds"]["accepted"] is True
    assert story["succeeds"]["thingName"] == "bulb-1"
    assert story["fails"]["accepted"] is False
    assert story["fails"]["reason"] == "PROVISIONING_FAILED"
    assert "country" in story["fails"]["advice"]


def test_the_demo_takes_no_notice_of_the_users_own_aws_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "a-profile-that-is-not-there")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main(["demo"]) == 0
    assert "certificate: ACTIVE" in capsys.readouterr().out


def test_the_demo_runs_without_what_the_server_needs() -> None:
    program = (
        "import sys\n"
        "sys.modules['flask'] = sys.modules['flask_cors'] = None\n"
        "from moto_jitp.cli import main\n"
        "sys.exit(main(['demo']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_command_is_installed_under_its_name() -> None:
    (command,) = entry_points(group="console_scripts", name="moto-jitp")
    assert command.load() is main
