"""The registry and the data plane, in the mock or on AWS: behaviour that users have reported."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from aws_verified import Cloud, aws_verified
from botocore.exceptions import ClientError
from support.cloud import refused


@aws_verified
def test_creating_the_same_thing_again_is_fine_and_with_another_configuration_an_error(
    cloud: Cloud,
) -> None:
    name = cloud.name("bulb")
    given: dict[str, Any] = {"thingName": name, "attributePayload": {"attributes": {"a": "1"}}}
    made = cloud.iot.create_thing(**given)
    again = cloud.iot.create_thing(**given)
    assert (again["thingArn"], again["thingId"]) == (made["thingArn"], made["thingId"])
    assert made["thingArn"] == cloud.arn(f"thing/{name}")
    given["attributePayload"] = {"attributes": {"a": "2"}}
    with refused("ResourceAlreadyExistsException", 409, "") as error:
        cloud.iot.create_thing(**given)
    assert error.response["resourceId"] == made["thingId"]
    assert error.response["resourceArn"] == made["thingArn"]


@aws_verified
def test_a_version_starts_at_one_rises_and_can_be_expected(cloud: Cloud) -> None:
    name = cloud.name("bulb")

    def version() -> int:
        found: int = cloud.iot.describe_thing(thingName=name)["version"]
        return found

    cloud.iot.create_thing(thingName=name)
    cloud.until(lambda: version() == 1)
    payload = {"attributes": {"a": "1"}}
    cloud.iot.update_thing(thingName=name, attributePayload=payload, expectedVersion=1)
    cloud.until(lambda: version() == 2)
    with refused("VersionConflictException", 409, ""):
        cloud.iot.update_thing(thingName=name, attributePayload=payload, expectedVersion=1)
    with refused("VersionConflictException", 409, ""):
        cloud.iot.delete_thing(thingName=name, expectedVersion=1)


@aws_verified
def test_a_thing_that_does_not_exist_is_deleted(cloud: Cloud) -> None:
    cloud.iot.delete_thing(thingName=cloud.name("nobody"))


@aws_verified
def test_a_thing_with_a_certificate_is_not_deleted(cloud: Cloud) -> None:
    name = cloud.name("bulb")
    cloud.iot.create_thing(thingName=name)
    certificate = cloud.certificate()
    arn = cloud.arn(f"cert/{certificate.certificate_id}")
    cloud.iot.attach_thing_principal(thingName=name, principal=arn)
    cloud.until(lambda: cloud.iot.list_thing_principals(thingName=name)["principals"] == [arn])
    with refused(
        "InvalidRequestException",
        400,
        f"Cannot delete. Thing {name} is still attached to one or more principals",
    ):
        cloud.iot.delete_thing(thingName=name)


@aws_verified
def test_a_thing_without_a_type_has_three_attributes(cloud: Cloud) -> None:
    def attributes(count: int) -> Any:
        return {"attributes": {f"a{number}": "1" for number in range(count)}}

    cloud.iot.create_thing(thingName=cloud.name("three"), attributePayload=attributes(3))
    with refused("InvalidRequestException", 400, ""):
        cloud.iot.create_thing(thingName=cloud.name("four"), attributePayload=attributes(4))


@aws_verified
def test_an_empty_value_removes_an_attribute(cloud: Cloud) -> None:
    name = cloud.name("bulb")

    def attributes() -> Any:
        return cloud.iot.describe_thing(thingName=name)["attributes"]

    cloud.iot.create_thing(thingName=name, attributePayload={"attributes": {"a": "1", "b": "2"}})
    cloud.iot.update_thing(
        thingName=name, attributePayload={"attributes": {"a": "", "c": "3"}, "merge": True}
    )
    cloud.until(lambda: attributes() == {"b": "2", "c": "3"})


@aws_verified
def test_a_thing_type_is_deprecated_five_minutes_before_it_is_deleted(cloud: Cloud) -> None:
    """On AWS the type stays until somebody deletes it."""
    name = cloud.name("lamp")
    made = cloud.iot.create_thing_type(thingTypeName=name)
    assert cloud.iot.create_thing_type(thingTypeName=name)["thingTypeId"] == made["thingTypeId"]
    with refused("InvalidRequestException", 400, ""):
        cloud.iot.delete_thing_type(thingTypeName=name)
    cloud.iot.deprecate_thing_type(thingTypeName=name)
    with refused("InvalidRequestException", 400, ""):
        cloud.iot.delete_thing_type(thingTypeName=name)
    with refused("InvalidRequestException", 400, ""):
        cloud.iot.create_thing(thingName=cloud.name("bulb"), thingTypeName=name)


@aws_verified
def test_a_thing_is_in_at_most_one_group_of_a_hierarchy(cloud: Cloud) -> None:
    thing, top, left, right = (cloud.name(stem) for stem in ("bulb", "top", "left", "right"))
    cloud.iot.create_thing(thingName=thing)
    cloud.iot.create_thing_group(thingGroupName=top)
    for name in (left, right):
        cloud.iot.create_thing_group(thingGroupName=name, parentGroupName=top)
    cloud.iot.add_thing_to_thing_group(thingGroupName=left, thingName=thing)

    def members(recursive: bool) -> Any:
        return cloud.iot.list_things_in_thing_group(thingGroupName=top, recursive=recursive)[
            "things"
        ]

    cloud.until(lambda: members(recursive=True) == [thing])
    assert members(recursive=False) == []
    for other in (right, top):
        with refused("InvalidRequestException", 400, ""):
            cloud.iot.add_thing_to_thing_group(thingGroupName=other, thingName=thing)
    with refused("InvalidRequestException", 400, ""):
        cloud.iot.delete_thing_group(thingGroupName=top)


@aws_verified
def test_a_hierarchy_has_seven_levels(cloud: Cloud) -> None:
    parent: dict[str, str] = {}
    for level in range(7):
        cloud.iot.create_thing_group(thingGroupName=cloud.name(f"level-{level}"), **parent)
        parent = {"parentGroupName": cloud.name(f"level-{level}")}
    with refused("InvalidRequestException", 400, ""):
        cloud.iot.create_thing_group(thingGroupName=cloud.name("level-7"), **parent)


@aws_verified
def test_the_policies_of_parents_are_listed_where_they_are_asked_for(cloud: Cloud) -> None:
    policy = cloud.policy("devices")
    parent = cloud.iot.create_thing_group(thingGroupName=cloud.name("parent"))
    child = cloud.iot.create_thing_group(
        thingGroupName=cloud.name("child"), parentGroupName=cloud.name("parent")
    )
    cloud.iot.attach_policy(policyName=policy, target=parent["thingGroupArn"])

    def listed(recursive: bool) -> list[str]:
        found = cloud.iot.list_attached_policies(target=child["thingGroupArn"], recursive=recursive)
        return [policy["policyName"] for policy in found["policies"]]

    cloud.until(lambda: listed(recursive=True) == [policy])
    assert listed(recursive=False) == []


@aws_verified
def test_a_policy_is_detached_where_nothing_is_attached(cloud: Cloud) -> None:
    policy = cloud.policy("devices")
    group = cloud.iot.create_thing_group(thingGroupName=cloud.name("group"))["thingGroupArn"]
    cloud.iot.detach_policy(policyName=policy, target=group)
    cloud.iot.detach_policy(policyName=cloud.name("nobody"), target=group)


@aws_verified
def test_a_policy_that_is_attached_is_not_deleted(cloud: Cloud) -> None:
    policy = cloud.policy("devices")
    cloud.certificate(policy)
    cloud.until(lambda: bool(cloud.iot.list_targets_for_policy(policyName=policy)["targets"]))
    with refused("DeleteConflictException", 409, ""):
        cloud.iot.delete_policy(policyName=policy)


@aws_verified
def test_a_role_alias_is_created_only_once(cloud: Cloud) -> None:
    given = {"roleAlias": cloud.name("alias"), "roleArn": cloud.role()}
    made = cloud.iot.create_role_alias(**given, credentialDurationSeconds=900)
    assert made["roleAliasArn"] == cloud.arn(f"rolealias/{given['roleAlias']}")
    with refused("ResourceAlreadyExistsException", 409, ""):
        cloud.iot.create_role_alias(**given)


@aws_verified
def test_tags_do_not_begin_with_aws(cloud: Cloud) -> None:
    with refused("InvalidRequestException", 400, ""):
        cloud.iot.create_thing_group(
            thingGroupName=cloud.name("group"), tags=[{"Key": "aws:line", "Value": "bulbs"}]
        )


@aws_verified
def test_what_is_not_found_is_named(cloud: Cloud) -> None:
    name, absent = cloud.name("nobody"), "0" * 64
    with refused("ResourceNotFoundException", 404, f"Thing {cloud.account_id}:{name} not found."):
        cloud.iot.describe_thing(thingName=name)
    with refused("ResourceNotFoundException", 404, f"CertificateId {absent} does not exist"):
        cloud.iot.describe_certificate(certificateId=absent)
    with refused("ResourceNotFoundException", 404, "Requested CA Certificate does not exist."):
        cloud.iot.describe_ca_certificate(certificateId=absent)


@aws_verified
def test_nothing_is_searched_while_indexing_is_off(cloud: Cloud) -> None:
    configuration = cloud.iot.get_indexing_configuration()["thingIndexingConfiguration"]
    if configuration["thingIndexingMode"] != "OFF":
        pytest.skip("This account and Region have an index of things, which stays as it is.")
    with pytest.raises(ClientError) as refusal:
        cloud.iot.search_index(queryString="*")
    code = refusal.value.response["Error"]["Code"]
    assert code in ("ResourceNotFoundException", "IndexNotReadyException")


@aws_verified
def test_the_endpoint_of_devices_is_that_of_amazons_own_authority(cloud: Cloud) -> None:
    with refused("InvalidRequestException", 400, "iot:Data is not supported."):
        cloud.iot.describe_endpoint(endpointType="iot:Data")
    assert cloud.iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]


# The data plane.


@aws_verified
def test_a_shadow_needs_no_thing(cloud: Cloud) -> None:
    name = cloud.name("nobody")
    with pytest.raises(ClientError) as refusal:
        cloud.iot_data.get_thing_shadow(thingName=name)
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert refusal.value.response["Error"]["Message"] == f"No shadow exists with name: '{name}'"

    document = json.dumps({"state": {"desired": {"on": True}}})
    cloud.iot_data.update_thing_shadow(thingName=name, payload=document)
    answer = cloud.iot_data.get_thing_shadow(thingName=name)
    assert json.loads(answer["payload"].read())["state"]["desired"] == {"on": True}
    cloud.iot_data.delete_thing_shadow(thingName=name)


@aws_verified
def test_clients_cannot_publish_to_topics_of_aws(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as refusal:
        cloud.iot_data.publish(topic="$aws/events/presence/connected/x", payload=b"{}")
    assert refusal.value.response["Error"]["Message"].startswith("Topic can't start with $")
