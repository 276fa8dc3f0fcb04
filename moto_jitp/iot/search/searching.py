"""SearchIndex: finds things and thing groups.

https://docs.aws.amazon.com/iot/latest/apireference/API_SearchIndex.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from moto.iot.models import FakeThing

from moto_jitp.iot.api.operations import Input, Output, operation_if_strict
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.exceptions import InvalidQuery, InvalidRequest
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.names import did_you_mean
from moto_jitp.queries import Query, QueryError, parse_query

from .documents import group_answer, group_document, thing_answer, thing_document
from .indexing import THING_GROUPS, THINGS, Indexing

_VERSION = "2017-09-30"
_PAGE = 100
_LARGEST_PAGE = 500

_FIELDS = {
    THINGS: (
        "thingName",
        "thingId",
        "thingTypeName",
        "thingType",
        "thingGroupNames",
        "registry.thingTypeName",
        "registry.thingGroupNames",
        "attributes",
        "shadow",
        "connectivity",
    ),
    THING_GROUPS: (
        "thingGroupName",
        "thingGroupId",
        "description",
        "parentGroupNames",
        "attributes",
    ),
}
_WITH_PARTS = ("attributes", "shadow", "connectivity")
_CONNECTIVITY = (
    "connected",
    "timestamp",
    "disconnectReason",
    "clientId",
    "keepAliveDuration",
    "cleanSession",
    "sessionExpiry",
)
_SHADOW = ("desired", "reported", "delta", "metadata", "hasDelta", "timestamp")


@operation_if_strict("SearchIndex", Indexing)
def search_index(indexing: Indexing, arguments: Input) -> Output:
    index = arguments.get("indexName", THINGS)
    indexing.require(index)
    if arguments.get("queryVersion", _VERSION) != _VERSION:
        raise InvalidRequest(
            f"The queryVersion is {arguments['queryVersion']}; only {_VERSION} exists."
        )
    if arguments.get("maxResults", 1) > _LARGEST_PAGE:
        raise InvalidRequest(
            f"maxResults is {arguments['maxResults']}; the maximum is {_LARGEST_PAGE}."
        )
    try:
        query = parse_query(arguments["queryString"])
    except QueryError as error:
        raise InvalidQuery(f"The query is not valid: {error}") from None
    for field in query.fields:
        _check_field(indexing, index, field)
    page = Page("SearchIndex", arguments, default_size=_PAGE)
    with indexing.registry.lock:
        if index == THING_GROUPS:
            groups = page.cut(
                indexing.registry.thing_groups.after(page.number),
                lambda group: query.matches(group_document(group)),
            )
            return page.output("thingGroups", [group_answer(group) for group in groups])
        things = page.cut(
            _candidates(indexing, query, page.number),
            lambda thing: query.matches(thing_document(indexing, thing)),
        )
        return page.output("things", [thing_answer(indexing, thing) for thing in things])


def _candidates(
    indexing: Indexing, query: Query, number: int | None
) -> Iterable[tuple[int, FakeThing]]:
    """Yield the things after a place that may match.

    A query for a thing by name, or for the things of a group, does not walk the fleet.
    """
    registry = indexing.registry
    order = registry.things.order
    for name in query.required_words("thingName"):
        ordered_things = [(order[thing.arn], thing) for thing in registry.things.named(name)]
        return _later(ordered_things, number)
    for name in query.required_words("thingGroupNames", "registry.thingGroupNames"):
        arns = {arn for group in _groups_named(registry, name) for arn in group.things}
        members = [(order[arn], registry.things[arn]) for arn in arns if arn in order]
        return _later(members, number)
    return registry.things.after(number)


def _later(
    places: list[tuple[int, FakeThing]], number: int | None
) -> Iterable[tuple[int, FakeThing]]:
    later = (place for place in places if number is None or place[0] > number)
    return sorted(later, key=itemgetter(0))


def _groups_named(registry: Registry, name: str) -> Iterator[Any]:
    """Yield the thing groups and billing groups with a name, regardless of case."""
    for group in registry.thing_groups.values():
        if group.thing_group_name.casefold() == name:
            yield group
    for billing_group in registry.billing_groups.values():
        if billing_group.billing_group_name.casefold() == name:
            yield billing_group


def _check_field(indexing: Indexing, index: str, field: str) -> None:
    """Refuse a field that nothing in the index can have (our own choice: not documented by AWS).

    Raises:
        InvalidQuery: it is.
    """
    fields = _FIELDS[index]
    first, _, rest = field.partition(".")
    if first == "deviceDefender" and index == THINGS:
        raise InvalidQuery(
            f"The field {field} cannot be searched: AWS IoT Device Defender is not emulated."
        )
    if field not in fields and not (first in fields and rest and first in _WITH_PARTS):
        raise InvalidQuery(_unknown(field, fields, f"The index {index} has"))
    if first in fields and first in _WITH_PARTS and not rest:
        raise InvalidQuery(f"The field {field} needs a name after it, such as {first}.…")
    if index == THINGS and first == "shadow":
        _check_shadow_field(indexing, field, rest)
    if index == THINGS and first == "connectivity":
        if not indexing.has_connectivity:
            raise InvalidQuery(
                f"The field {field} is not indexed: thingConnectivityIndexingMode is OFF."
            )
        if rest not in _CONNECTIVITY:
            raise InvalidQuery(_unknown(rest, _CONNECTIVITY, "connectivity has"))


def _check_shadow_field(indexing: Indexing, field: str, rest: str) -> None:
    first, _, below = rest.partition(".")
    if first == "name":
        name = next(
            (
                shadow_name
                for shadow_name in indexing.named_shadows
                if below.startswith(f"{shadow_name}.")
            ),
            None,
        )
        if name is None:
            indexed = ", ".join(indexing.named_shadows) or "none"
            raise InvalidQuery(
                f"The field {field} does not belong to an indexed named shadow. Indexed shadows: "
                f"{indexed}."
            )
        first = below[len(name) + 1 :].partition(".")[0]
    elif not indexing.has_shadows:
        mode = indexing.things["thingIndexingMode"]
        raise InvalidQuery(f"The field {field} is not indexed: thingIndexingMode is {mode}.")
    if first == "version":
        raise InvalidQuery(f"The field {field} cannot be searched; it only appears in answers.")
    if first not in _SHADOW:
        raise InvalidQuery(_unknown(first, _SHADOW, "A shadow has"))


def _unknown(field: str, fields: tuple[str, ...], has: str) -> str:
    advice = did_you_mean(field, fields)
    return f"The field {field} does not exist. {has} {', '.join(fields)}. {advice}".rstrip()
