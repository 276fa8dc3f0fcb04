"""Thing groups: their hierarchy, attributes and versions.

https://docs.aws.amazon.com/iot/latest/developerguide/thing-groups.html
"""

from __future__ import annotations

from typing import Any

from moto.iot.models import FakeThingGroup, IoTBackend

from moto_jitp import settings
from moto_jitp.iot.api.operations import (
    CallMoto,
    Input,
    Output,
    operation_if_strict,
    operation_over_moto,
)
from moto_jitp.iot.exceptions import InvalidRequest, ResourceAlreadyExists

from .attributes import check_group_attributes, updated
from .registry import Registry
from .registry_events import tell_of_group, tell_of_hierarchy
from .tags import Tags
from .versions import check_version

# https://docs.aws.amazon.com/general/latest/gr/iot-core.html#thing-limits
HIERARCHY_DEPTH = 7
DIRECT_CHILDREN = 100


class ThingGroups:
    """Makes, changes and deletes thing groups; with ``strict`` off, like moto.

    Args:
        registry: the account's and Region's tables.
        tags: their tags.
    """

    def __init__(self, registry: Registry, tags: Tags) -> None:
        self.registry = registry
        self.tags = tags

    def create_thing_group(
        self,
        thing_group_name: str,
        parent_group_name: Any,
        thing_group_properties: Any,
    ) -> tuple[str, str, str]:
        """Create a thing group; an existing one with the same properties is left unchanged.

        https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThingGroup.html

        Args:
            thing_group_name: its name.
            parent_group_name: the group above it; ``None`` for the top of a hierarchy.
            thing_group_properties: its description and attributes; ``None`` for neither.

        Returns:
            Its name, ARN and id.

        Raises:
            InvalidRequest: the parent does not exist or has the maximum of children or levels, or
                the group has too many attributes (own wording).
            ResourceAlreadyExists: a thing group of this name has other properties.
        """
        registry = self.registry
        with registry.lock:
            if parent_group_name and registry.find_thing_group(parent_group_name) is None:
                raise InvalidRequest(
                    f"The parent thing group {parent_group_name} of {thing_group_name} does not "
                    "exist."
                )
            if settings.current().strict:
                properties = thing_group_properties or {}
                existing = registry.find_thing_group(thing_group_name)
                if existing is not None:
                    return self._same(existing, parent_group_name, properties)
                check_group_attributes(updated({}, properties.get("attributePayload")))
                if parent_group_name:
                    self._check_place(thing_group_name, parent_group_name)
            is_new = registry.find_thing_group(thing_group_name) is None
            created_group = IoTBackend.create_thing_group(
                registry.moto, thing_group_name, parent_group_name, thing_group_properties
            )
            if is_new:
                group = registry.describe_thing_group(thing_group_name)
                tell_of_group(registry, "CREATED", group)
                tell_of_hierarchy(registry, "ADDED", group)
            return created_group

    def _same(
        self, group: FakeThingGroup, parent: str | None, properties: dict[str, Any]
    ) -> tuple[str, str, str]:
        if (group.thing_group_properties, group.parent_group_name) != (properties, parent):
            raise ResourceAlreadyExists(
                f"Thing Group {group.thing_group_name} already exists in current account with "
                "different properties",
                group.thing_group_id,
                group.arn,
            )
        return group.thing_group_name, group.arn, group.thing_group_id

    def _check_place(self, name: str, parent: str) -> None:
        above = self.registry.describe_thing_group(parent).metadata
        depth = len(above.get("rootToParentThingGroups", ())) + 2
        if depth > HIERARCHY_DEPTH:
            raise InvalidRequest(
                f"The thing group {name} would be on level {depth} of its hierarchy; at most "
                f"{HIERARCHY_DEPTH} are allowed."
            )
        children = len(self.registry.thing_groups.children_of(parent))
        if children >= DIRECT_CHILDREN:
            raise InvalidRequest(
                f"The thing group {parent} has {children} direct child groups, the maximum."
            )

    def update_thing_group(
        self,
        thing_group_name: str,
        thing_group_properties: dict[str, Any],
        expected_version: int | None,
    ) -> int:
        """Change a thing group and increase its version.

        https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateThingGroup.html

        Args:
            thing_group_name: the group.
            thing_group_properties: its new description, and an ``attributePayload``; see
                :func:`.attributes.updated`.
            expected_version: the version that it must have.

        Returns:
            The new version.

        Raises:
            InvalidRequest: it would have too many attributes.
            ResourceNotFoundException: it does not exist.
            VersionConflict: it has another version.
        """
        registry = self.registry
        if not settings.current().strict:
            version = IoTBackend.update_thing_group(
                registry.moto, thing_group_name, thing_group_properties, expected_version or 0
            )
            tell_of_group(registry, "UPDATED", registry.describe_thing_group(thing_group_name))
            return int(version)
        with registry.lock:
            group = registry.describe_thing_group(thing_group_name)
            check_version("thing group", thing_group_name, group.version, expected_version)
            properties: dict[str, Any] = dict(group.thing_group_properties)
            payload = thing_group_properties.get("attributePayload")
            attributes = updated(
                properties.pop("attributePayload", {}).get("attributes", {}), payload
            )
            check_group_attributes(attributes)
            if attributes:
                properties["attributePayload"] = {"attributes": attributes}
            if "thingGroupDescription" in thing_group_properties:
                description = thing_group_properties["thingGroupDescription"]
                properties["thingGroupDescription"] = description
            group.thing_group_properties = properties
            group.version += 1
            tell_of_group(registry, "UPDATED", group)
            return int(group.version)

    def delete_thing_group(
        self, thing_group_name: str, expected_version: int | None = None
    ) -> None:
        """Delete a thing group with its memberships and policy attachments.

        A missing group is not an error.
        https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteThingGroup.html

        Raises:
            InvalidRequest: it has child groups.
            VersionConflict: it has another version.
        """
        registry = self.registry
        with registry.lock:
            group = registry.find_thing_group(thing_group_name)
            if settings.current().strict:
                if group is None:
                    return
                check_version("thing group", thing_group_name, group.version, expected_version)
                if registry.thing_groups.children_of(thing_group_name):
                    raise InvalidRequest(
                        f"Cannot delete thing group : {thing_group_name} when there are still "
                        "child groups attached to it."
                    )
            IoTBackend.delete_thing_group(registry.moto, thing_group_name)
            if group is not None:
                self.tags.untag_all(group.arn)
                registry.detach_all_policies(group.arn)
                tell_of_hierarchy(registry, "REMOVED", group)
                tell_of_group(registry, "DELETED", group)


@operation_over_moto("CreateThingGroup", ThingGroups)
def create_thing_group(groups: ThingGroups, arguments: Input, moto: CallMoto) -> Output:
    arn = groups.registry.arn(f"thinggroup/{arguments['thingGroupName']}")
    return groups.tags.create_with(arn, arguments.get("tags"), moto)


@operation_if_strict("UpdateThingGroup", ThingGroups)
def update_thing_group(groups: ThingGroups, arguments: Input) -> Output:
    version = groups.update_thing_group(
        arguments["thingGroupName"],
        arguments["thingGroupProperties"],
        arguments.get("expectedVersion"),
    )
    return {"version": version}


@operation_if_strict("DeleteThingGroup", ThingGroups)
def delete_thing_group(groups: ThingGroups, arguments: Input) -> None:
    groups.delete_thing_group(arguments["thingGroupName"], arguments.get("expectedVersion"))
