"""What CloudWatch queries find of our metrics: from which minute on, and with which dimension.

CloudWatch rounds StartTime down to the whole minute, so that a query that starts just before a
device connects finds the value of that minute; moto compares to the second. To CloudWatch, a metric
with other dimensions is another metric, so that a query without dimensions finds no values of a
metric that is counted by protocol; moto adds up everything with the name. This only applies to
``AWS/IoT``: a test's own data in other namespaces is found as in plain moto.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from .metrics import NAMESPACE, has_dimension

_NOT_FOUND = " without dimension"


def as_cloudwatch_finds_statistics(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return moto's ``get_metric_statistics``, with CloudWatch's behaviour for our namespace.

    Args:
        original: the method of moto's CloudWatch backend.
    """

    @functools.wraps(original)
    def get_metric_statistics(
        self: Any,
        namespace: str,
        metric_name: str,
        start_time: datetime,
        end_time: datetime,
        period: int,
        stats: Any,
        dimensions: Any,
        *more: Any,
        **keywords: Any,
    ) -> Any:
        if namespace == NAMESPACE:
            start_time = _minute(start_time)
            metric_name = _name_looked_for(metric_name, dimensions)
        return original(
            self,
            namespace,
            metric_name,
            start_time,
            end_time,
            period,
            stats,
            dimensions,
            *more,
            **keywords,
        )

    return get_metric_statistics


def as_cloudwatch_finds_data(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return moto's ``get_metric_data``, with CloudWatch's behaviour for our namespace.

    Args:
        original: the method of moto's CloudWatch backend.
    """

    @functools.wraps(original)
    def get_metric_data(
        self: Any,
        queries: Sequence[Mapping[str, Any]],
        start_time: datetime,
        *more: Any,
        **keywords: Any,
    ) -> Any:
        queries = [_looked_for(query) for query in queries]
        ours = _results_of_ours(queries)
        if not ours:
            return original(self, queries, start_time, *more, **keywords)
        rounded = original(self, queries, _minute(start_time), *more, **keywords)
        if len(ours) == len(queries):
            return rounded
        exact = original(self, queries, start_time, *more, **keywords)
        # The same queries have the same results, in the same order.
        return [
            rounded_query if rounded_query["id"] in ours else as_asked
            for rounded_query, as_asked in zip(rounded, exact, strict=True)
        ]

    return get_metric_data


def _looked_for(query: Mapping[str, Any]) -> Mapping[str, Any]:
    """The query, or one that finds nothing and has the same label."""
    metric_stat = query.get("MetricStat", {})
    metric = metric_stat.get("Metric", {})
    if metric.get("Namespace") != NAMESPACE:
        return query
    name = metric["MetricName"]
    looked_for = _name_looked_for(name, metric.get("Dimensions"))
    if looked_for == name:
        return query
    return {
        **query,
        "Label": query.get("Label") or f"{name} {metric_stat['Stat']}",
        "MetricStat": {**metric_stat, "Metric": {**metric, "MetricName": looked_for}},
    }


def _name_looked_for(name: str, dimensions: Sequence[Any] | None) -> str:
    return f"{name}{_NOT_FOUND}" if has_dimension(name) and not dimensions else name


def _results_of_ours(queries: Sequence[Mapping[str, Any]]) -> set[str]:
    """The ids of the queries of our namespace, and of the expressions beside them."""
    ours, expressions = set(), set()
    for query in queries:
        if "MetricStat" not in query:
            expressions.add(query["Id"])
        elif query["MetricStat"]["Metric"].get("Namespace") == NAMESPACE:
            ours.add(query["Id"])
    return ours | expressions if ours else ours


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
