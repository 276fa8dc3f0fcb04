"""The operations that list things, types, groups and principals.

https://docs.aws.amazon.com/iot/latest/developerguide/thing-registry.html
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from moto.iot.models import FakeBillingGroup, FakeThing, FakeThingGroup, FakeThingType

from moto_jitp.iot.api.operations import Input, Output
from moto_jitp.iot.api.paging import Page, listing
from moto_jitp.iot.exceptions import InvalidRequest
from moto_jitp.ordered_tables import ListedKeys, ListedTable

from .indexes import ThingGroupTable
from .registry import Registry, type_name
from .thing_principals import check_principal


@listing("ListThings", Registry, default_size=50)
def list_things(registry: Registry, arguments: Input, page: Page) -> Output:
    kind, name = arguments.get("thingTypeName"), arguments.get("attributeName")
    value, is_prefix = (
        arguments.get("attributeValue"),
        arguments.get("usePrefixAttributeValue", False),
    )
    if value is not None and name is None:
        raise InvalidRequest("An attributeValue requires an attributeName.")

    def is_listed(thing: FakeThing) -> bool:
        if kind is not None and type_name(thing) != kind:
            return False
        if name is None:
            return True
        has: str | None = thing.attributes.get(name)
        if has is None or value is None:
            return has is not None
        return has.startswith(value) if is_prefix else has == value

    table = registry.things
    if name is not None:
        entries = table.with_attribute(name, None if is_prefix else value, page.number)
    elif kind is not None:
        entries = table.of_type(kind, page.number)
    else:
        entries = table.after(page.number)
    things = page.cut(entries, is_listed)
    return page.output("things", [thing.to_dict() for thing in things])


@listing("ListThingTypes", Registry, default_size=50)
def list_thing_types(registry: Registry, arguments: Input, page: Page) -> Output:
    beginning = arguments.get("thingTypeName", "")

    def is_listed(kind: FakeThingType) -> bool:
        # AWS takes the name as a prefix.
        return bool(kind.thing_type_name.startswith(beginning))

    types = page.cut(registry.thing_types.after(page.number), is_listed)
    return page.output("thingTypes", [kind.to_dict() for kind in types])


@listing("ListThingGroups", Registry)
def list_thing_groups(registry: Registry, arguments: Input, page: Page) -> Output:
    parent, beginning = arguments.get("parentGroup"), arguments.get("namePrefixFilter", "")
    recursive = arguments.get("recursive", True)

    def is_listed(group: FakeThingGroup) -> bool:
        is_listed = recursive or parent is not None or not group.parent_group_name
        return is_listed and bool(group.thing_group_name.startswith(beginning))

    table = registry.thing_groups
    entries: Iterable[tuple[int, FakeThingGroup]] = table.after(page.number)
    if parent is not None:
        registry.describe_thing_group(parent)
        below = table.descendants_of if recursive else table.children_of
        entries = _in_order(table, below(parent), page.number)
    groups = page.cut(entries, is_listed)
    return page.output("thingGroups", [_name_and_arn(group) for group in groups])


def _in_order(
    table: ThingGroupTable, groups: Iterable[FakeThingGroup], number: int | None
) -> list[tuple[int, FakeThingGroup]]:
    """Return those of a few groups that come after a place, in order of creation."""
    numbered = [(table.order.get(group.arn, 0), group) for group in groups]
    later = (entry for entry in numbered if number is None or entry[0] > number)
    return sorted(later, key=itemgetter(0))


def ancestors(registry: Registry, group: FakeThingGroup) -> Iterator[str]:
    """Yield the names of the groups above a thing group, its parent first."""
    above: FakeThingGroup | None = group
    while above is not None and above.parent_group_name:
        yield above.parent_group_name
        above = registry.find_thing_group(above.parent_group_name)


@listing("ListThingGroupsForThing", Registry)
def list_thing_groups_for_thing(registry: Registry, arguments: Input, page: Page) -> Output:
    arn = registry.describe_thing(arguments["thingName"]).arn
    table = registry.thing_groups
    groups = page.cut(_in_order(table, table.of_thing(arn), page.number))
    return page.output("thingGroups", [_name_and_arn(group) for group in groups])


def _name_and_arn(group: FakeThingGroup) -> dict[str, str]:
    return {"groupName": group.thing_group_name, "groupArn": group.arn}


@listing("ListThingsInThingGroup", Registry)
def list_things_in_thing_group(registry: Registry, arguments: Input, page: Page) -> Output:
    group = registry.describe_thing_group(arguments["thingGroupName"])
    groups = [group]
    if arguments.get("recursive", False):
        groups += registry.thing_groups.descendants_of(group.thing_group_name)
    things = page.cut(_members(groups, page.number))
    return page.output("things", [thing.thing_name for thing in things])


def _members(groups: list[FakeThingGroup], number: int | None) -> Iterable[tuple[int, FakeThing]]:
    """Yield the things of several groups in the order in which they joined, each once."""
    members = [_listed_things(group).after(number) for group in groups]
    for at, thing in heapq.merge(*members, key=lambda entry: entry[0]):
        numbers = (_listed_things(group).order.get(thing.arn, at) for group in groups)
        if at == min(numbers):
            yield at, thing


def _listed_things(group: FakeThingGroup) -> ListedTable[str, Any]:
    assert isinstance(group.things, ListedTable)
    return group.things


@listing("ListBillingGroups", Registry, default_size=100)
def list_billing_groups(registry: Registry, arguments: Input, page: Page) -> Output:
    beginning = arguments.get("namePrefixFilter", "")

    def is_listed(group: FakeBillingGroup) -> bool:
        return bool(group.billing_group_name.startswith(beginning))

    groups = page.cut(registry.billing_groups.after(page.number), is_listed)
    return page.output("billingGroups", [group.to_short_dict() for group in groups])


@listing("ListThingsInBillingGroup", Registry, default_size=100)
def list_things_in_billing_group(registry: Registry, arguments: Input, page: Page) -> Output:
    group = registry.describe_billing_group(arguments["billingGroupName"])
    arns: list[str] = page.cut(_listed_arns(group, page.number))
    return page.output("things", [arn.partition(":thing/")[2] for arn in arns])


def _listed_arns(group: Any, number: int | None) -> Iterator[tuple[int, str]]:
    assert isinstance(group.things, ListedKeys)
    return group.things.after(number)


@listing("ListThingPrincipals", Registry)
def list_thing_principals(registry: Registry, arguments: Input, page: Page) -> Output:
    name = arguments["thingName"]
    registry.require_listed(name)
    principals = page.cut(registry.principal_things.firsts_after(name, page.number))
    return page.output("principals", principals)


@listing("ListPrincipalThings", Registry)
def list_principal_things(registry: Registry, arguments: Input, page: Page) -> Output:
    check_principal(arguments["principal"])
    things = page.cut(registry.principal_things.seconds_after(arguments["principal"], page.number))
    return page.output("things", things)
