"""The steps of a run that make its thing, or change the one that exists.

https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from moto.iot.models import FakeThing

from moto_jitp.iot.exceptions import ResourceRegistrationFailure
from moto_jitp.iot.registry.registry import Registry, type_name
from moto_jitp.templates import PlannedThing
from moto_jitp.templates.rules import (
    ATTRIBUTES_WITH_TYPE,
    ATTRIBUTES_WITHOUT_TYPE,
    GROUPS_PER_THING,
)

from . import run_advice as advice
from .existing_things import ThingChanges, ThingConflict, changes
from .run_steps import RunSteps
from .step_recorder import ProvisioningFailure, StepRecorder


class ThingSteps(RunSteps):
    """The steps on the thing, its groups and its billing group.

    Attributes:
        thing_name: the thing, once it is known.
        thing_id: its id, once it is there.
        resource_arns: logical name to ARN of what is there, as RegisterThing answers it.
    """

    def __init__(self, registry: Registry, recorder: StepRecorder) -> None:
        super().__init__(registry, recorder)
        self.thing_name: str | None = None
        self.thing_id: str | None = None
        self.resource_arns: dict[str, str] = {}

    def refuse_packages(self, planned: PlannedThing) -> None:
        """End the run of a template that wants software packages on its thing.

        Raises:
            ProvisioningFailure: it does.
        """
        if planned.package_versions:
            raise self.refused(
                "CreateThing",
                f"thing/{planned.name}",
                "PackageVersions is not emulated: moto knows no software packages.",
                "Take PackageVersions out of the template's thing.",
            )

    def make_or_change_thing(self, planned: PlannedThing) -> None:
        """Make the thing, or bring the one that exists to what the template says.

        Raises:
            ProvisioningFailure: a step failed, or the thing is in conflict with the template.
        """
        self.thing_name = planned.name
        thing = self.registry.find_thing(planned.name)
        if thing is None:
            self._check_groups(planned.groups, planned)
            resource, parameters = f"thing/{planned.name}", _creation(planned)
            thing = self.step("CreateThing", resource, self._create, parameters)
            self.thing_id = thing.thing_id
            self._join_groups(thing, planned.groups)
        else:
            self.thing_id = thing.thing_id
            self._update_thing(thing, planned)
        self._join_billing_group(thing, planned.billing_group)
        self.resource_arns[planned.logical_name] = thing.arn

    def _update_thing(self, thing: FakeThing, planned: PlannedThing) -> None:
        """Bring an existing thing to what the template says, as far as OverrideSettings allow."""
        moto, resource = self.registry.moto, f"thing/{planned.name}"
        groups = {
            group.thing_group_name: group.arn
            for group in moto.thing_groups.values()
            if thing.arn in group.things
        }
        try:
            wanted = changes(thing, groups, planned)
        except ThingConflict as conflict:
            raise self._conflict(planned, conflict) from None
        stays = [name for name in groups if name not in wanted.groups_to_leave]
        self._check_groups([*stays, *wanted.groups_to_join], planned)
        if wanted.update:
            self._check_attribute_count(thing, wanted, resource)
            parameters = {"thingName": planned.name, **wanted.update}
            self.step("UpdateThing", resource, self._update, parameters)
        else:
            self.unchanged("CreateThing", resource, _creation(planned))
        for name in wanted.groups_to_leave:
            self.step(
                "RemoveThingFromThingGroup",
                f"thinggroup/{name}",
                self._leave_group,
                {"thingGroupName": name, "thingName": planned.name},
            )
        self._join_groups(thing, wanted.groups_to_join)

    # The calls, by their parameters as boto3 takes them.

    def _create(self, given: Mapping[str, Any]) -> FakeThing:
        # A dict of its own: moto keeps it with the thing.
        attributes = dict(given.get("attributePayload", {}).get("attributes", {}))
        kind = given.get("thingTypeName")
        return self.registry.moto.create_thing(given["thingName"], kind, {"attributes": attributes})  # type: ignore[arg-type]

    def _update(self, given: Mapping[str, Any]) -> None:
        kind, payload = given.get("thingTypeName", ""), given.get("attributePayload")
        self.registry.moto.update_thing(given["thingName"], kind, payload, False)

    def _join_group(self, given: Mapping[str, Any]) -> None:
        join = self.registry.moto.add_thing_to_thing_group
        join(given["thingGroupName"], None, given["thingName"], None)

    def _leave_group(self, given: Mapping[str, Any]) -> None:
        leave = self.registry.moto.remove_thing_from_thing_group
        leave(given["thingGroupName"], None, given["thingName"], None)

    def _be_billed(self, given: Mapping[str, Any]) -> None:
        join = self.registry.moto.add_thing_to_billing_group
        join(given["billingGroupName"], None, given["thingName"])

    def _check_groups(self, names: Sequence[str], planned: PlannedThing) -> None:
        """A thing is in ten groups at most, and never in two of one hierarchy."""
        roots: dict[str, str] = {}
        for name in names:
            group = self.registry.describe_thing_group(name)
            path = group.metadata.get("rootToParentThingGroups")
            root = path[0]["groupName"] if path else name
            if root in roots:
                raise self.refused(
                    "AddThingToThingGroup",
                    f"thinggroup/{name}",
                    f"Thing {planned.name} cannot be in the groups {roots[root]} and {name}, which "
                    f"belong to one hierarchy, that of {root}.",
                    f"Name one of {roots[root]} and {name} in ThingGroups; a member of a child "
                    "group belongs to its parents without being named there.",
                    f"Resources.{planned.logical_name}.Properties.ThingGroups",
                )
            roots[root] = name
        if len(names) > GROUPS_PER_THING:
            raise self.refused(
                "AddThingToThingGroup",
                f"thing/{planned.name}",
                f"Thing {planned.name} would be in {len(names)} groups; at most "
                f"{GROUPS_PER_THING} are allowed.",
                "Use REPLACE for ThingGroups in OverrideSettings, or take the thing out of groups.",
            )

    def _check_attribute_count(self, thing: FakeThing, wanted: ThingChanges, resource: str) -> None:
        attributes = wanted.attributes_of(thing)
        typed = bool(wanted.update.get("thingTypeName") or type_name(thing))
        most = ATTRIBUTES_WITH_TYPE if typed else ATTRIBUTES_WITHOUT_TYPE
        if len(attributes) > most:
            raise self.refused(
                "UpdateThing",
                resource,
                f"The thing would have {len(attributes)} attributes; one "
                f"{'with' if typed else 'without'} a thing type can have {most}.",
                "Give the thing a type, or use REPLACE for AttributePayload in OverrideSettings.",
            )

    def _join_groups(self, thing: FakeThing, names: Sequence[str]) -> None:
        for name in names:
            self.step(
                "AddThingToThingGroup",
                f"thinggroup/{name}",
                self._join_group,
                {"thingGroupName": name, "thingName": thing.thing_name},
            )

    def _join_billing_group(self, thing: FakeThing, name: str | None) -> None:
        if name is None:
            return
        resource = f"billinggroup/{name}"
        parameters = {"billingGroupName": name, "thingName": thing.thing_name}
        existing = thing.billing_group_name
        if existing == name:
            self.unchanged("AddThingToBillingGroup", resource, parameters)
            return
        if existing is not None:
            raise self.refused(
                "AddThingToBillingGroup",
                resource,
                f"Existing BillingGroup: {existing} conflicts with BillingGroup: {name} in "
                "Template.",
                f"Take the thing {thing.thing_name} out of the billing group {existing}; a thing "
                "is in one at most, and no OverrideSettings apply to it.",
            )
        self.step("AddThingToBillingGroup", resource, self._be_billed, parameters)

    def _conflict(self, planned: PlannedThing, conflict: ThingConflict) -> ProvisioningFailure:
        error = ResourceRegistrationFailure(str(conflict))
        self.recorder.fail("UpdateThing", f"thing/{planned.name}", error.code, str(conflict))
        return ProvisioningFailure(
            error,
            advice.conflict(planned.name, conflict.setting),
            f"Resources.{planned.logical_name}.Properties.{conflict.setting}",
        )


def _creation(planned: PlannedThing) -> dict[str, Any]:
    """The parameters of the CreateThing of a template's thing."""
    parameters: dict[str, Any] = {"thingName": planned.name}
    if planned.thing_type:
        parameters["thingTypeName"] = planned.thing_type
    if planned.attributes:
        parameters["attributePayload"] = {"attributes": planned.attributes}
    return parameters
