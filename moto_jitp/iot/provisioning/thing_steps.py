"""The steps of a run that make its thing or change the existing one.

https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from moto.iot.models import FakeThing, FakeThingGroup

from moto_jitp.iot.api.internal_calls import CallRefused, InternalCaller
from moto_jitp.iot.exceptions import IoTError, ResourceRegistrationFailure
from moto_jitp.iot.registry.billing_memberships import join_billing_group
from moto_jitp.iot.registry.memberships import MembershipRefused, Memberships
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.things import Things
from moto_jitp.iot.software.software_packages import SoftwarePackages
from moto_jitp.templates import PlannedThing

from . import run_advice as advice
from .existing_things import ThingConflict, changes
from .run_steps import ProvisioningFailure, RunSteps

PACKAGE_SHADOW = "$package"
"""The reserved shadow that holds the package versions of a thing."""
SERVICE = "iot.amazonaws.com"


class ThingParts(NamedTuple):
    """The parts that the steps on a thing call, like the operations of the same names.

    Attributes:
        things: makes and changes things.
        memberships: puts them into thing groups.
        packages: knows the versions of software packages.
    """

    things: Things
    memberships: Memberships
    packages: SoftwarePackages


class ThingSteps:
    """The steps on the thing, its groups and its billing group.

    Args:
        registry: the account and Region that the run changes.
        steps: the steps of the run.
        parts: the parts that carry these out.

    Attributes:
        thing_name: the thing, once known.
        thing_id: its id, once it exists.
    """

    def __init__(self, registry: Registry, steps: RunSteps, parts: ThingParts) -> None:
        self._registry = registry
        self._steps = steps
        self._parts = parts
        self.thing_name: str | None = None
        self.thing_id: str | None = None

    def make_or_change_thing(self, plan: PlannedThing) -> FakeThing:
        """Make the thing, or change the existing one to match the template.

        Raises:
            ProvisioningFailure: a step failed, or the thing is in conflict with the template.
        """
        self.thing_name = plan.name
        thing = self._registry.find_thing(plan.name)
        if thing is None:
            self._check_groups(plan.groups, plan)
            resource, parameters = f"thing/{plan.name}", _creation(plan)
            thing = self._steps.do("CreateThing", resource, self._create, parameters)
            self.thing_id = thing.thing_id
            self._join_groups(thing, plan.groups)
        else:
            self.thing_id = thing.thing_id
            self._update_thing(thing, plan)
        if plan.billing_group is not None:
            self._join_billing_group(thing, plan.billing_group)
        if plan.package_versions:
            self._report_packages(plan)
        return thing

    def _update_thing(self, thing: FakeThing, plan: PlannedThing) -> None:
        """Change an existing thing to match the template, as far as OverrideSettings allow."""
        resource = f"thing/{plan.name}"
        own_groups = self._parts.memberships.groups_of(thing)
        groups = {group.thing_group_name: group.arn for group in own_groups}
        try:
            update_arguments = changes(thing, groups, plan)
        except ThingConflict as conflict:
            raise self._conflict(plan, conflict) from None
        stays = [name for name in groups if name not in update_arguments.groups_to_leave]
        self._check_groups([*stays, *update_arguments.groups_to_join], plan)
        if update_arguments.update:
            parameters = {"thingName": plan.name, **update_arguments.update}
            self._steps.do("UpdateThing", resource, self._update, parameters)
        else:
            self._steps.unchanged("CreateThing", resource, _creation(plan))
        for name in update_arguments.groups_to_leave:
            self._steps.do(
                "RemoveThingFromThingGroup",
                f"thinggroup/{name}",
                self._leave_group,
                {"thingGroupName": name, "thingName": plan.name},
            )
        self._join_groups(thing, update_arguments.groups_to_join)

    # The calls, by their parameters as boto3 takes them.

    def _create(self, parameters: Mapping[str, Any]) -> FakeThing:
        create = self._parts.things.create_thing
        return create(
            parameters["thingName"],
            parameters.get("thingTypeName"),
            parameters.get("attributePayload"),
        )

    def _update(self, parameters: Mapping[str, Any]) -> None:
        update = self._parts.things.update_thing
        payload = parameters.get("attributePayload")
        if payload is not None:  # in a separate dict, which is kept with the thing
            payload = {**payload, "attributes": dict(payload["attributes"])}
        update(parameters["thingName"], parameters.get("thingTypeName"), payload, False)

    def _join_group(self, parameters: Mapping[str, Any]) -> None:
        # Whether the thing can be in all its groups was found out before it was made or changed.
        self._parts.memberships.put(*self._membership(parameters))

    def _leave_group(self, parameters: Mapping[str, Any]) -> None:
        self._parts.memberships.remove(*self._membership(parameters))

    def _membership(self, parameters: Mapping[str, Any]) -> tuple[FakeThingGroup, FakeThing]:
        group = self._registry.describe_thing_group(parameters["thingGroupName"])
        return group, self._registry.describe_thing(parameters["thingName"])

    def _be_billed(self, parameters: Mapping[str, Any]) -> None:
        group = self._registry.describe_billing_group(parameters["billingGroupName"])
        join_billing_group(group, self._registry.describe_thing(parameters["thingName"]))

    def _check_groups(self, names: Sequence[str], plan: PlannedThing) -> None:
        """Check that the thing can be in all its groups before anything is made."""
        groups = [self._registry.describe_thing_group(name) for name in names]
        try:
            self._parts.memberships.check(plan.name, groups)
        except MembershipRefused as error:
            too_many = error.group is None
            raise self._steps.refused(
                "AddThingToThingGroup",
                f"thing/{plan.name}" if too_many else f"thinggroup/{error.group}",
                str(error.message),
                error.advice or "",
                "" if too_many else f"Resources.{plan.logical_name}.Properties.ThingGroups",
            ) from None

    def _join_groups(self, thing: FakeThing, names: Sequence[str]) -> None:
        for name in names:
            self._steps.do(
                "AddThingToThingGroup",
                f"thinggroup/{name}",
                self._join_group,
                {"thingGroupName": name, "thingName": thing.thing_name},
            )

    def _join_billing_group(self, thing: FakeThing, name: str) -> None:
        resource = f"billinggroup/{name}"
        parameters = {"billingGroupName": name, "thingName": thing.thing_name}
        existing = thing.billing_group_name
        if existing == name:
            self._steps.unchanged("AddThingToBillingGroup", resource, parameters)
            return
        if existing is not None:
            raise self._steps.refused(
                "AddThingToBillingGroup",
                resource,
                f"Existing BillingGroup: {existing} conflicts with BillingGroup: {name} in "
                "Template.",
                f"Take the thing {thing.thing_name} out of the billing group {existing}; a thing "
                "is in at most one, and OverrideSettings do not apply to it.",
            )
        self._steps.do("AddThingToBillingGroup", resource, self._be_billed, parameters)

    def _report_packages(self, plan: PlannedThing) -> None:
        """Write the thing's package versions into its reserved shadow.

        The guide says that this shadow associates a thing with package versions, but not what a
        template's PackageVersions does; we take it to mean this.
        https://docs.aws.amazon.com/iot/latest/developerguide/associating-package-version.html
        """
        reported: dict[str, Any] = {}
        for package_name, version_name in plan.package_versions.items():
            package_version = self._parts.packages.version(package_name, version_name)
            reported[package_name] = {
                "version": version_name,
                "attributes": package_version.attributes,
            }
        parameters = {
            "thingName": plan.name,
            "shadowName": PACKAGE_SHADOW,
            "payload": json.dumps({"state": {"reported": reported}}),
        }
        self._steps.do("UpdateThingShadow", f"thing/{plan.name}", self._update_shadow, parameters)

    def _update_shadow(self, parameters: Mapping[str, Any]) -> None:
        account = self._registry
        call = InternalCaller(account.account_id, account.region_name, SERVICE, "iot-data")
        try:
            call("UpdateThingShadow", **parameters)
        except CallRefused as refused:
            raise IoTError(refused.code, refused.message) from None

    def _conflict(self, plan: PlannedThing, conflict: ThingConflict) -> ProvisioningFailure:
        error = ResourceRegistrationFailure(str(conflict))
        self._steps.fail("UpdateThing", f"thing/{plan.name}", error.code, str(conflict))
        return ProvisioningFailure(
            error,
            advice.conflict(plan.name, conflict.setting),
            f"Resources.{plan.logical_name}.Properties.{conflict.setting}",
        )


def _creation(plan: PlannedThing) -> dict[str, Any]:
    """The parameters of CreateThing for a template's thing."""
    parameters: dict[str, Any] = {"thingName": plan.name}
    if plan.thing_type:
        parameters["thingTypeName"] = plan.thing_type
    if plan.attributes:
        parameters["attributePayload"] = {"attributes": dict(plan.attributes)}
    return parameters
