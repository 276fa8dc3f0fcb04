"""CloudWatch metrics of AWS IoT, in the namespace ``AWS/IoT``.

Nothing is written while devices connect: the metrics are counted from the connection attempts when
CloudWatch is queried, and passed to moto like those of S3. As on AWS there is one value a minute,
with the minute's beginning as its time.
https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from moto.cloudwatch.models import MetricAggregatedDatum, are_dimensions_same
from moto.core.common_models import CloudWatchMetricProvider

from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason
from moto_jitp.history.fleet_calls import FleetCall
from moto_jitp.history.journal import RunOrigin
from moto_jitp.history.runs import ProvisioningRun, RunStatus
from moto_jitp.history.state import AccountState, existing_state

from .records import Records

NAMESPACE = "AWS/IoT"
_SERVER_ERRORS = {
    "InternalException",
    "InternalFailureException",
    "InternalServerException",
    "ServiceUnavailableException",
}
_BY_PROTOCOL = {
    "Connect",
    "Connection",
    "PublishIn",
    "PublishOut",
    "PublishRetained",
    "Subscribe",
    "Unsubscribe",
}
_BY_OTHERS = {"RegisterThingFailed", "ApproximateNumberOfThingsRegistered"}
_BY_RULE = {
    "ErrorActionFailure",
    "ErrorActionSuccess",
    "Failure",
    "ParseError",
    "RuleNotFound",
    "Success",
    "TopicMatch",
}


class IoTMetrics(CloudWatchMetricProvider):
    """Provides moto's CloudWatch with the metrics of an account and Region.

    moto calls every subclass of its provider class, and a class cannot be removed from that list:
    ``switched_on`` says whether to return anything.
    """

    switched_on = False

    @classmethod
    def get_cloudwatch_metrics(cls, account_id: str, region: str) -> list[MetricAggregatedDatum]:
        """Return the values of each minute, oldest first."""
        if not cls.switched_on:
            return []
        state = existing_state(account_id, region)
        minute_values: list[_MinuteValue] = [
            _MinuteValue(metric, count, float(count), 1.0, 1.0)
            for metric, count in Counter(_occurrences(state)).items()
        ]
        values: defaultdict[_Metric, list[float]] = defaultdict(list)
        for metric, value in _fleet_values(list(state.fleet_calls), state.part(Records)):
            values[metric].append(value)
        minute_values += (_MinuteValue.of(metric, series) for metric, series in values.items())
        minute_values.sort(key=lambda value: value.metric.order())
        return list(minute_values)


def has_dimension(name: str) -> bool:
    """Whether a metric of ``AWS/IoT`` that is counted here has a dimension."""
    return name.partition(".")[0] in _BY_PROTOCOL or name in _BY_OTHERS | _BY_RULE


class _Metric(NamedTuple):
    """A metric in one minute, with its dimensions by name and value."""

    minute: datetime
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    def order(self) -> tuple[datetime, str, tuple[tuple[str, str], ...]]:
        return self.minute, self.name, self.dimensions


class _MinuteValue(MetricAggregatedDatum):
    """What was recorded of a metric within a minute."""

    def __init__(
        self, metric: _Metric, count: int, total: float, smallest: float, largest: float
    ) -> None:
        self.metric = metric
        super().__init__(
            namespace=NAMESPACE,
            name=metric.name,
            min_stat=smallest,
            max_stat=largest,
            sample_count=float(count),
            sum_stat=total,
            dimensions=[{"Name": name, "Value": value} for name, value in metric.dimensions],
            timestamp=metric.minute,
            unit="Count",
        )

    @classmethod
    def of(cls, metric: _Metric, values: Sequence[float]) -> _MinuteValue:
        return cls(metric, len(values), sum(values), min(values), max(values))

    def filter(
        self,
        namespace: str | None,
        name: str | None,
        dimensions: list[dict[str, str]],
        already_present_metrics: Any = None,
    ) -> bool:
        # moto lists a metric without dimensions once for each of its values.
        is_listed = any(
            (metric.namespace, metric.name) == (self.namespace, self.name)
            and are_dimensions_same(metric.dimensions, self.dimensions)
            for metric in already_present_metrics or ()
        )
        return not is_listed and bool(super().filter(namespace, name, dimensions))


def _occurrences(state: AccountState) -> Iterator[_Metric]:
    """Yield the metrics that count occurrences."""
    records, minutes = state.part(Records), _Minutes()
    for attempt in list(state.attempts):
        name = _connection_metric(attempt)
        if name is not None and records.is_in_metrics(attempt.attempt_id):
            by_protocol = (("Protocol", attempt.transport.protocol),)
            yield _Metric(minutes.of(attempt.timestamp), name, by_protocol)
    for entry in state.runs.entries():
        # These metrics are of just-in-time provisioning only.
        is_over = entry.run.status is not RunStatus.IN_PROGRESS
        if entry.origin is RunOrigin.JITP and is_over and records.is_in_metrics(entry.id):
            yield _Metric(minutes.of(entry.moment), _provisioning_metric(entry.run))
    for attempt in list(records.misdirected):
        if records.is_in_metrics(attempt.attempt_id):
            by_protocol = (("Protocol", attempt.transport.protocol),)
            yield _Metric(minutes.of(attempt.timestamp), "Connection.AuthNError", by_protocol)
    for moment, name, dimensions in list(records.observations):
        yield _Metric(minutes.of(moment), name, dimensions)


def _fleet_values(calls: Sequence[FleetCall], records: Records) -> Iterator[tuple[_Metric, float]]:
    """Yield the values of the fleet provisioning metrics.

    A request counts 1 if it failed, else 0; things are counted by claim, with the total so far as
    value.
    """
    registered: defaultdict[str, set[str]] = defaultdict(set)
    for call in calls:
        template_name, claim = call.template_name, call.claim_certificate_id
        if call.thing_name is not None:
            registered[claim].add(call.thing_name)
        if not records.is_in_metrics(call.sequence):
            continue
        minute = _minute(call.moment)
        by_template = (("TemplateName", template_name),) if template_name is not None else ()
        yield _Metric(minute, f"{call.operation}Failed", by_template), float(call.failed)
        if call.thing_name is not None:
            by_claim = (("ClaimCertificateId", claim),)
            name = "ApproximateNumberOfThingsRegistered"
            yield _Metric(minute, name, by_claim), float(len(registered[claim]))


class _Minutes:
    """Finds the minutes of many moments, most of which share the previous one's minute."""

    def __init__(self) -> None:
        self._minute = self._first = self._last = datetime.min.replace(tzinfo=timezone.utc)

    def of(self, moment: datetime) -> datetime:
        if not self._first <= moment < self._last:
            self._minute = _minute(moment)
            self._first = self._minute.replace(tzinfo=timezone.utc)
            self._last = self._first + timedelta(minutes=1)
        return self._minute


def _minute(moment: datetime) -> datetime:
    # moto uses UTC in naive datetimes.
    return moment.replace(second=0, microsecond=0, tzinfo=None)


def _connection_metric(attempt: ConnectionAttempt) -> str | None:
    if attempt.accepted:
        return "Connect.Success"
    assert attempt.reason is not None
    if attempt.reason is RefusalReason.NOT_AUTHORIZED:
        # A request over HTTPS that no policy allows is not a connection.
        return "Connect.AuthError" if attempt.transport.protocol == "MQTT" else None
    if attempt.reason is RefusalReason.CONNECT_THROTTLED:
        return "Connect.Throttle"
    if is_authentication_error(attempt):
        return "Connection.AuthNError"
    return None


def is_authentication_error(attempt: ConnectionAttempt) -> bool:
    """Whether AWS IoT counts and logs a refused attempt as ``Connection.AuthNError`` here.

    It does so for the account that the server name (SNI) belongs to, and not at all without one.
    """
    reason = attempt.reason
    return (
        reason is not None
        and reason.aws_reason is not None
        and attempt.server_name is not None
        and reason is not RefusalReason.SNI_MISUSED
    )


def _provisioning_metric(run: ProvisioningRun) -> str:
    if run.succeeded:
        return "ProvisionThing.Success"
    # RegisterThing has few errors of its own: the step says what the problem was.
    kind = "ClientError" if run.error_codes.isdisjoint(_SERVER_ERRORS) else "ServerError"
    return f"ProvisionThing.{kind}"
