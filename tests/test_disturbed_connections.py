"""Connections of simulated devices are disturbed as a test asks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from support.bodies import PLAIN_BODY
from support.cloud import client
from support.monitoring import metric_sum

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    DeviceIdentity,
    JitpHandle,
    connect_device,
)


@pytest.fixture
def ca(iot: Any) -> CertificateAuthority:
    ca = CertificateAuthority(common_name="Acme Root")
    ca.register(iot, template_body=PLAIN_BODY)
    return ca


@pytest.fixture
def bulb(ca: CertificateAuthority) -> DeviceIdentity:
    """A device that has been provisioned."""
    bulb = ca.issue(common_name="bulb-1")
    connect_device(bulb).disconnect()
    return bulb


def reason_of(device: DeviceIdentity, **options: Any) -> str | None:
    """Why a device is refused; ``None`` if it is accepted."""
    try:
        connect_device(device, **options)
    except ConnectionRefused as refused:
        return refused.reason.value
    return None


# -- the CONNECT ------------------------------------------------------------------------------


def test_the_next_connect_of_a_client_is_throttled(
    mocked: JitpHandle, ca: CertificateAuthority, bulb: DeviceIdentity
) -> None:
    lamp = ca.issue(common_name="lamp-1")
    asked = mocked.disturb("throttle", "bulb-1")

    assert reason_of(lamp) is None
    assert reason_of(bulb) == "CONNECT_THROTTLED"
    assert reason_of(bulb) is None
    assert (asked.calls, asked.remaining) == (1, 0)
    assert metric_sum("Connect.Throttle") == 1
    assert "disturb('throttle')" in mocked.connections[-2].message


def test_every_third_connect_is_throttled_until_that_is_cancelled(
    mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    asked = mocked.disturb("throttle", times=None, every=3)

    reasons = [reason_of(bulb) for _ in range(7)]
    asked.cancel()
    later = [reason_of(bulb) for _ in range(3)]

    throttled = [number for number, reason in enumerate(reasons, 1) if reason is not None]
    assert throttled == [3, 6]
    assert later == [None, None, None]


def test_a_delayed_connect_goes_through_when_the_clock_of_the_test_says_so(
    clock: FrozenDateTimeFactory, mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    mocked.disturb("delay", "bulb-1", seconds=30)

    assert reason_of(bulb) == "CONNECT_DELAYED"
    clock.tick(timedelta(seconds=29))
    assert reason_of(bulb) == "CONNECT_DELAYED"
    clock.tick(timedelta(seconds=1))
    assert reason_of(bulb) is None


def test_a_delay_that_is_cancelled_delays_no_longer(
    mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    asked = mocked.disturb("delay", seconds=3600)
    assert reason_of(bulb) == "CONNECT_DELAYED"

    asked.cancel()

    assert reason_of(bulb) is None


# -- what follows it --------------------------------------------------------------------------


def test_a_connection_breaks_after_a_packet_that_was_carried_out(
    mocked: JitpHandle, ca: CertificateAuthority, bulb: DeviceIdentity
) -> None:
    screen = connect_device(ca.issue(common_name="screen"))
    screen.subscribe("bulbs/#")
    mocked.disturb("drop", "bulb-1", packets=2)
    connection = connect_device(bulb)

    connection.publish("bulbs/1", "first")
    with pytest.raises(ConnectionError, match=r"disturb\('drop'\)"):
        connection.publish("bulbs/1", "second")

    assert not connection.connected
    assert [screen.receive().payload, screen.receive().payload] == [b"first", b"second"]
    last = [event for event in mocked.events if "/disconnected/bulb-1" in event.topic][-1]
    assert last.payload["disconnectReason"] == "CONNECTION_LOST"
    assert reason_of(bulb) is None


def test_a_connection_can_break_before_its_connack(
    mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    mocked.disturb("drop", packets=0)

    connection = connect_device(bulb)

    assert not connection.connected
    with pytest.raises(ConnectionError, match=r"disturb\('drop'\)"):
        connection.subscribe("a")


def test_nothing_gets_through_a_half_open_connection_until_its_keep_alive_has_run_out(
    clock: FrozenDateTimeFactory,
    mocked: JitpHandle,
    ca: CertificateAuthority,
    bulb: DeviceIdentity,
) -> None:
    screen = connect_device(ca.issue(common_name="screen"))
    screen.subscribe("bulbs/#")
    mocked.disturb("half-open", "bulb-1", packets=1)
    connection = connect_device(bulb)
    connection.subscribe("orders")

    connection.publish("bulbs/1", "lost")
    screen.publish("orders", "lost, too")

    for closed in (screen, connection):
        with pytest.raises(TimeoutError):
            closed.receive()
    with pytest.raises(TimeoutError, match="SUBACK"):
        connection.subscribe("more")
    assert client(service="iot-data").get_connection(clientId="bulb-1")["connected"]
    clock.tick(timedelta(minutes=31))
    gone = client(service="iot-data").get_connection(clientId="bulb-1")
    assert gone["disconnectReason"] == "MQTT_KEEP_ALIVE_TIMEOUT"
    with pytest.raises(ConnectionError, match="half-open"):
        connection.publish("bulbs/1", "late")


def test_a_message_arrives_and_its_puback_does_not(
    mocked: JitpHandle, ca: CertificateAuthority, bulb: DeviceIdentity
) -> None:
    screen = connect_device(ca.issue(common_name="screen"))
    screen.subscribe("bulbs/#")
    mocked.disturb("lose-puback", "bulb-1")
    connection = connect_device(bulb)

    with pytest.raises(TimeoutError, match="received no PUBACK"):
        connection.publish("bulbs/1", "on")
    connection.publish("bulbs/1", "on")

    assert [screen.receive().payload, screen.receive().payload] == [b"on", b"on"]


def test_provisioning_takes_thirty_seconds_of_the_clock(
    clock: FrozenDateTimeFactory, mocked: JitpHandle, iot: Any, ca: CertificateAuthority
) -> None:
    slow, quick = ca.issue(common_name="slow"), ca.issue(common_name="quick")
    mocked.disturb("slow-provisioning", "slow")

    assert reason_of(quick) is None
    assert reason_of(slow) == "DEVICE_CERTIFICATE_PENDING_ACTIVATION"
    clock.tick(timedelta(seconds=29))
    description = iot.describe_certificate(certificateId=slow.certificate_id)
    assert description["certificateDescription"]["status"] == "PENDING_ACTIVATION"
    clock.tick(timedelta(seconds=1))
    description = iot.describe_certificate(certificateId=slow.certificate_id)
    assert description["certificateDescription"]["status"] == "ACTIVE"
    assert reason_of(slow) is None


def test_disturbances_of_several_kinds_meet_on_one_connection(
    mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    mocked.disturb("lose-puback")
    mocked.disturb("drop", packets=2)
    connection = connect_device(bulb)

    with pytest.raises(TimeoutError):
        connection.publish("a", "1")
    with pytest.raises(ConnectionError):
        connection.publish("a", "2")


# -- asking -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("half_open", {}, "Did you mean 'half-open'?"),
        ("delay", {}, "needs seconds"),
        ("delay", {"seconds": 0}, "greater than 0"),
        ("drop", {"seconds": 3}, "delay and slow-provisioning do"),
        ("throttle", {"packets": 1}, "has no packets"),
        ("lose-puback", {"packets": 0}, "1 or more"),
        ("drop", {"packets": -1}, "0 or more"),
        ("drop", {"times": 0}, "or None"),
        ("drop", {"every": True}, "every must be a number of connections"),
    ],
)
def test_a_wrong_request_is_refused_at_once(
    mocked: JitpHandle, kind: str, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says.replace("?", r"\?")):
        mocked.disturb(kind, **options)


def test_a_reset_leaves_them_and_the_end_of_the_block_does_not(bulb: DeviceIdentity) -> None:
    from moto_jitp import mock_jitp

    with mock_jitp() as inner:
        inner.disturb("throttle", times=None)
        assert reason_of(bulb) == "CONNECT_THROTTLED"
    assert reason_of(bulb) is None
    with pytest.raises(RuntimeError, match="has ended"):
        inner.disturb("throttle")
