"""CloudTrail events of AWS IoT: calls of its API, and the steps of just-in-time provisioning.

Events are composed when they are read, from the recorded calls and the run journal. A device's
connection itself leaves no event, nor do calls that only read.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-using-cloudtrail.html
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from operator import itemgetter
from typing import Any, NamedTuple

from moto.utilities.utils import get_partition

from moto_jitp.aws.iam_roles import SERVICE
from moto_jitp.history.journal import RunEntry, RunOrigin
from moto_jitp.history.runs import ProvisioningRun, RunStatus, StepCall, StepResult
from moto_jitp.history.state import existing_state

from .identities import Identity, provisioning_service
from .records import ApiCall, Records, is_read_only
from .trail_resources import Resource, parameter_of, resources_in

_OF_REGISTER_THING = "ResourceRegistrationFailureException"
"""The error codes that only RegisterThing returns; a step with one of them was forbidden and never
called.
"""

_FIRST_VERSION = "1"
_ANSWERS_WITH_SECRETS = ("keyPair", "privateKey", "certificateOwnershipToken")


class Place(NamedTuple):
    """The account and Region of events."""

    account_id: str
    region_name: str

    def arn(self, resource: str) -> str:
        """The ARN of an IoT resource here."""
        partition = get_partition(self.region_name)
        return f"arn:{partition}:iot:{self.region_name}:{self.account_id}:{resource}"


class Details(ABC):
    """Details that are looked up only for events that are read or searched for by them."""

    __slots__ = ()

    access_key: str | None = None
    source_address: str = SERVICE
    user_agent: str = SERVICE

    @abstractmethod
    def identity(self, place: Place) -> Identity:
        """The caller."""

    @abstractmethod
    def parameters(self, place: Place) -> Mapping[str, Any]:
        """The call's input."""

    def answer(self, place: Place) -> Mapping[str, Any] | None:
        """The call's output; ``None`` for an empty or failed one."""
        return None

    def subject(self) -> Mapping[str, Any] | None:
        """The resources of the call beyond those in input and output."""
        return None


class TrailEvent(NamedTuple):
    """An event, before it is written out.

    Attributes:
        moment: when the call was made.
        sequence: orders calls and runs of one moment.
        step: orders the steps of one run.
        name: the API operation.
        error_code: why it failed, in CloudTrail's words; ``None`` if it succeeded.
        error_message: the error's text.
        details: the rest.
    """

    moment: datetime
    sequence: int
    step: int
    name: str
    error_code: str | None
    error_message: str | None
    details: Details

    @property
    def time(self) -> datetime:
        """The event's time in whole seconds, as in CloudTrail."""
        return self.moment.replace(microsecond=0)

    def event_id(self, place: Place) -> str:
        """A UUID that is the same each time the event is read."""
        digits = hashlib.sha256(f"{place.account_id}/{place.region_name}".encode()).hexdigest()
        own_part = f"{self.sequence & 0xFFFFFFFF:08x}-{self.step & 0xFFFF:04x}"
        return f"{own_part}-4{digits[:3]}-8{digits[3:6]}-{digits[6:18]}"

    def resources(self, place: Place) -> list[Resource]:
        """The resources of the call."""
        details = self.details
        return resources_in(
            self.name, details.subject(), details.parameters(place), details.answer(place)
        )

    def event_json(self, place: Place) -> str:
        """The event's JSON text.

        https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
        """
        event_id = self.event_id(place)
        error = {"errorCode": self.error_code, "errorMessage": self.error_message}
        event = {
            "eventVersion": "1.11",
            "userIdentity": self.details.identity(place).element,
            "eventTime": self.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": SERVICE,
            "eventName": self.name,
            "awsRegion": place.region_name,
            "sourceIPAddress": self.details.source_address,
            "userAgent": self.details.user_agent,
            **(error if self.error_code else {}),
            "requestParameters": self.details.parameters(place) or None,
            "responseElements": self.details.answer(place) or None,
            "requestID": f"{event_id[:14]}5{event_id[15:]}",
            "eventID": event_id,
            "readOnly": is_read_only(self.name),
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": place.account_id,
            "eventCategory": "Management",
        }
        return json.dumps(event, default=str)


def events_newest_first(
    place: Place,
    start: datetime,
    end: datetime,
    is_selected: Callable[[ApiCall | ProvisioningRun], bool],
) -> Iterator[TrailEvent]:
    """Yield the events of an account and Region.

    Args:
        place: the account and Region.
        start: the first second of interest, in UTC.
        end: the last one.
        is_selected: whether a call or a run can have an event of interest; see :func:`may_have`.
    """
    state = existing_state(*place)
    records = state.part(Records)
    sources: list[tuple[datetime, int, ApiCall | ProvisioningRun]] = [
        (call.moment, call.sequence, call) for call in list(records.calls)
    ]
    sources += (
        (entry.moment, entry.order, entry.run)
        for entry in state.runs.entries()
        if _has_events(entry) and records.is_in_trail(entry.id)
    )
    sources.sort(key=itemgetter(0, 1), reverse=True)
    for moment, sequence, source in sources:
        if not (start <= moment.replace(microsecond=0) <= end and is_selected(source)):
            continue
        if isinstance(source, ApiCall):
            yield _event_of_call(source)
        else:
            yield from reversed(list(_events_of_run(moment, sequence, source)))


def _has_events(entry: RunEntry) -> bool:
    """Whether AWS IoT has called its API for a run, and the calls are not reported elsewhere."""
    if entry.origin is RunOrigin.JITP:
        return entry.run.status is not RunStatus.IN_PROGRESS
    # Before AWS IoT has assumed the role, it has called nothing. RegisterThing of the API is itself
    # a call, which the trail has.
    by_role = (RunOrigin.FLEET_PROVISIONING, RunOrigin.BULK_REGISTRATION)
    return entry.origin in by_role and entry.run.role_arn is not None


def may_have(attribute: str | None, value: str) -> Callable[[ApiCall | ProvisioningRun], bool]:
    """Return a filter for calls and runs that may match, before events are made from them.

    Args:
        attribute: the lookup attribute, if there is one.
        value: its value.
    """

    def by_name(source: ApiCall | ProvisioningRun) -> bool:
        if isinstance(source, ApiCall):
            return source.operation == value
        return source.mentions(value)

    def by_resource(source: ApiCall | ProvisioningRun) -> bool:
        if isinstance(source, ApiCall) or source.certificate_id == value:
            return True
        return source.mentions(value)

    sorters = {"EventName": by_name, "ResourceName": by_resource}
    return sorters.get(attribute or "", lambda source: True)


class _CallDetails(Details):
    __slots__ = ("_call",)

    def __init__(self, call: ApiCall) -> None:
        self._call = call

    @property
    def access_key(self) -> str | None:  # type: ignore[override]
        return self._call.access_key

    @property
    def source_address(self) -> str:  # type: ignore[override]
        return self._call.source_address

    @property
    def user_agent(self) -> str:  # type: ignore[override]
        return self._call.user_agent

    def identity(self, place: Place) -> Identity:
        return self._call.identity

    def parameters(self, place: Place) -> Mapping[str, Any]:
        return self._call.parameters()

    def answer(self, place: Place) -> Mapping[str, Any] | None:
        if self._call.status >= 400:
            return None
        members = self._call.answered()
        return {name: members[name] for name in members if name not in _ANSWERS_WITH_SECRETS}


class _StepDetails(Details):
    __slots__ = ("_call", "_run")

    def __init__(self, run: ProvisioningRun, call: StepCall) -> None:
        self._run = run
        self._call = call

    def identity(self, place: Place) -> Identity:
        return provisioning_service(place.account_id, place.region_name, self._run.role_arn)

    def parameters(self, place: Place) -> Mapping[str, Any]:
        run, (step, parameters) = self._run, self._call
        if step.action == "RegisterThing":
            # The template's name is not a parameter of the API; it says where these values belong.
            template_field = {"templateName": run.template_name} if run.template_name else {}
            return {**template_field, "parameters": dict(run.parameters)}
        return parameters or parameter_of(step.resource)

    def answer(self, place: Place) -> Mapping[str, Any] | None:
        run, (step, parameters) = self._run, self._call
        if step.action == "RegisterThing":
            arns = dict(run.resource_arns)
            return {"resourceArns": arns} if arns and not run.error_code else None
        if step.error_code is not None:
            return None
        if step.action == "CreateThing":
            return {
                "thingName": run.thing_name,
                "thingArn": place.arn(step.resource),
                **({"thingId": run.thing_id} if run.thing_id else {}),
            }
        if step.action == "CreatePolicy" and step.result is StepResult.SUCCEEDED:
            return {
                **parameters,
                "policyArn": place.arn(step.resource),
                "policyVersionId": _FIRST_VERSION,
            }
        return None

    def subject(self) -> Mapping[str, Any] | None:
        # Someone who looks for a device that is not provisioned has its certificate's id.
        is_run = self._call.step.action == "RegisterThing"
        return {"certificateId": self._run.certificate_id} if is_run else None


def _event_of_call(call: ApiCall) -> TrailEvent:
    code, message = call.error()
    return TrailEvent(
        call.moment, call.sequence, 0, call.operation, _code(code), message, _CallDetails(call)
    )


def _events_of_run(moment: datetime, sequence: int, run: ProvisioningRun) -> Iterator[TrailEvent]:
    for number, call in enumerate(run.calls):
        step = call.step
        name, code, message = step.action, step.error_code, step.message
        if number == 0 and name == "RegisterCertificate" and code is None:
            continue  # the message broker registers the certificate, which is not an API call
        if name == "RegisterThing":
            # This call ends like the run.
            code, message = run.error_code, run.message
        elif code == _OF_REGISTER_THING or (code is None and is_read_only(name)):
            continue
        details = _StepDetails(run, call)
        yield TrailEvent(moment, sequence, number, name, _code(code), message, details)


def _code(code: str | None) -> str | None:
    """CloudTrail's word for an error code, which differs if IAM refused the call."""
    return "AccessDenied" if code == "AccessDeniedException" else code


def utc(seconds: float) -> datetime:
    """The moment of a number of seconds since 1970."""
    return datetime.fromtimestamp(seconds, timezone.utc)
