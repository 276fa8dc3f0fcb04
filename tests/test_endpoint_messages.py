"""Messages of real devices: the same broker, policies and shadows as for simulated ones."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from freezegun import freeze_time
from support.cloud import client
from support.endpoint_clients import RawClient
from support.endpoint_stories import V3, V5, Place, running
from support.fleet import make_template
from support.monitoring import metric_sum
from support.patience import HANG

from moto_jitp import DeviceIdentity, connect_device
from moto_jitp.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from moto_jitp.mqtt.properties import Properties

VERSIONS = pytest.mark.parametrize("version", [V3, V5], ids=["3.1.1", "5"])
KEPT = Properties(session_expiry_interval=600)


def subscribed(there: RawClient, *filters: str, qos: int = 1) -> None:
    """Subscribe, and check that it is granted."""
    there.send(Subscribe(9, tuple(Subscription(topic_filter, qos) for topic_filter in filters)))
    assert there.receive(Suback).reason_codes == (qos,) * len(filters)


def said(there: RawClient) -> bytes:
    """Return the payload of the next message."""
    return there.receive(Publish).payload


# -- one broker -------------------------------------------------------------------------------


@VERSIONS
def test_a_device_exchanges_messages_with_boto3_simulated_devices_and_aws(version: Version) -> None:
    with running() as place:
        heard: list[Any] = []
        place.jitp.subscribe("from/real", heard.append)
        bulb = place.device()
        simulated = connect_device(place.device("bulb-2"))
        simulated.subscribe("from/#")
        there = place.connect(bulb, version)
        subscribed(there, "from/boto3", "from/simulated", "$aws/events/presence/connected/+")

        client(service="iot-data").publish(topic="from/boto3", payload=b"1", qos=1)
        assert said(there) == b"1"
        simulated.publish("from/simulated", b"2")
        assert said(there) == b"2"
        connect_device(place.device("bulb-3"))
        assert json.loads(said(there))["clientId"] == "bulb-3"
        there.send(Publish("from/real", b"3", 1, 5))
        assert there.receive(Puback) == Puback(5)

        assert [event.payload for event in heard] == [b"3"]
        assert [simulated.receive().payload for _ in range(3)] == [b"1", b"2", b"3"]


@VERSIONS
def test_a_shadow_is_updated_read_and_answered(version: Version) -> None:
    with running() as place:
        there = place.connect(place.device(), version)
        subscribed(there, "$aws/things/bulb-1/shadow/update/accepted")
        state = {"state": {"reported": {"on": True}}}
        there.send(Publish("$aws/things/bulb-1/shadow/update", json.dumps(state).encode(), 1, 5))

        packets = [there.next_packet(), there.next_packet()]

        assert Puback(5) in packets
        [answer] = [packet for packet in packets if isinstance(packet, Publish)]
        assert json.loads(answer.payload)["state"] == state["state"]
        shadow = client(service="iot-data").get_thing_shadow(thingName="bulb-1")
        assert json.loads(shadow["payload"].read())["state"] == state["state"]


@pytest.mark.parametrize("payload_format", ["json", "cbor"])
@VERSIONS
def test_fleet_provisioning_answers_the_device_that_asks(
    version: Version, payload_format: str
) -> None:
    cbor2 = pytest.importorskip("cbor2")
    load, dump = {
        "json": (json.loads, lambda value: json.dumps(value).encode()),
        "cbor": (cbor2.loads, cbor2.dumps),
    }[payload_format]
    with running() as place:
        make_template("bulbs")
        there = place.connect(place.device("claim"), version)

        def ask(topic: str, **request: Any) -> Any:
            subscribed(there, f"{topic}/{payload_format}/accepted")
            there.send(Publish(f"{topic}/{payload_format}", dump(request), 1, 5))
            packets = [there.next_packet(), there.next_packet()]
            assert Puback(5) in packets
            [answer] = [packet for packet in packets if isinstance(packet, Publish)]
            return load(answer.payload)  # type: ignore[operator]

        keys = ask("$aws/certificates/create")
        answer = ask(
            "$aws/provisioning-templates/bulbs/provision",
            certificateOwnershipToken=keys["certificateOwnershipToken"],
            parameters={"SerialNumber": "7"},
        )

        assert answer["thingName"] == "bulb-7"


def test_a_provisioning_claim_gets_a_certificate_and_nothing_else() -> None:
    with running() as place:
        make_template("bulbs")
        claim = place.iot.create_provisioning_claim(templateName="bulbs")
        device = DeviceIdentity.from_pem(claim["certificatePem"], claim["keyPair"]["PrivateKey"])
        there = place.connect(device)
        subscribed(there, "$aws/certificates/create/json/+")
        there.send(Publish("$aws/certificates/create/json", b"{}"))
        assert "certificateOwnershipToken" in json.loads(said(there))

        there.send(Publish("sensors/1", b"21.5", 1, 5))

        assert there.receive(Puback).reason_code == 0x87  # Not authorized


@VERSIONS
def test_the_connection_of_a_claim_is_over_after_five_minutes_though_it_pings(
    version: Version,
) -> None:
    with freeze_time("2026-03-01 12:00:00") as clock, running() as place:
        make_template("bulbs")
        claim = place.iot.create_provisioning_claim(templateName="bulbs")
        device = DeviceIdentity.from_pem(claim["certificatePem"], claim["keyPair"]["PrivateKey"])
        there = place.connect(device, version)
        clock.tick(timedelta(minutes=4))
        there.send(Pingreq())
        there.receive(Pingresp)

        clock.tick(timedelta(minutes=2))
        there.send(Pingreq())

        packet = there.next_packet()
        if isinstance(packet, Pingresp):
            packet = there.next_packet()
        if version is V5:
            assert isinstance(packet, Disconnect)
            assert packet.reason_code == 0x87
            packet = there.next_packet()
        assert packet is None


@VERSIONS
def test_a_retained_message_is_there_for_clients_that_name_its_topic(version: Version) -> None:
    with running() as place:
        there = place.connect(place.device(), version)
        there.send(Publish("state", b"on", 1, 3, retain=True))
        there.receive(Puback)
        there.send(Subscribe(1, (Subscription("state", 1),)))
        there.receive(Suback)

        message = there.receive(Publish)

        assert message.retain
        assert message.payload == b"on"
        there.send(Subscribe(2, (Subscription("#", 1),)), Unsubscribe(3, ("state", "#")))
        there.receive(Suback)
        there.receive(Unsuback)
        client(service="iot-data").publish(topic="state", payload=b"off")
        there.send(Subscribe(1, (Subscription("live"),)))
        there.receive(Suback)


def test_retain_handling_is_honoured() -> None:
    with running() as place:
        there = place.connect(place.device())
        there.send(Publish("state", b"on", 1, 3, retain=True))
        there.receive(Puback)
        for handling, comes in ((2, False), (1, False), (0, True)):
            there.send(Subscribe(1, (Subscription("state", 0, retain_handling=handling),)))
            there.receive(Suback)
            if comes:
                assert said(there) == b"on"
        there.send(Unsubscribe(4, ("state",)))
        there.receive(Unsuback)
        there.send(Subscribe(1, (Subscription("state", 0, retain_handling=1),)))
        there.receive(Suback)
        assert said(there) == b"on"


def test_what_mqtt_5_carries_reaches_other_devices_of_mqtt_5() -> None:
    carried = Properties(
        payload_format_indicator=1,
        content_type="text/plain",
        response_topic="answers",
        correlation_data=b"\1\2",
        user_properties=(("a", "1"), ("a", "2")),
    )
    with running() as place:
        new = place.connect(place.device("new"))
        old = place.connect(place.device("old"), V3)
        subscribed(new, "t")
        subscribed(old, "t")
        new.send(Publish("t", b"x", properties=carried))

        assert new.receive(Publish) == Publish("t", b"x", properties=carried)
        assert old.receive(Publish) == Publish("t", b"x")


def test_a_message_that_several_filters_match_is_delivered_once_at_the_highest_qos() -> None:
    with running() as place:
        there = place.connect(place.device())
        there.send(Subscribe(1, (Subscription("a/#", 0), Subscription("a/+", 1))))
        there.receive(Suback)
        for payload in (b"1", b"2"):
            client(service="iot-data").publish(topic="a/b", payload=payload, qos=1)

        received = [there.receive(Publish) for _ in range(2)]

        assert [(message.payload, message.qos) for message in received] == [(b"1", 1), (b"2", 1)]


def test_a_device_can_exclude_its_own_messages() -> None:
    with running() as place:
        there = place.connect(place.device())
        there.send(Subscribe(1, (Subscription("a", 0, no_local=True),)))
        there.receive(Suback)
        there.send(Publish("a", b"mine", 1, 2))
        there.receive(Puback)
        client(service="iot-data").publish(topic="a", payload=b"other")

        assert said(there) == b"other"


# -- wills ------------------------------------------------------------------------------------


@VERSIONS
def test_a_will_is_published_when_the_connection_breaks_and_not_after_a_disconnect(
    version: Version,
) -> None:
    with running() as place:
        bulb = place.device()
        for leave in (True, False):
            there = place.connect(bulb, version, will=Will("will", b"gone", 1, True))
            if leave:
                there.send(Disconnect())
                assert there.is_closed()
            there.close()
            place.endpoint.wait_for("disconnection", client_id="bulb-1")

        message = place.endpoint.wait_for("message", topic="will", client_id="bulb-1")

        assert message.payload == b"gone"
        assert [event.topic for event in place.jitp.events].count("will") == 1
        retained = client(service="iot-data").get_retained_message(topic="will")
        assert retained["payload"] == b"gone"


def test_a_will_is_published_at_once_whatever_its_delay_and_the_log_says_so() -> None:
    with running() as place:
        bulb = place.device()
        will = Will("will", b"gone", properties=Properties(will_delay_interval=3600))
        place.connect(bulb, will=will).close()

        assert place.endpoint.wait_for("message", topic="will").payload == b"gone"
        place.until_logged("the will delay interval of 3600 s counts as 0")


def _topics(place: Place) -> list[str]:
    """The published wills and lifecycle events, oldest first."""
    topics = [event.topic.removeprefix("$aws/events/presence/") for event in place.jitp.events]
    return [
        topic for topic in topics if topic in ("will", "connected/bulb-1", "disconnected/bulb-1")
    ]


def _delayed(seconds: int) -> Will:
    return Will("will", b"gone", properties=Properties(will_delay_interval=seconds))


def _leaves(place: Place, there: RawClient) -> None:
    there.close()
    place.endpoint.wait_for("disconnection", client_id="bulb-1")


def test_a_will_is_published_after_its_delay_where_the_endpoint_delays_wills() -> None:
    with running(delays_wills=True) as place:
        _leaves(place, place.connect(place.device(), will=_delayed(1), properties=KEPT))

        assert place.endpoint.wait_for("message", topic="will").payload == b"gone"
        assert not place.endpoint.log


def test_a_delayed_will_is_published_when_its_session_ends_earlier() -> None:
    with running(delays_wills=True) as place:
        bulb = place.device()
        _leaves(place, place.connect(bulb, will=_delayed(3600), properties=KEPT))
        there = place.connect(bulb, clean_start=True)
        assert place.endpoint.wait_for("message", topic="will").payload == b"gone"
        there.close()

        assert _topics(place)[:4].index("will") == 3

    with running(delays_wills=True) as place:
        _leaves(place, place.connect(place.device(), will=_delayed(3600)))
        assert place.endpoint.wait_for("message", topic="will"), "a session that nothing keeps"


def test_a_device_that_comes_back_in_time_leaves_no_will() -> None:
    with running(delays_wills=True) as place:
        bulb = place.device()
        _leaves(place, place.connect(bulb, will=_delayed(3600), properties=KEPT))
        back = place.connect(bulb, clean_start=False, will=_delayed(3600), properties=KEPT)
        taken_over_by = place.connect(bulb, clean_start=False)
        assert back.receive(Disconnect).reason_code == 0x8E
        taken_over_by.send(Disconnect())
        assert taken_over_by.is_closed()
        for _ in range(2):
            place.endpoint.wait_for("disconnection", client_id="bulb-1")
        place.endpoint.stop()

        assert "will" not in _topics(place)


def test_a_will_that_the_quotas_do_not_allow_is_counted_as_a_client_error() -> None:
    with running() as place:
        bulb = place.device()
        place.connect(bulb).close()
        with place.open(bulb) as new:
            assert new.connect("bulb-1", will=Will("/".join("abcdefghi"), b"")).reason_code == 0x90

        assert metric_sum("Connect.ClientError", by_protocol="MQTT") == 1


def test_a_will_is_published_when_the_certificate_is_deactivated() -> None:
    with running() as place:
        bulb = place.device()
        there = place.connect(bulb, will=Will("will", b"gone"))
        place.iot.update_certificate(certificateId=bulb.certificate_id, newStatus="INACTIVE")

        there.receive(Disconnect)
        assert place.endpoint.wait_for("message", topic="will").payload == b"gone"


@pytest.mark.parametrize("topic", ["a/#", "$aws/events/x", "", "a" * 257])
def test_a_will_on_a_topic_that_is_not_the_clients_is_refused(topic: str) -> None:
    with running() as place:
        bulb = place.device()
        with place.open(bulb) as new:
            assert new.connect("bulb-1", will=Will(topic, b"")).reason_code == 0x90
        with place.open(bulb, V3) as old:
            old.send(Connect("bulb-1", V3, will=Will(topic, b"")))
            assert old.is_closed()


# -- persistent sessions ----------------------------------------------------------------------


@VERSIONS
def test_messages_wait_for_a_device_that_is_away(version: Version) -> None:
    options: dict[str, Any] = {"clean_start": False}
    if version is V5:
        options["properties"] = KEPT
    with running() as place:
        bulb = place.device()
        there = place.connect(bulb, version, **options)
        subscribed(there, "light/+", "light/#")
        there.close()
        place.endpoint.wait_for("disconnection", client_id="bulb-1")
        publish = client(service="iot-data").publish
        publish(topic="light/1", payload=b"1", qos=1)
        publish(topic="light/2", payload=b"lost", qos=0)
        publish(topic="light/3", payload=b"3", qos=1)

        with place.open(bulb, version) as again:
            again.send(Connect("bulb-1", version, **options))
            assert again.receive(Connack).session_present
            assert [said(again), said(again)] == [b"1", b"3"]
            publish(topic="light/4", payload=b"4", qos=1)
            assert said(again) == b"4"
            again.send(Unsubscribe(1, ("light/+", "light/#")))
            again.receive(Unsuback)

        with place.open(bulb, version) as last:
            last.send(Connect("bulb-1", version))
            assert not last.receive(Connack).session_present


def test_a_device_that_takes_its_own_place_misses_nothing() -> None:
    with running() as place:
        bulb = place.device()
        options: dict[str, Any] = {"clean_start": False, "properties": KEPT}
        there = place.connect(bulb, **options)
        subscribed(there, "count")
        publish = client(service="iot-data").publish
        stop = threading.Event()
        sent: list[int] = []

        def publish_on() -> None:
            while not stop.is_set():
                publish(topic="count", payload=str(len(sent)).encode(), qos=1)
                sent.append(len(sent))

        publisher = threading.Thread(target=publish_on)
        publisher.start()
        received: set[int] = set()
        for _ in range(5):
            for _ in range(3):
                packet = there.receive(Publish)
                assert packet.packet_id is not None
                there.send(Puback(packet.packet_id))
                received.add(int(packet.payload))
            with place.open(bulb) as newer:
                newer.send(Connect("bulb-1", **options))
                assert newer.receive(Connack).session_present
                there.close()
                there = newer
                packet = there.receive(Publish)
                received.add(int(packet.payload))
                there.close()
            there = place.open(bulb)
            there.send(Connect("bulb-1", **options))
            there.receive(Connack)
        stop.set()
        publisher.join()
        while len(received) < len(sent):
            packet = there.receive(Publish)
            assert packet.packet_id is not None
            there.send(Puback(packet.packet_id))
            received.add(int(packet.payload))

        assert received == set(sent)


# -- policies ---------------------------------------------------------------------------------


def _document(*statements: tuple[str, str]) -> str:
    """A policy that allows these actions on these resources."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": action,
                    "Resource": f"arn:aws:iot:us-east-1:123456789012:{resource}",
                }
                for action, resource in statements
            ],
        }
    )


def _allow(place: Place, *statements: tuple[str, str]) -> None:
    """Replace the policy of the test by another one."""
    document = _document(*statements)
    place.iot.create_policy_version(policyName="only", policyDocument=document, setAsDefault=True)


def _with_policy(place: Place, *statements: tuple[str, str], name: str = "bulb-1") -> Any:
    device = place.device(name)
    found = place.iot.describe_certificate(certificateId=device.certificate_id)
    target = found["certificateDescription"]["certificateArn"]
    place.iot.create_policy(policyName="only", policyDocument=_document(*statements))
    place.iot.attach_policy(policyName="only", target=target)
    return device


CONNECT = ("iot:Connect", "client/*")


def test_what_no_policy_allows_is_answered_by_version() -> None:
    with running({"enforce_policies": True}) as place:
        bulb = _with_policy(place, CONNECT)
        new = place.connect(bulb)
        new.send(Publish("a", b"x", 1, 3))
        assert new.receive(Puback).reason_code == 0x87
        new.send(Subscribe(4, (Subscription("a"),)))
        assert new.receive(Suback).reason_codes == (0x87,)
        new.send(Publish("a", b"x"))
        assert new.receive(Disconnect).reason_code == 0x87
        assert new.is_closed()

        for packet in (Publish("a", b"x", 1, 3), Publish("a"), Subscribe(4, (Subscription("a"),))):
            old = place.connect(bulb, V3)
            old.send(packet)
            assert old.is_closed()
            reasons = []
            while not reasons or reasons[-1] != "AUTH_ERROR":
                event = place.endpoint.wait_for("disconnection", client_id="bulb-1")
                reasons.append(event.payload["disconnectReason"])
        assert "a" not in [event.topic for event in place.jitp.events]


def test_policies_that_change_count_with_the_next_packet() -> None:
    with running({"enforce_policies": True}) as place:
        there = place.connect(_with_policy(place, CONNECT))
        there.send(Publish("a", b"x", 1, 3))
        assert there.receive(Puback).reason_code == 0x87

        _allow(place, CONNECT, ("iot:Publish", "topic/a"))

        there.send(Publish("a", b"x", 1, 3))
        assert there.receive(Puback).reason_code == 0


def test_a_message_that_may_not_be_received_does_not_arrive() -> None:
    with running({"enforce_policies": True}) as place:
        allowed = (CONNECT, ("iot:Subscribe", "topicfilter/*"), ("iot:Receive", "topic/b"))
        there = place.connect(_with_policy(place, *allowed))
        subscribed(there, "#")
        for topic in ("a", "b"):
            client(service="iot-data").publish(topic=topic, payload=topic.encode())

        assert said(there) == b"b"


def test_a_will_needs_permission_when_the_device_connects() -> None:
    with running({"enforce_policies": True}) as place:
        bulb = _with_policy(place, CONNECT, ("iot:Publish", "topic/will"))
        with place.open(bulb) as there:
            assert there.connect("bulb-1", will=Will("will", b"x")).reason_code == 0
        with place.open(bulb) as there:
            assert there.connect("bulb-1", will=Will("other", b"x")).reason_code == 0x87
        with place.open(bulb) as there:
            assert there.connect("bulb-1", will=Will("will", b"x", 0, True)).reason_code == 0x87

        assert place.jitp.connections[-1].reason == "NOT_AUTHORIZED"


@pytest.mark.parametrize(
    "topic", ["a/+", "$aws/events/x", "$SYS/x", "x" * 257, "a/b/c/d/e/f/g/h/i"]
)
def test_a_topic_that_is_not_the_clients_is_answered_by_version(topic: str) -> None:
    with running() as place:
        bulb = place.device()
        new = place.connect(bulb)
        new.send(Publish(topic, b"x", 1, 3))
        assert new.receive(Puback).reason_code == 0x90
        new.send(Publish(topic, b"x"))
        assert new.receive(Disconnect).reason_code == 0x90

        old = place.connect(bulb, V3)
        old.send(Publish(topic, b"x", 1, 3))
        assert old.is_closed()


@pytest.mark.parametrize("topic_filter", ["a/#/b", "a+", "x" * 257, "$share/g", "$share//a"])
def test_a_filter_that_is_not_valid_is_answered_by_version(topic_filter: str) -> None:
    with running() as place:
        bulb = place.device()
        new = place.connect(bulb)
        new.send(Subscribe(3, (Subscription("fine"), Subscription(topic_filter))))
        assert new.receive(Suback).reason_codes == (0, 0x8F)

        old = place.connect(bulb, V3)
        old.send(Subscribe(3, (Subscription(topic_filter),)))
        assert old.is_closed()


def test_the_51st_subscription_is_refused_and_the_others_stay() -> None:
    with running() as place:
        there = place.connect(place.device())
        codes: list[int] = []
        for start in range(0, 56, 8):
            filters = tuple(Subscription(f"t/{number}") for number in range(start, start + 8))
            there.send(Subscribe(1, filters))
            codes += there.receive(Suback).reason_codes

        assert codes == [0] * 50 + [0x97] * 6
        there.send(Subscribe(1, (Subscription("t/51"),)))
        refused = there.receive(Suback)
        assert "'bulb-1' has 50 subscriptions, the most" in str(refused.properties.reason_string)
        there.send(Unsubscribe(2, ("t/1",)))
        there.receive(Unsuback)
        subscribed(there, "t/51")
        assert metric_sum("Subscribe.Throttle", by_protocol="MQTT") == 7


# -- shared subscriptions ---------------------------------------------------------------------


@VERSIONS
def test_of_clients_that_share_a_subscription_one_receives_a_message(version: Version) -> None:
    with running() as place:
        workers = [place.connect(place.device(f"worker-{n}"), version) for n in range(3)]
        for worker in workers:
            subscribed(worker, "$share/workers/jobs/+")
        other = place.connect(place.device("other"), version)
        subscribed(other, "jobs/#")
        for number in range(12):
            client(service="iot-data").publish(topic="jobs/x", payload=b"%d" % number, qos=1)
        client(service="iot-data").publish(topic="jobs/y/end", payload=b"end", qos=1)
        assert [said(other) for _ in range(13)][-1] == b"end"

        received = []
        for worker in workers:
            worker.send(Unsubscribe(2, ("$share/workers/jobs/+",)))
            while isinstance(packet := worker.next_packet(), Publish):
                received.append(int(packet.payload))
            assert isinstance(packet, Unsuback)

        assert sorted(received) == list(range(12))


@pytest.mark.parametrize(("version", "code"), [(V3, 0x80), (V5, 0x97)], ids=["3.1.1", "5"])
def test_more_shared_subscriptions_than_an_account_may_have_are_refused(
    version: Version, code: int
) -> None:
    with running() as place:
        for number in range(2):
            worker = connect_device(place.device(f"worker-{number}"))
            for group in range(50):
                worker.subscribe(f"$share/workers-{number}/jobs/{group}")
        there = place.connect(place.device("other"), version)

        there.send(Subscribe(1, (Subscription("$share/more/jobs/1", 1),)))
        assert there.receive(Suback).reason_codes == (code,)
        subscribed(there, "jobs/1", "$share/workers-0/jobs/1")
        with pytest.raises(ValueError, match="100 shared subscriptions, the most"):
            connect_device(place.device("last")).subscribe("$share/last/jobs/1")
        assert metric_sum("Subscribe.Throttle", by_protocol="MQTT") == 2

        worker.disconnect()
        subscribed(there, "$share/more/jobs/1")


@VERSIONS
def test_messages_for_members_that_are_all_away_wait_for_the_first_that_comes(
    version: Version,
) -> None:
    options: dict[str, Any] = {"clean_start": False}
    if version is V5:
        options["properties"] = KEPT
    with running() as place:
        workers = [place.device(f"worker-{n}") for n in range(2)]
        for number, worker in enumerate(workers):
            there = place.connect(worker, version, **options)
            subscribed(there, "$share/workers/jobs/+")
            there.close()
            place.endpoint.wait_for("disconnection", client_id=f"worker-{number}")
        publish = client(service="iot-data").publish
        for number in range(20):
            publish(topic="jobs/x", payload=b"%d" % number, qos=1)
        publish(topic="jobs/x", payload=b"lost", qos=0)

        back = place.connect(workers[1], version, **options)
        assert [said(back) for _ in range(20)] == [b"%d" % number for number in range(20)]
        publish(topic="jobs/x", payload=b"live", qos=1)
        assert said(back) == b"live"
        back.close()
        place.endpoint.wait_for("disconnection", client_id="worker-1")

        publish(topic="jobs/x", payload=b"next", qos=1)
        new = place.connect(place.device("worker-2"), version)
        new.send(Subscribe(1, (Subscription("$share/workers/jobs/+", 1),)))
        packets = [new.next_packet() for _ in range(2)]
        assert [one.payload for one in packets if isinstance(one, Publish)] == [b"next"]
        last = place.connect(workers[0], version, **options)
        last.send(Publish("jobs/x", b"for either", 1, 7))
        assert last.next_packet() in (Puback(7), Publish("jobs/x", b"for either", 1, 1))


def test_a_simulated_worker_gets_what_waits_for_real_ones() -> None:
    with running() as place:
        there = place.connect(place.device("real"), clean_start=False, properties=KEPT)
        subscribed(there, "$share/workers/jobs/+")
        there.close()
        place.endpoint.wait_for("disconnection", client_id="real")
        client(service="iot-data").publish(topic="jobs/x", payload=b"waits", qos=1)

        simulated = connect_device(place.device("simulated"))
        simulated.subscribe("$share/workers/jobs/+")
        assert simulated.receive().payload == b"waits"


@pytest.mark.parametrize(("version", "code"), [(V3, 0x80), (V5, 0x97)], ids=["3.1.1", "5"])
def test_a_shared_subscription_changes_a_hundred_times_a_second_where_calls_are_throttled(
    version: Version, code: int
) -> None:
    with running({"throttling": {"*": True}}) as place, freeze_time() as frozen:
        there = place.connect(place.device(), version)
        for _ in range(50):
            subscribed(there, "$share/workers/jobs/1")
            there.send(Unsubscribe(2, ("$share/workers/jobs/1",)))
            there.receive(Unsuback)

        there.send(Subscribe(1, (Subscription("$share/workers/jobs/1", 1),)))
        assert there.receive(Suback).reason_codes == (code,)
        subscribed(there, "$share/others/jobs/1", "jobs/1")
        frozen.tick(timedelta(seconds=1))
        subscribed(there, "$share/workers/jobs/1")
        assert metric_sum("Subscribe.Throttle", by_protocol="MQTT") == 1


# -- handlers of tests ------------------------------------------------------------------------


def test_a_handler_that_blocks_keeps_no_other_device_waiting() -> None:
    with running() as place:
        go_on = threading.Event()
        place.jitp.subscribe("slow", lambda event: go_on.wait(HANG))
        slow = place.connect(place.device("slow"))
        other = place.connect(place.device("other"))
        subscribed(other, "echo")
        slow.send(Publish("slow", b"x", 1, 1))

        other.send(Publish("echo", b"quick"))
        assert said(other) == b"quick"

        go_on.set()
        assert slow.receive(Puback) == Puback(1)


def test_a_handler_that_fails_is_reported_and_no_device_suffers() -> None:
    def fail(event: Any) -> None:
        raise ValueError("this handler is broken")

    with running() as place:
        place.jitp.subscribe("a", fail)
        there = place.connect(place.device())
        there.send(Publish("a", b"x", 1, 1))

        assert there.receive(Puback) == Puback(1)
        place.until_logged("this handler is broken")
