"""Lists of the registry: changes between pages, filters, and groups below groups."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from moto_jitp import mock_jitp

DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
    }
)


@mock_jitp
def test_what_is_deleted_and_created_between_pages_neither_hides_nor_repeats_anything() -> None:
    iot = boto3.client("iot", "us-east-1")
    for at in range(9):
        iot.create_thing(thingName=f"t{at}")
    first = iot.list_things(maxResults=3)
    assert [thing["thingName"] for thing in first["things"]] == ["t0", "t1", "t2"]
    for gone in ("t0", "t2", "t4"):
        iot.delete_thing(thingName=gone)
    iot.create_thing(thingName="t9")
    second = iot.list_things(maxResults=3, nextToken=first["nextToken"])
    assert [thing["thingName"] for thing in second["things"]] == ["t3", "t5", "t6"]
    third = iot.list_things(maxResults=3, nextToken=second["nextToken"])
    assert [thing["thingName"] for thing in third["things"]] == ["t7", "t8", "t9"]
    assert "nextToken" not in third


@mock_jitp
def test_a_fleet_is_emptied_page_by_page() -> None:
    iot = boto3.client("iot", "us-east-1")
    iot.create_thing_group(thingGroupName="g")
    for at in range(30):
        iot.create_thing(thingName=f"t{at}")
        iot.add_thing_to_thing_group(thingGroupName="g", thingName=f"t{at}")
    emptied = 0
    for page in iot.get_paginator("list_things_in_thing_group").paginate(
        thingGroupName="g", PaginationConfig={"PageSize": 7}
    ):
        for name in page["things"]:
            iot.delete_thing(thingName=name)
            emptied += 1
    assert emptied == 30
    assert iot.list_things()["things"] == []


@mock_jitp
def test_filters_hold_across_pages() -> None:
    iot = boto3.client("iot", "us-east-1")
    iot.create_thing_type(thingTypeName="bulb")
    for at in range(6):
        iot.create_thing(
            thingName=f"t{at}",
            attributePayload={"attributes": {"room": ["kitchen", "kit", "hall"][at % 3]}},
            **({"thingTypeName": "bulb"} if at % 2 else {}),
        )

    def names(**given: Any) -> list[str]:
        pages = iot.get_paginator("list_things").paginate(**given, PaginationConfig={"PageSize": 1})
        return [thing["thingName"] for page in pages for thing in page["things"]]

    assert names(thingTypeName="bulb") == ["t1", "t3", "t5"]
    assert names(attributeName="room", attributeValue="kit") == ["t1", "t4"]
    prefix = {"attributeName": "room", "attributeValue": "kit", "usePrefixAttributeValue": True}
    assert names(**prefix) == ["t0", "t1", "t3", "t4"]
    assert names(**prefix, thingTypeName="bulb") == ["t1", "t3"]

    moved = {"attributes": {"room": "attic"}}
    iot.update_thing(thingName="t1", attributePayload=moved, removeThingType=True)
    iot.update_thing(thingName="t0", thingTypeName="bulb")
    iot.delete_thing(thingName="t5")
    assert names(thingTypeName="bulb") == ["t3", "t0"]
    assert names(attributeName="room", attributeValue="kit") == ["t4"]
    assert names(attributeName="room", attributeValue="attic") == ["t1"]
    assert names(attributeName="room") == ["t0", "t1", "t2", "t3", "t4"]


@mock_jitp
def test_groups_below_a_group_count_where_it_is_asked_for() -> None:
    iot = boto3.client("iot", "us-east-1")
    for name, parent in (("top", None), ("middle", "top"), ("low", "middle"), ("other", None)):
        more = {} if parent is None else {"parentGroupName": parent}
        iot.create_thing_group(thingGroupName=name, **more)
        iot.create_thing(thingName=f"in-{name}")
        iot.add_thing_to_thing_group(thingGroupName=name, thingName=f"in-{name}")
    for policy, group in (("p-top", "top"), ("p-low", "low")):
        iot.create_policy(policyName=policy, policyDocument=DOCUMENT)
        arn = iot.describe_thing_group(thingGroupName=group)["thingGroupArn"]
        iot.attach_policy(policyName=policy, target=arn)

    below = iot.list_thing_groups(parentGroup="top", recursive=True)["thingGroups"]
    assert [group["groupName"] for group in below] == ["middle", "low"]
    children = iot.list_thing_groups(parentGroup="top", recursive=False)["thingGroups"]
    assert [group["groupName"] for group in children] == ["middle"]
    highest = iot.list_thing_groups(recursive=False)["thingGroups"]
    assert [group["groupName"] for group in highest] == ["top", "other"]

    def things(**given: Any) -> list[str]:
        paginator = iot.get_paginator("list_things_in_thing_group")
        pages = paginator.paginate(thingGroupName="top", **given, PaginationConfig={"PageSize": 1})
        return [name for page in pages for name in page["things"]]

    assert things() == ["in-top"]
    assert things(recursive=True) == ["in-top", "in-middle", "in-low"]
    low = iot.describe_thing_group(thingGroupName="low")["thingGroupArn"]
    own = iot.list_attached_policies(target=low)["policies"]
    assert [policy["policyName"] for policy in own] == ["p-low"]
    inherited = iot.list_attached_policies(target=low, recursive=True)["policies"]
    assert {policy["policyName"] for policy in inherited} == {"p-low", "p-top"}


def test_with_strict_off_moto_lists_as_before() -> None:
    with mock_jitp(config={"jitp": {"strict": False}}):
        iot = boto3.client("iot", "us-east-1")
        for at in range(60):
            iot.create_thing_group(thingGroupName=f"g{at}")
        assert len(iot.list_thing_groups(maxResults=2)["thingGroups"]) == 60


@pytest.mark.parametrize(
    "operation", ["list_principal_things", "list_principal_things_v2", "list_principal_policies"]
)
@pytest.mark.parametrize("kind", ["thing/t", "thinggroup/g", "policy/p"])
def test_only_principals_are_asked_for_what_principals_have(
    iot: Any, operation: str, kind: str
) -> None:
    principal = f"arn:aws:iot:us-east-1:123456789012:{kind}"
    with pytest.raises(iot.exceptions.InvalidRequestException, match="is not a valid principal"):
        getattr(iot, operation)(principal=principal)


def test_the_policies_of_a_certificate_that_is_gone_are_not_listed(iot: Any) -> None:
    gone = f"arn:aws:iot:us-east-1:123456789012:cert/{'0' * 64}"
    with pytest.raises(iot.exceptions.ResourceNotFoundException, match="does not exist"):
        iot.list_principal_policies(principal=gone)
