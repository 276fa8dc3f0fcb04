"""AWS IoT disconnects the clients of a certificate that is no longer ACTIVE; here at once.

https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html
"""

from __future__ import annotations

from typing import Any

import pytest
from support.bodies import PLAIN_BODY, ROLE, body
from support.cloud import client
from support.monitoring import log_entries

from moto_jitp import CertificateAuthority, DeviceIdentity, Event, JitpHandle, connect_device

DISCONNECTED = "$aws/events/presence/disconnected/"


@pytest.fixture
def bulb(iot: Any, acme: CertificateAuthority) -> DeviceIdentity:
    acme.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
    return acme.issue(common_name="bulb")


def disconnected(jitp: JitpHandle) -> list[Event]:
    return [event for event in jitp.events if event.topic.startswith(DISCONNECTED)]


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_device_loses_its_connection_with_its_certificate(
    iot: Any, mocked: JitpHandle, bulb: DeviceIdentity, status: str
) -> None:
    connection = connect_device(bulb)
    iot.update_certificate(certificateId=bulb.certificate_id, newStatus=status)

    assert not connection.connected
    for use in (
        lambda: connection.publish("a", b""),
        lambda: connection.subscribe("a"),
        connection.receive,
    ):
        with pytest.raises(ConnectionError, match=f"{bulb.certificate_id} is {status}"):
            use()
    (event,) = disconnected(mocked)
    assert event.topic == DISCONNECTED + "bulb"
    assert event.payload["disconnectReason"] == "AUTH_ERROR"
    assert event.payload["clientInitiatedDisconnect"] is False
    connection.disconnect()
    assert len(disconnected(mocked)) == 1


def test_what_keeps_the_certificate_active_keeps_the_connection(
    iot: Any, mocked: JitpHandle, acme: CertificateAuthority, bulb: DeviceIdentity
) -> None:
    connection, other = connect_device(bulb), connect_device(acme.issue(common_name="lamp"))
    iot.update_certificate(certificateId=bulb.certificate_id, newStatus="ACTIVE")
    iot.update_ca_certificate(certificateId=acme.certificate_id, newStatus="INACTIVE")
    assert connection.connected
    iot.update_certificate(certificateId=bulb.certificate_id, newStatus="INACTIVE")
    assert other.connected
    other.publish("a", b"")


def test_a_certificate_that_is_active_again_needs_a_new_connection(
    iot: Any, bulb: DeviceIdentity
) -> None:
    old = connect_device(bulb)
    for status in ("INACTIVE", "ACTIVE"):
        iot.update_certificate(certificateId=bulb.certificate_id, newStatus=status)
    assert not old.connected
    with pytest.raises(ConnectionError, match="connect_device"):
        old.publish("a", b"")
    assert connect_device(bulb).connected


def test_every_client_of_a_certificate_is_disconnected(
    iot: Any, mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    connections = [connect_device(bulb, client_id=name) for name in ("one", "two", "two", "three")]
    iot.update_certificate(certificateId=bulb.certificate_id, newStatus="INACTIVE")
    assert [connection.connected for connection in connections] == [False] * 4
    ended = [event.topic.removeprefix(DISCONNECTED) for event in disconnected(mocked)]
    assert ended == ["two", "one", "two", "three"]


def test_a_handler_hears_of_it_at_once_and_may_call_the_cloud(
    iot: Any, mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    connect_device(bulb)
    mocked.subscribe(
        DISCONNECTED + "+",
        lambda event: iot.create_thing(thingName=f"lost-{event.payload['clientId']}"),
    )
    iot.update_certificate(certificateId=bulb.certificate_id, newStatus="INACTIVE")
    assert "lost-bulb" in [thing["thingName"] for thing in iot.list_things()["things"]]


def test_messages_from_before_it_are_still_there(iot: Any, bulb: DeviceIdentity) -> None:
    connection = connect_device(bulb)
    connection.subscribe("a")
    data = client(service="iot-data")
    data.publish(topic="a", payload=b"before")
    iot.update_certificate(certificateId=bulb.certificate_id, newStatus="INACTIVE")
    data.publish(topic="a", payload=b"after")
    assert connection.receive().payload == b"before"
    with pytest.raises(ConnectionError):
        connection.receive()


def test_it_is_logged(iot: Any, bulb: DeviceIdentity) -> None:
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
    connect_device(bulb)
    iot.update_certificate(certificateId=bulb.certificate_id, newStatus="REVOKED")
    entry = log_entries()[-1]
    assert entry["eventType"] == "Disconnect"
    assert entry["disconnectReason"] == "AUTH_ERROR"


def test_a_template_that_deactivates_the_certificate_ends_the_connection_too(
    iot: Any, mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    connection = connect_device(bulb)
    off = {
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                "Status": "INACTIVE",
            },
        }
    }
    iot.register_thing(
        templateBody=body(**off), parameters={"AWS::IoT::Certificate::Id": bulb.certificate_id}
    )
    assert not connection.connected
    assert len(disconnected(mocked)) == 1
