"""Billing groups; a thing belongs to at most one.

https://docs.aws.amazon.com/iot/latest/developerguide/tagging-iot-billing-groups.html
"""

from __future__ import annotations

from typing import Any

from moto.iot.models import FakeBillingGroup, FakeThing, IoTBackend

from moto_jitp import settings
from moto_jitp.iot.api.operations import (
    CallMoto,
    Input,
    Output,
    operation_if_strict,
    operation_over_moto,
)
from moto_jitp.iot.exceptions import ResourceAlreadyExists

from .billing_memberships import join_billing_group, leave_billing_group
from .references import BILLING_GROUP, THING, name_given
from .registry import Registry
from .tags import Tags
from .versions import check_version


class BillingGroups:
    """Makes, changes and deletes billing groups; with ``strict`` off, like moto.

    Args:
        registry: the account's and Region's tables.
        tags: their tags.
    """

    def __init__(self, registry: Registry, tags: Tags) -> None:
        self.registry = registry
        self.tags = tags

    def create_billing_group(
        self, billing_group_name: str, billing_group_properties: dict[str, Any] | None
    ) -> FakeBillingGroup:
        """Create a billing group, or return the one that exists with the same properties.

        https://docs.aws.amazon.com/iot/latest/apireference/API_CreateBillingGroup.html

        Raises:
            ResourceAlreadyExists: a billing group of this name has other properties.
        """
        registry = self.registry
        existing = registry.billing_groups.get(billing_group_name)
        if settings.current().strict and existing is not None:
            if existing.billing_group_properties != (billing_group_properties or {}):
                raise ResourceAlreadyExists(
                    f"Billing Group {billing_group_name} already exists in current account with "
                    "different properties",
                    existing.billing_group_id,
                    existing.arn,
                )
            return existing
        return IoTBackend.create_billing_group(
            registry.moto, billing_group_name, billing_group_properties
        )

    def update_billing_group(
        self,
        billing_group_name: str,
        billing_group_properties: dict[str, Any],
        expected_version: int | None,
    ) -> int:
        """Change a billing group and increase its version.

        https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateBillingGroup.html

        Returns:
            The new version.

        Raises:
            ResourceNotFoundException: it does not exist.
            VersionConflict: it has another version.
        """
        with self.registry.lock:
            group = self.registry.describe_billing_group(billing_group_name)
            check_version("billing group", billing_group_name, group.version, expected_version)
            group.billing_group_properties = billing_group_properties
            group.version += 1
            return int(group.version)

    def delete_billing_group(
        self, billing_group_name: str, expected_version: int | None = None
    ) -> None:
        """Delete a billing group and remove its things from it; a missing group is not an error.

        https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteBillingGroup.html

        Raises:
            ResourceNotFoundException: it does not exist, with ``strict`` off.
            VersionConflict: it has another version.
        """
        registry = self.registry
        with registry.lock:
            group = registry.billing_groups.get(billing_group_name)
            if settings.current().strict:
                if group is None:
                    return
                check_version("billing group", billing_group_name, group.version, expected_version)
                for arn in group.things:
                    registry.things[arn].billing_group_name = None
            IoTBackend.delete_billing_group(registry.moto, billing_group_name)
            if group is not None:
                self.tags.untag_all(group.arn)

    def named(self, arguments: Input) -> tuple[FakeBillingGroup, FakeThing]:
        """Return the billing group and the thing that an input names.

        Raises:
            InvalidRequest, ResourceNotFound: see :func:`.references.name_given`.
            ResourceNotFoundException: one of them does not exist.
        """
        registry = self.registry
        group = registry.describe_billing_group(name_given(registry, BILLING_GROUP, arguments))
        return group, registry.describe_thing(name_given(registry, THING, arguments))


@operation_over_moto("CreateBillingGroup", BillingGroups)
def create_billing_group(groups: BillingGroups, arguments: Input, moto: CallMoto) -> Output:
    arn = groups.registry.arn(f"billinggroup/{arguments['billingGroupName']}")
    return groups.tags.create_with(arn, arguments.get("tags"), moto)


@operation_over_moto("DescribeBillingGroup", BillingGroups)
def describe_billing_group(groups: BillingGroups, arguments: Input, moto: CallMoto) -> Output:
    group = groups.registry.describe_billing_group(arguments["billingGroupName"])
    return {**moto(), "version": group.version}


@operation_if_strict("UpdateBillingGroup", BillingGroups)
def update_billing_group(groups: BillingGroups, arguments: Input) -> Output:
    version = groups.update_billing_group(
        arguments["billingGroupName"],
        arguments["billingGroupProperties"],
        arguments.get("expectedVersion"),
    )
    return {"version": version}


@operation_if_strict("DeleteBillingGroup", BillingGroups)
def delete_billing_group(groups: BillingGroups, arguments: Input) -> None:
    groups.delete_billing_group(arguments["billingGroupName"], arguments.get("expectedVersion"))


@operation_if_strict("AddThingToBillingGroup", BillingGroups)
def add_thing_to_billing_group(groups: BillingGroups, arguments: Input) -> None:
    with groups.registry.lock:
        join_billing_group(*groups.named(arguments))


@operation_if_strict("RemoveThingFromBillingGroup", BillingGroups)
def remove_thing_from_billing_group(groups: BillingGroups, arguments: Input) -> None:
    with groups.registry.lock:
        leave_billing_group(*groups.named(arguments))
