"""The real ``terraform`` applies, changes and destroys the resources of a fleet at a server.

It needs the AWS provider, which Terraform's own configuration (``TF_CLI_CONFIG_FILE``) can have it
find on this machine; without it the test is skipped. What the provider expects is restated in
``test_terraform_acceptance.py``, which runs everywhere.
"""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from support.documents import ROOT, run, run_by
from support.patience import HANG
from support.servers import Api, clean_environment, client

from moto_jitp import CertificateAuthority
from moto_jitp.server import ThreadedJitpServer

CONFIGURATION = Path(__file__).resolve().parent / "terraform" / "main.tf"
TERRAFORM = shutil.which("terraform")
NOTHING_TO_CHANGE = 0
UNTIL_A_TYPE_CAN_BE_DELETED = timedelta(minutes=5, seconds=1)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed"),
]


def run_terraform(
    folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(TERRAFORM), *arguments, "-no-color"],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG,
        check=False,
    )


def environment(**variables: str) -> dict[str, str]:
    return clean_environment(TF_IN_AUTOMATION="1", CHECKPOINT_DISABLE="1", **variables)


class Terraform:
    """The command in one folder, against one server."""

    def __init__(self, folder: Path, endpoint_url: str, ca: CertificateAuthority) -> None:
        self._folder = folder
        self._variables = {
            "AWS_ENDPOINT_URL": endpoint_url,
            "TF_VAR_ca_certificate": ca.certificate_pem,
        }

    def _run(self, *arguments: str, description: str) -> subprocess.CompletedProcess[str]:
        return run_terraform(
            self._folder, *arguments, TF_VAR_description=description, **self._variables
        )

    def apply(self, description: str) -> None:
        applied = self._run("apply", "-auto-approve", description=description)
        assert applied.returncode == 0, applied.stdout
        planned = self._run("plan", "-detailed-exitcode", description=description)
        assert planned.returncode == NOTHING_TO_CHANGE, planned.stdout

    def destroy(self, description: str) -> tuple[int, str]:
        """Destroy; the server's clock moves on when the provider waits for the thing type."""
        lines = []
        with (
            freeze_time(tick=True) as frozen,
            subprocess.Popen(
                [str(TERRAFORM), "destroy", "-auto-approve", "-no-color"],
                cwd=self._folder,
                env=environment(TF_VAR_description=description, **self._variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as destroying,
        ):
            assert destroying.stdout is not None
            for line in destroying.stdout:
                lines.append(line)
                if "aws_iot_thing_type" in line and "Still destroying" in line:
                    frozen.tick(UNTIL_A_TYPE_CAN_BE_DELETED)
        return destroying.returncode, "".join(lines)


@pytest.fixture
def initialized(tmp_path: Path) -> None:
    """Skips where ``terraform init`` does not find the provider."""
    shutil.copy(CONFIGURATION, tmp_path)
    done = run_terraform(tmp_path, "init", "-input=false")
    if done.returncode:
        pytest.skip(f"terraform does not find its AWS provider here: {done.stdout[-300:]}")


def test_terraform_applies_plans_nothing_more_and_destroys(
    tmp_path: Path, initialized: None
) -> None:
    ca = CertificateAuthority(common_name="Terraform Root")
    with ThreadedJitpServer() as server:
        terraform = Terraform(tmp_path, server.endpoint_url, ca)
        terraform.apply("first")
        bulb = ca.issue(common_name="bulb-1").certificate_pem
        outcome = Api(server.endpoint_url).post("/connect", {"certificatePem": bulb})
        assert outcome["accepted"], outcome["explanation"]

        terraform.apply("second")

        # What a device was provisioned with is not Terraform's; it would hold type and policy.
        empty_of(client(server.endpoint_url), outcome)
        destroyed, output = terraform.destroy("second")
        assert destroyed == 0, output


def test_the_steps_of_the_page_about_terraform_make_a_device_that_connects(
    tmp_path: Path, initialized: None
) -> None:
    done = run(run_by(__file__, ROOT / "docs" / "how-to" / "terraform.md"), tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "bulb-1" in done.stdout
    assert "Destroy complete!" in done.stdout


def empty_of(iot: Any, outcome: dict[str, Any]) -> None:
    thing, arn = outcome["thingName"], outcome["certificateArn"]
    iot.detach_thing_principal(thingName=thing, principal=arn)
    iot.delete_thing(thingName=thing)
    certificate_id = arn.rpartition("/")[2]
    iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
    iot.delete_certificate(certificateId=certificate_id, forceDelete=True)
