"""What an update does to a shadow's document, and which errors boto3 gets for a wrong one."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError
from freezegun import freeze_time
from support.bodies import PLAIN_BODY
from support.cloud import client

from moto_jitp import CertificateAuthority, JitpHandle, connect_device, mock_jitp
from moto_jitp.devices import DeviceConnection

SHADOW = "$aws/things/bulb-1/shadow"
CA = CertificateAuthority(common_name="Acme")


@pytest.fixture
def data() -> Any:
    return client(service="iot-data")


@pytest.fixture
def bulb(mocked: JitpHandle) -> DeviceConnection:
    CA.register(client(), template_body=PLAIN_BODY)
    return connect_device(CA.issue(common_name="bulb-1"))


def update(data: Any, state: Any, **more: Any) -> dict[str, Any]:
    """Update the shadow by boto3; return its answer."""
    payload = json.dumps({"state": state, **more})
    answer = data.update_thing_shadow(thingName="bulb-1", payload=payload)
    return dict(json.loads(answer["payload"].read()))


def stored(data: Any) -> dict[str, Any]:
    return dict(json.loads(data.get_thing_shadow(thingName="bulb-1")["payload"].read()))


def told(jitp: JitpHandle, topic: str) -> list[Any]:
    """What AWS IoT has published on one of the shadow's topics."""
    return [event.payload for event in jitp.events if event.topic == f"{SHADOW}/{topic}"]


# Null.


@pytest.mark.usefixtures("bulb")
def test_null_removes_a_section_and_the_delta_with_it(mocked: JitpHandle, data: Any) -> None:
    update(data, {"desired": {"color": "red"}, "reported": {"color": "blue"}})
    answer = update(data, {"desired": None, "reported": {"color": "red"}})
    assert answer["state"] == {"desired": None, "reported": {"color": "red"}}
    assert list(answer["metadata"]) == ["reported"]
    document = stored(data)
    assert document["state"] == {"reported": {"color": "red"}}
    assert list(document["metadata"]) == ["reported"]
    assert len(told(mocked, "update/delta")) == 1
    before, after = (told(mocked, "update/documents")[-1][key] for key in ("previous", "current"))
    assert before["state"]["desired"] == {"color": "red"}
    assert after["state"] == {"reported": {"color": "red"}}


@pytest.mark.usefixtures("bulb")
def test_null_removes_a_key_at_any_depth_with_its_timestamp(data: Any) -> None:
    update(data, {"reported": {"light": {"on": True, "level": 3}, "name": "hall"}})
    answer = update(data, {"reported": {"light": {"on": None}, "name": None}})
    assert answer["state"] == {"reported": {"light": {"on": None}, "name": None}}
    document = stored(data)
    assert document["state"] == {"reported": {"light": {"level": 3}}}
    assert set(document["metadata"]["reported"]["light"]) == {"level"}
    assert set(document["metadata"]["reported"]) == {"light"}


@pytest.mark.usefixtures("bulb")
def test_a_state_of_null_empties_the_shadow(data: Any) -> None:
    update(data, {"desired": {"a": 1}, "reported": {"b": 1}})
    update(data, None)
    document = stored(data)
    assert (document["state"], document["metadata"], document["version"]) == ({}, {}, 2)


# Timestamps.


@pytest.mark.usefixtures("bulb")
def test_only_what_an_update_names_has_a_new_timestamp(data: Any) -> None:
    update(data, {"reported": {"old": 1, "again": 1, "list": [1, 2]}, "desired": {"a": 1}})
    first = stored(data)
    later = datetime.now(timezone.utc) + timedelta(minutes=10)
    with freeze_time(later):
        update(data, {"reported": {"again": 1, "new": {"x": 1}}})
    stamp = {"timestamp": int(later.timestamp())}
    then = first["metadata"]["reported"]
    metadata = stored(data)["metadata"]
    assert metadata["reported"] == {
        "old": then["old"],
        "again": stamp,
        "list": then["list"],
        "new": {"x": stamp},
    }
    assert metadata["desired"] == first["metadata"]["desired"]
    assert then["old"] != stamp


@pytest.mark.usefixtures("bulb")
def test_a_value_of_another_kind_replaces_the_old_one_with_its_metadata(data: Any) -> None:
    for value in (1, {"x": 1}, [1, 2], {"x": {"y": 1}}, "text"):
        update(data, {"reported": {"a": value}})
        document = stored(data)
        assert document["state"] == {"reported": {"a": value}}
    assert set(document["metadata"]["reported"]["a"]) == {"timestamp"}


# Delta.


@pytest.mark.parametrize(
    ("desired", "reported", "delta"),
    [
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, None),
        ({"a": 1}, {"a": 1, "b": 2}, None),
        ({"a": {"x": 1, "y": 3}}, {"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}),
        ({"a": [1, 2]}, {"a": [1]}, {"a": [1, 2]}),
        ({"a": {"x": 1}}, {"a": 5}, {"a": {"x": 1}}),
        ({"a": True}, {"a": 1}, {"a": True}),
        ({"a": 1}, {}, {"a": 1}),
        ({}, {"a": 1}, None),
    ],
)
@pytest.mark.usefixtures("bulb")
def test_the_delta_has_what_is_desired_and_not_reported(
    mocked: JitpHandle, data: Any, desired: Any, reported: Any, delta: Any
) -> None:
    update(data, {"desired": desired, "reported": reported})
    assert stored(data)["state"].get("delta") == delta
    assert [update["state"] for update in told(mocked, "update/delta")] == (
        [delta] if delta else []
    )


# What boto3 is refused.


@pytest.mark.parametrize(
    ("payload", "code", "status", "text"),
    [
        ('{"state": {"desired": 7}}', "InvalidRequestException", 400, "Desired node must be"),
        ("7", "InvalidRequestException", 400, "Invalid JSON"),
        ("[" * 100_000, "InvalidRequestException", 400, "Invalid JSON"),
        ('{"state": {}, "version": 3}', "ConflictException", 409, "Version conflict"),
        (
            json.dumps({"state": {}, "clientToken": "t" * 65}),
            "InvalidRequestException",
            400,
            "Invalid clientToken",
        ),
        (
            json.dumps({"state": {"reported": {"a": "x" * 9000}}}),
            "RequestEntityTooLargeException",
            413,
            "The payload exceeds the maximum size allowed",
        ),
        (b'{"state": "\xff"}', "UnsupportedDocumentEncodingException", 415, "Unsupported doc"),
    ],
)
@pytest.mark.usefixtures("bulb")
def test_a_wrong_update_is_an_error_of_the_service_and_is_not_published_on_topics(
    mocked: JitpHandle, data: Any, payload: str | bytes, code: str, status: int, text: str
) -> None:
    with pytest.raises(ClientError) as info:
        data.update_thing_shadow(thingName="bulb-1", payload=payload)
    response = info.value.response
    assert type(info.value).__name__ == response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert response["Error"]["Message"].startswith(text)
    assert told(mocked, "update/rejected") == []
    with pytest.raises(data.exceptions.ResourceNotFoundException, match="No shadow exists"):
        stored(data)


@pytest.mark.usefixtures("bulb")
def test_the_document_has_the_metadata_of_its_delta(data: Any) -> None:
    then = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(hours=1)
    with freeze_time(then):
        update(data, {"desired": {"light": {"color": "red", "on": True}, "mode": ["a"]}})
    update(data, {"reported": {"light": {"on": True}}})
    document = stored(data)
    stamp = {"timestamp": int(then.timestamp())}
    assert document["state"]["delta"] == {"light": {"color": "red"}, "mode": ["a"]}
    assert document["metadata"]["delta"] == {"light": {"color": stamp}, "mode": [stamp]}
    update(data, {"reported": {"light": {"color": "red"}, "mode": ["a"]}})
    assert "delta" not in stored(data)["metadata"]


@pytest.mark.usefixtures("bulb")
def test_a_deleted_shadow_is_not_deleted_again(mocked: JitpHandle, data: Any) -> None:
    update(data, {"reported": {"a": 1}})
    data.delete_thing_shadow(thingName="bulb-1")
    with pytest.raises(
        data.exceptions.ResourceNotFoundException, match="No shadow exists with name: 'bulb-1'"
    ):
        data.delete_thing_shadow(thingName="bulb-1")
    assert len(told(mocked, "delete/accepted")) == 1
    assert update(data, {"reported": {"a": 1}})["version"] == 3


@pytest.mark.parametrize(("hours", "version"), [(47, 3), (49, 1)])
@pytest.mark.usefixtures("bulb")
def test_a_new_shadow_counts_on_from_one_deleted_within_48_hours(
    data: Any, hours: int, version: int
) -> None:
    update(data, {"reported": {"a": 1}})
    data.delete_thing_shadow(thingName="bulb-1")
    with freeze_time(datetime.now(timezone.utc) + timedelta(hours=hours)):
        assert update(data, {"reported": {"a": 1}})["version"] == version


@pytest.mark.usefixtures("bulb")
def test_a_deleted_named_shadow_is_no_longer_listed(data: Any) -> None:
    for name in ("kept", "gone"):
        data.update_thing_shadow(thingName="bulb-1", shadowName=name, payload='{"state": {}}')
    data.delete_thing_shadow(thingName="bulb-1", shadowName="gone")
    assert data.list_named_shadows_for_thing(thingName="bulb-1")["results"] == ["kept"]


@pytest.mark.usefixtures("mocked")
def test_a_shadow_needs_no_thing_in_the_registry(data: Any) -> None:
    text = "No shadow exists with name: 'bulb-1'"
    with pytest.raises(data.exceptions.ResourceNotFoundException, match=text):
        data.get_thing_shadow(thingName="bulb-1")
    assert data.list_named_shadows_for_thing(thingName="bulb-1")["results"] == []
    assert update(data, {"reported": {"a": 1}})["version"] == 1
    data.update_thing_shadow(thingName="bulb-1", shadowName="named", payload='{"state": {}}')
    assert data.list_named_shadows_for_thing(thingName="bulb-1")["results"] == ["named"]
    client().create_thing(thingName="bulb-1")
    assert stored(data)["state"] == {"reported": {"a": 1}}
    assert update(data, {"reported": {"a": 2}})["version"] == 2
    assert data.list_named_shadows_for_thing(thingName="bulb-1")["results"] == ["named"]
    data.delete_thing_shadow(thingName="bulb-1")
    with pytest.raises(data.exceptions.ResourceNotFoundException, match=text):
        data.delete_thing_shadow(thingName="bulb-1")


def test_without_strict_only_motos_checks_are_made(data: Any) -> None:
    with mock_jitp(config={"jitp": {"strict": False}}):
        client().create_thing(thingName="bulb-1")
        update(data, {"reported": {"a": "x" * 9000}}, clientToken="t" * 65)
        data.delete_thing_shadow(thingName="bulb-1")
        data.delete_thing_shadow(thingName="bulb-1")
        with pytest.raises(data.exceptions.InvalidRequestException):
            data.update_thing_shadow(thingName="bulb-1", payload="{}")
