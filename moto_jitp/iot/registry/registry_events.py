"""The events of the registry, with their payloads and topics.

A deleted thing or group leaves its groups, its type and its parent, which publishes the same events
as leaving them without deletion (not documented by AWS).
https://docs.aws.amazon.com/iot/latest/developerguide/registry-events.html
"""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any

from moto.iot.models import FakeThing, FakeThingGroup, FakeThingType

from .events import milliseconds
from .registry import Registry, type_name


def tell_of_thing(registry: Registry, operation: str, thing: FakeThing) -> None:
    """Publish that a thing was ``CREATED``, ``UPDATED`` or ``DELETED``.

    Args:
        registry: the account's and Region's tables.
        operation: which of these.
        thing: the thing.
    """
    if "THING" not in registry.events.on:
        return
    members = {
        "accountId": registry.account_id,
        "thingId": thing.thing_id,
        "thingName": thing.thing_name,
        "versionNumber": thing.version,
        "thingTypeName": type_name(thing),
        "attributes": dict(thing.attributes),
    }
    registry.events.publish(f"thing/{thing.thing_name}", "THING_EVENT", operation, members)


def tell_of_association(
    registry: Registry, thing: FakeThing, before: FakeThingType | None, now: FakeThingType | None
) -> None:
    """Publish that a thing has lost a type, received one, or both.

    Args:
        registry: the account's and Region's tables.
        thing: the thing.
        before: the type that it had.
        now: the type that it has.
    """
    if before is now or "THING_TYPE_ASSOCIATION" not in registry.events.on:
        return
    for operation, kind in (("REMOVED", before), ("ADDED", now)):
        if kind is None:
            continue
        name = kind.thing_type_name
        members = {
            "thingId": thing.thing_id,
            "thingName": thing.thing_name,
            "thingTypeName": name,
        }
        topic_part = f"thing/{thing.thing_name}/thingType/{name}"
        registry.events.publish(
            f"thingTypeAssociation/{topic_part}", "THING_TYPE_ASSOCIATION_EVENT", operation, members
        )


def tell_of_thing_type(registry: Registry, operation: str, kind: FakeThingType) -> None:
    """Publish that a thing type was ``CREATED``, ``UPDATED`` (or deprecated) or ``DELETED``.

    Args:
        registry: the account's and Region's tables.
        operation: which of these.
        kind: the thing type.
    """
    if "THING_TYPE" not in registry.events.on:
        return
    properties = kind.thing_type_properties or {}
    deprecated: datetime | None = kind.metadata.get("deprecationDate")
    if deprecated is not None and deprecated.tzinfo is None:
        deprecated = deprecated.replace(tzinfo=timezone.utc)
    members = {
        "accountId": registry.account_id,
        "thingTypeId": kind.thing_type_id,
        "thingTypeName": kind.thing_type_name,
        "isDeprecated": bool(kind.metadata["deprecated"]),
        "deprecationDate": None if deprecated is None else milliseconds(deprecated),
        "searchableAttributes": list(properties.get("searchableAttributes", ())),
        "propagatingAttributes": list(
            properties.get("mqtt5Configuration", {}).get("propagatingAttributes", ())
        ),
        "description": properties.get("thingTypeDescription"),
    }
    registry.events.publish(
        f"thingType/{kind.thing_type_name}", "THING_TYPE_EVENT", operation, members
    )


def tell_of_group(registry: Registry, operation: str, group: FakeThingGroup) -> None:
    """Publish that a thing group was ``CREATED``, ``UPDATED`` or ``DELETED``.

    Args:
        registry: the account's and Region's tables.
        operation: which of these.
        group: the thing group.
    """
    if "THING_GROUP" not in registry.events.on:
        return
    properties: Any = group.thing_group_properties or {}
    path = [
        {"groupArn": ancestor["groupArn"], "groupId": _id_of(registry, ancestor["groupName"])}
        for ancestor in group.metadata.get("rootToParentThingGroups", ())
    ]
    members = {
        "accountId": registry.account_id,
        "thingGroupId": group.thing_group_id,
        "thingGroupName": group.thing_group_name,
        "versionNumber": group.version,
        "parentGroupName": group.parent_group_name or None,
        "parentGroupId": path[-1]["groupId"] if path else None,
        "description": properties.get("thingGroupDescription"),
        "rootToParentThingGroups": path,
        "attributes": dict(properties.get("attributePayload", {}).get("attributes", {})),
        "dynamicGroupMappingId": None,
    }
    registry.events.publish(
        f"thingGroup/{group.thing_group_name}", "THING_GROUP_EVENT", operation, members
    )


def _id_of(registry: Registry, group_name: str) -> str | None:
    group = registry.find_thing_group(group_name)
    return None if group is None else group.thing_group_id


def tell_of_hierarchy(registry: Registry, operation: str, child: FakeThingGroup) -> None:
    """Publish that a thing group was ``ADDED`` to its parent or ``REMOVED`` from it.

    Args:
        registry: the account's and Region's tables.
        operation: which of these.
        child: the group; nothing is published for one without a parent.
    """
    parent = child.parent_group_name
    if not parent or "THING_GROUP_HIERARCHY" not in registry.events.on:
        return
    members = {
        "accountId": registry.account_id,
        "thingGroupId": _id_of(registry, parent),
        "thingGroupName": parent,
        "childGroupId": child.thing_group_id,
        "childGroupName": child.thing_group_name,
    }
    topic_part = f"thingGroup/{parent}/childThingGroup/{child.thing_group_name}"
    registry.events.publish(
        f"thingGroupHierarchy/{topic_part}", "THING_GROUP_HIERARCHY_EVENT", operation, members
    )


def tell_of_membership(
    registry: Registry, operation: str, group: FakeThingGroup, thing: FakeThing
) -> None:
    """Publish that a thing was ``ADDED`` to a group or ``REMOVED`` from it.

    Args:
        registry: the account's and Region's tables.
        operation: which of these.
        group: the thing group.
        thing: the thing.
    """
    if "THING_GROUP_MEMBERSHIP" not in registry.events.on:
        return
    members = {
        "accountId": registry.account_id,
        "groupArn": group.arn,
        "groupId": group.thing_group_id,
        "thingArn": thing.arn,
        "thingId": thing.thing_id,
        # The same for one pair, so that nothing has to be stored for it.
        "membershipId": str(uuid.uuid5(uuid.UUID(group.thing_group_id), thing.thing_id)),
    }
    topic_part = f"thingGroup/{group.thing_group_name}/thing/{thing.thing_name}"
    registry.events.publish(
        f"thingGroupMembership/{topic_part}", "THING_GROUP_MEMBERSHIP_EVENT", operation, members
    )
