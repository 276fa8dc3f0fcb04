"""Actions on CloudWatch: metrics, alarms and logs.

https://docs.aws.amazon.com/iot/latest/developerguide/cloudwatch-metrics-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/cloudwatch-alarms-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/cloudwatch-logs-rule-action.html
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from .table import ActionCall, ActionFailed, action


@action(
    "cloudwatchMetric",
    "CloudwatchMetricAction",
    "put CloudWatch metric",
    "metricName",
    service="Amazon CloudWatch",
)
def metric(call: ActionCall) -> None:
    fields = call.fields
    call.require("cloudwatch:PutMetricData", "*")
    datum: dict[str, Any] = {
        "MetricName": fields["metricName"],
        "Value": _number(fields["metricValue"], "metricValue"),
        "Unit": fields["metricUnit"],
        "Timestamp": call.moment,
    }
    if fields.get("metricTimestamp"):
        seconds = _number(fields["metricTimestamp"], "metricTimestamp")
        datum["Timestamp"] = datetime.fromtimestamp(seconds, timezone.utc)
    call.client("cloudwatch").put_metric_data(
        Namespace=fields["metricNamespace"], MetricData=[datum]
    )


@action(
    "cloudwatchAlarm",
    "CloudwatchAlarmAction",
    "set CloudWatch alarm state",
    "alarmName",
    service="Amazon CloudWatch",
)
def alarm(call: ActionCall) -> None:
    name = call.fields["alarmName"]
    call.require(
        "cloudwatch:SetAlarmState",
        f"arn:{call.partition}:cloudwatch:{call.region_name}:{call.account_id}:alarm:{name}",
    )
    call.client("cloudwatch").set_alarm_state(
        AlarmName=name,
        StateValue=call.fields["stateValue"],
        StateReason=call.fields["stateReason"],
    )


@action(
    "cloudwatchLogs",
    "CloudwatchLogsAction",
    "put CloudWatch log events",
    "logGroupName",
    service="Amazon CloudWatch Logs",
)
def logs(call: ActionCall) -> None:
    group = call.fields["logGroupName"]
    arn = f"arn:{call.partition}:logs:{call.region_name}:{call.account_id}:log-group:{group}:*"
    for permission in ("CreateLogStream", "DescribeLogStreams", "PutLogEvents"):
        call.require(f"logs:{permission}", arn)
    events = _batch(call) if call.fields.get("batchMode") else [_event(call)]
    client = call.client("logs")
    # AWS IoT's name for the stream is not documented; here it is the rule's name.
    stream = f"iot-rule/{call.rule_name}"
    with suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_stream(logGroupName=group, logStreamName=stream)
    answer = client.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=sorted(events, key=lambda event: int(event["timestamp"])),
    )
    if "rejectedLogEventsInfo" in answer:
        raise ActionFailed(
            f"CloudWatch Logs rejected events: {answer['rejectedLogEventsInfo']}.",
            "Send timestamps from the last 14 days that are at most two hours ahead.",
        )


def _event(call: ActionCall) -> dict[str, Any]:
    return {"timestamp": int(call.moment.timestamp() * 1000), "message": call.text()}


def _batch(call: ActionCall) -> list[dict[str, Any]]:
    document = call.document()
    if not isinstance(document, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("timestamp"), int) and "message" in entry
        for entry in document
    ):
        raise ActionFailed(
            "batchMode is true, and the payload is not an array of objects with timestamp and "
            "message.",
            'Have the rule\'s SQL give [{"timestamp": <milliseconds>, "message": …}, …].',
        )
    return [
        {"timestamp": entry["timestamp"], "message": str(entry["message"])} for entry in document
    ]


def _number(text: str, field: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ActionFailed(
            f"{field} gives {text!r}, which is not a number.",
            "Make its substitution template return a number.",
        ) from None
