"""The records behind metrics and the trail.

A connection costs nothing here: its attempt is kept anyway, with the provisioning run that it set
off, and has all that CloudWatch and CloudTrail report about it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from moto.iot.models import IoTBackend

from moto_jitp import settings
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.state import part_of

from .identities import Identity

_READ_ONLY = ("Describe", "Get", "List", "Search", "Test", "Validate")
_IN_XML = re.compile(r"<(Code|Message)>(.*?)</\1>", re.DOTALL)


_DIMENSIONS: dict[str | None, tuple[tuple[str, str], ...]] = {
    None: (),
    "MQTT": (("Protocol", "MQTT"),),
    "HTTP": (("Protocol", "HTTP"),),
}


class ApiCall(NamedTuple):
    """One call of an API operation, in its original form.

    Attributes:
        moment: when, in UTC.
        sequence: orders it among attempts and calls of the same moment.
        operation: such as ``CreateThing``.
        parameters: returns the operation's input.
        access_key: the access key id that signed it; ``None`` for an unsigned call.
        identity: who made it.
        source_address: its sender's address.
        user_agent: the user agent of the caller.
        status: the HTTP status of the answer.
        error_type: the answer's header with the error code, if any.
        answer: the answer's body.
    """

    moment: datetime
    sequence: int
    operation: str
    parameters: Callable[[], Mapping[str, Any]]
    access_key: str | None
    identity: Identity
    source_address: str
    user_agent: str
    status: int
    error_type: str | None
    answer: str

    def error(self) -> tuple[str | None, str | None]:
        """The error's code and text; ``None`` for a call that succeeded."""
        if self.status < 400:
            return None, None
        if self.answer.lstrip().startswith("<"):
            return self._error_in_xml()
        body = self.answered()
        code = self.error_type or body.get("__type") or body.get("Code") or str(self.status)
        return code.rpartition("#")[2].partition(":")[0], body.get("message") or body.get("Message")

    def _error_in_xml(self) -> tuple[str, str | None]:
        """The error of moto's IAM, which answers in XML whatever the service."""
        error_fields = {name: html.unescape(text) for name, text in _IN_XML.findall(self.answer)}
        return error_fields.get("Code") or str(self.status), error_fields.get("Message")

    def answered(self) -> dict[str, Any]:
        """The members of the answer."""
        try:
            body = json.loads(self.answer or "{}")
        except (ValueError, RecursionError):
            return {}
        return body if isinstance(body, dict) else {}


class Observation(NamedTuple):
    """An action of the message broker or a rule, for its metric.

    Attributes:
        moment: when, in UTC.
        metric: the metric's name, such as ``PublishIn.Success``.
        dimensions: the metric's dimensions, name and value.
    """

    moment: datetime
    metric: str
    dimensions: tuple[tuple[str, str], ...]


class Records:
    """The records of one account and Region beside its connection attempts.

    Attributes:
        calls: the calls for the trail, oldest first.
        misdirected: attempts elsewhere with a server name of this account and Region.
        observations: the observations, oldest first.
        sessions: the callers with credentials of an assumed role, by access key.
    """

    __slots__ = (
        "_without_metrics",
        "_without_trail",
        "calls",
        "misdirected",
        "observations",
        "sessions",
    )

    def __init__(self) -> None:
        self.calls: list[ApiCall] = []
        self.misdirected: list[ConnectionAttempt] = []
        self.observations: list[Observation] = []
        self.sessions: dict[str, Identity] = {}
        self._without_metrics: set[int] = set()
        self._without_trail: set[int] = set()

    def leave_out(self, number: int, *, metrics: bool, trail: bool) -> None:
        """Exclude something from metrics, the trail, or both.

        Args:
            number: that of the attempt, run or request.
            metrics: whether to exclude it from metrics.
            trail: whether to exclude it from the trail.
        """
        if metrics:
            self._without_metrics.add(number)
        if trail:
            self._without_trail.add(number)

    def is_in_metrics(self, number: int) -> bool:
        """Whether metrics count the attempt, run or request with a number."""
        return number not in self._without_metrics

    def is_in_trail(self, number: int) -> bool:
        """Whether the trail reports the attempt, run or request with a number."""
        return number not in self._without_trail


def records_of(backend: IoTBackend) -> Records:
    """Return the records of an account and Region, to be extended."""
    return part_of(backend, Records)


def follow_settings(backend: IoTBackend, number: int) -> None:
    """Exclude something that happens now from metrics or trail where the settings say so.

    Args:
        backend: the account and Region.
        number: that of the attempt, run or request.
    """
    current = settings.current()
    if not (current.metrics and current.trail):
        records = records_of(backend)
        records.leave_out(number, metrics=not current.metrics, trail=not current.trail)


def record_call(backend: IoTBackend, call: ApiCall) -> None:
    """Keep a call for the trail."""
    records_of(backend).calls.append(call)


def count_device_action(backend: IoTBackend, metric: str, protocol: str | None) -> None:
    """Count an action of the message broker, unless ``metrics`` is off.

    Args:
        backend: the account and Region.
        metric: the metric's name, such as ``PublishIn.Success``.
        protocol: ``MQTT`` or ``HTTP``; ``None`` for a metric that has no dimension.
    """
    _count(backend, metric, _DIMENSIONS[protocol])


def count_rule(
    backend: IoTBackend, metric: str, rule_name: str | None, action_type: str | None = None
) -> None:
    """Count an action of a topic rule, unless ``metrics`` is off.

    Args:
        backend: the account and Region.
        metric: the metric's name, such as ``TopicMatch``.
        rule_name: the rule; ``None`` for a metric of all rules.
        action_type: the kind of the action, by its name in the API; ``None`` for a metric of rules.

    https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html
    """
    dimensions = (("ActionType", action_type), ("RuleName", rule_name))
    _count(backend, metric, tuple((name, value) for name, value in dimensions if value is not None))


def _count(backend: IoTBackend, metric: str, dimensions: tuple[tuple[str, str], ...]) -> None:
    if settings.current().metrics:
        observation = Observation(datetime.now(timezone.utc), metric, dimensions)
        records_of(backend).observations.append(observation)


def is_read_only(operation: str) -> bool:
    """Whether an operation changes nothing, so that CloudTrail has no event for it.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-using-cloudtrail.html
    """
    return operation.startswith(_READ_ONLY)
