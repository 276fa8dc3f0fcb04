"""One story, two doors: real devices leave the same record as simulated ones.

Each story is told twice, by ``connect_device`` and by MQTT over TLS, with the same certificates at
the same frozen moment. What differs is what the transport adds, and nothing else.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, Protocol

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from bodies import PLAIN_BODY
from cloud import client
from endpoint_clients import RawClient, client_context
from endpoint_stories import identity
from fleet_helpers import make_template
from freezegun import freeze_time

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    DeviceConnection,
    DeviceEndpoint,
    DeviceIdentity,
    JitpHandle,
    NotAuthorized,
    connect_device,
    mock_jitp,
)
from moto_jitp.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
)

CA = CertificateAuthority(common_name="Acme Root")
BULB, PHONE = CA.issue(common_name="bulb"), CA.issue(common_name="phone")
MOMENT = datetime.now(timezone.utc).replace(microsecond=0)
STRANGER = CertificateAuthority(common_name="Stranger").issue(common_name="stranger")


class Connected(Protocol):
    """A device that is connected, by whichever door."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool: ...
    def subscribe(self, topic_filter: str) -> bool: ...
    def unsubscribe(self, topic_filter: str) -> None: ...
    def receive(self) -> tuple[str, bytes]: ...
    def disconnect(self) -> None: ...


class Simulated:
    """A device of ``connect_device``."""

    def __init__(self, connection: DeviceConnection) -> None:
        self._connection = connection

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        try:
            self._connection.publish(topic, payload, retain=retain)
        except (NotAuthorized, ValueError):
            return False
        return True

    def subscribe(self, topic_filter: str) -> bool:
        try:
            self._connection.subscribe(topic_filter)
        except (NotAuthorized, ValueError):
            return False
        return True

    def unsubscribe(self, topic_filter: str) -> None:
        for subscription in self._connection.subscriptions:
            if subscription.topic_filter == topic_filter:
                subscription.cancel()

    def receive(self) -> tuple[str, bytes]:
        event = self._connection.receive()
        return event.topic, event.payload

    def disconnect(self) -> None:
        self._connection.disconnect()


class Real:
    """A device on a socket, in MQTT 5, where what is refused leaves the connection as it is."""

    def __init__(self, link: RawClient, ended: Callable[[], object]) -> None:
        self._link = link
        self._ended = ended
        self._messages: list[Publish] = []

    def _answer(self, kind: type[Packet]) -> Any:
        while True:
            packet = self._link.next_packet()
            if isinstance(packet, kind):
                return packet
            assert isinstance(packet, Publish), packet
            self._messages.append(packet)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        self._link.send(Publish(topic, payload, 1, 1, retain))
        return bool(self._answer(Puback).reason_code == 0)

    def subscribe(self, topic_filter: str) -> bool:
        self._link.send(Subscribe(1, (Subscription(topic_filter),)))
        return bool(self._answer(Suback).reason_codes == (0,))

    def unsubscribe(self, topic_filter: str) -> None:
        self._link.send(Unsubscribe(1, (topic_filter,)))
        self._answer(Unsuback)

    def receive(self) -> tuple[str, bytes]:
        message = self._messages.pop(0) if self._messages else self._link.receive(Publish)
        return message.topic, message.payload

    def disconnect(self) -> None:
        self._link.send(Disconnect())
        assert self._link.is_closed()
        self._ended()


class Door:
    """A way for devices to connect, with the cloud side that they share.

    Attributes:
        jitp: the handle of the mock.
        iot: an IoT client.
    """

    def __init__(self, jitp: JitpHandle, endpoint: DeviceEndpoint | None) -> None:
        self.jitp = jitp
        self.iot: Any = client()
        self._endpoint = endpoint
        # A socket that nobody holds any more is closed, which a simulated device does not do.
        self._links: list[RawClient] = []

    def connect(self, device: DeviceIdentity) -> Connected | None:
        """Make one attempt; ``None`` where the device is refused."""
        name = device.presented.common_name
        assert name is not None
        if self._endpoint is None:
            with contextlib.suppress(ConnectionRefused):
                return Simulated(connect_device(device, client_id=name, reconnect=False))
            return None
        context = client_context(self._endpoint.root_ca_pem, device)
        link = RawClient(self._endpoint.port, context)
        self._links.append(link)
        link.send(Connect(name, Version.MQTT_5))
        answer = link.next_packet()
        if not isinstance(answer, Connack) or answer.reason_code:
            link.close()
            return None
        return Real(link, lambda: self._wait_for_the_end_of(name))

    def _wait_for_the_end_of(self, client_id: str) -> None:
        """Wait until it is written down that a client has disconnected by itself."""
        assert self._endpoint is not None
        is_its_own = False
        while not is_its_own:
            event = self._endpoint.wait_for("disconnection", client_id=client_id)
            is_its_own = event.payload["clientInitiatedDisconnect"]

    def provisioned(self, device: DeviceIdentity) -> Connected:
        """Connect a device for the first and the second time."""
        assert self.connect(device) is None
        connected = self.connect(device)
        assert connected is not None
        return connected


def a_first_connection(door: Door) -> None:
    bulb = door.provisioned(BULB)
    bulb.disconnect()


def a_stranger(door: Door) -> None:
    assert door.connect(STRANGER) is None


def a_certificate_that_is_deactivated(door: Door) -> None:
    door.provisioned(BULB)
    door.iot.update_certificate(certificateId=BULB.certificate_id, newStatus="INACTIVE")
    assert door.connect(BULB) is None


def messages(door: Door) -> None:
    bulb, phone = door.provisioned(BULB), door.provisioned(PHONE)
    assert phone.subscribe("rooms/+/light")
    assert bulb.publish("rooms/kitchen/light", b"on")
    assert phone.receive() == ("rooms/kitchen/light", b"on")
    assert bulb.publish("state", b"kept", retain=True)
    assert phone.subscribe("state")
    assert phone.receive() == ("state", b"kept")
    phone.unsubscribe("state")
    client(service="iot-data").publish(topic="rooms/hall/light", payload=b"off")
    assert phone.receive() == ("rooms/hall/light", b"off")


def what_is_not_allowed_as_a_topic(door: Door) -> None:
    bulb = door.provisioned(BULB)
    assert not bulb.publish("a/+", b"x")
    assert not bulb.publish("$aws/events/x", b"x")
    assert not bulb.subscribe("a/#/b")


def a_shadow(door: Door) -> None:
    bulb = door.provisioned(BULB)
    prefix = "$aws/things/bulb/shadow"
    assert bulb.subscribe(f"{prefix}/update/accepted")
    assert bulb.subscribe(f"{prefix}/get/rejected")
    assert bulb.publish(f"{prefix}/get", b"")
    assert json.loads(bulb.receive()[1])["code"] == 404
    assert bulb.publish(f"{prefix}/update", b'{"state": {"reported": {"on": true}}}')
    assert json.loads(bulb.receive()[1])["state"] == {"reported": {"on": True}}


def fleet_provisioning_that_is_refused(door: Door) -> None:
    make_template("bulbs")
    bulb = door.provisioned(BULB)
    topic = "$aws/provisioning-templates/bulbs/provision/json"
    assert bulb.subscribe(f"{topic}/rejected")
    assert bulb.publish(topic, b'{"certificateOwnershipToken": "wrong"}')
    assert "statusCode" in json.loads(bulb.receive()[1])


def a_takeover(door: Door) -> None:
    door.provisioned(BULB)
    newer = door.connect(BULB)
    assert newer is not None
    newer.disconnect()


def policies(door: Door) -> None:
    bulb = door.provisioned(BULB)
    assert not bulb.publish("a", b"x")
    assert not bulb.subscribe("a")


STORIES: list[tuple[Callable[[Door], None], dict[str, Any]]] = [
    (a_first_connection, {}),
    (a_stranger, {}),
    (a_certificate_that_is_deactivated, {}),
    (messages, {}),
    (what_is_not_allowed_as_a_topic, {}),
    (a_shadow, {}),
    (fleet_provisioning_that_is_refused, {}),
    (a_takeover, {}),
]


@pytest.mark.parametrize(("story", "config"), STORIES, ids=[story.__name__ for story, _ in STORIES])
def test_a_story_leaves_the_same_record_by_both_doors(
    story: Callable[[Door], None], config: dict[str, Any]
) -> None:
    simulated = _record_of(story, config, real=False)
    real = _record_of(story, config, real=True)

    for part, found in simulated.items():
        assert real[part] == found, part


def test_what_no_policy_allows_leaves_the_same_record_by_both_doors() -> None:
    simulated = _record_of(policies, {"enforce_policies": True}, real=False, policy=True)
    real = _record_of(policies, {"enforce_policies": True}, real=True, policy=True)

    for part, found in simulated.items():
        assert real[part] == found, part


def _record_of(
    story: Callable[[Door], None], config: dict[str, Any], *, real: bool, policy: bool = False
) -> dict[str, Any]:
    """Tell a story and return what it has left behind."""
    with (
        freeze_time(MOMENT),
        mock_jitp(config={"jitp": config}) as jitp,
        _endpoint(real) as endpoint,
    ):
        body = json.loads(PLAIN_BODY)
        if policy:
            statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
            document = {"Version": "2012-10-17", "Statement": [statement]}
            body["Resources"]["policy"] = {
                "Type": "AWS::IoT::Policy",
                "Properties": {"PolicyDocument": json.dumps(document)},
            }
        CA.register(client(), template_body=json.dumps(body))
        _log_everything()
        door = Door(jitp, endpoint)
        story(door)
        return {
            "connections": [
                (attempt.accepted, attempt.reason, attempt.client_id, attempt.certificate_id)
                for attempt in jitp.connections
            ],
            "events": [(event.topic, _plain(event.payload)) for event in jitp.events],
            "log": _log_entries(),
        }


@contextlib.contextmanager
def _endpoint(real: bool) -> Iterator[DeviceEndpoint | None]:
    if not real:
        yield None
        return
    with DeviceEndpoint(identity=identity()) as endpoint:
        yield endpoint


def _log_everything() -> None:
    role = "arn:aws:iam::123456789012:role/logging"
    client().set_v2_logging_options(roleArn=role, defaultLogLevel="INFO")


def _log_entries() -> list[Any]:
    logs = client(service="logs")
    groups = logs.describe_log_groups()["logGroups"]
    if not any(group["logGroupName"] == "AWSIotLogsV2" for group in groups):
        return []
    entries = logs.filter_log_events(logGroupName="AWSIotLogsV2")["events"]
    return [_plain(json.loads(entry["message"])) for entry in entries]


_VARIES = ("traceId", "sessionIdentifier", "sourcePort", "serverNameIndication", "targetPort")


def _plain(payload: Any) -> Any:
    """Leave out what is new each time, or what the transport adds."""
    if not isinstance(payload, dict):
        return payload
    return {name: value for name, value in payload.items() if name not in _VARIES}
