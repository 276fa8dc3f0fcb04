"""What a template changes about a thing that exists already: ``OverrideSettings``.

Without a setting, as with ``FAIL``, equal values are accepted and others are a conflict; AWS
documents no default. https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from moto.iot.models import FakeThing

from moto_jitp.iot.registry.registry import type_name
from moto_jitp.templates import Override, PlannedThing


class ThingConflict(Exception):  # noqa: N818 - not an error of ours: it ends a run
    """The thing has other values than the template, and the settings do not say what to do.

    Attributes:
        setting: the property in question, such as ``AttributePayload``.
    """

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(message)
        self.setting = setting


class ThingChanges(NamedTuple):
    """The changes to an existing thing; empty for what is unchanged.

    Attributes:
        update: the parameters of UpdateThing beside the thing's name.
        groups_to_join: the groups that it is added to.
        groups_to_leave: the groups that it is removed from.
    """

    update: dict[str, Any]
    groups_to_join: tuple[str, ...]
    groups_to_leave: tuple[str, ...]

    def attributes_of(self, thing: FakeThing) -> dict[str, str]:
        """Return the attributes that a thing has after the update."""
        payload = self.update.get("attributePayload")
        if payload is None:
            return thing.attributes
        before = thing.attributes if payload.get("merge") else {}
        return {**before, **payload["attributes"]}


def changes(thing: FakeThing, groups: Mapping[str, str], planned: PlannedThing) -> ThingChanges:
    """Compare a thing with what a template requires.

    Args:
        thing: the thing as it is.
        groups: the groups that it is in, name to ARN.
        planned: the template's values. A property that the template omits or leaves empty requires
            nothing.

    Raises:
        ThingConflict: with AWS's text.
    """
    to_join, to_leave = _groups(groups, planned)
    update: dict[str, Any] = {}
    payload, thing_type = _attributes(thing, planned), _type(thing, planned)
    if thing_type is not None:
        update["thingTypeName"] = thing_type
    if payload is not None:
        update["attributePayload"] = payload
    return ThingChanges(update, to_join, to_leave)


def _attributes(thing: FakeThing, planned: PlannedThing) -> dict[str, Any] | None:
    planned_attributes = planned.attributes
    if not planned_attributes or planned_attributes == thing.attributes:
        return None
    override = planned.overrides.attribute_payload
    if override is Override.DO_NOTHING:
        return None
    if override is Override.MERGE:
        merged = {**thing.attributes, **planned_attributes}
        return (
            {"attributes": dict(planned_attributes), "merge": True}
            if merged != thing.attributes
            else None
        )
    if override is Override.REPLACE:
        return {"attributes": dict(planned_attributes)}
    raise ThingConflict(
        "AttributePayload",
        f"Existing AttributePayload: {_java_map(thing.attributes)} conflicts with "
        f"AttributePayload: {_java_map(planned_attributes)} in Template.",
    )


def _type(thing: FakeThing, planned: PlannedThing) -> str | None:
    existing = type_name(thing)
    if planned.thing_type is None or planned.thing_type == existing:
        return None
    override = planned.overrides.thing_type_name
    if override is Override.DO_NOTHING:
        return None
    if override is Override.REPLACE:
        return planned.thing_type
    raise ThingConflict(
        "ThingTypeName",
        f"Existing ThingType: {existing or 'null'} conflicts with ThingType: "
        f"{planned.thing_type} in Template.",
    )


def _groups(
    existing: Mapping[str, str], planned: PlannedThing
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    to_join = tuple(name for name in planned.groups if name not in existing)
    to_leave = tuple(name for name in existing if name not in planned.groups)
    override = planned.overrides.thing_groups
    if not planned.groups or not (to_join or to_leave) or override is Override.DO_NOTHING:
        return (), ()
    if override is Override.MERGE:
        return to_join, ()
    # A thing without a group is not a conflict: an earlier run may have stopped before that.
    if override is Override.REPLACE or not existing:
        return to_join, to_leave
    has = ", ".join(f"{{GroupName: {name},GroupArn: {arn}}}" for name, arn in existing.items())
    raise ThingConflict(
        "ThingGroups",
        f"Existing ThingGroups: [{has}] conflict with ThingGroups: "
        f"[{', '.join(planned.groups)}] in Template.",
    )


def _java_map(values: Mapping[str, str]) -> str:
    """Write a map as AWS's error texts do."""
    return "{" + ", ".join(f"{key}={value}" for key, value in values.items()) + "}"
