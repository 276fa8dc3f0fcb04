"""AWS IoT publishes events about the registry and jobs, where they are switched on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from support.bodies import PLAIN_BODY
from support.cloud import ACCOUNT, client, refused

from moto_jitp import CertificateAuthority, DeviceConnection, JitpHandle, connect_device, mock_jitp

ALL = (
    "THING",
    "THING_GROUP",
    "THING_TYPE",
    "THING_GROUP_MEMBERSHIP",
    "THING_GROUP_HIERARCHY",
    "THING_TYPE_ASSOCIATION",
    "JOB",
    "JOB_EXECUTION",
    "POLICY",
    "CERTIFICATE",
    "CA_CERTIFICATE",
)
JOB = {"document": "{}"}


def switch(iot: Any, *kinds: str, on: bool = True) -> None:
    iot.update_event_configurations(eventConfigurations={kind: {"Enabled": on} for kind in kinds})


@pytest.fixture
def told(mocked: JitpHandle) -> Callable[[], list[tuple[str, dict[str, Any]]]]:
    """Returns the events since it was last asked: topic after ``$aws/events/``, and payload."""
    seen = 0

    def since() -> list[tuple[str, dict[str, Any]]]:
        nonlocal seen
        events = mocked.events[seen:]
        seen += len(events)
        prefix = "$aws/events/"
        return [
            (event.topic.removeprefix(prefix), event.payload)
            for event in events
            if event.topic.startswith(prefix)
        ]

    return since


def topics(events: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [topic for topic, _ in events]


def test_all_kinds_are_off_until_they_are_switched_on(iot: Any, told: Any) -> None:
    described = iot.describe_event_configurations()
    assert described["eventConfigurations"] == {kind: {"Enabled": False} for kind in ALL}
    assert "creationDate" not in described
    iot.create_thing(thingName="quiet")
    assert told() == []
    switch(iot, "THING", "JOB")
    switch(iot, "JOB", on=False)
    described = iot.describe_event_configurations()
    on = [
        kind
        for kind, configuration in described["eventConfigurations"].items()
        if configuration["Enabled"]
    ]
    assert on == ["THING"]
    assert described["creationDate"] <= described["lastModifiedDate"]
    with refused("InvalidRequestException", 400, ""):
        switch(iot, "THINGS")


def test_a_thing_publishes_events_of_its_life(
    clock: FrozenDateTimeFactory, iot: Any, told: Any
) -> None:
    switch(iot, "THING", "THING_TYPE_ASSOCIATION")
    for name in ("Lamp", "Fan"):
        iot.create_thing_type(thingTypeName=name)
    made = iot.create_thing(
        thingName="a", thingTypeName="Lamp", attributePayload={"attributes": {"x": "1"}}
    )
    iot.create_thing(
        thingName="a", thingTypeName="Lamp", attributePayload={"attributes": {"x": "1"}}
    )
    (created, said), (added, association) = told()
    assert (created, added) == (
        "thing/a/created",
        "thingTypeAssociation/thing/a/thingType/Lamp/added",
    )
    assert len(said.pop("eventId")) == 36
    assert said == {
        "eventType": "THING_EVENT",
        "timestamp": int(clock().timestamp() * 1000),
        "operation": "CREATED",
        "accountId": ACCOUNT,
        "thingId": made["thingId"],
        "thingName": "a",
        "versionNumber": 1,
        "thingTypeName": "Lamp",
        "attributes": {"x": "1"},
    }
    assert "accountId" not in association
    assert association["eventType"] == "THING_TYPE_ASSOCIATION_EVENT"

    iot.update_thing(thingName="a", thingTypeName="Fan")
    iot.update_thing(thingName="a", removeThingType=True)
    iot.delete_thing(thingName="a")
    iot.delete_thing(thingName="a")
    events = told()
    where = "thingTypeAssociation/thing/a/thingType"
    assert topics(events) == [
        "thing/a/updated",
        f"{where}/Lamp/removed",
        f"{where}/Fan/added",
        "thing/a/updated",
        f"{where}/Fan/removed",
        "thing/a/deleted",
    ]
    assert [said["versionNumber"] for topic, said in events if "/a/upd" in topic] == [2, 3]
    assert events[-1][1]["thingTypeName"] is None


def test_what_is_refused_publishes_no_event(iot: Any, told: Any) -> None:
    switch(iot, *ALL)
    iot.create_thing(thingName="a")
    told()
    with pytest.raises(iot.exceptions.VersionConflictException):
        iot.update_thing(thingName="a", expectedVersion=9)
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException):
        iot.create_thing(thingName="a", attributePayload={"attributes": {"b": "c"}})
    assert told() == []


def test_a_thing_type_publishes_events_of_its_life(
    clock: FrozenDateTimeFactory, iot: Any, told: Any
) -> None:
    switch(iot, "THING_TYPE")
    properties = {"thingTypeDescription": "A lamp", "searchableAttributes": ["watts"]}
    iot.create_thing_type(thingTypeName="Lamp", thingTypeProperties=properties)
    iot.create_thing_type(thingTypeName="Lamp", thingTypeProperties=properties)
    iot.deprecate_thing_type(thingTypeName="Lamp")
    deprecated = int(clock().timestamp() * 1000)
    clock.tick(timedelta(minutes=6))
    iot.delete_thing_type(thingTypeName="Lamp")
    events = told()
    assert topics(events) == [f"thingType/Lamp/{end}" for end in ("created", "updated", "deleted")]
    first, second, _ = (said for _, said in events)
    assert (first["isDeprecated"], first["deprecationDate"]) == (False, None)
    assert (first["description"], first["searchableAttributes"]) == ("A lamp", ["watts"])
    assert (second["isDeprecated"], second["deprecationDate"]) == (True, deprecated)


def test_groups_publish_events_of_their_life_their_parent_and_their_members(
    iot: Any, told: Any
) -> None:
    switch(iot, "THING_GROUP", "THING_GROUP_HIERARCHY", "THING_GROUP_MEMBERSHIP")
    house = iot.create_thing_group(thingGroupName="house")
    hall = iot.create_thing_group(thingGroupName="hall", parentGroupName="house")
    events = told()
    assert topics(events) == [
        "thingGroup/house/created",
        "thingGroup/hall/created",
        "thingGroupHierarchy/thingGroup/house/childThingGroup/hall/added",
    ]
    assert events[1][1]["rootToParentThingGroups"] == [
        {"groupArn": house["thingGroupArn"], "groupId": house["thingGroupId"]}
    ]
    assert events[1][1]["parentGroupId"] == house["thingGroupId"]
    assert events[2][1]["childGroupId"] == hall["thingGroupId"]

    thing = iot.create_thing(thingName="a")
    iot.add_thing_to_thing_group(thingGroupName="hall", thingName="a")
    iot.add_thing_to_thing_group(thingGroupName="hall", thingName="a")
    iot.update_thing_group(
        thingGroupName="hall", thingGroupProperties={"thingGroupDescription": "lit"}
    )
    iot.remove_thing_from_thing_group(thingGroupName="hall", thingName="a")
    events = told()
    member = "thingGroupMembership/thingGroup/hall/thing/a"
    assert topics(events) == [f"{member}/added", "thingGroup/hall/updated", f"{member}/removed"]
    said = events[0][1]
    assert (said["thingArn"], said["thingId"]) == (thing["thingArn"], thing["thingId"])
    assert said["groupArn"] == hall["thingGroupArn"]
    assert said["membershipId"] == events[2][1]["membershipId"]
    assert (events[1][1]["description"], events[1][1]["versionNumber"]) == ("lit", 2)

    iot.add_thing_to_thing_group(thingGroupName="hall", thingName="a")
    told()
    iot.delete_thing(thingName="a")
    iot.delete_thing_group(thingGroupName="hall")
    assert topics(told()) == [
        f"{member}/removed",
        "thingGroupHierarchy/thingGroup/house/childThingGroup/hall/removed",
        "thingGroup/hall/deleted",
    ]


def test_a_provisioning_run_publishes_the_events_of_the_calls_that_it_makes(
    iot: Any, told: Any, acme: CertificateAuthority, mocked: JitpHandle
) -> None:
    switch(iot, *ALL)
    iot.create_thing_type(thingTypeName="Lamp")
    iot.create_thing_group(thingGroupName="lamps")
    thing = {
        "Type": "AWS::IoT::Thing",
        "Properties": {"ThingName": "lamp", "ThingTypeName": "Lamp", "ThingGroups": ["lamps"]},
    }
    body = json.loads(PLAIN_BODY)
    body["Resources"]["thing"] = thing
    acme.register(iot, template_body=json.dumps(body))
    told()
    heard: list[str] = []

    def look(event: Any) -> None:
        heard.append(iot.describe_thing(thingName="lamp")["thingName"])

    mocked.subscribe("$aws/events/thing/+/created", look)
    connect_device(acme.issue(common_name="bulb-1"))
    made = [topic for topic in topics(told()) if topic.startswith("thing")]
    assert sorted(made) == [
        "thing/lamp/created",
        "thingGroupMembership/thingGroup/lamps/thing/lamp/added",
        "thingTypeAssociation/thing/lamp/thingType/Lamp/added",
    ]
    assert heard == ["lamp"]


def test_a_device_receives_the_events_it_subscribes_to(bulb: DeviceConnection, iot: Any) -> None:
    switch(iot, "THING")
    bulb.subscribe("$aws/events/thing/#")
    iot.create_thing(thingName="other")
    event = bulb.receive()
    assert event.topic == "$aws/events/thing/other/created"
    assert json.loads(event.payload)["thingName"] == "other"


def test_jobs_and_executions_publish_how_they_end(
    clock: FrozenDateTimeFactory, iot: Any, told: Any
) -> None:
    switch(iot, "JOB", "JOB_EXECUTION")
    arn = iot.create_thing(thingName="a")["thingArn"]
    device = client(service="iot-jobs-data")
    iot.create_job(jobId="one", targets=[arn], description="first", **JOB)
    device.update_job_execution(
        jobId="one", thingName="a", status="SUCCEEDED", statusDetails={"k": "v"}
    )
    (ended, execution), (completed, job) = told()
    assert (ended, completed) == ("jobExecution/one/succeeded", "job/one/completed")
    now = int(clock().timestamp())
    del execution["eventId"], job["eventId"]
    assert execution == {
        "eventType": "JOB_EXECUTION",
        "timestamp": now,
        "operation": "succeeded",
        "jobId": "one",
        "thingArn": arn,
        "status": "SUCCEEDED",
        "statusDetails": {"k": "v"},
    }
    assert job.pop("jobProcessDetails")["numberOfSucceededThings"] == 1
    assert job == {
        "eventType": "JOB",
        "timestamp": now,
        "operation": "completed",
        "jobId": "one",
        "status": "COMPLETED",
        "targetSelection": "SNAPSHOT",
        "targets": [arn],
        "description": "first",
        "completedAt": now * 1000,
        "createdAt": now * 1000,
        "lastUpdatedAt": now * 1000,
    }

    iot.create_job(jobId="two", targets=[arn], **JOB)
    iot.cancel_job(jobId="two", comment="enough")
    events = told()
    assert topics(events) == [
        "job/two/cancellation_in_progress",
        "jobExecution/two/canceled",
        "job/two/canceled",
    ]
    assert [said["status"] for _, said in events] == [
        "CANCELLATION_IN_PROGRESS",
        "CANCELED",
        "CANCELED",
    ]
    assert events[-1][1]["comment"] == "enough"
    iot.delete_job_execution(jobId="two", thingName="a", executionNumber=1)
    iot.delete_job(jobId="two")
    assert topics(told()) == [
        "jobExecution/two/deleted",
        "job/two/deletion_in_progress",
        "job/two/deleted",
    ]


def test_with_strict_off_the_registry_publishes_events_too() -> None:
    with mock_jitp(config={"jitp": {"strict": False}}) as jitp:
        iot = client()
        switch(iot, *ALL)
        iot.create_thing_group(thingGroupName="g")
        iot.create_thing(thingName="a")
        iot.add_thing_to_thing_group(thingGroupName="g", thingName="a")
        iot.update_thing(thingName="a", attributePayload={"attributes": {"b": "c"}})
        iot.delete_thing(thingName="a")
        assert [event.topic.removeprefix("$aws/events/") for event in jitp.events] == [
            "thingGroup/g/created",
            "thing/a/created",
            "thingGroupMembership/thingGroup/g/thing/a/added",
            "thing/a/updated",
            "thingGroupMembership/thingGroup/g/thing/a/removed",
            "thing/a/deleted",
        ]
