"""Connections of real clients are disturbed as a test asks: paho and mosquitto meet it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from support.endpoint_stories import V3, V5, Place, running
from support.patience import HANG, until

from moto_jitp import DeviceIdentity
from moto_jitp.mqtt.packets import Connack, Connect, Pingreq, Puback, Publish, Version

VERSIONS = pytest.mark.parametrize("version", [V3, V5], ids=["3.1.1", "5"])
NEEDS_MOSQUITTO = pytest.mark.skipif(
    shutil.which("mosquitto_pub") is None, reason="mosquitto_pub is not installed"
)


@pytest.fixture
def place() -> Iterator[Place]:
    with running() as one:
        yield one


@pytest.fixture
def bulb(place: Place) -> DeviceIdentity:
    return place.device("bulb-1")


def message(packet_id: int, payload: bytes = b"on") -> Publish:
    return Publish("bulbs/1", payload, qos=1, packet_id=packet_id)


# -- packet by packet -------------------------------------------------------------------------


@VERSIONS
def test_a_delayed_connect_is_answered_later(
    place: Place, bulb: DeviceIdentity, version: Version
) -> None:
    asked = place.jitp.disturb("delay", "bulb-1", seconds=0.05)

    with place.connect(bulb, version):
        assert asked.calls == 1


def test_other_clients_are_answered_while_one_waits(place: Place, bulb: DeviceIdentity) -> None:
    lamp = place.device("lamp-1")
    place.jitp.disturb("delay", "bulb-1", seconds=3600)

    with place.open(bulb) as there:
        there.send(Connect("bulb-1", V5))
        with place.connect(lamp):
            pass

    assert [
        connection.client_id for connection in place.jitp.connections if connection.accepted
    ] == ["lamp-1"]


@VERSIONS
def test_a_throttled_connect_is_refused_and_the_next_is_not(
    place: Place, bulb: DeviceIdentity, version: Version
) -> None:
    place.endpoint.disturb("throttle", "bulb-1")

    with place.open(bulb, version) as there:
        there.send(Connect("bulb-1", version))
        if version is V5:
            assert there.receive(Connack).reason_code == 0x97
        assert there.is_closed()
    with place.connect(bulb, version):
        pass

    assert place.jitp.connections[-2].reason == "CONNECT_THROTTLED"


@VERSIONS
def test_a_connection_breaks_after_a_packet_that_was_carried_out(
    place: Place, bulb: DeviceIdentity, version: Version
) -> None:
    place.jitp.disturb("drop", "bulb-1", packets=2)
    with place.connect(bulb, version) as there:
        there.send(message(1, b"first"))
        assert there.receive(Puback).packet_id == 1
        there.send(message(2, b"second"), message(3, b"third"))
        assert there.is_closed()

    payloads = [place.endpoint.wait_for("message", topic="bulbs/1").payload for _ in range(2)]
    assert payloads == [b"first", b"second"]
    ended = place.endpoint.wait_for("disconnection", client_id="bulb-1")
    assert ended.payload["disconnectReason"] == "CONNECTION_LOST"
    assert b"third" not in [event.payload for event in place.jitp.events]


def test_a_connection_can_break_before_its_connack(place: Place, bulb: DeviceIdentity) -> None:
    place.jitp.disturb("drop", packets=0)
    with place.open(bulb) as there:
        there.send(Connect("bulb-1", V5))
        assert there.is_closed()

    assert place.endpoint.wait_for("connection", client_id="bulb-1").accepted
    place.endpoint.wait_for("disconnection", client_id="bulb-1")


@VERSIONS
def test_a_half_open_connection_is_silent_until_the_client_comes_back(
    place: Place, bulb: DeviceIdentity, version: Version
) -> None:
    place.jitp.disturb("half-open", "bulb-1", packets=1)
    with place.connect(bulb, version) as there:
        there.send(message(1, b"first"))
        assert there.receive(Puback).packet_id == 1
        there.send(message(2, b"lost"), Pingreq())
        there.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            there.socket.recv(1)
    assert not _disconnections(place)

    with place.connect(bulb, version):
        ended = place.endpoint.wait_for("disconnection", client_id="bulb-1")

    assert ended.payload["disconnectReason"] == "DUPLICATE_CLIENTID"
    assert b"lost" not in [event.payload for event in place.jitp.events]


def _disconnections(place: Place) -> list[Any]:
    return [event for event in place.jitp.events if "/presence/disconnected/" in event.topic]


@VERSIONS
def test_a_puback_is_lost_and_the_next_is_not(
    place: Place, bulb: DeviceIdentity, version: Version
) -> None:
    place.jitp.disturb("lose-puback", "bulb-1")
    with place.connect(bulb, version) as there:
        there.send(message(1))
        place.endpoint.wait_for("message", topic="bulbs/1")
        there.send(message(2))
        assert there.receive(Puback).packet_id == 2


def test_every_second_connection_of_all_clients_is_disturbed(
    place: Place, bulb: DeviceIdentity
) -> None:
    asked = place.jitp.disturb("drop", times=None, every=2, packets=0)
    outcomes = []
    for _ in range(4):
        with place.open(bulb) as there:
            there.send(Connect("bulb-1", V5))
            outcomes.append(there.next_packet() is not None)

    assert outcomes == [True, False, True, False]
    assert asked.calls == 2


def test_provisioning_takes_its_time_over_the_endpoint(place: Place) -> None:
    place.jitp.disturb("slow-provisioning", "slow", seconds=3600)

    refused = place.is_refused(place.ca.issue(common_name="slow"))

    assert refused.reason == "DEVICE_CERTIFICATE_PENDING_ACTIVATION"
    assert refused.provisioning.status == "IN_PROGRESS"
    assert place.is_refused(place.ca.issue(common_name="quick")).reason == "RECONNECT_REQUIRED"


def test_disturbances_end_with_the_endpoint(place: Place) -> None:
    asked = place.endpoint.disturb("throttle", times=None)

    place.endpoint.stop()

    assert asked.remaining == 0
    with pytest.raises(RuntimeError, match="not running"):
        place.endpoint.disturb("throttle")


# -- real clients -----------------------------------------------------------------------------


@pytest.mark.slow
def test_paho_publishes_again_where_a_puback_was_lost_and_the_connection_broke(
    place: Place, bulb: DeviceIdentity
) -> None:
    mqtt = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    from paho.mqtt.enums import CallbackAPIVersion

    place.jitp.disturb("drop", "bulb-1", packets=1)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bulb-1", clean_session=False)
    client.tls_set(**place.endpoint.paho(bulb))
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.connect(place.endpoint.host, place.endpoint.port)
    client.loop_start()
    try:
        published = client.publish("bulbs/1", "on", qos=1)
        published.wait_for_publish(HANG)
    finally:
        client.disconnect()
        client.loop_stop()

    assert published.is_published()
    payloads = [place.endpoint.wait_for("message", topic="bulbs/1").payload for _ in range(2)]
    assert payloads == [b"on", b"on"]


@pytest.mark.slow
def test_paho_is_told_of_a_throttled_connect_and_tries_again(
    place: Place, bulb: DeviceIdentity
) -> None:
    mqtt = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

    place.jitp.disturb("throttle", "bulb-1")
    codes: list[str] = []
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id="bulb-1", protocol=MQTTProtocolVersion.MQTTv5
    )
    client.on_connect = lambda *arguments: codes.append(str(arguments[3]))
    client.tls_set(**place.endpoint.paho(bulb))
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.connect(place.endpoint.host, place.endpoint.port)
    client.loop_start()
    try:
        until(lambda: len(codes) == 2)
    finally:
        client.disconnect()
        client.loop_stop()

    assert codes == ["Quota exceeded", "Success"]


@pytest.mark.slow
@NEEDS_MOSQUITTO
def test_mosquitto_loses_its_connection_before_the_puback(
    place: Place, bulb: DeviceIdentity
) -> None:
    place.jitp.disturb("drop", "bulb-1")
    command = ["mosquitto_pub", *place.endpoint.mosquitto_args(bulb), "-i", "bulb-1"]
    command += ["-q", "1", "-t", "bulbs/1", "-m", "on", "-V", "mqttv5"]

    def published() -> tuple[int, str]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)
        event = place.endpoint.wait_for("message", topic="bulbs/1", timeout=HANG)
        assert event.payload == b"on"
        return done.returncode, done.stderr.strip()

    # The message arrives both times, but mosquitto only learns of the second.
    assert published() == (7, "Error: The connection was lost.")
    assert published() == (0, "")
