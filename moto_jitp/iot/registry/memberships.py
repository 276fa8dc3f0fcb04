"""The thing groups of things: at most ten, and never two of one hierarchy.

https://docs.aws.amazon.com/iot/latest/developerguide/thing-groups.html
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from moto.iot.models import FakeThing, FakeThingGroup

from moto_jitp import settings
from moto_jitp.iot.api.operations import Input, operation_if_strict
from moto_jitp.iot.exceptions import InvalidRequest
from moto_jitp.templates.rules import GROUPS_PER_THING

from .references import THING, THING_GROUP, name_given
from .registry import Registry
from .registry_events import tell_of_membership


class MembershipRefused(InvalidRequest):
    """A thing cannot be in these thing groups together.

    Attributes:
        group: the name of the group in conflict; ``None`` if there are too many groups.
    """

    def __init__(self, message: str, advice: str, group: str | None = None) -> None:
        super().__init__(message, advice)
        self.group = group


class Memberships:
    """Puts things into thing groups and takes them out; with ``strict`` off, like moto.

    Args:
        registry: the account's and Region's tables.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        registry.on_membership.append(partial(tell_of_membership, registry))

    def groups_of(self, thing: FakeThing) -> list[FakeThingGroup]:
        """Return the groups that a thing is directly in, oldest first."""
        return self.registry.thing_groups.of_thing(thing.arn)

    def check(self, thing_name: str, groups: Sequence[FakeThingGroup]) -> None:
        """Refuse thing groups that a thing cannot be in together (own wording).

        With ``strict`` off all are accepted.

        Args:
            thing_name: the thing, which does not have to exist yet.
            groups: the groups that it would be in.

        Raises:
            MembershipRefused: two of them belong to one hierarchy, or there are more than ten.
        """
        if not settings.current().strict:
            return
        paths = [group.metadata.get("rootToParentThingGroups") for group in groups]
        if len(groups) <= GROUPS_PER_THING and not any(paths):
            return  # each is the root of its own hierarchy
        roots: dict[str, str] = {}
        for group, path in zip(groups, paths, strict=True):
            name = group.thing_group_name
            root = path[0]["groupName"] if path else name
            if root in roots:
                raise MembershipRefused(
                    f"Thing {thing_name} cannot be in the groups {roots[root]} and {name}, which "
                    f"belong to one hierarchy, that of {root}.",
                    f"Name only one of {roots[root]} and {name} in ThingGroups; a member of a "
                    "child group also belongs to its parents.",
                    name,
                )
            roots[root] = name
        if len(roots) > GROUPS_PER_THING:
            raise MembershipRefused(
                f"Thing {thing_name} would be in {len(roots)} groups; at most "
                f"{GROUPS_PER_THING} are allowed.",
                "Use REPLACE for ThingGroups in OverrideSettings, or take the thing out of groups.",
            )

    def add(self, group: FakeThingGroup, thing: FakeThing) -> None:
        """Put a thing into a group; do nothing if it is already in it.

        https://docs.aws.amazon.com/iot/latest/apireference/API_AddThingToThingGroup.html

        Raises:
            MembershipRefused: see :meth:`check`.
        """
        if thing.arn in group.things:
            return
        has = self.groups_of(thing)
        if has:
            self.check(thing.thing_name, [*has, group])
        self.put(group, thing)

    def put(self, group: FakeThingGroup, thing: FakeThing) -> None:
        """Put a thing into a group after :meth:`check`; nothing happens where it is in it."""
        if thing.arn not in group.things:
            group.things[thing.arn] = thing

    def remove(self, group: FakeThingGroup, thing: FakeThing) -> None:
        """Take a thing out of a group; do nothing if it is not in it.

        https://docs.aws.amazon.com/iot/latest/apireference/API_RemoveThingFromThingGroup.html
        """
        group.things.pop(thing.arn, None)

    def update(self, thing: FakeThing, to_add: Sequence[str], to_remove: Sequence[str]) -> None:
        """Put a thing into groups and take it out of others, all or nothing.

        https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateThingGroupsForThing.html

        Args:
            thing: the thing.
            to_add: the names of the groups that it joins.
            to_remove: the names of the groups that it leaves.

        Raises:
            InvalidRequest: a group is in both.
            MembershipRefused: it cannot be in all the resulting groups.
            ResourceNotFoundException: a group does not exist.
        """
        registry = self.registry
        names = sorted(set(to_add) & set(to_remove))
        if names:
            raise InvalidRequest(
                f"The thing group {names[0]} is in both thingGroupsToAdd and thingGroupsToRemove."
            )
        leaving = [registry.describe_thing_group(name) for name in to_remove]
        joining = [registry.describe_thing_group(name) for name in to_add]
        stays = [group for group in self.groups_of(thing) if group not in leaving]
        resulting_groups = {group.arn: group for group in [*stays, *joining]}
        self.check(thing.thing_name, list(resulting_groups.values()))
        for group in leaving:
            self.remove(group, thing)
        for group in joining:
            self.add(group, thing)

    def named(self, arguments: Input) -> tuple[FakeThingGroup, FakeThing]:
        """Return the thing group and the thing that an input names.

        Raises:
            InvalidRequest, ResourceNotFound: see :func:`.references.name_given`.
            ResourceNotFoundException: one of them does not exist.
        """
        registry = self.registry
        group = registry.describe_thing_group(name_given(registry, THING_GROUP, arguments))
        return group, registry.describe_thing(name_given(registry, THING, arguments))


@operation_if_strict("AddThingToThingGroup", Memberships)
def add_thing_to_thing_group(memberships: Memberships, arguments: Input) -> None:
    with memberships.registry.lock:
        memberships.add(*memberships.named(arguments))


@operation_if_strict("RemoveThingFromThingGroup", Memberships)
def remove_thing_from_thing_group(memberships: Memberships, arguments: Input) -> None:
    with memberships.registry.lock:
        memberships.remove(*memberships.named(arguments))


@operation_if_strict("UpdateThingGroupsForThing", Memberships)
def update_thing_groups_for_thing(memberships: Memberships, arguments: Input) -> None:
    registry = memberships.registry
    with registry.lock:
        thing = registry.describe_thing(name_given(registry, THING, arguments))
        memberships.update(
            thing, arguments.get("thingGroupsToAdd", ()), arguments.get("thingGroupsToRemove", ())
        )
