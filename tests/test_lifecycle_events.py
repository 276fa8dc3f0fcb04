"""AWS IoT publishes which clients connect, disconnect, subscribe or are refused."""

from __future__ import annotations

import contextlib
import functools
import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from freezegun import freeze_time

from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device
from moto_jitp.history.messages import Event
from moto_jitp.mock import mock_jitp


def template(**certificate: str) -> str:
    return json.dumps(
        {
            "Resources": {
                "thing": {
                    "Type": "AWS::IoT::Thing",
                    "Properties": {"ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}},
                },
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {
                        "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                        "Status": "ACTIVE",
                        **certificate,
                    },
                },
            }
        }
    )


@functools.cache
def iot() -> Any:
    return boto3.Session("any-key", "any-secret", region_name="us-east-1").client("iot")


@functools.cache
def authority() -> CertificateAuthority:
    return CertificateAuthority(common_name="Acme")


@pytest.fixture
def jitp() -> Iterator[Any]:
    with mock_jitp() as handle:
        authority().register(iot(), template_body=template())
        yield handle


class Listener:
    """Subscribes to a topic filter, and compares with the events that can be read afterwards."""

    def __init__(self, jitp: Any, topic_filter: str) -> None:
        self.jitp = jitp
        self.prefix = topic_filter.rstrip("#")
        self.heard: list[Event] = []
        jitp.subscribe(topic_filter, lambda event: self.heard.append(event))

    @property
    def events(self) -> list[Event]:
        read = [event for event in self.jitp.events if event.topic.startswith(self.prefix)]
        assert read == self.heard
        return read

    @property
    def topics(self) -> list[str]:
        return [event.topic.removeprefix(self.prefix) for event in self.events]


@pytest.fixture
def presence(jitp: Any) -> Listener:
    return Listener(jitp, "$aws/events/presence/#")


def now() -> int:
    return int(datetime.now(timezone.utc).timestamp() * 1000)


def test_a_connection_is_announced_and_so_is_its_end(presence: Listener) -> None:
    began = now()
    device = authority().issue(common_name="bulb-1")
    with connect_device(device):
        assert presence.topics == ["connected/bulb-1"]
    connected, disconnected = (event.payload for event in presence.events)
    session = connected.pop("sessionIdentifier")
    assert str(uuid.UUID(session)) == session
    assert began <= connected.pop("timestamp") <= now()
    assert connected == {
        "clientId": "bulb-1",
        "eventType": "connected",
        "principalIdentifier": device.certificate_id,
        "ipAddress": "127.0.0.1",
        "versionNumber": 0,
    }
    assert presence.topics == ["connected/bulb-1", "disconnected/bulb-1"]
    assert disconnected.pop("sessionIdentifier") == session
    assert began <= disconnected.pop("timestamp") <= now()
    assert disconnected == {
        "clientId": "bulb-1",
        "eventType": "disconnected",
        "principalIdentifier": device.certificate_id,
        "clientInitiatedDisconnect": True,
        "disconnectReason": "CLIENT_INITIATED_DISCONNECT",
        "versionNumber": 0,
    }


def test_the_connection_that_provisions_does_not_count_as_presence(presence: Listener) -> None:
    device = authority().issue(common_name="bulb-1")
    with pytest.raises(ConnectionRefused):
        connect_device(device, reconnect=False)
    assert presence.events == []
    connect_device(device)
    assert presence.topics == ["connected/bulb-1"]


def test_a_second_end_is_not_announced(presence: Listener) -> None:
    connection = connect_device(authority().issue(common_name="bulb-1"))
    connection.disconnect()
    connection.disconnect()
    assert presence.topics == ["connected/bulb-1", "disconnected/bulb-1"]


def test_a_takeover_ends_the_older_connection(presence: Listener) -> None:
    device = authority().issue(common_name="bulb-1")
    connect_device(device)
    connect_device(device)
    assert presence.topics == ["connected/bulb-1", "disconnected/bulb-1", "connected/bulb-1"]
    first, ended, second = (event.payload for event in presence.events)
    assert ended["disconnectReason"] == "DUPLICATE_CLIENTID"
    assert ended["clientInitiatedDisconnect"] is False
    assert ended["sessionIdentifier"] == first["sessionIdentifier"]
    assert second["sessionIdentifier"] != first["sessionIdentifier"]
    assert [event["versionNumber"] for event in (first, ended, second)] == [0, 0, 1]


def test_each_connection_of_a_client_id_has_the_next_version(presence: Listener) -> None:
    device = authority().issue(common_name="bulb-1")
    for _ in range(3):
        connect_device(device).disconnect()
        connect_device(device, client_id="other").disconnect()
    versions: dict[str, list[int]] = {}
    for event in presence.events:
        versions.setdefault(event.topic, []).append(event.payload["versionNumber"])
    assert set(map(tuple, versions.values())) == {(0, 1, 2)}
    assert len(versions) == 4


@pytest.mark.parametrize(("minutes", "version"), [(59, 1), (61, 0)])
def test_the_version_starts_again_after_an_hour_without_connection(
    presence: Listener, minutes: int, version: int
) -> None:
    device = authority().issue(common_name="bulb-1")
    connect_device(device).disconnect()
    with freeze_time(datetime.now(timezone.utc) + timedelta(minutes=minutes)):
        connect_device(device).disconnect()
        connect_device(device)
    versions = [event.payload["versionNumber"] for event in presence.events]
    assert versions == [0, 0, version, version, version + 1]


def test_a_connection_that_stands_for_hours_keeps_counting(presence: Listener) -> None:
    device = authority().issue(common_name="bulb-1")
    connect_device(device)
    with freeze_time(datetime.now(timezone.utc) + timedelta(hours=3)):
        connect_device(device)
    assert [event.payload["versionNumber"] for event in presence.events] == [0, 0, 1]


@pytest.mark.parametrize("client_id", ["bulb#1", "bulb+1"])
def test_a_client_id_that_cannot_stand_in_a_topic_has_no_events(
    jitp: Any, presence: Listener, client_id: str
) -> None:
    device = authority().issue(common_name="bulb-1")
    connect_device(device, client_id=client_id)
    connection = connect_device(device, client_id=client_id)
    connection.subscribe("a")
    connection.disconnect()
    assert presence.events == []
    kinds = {event.topic.split("/")[2] for event in jitp.events}
    assert kinds == {"certificates"}


def test_the_name_of_an_exclusive_thing_is_told() -> None:
    with mock_jitp() as jitp:
        authority().register(iot(), template_body=template(ThingPrincipalType="EXCLUSIVE_THING"))
        presence = Listener(jitp, "$aws/events/presence/#")
        connect_device(authority().issue(common_name="bulb-1"), client_id="any").disconnect()
        assert [event.payload["thingName"] for event in presence.events] == ["bulb-1"] * 2


def test_the_name_of_another_thing_is_not(presence: Listener) -> None:
    connect_device(authority().issue(common_name="bulb-1"))
    assert "thingName" not in presence.events[0].payload


def test_subscriptions_are_announced(jitp: Any) -> None:
    listener = Listener(jitp, "$aws/events/subscriptions/#")
    device = authority().issue(common_name="bulb-1")
    connection = connect_device(device)
    subscription = connection.subscribe("commands/#")
    subscription.cancel()
    subscription.cancel()
    assert listener.topics == ["subscribed/bulb-1", "unsubscribed/bulb-1"]
    for event, kind in zip(listener.events, ("subscribed", "unsubscribed"), strict=True):
        assert event.payload["eventType"] == kind
        assert event.payload["topics"] == ["commands/#"]
        assert event.payload["principalIdentifier"] == device.certificate_id


def test_a_device_hears_the_presence_of_others(jitp: Any) -> None:
    watcher = connect_device(authority().issue(common_name="watcher"))
    watcher.subscribe("$aws/events/presence/+/bulb-1")
    connect_device(authority().issue(common_name="bulb-1"))
    assert watcher.receive().topic == "$aws/events/presence/connected/bulb-1"


def test_a_device_hears_that_a_certificate_is_registered(jitp: Any) -> None:
    watcher = connect_device(authority().issue(common_name="watcher"))
    watcher.subscribe("$aws/events/certificates/registered/+")
    device = authority().issue(common_name="bulb-1")
    connect_device(device)
    assert json.loads(watcher.receive().payload)["certificateId"] == device.certificate_id


def test_a_device_that_no_policy_lets_connect_is_announced_as_failed() -> None:
    with mock_jitp(config={"jitp": {"enforce_policies": True}}) as jitp:
        authority().register(iot(), template_body=template())
        presence = Listener(jitp, "$aws/events/presence/#")
        device = authority().issue(common_name="bulb-1")
        with pytest.raises(ConnectionRefused):
            connect_device(device)
        assert presence.topics == ["connect_failed/bulb-1"]
        payload = presence.events[0].payload
        assert payload["eventType"] == "connect_failed"
        assert payload["connectFailureReason"] == "AUTHORIZATION_FAILED"
        assert payload["principalIdentifier"] == device.certificate_id
        assert "thingName" not in payload


def test_a_failed_connection_names_the_exclusive_thing_too() -> None:
    with mock_jitp(config={"jitp": {"enforce_policies": True}}) as jitp:
        authority().register(iot(), template_body=template(ThingPrincipalType="EXCLUSIVE_THING"))
        presence = Listener(jitp, "$aws/events/presence/#")
        with pytest.raises(ConnectionRefused):
            connect_device(authority().issue(common_name="bulb-1"))
        assert [event.payload["thingName"] for event in presence.events] == ["bulb-1"]


def test_a_device_with_an_unknown_certificate_is_not_announced(presence: Listener) -> None:
    stranger = CertificateAuthority(common_name="Nobody").issue(common_name="bulb-1")
    with contextlib.suppress(ConnectionRefused):
        connect_device(stranger)
    assert presence.events == []


def test_events_are_in_the_order_in_which_they_happened(jitp: Any) -> None:
    device = authority().issue(common_name="bulb-1")
    connection = connect_device(device)
    connection.publish("a", b"1")
    connection.disconnect()
    assert [event.topic.removeprefix("$aws/events/") for event in jitp.events] == [
        f"certificates/registered/{authority().certificate_id}",
        "presence/connected/bulb-1",
        "a",
        "presence/disconnected/bulb-1",
    ]


def test_events_can_be_read_after_the_block(jitp: Any) -> None:
    with mock_jitp() as inner:
        connect_device(authority().issue(common_name="bulb-1"))
    connect_device(authority().issue(common_name="bulb-2"))
    topics = [event.topic for event in inner.events]
    assert topics[1:] == ["$aws/events/presence/connected/bulb-1"]
    assert inner.events is inner.events
