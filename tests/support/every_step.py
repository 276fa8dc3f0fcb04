"""A template whose run takes every kind of step, for tests that stop runs at each of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moto_jitp import ConnectionRefused, DeviceIdentity, ProvisioningRun, connect_device
from support.bodies import body

THING = "AWS::IoT::Certificate::CommonName"
DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
    }
)
BODY = body(
    thing={
        "Type": "AWS::IoT::Thing",
        "Properties": {
            "ThingName": {"Ref": THING},
            "ThingTypeName": "bulb",
            "ThingGroups": ["lamps"],
            "BillingGroup": "household",
        },
    },
    named={"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "named"}},
    written={"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": DOCUMENT}},
)

#: The API actions of the run that are made in the provisioning role, in their order.
ACTIONS = (
    "RegisterThing",
    "DescribeThingType",
    "DescribeThingGroup",
    "DescribeBillingGroup",
    "GetPolicy",
    "CreateThing",
    "AddThingToThingGroup",
    "AddThingToBillingGroup",
    "AttachPolicy",
    "CreatePolicy",
    "AttachThingPrincipal",
    "UpdateCertificate",
)


def prepare(iot: Any) -> None:
    """Make the resources that the template refers to."""
    iot.create_thing_type(thingTypeName="bulb")
    iot.create_thing_group(thingGroupName="lamps")
    iot.create_billing_group(billingGroupName="household")
    iot.create_policy(policyName="named", policyDocument=DOCUMENT)


def failed_run(device: DeviceIdentity) -> ProvisioningRun:
    """Connect a device, expect its provisioning to fail, and return the run."""
    with pytest.raises(ConnectionRefused) as refusal:
        connect_device(device)
    run = refusal.value.provisioning
    assert run is not None, refusal.value
    assert refusal.value.reason == "PROVISIONING_FAILED"
    return run


def traces(iot: Any, device: DeviceIdentity, name: str) -> set[str]:
    """The API actions of a run that left something behind, as found through boto3."""
    found = set()
    certificate = iot.describe_certificate(certificateId=device.certificate_id)
    arn = certificate["certificateDescription"]["certificateArn"]
    if certificate["certificateDescription"]["status"] == "ACTIVE":
        found.add("UpdateCertificate")
    if any(thing["thingName"] == name for thing in iot.list_things()["things"]):
        found.add("CreateThing")
        if iot.list_thing_groups_for_thing(thingName=name)["thingGroups"]:
            found.add("AddThingToThingGroup")
        if iot.describe_thing(thingName=name).get("billingGroupName"):
            found.add("AddThingToBillingGroup")
        if iot.list_thing_principals(thingName=name)["principals"]:
            found.add("AttachThingPrincipal")
    if iot.list_attached_policies(target=arn)["policies"]:
        found.add("AttachPolicy")
    if len(iot.list_policies()["policies"]) > 1:
        found.add("CreatePolicy")
    return found
