"""The whole life of a device, from its first connection to the end of its thing.

It runs once for each way in: over a connection in the test's process, and over MQTT and TLS; with
just-in-time provisioning, and with a provisioning claim.
"""

from __future__ import annotations

import contextlib
import json
import queue
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from support.bodies import ROLE
from support.cloud import ACCOUNT, client, client_of
from support.endpoint_clients import RawClient
from support.endpoint_stories import Place, running
from support.patience import HANG
from support.service_models import needs_complete_models

from moto_jitp import ConnectionRefused, DeviceConnection, DeviceIdentity, connect_device
from moto_jitp.mqtt.packets import Disconnect, Publish, Suback, Subscribe, Subscription

OTHER = "210987654321"
NAME = "bulb-1"
JOBS = f"$aws/things/{NAME}/jobs"
CREATE = "$aws/certificates/create/json"
PROVISION = "$aws/provisioning-templates/bulbs/provision/json"

KINDS = ("THING", "THING_TYPE_ASSOCIATION", "THING_GROUP_MEMBERSHIP", "JOB", "JOB_EXECUTION")


def body(name_from: str) -> str:
    """A template for a lamp in the hall, whose thing is named by a parameter."""
    certificate = "AWS::IoT::Certificate::Id"
    thing = {"ThingName": {"Ref": name_from}, "ThingTypeName": "Lamp", "ThingGroups": ["hall"]}
    return json.dumps(
        {
            "Parameters": {name_from: {"Type": "String"}, certificate: {"Type": "String"}},
            "Resources": {
                "thing": {"Type": "AWS::IoT::Thing", "Properties": thing},
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {"CertificateId": {"Ref": certificate}, "Status": "ACTIVE"},
                },
            },
        }
    )


class InProcess:
    """The device side by ``connect_device``."""

    def __init__(self, place: Place) -> None:
        self._connection: DeviceConnection | None = None

    def connect(self, device: DeviceIdentity, client_id: str, *, is_new: bool = False) -> None:
        self._connection = connect_device(device, client_id=client_id)

    def subscribe(self, topic_filter: str) -> None:
        assert self._connection is not None
        self._connection.subscribe(topic_filter)

    def publish(self, topic: str, payload: dict[str, Any]) -> None:
        assert self._connection is not None
        self._connection.publish(topic, json.dumps(payload))

    def receive(self) -> tuple[str, Any]:
        assert self._connection is not None
        event = self._connection.receive()
        return event.topic, json.loads(event.payload)

    def disconnect(self) -> None:
        assert self._connection is not None
        self._connection.disconnect()

    def is_refused(self, device: DeviceIdentity) -> bool:
        with pytest.raises(ConnectionRefused):
            connect_device(device, endpoint=address(client()))
        return True


class OverMqtt:
    """The device side by packets of MQTT over TLS."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._client: RawClient | None = None
        self._gone: queue.SimpleQueue[Any] = queue.SimpleQueue()
        place.jitp.subscribe(f"$aws/events/presence/disconnected/{NAME}", self._gone.put)

    def connect(self, device: DeviceIdentity, client_id: str, *, is_new: bool = False) -> None:
        if is_new:  # it is provisioned on the connection that AWS IoT drops
            assert self._place.is_refused(device).reason == "RECONNECT_REQUIRED"
        self._client = self._place.connect(device, client_id=client_id)

    def subscribe(self, topic_filter: str) -> None:
        assert self._client is not None
        self._client.send(Subscribe(1, (Subscription(topic_filter),)))
        assert self._client.receive(Suback).reason_codes == (0,)

    def publish(self, topic: str, payload: dict[str, Any]) -> None:
        assert self._client is not None
        self._client.send(Publish(topic, json.dumps(payload).encode()))

    def receive(self) -> tuple[str, Any]:
        assert self._client is not None
        packet = self._client.receive(Publish)
        return packet.topic, json.loads(packet.payload)

    def disconnect(self) -> None:
        assert self._client is not None
        self._client.send(Disconnect())
        assert self._client.is_closed()
        self._gone.get(timeout=HANG)

    def is_refused(self, device: DeviceIdentity) -> bool:
        return self._place.is_refused(device) is not None


def address(iot: Any) -> str:
    return str(iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"])


@contextlib.contextmanager
def begun() -> Iterator[Place]:
    """An account with all events and indexing on, and a group of lamps in a hall."""
    with running({}, register=False) as place:
        iot = place.iot
        iot.update_event_configurations(
            eventConfigurations={kind: {"Enabled": True} for kind in KINDS}
        )
        modes = {"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"}
        iot.update_indexing_configuration(thingIndexingConfiguration=modes)
        iot.create_thing_type(thingTypeName="Lamp")
        iot.create_thing_group(thingGroupName="hall")
        yield place


def provisioned_just_in_time(place: Place, side: InProcess | OverMqtt) -> DeviceIdentity:
    place.ca.register(place.iot, template_body=body("AWS::IoT::Certificate::CommonName"))
    device = place.ca.issue(common_name=NAME)
    side.connect(device, NAME, is_new=True)
    return device


def provisioned_with_a_claim(place: Place, side: InProcess | OverMqtt) -> DeviceIdentity:
    place.iot.create_provisioning_template(
        templateName="bulbs",
        templateBody=body("Name"),
        provisioningRoleArn=ROLE,
        enabled=True,
    )
    claim = place.iot.create_provisioning_claim(templateName="bulbs")
    side.connect(
        DeviceIdentity.from_pem(claim["certificatePem"], claim["keyPair"]["PrivateKey"]), NAME
    )
    for topic in (CREATE, PROVISION):
        side.subscribe(f"{topic}/+")
    side.publish(CREATE, {})
    _, issued = side.receive()
    token = issued["certificateOwnershipToken"]
    side.publish(PROVISION, {"certificateOwnershipToken": token, "parameters": {"Name": NAME}})
    topic, answer = side.receive()
    assert (topic, answer["thingName"]) == (f"{PROVISION}/accepted", NAME)
    side.disconnect()
    device = DeviceIdentity.from_pem(issued["certificatePem"], issued["privateKey"])
    side.connect(device, NAME)
    return device


@needs_complete_models
@pytest.mark.parametrize("side_of", [InProcess, OverMqtt])
@pytest.mark.parametrize("provision", [provisioned_just_in_time, provisioned_with_a_claim])
def test_a_device_is_provisioned_found_given_a_job_transferred_and_deleted(
    side_of: type[InProcess] | type[OverMqtt], provision: Any
) -> None:
    with begun() as place:
        iot, side = place.iot, side_of(place)
        events: list[str] = []
        for topic_filter in ("$aws/events/thing/#", "$aws/events/+/thingGroup/hall/thing/#"):
            place.jitp.subscribe(topic_filter, lambda event: events.append(event.topic))

        # It provisions itself: a thing with a type, in its group; AWS IoT publishes events of that.
        device = provision(place, side)
        thing = iot.describe_thing(thingName=NAME)
        assert thing["thingTypeName"] == "Lamp"
        assert iot.list_things_in_thing_group(thingGroupName="hall")["things"] == [NAME]
        member = f"$aws/events/thingGroupMembership/thingGroup/hall/thing/{NAME}"
        assert sorted(events) == [f"$aws/events/thing/{NAME}/created", f"{member}/added"]

        # Search finds it connected.
        query = "thingGroupNames:hall AND connectivity.connected:true"
        (found,) = iot.search_index(queryString=query)["things"]
        assert (found["thingName"], found["connectivity"]["clientId"]) == (NAME, NAME)

        # It gets, starts and finishes its first job.
        side.subscribe(f"{JOBS}/notify-next")
        iot.create_job(jobId="first", targets=[thing["thingArn"]], document='{"do": "blink"}')
        topic, told = side.receive()
        assert (topic, told["execution"]["jobDocument"]) == (f"{JOBS}/notify-next", {"do": "blink"})
        side.subscribe(f"{JOBS}/start-next/accepted")
        side.publish(f"{JOBS}/start-next", {})
        assert side.receive()[1]["execution"]["status"] == "IN_PROGRESS"
        side.subscribe("$aws/events/job/first/completed")
        side.publish(f"{JOBS}/first/update", {"status": "SUCCEEDED"})
        heard = dict(side.receive() for _ in range(2))
        assert heard["$aws/events/job/first/completed"]["status"] == "COMPLETED"
        assert set(heard[f"{JOBS}/notify-next"]) == {"timestamp"}
        side.disconnect()
        assert iot.search_index(queryString="connectivity.connected:true")["things"] == []

        # Its certificate is transferred to another account: it connects there, and no longer here.
        certificate_id = device.certificate_id
        described = iot.describe_certificate(certificateId=certificate_id)
        arn = described["certificateDescription"]["certificateArn"]
        iot.detach_thing_principal(thingName=NAME, principal=arn)
        iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
        iot.transfer_certificate(certificateId=certificate_id, targetAwsAccount=OTHER)
        assert side.is_refused(device)
        theirs = client_of(OTHER)
        theirs.accept_certificate_transfer(certificateId=certificate_id, setAsActive=True)
        moved = theirs.describe_certificate(certificateId=certificate_id)
        assert moved["certificateDescription"]["previousOwnedBy"] == ACCOUNT
        assert connect_device(device, endpoint=address(theirs)).connected

        # Its thing is deleted, and no longer found.
        events.clear()
        iot.delete_thing(thingName=NAME)
        assert sorted(events) == [f"$aws/events/thing/{NAME}/deleted", f"{member}/removed"]
        assert iot.search_index(queryString=f"thingName:{NAME}")["things"] == []
