"""What metrics and the trail are rendered from, and where it is kept.

A connection costs nothing here: its attempt is kept anyway, with the provisioning run that it set
off, and says all that CloudWatch and CloudTrail tell of it. What is kept beside the attempts lies
with them in the backend of the account and Region, so that moto's reset takes it away.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple, Protocol

from moto.iot.models import IoTBackend, iot_backends

from moto_jitp import settings
from moto_jitp.templates import Template

from .identities import Identity

_READ_ONLY = ("Describe", "Get", "List", "Search", "Test", "Validate")
_IN_XML = re.compile(r"<(Code|Message)>(.*?)</\1>", re.DOTALL)


class Named(Protocol):
    """A member of an enumeration of texts."""

    @property
    def value(self) -> str: ...


class Reason(Named, Protocol):
    """Why a connection was refused."""

    @property
    def aws_reason(self) -> str | None: ...


class Step(NamedTuple):
    """One step of a provisioning run, as :attr:`Run.record` has it."""

    action: str
    resource: str
    result: str
    error_code: str | None
    message: str | None


class Run(Protocol):
    """A provisioning run, as the layers above keep it; ``record`` has five texts of each step."""

    @property
    def status(self) -> Named: ...
    @property
    def template_name(self) -> str | None: ...
    @property
    def template(self) -> Template | None: ...
    @property
    def parameters(self) -> Mapping[str, str]: ...
    @property
    def record(self) -> Sequence[str | None]: ...
    @property
    def resource_arns(self) -> Mapping[str, str]: ...
    @property
    def thing_name(self) -> str | None: ...
    @property
    def thing_id(self) -> str | None: ...
    @property
    def certificate_id(self) -> str | None: ...
    @property
    def certificate_status(self) -> str | None: ...
    @property
    def error_code(self) -> str | None: ...
    @property
    def message(self) -> str | None: ...
    @property
    def role_arn(self) -> str | None: ...


class Attempt(Protocol):
    """A connection attempt, as the layers above keep it."""

    @property
    def accepted(self) -> bool: ...
    @property
    def reason(self) -> Reason | None: ...
    @property
    def certificate_id(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def server_name(self) -> str | None: ...
    @property
    def timestamp(self) -> datetime: ...
    @property
    def sequence(self) -> int: ...
    @property
    def provisioning(self) -> Run | None: ...


class FleetCall(Protocol):
    """One request of a device to fleet provisioning, as the layers above keep it."""

    @property
    def moment(self) -> datetime: ...
    @property
    def sequence(self) -> int: ...
    @property
    def operation(self) -> str: ...
    @property
    def template_name(self) -> str | None: ...
    @property
    def claim_certificate_id(self) -> str: ...
    @property
    def failed(self) -> bool: ...
    @property
    def run(self) -> Run | None: ...


class ApiCall(NamedTuple):
    """One call of an API operation, in the form in which it came.

    Attributes:
        moment: when, in UTC.
        sequence: orders it among attempts and calls of the same moment.
        operation: such as ``CreateThing``.
        parameters: returns the operation's input.
        access_key: the access key id that signed it; ``None`` for an unsigned call.
        identity: who made it.
        source_address: where it came from.
        user_agent: what made it.
        status: the HTTP status of the answer.
        error_type: the answer's header with the error code, if it has one.
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
        found = {name: html.unescape(text) for name, text in _IN_XML.findall(self.answer)}
        return found.get("Code") or str(self.status), found.get("Message")

    def answered(self) -> dict[str, Any]:
        """The answer's members."""
        try:
            body = json.loads(self.answer or "{}")
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}


class EndedRun(NamedTuple):
    """When a provisioning run ended that went on after its connection had."""

    sequence: int
    moment: datetime


class Operation(NamedTuple):
    """Something that the message broker did, for its metric.

    Attributes:
        moment: when, in UTC.
        metric: the metric's name, such as ``PublishIn.Success``.
        protocol: ``MQTT`` or ``HTTP``.
    """

    moment: datetime
    metric: str
    protocol: str


class Records:
    """What is kept of one account and Region beside its connection attempts.

    Attributes:
        calls: the calls for the trail, oldest first.
        ends: of attempts by sequence number, when their runs ended, where that was later.
        misdirected: attempts that asked for a server name of this account and Region elsewhere.
        operations: what the message broker did, oldest first.
        sessions: who has called with credentials of an assumed role, by access key.
        without_metrics: sequence numbers of what happened while ``metrics`` was off.
        without_trail: sequence numbers of what happened while ``trail`` was off.
    """

    __slots__ = (
        "calls",
        "ends",
        "misdirected",
        "operations",
        "sessions",
        "without_metrics",
        "without_trail",
    )

    def __init__(self) -> None:
        self.calls: list[ApiCall] = []
        self.ends: dict[int, EndedRun] = {}
        self.misdirected: list[Attempt] = []
        self.operations: list[Operation] = []
        self.sessions: dict[str, Identity] = {}
        self.without_metrics: set[int] = set()
        self.without_trail: set[int] = set()


def records_of(backend: IoTBackend) -> Records:
    """Return the records of an account and Region, to be added to."""
    records = backend.__dict__.get("monitoring_records")
    if records is None:
        records = backend.__dict__.setdefault("monitoring_records", Records())
    return records  # type: ignore[no-any-return]


def record_call(backend: IoTBackend, call: ApiCall) -> None:
    """Keep a call for the trail."""
    records_of(backend).calls.append(call)


def count_operation(backend: IoTBackend, metric: str, protocol: str) -> None:
    """Count something that the message broker does, unless ``metrics`` is off.

    Args:
        backend: the account and Region.
        metric: the metric's name, such as ``PublishIn.Success``.
        protocol: ``MQTT`` or ``HTTP``.
    """
    if settings.current().metrics:
        operation = Operation(datetime.now(timezone.utc), metric, protocol)
        records_of(backend).operations.append(operation)


def is_read_only(operation: str) -> bool:
    """Whether an operation changes nothing, so that CloudTrail keeps no event of it.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-using-cloudtrail.html
    """
    return operation.startswith(_READ_ONLY)


class Kept(NamedTuple):
    """All that is told of an account and Region, each list the oldest first.

    Attributes:
        attempts: the connection attempts.
        fleet_calls: the requests to fleet provisioning.
        records: what is kept beside them.
    """

    attempts: list[Attempt]
    fleet_calls: list[FleetCall]
    records: Records


def kept(account_id: str, region_name: str) -> Kept:
    """Return what is told of an account and Region.

    One that has not been used is not brought into being by asking.
    """
    account = iot_backends.get(account_id)
    backend = None if account is None else dict.get(account, region_name)
    if backend is None:
        return Kept([], [], Records())
    state = backend.__dict__
    return Kept(
        list(state.get("connection_attempts", ())),
        list(state.get("fleet_calls", ())),
        records_of(backend),
    )
