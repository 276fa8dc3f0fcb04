"""A session is closed, and says so, whatever ends it; and it knows its client's address."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import client
from support.monitoring import log_entries
from support.sessions import outcome_of, session_of

from moto_jitp import (
    CertificateAuthority,
    DeviceConnection,
    DeviceIdentity,
    JitpHandle,
    NotAuthorized,
    RefusalReason,
    connect_device,
    mock_jitp,
)
from moto_jitp.devices.sessions import Session
from moto_jitp.history.messages import Message
from moto_jitp.mqtt.events import DisconnectReason
from moto_jitp.mqtt.packets import Will
from moto_jitp.mqtt.properties import Properties
from moto_jitp.mqtt.transport import Transport

ELSEWHERE = Transport("192.0.2.7", 40123)


@pytest.fixture
def bulb(iot: Any, acme: CertificateAuthority) -> DeviceIdentity:
    """A device whose CA provisions it."""
    acme.register(iot, template_body=PLAIN_BODY)
    return acme.issue(common_name="bulb")


class Closings:
    """What a session reports about its end."""

    def __init__(self, session: Session) -> None:
        self.reasons: list[DisconnectReason] = []
        session.on_closed(self.reasons.append)


def deactivate(device: DeviceIdentity) -> None:
    client().update_certificate(certificateId=device.certificate_id, newStatus="INACTIVE")


def revoke(device: DeviceIdentity) -> None:
    client().update_certificate(certificateId=device.certificate_id, newStatus="REVOKED")


def delete(device: DeviceIdentity) -> None:
    deactivate(device)
    arn = client().describe_certificate(certificateId=device.certificate_id)
    arn = arn["certificateDescription"]["certificateArn"]
    client().detach_thing_principal(thingName="bulb", principal=arn)
    client().delete_certificate(certificateId=device.certificate_id)


def deactivate_by_a_run(device: DeviceIdentity) -> None:
    body = {
        "Resources": {
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": device.certificate_id, "Status": "INACTIVE"},
            }
        }
    }
    client().register_thing(templateBody=json.dumps(body))


ENDS_OF_A_CERTIFICATE: list[Callable[[DeviceIdentity], None]] = [
    deactivate,
    revoke,
    delete,
    deactivate_by_a_run,
]


@pytest.mark.parametrize("end", ENDS_OF_A_CERTIFICATE)
def test_a_session_is_closed_with_its_certificate(
    bulb: DeviceIdentity, mocked: JitpHandle, end: Callable[[DeviceIdentity], None]
) -> None:
    session = session_of(bulb)
    closings = Closings(session)

    end(bulb)

    assert closings.reasons == [DisconnectReason.AUTH_ERROR]
    assert not session.is_open
    assert mocked.events[-1].payload["disconnectReason"] == "AUTH_ERROR"


def test_the_sessions_of_other_certificates_stay_open(
    bulb: DeviceIdentity, acme: CertificateAuthority
) -> None:
    session = session_of(acme.issue(common_name="lamp"))
    connect_device(bulb)
    deactivate(bulb)
    assert session.is_open


def test_a_session_is_closed_when_its_client_id_is_taken(
    bulb: DeviceIdentity, acme: CertificateAuthority
) -> None:
    older = session_of(bulb, client_id="one")
    closings = Closings(older)

    newer = session_of(acme.issue(common_name="lamp"), client_id="one")

    assert closings.reasons == [DisconnectReason.DUPLICATE_CLIENTID]
    assert newer.is_open
    older.close(DisconnectReason.CLIENT_INITIATED_DISCONNECT)
    assert newer.is_open


def test_a_session_is_closed_by_a_reset(bulb: DeviceIdentity, mocked: JitpHandle) -> None:
    closings = Closings(session_of(bulb))
    heard: list[Any] = []
    mocked.subscribe("$aws/events/presence/disconnected/#", heard.append)

    mocked.reset()

    assert closings.reasons == [DisconnectReason.SERVER_INITIATED_DISCONNECT]
    assert [event.payload["clientId"] for event in heard] == ["bulb"]
    assert mocked.events == ()


def test_a_reset_clears_the_state_whatever_a_handler_raises(
    bulb: DeviceIdentity, mocked: JitpHandle
) -> None:
    connect_device(bulb)

    def fail(event: Any) -> None:
        raise LookupError("the handler's own")

    mocked.subscribe("$aws/events/presence/disconnected/#", fail)
    with pytest.raises(LookupError, match="the handler's own"):
        mocked.reset()
    assert client().list_things()["things"] == []


def test_a_session_is_closed_at_the_end_of_the_mock(acme: CertificateAuthority) -> None:
    with mock_jitp():
        acme.register(client(), template_body=PLAIN_BODY)
        session = session_of(acme.issue(common_name="bulb"))
        closings = Closings(session)
    assert closings.reasons == [DisconnectReason.SERVER_INITIATED_DISCONNECT]
    assert not session.is_open


def test_a_connection_does_not_come_back_with_the_next_block(acme: CertificateAuthority) -> None:
    with mock_jitp():
        acme.register(client(), template_body=PLAIN_BODY)
        connection = connect_device(acme.issue(common_name="bulb"))
    with mock_jitp():
        assert not connection.connected


def test_a_handler_added_too_late_is_called_at_once(bulb: DeviceIdentity) -> None:
    session = session_of(bulb)
    session.close(DisconnectReason.CONNECTION_LOST)
    assert Closings(session).reasons == [DisconnectReason.CONNECTION_LOST]


def test_a_session_is_closed_once(bulb: DeviceIdentity, mocked: JitpHandle) -> None:
    session = session_of(bulb)
    closings = Closings(session)
    session.close(DisconnectReason.MQTT_KEEP_ALIVE_TIMEOUT)
    session.close(DisconnectReason.CONNECTION_LOST)
    deactivate(bulb)
    assert closings.reasons == [DisconnectReason.MQTT_KEEP_ALIVE_TIMEOUT]
    ends = [e.payload for e in mocked.events if "/disconnected/" in e.topic]
    assert [end["disconnectReason"] for end in ends] == ["MQTT_KEEP_ALIVE_TIMEOUT"]
    assert not ends[0]["clientInitiatedDisconnect"]


def test_a_closed_session_receives_and_does_nothing(bulb: DeviceIdentity) -> None:
    session, heard = session_of(bulb), []
    session.subscribe("news", heard.append)
    session.close(DisconnectReason.CONNECTION_LOST)
    client(service="iot-data").publish(topic="news", payload=b"good")
    assert heard == []
    with pytest.raises(ConnectionError, match="'bulb' is closed"):
        session.publish("news", b"good")
    with pytest.raises(ConnectionError, match="'bulb' is closed"):
        session.subscribe("weather")


def test_a_subscription_ends_when_it_is_unsubscribed(bulb: DeviceIdentity) -> None:
    session, heard = session_of(bulb), []
    subscription = session.subscribe("news", heard.append, qos=1)
    assert session.subscriptions == {"news": subscription}
    session.publish("news", b"1")
    session.unsubscribe(subscription)
    session.unsubscribe(subscription)
    session.publish("news", b"2")
    assert [message.payload for message in heard] == [b"1"]
    assert session.subscriptions == {}


def test_messages_without_a_handler_wait_in_the_queue(bulb: DeviceIdentity) -> None:
    session = session_of(bulb)
    session.subscribe("news")
    session.publish("news", b"1")
    waiting = session.queue.get_nowait()
    assert isinstance(waiting, Message)
    assert (waiting.topic, waiting.payload) == ("news", b"1")
    assert session.queue.empty()


def test_the_mqtt_5_properties_of_a_message_are_passed_on(bulb: DeviceIdentity) -> None:
    session = session_of(bulb)
    heard: list[Message] = []
    said = Properties(content_type="text/plain", user_properties=(("a", "1"), ("a", "2")))
    session.subscribe("news", heard.append)
    session.publish("news", b"good", qos=1, properties=said)
    assert [(message.qos, message.properties, message.is_retained) for message in heard] == [
        (1, said, False)
    ]
    assert heard[0].publisher == ("bulb", bulb.certificate_id, "127.0.0.1", "MQTT")


def test_a_retained_message_is_marked_as_one(bulb: DeviceIdentity) -> None:
    session = session_of(bulb)
    heard: list[Message] = []
    session.publish("news", b"good", retain=True)
    session.subscribe("news", heard.append)
    assert [(message.payload, message.is_retained) for message in heard] == [(b"good", True)]
    session.subscribe("news", heard.append, with_retained=False)
    assert len(heard) == 1


def test_events_and_log_entries_have_the_address_of_a_client(
    iot: Any, bulb: DeviceIdentity, mocked: JitpHandle
) -> None:
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
    session_of(bulb, ELSEWHERE).publish("news", b"good")
    connected = [event for event in mocked.events if "/connected/" in event.topic]
    assert [event.payload["ipAddress"] for event in connected] == ["192.0.2.7"]
    places = {
        (entry["eventType"], entry["sourceIp"], entry["sourcePort"])
        for entry in log_entries()
        if entry["eventType"] in ("Connect", "Publish-In")
    }
    assert places == {("Connect", "192.0.2.7", 40123), ("Publish-In", "192.0.2.7", 40123)}
    assert mocked.connections[-1].transport == ELSEWHERE


def test_the_verdict_carries_what_was_found(bulb: DeviceIdentity) -> None:
    outcome = outcome_of(bulb)
    verdict = outcome.verdict
    assert verdict.certificate is not None
    assert verdict.certificate.certificate_id == bulb.certificate_id
    assert (verdict.thing_name, verdict.client_id) == ("bulb", "bulb")
    assert outcome.session is not None
    assert outcome.session.certificate is verdict.certificate


def test_a_refused_device_has_no_session(acme: CertificateAuthority, mocked: JitpHandle) -> None:
    outcome = outcome_of(acme.issue(common_name="bulb"))
    assert outcome.session is None
    assert outcome.verdict.certificate is None
    assert outcome.attempt.reason is RefusalReason.DEVICE_CERTIFICATE_NOT_REGISTERED


CONNECTS = [
    (Transport("192.0.2.7", 1), True),
    (Transport("198.51.100.1", 1), False),
    (Transport("192.0.2.7", 1, clean=False), False),
    (Transport("192.0.2.7", 1, will=Will("gone", b"")), False),
]


@pytest.mark.parametrize(("transport", "is_allowed"), CONNECTS)
def test_policies_see_the_transport(
    acme: CertificateAuthority, transport: Transport, is_allowed: bool
) -> None:
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        acme.register(client(), template_body=PLAIN_BODY)
        bulb = acme.issue(common_name="bulb")
        client().create_policy(
            policyName="from-home",
            policyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Action": "iot:Connect",
                        "Resource": "*",
                        "Condition": {
                            "IpAddress": {"aws:SourceIp": "192.0.2.0/24"},
                            "Null": {"iot:ConnectAttributes": "true"},
                        },
                    },
                }
            ),
        )
        outcome_of(bulb)
        arn = client().describe_certificate(certificateId=bulb.certificate_id)
        target = arn["certificateDescription"]["certificateArn"]
        client().attach_policy(policyName="from-home", target=target)
        outcome = outcome_of(bulb, transport)
        assert outcome.attempt.accepted is is_allowed, outcome.attempt.message
        if outcome.session is not None:
            with pytest.raises(NotAuthorized):
                outcome.session.publish("news", b"good")


def test_every_connection_is_a_device_connection(bulb: DeviceIdentity) -> None:
    assert isinstance(connect_device(bulb), DeviceConnection)
