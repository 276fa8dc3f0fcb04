"""Messages between devices, boto3 and handlers."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from moto.backend_index import backend_url_patterns
from moto.iotdata.models import iotdata_backends
from support.device_doors import BOTH_DOORS, Door
from support.monitoring import metric_sum
from support.patience import HANG

from moto_jitp import CertificateAuthority, connect_device
from moto_jitp.devices import DeviceConnection
from moto_jitp.history.messages import Event
from moto_jitp.mock import mock_jitp

TEMPLATE = json.dumps(
    {
        "Resources": {
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {
                    "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                    "Status": "ACTIVE",
                },
            }
        }
    }
)


@functools.cache
def client(service: str, region: str = "us-east-1") -> Any:
    return boto3.Session("any-key", "any-secret", region_name=region).client(service)


@functools.cache
def authority() -> CertificateAuthority:
    return CertificateAuthority(common_name="Acme")


@pytest.fixture
def jitp() -> Iterator[Any]:
    with mock_jitp() as handle:
        authority().register(client("iot"), template_body=TEMPLATE)
        yield handle


@pytest.fixture
def bulb(jitp: Any, door: Door) -> DeviceConnection:
    return door.connect(authority().issue(common_name="bulb"))


@pytest.fixture
def phone(jitp: Any, door: Door) -> DeviceConnection:
    return door.connect(authority().issue(common_name="phone"))


def connect(name: str) -> DeviceConnection:
    return connect_device(authority().issue(common_name=name))


def published(region: str = "us-east-1") -> list[tuple[str, bytes]]:
    return list(iotdata_backends["123456789012"][region].published_payloads)


def no_message(connection: DeviceConnection) -> bool:
    with pytest.raises(TimeoutError):
        connection.receive()
    return True


# Receivers.


@BOTH_DOORS
def test_a_devices_message_reaches_subscribers_handlers_and_motos_data_plane(
    jitp: Any, bulb: DeviceConnection, phone: DeviceConnection
) -> None:
    heard: list[Event] = []
    jitp.subscribe("state/#", lambda event: heard.append(event))
    phone.subscribe("state/+")
    bulb.publish("state/bulb", "on")
    expected = Event("state/bulb", b"on", "123456789012", "us-east-1")
    assert phone.receive() == expected
    assert heard == [expected]
    assert published() == [("state/bulb", b"on")]
    assert expected in jitp.events


@BOTH_DOORS
def test_what_boto3_publishes_reaches_devices_and_handlers(
    jitp: Any, bulb: DeviceConnection
) -> None:
    heard: list[Event] = []
    jitp.subscribe("commands/#", lambda event: heard.append(event))
    bulb.subscribe("commands/bulb")
    client("iot-data").publish(topic="commands/bulb", qos=1, payload=b"\xbf")
    client("iot-data").publish(topic="commands/lamp", payload=b"")
    assert bulb.receive() == Event("commands/bulb", b"\xbf", "123456789012", "us-east-1")
    assert no_message(bulb)
    assert [event.topic for event in heard] == ["commands/bulb", "commands/lamp"]
    assert published() == [("commands/bulb", b"\xbf"), ("commands/lamp", b"")]
    assert [event.topic for event in jitp.events if not event.topic.startswith("$")] == [
        "commands/bulb",
        "commands/lamp",
    ]


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/B", False),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+", "a", False),
        ("+/+", "/a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a/", True),
        ("a/#", "a", False),
        ("a/b/#", "a", False),
        ("+/#", "a", False),
        ("#", "a", True),
        ("#", "a/b", True),
        ("#", "$aws/rules/r", False),
        ("+/rules/r", "$aws/rules/r", False),
    ],
)
@BOTH_DOORS
def test_topic_filters_match_for_devices_and_handlers_as_aws_says(
    jitp: Any, bulb: DeviceConnection, topic_filter: str, topic: str, matches: bool
) -> None:
    heard: list[str] = []
    jitp.subscribe(topic_filter, lambda event: heard.append(event.topic))
    bulb.subscribe(topic_filter)
    client("iot-data").publish(topic=topic, payload=b"1")
    assert (topic in heard) is matches
    if matches:
        assert bulb.receive().topic == topic
    else:
        assert no_message(bulb)


def test_a_handler_takes_the_event_or_topic_and_payload(bulb: DeviceConnection) -> None:
    events: list[Any] = []
    pairs: list[tuple[str, bytes]] = []
    bulb.subscribe("a", events.append)
    bulb.subscribe("+", lambda topic, payload: pairs.append((topic, payload)))
    bulb.publish("a", b"1")
    assert [event.payload for event in events] == [b"1"]
    assert pairs == [("a", b"1")]
    with pytest.raises(TimeoutError, match="no subscription that queues messages"):
        bulb.receive()


@BOTH_DOORS
def test_messages_wait_in_order_and_none_is_an_error_that_helps(bulb: DeviceConnection) -> None:
    bulb.subscribe("a/#")
    for number in range(3):
        bulb.publish(f"a/{number}", str(number))
    assert [bulb.receive().payload for _ in range(3)] == [b"0", b"1", b"2"]
    with pytest.raises(TimeoutError, match="subscribed to a/#"):
        bulb.receive()


def test_receive_waits_for_another_thread_when_asked(bulb: DeviceConnection) -> None:
    bulb.subscribe("a")
    received: list[Event] = []
    waiting = threading.Thread(target=lambda: received.append(bulb.receive(timeout=HANG)))
    waiting.start()
    client("iot-data").publish(topic="a", payload=b"1")
    waiting.join()
    assert [event.payload for event in received] == [b"1"]
    with pytest.raises(TimeoutError):
        bulb.receive(timeout=0.001)


def test_messages_of_many_threads_all_arrive(
    jitp: Any, bulb: DeviceConnection, phone: DeviceConnection
) -> None:
    phone.subscribe("state/#")

    def report(thread: int) -> None:
        for number in range(50):
            bulb.publish(f"state/{thread}", str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(report, range(8)))
    received = [phone.receive() for _ in range(400)]
    assert no_message(phone)
    for thread in range(8):
        payloads = [event.payload for event in received if event.topic == f"state/{thread}"]
        assert payloads == [str(number).encode() for number in range(50)]
    assert len(published()) == 400
    assert sum(event.topic.startswith("state/") for event in jitp.events) == 400


@pytest.mark.parametrize("topic_filter", ["a", "+/b"])
@BOTH_DOORS
def test_the_same_filter_again_replaces_the_subscription(
    bulb: DeviceConnection, topic_filter: str
) -> None:
    topic = topic_filter.replace("+", "x")
    seen: list[Any] = []
    first = bulb.subscribe(topic_filter, seen.append)
    second = bulb.subscribe(topic_filter)
    bulb.publish(topic, b"1")
    assert bulb.receive().payload == b"1"
    assert no_message(bulb)
    assert seen == []
    first.cancel()  # it has ended, and takes nothing of its successor
    bulb.publish(topic, b"2")
    assert bulb.receive().payload == b"2"
    second.cancel()
    bulb.publish(topic, b"3")
    assert no_message(bulb)


def test_other_filters_and_other_clients_keep_their_subscriptions(
    bulb: DeviceConnection, phone: DeviceConnection
) -> None:
    bulb.subscribe("a")
    phone.subscribe("a")
    phone.subscribe("+")
    bulb.publish("a", b"1")
    assert bulb.receive().payload == b"1"
    assert no_message(bulb)
    assert [phone.receive().payload for _ in range(2)] == [b"1", b"1"]
    assert no_message(phone)


@BOTH_DOORS
def test_subscribing_again_brings_the_retained_message_again(bulb: DeviceConnection) -> None:
    bulb.publish("a", b"1", retain=True)
    for _ in range(2):
        bulb.subscribe("a")
        assert bulb.receive().payload == b"1"
        assert no_message(bulb)


def test_what_aws_iot_publishes_is_json_text_for_devices_and_a_dict_for_the_test(
    jitp: Any, bulb: DeviceConnection
) -> None:
    of_test: list[Event] = []
    of_device: list[bytes] = []
    topics = "$aws/events/subscriptions/subscribed/+"
    jitp.subscribe(topics, of_test.append)
    bulb.subscribe(topics, lambda topic, payload: of_device.append(payload))
    bulb.subscribe("zeitung/für/alle")
    assert of_test[-1].payload["topics"] == ["zeitung/für/alle"]
    assert of_test[-1] in jitp.events
    (received,) = of_device[1:]
    assert json.loads(received) == of_test[-1].payload
    assert '"topics":["zeitung/für/alle"]'.encode() in received


@BOTH_DOORS
def test_a_cancelled_subscription_receives_nothing_more(bulb: DeviceConnection) -> None:
    subscription = bulb.subscribe("a")
    bulb.publish("a", b"1")
    subscription.cancel()
    subscription.cancel()
    bulb.publish("a", b"2")
    assert bulb.receive().payload == b"1"
    assert no_message(bulb)


@pytest.mark.usefixtures("jitp")
def test_accounts_and_regions_receive_nothing_of_each_other(bulb: DeviceConnection) -> None:
    authority().register(client("iot", "eu-west-1"), template_body=TEMPLATE)
    endpoint = client("iot", "eu-west-1").describe_endpoint(endpointType="iot:Data-ATS")
    elsewhere = connect_device(
        authority().issue(common_name="elsewhere"), endpoint=endpoint["endpointAddress"]
    )
    bulb.subscribe("#")
    elsewhere.subscribe("#")
    elsewhere.publish("a", b"1")
    assert elsewhere.receive().region_name == "eu-west-1"
    assert no_message(bulb)
    assert published() == []
    assert published("eu-west-1") == [("a", b"1")]


@pytest.mark.parametrize("endpoint_type", ["iot:Data-ATS", "iot:Data"])
def test_boto3_publishes_through_the_endpoint_that_describe_endpoint_names(
    bulb: DeviceConnection, endpoint_type: str
) -> None:
    address = client("iot").describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    if endpoint_type == "iot:Data":  # which is served still, and described no longer
        address = address.replace("-ats.", ".")
    data = boto3.client("iot-data", region_name="us-east-1", endpoint_url=f"https://{address}")
    bulb.subscribe("a/b c")
    data.publish(topic="a/b c", payload=b"1")
    assert bulb.receive().payload == b"1"


def test_moto_knows_no_more_endpoints_once_the_block_is_over() -> None:
    before = list(backend_url_patterns)
    with mock_jitp():
        assert len(backend_url_patterns) > len(before)
    assert backend_url_patterns == before


# The ends of connections.


@BOTH_DOORS
def test_a_closed_connection_neither_publishes_nor_subscribes(bulb: DeviceConnection) -> None:
    bulb.disconnect()
    bulb.disconnect()
    assert not bulb.connected
    with pytest.raises(ConnectionError, match="is closed"):
        bulb.publish("a", b"")
    with pytest.raises(ConnectionError, match="is closed"):
        bulb.subscribe("a")
    with pytest.raises(ConnectionError, match="is closed"):
        bulb.receive()
    assert published() == []


def test_the_subscriptions_of_a_closed_connection_end(
    bulb: DeviceConnection, phone: DeviceConnection
) -> None:
    seen: list[Any] = []
    with bulb:
        bulb.subscribe("a", seen.append)
        bulb.subscribe("+")
        phone.publish("a", b"1")
    phone.publish("a", b"2")
    assert [event.payload for event in seen] == [b"1"]
    # What had arrived before the end can still be read.
    assert bulb.receive().payload == b"1"


@BOTH_DOORS
def test_a_newer_connection_of_the_same_client_id_takes_over(
    door: Door, phone: DeviceConnection
) -> None:
    device = authority().issue(common_name="bulb")
    older = door.connect(device)
    older.subscribe("a")
    newer = door.connect(device)
    assert (older.connected, newer.connected) == (False, True)
    phone.publish("a", b"1")
    with pytest.raises(ConnectionError, match=r"new(er)? connection .* the same client ID"):
        older.receive()
    # Its late end does not end the newer one.
    older.disconnect()
    assert newer.connected


@BOTH_DOORS
def test_other_client_ids_do_not_take_over(door: Door, phone: DeviceConnection) -> None:
    device = authority().issue(common_name="bulb")
    older = door.connect(device)
    door.connect(device, client_id="another")
    assert older.connected


def test_a_connection_ends_with_its_mock() -> None:
    seen: list[Any] = []
    with mock_jitp():
        authority().register(client("iot"), template_body=TEMPLATE)
        bulb = connect("bulb")
        bulb.subscribe("#", seen.append)
    assert not bulb.connected
    with mock_jitp():
        client("iot-data").publish(topic="a", payload=b"1")
    assert seen == []


def test_plain_moto_publishes_as_before_once_the_block_is_over() -> None:
    with mock_jitp():
        client("iot-data").publish(topic="a", payload=b"1")
    from moto import mock_aws

    with mock_aws():
        client("iot-data").publish(topic="$aws/events/mine", payload=b"1")
        assert published() == [("$aws/events/mine", b"1")]


def test_a_mock_around_keeps_what_was_published_inside() -> None:
    from moto import mock_aws

    with mock_aws():
        client("iot-data").publish(topic="before", payload=b"")
        with mock_jitp():
            client("iot-data").publish(topic="inside", payload=b"")
        client("iot-data").publish(topic="after", payload=b"")
        assert [topic for topic, _ in published()] == ["before", "inside", "after"]


# What cannot be published or subscribed to.


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("", "empty"),
        ("a/+", "wildcard"),
        ("a/#", "wildcard"),
        ("$aws/events/presence/connected/bulb", "only AWS IoT itself"),
        ("$aws/things/bulb/shadow/update/accepted", "is reserved"),
        ("$aws/things/bulb/tunnels/notify", "not emulated"),
        ("$own/topic", "is reserved"),
        ("a/" * 8 + "a", "8 slashes"),
        ("a" * 257, "257 bytes"),
        ("a\0", r"U\+0000, which MQTT forbids"),
        ("$aws/rules/store/" + "a/" * 8 + "a", "8 slashes"),
    ],
)
def test_topics_that_clients_cannot_publish_on_are_refused(
    bulb: DeviceConnection, topic: str, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        bulb.publish(topic, b"")
    if topic:
        data = client("iot-data")
        with pytest.raises(data.exceptions.InvalidRequestException, match=text):
            data.publish(topic=topic, payload=b"")
    assert published() == []


@pytest.mark.parametrize("topic", ["a/\ud800", "$aws/provisioning-templates/\ud800/provision/json"])
def test_half_of_a_surrogate_pair_which_boto3_cannot_send_is_refused(
    bulb: DeviceConnection, topic: str
) -> None:
    with pytest.raises(ValueError, match=r"U\+D800, which MQTT forbids"):
        bulb.publish(topic, b"{}")
    bulb.publish("a/\U0001f4a1", b"{}")
    assert len(published()) == 1


def test_the_longest_topic_and_payload_pass(bulb: DeviceConnection) -> None:
    bulb.publish("a/" * 7 + "a" * 242, b"x" * 131072)
    # The first three levels of basic ingest do not count.
    bulb.publish("$aws/rules/store/" + "a/" * 7 + "a" * 242, b"1")
    bulb.publish("$aws/rules/store", b"1")
    with pytest.raises(ValueError, match="131073 bytes"):
        bulb.publish("a", b"x" * 131073)


@pytest.mark.parametrize("qos", [0, 1])
@BOTH_DOORS
def test_boto3_publishes_with_the_qos_levels_that_aws_iot_has(
    bulb: DeviceConnection, qos: int
) -> None:
    bulb.subscribe("a")
    client("iot-data").publish(topic="a", qos=qos, payload=b"1")
    assert bulb.receive().payload == b"1"


@pytest.mark.parametrize("qos", [2, 3])
def test_another_qos_level_is_refused(bulb: DeviceConnection, qos: int) -> None:
    bulb.subscribe("a")
    data = client("iot-data")
    with pytest.raises(data.exceptions.InvalidRequestException, match=f"Value '{qos}' at 'qos'"):
        data.publish(topic="a", qos=qos, payload=b"1")
    assert no_message(bulb)
    assert published() == []


def test_without_strict_boto3_publishes_anywhere_as_in_plain_moto() -> None:
    with mock_jitp(config={"jitp": {"strict": False}}):
        client("iot-data").publish(topic="$aws/events/mine", payload=b"1")
        assert published() == [("$aws/events/mine", b"1")]


@pytest.mark.parametrize(
    ("topic_filter", "text"),
    [
        ("", "not a valid topic filter"),
        ("a/#/b", "not a valid topic filter"),
        ("a+", "not a valid topic filter"),
        ("$share/group", "shared subscription"),
        ("a/" * 8 + "#", "8 slashes"),
        ("a/\0/#", r"U\+0000, which MQTT forbids"),
        ("a/\udfff", r"U\+DFFF, which MQTT forbids"),
    ],
)
def test_filters_that_mqtt_does_not_know_are_refused(
    bulb: DeviceConnection, topic_filter: str, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        bulb.subscribe(topic_filter)


@BOTH_DOORS
def test_of_connections_that_share_a_subscription_one_receives_a_message(
    bulb: DeviceConnection, phone: DeviceConnection
) -> None:
    received: list[tuple[str, bytes]] = []
    subscriptions = {
        device.client_id: device.subscribe(
            "$share/workers/jobs/+",
            lambda event, name=device.client_id: received.append((name, event.payload)),
        )
        for device in (bulb, phone)
    }
    for number in range(40):
        bulb.publish("jobs/x", b"%d" % number)

    assert [int(payload) for _, payload in received] == list(range(40))
    assert {name for name, _ in received} == {"bulb", "phone"}
    subscriptions["bulb"].cancel()
    for number in range(5):
        bulb.publish("jobs/x", b"%d" % number)
    assert {name for name, _ in received[40:]} == {"phone"}


@BOTH_DOORS
def test_a_connection_has_at_most_50_subscriptions(bulb: DeviceConnection) -> None:
    subscriptions = [bulb.subscribe(f"a/{number}") for number in range(50)]
    with pytest.raises(ValueError, match="50 subscriptions"):
        bulb.subscribe("b")
    assert metric_sum("Subscribe.Throttle", by_protocol="MQTT") == 1
    bulb.subscribe("a/49")  # replaces the previous one
    subscriptions[0].cancel()
    bulb.subscribe("b")
    bulb.publish("b", b"1")
    assert bulb.receive().topic == "b"


@BOTH_DOORS
def test_basic_ingest_bypasses_the_subscribers(bulb: DeviceConnection) -> None:
    bulb.subscribe("$aws/rules/#")
    bulb.publish("$aws/rules/store/state", b"1")
    assert published() == [("$aws/rules/store/state", b"1")]
    assert no_message(bulb)


# Retained messages.


@BOTH_DOORS
def test_a_retained_message_waits_for_subscribers_to_exactly_its_topic(
    bulb: DeviceConnection, phone: DeviceConnection
) -> None:
    bulb.publish("state/bulb", b"off", retain=True)
    bulb.publish("state/bulb", b"on", retain=True)
    bulb.publish("state/bulb", b"not kept")
    phone.subscribe("state/+")
    assert no_message(phone)
    phone.subscribe("state/bulb")
    assert phone.receive().payload == b"on"
    assert no_message(phone)


@BOTH_DOORS
def test_a_client_that_is_subscribed_already_receives_it_once_like_any_message(
    bulb: DeviceConnection, phone: DeviceConnection
) -> None:
    phone.subscribe("state/bulb")
    bulb.publish("state/bulb", b"on", retain=True)
    assert phone.receive().payload == b"on"
    assert no_message(phone)


@BOTH_DOORS
def test_an_empty_message_deletes_what_is_retained(
    bulb: DeviceConnection, phone: DeviceConnection
) -> None:
    bulb.publish("state/bulb", b"on", retain=True)
    bulb.publish("state/bulb", b"", retain=True)
    phone.subscribe("state/bulb")
    assert no_message(phone)


@BOTH_DOORS
def test_boto3_retains_and_reads_what_is_retained(bulb: DeviceConnection) -> None:
    data = client("iot-data")
    data.publish(topic="config/bulb", qos=1, retain=True, payload=b"\x01\x02")
    bulb.publish("config/lamp", b"abc", retain=True)
    data.publish(topic="config/other", payload=b"not kept")
    message = data.get_retained_message(topic="config/bulb")
    assert (message["topic"], message["payload"], message["qos"]) == (
        "config/bulb",
        b"\x01\x02",
        1,
    )
    assert message["lastModifiedTime"] > 1_600_000_000_000
    listed = data.list_retained_messages()["retainedTopics"]
    assert [(one["topic"], one["payloadSize"]) for one in listed] == [
        ("config/bulb", 2),
        ("config/lamp", 3),
    ]
    bulb.subscribe("config/bulb")
    assert bulb.receive().payload == b"\x01\x02"


@pytest.mark.usefixtures("jitp")
def test_the_list_of_retained_messages_is_paged() -> None:
    data = client("iot-data")
    topics = ["a", "a/b", "c d", "é"]
    for topic in topics:
        data.publish(topic=topic, retain=True, payload=b"1")
    found: list[str] = []
    more: dict[str, Any] = {}
    while True:
        answer = data.list_retained_messages(maxResults=3, **more)
        found += [topic["topic"] for topic in answer["retainedTopics"]]
        if "nextToken" not in answer:
            break
        more = {"nextToken": answer["nextToken"]}
    assert found == topics
    assert [data.get_retained_message(topic=topic)["topic"] for topic in topics] == topics


@pytest.mark.usefixtures("jitp")
def test_a_topic_without_retained_message_is_not_found() -> None:
    data = client("iot-data")
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.get_retained_message(topic="nothing/here")


@BOTH_DOORS
def test_reserved_topics_retain_nothing(bulb: DeviceConnection) -> None:
    with pytest.raises(ValueError, match="retains no message"):
        bulb.publish("$aws/things/bulb/shadow/get", b"", retain=True)


@pytest.mark.parametrize("payload", [{"a": 1}, 5, None, ["a"]])
def test_a_payload_is_bytes_or_text(bulb: DeviceConnection, payload: Any) -> None:
    with pytest.raises(TypeError, match=r"json\.dumps"):
        bulb.publish("a", payload)
    assert published() == []


def test_topics_filters_and_handlers_of_another_type_are_refused(
    jitp: Any, bulb: DeviceConnection
) -> None:
    with pytest.raises(TypeError, match="topic"):
        bulb.publish(5, b"")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="topic filter"):
        bulb.subscribe(5)  # type: ignore[arg-type]
    handler: Any = "no function"
    for subscribe in (bulb.subscribe, jitp.subscribe):
        with pytest.raises(TypeError, match="handler"):
            subscribe("a", handler)
