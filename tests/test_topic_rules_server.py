"""Rules run at a server too, where handlers are given at its start."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.servers import Api, client, program, serving

from moto_jitp import CertificateAuthority, JitpHandle
from moto_jitp.broker.rules import run_list
from moto_jitp.history.rule_json import RULE_RUN, rule_run_from_json

pytestmark = pytest.mark.slow

ACTIVATE = """
import boto3

POLICY = '{"Version": "2012-10-17", "Statement":' \\
    ' {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}'


def activate(event, context):
    iot = boto3.client("iot")
    certificate_id = event["certificateId"]
    iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")
"""
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:activate"


def make_rule(iot: Any, sql: str, *actions: dict[str, Any], name: str = "jitr") -> None:
    iot.create_topic_rule(ruleName=name, topicRulePayload={"sql": sql, "actions": list(actions)})


def test_a_function_of_the_start_registers_a_device(tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text(ACTIVATE, "utf-8")
    ca = CertificateAuthority(common_name="Acme Root")
    with serving("--lambda", "activate=functions:activate", cwd=tmp_path) as server:
        iot = client(server.endpoint_url)
        ca.register(iot)
        make_rule(
            iot,
            "SELECT * FROM '$aws/events/certificates/registered/#'",
            {"lambda": {"functionArn": FUNCTION}},
        )
        bulb = ca.issue(common_name="bulb-1")
        body = {"certificatePem": bulb.certificate_pem, "privateKeyPem": bulb.private_key_pem}

        first = Api(server.endpoint_url).post("/connect", body)
        second = Api(server.endpoint_url).post("/connect", body)

        assert first["reason"] == "DEVICE_CERTIFICATE_PENDING_ACTIVATION"
        assert second["accepted"]
        runs = Api(server.endpoint_url).get("/rules?matched=true")["rules"]
        assert runs[0]["ruleName"] == "jitr"
        assert runs[0]["document"]["certificateId"] == bulb.certificate_id
        assert runs[0]["actions"] == [
            {
                "action": "lambda",
                "target": FUNCTION,
                "error": None,
                "advice": None,
                "functionError": None,
            }
        ]
        assert Api(server.endpoint_url).get("/rules?ruleName=other")["rules"] == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("activate", "is not NAME=PACKAGE.MODULE:FUNCTION"),
        ("activate=nowhere:f", "cannot import nowhere:f for activate: ModuleNotFoundError"),
        ("activate=json:nothing", "AttributeError"),
        ("a b=json:dumps", "is not the name or the ARN of a Lambda function"),
    ],
)
def test_a_wrong_handler_is_wrong_usage(given: str, says: str) -> None:
    done = subprocess.run(
        program("serve", "--port", "0", "--lambda", given),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert says in done.stderr


def test_a_run_can_be_sent_as_json(mocked: JitpHandle, iot: Any) -> None:
    make_rule(iot, "SELECT t FROM 'a' WHERE t > 5", {"lambda": {"functionArn": FUNCTION}})
    data = client_of("iot-data")
    for payload in (b'{"t": 6}', b'{"t": 1}', b"\xff"):
        data.publish(topic="a", payload=payload)
    data.publish(topic="b", payload=b"{}")

    runs = run_list.all_rule_runs()

    assert len(runs) == 4
    for run in runs:
        document = json.loads(json.dumps(RULE_RUN.to_json(run)))
        assert rule_run_from_json(document) == run
        assert document["explanation"] == str(run)
        assert document["outcome"]["clause"] == run.clause


def client_of(service: str) -> Any:
    import boto3

    return boto3.client(service, region_name="us-east-1")
