"""CloudWatch and the report of a failed test show what topic rules did."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest

from moto_jitp import JitpHandle, mock_jitp

pytest_plugins = ["pytester"]

REGION = "us-east-1"
FUNCTION = f"arn:aws:lambda:{REGION}:123456789012:function:take"
ROLE = "arn:aws:iam::123456789012:role/rules"
BROKEN = {"s3": {"bucketName": "no-such-bucket", "key": "k", "roleArn": ROLE}}


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def run_rules(mock: JitpHandle) -> None:
    """One rule with an action that works, one that does not and an error action."""
    mock.lambda_handler("take", lambda event: None)
    client("iot").create_topic_rule(
        ruleName="watched",
        topicRulePayload={
            "sql": "SELECT * FROM 'a/+' WHERE t > 5 OR missing = 1",
            "actions": [{"lambda": {"functionArn": FUNCTION}}, BROKEN],
            "errorAction": {"lambda": {"functionArn": FUNCTION}},
        },
    )
    data = client("iot-data")
    data.publish(topic="a/b", payload=b'{"t": 6, "missing": 0}')
    data.publish(topic="a/b", payload=b'{"t": 1}')
    data.publish(topic="a/b", payload=b"{broken")
    data.publish(topic="$aws/rules/nowhere/x", payload=b"{}")


def total(metric: str, **dimensions: str) -> float:
    now = datetime.now(timezone.utc)
    points = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/IoT",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


def test_rules_have_the_documented_metrics(mocked: JitpHandle) -> None:
    run_rules(mocked)

    assert total("TopicMatch", RuleName="watched") == 3
    assert total("RulesExecuted") == 3
    assert total("ParseError", RuleName="watched") == 1
    assert total("RuleNotFound", RuleName="nowhere") == 1
    assert total("Success", RuleName="watched", ActionType="lambda") == 1
    assert total("Failure", RuleName="watched", ActionType="s3") == 1
    assert total("ErrorActionSuccess", RuleName="watched", ActionType="lambda") == 1


def test_with_metrics_off_nothing_is_counted() -> None:
    with mock_jitp(config={"jitp": {"metrics": False}}) as mock:
        run_rules(mock)
        assert total("TopicMatch", RuleName="watched") == 0


def entries(level: str) -> list[dict[str, Any]]:
    """The log entries about rules, at a log level of the account."""
    with mock_jitp() as mock:
        client("iot").set_v2_logging_options(roleArn=ROLE, defaultLogLevel=level)
        run_rules(mock)
        events = client("logs").filter_log_events(logGroupName="AWSIotLogsV2")["events"]
    found = [json.loads(event["message"]) for event in events]
    return [entry for entry in found if "Rule" in entry["eventType"]]


def test_rules_have_the_documented_log_entries() -> None:
    found = entries("DEBUG")

    matches = [entry for entry in found if entry["eventType"] == "RuleMatch"]
    assert len(matches) == 3
    assert matches[0]["topicName"] == "a/b"
    assert matches[0]["ruleName"] == "watched"
    assert matches[0]["logLevel"] == "INFO"
    executions = [entry for entry in found if entry["eventType"] == "RuleExecution"]
    assert [entry["ruleAction"] for entry in executions] == [
        "LambdaAction",
        "S3Action",
        "LambdaAction",
    ]
    assert [entry["status"] for entry in executions] == ["Success", "Failure", "Success"]
    assert "NoSuchBucket" in executions[1]["details"]
    assert executions[0]["resources"] == {"Target": FUNCTION}
    starting = [entry for entry in found if entry["eventType"] == "StartingRuleExecution"]
    assert {entry["logLevel"] for entry in starting} == {"DEBUG"}
    (missing,) = [entry for entry in found if entry["eventType"] == "RuleNotFound"]
    assert missing["details"] == "Rule nowhere not found"
    assert missing["topicName"] == "$aws/rules/nowhere/x"


def test_at_the_level_error_only_what_failed_is_logged() -> None:
    assert {entry["eventType"] for entry in entries("ERROR")} == {"RuleExecution", "RuleNotFound"}


@pytest.mark.slow
def test_the_report_of_a_failed_test_shows_what_rules_did(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(jitp):
            jitp.lambda_handler("take", lambda event: event["nothing"])
            jitp.iot.create_topic_rule(
                ruleName="watched",
                topicRulePayload={
                    "sql": "SELECT * FROM 'a' WHERE t > 5",
                    "actions": [{"lambda": {"functionArn": (
                        f"arn:aws:lambda:{jitp.region}:123456789012:function:take"
                    )}}],
                },
            )
            data = jitp.client("iot-data")
            data.publish(topic="a", payload=b'{"t": 6}')
            data.publish(topic="a", payload=b'{"t": 1}')
            assert [run.matched for run in jitp.rules] == [True, False]
            assert False
        """
    )

    shown = pytester.runpytest_subprocess("-p", "no:randomly").stdout.str()

    assert "Topic rules:" in shown
    assert 'watched, a: The message matches; the actions get {"t":6}' in shown
    assert "invoked; the function failed: KeyError: 'nothing'" in shown
    assert "2. watched, a: The message is dropped by WHERE: t > 5 is false: t is 1." in shown
