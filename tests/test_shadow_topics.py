"""Devices read and write shadows over MQTT, and boto3 sees the same shadows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.cloud import client
from support.device_doors import BOTH_DOORS

from moto_jitp.devices import DeviceConnection

CLASSIC = "$aws/things/bulb-1/shadow"
NAMED = f"{CLASSIC}/name/config"


def ask(bulb: DeviceConnection, topic: str, message: Any) -> list[tuple[str, Any]]:
    """Publish a request; return the answers, each with the end of its topic."""
    with_answers = bulb.subscribe(f"{topic}/+")
    text = message if isinstance(message, (str, bytes)) else json.dumps(message)
    bulb.publish(topic, text)
    with_answers.cancel()
    answers: list[tuple[str, Any]] = []
    while True:
        try:
            event = bulb.receive()
        except TimeoutError:
            return answers
        answers.append((event.topic.removeprefix(f"{topic}/"), json.loads(event.payload)))


def below(section: str, levels: int) -> str:
    """An update with this many nested names in a section."""
    value: Any = 1
    for _ in range(levels):
        value = {"k": value}
    return json.dumps({"state": {section: value}})


def stored(name: str | None = None) -> dict[str, Any]:
    more = {"shadowName": name} if name else {}
    answer = client(service="iot-data").get_thing_shadow(thingName="bulb-1", **more)
    return dict(json.loads(answer["payload"].read()))


@pytest.mark.parametrize(("prefix", "name"), [(CLASSIC, None), (NAMED, "config")])
@BOTH_DOORS
def test_an_update_is_kept_and_answered(
    bulb: DeviceConnection, prefix: str, name: str | None
) -> None:
    request = {"state": {"reported": {"color": "red"}}, "clientToken": "t1"}
    answers = dict(ask(bulb, f"{prefix}/update", request))
    assert stored(name)["state"] == {"reported": {"color": "red"}}
    accepted = answers["accepted"]
    assert accepted["state"] == {"reported": {"color": "red"}}
    assert accepted["version"] == 1
    assert accepted["clientToken"] == "t1"
    assert accepted["metadata"]["reported"]["color"]["timestamp"] == accepted["timestamp"]
    documents = answers["documents"]
    assert documents["current"]["state"] == {"reported": {"color": "red"}}
    assert "previous" not in documents
    assert "delta" not in answers


@BOTH_DOORS
def test_the_documents_of_an_update_have_the_state_before(bulb: DeviceConnection) -> None:
    ask(bulb, f"{CLASSIC}/update", {"state": {"reported": {"color": "red"}}})
    answers = dict(ask(bulb, f"{CLASSIC}/update", {"state": {"reported": {"color": "blue"}}}))
    documents = answers["documents"]
    assert documents["previous"]["state"]["reported"] == {"color": "red"}
    assert documents["previous"]["version"] == 1
    assert documents["current"]["state"]["reported"] == {"color": "blue"}
    assert documents["current"]["version"] == 2


@pytest.mark.parametrize(("prefix", "name"), [(CLASSIC, None), (NAMED, "config")])
def test_what_the_cloud_desires_reaches_the_device_as_a_delta(
    bulb: DeviceConnection, prefix: str, name: str | None
) -> None:
    """The round trip of every shadow: desired by an app, done and reported by the device."""

    def follow(topic: str, payload: bytes) -> None:
        reported = json.loads(payload)["state"]
        bulb.publish(f"{prefix}/update", json.dumps({"state": {"reported": reported}}))

    bulb.subscribe(f"{prefix}/update/delta", follow)
    bulb.subscribe(f"{prefix}/update/+")
    more = {"shadowName": name} if name else {}
    client(service="iot-data").update_thing_shadow(
        thingName="bulb-1",
        payload=json.dumps({"state": {"desired": {"light": {"on": True, "level": 3}}}}),
        **more,
    )
    messages = {}
    for _ in range(5):  # an update of desired, with its delta, and one of reported, without
        event = bulb.receive()
        messages.setdefault(event.topic.removeprefix(f"{prefix}/update/"), event.payload)
    delta = json.loads(messages["delta"])
    assert delta["state"] == {"light": {"on": True, "level": 3}}
    assert set(delta["metadata"]["light"]) == {"on", "level"}
    assert set(delta["metadata"]["light"]["on"]) == {"timestamp"}
    assert delta["version"] == 1
    with pytest.raises(TimeoutError):
        bulb.receive()
    assert stored(name)["state"] == {
        "desired": {"light": {"on": True, "level": 3}},
        "reported": {"light": {"on": True, "level": 3}},
    }


@BOTH_DOORS
def test_a_delta_has_only_what_differs(bulb: DeviceConnection) -> None:
    ask(bulb, f"{CLASSIC}/update", {"state": {"reported": {"a": 1, "b": 2}}})
    request = {"state": {"desired": {"a": 1, "b": 3}}, "clientToken": "t"}
    delta = dict(ask(bulb, f"{CLASSIC}/update", request))["delta"]
    assert delta["state"] == {"b": 3}
    assert list(delta["metadata"]) == ["b"]
    assert delta["clientToken"] == "t"


@pytest.mark.parametrize(("prefix", "name"), [(CLASSIC, None), (NAMED, "config")])
@BOTH_DOORS
def test_a_device_gets_and_deletes_its_shadow(
    bulb: DeviceConnection, prefix: str, name: str | None
) -> None:
    ask(bulb, f"{prefix}/update", {"state": {"desired": {"a": 1}}})
    ((end, document),) = ask(bulb, f"{prefix}/get", {"clientToken": "g"})
    assert end == "accepted"
    assert document["state"] == {"desired": {"a": 1}, "delta": {"a": 1}}
    assert document["clientToken"] == "g"
    ((end, message),) = ask(bulb, f"{prefix}/delete", "")
    assert end == "accepted"
    assert set(message) == {"version", "timestamp"}
    with pytest.raises(client(service="iot-data").exceptions.ResourceNotFoundException):
        stored(name)


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        (f"{CLASSIC}/get", "No shadow exists with name: 'bulb-1'"),
        (f"{CLASSIC}/delete", "No shadow exists with name: 'bulb-1'"),
        (f"{NAMED}/get", "No shadow exists with name: 'bulb-1~config'"),
        ("$aws/things/nobody/shadow/get", "No shadow exists with name: 'nobody'"),
    ],
)
@BOTH_DOORS
def test_a_shadow_that_does_not_exist_is_rejected_with_404(
    bulb: DeviceConnection, topic: str, message: str
) -> None:
    ((end, answer),) = ask(bulb, topic, {"clientToken": "t"})
    assert (end, answer["code"], answer["message"]) == ("rejected", 404, message)
    assert answer["clientToken"] == "t"


@BOTH_DOORS
def test_a_deleted_shadow_cannot_be_deleted_again(bulb: DeviceConnection) -> None:
    ask(bulb, f"{CLASSIC}/update", {"state": {"desired": {"a": 1}}})
    ask(bulb, f"{CLASSIC}/delete", "")
    ((end, answer),) = ask(bulb, f"{CLASSIC}/delete", "")
    assert (end, answer["code"]) == ("rejected", 404)


@pytest.mark.parametrize(
    ("request_text", "code", "message"),
    [
        ("{", 400, "Invalid JSON"),
        ("[]", 400, "Invalid JSON"),
        ("7", 400, "Invalid JSON"),
        ("{}", 400, "Missing required node: state"),
        ('{"state": 7}', 400, "State node must be an object"),
        ('{"state": {"wanted": {}}}', 400, "State contains an invalid node"),
        ('{"state": {"desired": 7}}', 400, "Desired node must be an object"),
        ('{"state": {"reported": []}}', 400, "Reported node must be an object"),
        ('{"state": {}, "version": "1"}', 400, "Invalid version"),
        ('{"state": {}, "clientToken": "' + "t" * 65 + '"}', 400, "Invalid clientToken"),
        ('{"state": {}, "version": 7}', 409, "Version conflict"),
        (b'{"state": "\xff"}', 415, "Unsupported documented encoding"),
        ('{"state": {"desired": {"a": NaN}}}', 400, "Invalid JSON"),
        ('{"state": {"desired": {"a": 1e999}}}', 400, "Invalid JSON"),
        ("[" * 100_000, 400, "Invalid JSON"),
        (below("desired", 9), 400, "JSON contains too many levels of nesting; maximum is"),
        (json.dumps({"state": {"reported": {"a": [[[[[[[[1]]]]]]]]}}}), 400, "JSON contains too"),
        ('{"state": {"desired": {"a": {"b": ["x", null]}}}}', 400, "Invalid JSON: the array des"),
        ('{"state": {"reported": {"a": [[null]]}}}', 400, "Invalid JSON: the array reported.a.0"),
        (json.dumps({"state": {"desired": {"b": "x" * 8192}}}), 413, "The payload exceeds the max"),
    ],
)
@BOTH_DOORS
def test_a_wrong_update_is_rejected_and_changes_nothing(
    bulb: DeviceConnection, request_text: str | bytes, code: int, message: str
) -> None:
    ask(bulb, f"{CLASSIC}/update", {"state": {"desired": {"a": 1}}})
    before = stored()
    ((end, answer),) = ask(bulb, f"{CLASSIC}/update", request_text)
    assert (end, answer["code"]) == ("rejected", code)
    assert answer["message"].startswith(message)
    assert stored() == before


@pytest.mark.parametrize("version", [0, 1, 3])
@BOTH_DOORS
def test_no_version_matches_a_shadow_that_does_not_exist(
    bulb: DeviceConnection, version: int
) -> None:
    request = {"state": {"reported": {"a": 1}}, "version": version}
    ((end, answer),) = ask(bulb, f"{CLASSIC}/update", request)
    assert (end, answer["code"], answer["message"]) == ("rejected", 409, "Version conflict")


@pytest.mark.parametrize("message", ["[" * 100_000, "junk", b"\xff", "7"])
@BOTH_DOORS
def test_to_get_and_delete_a_shadow_no_message_is_read(
    bulb: DeviceConnection, message: str | bytes
) -> None:
    for request, end in [("get", "accepted"), ("delete", "accepted"), ("get", "rejected")]:
        if end == "accepted" and request == "get":
            ask(bulb, f"{CLASSIC}/update", {"state": {"reported": {"a": 1}}})
        assert [answer[0] for answer in ask(bulb, f"{CLASSIC}/{request}", message)] == [end]


@BOTH_DOORS
def test_the_deepest_and_the_largest_state_pass(bulb: DeviceConnection) -> None:
    assert ask(bulb, f"{CLASSIC}/update", below("desired", 8))[0][0] == "accepted"
    ask(bulb, f"{CLASSIC}/update", {"state": None})
    largest = {"state": {"reported": {"a": "x" * (8192 - len('{"reported":{"a":""}}'))}}}
    assert ask(bulb, f"{CLASSIC}/update", largest)[0][0] == "accepted"


@BOTH_DOORS
def test_what_a_shadow_has_already_counts_for_its_size(bulb: DeviceConnection) -> None:
    half = "x" * 4096
    ask(bulb, f"{CLASSIC}/update", {"state": {"reported": {"a": half}}})
    ((end, answer),) = ask(bulb, f"{CLASSIC}/update", {"state": {"reported": {"b": half}}})
    assert (end, answer["code"]) == ("rejected", 413)
    # What replaces something is not counted in addition to it.
    request = {"state": {"reported": {"a": None, "b": half}}}
    assert ask(bulb, f"{CLASSIC}/update", request)[0][0] == "accepted"


@pytest.mark.parametrize("name", ["n" * 65, "a b", "é"])
@BOTH_DOORS
def test_a_name_that_no_shadow_can_have_is_refused(bulb: DeviceConnection, name: str) -> None:
    request = {"state": {"reported": {"a": 1}}}
    for what in ("update", "get", "delete"):
        ((end, answer),) = ask(bulb, f"{CLASSIC}/name/{name}/{what}", request)
        assert (end, answer["code"]) == ("rejected", 400)
        assert "at 'shadowName' failed to satisfy constraint" in answer["message"]
    data = client(service="iot-data")
    with pytest.raises(data.exceptions.InvalidRequestException, match="shadowName"):
        data.update_thing_shadow(thingName="bulb-1", shadowName=name, payload=json.dumps(request))
    longest = f"{CLASSIC}/name/{'$a0:_-' + 'n' * 58}/update"
    assert ask(bulb, longest, request)[0][0] == "accepted"


@BOTH_DOORS
def test_an_escaped_half_of_a_surrogate_pair_is_published_as_it_came(
    bulb: DeviceConnection,
) -> None:
    request = '{"state": {"reported": {"a": "\\ud800"}}, "clientToken": "\\udc00"}'
    accepted = dict(ask(bulb, f"{CLASSIC}/update", request))["accepted"]
    assert accepted["state"] == {"reported": {"a": "\ud800"}}
    assert accepted["clientToken"] == "\udc00"


@BOTH_DOORS
def test_an_update_of_the_present_version_is_accepted(bulb: DeviceConnection) -> None:
    ask(bulb, f"{CLASSIC}/update", {"state": {"desired": {"a": 1}}})
    answers = dict(ask(bulb, f"{CLASSIC}/update", {"state": {"desired": None}, "version": 1}))
    assert answers["accepted"]["version"] == 2


@BOTH_DOORS
def test_boto3_can_ask_over_the_topics_too(bulb: DeviceConnection) -> None:
    bulb.subscribe(f"{CLASSIC}/update/accepted")
    client(service="iot-data").publish(
        topic=f"{CLASSIC}/update", payload=json.dumps({"state": {"desired": {"a": 1}}})
    )
    assert json.loads(bulb.receive().payload)["state"] == {"desired": {"a": 1}}
    assert stored()["state"]["desired"] == {"a": 1}


@BOTH_DOORS
def test_what_boto3_does_to_a_shadow_is_published_on_its_topics(bulb: DeviceConnection) -> None:
    bulb.subscribe(f"{CLASSIC}/#")
    data = client(service="iot-data")
    data.update_thing_shadow(
        thingName="bulb-1", payload=json.dumps({"state": {"reported": {"a": 1}}})
    )
    data.get_thing_shadow(thingName="bulb-1")
    data.delete_thing_shadow(thingName="bulb-1")
    topics = [bulb.receive().topic.removeprefix(f"{CLASSIC}/") for _ in range(3)]
    assert topics == ["update/accepted", "update/documents", "delete/accepted"]
    with pytest.raises(TimeoutError):
        bulb.receive()
