"""Actions of only real devices are logged and counted: pings, and waiting messages."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from support.cloud import client
from support.endpoint_stories import running
from support.monitoring import log_entries

from moto_jitp.mqtt.packets import Disconnect, Pingreq, Pingresp, Suback, Subscribe, Subscription
from moto_jitp.mqtt.properties import Properties

ROLE = "arn:aws:iam::123456789012:role/logs"


def logged(event_type: str) -> list[dict[str, Any]]:
    return [entry for entry in log_entries() if entry["eventType"] == event_type]


def test_a_message_that_waits_for_a_client_is_logged_as_queued() -> None:
    with running() as place:
        place.iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
        kept = Properties(session_expiry_interval=600)
        there = place.connect(place.device(), clean_start=False, properties=kept)
        there.send(Subscribe(1, (Subscription("a/#", 1), Subscription("a/+", 1))))
        there.receive(Suback)
        there.send(Disconnect())
        place.endpoint.wait_for("disconnection", client_id="bulb-1")

        data = client(service="iot-data")
        data.publish(topic="a/b", payload=b"kept", qos=1)
        data.publish(topic="a/b", payload=b"lost", qos=0)

        [entry] = logged("Queued")
        assert (entry["status"], entry["topicName"], entry["qos"]) == ("Success", "a/b", "1")
        assert entry["clientId"] == "bulb-1"


def test_a_ping_is_logged_at_level_debug() -> None:
    with running() as place:
        place.iot.set_v2_logging_options(
            roleArn=ROLE,
            defaultLogLevel="DEBUG",
            eventConfigurations=[{"eventType": "Ping", "logLevel": "DEBUG"}],
        )
        there = place.connect(place.device())
        there.send(Pingreq())
        there.receive(Pingresp)
        # What the client does next comes after the entry of its ping.
        there.send(Disconnect())
        place.endpoint.wait_for("disconnection", client_id="bulb-1")
        [entry] = logged("Ping")
        assert (entry["status"], entry["logLevel"]) == ("Success", "DEBUG")
        assert entry["requestTimestamp"] == entry["responseTimestamp"]
