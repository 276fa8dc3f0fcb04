"""SendDirectMessage to real devices: with and without their acknowledgement."""

from __future__ import annotations

import json
import threading

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from support.cloud import client
from support.endpoint_stories import V3, V5, running
from support.service_models import needs_complete_models

from moto_jitp.mqtt.packets import Disconnect, Puback, Publish, Version
from moto_jitp.mqtt.properties import Properties

# AWS's limit of a sender's timeout, in seconds.
SHORTEST, LONGEST = 1, 15
pytestmark = needs_complete_models
VERSIONS = pytest.mark.parametrize("version", [V3, V5])


@VERSIONS
def test_the_sender_waits_for_the_acknowledgement(version: Version) -> None:
    with running() as place:
        data = client(service="iot-data")
        there = place.connect(place.device(), version)
        answers: list[str] = []

        def send() -> None:
            answer = data.send_direct_message(
                clientId="bulb-1",
                topic="commands/reboot",
                payload=b"now",
                confirmation=True,
                timeout=LONGEST,
                contentType="text/plain",
                userProperties=json.dumps([{"reason": "update"}]),
            )
            answers.append(answer["message"])

        sender = threading.Thread(target=send)
        sender.start()
        received = there.receive(Publish)
        assert (received.topic, received.payload, received.qos) == ("commands/reboot", b"now", 1)
        if version is V5:
            assert received.properties.content_type == "text/plain"
            assert received.properties.user_properties == (("reason", "update"),)
        assert received.packet_id is not None
        there.send(Puback(received.packet_id))
        sender.join()
        assert answers == ["OK"]


def test_without_confirmation_it_is_sent_at_qos_0() -> None:
    with running() as place:
        there = place.connect(place.device())
        client(service="iot-data").send_direct_message(clientId="bulb-1", topic="a")
        assert there.receive(Publish).qos == 0


def test_a_client_that_does_not_acknowledge_is_a_timeout() -> None:
    with running() as place:
        data = client(service="iot-data")
        there = place.connect(place.device())
        with pytest.raises(data.exceptions.GatewayTimeoutException, match="within 1 seconds"):
            data.send_direct_message(
                clientId="bulb-1", topic="a", confirmation=True, timeout=SHORTEST
            )
        assert there.receive(Publish).qos == 1


def test_a_session_that_is_kept_is_described_and_gets_no_direct_message() -> None:
    with running() as place:
        data = client(service="iot-data")
        kept = Properties(session_expiry_interval=600)
        there = place.connect(place.device(), clean_start=False, properties=kept, keep_alive=60)
        found = data.get_connection(clientId="bulb-1", includeSocketInformation=True)
        assert (found["cleanSession"], found["sessionExpiry"]) == (False, 600)
        assert (found["keepAliveDuration"], found["targetPort"]) == (60, place.endpoint.port)
        there.send(Disconnect())
        place.endpoint.wait_for("disconnection", client_id="bulb-1")

        with pytest.raises(
            data.exceptions.ResourceNotFoundException, match="has an active persistent session"
        ):
            data.send_direct_message(clientId="bulb-1", topic="a")
        assert data.list_subscriptions(clientId="bulb-1")["subscriptions"] == []
