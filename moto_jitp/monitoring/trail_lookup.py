"""LookupEvents, which moto's CloudTrail lacks: finds the events of AWS IoT.

https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import JsonRESTError

from moto_jitp.aws.iam_roles import SERVICE

from .records import is_read_only
from .trail import Place, TrailEvent, events_newest_first, may_have, utc

_MOST = 50
_KEPT_FOR = timedelta(days=90)
_LATEST = datetime(9999, 12, 31, tzinfo=timezone.utc)
_Matcher = Callable[[TrailEvent], bool]
_Position = tuple[str, int, int]


class LookupRefused(JsonRESTError):  # noqa: N818 - as in iot.exceptions
    """A refused LookupEvents, with an error that the operation declares (own wording)."""

    code = 400


def lookup_events(response: CloudTrailResponse) -> str:
    """Answer LookupEvents; an action of moto's CloudTrail response class.

    Raises:
        LookupRefused: an argument is wrong.
    """
    cloudtrail = response.cloudtrail_backend
    place = Place(cloudtrail.account_id, cloudtrail.region_name)
    now = datetime.now(timezone.utc)
    start, end = _time_range(response)
    size = _page_size(response)
    category = response._get_param("EventCategory")
    attributes = response._get_param("LookupAttributes") or []
    matches = _matcher(attributes, place)
    query = _fingerprint(attributes, start, end, category)
    after = _position(response._get_param("NextToken"), query)
    if category not in (None, "insight"):
        raise LookupRefused(
            "InvalidEventCategoryException",
            f"{category!r} is not an event category: give insight, or leave it out.",
        )
    page: list[TrailEvent] = []
    has_more = False
    if category is None:  # there are no Insights events here
        is_selected = may_have(*_attribute(attributes))
        first = max(start or now - _KEPT_FOR, (now - _KEPT_FOR).replace(microsecond=0))
        for event in events_newest_first(place, first, end or _LATEST, is_selected):
            if (after is None or _place_of(event) < after) and matches(event):
                has_more = len(page) == size
                if has_more:
                    break
                page.append(event)
    answer: dict[str, Any] = {"Events": [_summary(event, place) for event in page]}
    if has_more:
        answer["NextToken"] = _token(_place_of(page[-1]), query)
    return json.dumps(answer)


def _summary(event: TrailEvent, place: Place) -> dict[str, Any]:
    user_name = event.details.identity(place).user_name
    return {
        "EventId": event.event_id(place),
        "EventName": event.name,
        "ReadOnly": _read_only(event),
        **({"AccessKeyId": event.details.access_key} if event.details.access_key else {}),
        "EventTime": event.time.timestamp(),
        "EventSource": SERVICE,
        **({"Username": user_name} if user_name else {}),
        "Resources": [
            {"ResourceType": resource.type, "ResourceName": resource.name}
            for resource in event.resources(place)
        ],
        "CloudTrailEvent": event.event_json(place),
    }


def _read_only(event: TrailEvent) -> str:
    return str(is_read_only(event.name)).lower()


def _matcher(attributes: Any, place: Place) -> _Matcher:
    """Return a function that decides whether an event was asked for."""
    if not isinstance(attributes, list) or len(attributes) > 1:
        raise LookupRefused(
            "InvalidLookupAttributesException",
            "LookupAttributes can have at most one attribute.",
        )
    if not attributes:
        return lambda event: True
    attribute: Mapping[str, Any] = attributes[0] if isinstance(attributes[0], dict) else {}
    key, value = attribute.get("AttributeKey"), attribute.get("AttributeValue")
    tests: dict[Any, _Matcher] = {
        "EventId": lambda event: event.event_id(place) == value,
        "EventName": lambda event: event.name == value,
        "ReadOnly": lambda event: _read_only(event) == value,
        "EventSource": lambda event: value == SERVICE,
        "AccessKeyId": lambda event: event.details.access_key == value,
        "Username": lambda event: event.details.identity(place).user_name == value,
        "ResourceType": lambda event: any(r.type == value for r in event.resources(place)),
        "ResourceName": lambda event: any(r.name == value for r in event.resources(place)),
    }
    if key not in tests:
        raise LookupRefused(
            "InvalidLookupAttributesException",
            f"{key!r} is not a lookup attribute. The lookup attributes are: {', '.join(tests)}.",
        )
    if not isinstance(value, str) or not 1 <= len(value) <= 2000:
        raise LookupRefused(
            "InvalidLookupAttributesException",
            f"The value of the lookup attribute {key} must be a string of 1 to 2000 characters.",
        )
    return tests[key]


def _attribute(attributes: list[dict[str, str]]) -> tuple[str | None, str]:
    for attribute in attributes:
        return attribute["AttributeKey"], attribute["AttributeValue"]
    return None, ""


def _time_range(response: CloudTrailResponse) -> tuple[datetime | None, datetime | None]:
    bounds = [response._get_param(name) for name in ("StartTime", "EndTime")]
    try:
        start, end = (None if seconds is None else utc(float(seconds)) for seconds in bounds)
    except (ValueError, TypeError, OverflowError, OSError):
        raise LookupRefused(
            "InvalidTimeRangeException", "StartTime and EndTime must be seconds since 1970."
        ) from None
    if start is not None and end is not None and start > end:
        raise LookupRefused(
            "InvalidTimeRangeException",
            f"StartTime ({start.isoformat()}) is after EndTime ({end.isoformat()}).",
        )
    return start, end


def _page_size(response: CloudTrailResponse) -> int:
    size = response._get_param("MaxResults", _MOST)
    if not isinstance(size, int) or not 1 <= size <= _MOST:
        raise LookupRefused(
            "InvalidMaxResultsException",
            f"MaxResults must be a number from 1 to {_MOST}, not {size!r}.",
        )
    return size


# A token says after which event the next page begins, and which query it belongs to: newer events
# between two pages do not shift any page.


def _place_of(event: TrailEvent) -> _Position:
    return event.moment.isoformat(timespec="microseconds"), event.sequence, event.step


def _fingerprint(*question: Any) -> str:
    return hashlib.sha256(json.dumps(question, default=str).encode()).hexdigest()[:16]


def _token(position: _Position, query: str) -> str:
    return base64.b64encode(json.dumps([query, *position]).encode()).decode()


def _position(token: Any, query: str) -> _Position | None:
    if token is None:
        return None
    try:
        of_query, moment, sequence, step = json.loads(base64.b64decode(token, validate=True))
    except (ValueError, TypeError, RecursionError):
        of_query = moment = sequence = step = None
    if of_query != query:
        raise LookupRefused(
            "InvalidNextTokenException",
            "The NextToken was not returned for this query: request the next page with the "
            "arguments of the first.",
        )
    return moment, sequence, step
