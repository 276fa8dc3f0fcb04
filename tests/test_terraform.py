"""The real ``terraform`` applies, changes and destroys the resources of a fleet at a server.

It needs the AWS provider, which Terraform's own configuration (``TF_CLI_CONFIG_FILE``) can have it
find on this machine; without it the test is skipped. What the provider expects is restated in
``test_terraform_acceptance.py``, which runs everywhere.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from patience import HANG
from server_support import Api, clean_environment

from moto_jitp import CertificateAuthority
from moto_jitp.server import ThreadedJitpServer

CONFIGURATION = Path(__file__).resolve().parent / "terraform" / "main.tf"
TERRAFORM = shutil.which("terraform")
NOTHING_TO_CHANGE = 0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed"),
]


class Terraform:
    """The command in one folder, against one server."""

    def __init__(self, folder: Path, endpoint_url: str, ca: CertificateAuthority) -> None:
        self._folder, self._endpoint_url, self._ca = folder, endpoint_url, ca

    def run(self, *arguments: str, description: str = "first") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(TERRAFORM), *arguments, "-no-color"],
            cwd=self._folder,
            env=clean_environment(
                AWS_ENDPOINT_URL=self._endpoint_url,
                TF_VAR_ca_certificate=self._ca.certificate_pem,
                TF_VAR_description=description,
                TF_IN_AUTOMATION="1",
                CHECKPOINT_DISABLE="1",
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANG,
            check=False,
        )

    def apply(self, description: str) -> None:
        applied = self.run("apply", "-auto-approve", description=description)
        assert applied.returncode == 0, applied.stdout
        planned = self.run("plan", "-detailed-exitcode", description=description)
        assert planned.returncode == NOTHING_TO_CHANGE, planned.stdout


def test_terraform_applies_plans_nothing_more_and_destroys(tmp_path: Path) -> None:
    shutil.copy(CONFIGURATION, tmp_path)
    ca = CertificateAuthority(common_name="Terraform Root")
    with ThreadedJitpServer() as server:
        terraform = Terraform(tmp_path, server.endpoint_url, ca)
        initialized = terraform.run("init", "-input=false")
        if initialized.returncode:
            pytest.skip(f"terraform finds no AWS provider here: {initialized.stdout[-300:]}")

        terraform.apply("first")
        bulb = ca.issue(common_name="bulb-1").certificate_pem
        outcome = Api(server.endpoint_url).post("/connect", {"certificatePem": bulb})
        assert outcome["accepted"], outcome["explanation"]
        Api(server.endpoint_url).post(f"/connections/{outcome['connectionId']}/disconnect", {})

        terraform.apply("second")

        # The provider waits for the five minutes that a thing type stays after its deprecation.
        destroyed = terraform.run("destroy", "-auto-approve", description="second")
        assert destroyed.returncode == 0, destroyed.stdout
