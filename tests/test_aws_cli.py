"""AWS's guide with the real AWS CLI and OpenSSL, command by command, against a server.

https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
https://docs.aws.amazon.com/iot/latest/developerguide/create-your-CA-cert.html
https://docs.aws.amazon.com/iot/latest/developerguide/create-device-cert.html
"""

from __future__ import annotations

import importlib.util
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.bodies import GUIDE_BODY
from support.patience import HANG
from support.servers import Api, clean_environment
from test_guide_walkthrough import CONFIG_FILE

from moto_jitp.server import ThreadedJitpServer


def aws_command() -> list[str] | None:
    """The AWS CLI of this environment, else the machine's; ``None`` where there is none."""
    if importlib.util.find_spec("awscli") is not None:
        return [sys.executable, "-m", "awscli"]
    found = shutil.which("aws")
    return [found] if found else None


AWS = aws_command()
OPENSSL = shutil.which("openssl")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(AWS is None, reason="the AWS CLI is not installed: pip install awscli"),
    pytest.mark.skipif(OPENSSL is None, reason="OpenSSL's command openssl is not installed"),
]


class Shell:
    """A folder to work in, and the commands of the guide."""

    def __init__(self, folder: Path, endpoint_url: str) -> None:
        self.folder = folder
        self._endpoint_url = endpoint_url

    def openssl(self, arguments: str) -> None:
        self._run([str(OPENSSL), *shlex.split(arguments)])

    def aws(self, arguments: str) -> Any:
        """Run a command of the AWS CLI, and return the JSON that it prints."""
        done = self._aws(arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def aws_refused(self, arguments: str) -> str:
        """Run a command that AWS refuses, and return what it says."""
        done = self._aws(arguments)
        assert done.returncode in (254, 255), done.stdout  # version 2, version 1
        return done.stderr

    def _aws(self, arguments: str) -> subprocess.CompletedProcess[str]:
        assert AWS is not None
        words = shlex.split(arguments)
        return self._run([*AWS, "--endpoint-url", self._endpoint_url, *words], check=False)

    def _run(self, command: list[str], check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = clean_environment(
            AWS_ACCESS_KEY_ID="testing",
            AWS_SECRET_ACCESS_KEY="testing",
            AWS_DEFAULT_REGION="us-east-1",
            AWS_CONFIG_FILE="/dev/null",
            AWS_SHARED_CREDENTIALS_FILE="/dev/null",
            AWS_PAGER="",
        )
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG,
            check=check,
        )

    def make_ca(self) -> None:
        """The CA's key and certificate, as AWS's page on creating a CA makes them."""
        (self.folder / "openssl.cnf").write_text(
            "[req]\ndistinguished_name = subject\nx509_extensions = v3_ca\nprompt = no\n"
            "[subject]\nO = Acme\nCN = Acme Root\n"
            "[v3_ca]\nsubjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid:always,issuer\n"
            "basicConstraints = critical, CA:true\n"
        )
        self.openssl("genrsa -out ca.key 2048")
        self.openssl(
            "req -x509 -new -nodes -key ca.key -sha256 -days 1024 -out your-ca-cert -config "
            "openssl.cnf -extensions v3_ca"
        )

    def issue(self, name: str, subject: str) -> str:
        """A certificate that the CA signs, as AWS's pages make them; returns its PEM text."""
        self.openssl(f"genrsa -out {name}.key 2048")
        self.openssl(f"req -new -key {name}.key -out {name}.csr -subj {shlex.quote(subject)}")
        self.openssl(
            f"x509 -req -in {name}.csr -CA your-ca-cert -CAkey ca.key -CAcreateserial -out "
            f"{name}.pem -days 500 -sha256"
        )
        return (self.folder / f"{name}.pem").read_text()

    def make_what_the_template_names(self) -> None:
        self.aws("iot create-thing-type --thing-type-name lightBulb-versionA")
        for group in ("v1-lightbulbs", "KR"):
            self.aws(f"iot create-thing-group --thing-group-name {group}")


@pytest.fixture
def shell(server: ThreadedJitpServer, tmp_path: Path) -> Shell:
    shell = Shell(tmp_path, server.endpoint_url)
    shell.make_ca()
    (tmp_path / "your-template").write_bytes(CONFIG_FILE.encode())
    (tmp_path / "your-template-body.json").write_text(GUIDE_BODY)
    return shell


def test_the_guide_with_a_template_body_in_default_mode(
    server: ThreadedJitpServer, shell: Shell
) -> None:
    shell.make_what_the_template_names()
    code = shell.aws("iot get-registration-code")["registrationCode"]
    shell.issue("your-verification-cert", f"/CN={code}")
    registered = shell.aws(
        "iot register-ca-certificate --ca-certificate file://your-ca-cert "
        "--verification-cert file://your-verification-cert.pem --set-as-active "
        "--allow-auto-registration --registration-config file://your-template"
    )
    assert ":cacert/" in registered["certificateArn"]

    outcome = Api(server.endpoint_url).connect(
        shell.issue("bulb", "/C=KR/O=Acme/CN=bulb-1/serialNumber=42")
    )

    assert outcome["accepted"] is True, outcome["explanation"]
    certificate_id = outcome["certificateId"]
    found = shell.aws(f"iot describe-certificate --certificate-id {certificate_id}")
    assert found["certificateDescription"]["status"] == "ACTIVE"
    assert found["certificateDescription"]["caCertificateId"] == registered["certificateId"]
    thing = shell.aws("iot describe-thing --thing-name bulb-1")
    assert thing["thingTypeName"] == "lightBulb-versionA"
    assert thing["attributes"] == {"version": "v1", "serialNumber": "42"}
    principals = shell.aws("iot list-thing-principals --thing-name bulb-1")
    assert principals["principals"] == [outcome["certificateArn"]]
    policies = shell.aws(f"iot list-attached-policies --target {outcome['certificateArn']}")
    assert len(policies["policies"]) == 1


def test_the_guide_with_a_template_name_in_sni_only_mode(
    server: ThreadedJitpServer, shell: Shell
) -> None:
    created = shell.aws(
        "iot create-provisioning-template --template-name your-template-name "
        "--template-body file://your-template-body.json --type JITP --enabled "
        "--provisioning-role-arn arn:aws:iam::123456789012:role/test"
    )
    assert created["defaultVersionId"] == 1
    registered = shell.aws(
        "iot register-ca-certificate --ca-certificate file://your-ca-cert "
        "--certificate-mode SNI_ONLY --set-as-active --allow-auto-registration "
        "--registration-config templateName=your-template-name"
    )
    bulb = shell.issue("bulb", "/C=KR/CN=bulb-1/serialNumber=42")
    api = Api(server.endpoint_url)

    # Its thing type and groups do not exist yet: the device says so, and comes again.
    refused = api.connect(bulb)
    assert refused["reason"] == "PROVISIONING_FAILED"
    assert "lightBulb-versionA" in refused["explanation"]
    shell.make_what_the_template_names()
    accepted = api.connect(bulb)
    assert accepted["accepted"] is True, accepted["explanation"]
    assert accepted["provisioning"]["templateName"] == "your-template-name"

    described = shell.aws(
        f"iot describe-ca-certificate --certificate-id {registered['certificateId']}"
    )
    assert described["certificateDescription"]["certificateMode"] == "SNI_ONLY"
    assert described["registrationConfig"]["templateName"] == "your-template-name"
    certificates = shell.aws(
        f"iot list-certificates-by-ca --ca-certificate-id {registered['certificateId']}"
    )
    assert [one["status"] for one in certificates["certificates"]] == ["ACTIVE"]
    listed = shell.aws("iot list-ca-certificates --template-name your-template-name")
    assert [ca["certificateId"] for ca in listed["certificates"]] == [registered["certificateId"]]


def test_the_guide_updates_a_registered_ca(server: ThreadedJitpServer, shell: Shell) -> None:
    registered = shell.aws(
        "iot register-ca-certificate --ca-certificate file://your-ca-cert "
        "--certificate-mode SNI_ONLY --set-as-active"
    )
    api = Api(server.endpoint_url)
    bulb = shell.issue("bulb", "/C=KR/CN=bulb-1/serialNumber=42")
    assert api.connect(bulb)["reason"] == "AUTO_REGISTRATION_DISABLED"
    shell.make_what_the_template_names()
    shell.aws(
        f"iot update-ca-certificate --certificate-id {registered['certificateId']} "
        "--new-auto-registration-status ENABLE --registration-config "
        "file://your-template"
    )
    assert api.connect(bulb)["accepted"] is True


def test_the_cli_shows_awss_errors_at_once(shell: Shell) -> None:
    shell.issue("wrong", "/CN=not-the-registration-code")
    said = shell.aws_refused(
        "iot register-ca-certificate --ca-certificate file://your-ca-cert "
        "--verification-cert file://wrong.pem"
    )
    assert "Registration code provided in the CN field" in said
    # What nobody emulates is an error that names it, and not a server error that the CLI retries.
    said = shell.aws_refused("iot describe-managed-job-template --template-name x")
    assert "DescribeManagedJobTemplate" in said
