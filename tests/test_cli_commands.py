"""The commands ``ca``, ``device``, ``connect``, ``render`` and ``fleet``."""

from __future__ import annotations

import io
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from support.servers import Api, client, provisioning_ca

from moto_jitp import CertificateAuthority
from moto_jitp.cli import main
from moto_jitp.server import ThreadedJitpServer

COUNTRY = "AWS::IoT::Certificate::Country"


class Done:
    """What a command printed, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str | Path) -> Done:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:  # argparse, on wrong usage
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run


@pytest.fixture
def template(tmp_path: Path) -> Path:
    from support.servers import TEMPLATE

    path = tmp_path / "template.json"
    path.write_text(json.dumps(TEMPLATE))
    return path


# ------------------------------------------------------------------------------- ca, device


def test_a_ca_and_a_device_are_written(run: Run, tmp_path: Path) -> None:
    made = run("ca", "new", tmp_path / "ca", "--common-name", "Acme", "--country", "KR", "--json")
    assert made.code == 0
    assert made.json["subject"] == "C=KR,CN=Acme"
    device = run("device", tmp_path / "d", "--ca", tmp_path / "ca", "--serial-number", "7")
    assert device.code == 0
    assert str(tmp_path / "d" / "chain.pem") in device.out
    chain = x509.load_pem_x509_certificates((tmp_path / "d" / "chain.pem").read_bytes())
    chain[0].verify_directly_issued_by(chain[1])
    key = tmp_path / "d" / "private_key.pem"
    if sys.platform != "win32":
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_files_that_exist_are_kept_unless_forced(run: Run, tmp_path: Path) -> None:
    run("ca", "new", tmp_path)
    before = (tmp_path / "certificate.pem").read_text()
    refused = run("ca", "new", tmp_path)
    assert refused.code == 1
    assert "--force" in refused.err
    assert (tmp_path / "certificate.pem").read_text() == before
    assert run("ca", "new", tmp_path, "--force").code == 0
    assert (tmp_path / "certificate.pem").read_text() != before


def test_an_intermediate_ca_is_signed_by_its_parent(run: Run, tmp_path: Path) -> None:
    run("ca", "new", tmp_path / "root", "--common-name", "Root", "--key", "rsa")
    run("ca", "new", tmp_path / "sub", "--common-name", "Sub", "--parent", tmp_path / "root")
    root, sub = (
        x509.load_pem_x509_certificate((tmp_path / name / "certificate.pem").read_bytes())
        for name in ("root", "sub")
    )
    sub.verify_directly_issued_by(root)


def test_a_verification_certificate_registers_the_ca(
    run: Run, tmp_path: Path, server: ThreadedJitpServer
) -> None:
    run("ca", "new", tmp_path)
    iot = client(server.endpoint_url)
    code = iot.get_registration_code()["registrationCode"]
    proof = run("ca", "verification-certificate", tmp_path, code)
    answer = iot.register_ca_certificate(
        caCertificate=(tmp_path / "certificate.pem").read_text(), verificationCertificate=proof.out
    )
    assert answer["certificateId"]
    to_file = run("ca", "verification-certificate", tmp_path, code, "--output", tmp_path / "v.pem")
    assert to_file.out == ""
    x509.load_pem_x509_certificate((tmp_path / "v.pem").read_bytes())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("ca", "new", "{tmp}/x", "--country", "Korea"), 1, "country"),
        (("device", "{tmp}/x", "--ca", "{tmp}/none"), 2, "no such file"),
        (("device", "{tmp}/x"), 2, "--ca"),
        (("nothing",), 2, "nothing"),
    ],
)
def test_wrong_usage_is_named(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = run(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert done.code == code
    assert said in done.err


@pytest.mark.parametrize(
    "command", ["serve", "wait", "demo", "connect", "render", "rule", "ca", "device", "fleet"]
)
def test_every_command_has_help_that_names_its_exit_codes(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.code == 0
    assert "exit codes: 0" in done.out
    assert f"    {command} " in run("--help").out


@pytest.mark.parametrize("command", [(), ("ca",)])
def test_a_command_that_is_given_nothing_to_do_prints_its_help(
    run: Run, command: tuple[str, ...]
) -> None:
    done = run(*command)
    assert (done.code, done.err) == (2, "")
    assert done.out == run(*command, "--help").out


# ------------------------------------------------------------------------------------- wait


def test_wait_returns_when_a_server_is_ready(run: Run, server: ThreadedJitpServer) -> None:
    done = run("wait", "--endpoint-url", server.endpoint_url)
    assert (done.code, done.out) == (0, f"{server.endpoint_url} is ready\n")


def test_wait_says_what_did_not_answer(run: Run) -> None:
    with ThreadedJitpServer() as server:
        url = server.endpoint_url
    done = run("wait", "--endpoint-url", url, "--timeout", "0")
    assert done.code == 1
    assert "no server was ready within 0 seconds" in done.err
    assert url in done.err
    assert run("wait", "--timeout", "soon").code == 2


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_IOT", "AWS_ENDPOINT_URL", "MOTO_PORT"])
def test_the_environment_says_where_the_server_is(
    run: Run, server: ThreadedJitpServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    is_port = variable == "MOTO_PORT"
    monkeypatch.setenv(variable, str(server.port) if is_port else server.endpoint_url)
    assert run("wait").code == 0
    assert run("fleet", "--devices", "1").code == 0
    assert len(client(server.endpoint_url).list_things()["things"]) == 1


# ---------------------------------------------------------------------------------- connect


def test_connect_prints_the_story(run: Run, tmp_path: Path, server: ThreadedJitpServer) -> None:
    ca = provisioning_ca(server.endpoint_url)
    ca.issue(common_name="bulb-1", country="KR").write(tmp_path / "good")
    ca.issue(common_name="bulb-2").write(tmp_path / "bad")
    good = run("connect", tmp_path / "good", "--endpoint-url", server.endpoint_url)
    assert good.code == 0
    assert "provisioned, AWS drops this connection" in good.out
    assert "CreateThing thing/bulb-1: ok" in good.out
    assert "ACCEPTED" in good.out
    bad = tmp_path / "bad" / "certificate.pem"
    refused = run("connect", bad, "--endpoint-url", server.endpoint_url)
    assert refused.code == 1
    assert "no country (C)" in refused.out


def test_connect_answers_scripts_in_json(
    run: Run, tmp_path: Path, server: ThreadedJitpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulb = provisioning_ca(server.endpoint_url).issue(country="KR")
    at = ("--endpoint-url", server.endpoint_url, "--json")
    monkeypatch.setattr(sys, "stdin", io.StringIO(bulb.certificate_pem))
    first = run("connect", "-", "--no-reconnect", *at)
    assert (first.code, first.json["reason"]) == (1, "RECONNECT_REQUIRED")
    files = bulb.write(tmp_path)
    accepted = run(
        "connect", files.certificate, "--key", files.private_key, "--client-id", "me", *at
    )
    assert (accepted.code, accepted.json["clientId"]) == (0, "me")
    other = CertificateAuthority().issue().write(tmp_path / "other").private_key
    wrong_key = run("connect", files.certificate, "--key", other, *at)
    assert wrong_key.json["reason"] == "NOT_AUTHENTICATED"
    wrong_name = run("connect", files.certificate, "--server-name", "x.example", *at)
    assert wrong_name.json["reason"] == "SNI_MISUSED"


def test_connect_takes_the_endpoint_url_from_the_environment(
    run: Run, tmp_path: Path, server: ThreadedJitpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_IOT", server.endpoint_url)
    bulb = provisioning_ca(server.endpoint_url).issue(country="KR").write(tmp_path)
    assert run("connect", bulb.certificate).code == 0


def test_connect_names_what_is_wrong(run: Run, tmp_path: Path, server: ThreadedJitpServer) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    wrong = run("connect", nothing, "--endpoint-url", server.endpoint_url)
    assert (wrong.code, "certificatePem" in wrong.err) == (1, True)
    assert run("connect", tmp_path / "none", "--endpoint-url", server.endpoint_url).code == 2
    assert run("connect", nothing, "--endpoint-url", "nowhere").code == 2
    silent = run("connect", nothing, "--endpoint-url", "http://127.0.0.1:1")
    assert silent.code == 1
    assert "moto-jitp serve" in silent.err


def test_a_subject_cannot_steer_the_terminal(
    run: Run, tmp_path: Path, server: ThreadedJitpServer
) -> None:
    bulb = CertificateAuthority().issue(common_name="\x1b[31mred\u202e").write(tmp_path)
    done = run("connect", bulb.certificate, "--endpoint-url", server.endpoint_url)
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out
    assert "\\x1b[31mred" in done.out


# ----------------------------------------------------------------------------------- render


def test_render_shows_what_would_be_created(run: Run, tmp_path: Path, template: Path) -> None:
    bulb = CertificateAuthority().issue(common_name="bulb-1", country="KR")
    bulb.write(tmp_path / "bulb")
    shown = run("render", template, "--certificate", tmp_path / "bulb")
    assert shown.code == 0
    assert "thing bulb-1" in shown.out
    assert "attribute country: KR" in shown.out
    assert f"certificate {bulb.certificate_id}" in shown.out
    as_json = run("render", template, "--certificate", tmp_path / "bulb", "--json").json
    assert as_json["plan"]["thing"]["attributes"] == {"country": "KR"}
    assert as_json["failure"] is None


def test_render_names_the_place_and_the_reason_of_a_failure(
    run: Run, tmp_path: Path, template: Path
) -> None:
    bulb = CertificateAuthority().issue().write(tmp_path)
    failed = run("render", template, "--certificate", bulb.certificate)
    assert failed.code == 1
    assert f"Cannot resolve reference value: {{Ref={COUNTRY}}}" in failed.out
    assert f"place in the template: Parameters.{COUNTRY}" in failed.out
    as_json = run("render", template, "--certificate", bulb.certificate, "--json")
    assert as_json.code == 1
    assert as_json.json["failure"]["place"] == f"Parameters.{COUNTRY}"


def test_render_takes_parameters_by_their_short_names(run: Run, template: Path) -> None:
    given = ("--parameters", "CommonName=bulb-1", "Country=KR", "Id=0a")
    assert "attribute country: KR" in run("render", template, *given).out
    long_names = [f"AWS::IoT::Certificate::{text}" for text in given[1:]]
    assert run("render", template, "--parameters", *long_names).code == 0
    assert run("render", template, "--parameters", *given[1:3]).code == 0  # any Id will do
    assert run("render", template, "--parameters", "CommonName=bulb-1").code == 1
    assert run("render", template, "--parameters", "CommonName").code == 2


def test_render_without_a_device_only_lints(run: Run, tmp_path: Path, template: Path) -> None:
    assert run("render", template).out == "The template is fine.\n"
    document = json.loads(template.read_text())
    document["Parameters"]["Unused"] = {"Type": "String"}
    template.write_text(json.dumps(document))
    warned = run("render", template)
    assert warned.code == 0
    assert "warning at Parameters.Unused" in warned.out
    assert run("render", template, "--fail-on-warning").code == 1
    document["Resources"]["thing"]["Properties"]["ThingName"] = {"Ref": "Nothing"}
    template.write_text(json.dumps(document))
    wrong = run("render", template, "--json")
    assert wrong.code == 1
    places = [
        finding["place"] for finding in wrong.json["findings"] if finding["severity"] == "error"
    ]
    assert any(place.startswith("Resources.thing.Properties.ThingName") for place in places)


def test_render_takes_a_registration_config(run: Run, tmp_path: Path, template: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"templateBody": template.read_text(), "roleArn": "arn:aws:x"}))
    assert run("render", config).out == "The template is fine.\n"


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"templateBody": 5}', "\x00"])
def test_render_refuses_what_is_not_a_template(run: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / "no-template.json"
    path.write_text(text)
    assert run("render", path).code == 1


# ------------------------------------------------------------------------------------ fleet


def test_a_fleet_connects_in_this_process(run: Run) -> None:
    done = run("fleet", "--devices", "20", "--without-country", "25", "--json")
    assert done.code == 0
    report = done.json
    assert (report["devices"], report["accepted"], report["refused"]) == (20, 15, 5)
    assert report["failures"][0]["reason"] == "PROVISIONING_FAILED"
    assert report["failures"][0]["count"] == 5
    assert report["milliseconds"]["p50"] <= report["milliseconds"]["max"]
    assert report["devicesPerSecond"] > 0


def test_a_fleet_connects_to_a_server(run: Run, server: ThreadedJitpServer) -> None:
    for _ in range(2):  # the second one finds the thing type and groups of the first
        done = run("fleet", "--devices", "10", "--endpoint-url", server.endpoint_url)
        assert done.code == 0, done.err
        assert "10 devices in" in done.out
        assert "p99" in done.out
    assert Api(server.endpoint_url).get("/state")["totals"]["accepted"] == 20


def test_a_fleet_of_a_registered_ca(run: Run, tmp_path: Path, server: ThreadedJitpServer) -> None:
    run("ca", "new", tmp_path)
    from moto_jitp.commands.files import read_ca

    at = ("--endpoint-url", server.endpoint_url)
    unknown = run("fleet", "--devices", "3", "--ca", tmp_path, *at, "--json")
    assert unknown.code == 1
    assert unknown.json["failures"][0]["reason"] == "DEVICE_CERTIFICATE_NOT_REGISTERED"
    from support.servers import TEMPLATE

    read_ca(str(tmp_path)).register(client(server.endpoint_url), template_body=TEMPLATE)
    assert run("fleet", "--devices", "3", "--ca", tmp_path, *at).code == 0


def test_a_fleet_takes_a_template_of_yours(run: Run, tmp_path: Path, template: Path) -> None:
    assert run("fleet", "--devices", "3", "--template", template).code == 0
    template.write_text("{}")
    refused = run("fleet", "--devices", "3", "--template", template)
    assert refused.code == 1
    assert "Template must have certificate resource" in refused.err


@pytest.mark.parametrize(
    "arguments",
    [("--devices", "0"), ("--without-country", "101"), ("--ca", "x"), ("--threads", "-1")],
)
def test_wrong_numbers_of_a_fleet_are_refused(run: Run, arguments: tuple[str, str]) -> None:
    assert run("fleet", *arguments).code in (1, 2)
