"""One story, two doors: real devices leave the same record as simulated ones.

Each story runs twice, by ``connect_device`` and by MQTT over TLS, with the same certificates at the
same frozen moment. Only what the transport adds may differ.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from freezegun import freeze_time
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import client
from support.device_doors import MQTT, SIMULATED, Door, opened
from support.fleet import ClaimDevice, make_template
from support.fleet import identity as identity_of

from moto_jitp import (
    CertificateAuthority,
    DeviceConnection,
    DeviceIdentity,
    NotAuthorized,
    mock_jitp,
)

CA = CertificateAuthority(common_name="Acme Root")
BULB, PHONE = CA.issue(common_name="bulb"), CA.issue(common_name="phone")
MOMENT = datetime.now(timezone.utc).replace(microsecond=0)
STRANGER = CertificateAuthority(common_name="Stranger").issue(common_name="stranger")


def provisioned(door: Door, device: DeviceIdentity) -> DeviceConnection:
    """Connect a device for the first and the second time."""
    assert door.attempt(device) is None
    connection = door.attempt(device)
    assert connection is not None
    return connection


def is_refused(call: Callable[..., object], *arguments: object) -> bool:
    """Whether a device's action is refused."""
    try:
        call(*arguments)
    except (NotAuthorized, ValueError):
        return True
    return False


def received(connection: DeviceConnection) -> tuple[str, bytes]:
    event = connection.receive()
    return event.topic, event.payload


def everything_received(connection: DeviceConnection) -> list[tuple[str, bytes]]:
    found = []
    with contextlib.suppress(TimeoutError):
        while True:
            found.append(received(connection))
    return found


def a_first_connection(door: Door) -> None:
    bulb = provisioned(door, BULB)
    bulb.disconnect()


def a_stranger(door: Door) -> None:
    assert door.attempt(STRANGER) is None


def a_certificate_that_is_deactivated(door: Door) -> None:
    provisioned(door, BULB)
    client().update_certificate(certificateId=BULB.certificate_id, newStatus="INACTIVE")
    assert door.attempt(BULB) is None


def messages(door: Door) -> None:
    bulb, phone = provisioned(door, BULB), provisioned(door, PHONE)
    phone.subscribe("rooms/+/light")
    bulb.publish("rooms/kitchen/light", b"on")
    assert received(phone) == ("rooms/kitchen/light", b"on")
    bulb.publish("state", b"kept", retain=True)
    phone.subscribe("state")
    assert received(phone) == ("state", b"kept")
    [_, of_state] = phone.subscriptions
    of_state.cancel()
    client(service="iot-data").publish(topic="rooms/hall/light", payload=b"off")
    assert received(phone) == ("rooms/hall/light", b"off")


def what_is_not_allowed_as_a_topic(door: Door) -> None:
    bulb = provisioned(door, BULB)
    assert is_refused(bulb.publish, "a/+", b"x")
    assert is_refused(bulb.publish, "$aws/events/x", b"x")
    assert is_refused(bulb.subscribe, "a/#/b")


def a_shadow(door: Door) -> None:
    bulb = provisioned(door, BULB)
    prefix = "$aws/things/bulb/shadow"
    bulb.subscribe(f"{prefix}/update/accepted")
    bulb.subscribe(f"{prefix}/get/rejected")
    bulb.publish(f"{prefix}/get", b"")
    assert json.loads(received(bulb)[1])["code"] == 404
    bulb.publish(f"{prefix}/update", b'{"state": {"reported": {"on": true}}}')
    assert json.loads(received(bulb)[1])["state"] == {"reported": {"on": True}}


def fleet_provisioning_that_is_refused(door: Door) -> None:
    make_template("bulbs")
    bulb = provisioned(door, BULB)
    topic = "$aws/provisioning-templates/bulbs/provision/json"
    bulb.subscribe(f"{topic}/rejected")
    bulb.publish(topic, b'{"certificateOwnershipToken": "wrong"}')
    assert "statusCode" in json.loads(received(bulb)[1])


def fleet_provisioning(door: Door) -> None:
    make_template("bulbs")
    device = ClaimDevice(door=door)
    issued = device.accepted("$aws/certificates/create")
    outcome, _ = device.register(issued["certificateOwnershipToken"], SerialNumber="1")
    assert outcome == "accepted"
    device.connection.disconnect()
    new = door.connect(identity_of(issued), client_id="bulb-1")
    new.publish("a", b"here")


def fleet_provisioning_in_cbor(door: Door) -> None:
    cbor2 = pytest.importorskip("cbor2")
    make_template("bulbs")
    device = ClaimDevice(door=door)
    outcome, payload = device.ask_in_bytes("$aws/certificates/create/cbor", b"")
    assert outcome == "accepted"
    token = cbor2.loads(payload)["certificateOwnershipToken"]
    request = {"certificateOwnershipToken": token, "parameters": {"SerialNumber": "2"}}
    topic = "$aws/provisioning-templates/bulbs/provision/cbor"
    assert device.ask_in_bytes(topic, cbor2.dumps(request))[0] == "accepted"


def a_job(door: Door) -> None:
    bulb = provisioned(door, BULB)
    jobs = "$aws/things/bulb/jobs"
    bulb.subscribe(f"{jobs}/#")
    arn = "arn:aws:iot:us-east-1:123456789012:thing/bulb"
    client().create_job(jobId="first", targets=[arn], document="{}")
    bulb.publish(f"{jobs}/start-next", b"{}")
    bulb.publish(f"{jobs}/first/update", b'{"status": "SUCCEEDED", "expectedVersion": 9}')
    bulb.publish(f"{jobs}/first/update", b'{"status": "SUCCEEDED"}')
    topics = [topic.removeprefix(f"{jobs}/") for topic, _ in everything_received(bulb)]
    assert [topic for topic in topics if topic not in ("start-next", "first/update")] == [
        "notify",
        "notify-next",
        "start-next/accepted",
        "first/update/rejected",
        "notify",
        "notify-next",
        "first/update/accepted",
    ]


def a_shared_subscription(door: Door) -> None:
    bulb, phone = provisioned(door, BULB), provisioned(door, PHONE)
    for device in (bulb, phone):
        device.subscribe("$share/workers/tasks/+")
    random.seed("the same by both doors")
    for number in range(8):
        bulb.publish(f"tasks/{number}", b"")
    found = sorted(everything_received(bulb) + everything_received(phone))
    assert [topic for topic, _ in found] == [f"tasks/{number}" for number in range(8)]


def retained_messages(door: Door) -> None:
    bulb = provisioned(door, BULB)
    bulb.publish("state", b"1", retain=True)
    bulb.publish("state", b"", retain=True)
    bulb.publish("other", b"2", retain=True)
    bulb.subscribe("state")
    bulb.subscribe("+")
    assert everything_received(bulb) == []
    bulb.subscribe("other")
    assert received(bulb) == ("other", b"2")


def rules_and_basic_ingest(door: Door) -> None:
    bulb = provisioned(door, BULB)
    payload = {
        "sql": "SELECT * FROM 'readings/+'",
        "actions": [{"republish": {"roleArn": ROLE, "topic": "copies"}}],
    }
    client().create_topic_rule(ruleName="copy", topicRulePayload=payload)
    bulb.subscribe("copies")
    bulb.publish("readings/1", b'{"t": 21}')
    bulb.publish("$aws/rules/copy/readings/2", b'{"t": 22}')
    assert [json.loads(text) for _, text in everything_received(bulb)] == [{"t": 21}, {"t": 22}]


def the_end_of_a_certificate(door: Door) -> None:
    bulb = provisioned(door, BULB)
    bulb.subscribe("a")
    client().update_certificate(certificateId=BULB.certificate_id, newStatus="REVOKED")
    assert not bulb.connected


def a_deleted_connection(door: Door) -> None:
    bulb = provisioned(door, BULB)
    client(service="iot-data").delete_connection(clientId="bulb")
    assert not bulb.connected


def a_takeover(door: Door) -> None:
    provisioned(door, BULB)
    newer = door.attempt(BULB)
    assert newer is not None
    newer.disconnect()


def policies(door: Door) -> None:
    bulb = provisioned(door, BULB)
    assert is_refused(bulb.publish, "a", b"x")
    assert is_refused(bulb.subscribe, "a")


STORIES: list[tuple[Callable[[Door], None], dict[str, Any]]] = [
    (a_first_connection, {}),
    (a_stranger, {}),
    (a_certificate_that_is_deactivated, {}),
    (messages, {}),
    (what_is_not_allowed_as_a_topic, {}),
    (a_shadow, {}),
    (fleet_provisioning_that_is_refused, {}),
    (fleet_provisioning, {}),
    (fleet_provisioning_in_cbor, {}),
    (a_job, {}),
    (a_shared_subscription, {}),
    (retained_messages, {}),
    (rules_and_basic_ingest, {}),
    (the_end_of_a_certificate, {}),
    (a_deleted_connection, {}),
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
    """Run a story and return the records that it left."""
    with (
        freeze_time(MOMENT),
        mock_jitp(config={"jitp": config}) as jitp,
        contextlib.closing(opened(MQTT if real else SIMULATED)) as door,
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
        story(door)
        record: dict[str, Any] = {
            "connections": [
                (attempt.accepted, attempt.reason, attempt.client_id, attempt.certificate_id)
                for attempt in jitp.connections
            ],
            "events": [(event.topic, _plain(event.payload)) for event in jitp.events],
            "log": _log_entries(),
        }
        return _with_ids_numbered(record)


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


_VARIES = frozenset(
    {
        "traceId",
        "sessionIdentifier",
        "sourcePort",
        "serverNameIndication",
        "targetPort",
        "certificatePem",
        "privateKey",
        "certificateOwnershipToken",
    }
)


def _plain(payload: Any) -> Any:
    """Remove what is new each time, or what the transport adds."""
    if isinstance(payload, bytes):
        with contextlib.suppress(ValueError):
            return _plain(json.loads(payload))
        return "CBOR" if payload[:1] >= b"\x80" else payload
    if not isinstance(payload, dict):
        return payload
    return {name: value for name, value in payload.items() if name not in _VARIES}


def _with_ids_numbered(record: dict[str, Any]) -> dict[str, Any]:
    """Replace certificate ids, which a new key changes, by numbers."""
    numbers: dict[str, str] = {}
    count = itertools.count(1)

    def number(match: re.Match[str]) -> str:
        return numbers.setdefault(match[0], f"certificate {next(count)}")

    told = {
        part: [re.sub("[0-9a-f]{64}", number, repr(value)) for value in found]
        for part, found in record.items()
    }
    # Entries of one moment have no order: by MQTT, a request is carried out before it is handed on.
    return {**told, "log": sorted(told["log"])}
