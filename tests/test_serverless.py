"""SAM templates: the rule of a function's ``IoTRule`` event is created, and runs."""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.bodies import PLAIN_BODY
from support.cloud import client

from moto_jitp import CertificateAuthority, JitpHandle, connect_device, mock_jitp

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Topic: {Type: String, Default: bulbs/ready}
Resources:
  Counter:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: counter
      Runtime: python3.12
      Handler: index.handler
      InlineCode: "def handler(event, context): return event"
      Events:
        Ready:
          Type: IoTRule
          Properties:
            Sql: !Sub "SELECT n FROM '${Topic}'"
            AwsIotSqlVersion: "2016-03-23"
"""
needs_the_library = pytest.mark.skipif(
    importlib.util.find_spec("samtranslator") is None, reason="the extra [sam] is not installed"
)


def deploy(template: str = TEMPLATE) -> Any:
    cloudformation = client(service="cloudformation")
    cloudformation.create_stack(
        StackName="fleet", TemplateBody=template, Capabilities=["CAPABILITY_AUTO_EXPAND"]
    )
    return cloudformation


@needs_the_library
def test_a_device_calls_the_function_of_a_sam_template(mocked: JitpHandle, iot: Any) -> None:
    called: list[Any] = []
    mocked.lambda_handler("counter", called.append)
    cloudformation = deploy()
    (stack,) = cloudformation.describe_stacks(StackName="fleet")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    (rule,) = iot.list_topic_rules()["rules"]
    described = iot.get_topic_rule(ruleName=rule["ruleName"])["rule"]
    assert described["sql"] == "SELECT n FROM 'bulbs/ready'"
    assert described["actions"][0]["lambda"]["functionArn"].endswith(":function:counter")

    ca = CertificateAuthority()
    body = json.loads(PLAIN_BODY)
    body["Resources"]["policy"] = {
        "Type": "AWS::IoT::Policy",
        "Properties": {
            "PolicyDocument": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
                }
            )
        },
    }
    ca.register(iot, template_body=body)
    connect_device(ca.issue(common_name="bulb-1")).publish("bulbs/ready", '{"n": 1, "m": 2}')
    assert called == [{"n": 1}]

    changed = TEMPLATE.replace("SELECT n", "SELECT m")
    cloudformation.update_stack(StackName="fleet", TemplateBody=changed)
    described = iot.get_topic_rule(ruleName=rule["ruleName"])["rule"]
    assert described["sql"] == "SELECT m FROM 'bulbs/ready'"

    cloudformation.delete_stack(StackName="fleet")
    assert iot.list_topic_rules()["rules"] == []


@needs_the_library
def test_what_the_macro_refuses_is_reported_before_a_stack_is_created(mocked: JitpHandle) -> None:
    with pytest.raises(ClientError, match="Invalid Serverless Application Specification document"):
        deploy(TEMPLATE.replace("Handler: index.handler", "Handlers: index.handler"))


def test_without_the_library_the_rule_is_named_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "samtranslator", None)
    with mock_jitp(), pytest.raises(ClientError, match=r"rules of Counter\.Ready would not be"):
        deploy()
    with mock_jitp(config={"jitp": {"stacks": "warn"}}), pytest.warns(match="Counter.Ready"):
        deploy()
