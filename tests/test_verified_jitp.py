"""Just-in-time provisioning and registration over MQTT, in the mock or on AWS.

https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from aws_verified import Cloud, aws_verified

from moto_jitp import CertificateAuthority, DeviceIdentity

FIELD = "AWS::IoT::Certificate::"


def template(policy: str, *, needs_country: bool = False) -> str:
    """A template body that makes a thing of the common name, with a policy that exists."""
    properties: dict[str, Any] = {"ThingName": {"Ref": f"{FIELD}CommonName"}}
    wanted = ["CommonName", "Id"]
    if needs_country:
        wanted.append("Country")
        properties["AttributePayload"] = {"country": {"Ref": f"{FIELD}Country"}}
    certificate = {"CertificateId": {"Ref": f"{FIELD}Id"}, "Status": "ACTIVE"}
    return json.dumps(
        {
            "Parameters": {f"{FIELD}{name}": {"Type": "String"} for name in wanted},
            "Resources": {
                "thing": {"Type": "AWS::IoT::Thing", "Properties": properties},
                "certificate": {"Type": "AWS::IoT::Certificate", "Properties": certificate},
                "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": policy}},
            },
        }
    )


def status_of(cloud: Cloud, device: DeviceIdentity) -> str | None:
    """The status of a device's certificate, ``None`` where it is not registered."""
    try:
        found = cloud.iot.describe_certificate(certificateId=device.certificate_id)
    except cloud.iot.exceptions.ResourceNotFoundException:
        return None
    return str(found["certificateDescription"]["status"])


def registered_with_template(cloud: Cloud, **options: Any) -> tuple[CertificateAuthority, str]:
    """A CA that provisions devices, and the name of the policy that they get."""
    policy = cloud.policy("devices")
    ca = cloud.ca()
    body = template(policy, **options)
    ca.register(cloud.iot, template_body=body, role_arn=cloud.role())
    return ca, policy


@aws_verified
def test_the_first_connection_is_dropped_and_provisions_the_device(cloud: Cloud) -> None:
    ca, policy = registered_with_template(cloud)
    name = cloud.name("bulb")
    bulb = ca.issue(common_name=name)
    device = cloud.device(bulb, name)

    assert status_of(cloud, bulb) is None
    assert not device.connect()

    cloud.until(lambda: status_of(cloud, bulb) == "ACTIVE")
    described = cloud.iot.describe_certificate(certificateId=bulb.certificate_id)
    arn = described["certificateDescription"]["certificateArn"]
    assert arn == cloud.arn(f"cert/{bulb.certificate_id}")
    assert described["certificateDescription"]["caCertificateId"] == ca.certificate_id
    assert cloud.iot.describe_thing(thingName=name)["thingName"] == name
    assert cloud.iot.list_thing_principals(thingName=name)["principals"] == [arn]
    attached = cloud.iot.list_attached_policies(target=arn)["policies"]
    assert [attachment["policyName"] for attachment in attached] == [policy]
    cloud.until(device.connect)


@aws_verified
def test_a_device_without_what_the_template_requires_stays_pending(cloud: Cloud) -> None:
    ca, _ = registered_with_template(cloud, needs_country=True)
    name = cloud.name("bulb")
    bulb = ca.issue(common_name=name)
    device = cloud.device(bulb, name)

    assert not device.connect()
    cloud.until(lambda: status_of(cloud, bulb) == "PENDING_ACTIVATION")
    assert not device.connect()

    assert status_of(cloud, bulb) == "PENDING_ACTIVATION"
    with pytest.raises(cloud.iot.exceptions.ResourceNotFoundException):
        cloud.iot.describe_thing(thingName=name)
    complete = ca.issue(common_name=cloud.name("complete"), country="DE")
    other = cloud.device(complete, cloud.name("complete"))
    assert not other.connect()
    cloud.until(lambda: status_of(cloud, complete) == "ACTIVE")
    cloud.until(other.connect)


@aws_verified
def test_a_device_of_a_ca_that_registers_nobody_leaves_no_trace(cloud: Cloud) -> None:
    ca = cloud.ca()
    ca.register(cloud.iot, auto_registration=False)
    bulb = ca.issue(common_name=cloud.name("bulb"))

    assert not cloud.device(bulb, cloud.name("bulb")).connect()

    assert status_of(cloud, bulb) is None
    listed = cloud.iot.list_certificates_by_ca(caCertificateId=ca.certificate_id)
    assert listed["certificates"] == []


@aws_verified
def test_just_in_time_registration_publishes_an_event_for_a_certificate_that_the_user_activates(
    cloud: Cloud,
) -> None:
    policy = cloud.policy("everything")
    listener = cloud.device(cloud.certificate(policy), cloud.name("listener"))
    ca = cloud.ca()
    ca.register(cloud.iot)
    cloud.until(listener.connect)
    topic = f"$aws/events/certificates/registered/{ca.certificate_id}"
    listener.subscribe(topic)
    bulb = ca.issue(common_name=cloud.name("bulb"))
    device = cloud.device(bulb, cloud.name("bulb"))

    assert not device.connect()

    told = listener.receive()
    assert told.topic == topic
    event = told.json
    assert {key: event[key] for key in event if not key.lower().endswith("timestamp")} | {
        "sourceIp": None  # undocumented, and seen once
    } == {
        "certificateId": bulb.certificate_id,
        "caCertificateId": ca.certificate_id,
        "certificateStatus": "PENDING_ACTIVATION",
        "awsAccountId": cloud.account_id,
        "sourceIp": None,
    }
    assert isinstance(event["timestamp"], int)
    assert event["certificateRegistrationTimestamp"] is None

    cloud.iot.attach_policy(policyName=policy, target=cloud.arn(f"cert/{bulb.certificate_id}"))
    cloud.iot.update_certificate(certificateId=bulb.certificate_id, newStatus="ACTIVE")
    cloud.until(device.connect)


@aws_verified
def test_a_pending_certificate_publishes_an_event_at_each_connection(cloud: Cloud) -> None:
    listener = cloud.device(cloud.certificate(), cloud.name("listener"))
    ca = cloud.ca()
    ca.register(cloud.iot)
    cloud.until(listener.connect)
    listener.subscribe(f"$aws/events/certificates/registered/{ca.certificate_id}")
    device = cloud.device(ca.issue(common_name=cloud.name("bulb")), cloud.name("bulb"))

    assert not device.connect()
    first = listener.receive().json
    assert not device.connect()
    second = listener.receive().json

    assert first["certificateId"] == second["certificateId"]
    assert second["certificateRegistrationTimestamp"].isdecimal()


@aws_verified
def test_a_certificate_connects_by_its_own_status_and_policy_whatever_its_ca_is(
    cloud: Cloud,
) -> None:
    ca, policy = registered_with_template(cloud)
    bulb = ca.issue(common_name=cloud.name("bulb"))
    device = cloud.device(bulb, cloud.name("bulb"))
    assert not device.connect()
    cloud.until(lambda: status_of(cloud, bulb) == "ACTIVE")
    cloud.iot.update_ca_certificate(certificateId=ca.certificate_id, newStatus="INACTIVE")
    cloud.until(device.connect)

    late = ca.issue(common_name=cloud.name("late"))
    cloud.until(lambda: not cloud.device(late, cloud.name("late")).connect())
    if not cloud.is_on_aws:  # where a CA that has just been deactivated may still register
        assert status_of(cloud, late) is None

    cloud.iot.update_certificate(certificateId=bulb.certificate_id, newStatus="INACTIVE")
    cloud.until(lambda: not device.connect())
    cloud.iot.update_certificate(certificateId=bulb.certificate_id, newStatus="ACTIVE")
    cloud.until(device.connect)
    cloud.iot.detach_policy(policyName=policy, target=cloud.arn(f"cert/{bulb.certificate_id}"))
    cloud.until(lambda: not device.connect())
