"""CloudWatch metrics of AWS IoT, in the namespace ``AWS/IoT``.

Nothing is written while devices connect: the metrics are counted from the connection attempts when
CloudWatch is asked, and handed to moto as those of S3 are. As on AWS there is one value a minute,
with the minute's beginning as its time.
https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from moto.cloudwatch.models import MetricAggregatedDatum, are_dimensions_same
from moto.core.common_models import CloudWatchMetricProvider

from .records import Attempt, Run, kept

NAMESPACE = "AWS/IoT"
_PROTOCOL = "MQTT"
_SERVER_ERRORS = {
    "InternalException",
    "InternalFailureException",
    "InternalServerException",
    "ServiceUnavailableException",
}


class IoTMetrics(CloudWatchMetricProvider):
    """Gives moto's CloudWatch the metrics of an account and Region.

    moto asks every subclass of its provider class, and a class cannot be taken out of that list:
    ``switched_on`` says whether there is anything to give.
    """

    switched_on = False

    @classmethod
    def get_cloudwatch_metrics(cls, account_id: str, region: str) -> list[MetricAggregatedDatum]:
        """Return the values of each minute, oldest first."""
        if not cls.switched_on:
            return []
        counts = Counter(_counted(account_id, region))
        return [
            _MinuteValue(name, minute, count) for (minute, name), count in sorted(counts.items())
        ]


class _MinuteValue(MetricAggregatedDatum):
    """How often something happened within a minute."""

    def __init__(self, name: str, minute: datetime, count: int) -> None:
        by_protocol = not name.startswith("ProvisionThing.")
        super().__init__(
            namespace=NAMESPACE,
            name=name,
            min_stat=1.0,
            max_stat=1.0,
            sample_count=float(count),
            sum_stat=float(count),
            dimensions=[{"Name": "Protocol", "Value": _PROTOCOL}] if by_protocol else [],
            timestamp=minute,
            unit="Count",
        )

    def filter(
        self,
        namespace: str | None,
        name: str | None,
        dimensions: list[dict[str, str]],
        already_present_metrics: Any = None,
    ) -> bool:
        # moto lists a metric without dimensions once for each of its values.
        listed = any(
            (metric.namespace, metric.name) == (self.namespace, self.name)
            and are_dimensions_same(metric.dimensions, self.dimensions)
            for metric in already_present_metrics or ()
        )
        return not listed and bool(super().filter(namespace, name, dimensions))


def _counted(account_id: str, region_name: str) -> Iterator[tuple[datetime, str]]:
    attempts, records = kept(account_id, region_name)
    minute = first = last = datetime.min.replace(tzinfo=timezone.utc)
    for attempt in attempts:
        if attempt.sequence in records.without_metrics:
            continue
        if not first <= attempt.timestamp < last:
            minute = _minute(attempt.timestamp)
            first = minute.replace(tzinfo=timezone.utc)
            last = first + timedelta(minutes=1)
        name = _connection_metric(attempt)
        if name is not None:
            yield minute, name
        run = attempt.provisioning
        if run is not None and run.status.value != "IN_PROGRESS":
            ended = records.ends.get(attempt.sequence)
            yield _minute(ended.moment) if ended else minute, _provisioning_metric(run)
    for attempt in list(records.misdirected):
        if attempt.sequence not in records.without_metrics:
            yield _minute(attempt.timestamp), "Connection.AuthNError"


def _minute(moment: datetime) -> datetime:
    # moto reckons in UTC without saying so.
    return moment.replace(second=0, microsecond=0, tzinfo=None)


def _connection_metric(attempt: Attempt) -> str | None:
    if attempt.accepted:
        return "Connect.Success"
    assert attempt.reason is not None
    if attempt.reason.value == "NOT_AUTHORIZED":
        return "Connect.AuthError"
    if is_authentication_error(attempt):
        return "Connection.AuthNError"
    return None


def is_authentication_error(attempt: Attempt) -> bool:
    """Whether AWS IoT counts and logs a refused attempt as ``Connection.AuthNError`` here.

    It does so at the account that the server name (SNI) belongs to, and nowhere without one.
    """
    reason = attempt.reason
    return (
        reason is not None
        and reason.aws_reason is not None
        and attempt.server_name is not None
        and reason.value != "SNI_MISUSED"
    )


def _provisioning_metric(run: Run) -> str:
    if run.status.value == "SUCCEEDED":
        return "ProvisionThing.Success"
    kind = "ServerError" if run.error_code in _SERVER_ERRORS else "ClientError"
    return f"ProvisionThing.{kind}"
