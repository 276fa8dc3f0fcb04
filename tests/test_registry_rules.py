"""The rules of the registry, in one table: each with its page, and tried with boto3.

The pages are those of AWS IoT's API reference (``API_…``), developer guide and quotas. A rule
that AWS does not write down says "own choice".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from freezegun import freeze_time
from support.cloud import ACCOUNT, client, refused

from moto_jitp import mock_jitp
from moto_jitp.history.acting_moment import acting_at

Rule = Callable[[Any], None]
RULES: dict[str, Rule] = {}
GROUPS = "developer guide, thing-groups"
LIMITS = "quotas, thing limits"
ARN = f"arn:aws:iot:us-east-1:{ACCOUNT}:"


def rule(page: str) -> Callable[[Rule], Rule]:
    """Enter a rule into the table, with its page and a sentence that states it."""

    def enter(function: Rule) -> Rule:
        RULES[f"{page}: {function.__name__.replace('_', ' ')}"] = function
        return function

    return enter


def attributes(*names: str, **values: str) -> dict[str, Any]:
    return {"attributes": {**dict.fromkeys(names, "1"), **values}}


def in_minutes(minutes: int) -> Any:
    return freeze_time(datetime.now(timezone.utc) + timedelta(minutes=minutes))


# Things.


@rule("API_CreateThing")
def the_same_thing_again_is_no_error(iot: Any) -> None:
    iot.create_thing_type(thingTypeName="lamp")
    iot.create_billing_group(billingGroupName="b")
    given = {
        "thingName": "t",
        "thingTypeName": "lamp",
        "attributePayload": attributes("a"),
        "billingGroupName": "b",
    }
    first, second = iot.create_thing(**given), iot.create_thing(**given)
    for answer in (first, second):
        del answer["ResponseMetadata"]
    assert first == second


@rule("API_CreateThing")
def a_thing_with_another_configuration_exists_already(iot: Any) -> None:
    iot.create_thing_type(thingTypeName="lamp")
    iot.create_billing_group(billingGroupName="b")
    made = iot.create_thing(thingName="t", attributePayload=attributes("a"))
    for other in (
        {},
        {"attributePayload": attributes("b")},
        {"attributePayload": attributes("a"), "thingTypeName": "lamp"},
        {"attributePayload": attributes("a"), "billingGroupName": "b"},
    ):
        with refused("ResourceAlreadyExistsException", 409, "Thing t already exists") as error:
            iot.create_thing(thingName="t", **other)
        assert error.response["resourceArn"] == made["thingArn"]
        assert error.response["resourceId"] == made["thingId"]
    assert iot.describe_thing(thingName="t")["attributes"] == {"a": "1"}


@rule("API_CreateThing")
def its_type_and_billing_group_must_exist(iot: Any) -> None:
    with refused("ResourceNotFoundException", 404, f"Thing Type {ACCOUNT}:lamp not found."):
        iot.create_thing(thingName="t", thingTypeName="lamp")
    with refused("ResourceNotFoundException", 404, f"BillingGroup {ACCOUNT}:b not found."):
        iot.create_thing(thingName="t", billingGroupName="b")
    assert iot.list_things()["things"] == []


@rule("developer guide, thing-types")
def a_deprecated_type_is_given_to_no_further_thing(iot: Any) -> None:
    iot.create_thing_type(thingTypeName="lamp")
    iot.create_thing(thingName="old", thingTypeName="lamp")
    iot.create_thing(thingName="plain")
    iot.deprecate_thing_type(thingTypeName="lamp")
    with refused("InvalidRequestException", 400, "Can not create new thing with"):
        iot.create_thing(thingName="new", thingTypeName="lamp")
    with refused("InvalidRequestException", 400, "Can not update a thing to use deprecated"):
        iot.update_thing(thingName="plain", thingTypeName="lamp")
    iot.create_thing(thingName="old", thingTypeName="lamp")
    iot.update_thing(thingName="old", thingTypeName="lamp")


@rule(LIMITS)
def three_attributes_without_a_type_and_fifty_with_one(iot: Any) -> None:
    many = [f"a{number}" for number in range(51)]
    iot.create_thing_type(thingTypeName="lamp")
    with refused("InvalidRequestException", 400, "The thing would have 4 attributes"):
        iot.create_thing(thingName="t", attributePayload=attributes(*many[:4]))
    with refused("InvalidRequestException", 400, "The thing would have 51 attributes"):
        iot.create_thing(thingName="t", thingTypeName="lamp", attributePayload=attributes(*many))
    iot.create_thing(thingName="t", thingTypeName="lamp", attributePayload=attributes(*many[:50]))
    with refused("InvalidRequestException", 400, "The thing would have 50 attributes"):
        iot.update_thing(thingName="t", removeThingType=True)
    more = {**attributes("b"), "merge": True}
    with refused("InvalidRequestException", 400, "The thing would have 51 attributes"):
        iot.update_thing(thingName="t", attributePayload=more)
    described = iot.describe_thing(thingName="t")
    assert (len(described["attributes"]), described["version"]) == (50, 1)


@rule("API_UpdateThing, API_AttributePayload")
def attributes_are_replaced_or_merged_and_an_empty_value_removes_one(iot: Any) -> None:
    iot.create_thing(thingName="t", attributePayload=attributes("a", "b"))
    merging = {**attributes(a="2", c="3"), "merge": True}
    iot.update_thing(thingName="t", attributePayload=merging)
    assert iot.describe_thing(thingName="t")["attributes"] == {"a": "2", "b": "1", "c": "3"}
    iot.update_thing(thingName="t", attributePayload={**attributes(a=""), "merge": True})
    assert iot.describe_thing(thingName="t")["attributes"] == {"b": "1", "c": "3"}
    iot.update_thing(thingName="t", attributePayload=attributes(d="4", e=""))
    assert iot.describe_thing(thingName="t")["attributes"] == {"d": "4"}
    iot.update_thing(thingName="t")
    assert iot.describe_thing(thingName="t")["attributes"] == {"d": "4"}
    iot.update_thing(thingName="t", attributePayload={"attributes": {}})
    assert iot.describe_thing(thingName="t")["attributes"] == {}


@rule("API_UpdateThing")
def a_version_begins_with_one_and_rises_with_each_update(iot: Any) -> None:
    iot.create_thing(thingName="t")
    assert iot.describe_thing(thingName="t")["version"] == 1
    iot.update_thing(thingName="t", expectedVersion=1)
    iot.update_thing(thingName="t", attributePayload=attributes("a"))
    assert iot.describe_thing(thingName="t")["version"] == 3
    for change in (iot.update_thing, iot.delete_thing):
        with refused("VersionConflictException", 409, "The version for thing t does not match"):
            change(thingName="t", expectedVersion=2)
    iot.delete_thing(thingName="t", expectedVersion=3)


@rule("API_UpdateThing")
def a_type_is_given_and_removed(iot: Any) -> None:
    iot.create_thing_type(thingTypeName="lamp")
    iot.create_thing(thingName="t")
    iot.update_thing(thingName="t", thingTypeName="lamp")
    assert iot.describe_thing(thingName="t")["thingTypeName"] == "lamp"
    with refused("InvalidRequestException", 400, "The thing type lamp cannot be set on t"):
        iot.update_thing(thingName="t", thingTypeName="lamp", removeThingType=True)
    iot.update_thing(thingName="t", removeThingType=True)
    assert "thingTypeName" not in iot.describe_thing(thingName="t")


@rule("API_DeleteThing")
def a_thing_that_does_not_exist_is_deleted_without_error(iot: Any) -> None:
    iot.delete_thing(thingName="nobody")
    iot.delete_thing(thingName="nobody", expectedVersion=7)


@rule("API_DeleteThing")
def a_thing_leaves_its_groups_and_its_billing_group(iot: Any) -> None:
    iot.create_thing_group(thingGroupName="g")
    iot.create_billing_group(billingGroupName="b")
    iot.create_thing(thingName="t", billingGroupName="b")
    iot.add_thing_to_thing_group(thingGroupName="g", thingName="t")
    iot.delete_thing(thingName="t")
    assert iot.list_things_in_thing_group(thingGroupName="g")["things"] == []
    assert iot.list_things_in_billing_group(billingGroupName="b")["things"] == []
    iot.create_thing(thingName="t")
    assert iot.list_thing_groups_for_thing(thingName="t")["thingGroups"] == []


@rule("API_DeleteThing")
def a_thing_with_principals_is_not_deleted(iot: Any) -> None:
    principal = iot.create_keys_and_certificate()["certificateArn"]
    iot.create_thing(thingName="t")
    iot.attach_thing_principal(thingName="t", principal=principal)
    with refused("InvalidRequestException", 400, "Cannot delete. Thing t is still attached to"):
        iot.delete_thing(thingName="t")
    iot.detach_thing_principal(thingName="t", principal=principal)
    iot.delete_thing(thingName="t")


@rule("API_DescribeThing")
def what_is_not_found_is_named(iot: Any) -> None:
    for call, text in {
        lambda: iot.describe_thing(thingName="x"): "Thing",
        lambda: iot.update_thing(thingName="x"): "Thing",
        lambda: iot.describe_thing_type(thingTypeName="x"): "Thing Type",
        lambda: iot.deprecate_thing_type(thingTypeName="x"): "Thing Type",
        lambda: iot.delete_thing_type(thingTypeName="x"): "Thing Type",
        lambda: iot.update_thing_type(thingTypeName="x"): "Thing Type",
        lambda: iot.describe_thing_group(thingGroupName="x"): "ThingGroup",
        lambda: iot.update_thing_group(thingGroupName="x", thingGroupProperties={}): "ThingGroup",
        lambda: iot.describe_billing_group(billingGroupName="x"): "BillingGroup",
        lambda: iot.update_billing_group(
            billingGroupName="x", billingGroupProperties={}
        ): "BillingGroup",
    }.items():
        with refused("ResourceNotFoundException", 404, f"{text} {ACCOUNT}:x not found."):
            call()


# Thing types.


@rule("API_CreateThingType")
def the_same_type_again_is_no_error_and_stays_deprecated(iot: Any) -> None:
    given = {
        "thingTypeName": "lamp",
        "thingTypeProperties": {"searchableAttributes": ["a", "b"]},
    }
    made = iot.create_thing_type(**given)
    assert made["thingTypeId"] == iot.describe_thing_type(thingTypeName="lamp")["thingTypeId"]
    iot.deprecate_thing_type(thingTypeName="lamp")
    given["thingTypeProperties"] = {"searchableAttributes": ["b", "a"]}
    assert iot.create_thing_type(**given)["thingTypeId"] == made["thingTypeId"]
    assert iot.describe_thing_type(thingTypeName="lamp")["thingTypeMetadata"]["deprecated"]
    with refused("ResourceAlreadyExistsException", 409, "Thing Type lamp already exists") as error:
        iot.create_thing_type(thingTypeName="lamp")
    assert error.response["resourceId"] == made["thingTypeId"]
    assert error.response["resourceArn"] == made["thingTypeArn"]


@rule("API_DeprecateThingType")
def a_deprecation_has_a_date_and_can_be_undone(iot: Any) -> None:
    def metadata() -> dict[str, Any]:
        found: dict[str, Any] = iot.describe_thing_type(thingTypeName="lamp")["thingTypeMetadata"]
        return found

    iot.create_thing_type(thingTypeName="lamp")
    assert metadata().keys() & {"deprecated", "deprecationDate"} == {"deprecated"}
    assert metadata()["deprecated"] is False
    iot.deprecate_thing_type(thingTypeName="lamp")
    deprecated_at = metadata()["deprecationDate"]
    assert metadata()["deprecated"] is True
    assert deprecated_at >= metadata()["creationDate"]
    with in_minutes(3):
        iot.deprecate_thing_type(thingTypeName="lamp")
    assert metadata()["deprecationDate"] == deprecated_at
    iot.deprecate_thing_type(thingTypeName="lamp", undoDeprecate=True)
    assert metadata().keys() & {"deprecated", "deprecationDate"} == {"deprecated"}
    assert metadata()["deprecated"] is False


@rule("API_DeleteThingType")
def a_type_is_deleted_five_minutes_after_its_deprecation(iot: Any) -> None:
    iot.create_thing_type(thingTypeName="lamp")
    with refused("InvalidRequestException", 400, "Cannot delete thing type : lamp. It is not"):
        iot.delete_thing_type(thingTypeName="lamp")
    iot.deprecate_thing_type(thingTypeName="lamp")
    for minutes in (0, 4):
        with in_minutes(minutes):
            with refused("InvalidRequestException", 400, "Cannot delete thing type") as error:
                iot.delete_thing_type(thingTypeName="lamp")
            assert (
                "Please wait for 5 minutes after deprecation and then retry"
                in (error.response["Error"]["Message"])
            )
    with in_minutes(6):
        iot.delete_thing_type(thingTypeName="lamp")
    assert iot.list_thing_types()["thingTypes"] == []


@rule("API_DeleteThingType")
def a_type_that_a_thing_has_is_not_deleted(iot: Any) -> None:
    iot.create_thing_type(thingTypeName="lamp")
    iot.create_thing(thingName="t", thingTypeName="lamp")
    iot.deprecate_thing_type(thingTypeName="lamp")
    with in_minutes(6):
        with refused("InvalidRequestException", 400, "Cannot delete thing type : lamp. The thing"):
            iot.delete_thing_type(thingTypeName="lamp")
        iot.update_thing(thingName="t", removeThingType=True)
        iot.delete_thing_type(thingTypeName="lamp")


@rule("developer guide, thing-types-propagating-attributes")
def an_update_changes_the_propagating_attributes_only(iot: Any) -> None:
    iot.create_thing_type(
        thingTypeName="lamp", thingTypeProperties={"thingTypeDescription": "A lamp"}
    )
    mqtt5 = {
        "propagatingAttributes": [
            {"userPropertyKey": "site", "thingAttribute": "site"},
            {"userPropertyKey": "id", "connectionAttribute": "iot:ClientId"},
        ]
    }
    iot.update_thing_type(thingTypeName="lamp", thingTypeProperties={"mqtt5Configuration": mqtt5})
    properties = iot.describe_thing_type(thingTypeName="lamp")["thingTypeProperties"]
    assert properties == {"thingTypeDescription": "A lamp", "mqtt5Configuration": mqtt5}
    with refused("InvalidRequestException", 400, "The thingTypeDescription of a thing type"):
        iot.update_thing_type(
            thingTypeName="lamp", thingTypeProperties={"thingTypeDescription": "Another"}
        )


@rule(LIMITS)
def a_type_has_three_searchable_and_twenty_propagating_attributes(iot: Any) -> None:
    with refused("InvalidRequestException", 400, "A thing type can have 3 searchable"):
        iot.create_thing_type(
            thingTypeName="lamp", thingTypeProperties={"searchableAttributes": list("abcd")}
        )
    for attributes, text in (
        ([{"userPropertyKey": f"k{n}", "thingAttribute": "a"} for n in range(21)], "A thing type"),
        ([{"userPropertyKey": "k"}], "A propagating attribute needs"),
        (
            [
                {
                    "userPropertyKey": "k",
                    "thingAttribute": "a",
                    "connectionAttribute": "iot:ClientId",
                }
            ],
            "A propagating attribute needs",
        ),
    ):
        with refused("InvalidRequestException", 400, text):
            iot.create_thing_type(
                thingTypeName="lamp",
                thingTypeProperties={"mqtt5Configuration": {"propagatingAttributes": attributes}},
            )
    assert iot.list_thing_types()["thingTypes"] == []


# Thing groups.


@rule("API_CreateThingGroup")
def the_same_group_again_is_no_error(iot: Any) -> None:
    iot.create_thing_group(thingGroupName="top")
    given = {
        "thingGroupName": "g",
        "parentGroupName": "top",
        "thingGroupProperties": {"attributePayload": attributes("a")},
    }
    made = iot.create_thing_group(**given)
    assert iot.create_thing_group(**given)["thingGroupId"] == made["thingGroupId"]
    for other in ({}, {"parentGroupName": "top"}):
        with refused("ResourceAlreadyExistsException", 409, "Thing Group g already") as error:
            iot.create_thing_group(thingGroupName="g", **other)
        assert error.response["resourceId"] == made["thingGroupId"]


@rule(LIMITS)
def a_hierarchy_has_seven_levels(iot: Any) -> None:
    iot.create_thing_group(thingGroupName="g1")
    for level in range(2, 8):
        iot.create_thing_group(thingGroupName=f"g{level}", parentGroupName=f"g{level - 1}")
    with refused("InvalidRequestException", 400, "The thing group g8 would be on level 8"):
        iot.create_thing_group(thingGroupName="g8", parentGroupName="g7")


@rule(LIMITS)
def a_group_has_a_hundred_direct_children(iot: Any) -> None:
    iot.create_thing_group(thingGroupName="top")
    for number in range(100):
        iot.create_thing_group(thingGroupName=f"g{number}", parentGroupName="top")
    with refused("InvalidRequestException", 400, "The thing group top has 100 direct child"):
        iot.create_thing_group(thingGroupName="more", parentGroupName="top")


@rule("API_UpdateThingGroup")
def attributes_of_a_group_are_replaced_or_merged(iot: Any) -> None:
    def properties() -> dict[str, Any]:
        found: dict[str, Any] = iot.describe_thing_group(thingGroupName="g")["thingGroupProperties"]
        return found

    def update(**given: Any) -> None:
        iot.update_thing_group(thingGroupName="g", thingGroupProperties=given)

    iot.create_thing_group(
        thingGroupName="g", thingGroupProperties={"attributePayload": attributes("a", "b")}
    )
    update(attributePayload={**attributes(a="", c="3"), "merge": True}, thingGroupDescription="G")
    assert properties() == {
        "attributePayload": attributes(b="1", c="3"),
        "thingGroupDescription": "G",
    }
    update(attributePayload=attributes("d"))
    assert properties()["attributePayload"] == attributes("d")
    update(attributePayload={"attributes": {}})
    assert properties() == {"thingGroupDescription": "G"}
    with refused("InvalidRequestException", 400, "The thing group would have 51 attributes"):
        update(attributePayload=attributes(*(f"a{number}" for number in range(51))))


@rule("API_UpdateThingGroup, API_DeleteThingGroup")
def the_version_of_a_group_rises_and_can_be_expected(iot: Any) -> None:
    iot.create_thing_group(thingGroupName="g")
    change = {"thingGroupName": "g", "thingGroupProperties": {}}
    assert iot.update_thing_group(**change, expectedVersion=1)["version"] == 2
    with refused("VersionConflictException", 409, "The version for thing group g"):
        iot.update_thing_group(**change, expectedVersion=1)
    with refused("VersionConflictException", 409, "The version for thing group g"):
        iot.delete_thing_group(thingGroupName="g", expectedVersion=1)
    iot.delete_thing_group(thingGroupName="g", expectedVersion=2)


@rule("API_DeleteThingGroup")
def a_group_with_children_is_not_deleted_and_an_absent_one_is_no_error(iot: Any) -> None:
    iot.create_thing_group(thingGroupName="top")
    iot.create_thing_group(thingGroupName="g", parentGroupName="top")
    with refused(
        "InvalidRequestException",
        400,
        "Cannot delete thing group : top when there are still child groups attached to it.",
    ):
        iot.delete_thing_group(thingGroupName="top")
    for name in ("g", "top", "top"):
        iot.delete_thing_group(thingGroupName=name)


@rule(GROUPS)
def a_group_is_deleted_with_its_members_and_policies_attached(iot: Any) -> None:
    document = '{"Version": "2012-10-17", "Statement": []}'
    document = document.replace("[]", '{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}')
    arn = iot.create_thing_group(thingGroupName="g")["thingGroupArn"]
    iot.create_thing(thingName="t")
    iot.add_thing_to_thing_group(thingGroupName="g", thingName="t")
    iot.create_policy(policyName="p", policyDocument=document)
    iot.attach_policy(policyName="p", target=arn)
    iot.delete_thing_group(thingGroupName="g")
    assert iot.list_targets_for_policy(policyName="p")["targets"] == []
    assert iot.list_thing_groups_for_thing(thingName="t")["thingGroups"] == []
    iot.delete_policy(policyName="p")


# Memberships.


@rule(GROUPS)
def a_thing_is_in_no_two_groups_of_one_hierarchy(iot: Any) -> None:
    iot.create_thing(thingName="t")
    iot.create_thing_group(thingGroupName="top")
    for name in ("left", "right"):
        iot.create_thing_group(thingGroupName=name, parentGroupName="top")
    iot.add_thing_to_thing_group(thingGroupName="left", thingName="t")
    for other in ("right", "top"):
        with refused("InvalidRequestException", 400, "Thing t cannot be in the groups left and"):
            iot.add_thing_to_thing_group(thingGroupName=other, thingName="t")
    iot.update_thing_groups_for_thing(
        thingName="t", thingGroupsToAdd=["right"], thingGroupsToRemove=["left"]
    )
    groups = iot.list_thing_groups_for_thing(thingName="t")["thingGroups"]
    assert [group["groupName"] for group in groups] == ["right"]


@rule(LIMITS)
def a_thing_is_in_ten_groups_at_most(iot: Any) -> None:
    iot.create_thing(thingName="t")
    names = [f"g{number}" for number in range(11)]
    for name in names:
        iot.create_thing_group(thingGroupName=name)
    iot.update_thing_groups_for_thing(thingName="t", thingGroupsToAdd=names[:10])
    with refused("InvalidRequestException", 400, "Thing t would be in 11 groups"):
        iot.add_thing_to_thing_group(thingGroupName="g10", thingName="t")
    with refused("InvalidRequestException", 400, "Thing t would be in 11 groups"):
        iot.update_thing_groups_for_thing(thingName="t", thingGroupsToAdd=["g10"])
    assert iot.list_things_in_thing_group(thingGroupName="g10")["things"] == []


@rule("API_AddThingToThingGroup, API_RemoveThingFromThingGroup")
def joining_twice_and_leaving_twice_are_no_errors(iot: Any) -> None:
    iot.create_thing(thingName="t")
    iot.create_thing_group(thingGroupName="g")
    for call in (iot.add_thing_to_thing_group, iot.remove_thing_from_thing_group):
        for _ in range(2):
            call(thingGroupName="g", thingName="t")
    assert iot.list_things_in_thing_group(thingGroupName="g")["things"] == []


@rule("API_AddThingToThingGroup")
def a_thing_and_a_group_are_named_or_given_as_arns(iot: Any) -> None:
    thing = iot.create_thing(thingName="t")["thingArn"]
    group = iot.create_thing_group(thingGroupName="g")["thingGroupArn"]
    add = iot.add_thing_to_thing_group
    add(thingGroupArn=group, thingArn=thing)
    assert iot.list_things_in_thing_group(thingGroupName="g")["things"] == ["t"]
    for wrong in (
        {"thingName": "t"},
        {"thingGroupName": "g"},
        {"thingGroupArn": thing, "thingName": "t"},
        {"thingGroupArn": group, "thingArn": group},
        {"thingGroupName": "other", "thingGroupArn": group, "thingName": "t"},
        {"thingGroupArn": "g", "thingName": "t"},
    ):
        for call in (add, iot.remove_thing_from_thing_group):
            with refused("InvalidRequestException", 400, ""):
                call(**wrong)
    for absent, text in (
        ({"thingGroupName": "x", "thingName": "t"}, f"ThingGroup {ACCOUNT}:x not found."),
        ({"thingGroupName": "g", "thingName": "x"}, f"Thing {ACCOUNT}:x not found."),
        ({"thingGroupArn": f"{group}x", "thingName": "t"}, f"ThingGroup {ACCOUNT}:gx not found."),
        (
            {"thingGroupArn": group.replace("us-east-1", "eu-west-1"), "thingName": "t"},
            "The thing group arn:aws:iot:eu-west-1:",
        ),
    ):
        for call in (add, iot.remove_thing_from_thing_group):
            with refused("ResourceNotFoundException", 404, text):
                call(**absent)


@rule("API_UpdateThingGroupsForThing")
def an_update_of_groups_changes_all_or_nothing(iot: Any) -> None:
    iot.create_thing(thingName="t")
    iot.create_thing_group(thingGroupName="g")
    with refused("ResourceNotFoundException", 404, f"ThingGroup {ACCOUNT}:x not found."):
        iot.update_thing_groups_for_thing(thingName="t", thingGroupsToAdd=["g", "x"])
    with refused("InvalidRequestException", 400, "The thing group g is in both"):
        iot.update_thing_groups_for_thing(
            thingName="t", thingGroupsToAdd=["g"], thingGroupsToRemove=["g"]
        )
    assert iot.list_things_in_thing_group(thingGroupName="g")["things"] == []


# Billing groups.


@rule("API_CreateBillingGroup")
def the_same_billing_group_again_is_no_error(iot: Any) -> None:
    given = {
        "billingGroupName": "b",
        "billingGroupProperties": {"billingGroupDescription": "B"},
    }
    made = iot.create_billing_group(**given)
    assert iot.create_billing_group(**given)["billingGroupId"] == made["billingGroupId"]
    with refused("ResourceAlreadyExistsException", 409, "Billing Group b already") as error:
        iot.create_billing_group(billingGroupName="b")
    assert error.response["resourceArn"] == made["billingGroupArn"]


@rule("API_UpdateBillingGroup, API_DeleteBillingGroup")
def the_version_of_a_billing_group_rises_and_can_be_expected(iot: Any) -> None:
    iot.create_billing_group(billingGroupName="b")
    change = {"billingGroupName": "b", "billingGroupProperties": {"billingGroupDescription": "B"}}
    assert iot.update_billing_group(**change, expectedVersion=1)["version"] == 2
    assert iot.describe_billing_group(billingGroupName="b")["version"] == 2
    with refused("VersionConflictException", 409, "The version for billing group b"):
        iot.update_billing_group(**change, expectedVersion=1)
    with refused("VersionConflictException", 409, "The version for billing group b"):
        iot.delete_billing_group(billingGroupName="b", expectedVersion=1)
    iot.delete_billing_group(billingGroupName="b", expectedVersion=2)
    iot.delete_billing_group(billingGroupName="b")


@rule("developer guide, tagging-iot-billing-groups")
def a_thing_is_in_one_billing_group(iot: Any) -> None:
    iot.create_thing(thingName="t")
    arns = [
        iot.create_billing_group(billingGroupName=name)["billingGroupArn"] for name in ("b", "c")
    ]
    for _ in range(2):
        iot.add_thing_to_billing_group(billingGroupArn=arns[0], thingArn=f"{ARN}thing/t")
    with refused("InvalidRequestException", 400, "Thing t is in the billing group b"):
        iot.add_thing_to_billing_group(billingGroupName="c", thingName="t")
    assert iot.describe_thing(thingName="t")["billingGroupName"] == "b"
    for _ in range(2):
        iot.remove_thing_from_billing_group(billingGroupName="b", thingName="t")
    iot.add_thing_to_billing_group(billingGroupName="c", thingName="t")
    iot.delete_billing_group(billingGroupName="c")
    assert "billingGroupName" not in iot.describe_thing(thingName="t")


@rule("API_AddThingToBillingGroup")
def a_billing_group_is_named_or_given_as_an_arn(iot: Any) -> None:
    iot.create_thing(thingName="t")
    iot.create_billing_group(billingGroupName="b")
    for call in (iot.add_thing_to_billing_group, iot.remove_thing_from_billing_group):
        for wrong in (
            {"thingName": "t"},
            {"billingGroupName": "b"},
            {"billingGroupArn": f"{ARN}thing/t", "thingName": "t"},
            {"billingGroupName": "c", "billingGroupArn": f"{ARN}billinggroup/b", "thingName": "t"},
        ):
            with refused("InvalidRequestException", 400, ""):
                call(**wrong)
        with refused("ResourceNotFoundException", 404, f"BillingGroup {ACCOUNT}:x not found."):
            call(billingGroupName="x", thingName="t")


# Principals and policies.

ALLOW = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
    }
)
NOBODY = f"{ARN}cert/{'0' * 64}"


def certificate(iot: Any) -> str:
    return str(iot.create_keys_and_certificate()["certificateArn"])


@rule("API_AttachThingPrincipal, API_DetachThingPrincipal")
def a_principal_of_a_thing_is_a_certificate_or_an_identity(iot: Any) -> None:
    thing = iot.create_thing(thingName="t")["thingArn"]
    group = iot.create_thing_group(thingGroupName="g")["thingGroupArn"]
    for call in (iot.attach_thing_principal, iot.detach_thing_principal):
        for wrong in (thing, group, "arn:aws:iam::123456789012:role/r"):
            with refused("InvalidRequestException", 400, f"{wrong} is not a valid principal."):
                call(thingName="t", principal=wrong)
        with refused("ResourceNotFoundException", 404, "The certificate given in the principal"):
            call(thingName="t", principal=NOBODY)
        with refused("ResourceNotFoundException", 404, f"Thing {ACCOUNT}:x not found."):
            call(thingName="x", principal=certificate(iot))


@rule("API_DetachThingPrincipal")
def a_principal_is_attached_and_detached_twice_without_error(iot: Any) -> None:
    principal = certificate(iot)
    iot.create_thing(thingName="t")
    for call in (iot.attach_thing_principal, iot.detach_thing_principal):
        for _ in range(2):
            call(thingName="t", principal=principal)
    assert iot.list_thing_principals(thingName="t")["principals"] == []


@rule("API_DetachPolicy")
def a_policy_is_detached_where_it_is_not_attached_or_one_of_the_two_is_gone(iot: Any) -> None:
    target = certificate(iot)
    iot.create_policy(policyName="p", policyDocument=ALLOW)
    iot.attach_policy(policyName="p", target=target)
    for _ in range(2):
        iot.detach_policy(policyName="p", target=target)
    iot.detach_policy(policyName="none", target=target)
    iot.detach_policy(policyName="p", target=NOBODY)
    with refused("InvalidRequestException", 400, "The given ARN does not represent a cert"):
        iot.detach_policy(policyName="p", target=f"{ARN}thing/t")
    assert iot.list_attached_policies(target=target)["policies"] == []


@rule("API_AttachPrincipalPolicy, API_DetachPrincipalPolicy")
def the_older_operations_take_principals_only_and_name_what_is_missing(iot: Any) -> None:
    principal = certificate(iot)
    group = iot.create_thing_group(thingGroupName="g")["thingGroupArn"]
    iot.create_policy(policyName="p", policyDocument=ALLOW)
    for call in (iot.attach_principal_policy, iot.detach_principal_policy):
        with refused("InvalidRequestException", 400, f"{group} is not a valid principal."):
            call(policyName="p", principal=group)
        with refused("ResourceNotFoundException", 404, "The policy x does not exist."):
            call(policyName="x", principal=principal)
        with refused("ResourceNotFoundException", 404, "The certificate"):
            call(policyName="p", principal=NOBODY)
        for _ in range(2):
            call(policyName="p", principal=principal)


@rule("API_DeletePolicy, API_DeleteCertificate")
def an_attached_policy_is_not_deleted_and_a_deleted_certificate_lets_it_go(iot: Any) -> None:
    made = iot.create_keys_and_certificate()
    iot.create_policy(policyName="p", policyDocument=ALLOW)
    iot.attach_policy(policyName="p", target=made["certificateArn"])
    with refused("DeleteConflictException", 409, "The policy cannot be deleted"):
        iot.delete_policy(policyName="p")
    with refused("DeleteConflictException", 409, "Certificate policies must be detached"):
        iot.delete_certificate(certificateId=made["certificateId"])
    iot.delete_certificate(certificateId=made["certificateId"], forceDelete=True)
    assert iot.list_targets_for_policy(policyName="p")["targets"] == []
    with refused("ResourceNotFoundException", 404, "The certificate given in the principal"):
        iot.list_attached_policies(target=made["certificateArn"])
    iot.delete_policy(policyName="p")


@rule("API_DescribeCertificate, API_DescribeCACertificate")
def a_certificate_that_does_not_exist_is_named(iot: Any) -> None:
    absent = "0" * 64
    for call in (
        lambda: iot.describe_certificate(certificateId=absent),
        lambda: iot.delete_certificate(certificateId=absent),
        lambda: iot.update_certificate(certificateId=absent, newStatus="ACTIVE"),
    ):
        with refused("ResourceNotFoundException", 404, f"CertificateId {absent} does not exist"):
            call()
    for call in (
        lambda: iot.describe_ca_certificate(certificateId=absent),
        lambda: iot.delete_ca_certificate(certificateId=absent),
        lambda: iot.update_ca_certificate(certificateId=absent, newStatus="ACTIVE"),
    ):
        with refused("ResourceNotFoundException", 404, "Requested CA Certificate does not exist."):
            call()


@rule("API_CreateRoleAlias")
def a_role_alias_is_made_once(iot: Any) -> None:
    given = {"roleAlias": "r", "roleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}
    iot.create_role_alias(**given)
    with refused(
        "ResourceAlreadyExistsException", 409, "Role alias r already exists for this account"
    ):
        iot.create_role_alias(**given)
    iot.update_role_alias(roleAlias="r", roleArn=f"arn:aws:iam::{ACCOUNT}:role/bogus")


# Domain configurations.

DOMAINS = "developer guide, iot-custom-endpoints-managing"


@rule("API_CreateDomainConfiguration, API_DescribeDomainConfiguration")
def a_domain_configuration_is_described_with_all_that_it_was_given(iot: Any) -> None:
    given = {
        "domainName": "devices.example.com",
        "serviceType": "DATA",
        "tlsConfig": {"securityPolicy": "IoTSecurityPolicy_TLS13_1_3_2022_10"},
        "serverCertificateConfig": {"enableOCSPCheck": True},
        "authenticationType": "AWS_X509",
        "applicationProtocol": "SECURE_MQTT",
    }
    iot.create_domain_configuration(domainConfigurationName="d", **given)
    described = iot.describe_domain_configuration(domainConfigurationName="d")
    assert {name: described[name] for name in given} == given
    assert described["domainType"] == "CUSTOMER_MANAGED"
    assert described["domainConfigurationStatus"] == "ENABLED"
    changed = {"tlsConfig": {"securityPolicy": "IoTSecurityPolicy_TLS12_1_2_2022_10"}}
    iot.update_domain_configuration(domainConfigurationName="d", **changed)
    assert (
        iot.describe_domain_configuration(domainConfigurationName="d")["tlsConfig"]
        == (changed["tlsConfig"])
    )
    with refused("ResourceAlreadyExistsException", 409, "Domain configuration with given name"):
        iot.create_domain_configuration(domainConfigurationName="d")


@rule("developer guide, iot-custom-endpoints-configurable")
def without_a_domain_name_aws_manages_one(iot: Any) -> None:
    iot.create_domain_configuration(domainConfigurationName="d")
    described = iot.describe_domain_configuration(domainConfigurationName="d")
    assert described["domainType"] == "AWS_MANAGED"
    assert described["serviceType"] == "DATA"
    assert described["domainName"].endswith(".iot.us-east-1.amazonaws.com")
    assert described["tlsConfig"] == {"securityPolicy": "IoTSecurityPolicy_TLS13_1_2_2022_10"}


@rule("own choice: what is not carried out is refused")
def a_domain_configuration_asks_for_nothing_that_is_not_emulated(iot: Any) -> None:
    iot.create_domain_configuration(domainConfigurationName="made")
    for wrong, text in (
        ({"authenticationType": "CUSTOM_AUTH"}, "The authenticationType CUSTOM_AUTH is not"),
        ({"authenticationType": "AWS_SIGV4"}, "The authenticationType AWS_SIGV4 is not"),
        ({"applicationProtocol": "HTTPS"}, "The applicationProtocol HTTPS is not emulated"),
        (
            {"clientCertificateConfig": {"clientCertificateCallbackArn": f"{ARN}function:f"}},
            "clientCertificateConfig is not emulated",
        ),
    ):
        with refused("InvalidRequestException", 400, text):
            iot.create_domain_configuration(domainConfigurationName="d", **wrong)
        with refused("InvalidRequestException", 400, text):
            iot.update_domain_configuration(domainConfigurationName="made", **wrong)
    listed = iot.list_domain_configurations()["domainConfigurations"]
    assert [domain["domainConfigurationName"] for domain in listed] == ["made"]


@rule(DOMAINS)
def a_domain_configuration_is_disabled_before_it_is_deleted(iot: Any) -> None:
    iot.create_domain_configuration(domainConfigurationName="own", domainName="a.example.com")
    iot.create_domain_configuration(domainConfigurationName="aws")
    for name in ("own", "aws"):
        with refused("InvalidRequestException", 400, f"The domain configuration {name} is ENABLED"):
            iot.delete_domain_configuration(domainConfigurationName=name)
        iot.update_domain_configuration(
            domainConfigurationName=name, domainConfigurationStatus="DISABLED"
        )
    iot.delete_domain_configuration(domainConfigurationName="own")
    with refused("InvalidRequestException", 400, "The domain configuration aws has a domain name"):
        iot.delete_domain_configuration(domainConfigurationName="aws")
    with in_minutes(7 * 24 * 60 + 1):
        iot.delete_domain_configuration(domainConfigurationName="aws")
    for call in (iot.describe_domain_configuration, iot.delete_domain_configuration):
        with refused("ResourceNotFoundException", 404, "The domain configuration own does not"):
            call(domainConfigurationName="own")


# Tags.


@rule("developer guide, tagging-iot")
def keys_and_values_that_begin_with_aws_are_refused(iot: Any) -> None:
    arn = iot.create_thing_group(thingGroupName="g")["thingGroupArn"]
    for wrong in ({"Key": "aws:k", "Value": "v"}, {"Key": "k", "Value": "AWS:v"}):
        with refused("InvalidRequestException", 400, "A tag's key and value cannot begin with"):
            iot.tag_resource(resourceArn=arn, tags=[wrong])
        with refused("InvalidRequestException", 400, "A tag's key and value cannot begin with"):
            iot.create_thing_group(thingGroupName="h", tags=[wrong])
    assert len(iot.list_thing_groups()["thingGroups"]) == 1


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str, iot: Any) -> None:
    RULES[name](iot)


def test_a_type_can_be_deleted_by_a_tool_that_waits_five_minutes() -> None:
    with mock_jitp():
        iot = client()
        iot.create_thing_type(thingTypeName="lamp")
        iot.deprecate_thing_type(thingTypeName="lamp")
        with acting_at(datetime.now(timezone.utc) + timedelta(minutes=5)):
            iot.delete_thing_type(thingTypeName="lamp")
        assert iot.list_thing_types()["thingTypes"] == []


def test_with_strict_off_the_registry_is_motos() -> None:
    with mock_jitp(config={"jitp": {"strict": False}}):
        iot = client()
        iot.create_thing_type(thingTypeName="lamp")
        iot.delete_thing_type(thingTypeName="lamp")
        iot.create_thing(thingName="t", attributePayload=attributes(*"abcde"))
        iot.create_thing(thingName="t")
        iot.update_thing(thingName="t", expectedVersion=9)
        iot.create_thing_group(thingGroupName="top")
        iot.create_thing_group(thingGroupName="g", parentGroupName="top")
        for name in ("top", "g"):
            iot.add_thing_to_thing_group(thingGroupName=name, thingName="t")
        with refused("ResourceNotFoundException", 404, f"Thing {ACCOUNT}:x not found."):
            iot.delete_thing(thingName="x")
