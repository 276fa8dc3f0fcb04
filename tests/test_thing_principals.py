"""Exclusive things: the type of an attachment, as boto3 gives it, counts and is listed.

https://docs.aws.amazon.com/iot/latest/developerguide/exclusive-thing.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.cloud import client, refused

from moto_jitp import CertificateAuthority, DeviceIdentity, connect_device, mock_jitp

EXCLUSIVE, SHARED = "EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"


@pytest.fixture
def bulb(iot: Any, acme: CertificateAuthority) -> DeviceIdentity:
    """A device with an active certificate; there are the things bulb and lamp."""
    return registered(iot, acme)


def registered(iot: Any, ca: CertificateAuthority) -> DeviceIdentity:
    for name in ("bulb", "lamp"):
        iot.create_thing(thingName=name)
    device = ca.issue(common_name="bulb")
    iot.register_certificate_without_ca(certificatePem=device.certificate_pem, status="ACTIVE")
    return device


def arn_of(device: DeviceIdentity) -> str:
    return f"arn:aws:iot:us-east-1:123456789012:cert/{device.certificate_id}"


def attach(iot: Any, thing: str, device: DeviceIdentity, kind: str | None = None) -> None:
    more = {} if kind is None else {"thingPrincipalType": kind}
    iot.attach_thing_principal(thingName=thing, principal=arn_of(device), **more)


def things_of(iot: Any, device: DeviceIdentity, **more: Any) -> dict[str, str]:
    answer = iot.list_principal_things_v2(principal=arn_of(device), **more)
    return {
        attachment["thingName"]: attachment["thingPrincipalType"]
        for attachment in answer["principalThingObjects"]
    }


def test_attachments_are_listed_with_their_type(iot: Any, bulb: DeviceIdentity) -> None:
    attach(iot, "bulb", bulb)
    attach(iot, "lamp", bulb, SHARED)
    assert things_of(iot, bulb) == {"bulb": SHARED, "lamp": SHARED}
    assert iot.list_thing_principals_v2(thingName="lamp")["thingPrincipalObjects"] == [
        {"principal": arn_of(bulb), "thingPrincipalType": SHARED}
    ]


def test_an_exclusive_certificate_goes_to_no_other_thing(iot: Any, bulb: DeviceIdentity) -> None:
    attach(iot, "bulb", bulb, EXCLUSIVE)
    for kind in (None, SHARED, EXCLUSIVE):
        with refused("InvalidRequestException", 400, "The principal"):
            attach(iot, "lamp", bulb, kind)
    assert things_of(iot, bulb) == {"bulb": EXCLUSIVE}
    iot.detach_thing_principal(thingName="bulb", principal=arn_of(bulb))
    attach(iot, "lamp", bulb)
    assert things_of(iot, bulb) == {"lamp": SHARED}


def test_a_shared_certificate_cannot_become_exclusive(iot: Any, bulb: DeviceIdentity) -> None:
    attach(iot, "bulb", bulb)
    with refused("InvalidRequestException", 400, "The principal"):
        attach(iot, "lamp", bulb, EXCLUSIVE)
    attach(iot, "bulb", bulb, EXCLUSIVE)
    assert things_of(iot, bulb) == {"bulb": EXCLUSIVE}


def test_the_type_goes_with_the_attachment(iot: Any, bulb: DeviceIdentity) -> None:
    attach(iot, "bulb", bulb, EXCLUSIVE)
    iot.detach_thing_principal(thingName="bulb", principal=arn_of(bulb))
    attach(iot, "bulb", bulb)
    assert things_of(iot, bulb) == {"bulb": SHARED}


def test_a_second_attachment_without_a_type_keeps_the_first_type(
    iot: Any, bulb: DeviceIdentity
) -> None:
    attach(iot, "bulb", bulb, EXCLUSIVE)
    attach(iot, "bulb", bulb)
    assert things_of(iot, bulb) == {"bulb": EXCLUSIVE}
    attach(iot, "bulb", bulb, SHARED)
    assert things_of(iot, bulb) == {"bulb": SHARED}


def test_listings_filter_by_type_and_come_in_pages(
    iot: Any, acme: CertificateAuthority, bulb: DeviceIdentity
) -> None:
    shared, own = [acme.issue(common_name=f"s{n}") for n in range(3)], bulb
    for device in shared:
        iot.register_certificate_without_ca(certificatePem=device.certificate_pem)
        attach(iot, "bulb", device)
    attach(iot, "bulb", own, EXCLUSIVE)
    pages = [
        [attachment["principal"] for attachment in page["thingPrincipalObjects"]]
        for page in iot.get_paginator("list_thing_principals_v2").paginate(
            thingName="bulb", thingPrincipalType=SHARED, PaginationConfig={"PageSize": 2}
        )
    ]
    assert pages == [[arn_of(d) for d in shared[:2]], [arn_of(shared[2])]]
    assert things_of(iot, own, thingPrincipalType=SHARED) == {}
    assert things_of(iot, own, thingPrincipalType=EXCLUSIVE) == {"bulb": EXCLUSIVE}
    with refused("ResourceNotFoundException", 404, ""):
        iot.list_thing_principals_v2(thingName="nobody")


def test_an_unknown_type_is_refused(iot: Any, bulb: DeviceIdentity) -> None:
    with refused("InvalidRequestException", 400, "1 validation error"):
        attach(iot, "bulb", bulb, "MINE")


@pytest.mark.parametrize("kind", [EXCLUSIVE, SHARED])
def test_an_exclusive_thing_stands_behind_every_client_id(
    acme: CertificateAuthority, kind: str
) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "iot:Connect",
        "Resource": "*",
        "Condition": {"StringEquals": {"iot:Connection.Thing.ThingName": "bulb"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        iot = client()
        device = registered(iot, acme)
        attach(iot, "bulb", device, kind)
        iot.create_policy(policyName="P", policyDocument=document)
        iot.attach_policy(policyName="P", target=arn_of(device))
        if kind == EXCLUSIVE:
            assert connect_device(device, client_id="any").connected
        else:
            with pytest.raises(Exception, match="NOT_AUTHORIZED"):
                connect_device(device, client_id="any")


def test_with_strict_off_nothing_is_refused_that_moto_takes(acme: CertificateAuthority) -> None:
    with mock_jitp(config={"jitp": {"strict": False}}):
        iot = client()
        device = registered(iot, acme)
        attach(iot, "bulb", device, EXCLUSIVE)
        attach(iot, "lamp", device)
        assert set(things_of(iot, device)) == {"bulb", "lamp"}
