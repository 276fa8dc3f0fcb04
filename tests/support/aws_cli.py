"""The AWS CLI and OpenSSL's command, with which the guide's pages are followed."""

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

from moto_jitp.server import ThreadedJitpServer
from support.bodies import GUIDE_BODY, GUIDE_CONFIG_FILE
from support.patience import HANG
from support.servers import clean_environment


def aws_command() -> list[str] | None:
    """The AWS CLI of this environment, else the machine's; ``None`` where there is none."""
    if importlib.util.find_spec("awscli") is not None:
        return [sys.executable, "-m", "awscli"]
    found = shutil.which("aws")
    return [found] if found else None


AWS = aws_command()
OPENSSL = shutil.which("openssl")

REQUIREMENTS = [
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
        """Run a command that AWS refuses, and return its error text."""
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
        """Make the CA's key and certificate as on AWS's page on creating a CA."""
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
        """Issue a certificate by the CA as on AWS's pages; return its PEM text."""
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
    (tmp_path / "your-template").write_bytes(GUIDE_CONFIG_FILE.encode())
    (tmp_path / "your-template-body.json").write_text(GUIDE_BODY)
    return shell
