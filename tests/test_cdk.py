"""``cdk deploy`` of ``examples/cdk`` against a server, and a device that its stack provisions."""

from __future__ import annotations

import subprocess
from pathlib import Path

import boto3
import pytest
from support.documents import ROOT, run, run_by
from support.node import NEEDS_NODE, NPM, with_package
from support.patience import HANG
from support.servers import Api, clean_environment

from moto_jitp import CertificateAuthority
from moto_jitp.server import ThreadedJitpServer

EXAMPLE = ROOT / "examples" / "cdk"

pytestmark = [pytest.mark.slow, NEEDS_NODE]


@pytest.fixture(scope="module")
def app(pytestconfig: pytest.Config, worker_id: str) -> Path:
    """The example's folder with the CDK in it, kept from one run of the tests to the next."""
    return with_package(pytestconfig, "cdk", EXAMPLE.iterdir(), "aws-cdk-lib", worker_id)


def test_a_device_is_provisioned_by_what_cdk_deployed(app: Path, tmp_path: Path) -> None:
    ca = CertificateAuthority(common_name="CDK Root")
    (tmp_path / "ca.pem").write_text(ca.certificate_pem, encoding="utf-8")
    with ThreadedJitpServer() as server:
        deployed = subprocess.run(
            [str(NPM), "run", "deploy"],
            cwd=app,
            env=clean_environment(
                AWS_ENDPOINT_URL=server.endpoint_url,
                AWS_ACCESS_KEY_ID="testing",
                AWS_SECRET_ACCESS_KEY="testing",
                AWS_REGION="us-east-1",
                CA_CERTIFICATE=str(tmp_path / "ca.pem"),
                CDK_DISABLE_VERSION_CHECK="1",
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANG,
            check=False,
        )
        assert deployed.returncode == 0, deployed.stdout

        session = boto3.Session("testing", "testing", region_name="us-east-1")
        iot = session.client("iot", endpoint_url=server.endpoint_url)
        (registered,) = iot.list_ca_certificates()["certificates"]
        assert f"Fleet.CaId = {registered['certificateId']}" in deployed.stdout
        assert [rule["ruleName"] for rule in iot.list_topic_rules()["rules"]] == ["bulbs_ready"]
        bulb = ca.issue(common_name="bulb-1").certificate_pem
        outcome = Api(server.endpoint_url).post("/connect", {"certificatePem": bulb})
        assert outcome["accepted"], outcome["explanation"]
        assert outcome["thingName"] == "bulb-1"
        attached = iot.list_attached_policies(target=outcome["certificateArn"])["policies"]
        assert [policy["policyName"] for policy in attached] == ["Bulbs"]


def test_the_page_about_cdk_leads_to_a_device_that_connects(app: Path, tmp_path: Path) -> None:
    done = run(run_by(__file__, ROOT / "docs" / "how-to" / "cdk.md"), tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "bulb-1" in done.stdout
