"""Provisioning claims: a trusted user gives a device a certificate for five minutes."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from freezegun.api import FrozenDateTimeFactory
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import client, refused
from support.fleet import CREATE_KEYS, identity, make_template

from moto_jitp import (
    ConnectionRefused,
    DeviceIdentity,
    JitpHandle,
    NotAuthorized,
    connect_device,
    mock_jitp,
)
from moto_jitp.devices import DeviceConnection

ANSWERS = f"{CREATE_KEYS}/json/+"
PROVISION = "$aws/provisioning-templates/bulbs/provision/json"


@pytest.fixture
def claim(clock: FrozenDateTimeFactory, iot: Any) -> dict[str, Any]:
    make_template()
    answer: dict[str, Any] = iot.create_provisioning_claim(templateName="bulbs")
    return answer


def device_of(claim: dict[str, Any]) -> DeviceIdentity:
    return DeviceIdentity.from_pem(claim["certificatePem"], claim["keyPair"]["PrivateKey"])


def connected(claim: dict[str, Any], **options: Any) -> DeviceConnection:
    return connect_device(device_of(claim), **options)


def provision(connection: DeviceConnection, template: str = "bulbs") -> Any:
    """Ask for a certificate and have the template executed; return both answers."""
    topic = f"$aws/provisioning-templates/{template}/provision/json"
    connection.subscribe(ANSWERS)
    connection.subscribe(f"{topic}/+")
    connection.publish(f"{CREATE_KEYS}/json", b"")
    issued = json.loads(connection.receive().payload)
    request = {
        "certificateOwnershipToken": issued["certificateOwnershipToken"],
        "parameters": {"SerialNumber": "1"},
    }
    connection.publish(topic, json.dumps(request))
    return issued, json.loads(connection.receive().payload)


def test_a_claim_is_a_real_certificate_of_five_minutes(claim: dict[str, Any]) -> None:
    certificate = x509.load_pem_x509_certificate(claim["certificatePem"].encode())
    ends = datetime.now(timezone.utc) + timedelta(minutes=5)
    assert claim["expiration"] == ends
    assert certificate.not_valid_after_utc == ends
    assert certificate.not_valid_before_utc == ends - timedelta(minutes=7)
    assert certificate.issuer.rfc4514_string() == "OU=Amazon IoT Provisioning"
    assert re.fullmatch("CN=[0-9a-f]{64}", certificate.subject.rfc4514_string())
    assert claim["keyPair"]["PublicKey"].startswith("-----BEGIN PUBLIC KEY-----")
    assert device_of(claim).certificate_id == claim["certificateId"]


def test_a_device_provisions_itself_with_a_claim(claim: dict[str, Any], iot: Any) -> None:
    issued, answer = provision(connected(claim))
    assert answer["thingName"] == "bulb-1"
    described = iot.describe_certificate(certificateId=issued["certificateId"])
    assert described["certificateDescription"]["status"] == "ACTIVE"
    assert connect_device(identity(issued), client_id="bulb-1").connected


def test_a_claim_is_not_among_the_certificates(claim: dict[str, Any], iot: Any) -> None:
    assert iot.list_certificates()["certificates"] == []
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_certificate(certificateId=claim["certificateId"])


def test_a_claim_is_gone_after_five_minutes(
    claim: dict[str, Any], clock: FrozenDateTimeFactory
) -> None:
    clock.tick(timedelta(minutes=5) - timedelta(seconds=1))
    assert connected(claim).connected
    clock.tick(1)
    with pytest.raises(ConnectionRefused):
        connected(claim)


def test_a_connection_has_five_minutes_to_get_a_certificate(
    claim: dict[str, Any], clock: FrozenDateTimeFactory
) -> None:
    clock.tick(timedelta(minutes=4))
    connection = connected(claim)
    clock.tick(timedelta(minutes=4))  # the claim itself has ended meanwhile
    assert provision(connection)[1]["thingName"] == "bulb-1"
    clock.tick(timedelta(minutes=2))
    with pytest.raises(ConnectionError, match="five minutes after connecting"):
        connection.publish(PROVISION, b"{}")


def test_a_connection_of_a_claim_ends_when_its_time_is_over(
    claim: dict[str, Any], clock: FrozenDateTimeFactory, mocked: JitpHandle
) -> None:
    connection = connected(claim)
    clock.tick(timedelta(minutes=6))
    client(service="sts").get_caller_identity()  # whoever looks, whatever at
    assert not connection.connected
    (ended,) = [event for event in mocked.events if "/disconnected/" in event.topic]
    assert ended.payload["disconnectReason"] == "AUTH_ERROR"


@pytest.mark.parametrize("enforce_policies", [False, True])
def test_a_claim_is_bound_to_the_topics_of_its_template(enforce_policies: bool) -> None:
    with mock_jitp(config={"jitp": {"enforce_policies": enforce_policies}}):
        make_template()
        make_template("lamps")
        claim = client().create_provisioning_claim(templateName="bulbs")
        connection = connected(claim, client_id="factory-1")
        for topic in ("sensors/1", "$aws/provisioning-templates/lamps/provision/json"):
            with pytest.raises(NotAuthorized):
                connection.publish(topic, b"{}")
        for topic_filter in ("#", "$aws/provisioning-templates/+/provision/json/+"):
            with pytest.raises(NotAuthorized):
                connection.subscribe(topic_filter)
        assert provision(connection)[1]["thingName"] == "bulb-1"


def test_a_template_of_no_fleet_has_no_claims(iot: Any) -> None:
    iot.create_provisioning_template(
        templateName="jit", templateBody=PLAIN_BODY, provisioningRoleArn=ROLE, type="JITP"
    )
    with refused("InvalidRequestException", 400, "The template jit has the type JITP"):
        iot.create_provisioning_claim(templateName="jit")
    with refused("ResourceNotFoundException", 404, "Unable to find template named lamps"):
        iot.create_provisioning_claim(templateName="lamps")


def test_a_claim_can_be_made_to_fail(iot: Any, mocked: JitpHandle) -> None:
    make_template()
    mocked.fail("CreateProvisioningClaim", "ThrottlingException", message="slow down")
    with refused("ThrottlingException", 400, "slow down"):
        iot.create_provisioning_claim(templateName="bulbs")
    assert iot.create_provisioning_claim(templateName="bulbs")["certificateId"]
