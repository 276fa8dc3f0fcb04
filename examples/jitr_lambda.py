"""Just-in-time registration with a Lambda function, tested without AWS and without Docker.

Run it with ``pytest examples/jitr_lambda.py``. ``handler`` is the function that you deploy; the
test connects a device, has the rule invoke the function, and connects the device again.
https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device, mock_jitp

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["iot:Connect", "iot:Publish"], "Resource": "*"}],
}


def handler(event: dict[str, Any], context: Any) -> None:
    """Activate a certificate that AWS IoT has just registered, with a policy for its device."""
    iot = boto3.client("iot")
    certificate_id = event["certificateId"]
    described = iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]
    iot.create_policy(policyName=f"device-{certificate_id}", policyDocument=json.dumps(POLICY))
    iot.attach_policy(policyName=f"device-{certificate_id}", target=described["certificateArn"])
    iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")


def test_a_device_registers_itself() -> None:
    with mock_jitp() as jitp:
        iot = boto3.client("iot")
        region = iot.meta.region_name
        function = f"arn:aws:lambda:{region}:123456789012:function:register-device"
        jitp.lambda_handler("register-device", handler)
        ca = CertificateAuthority(common_name="Acme Root")
        ca.register(iot)  # without a provisioning template
        iot.create_topic_rule(
            ruleName="registered",
            topicRulePayload={
                "sql": "SELECT * FROM '$aws/events/certificates/registered/+'",
                "actions": [{"lambda": {"functionArn": function}}],
            },
        )
        bulb = ca.issue(common_name="bulb-1")

        # The first connection registers the certificate, which is then pending.
        with pytest.raises(ConnectionRefused):
            connect_device(bulb)
        # AWS IoT has published that, the rule has invoked the function, and it has activated the
        # certificate: the device connects again.
        connection = connect_device(bulb)

        assert connection.client_id == "bulb-1"
        invoked = next(run for run in jitp.rules if run.matched)
        assert not invoked.failed, str(invoked)
