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


def changes(thing: FakeThing, groups: Mapping[str, str], plan: PlannedThing) -> ThingChanges:
    """Compare a thing with what a template requires.

    Args:
        thing: the thing as it is.
        groups: the groups that it is in, name to ARN.
        plan: the template's values. A property that the template omits or leaves empty requires
            nothing.

    Raises:
        ThingConflict: with AWS's text.
    """
    to_join, to_leave = _groups(groups, plan)
    update: dict[str, Any] = {}
    payload, thing_type = _attributes(thing, plan), _type(thing, plan)
    if thing_type is not None:
        update["thingTypeName"] = thing_type
    if payload is not None:
        update["attributePayload"] = payload
    return ThingChanges(update, to_join, to_leave)


def _attributes(thing: FakeThing, plan: PlannedThing) -> dict[str, Any] | None:
    planned_attributes = plan.attributes
    if not planned_attributes or planned_attributes == thing.attributes:
        return None
    override = plan.overrides.attribute_payload
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


def _type(thing: FakeThing, plan: PlannedThing) -> str | None:
    existing = type_name(thing)
    if plan.thing_type is None or plan.thing_type == existing:
        return None
    override = plan.overrides.thing_type_name
    if override is Override.DO_NOTHING:
        return None
    if override is Override.REPLACE:
        return plan.thing_type
    raise ThingConflict(
        "ThingTypeName",
        f"Existing ThingType: {existing or 'null'} conflicts with ThingType: "
        f"{plan.thing_type} in Template.",
    )


def _groups(
    existing: Mapping[str, str], plan: PlannedThing
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    to_join = tuple(name for name in plan.groups if name not in existing)
    to_leave = tuple(name for name in existing if name not in plan.groups)
    override = plan.overrides.thing_groups
    if not plan.groups or not (to_join or to_leave) or override is Override.DO_NOTHING:
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
        f"[{', '.join(plan.groups)}] in Template.",
    )


def _java_map(values: Mapping[str, str]) -> str:
    """Write a map as AWS's error texts do."""
    return "{" + ", ".join(f"{key}={value}" for key, value in values.items()) + "}"
