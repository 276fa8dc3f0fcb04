"""Just-in-time registration from end to end: the rule and the code behind it, as on AWS.

A CA without a template, a rule on the events of registered certificates, and code that activates
the certificate: a Lambda function, or a worker at a queue. Then the device connects again.
https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from support.scripts import load_script

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    JitpHandle,
    RefusalReason,
    connect_device,
)

CA = CertificateAuthority(common_name="Acme Root")
ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/rules"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:activate"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
    }
)
REGISTERED = "SELECT * FROM '$aws/events/certificates/registered/#'"


def activate(event: dict[str, Any], context: Any = None) -> None:
    """The function behind the rule, as in the developer guide."""
    iot = boto3.client("iot", region_name=REGION)
    certificate = iot.describe_certificate(certificateId=event["certificateId"])
    description = certificate["certificateDescription"]
    iot.create_policy(policyName="devices", policyDocument=POLICY)
    iot.attach_policy(policyName="devices", target=description["certificateArn"])
    iot.create_thing(thingName="bulb-1")
    iot.attach_thing_principal(thingName="bulb-1", principal=description["certificateArn"])
    iot.update_certificate(certificateId=event["certificateId"], newStatus="ACTIVE")


def make_rule(iot: Any, action: dict[str, Any], sql: str = REGISTERED) -> None:
    iot.create_topic_rule(
        ruleName="jitr",
        topicRulePayload={"sql": sql, "actions": [action], "awsIotSqlVersion": "2016-03-23"},
    )


def refused_once(device: Any) -> None:
    with pytest.raises(ConnectionRefused) as refusal:
        connect_device(device)
    assert refusal.value.reason is RefusalReason.DEVICE_CERTIFICATE_PENDING_ACTIVATION


def test_a_lambda_function_registers_the_device(iot: Any, mocked: JitpHandle) -> None:
    ca_id = CA.register(iot)
    mocked.lambda_handler("activate", activate)
    make_rule(iot, {"lambda": {"functionArn": FUNCTION}})
    bulb = CA.issue(common_name="bulb-1")

    refused_once(bulb)
    connection = connect_device(bulb)

    assert connection.thing_name == "bulb-1"
    run = next(run for run in mocked.rules if run.matched)
    assert run.rule_name == "jitr"
    assert run.topic == f"$aws/events/certificates/registered/{ca_id}"
    assert run.document["certificateId"] == bulb.certificate_id
    assert run.document["certificateStatus"] == "PENDING_ACTIVATION"
    assert [action.succeeded for action in run.actions] == [True]


def test_a_function_that_fails_leaves_the_device_out_and_says_why(
    iot: Any, mocked: JitpHandle
) -> None:
    CA.register(iot)
    mocked.lambda_handler("activate", lambda event: event["certificatId"])
    make_rule(iot, {"lambda": {"functionArn": FUNCTION}})
    bulb = CA.issue(common_name="bulb-1")

    refused_once(bulb)
    refused_once(bulb)

    run = next(run for run in mocked.rules if run.matched)
    assert run.failed
    assert "KeyError: 'certificatId'" in str(run)


def test_a_worker_at_a_queue_registers_the_device(iot: Any, mocked: JitpHandle) -> None:
    CA.register(iot)
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="registered")["QueueUrl"]
    make_rule(iot, {"sqs": {"queueUrl": url, "roleArn": ROLE}})
    bulb = CA.issue(common_name="bulb-1")

    refused_once(bulb)
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    activate(json.loads(message["Body"]))

    assert connect_device(bulb).thing_name == "bulb-1"


def test_principal_tells_the_cloud_which_certificate_spoke(iot: Any, mocked: JitpHandle) -> None:
    CA.register(iot)
    mocked.lambda_handler("activate", activate)
    make_rule(iot, {"lambda": {"functionArn": FUNCTION}})
    bulb = CA.issue(common_name="bulb-1")
    refused_once(bulb)
    events: list[Any] = []
    mocked.lambda_handler("readings", events.append)
    iot.create_topic_rule(
        ruleName="readings",
        topicRulePayload={
            "sql": "SELECT *, principal() AS certificate, clientid() AS client FROM 'bulbs/+/data'",
            "actions": [{"lambda": {"functionArn": FUNCTION.replace("activate", "readings")}}],
        },
    )

    connect_device(bulb).publish("bulbs/1/data", b'{"lit": true}')

    assert events == [{"lit": True, "certificate": bulb.certificate_id, "client": "bulb-1"}]


@pytest.mark.parametrize(
    ("topic_filter", "key", "value"),
    [
        ("$aws/events/presence/connected/+", "eventType", "connected"),
        ("$aws/events/presence/disconnected/bulb-1", "eventType", "disconnected"),
        ("$aws/events/subscriptions/subscribed/+", "eventType", "subscribed"),
        ("$aws/things/+/shadow/update/documents", "current", None),
        ("$aws/things/+/shadow/update/accepted", "state", None),
    ],
)
def test_rules_hear_what_aws_iot_says_itself(
    iot: Any, mocked: JitpHandle, topic_filter: str, key: str, value: Any
) -> None:
    CA.register(iot)
    mocked.lambda_handler("activate", activate)
    make_rule(iot, {"lambda": {"functionArn": FUNCTION}})
    bulb = CA.issue(common_name="bulb-1")
    refused_once(bulb)
    events: list[Any] = []
    mocked.lambda_handler("listen", events.append)
    iot.create_topic_rule(
        ruleName="listen",
        topicRulePayload={
            "sql": f"SELECT * FROM '{topic_filter}'",
            "actions": [{"lambda": {"functionArn": FUNCTION.replace("activate", "listen")}}],
        },
    )

    connection = connect_device(bulb)
    connection.subscribe("bulbs/#")
    connection.publish("$aws/things/bulb-1/shadow/update", b'{"state": {"reported": {"on": 1}}}')
    connection.disconnect()

    assert events
    assert key in events[0]
    assert value in (None, events[0][key])


def test_the_example_tells_the_same_story(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    load_script("examples/jitr_lambda.py").test_a_device_registers_itself()
