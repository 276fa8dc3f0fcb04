"""Helpers for tests of what AWS records: CloudWatch, CloudTrail and CloudWatch Logs by boto3."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from moto_jitp import ConnectionRefused, connect_device
from support.cloud import client

OTHER_ACCOUNT = "210987654321"


def session_of_other_account() -> boto3.Session:
    """A session with the credentials of a role in another account."""
    arn = f"arn:aws:iam::{OTHER_ACCOUNT}:role/tester"
    assumed = client(service="sts").assume_role(RoleArn=arn, RoleSessionName="tests")
    keys = assumed["Credentials"]
    return boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name="us-east-1"
    )


@contextmanager
def served() -> Iterator[ServerSession]:
    """A moto server of the process; yields a session whose clients talk to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield ServerSession(f"http://{host}:{port}")
    finally:
        server.stop()


class ServerSession:
    """Makes clients of a server."""

    def __init__(self, url: str) -> None:
        self._url = url

    def client(self, service: str) -> Any:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        return session.client(service, endpoint_url=self._url)


def try_to_connect(device: Any, **options: Any) -> bool:
    """Connect a device; return whether it was accepted."""
    try:
        connect_device(device, **options)
    except ConnectionRefused:
        return False
    return True


# CloudWatch.


def metric_sum(name: str, *, cloudwatch: Any = None, by_protocol: str | None = None) -> float:
    """The sum of a metric in the hours around now; devices' messages count as MQTT."""
    if by_protocol is None and not name.startswith("ProvisionThing."):
        by_protocol = "MQTT"
    now = datetime.now(timezone.utc)
    found = (cloudwatch or client(service="cloudwatch")).get_metric_statistics(
        Namespace="AWS/IoT",
        MetricName=name,
        Dimensions=[{"Name": "Protocol", "Value": by_protocol}] if by_protocol else [],
        StartTime=now - timedelta(hours=2),
        EndTime=now + timedelta(hours=2),
        Period=3600,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def metric_names(cloudwatch: Any = None) -> list[str]:
    """The names in ``AWS/IoT``, one for each metric that list_metrics returns."""
    cloudwatch = cloudwatch or client(service="cloudwatch")
    listed = cloudwatch.list_metrics(Namespace="AWS/IoT")["Metrics"]
    return sorted(metric["MetricName"] for metric in listed)


# CloudTrail.


def events(cloudtrail: Any = None, **attribute: str) -> list[dict[str, Any]]:
    """All events of LookupEvents; ``EventName="CreateThing"`` selects by an attribute."""
    attributes = [{"AttributeKey": k, "AttributeValue": v} for k, v in attribute.items()]
    pages = (cloudtrail or client(service="cloudtrail")).get_paginator("lookup_events")
    return [
        event for page in pages.paginate(LookupAttributes=attributes) for event in page["Events"]
    ]


def names(found: list[dict[str, Any]]) -> list[str]:
    return [event["EventName"] for event in found]


def record(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event's full record."""
    return dict(json.loads(event["CloudTrailEvent"]))


# CloudWatch Logs.


def log_entries(group: str = "AWSIotLogsV2", *, logs: Any = None) -> list[dict[str, Any]]:
    """The entries of a log group, oldest first; none if there is no such group."""
    logs = logs or client(service="logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    if group not in [one["logGroupName"] for one in groups]:
        return []
    found = logs.filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in found]


def event_types(group: str = "AWSIotLogsV2", *, logs: Any = None) -> list[str]:
    return [entry["eventType"] for entry in log_entries(group, logs=logs)]
