"""A just-in-time provisioning run: its steps, what it makes, and how it fails.

https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.bodies import GUIDE_BODY, PLAIN_BODY, ROLE, body
from support.devices import (
    GUIDE_GROUP,
    GUIDE_TYPE,
    described,
    failed_run,
    make_guide_resources,
    nothing_made,
    refused_for,
    status_of,
)

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    DeviceConnection,
    JitpHandle,
    ProvisioningRun,
    RefusalReason,
    connect_device,
)

CA = CertificateAuthority(common_name="Acme Root")
CN, COUNTRY = "AWS::IoT::Certificate::CommonName", "AWS::IoT::Certificate::Country"
ALLOW = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
    }
)


def register(iot: Any, template_body: str, **options: Any) -> str:
    return CA.register(iot, template_body=template_body, role_arn=ROLE, **options)


def run_of(connection: DeviceConnection) -> ProvisioningRun:
    assert connection.provisioning is not None
    return connection.provisioning


def thing(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": CN}, **properties}}


def policy(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::IoT::Policy", "Properties": properties}


# The six steps.


def test_the_six_steps_of_the_guide_are_taken_in_its_order(iot: Any) -> None:
    make_guide_resources(iot)
    register(iot, GUIDE_BODY)
    run = run_of(connect_device(CA.issue(common_name="bulb-1", country="KR")))
    making = {
        "RegisterCertificate",
        "CreateThing",
        "CreatePolicy",
        "AttachPolicy",
        "AttachThingPrincipal",
        "UpdateCertificate",
    }
    assert [step.action for step in run.steps if step.action in making] == [
        "RegisterCertificate",
        "CreateThing",
        "CreatePolicy",
        "AttachPolicy",
        "AttachThingPrincipal",
        "UpdateCertificate",
    ]
    assert {step.result for step in run.steps} == {"SUCCEEDED"}
    assert {step.error_code for step in run.steps} == {None}
    groups = [step for step in run.steps if step.action == "AddThingToThingGroup"]
    assert [step.resource for step in groups] == [f"thinggroup/{GUIDE_GROUP}", "thinggroup/KR"]


def test_all_that_the_template_describes_is_there_afterwards(iot: Any) -> None:
    make_guide_resources(iot)
    register(iot, GUIDE_BODY)
    device = CA.issue(common_name="bulb-1", country="KR", serial_number="42")
    connection = connect_device(device)

    made = iot.describe_thing(thingName="bulb-1")
    assert made["attributes"] == {"version": "v1", "serialNumber": "42"}
    assert made["thingTypeName"] == GUIDE_TYPE
    groups = iot.list_thing_groups_for_thing(thingName="bulb-1")["thingGroups"]
    assert {group["groupName"] for group in groups} == {GUIDE_GROUP, "KR"}

    arn = connection.certificate_arn
    assert described(iot, device.certificate_id)["certificateArn"] == arn
    assert status_of(iot, device) == "ACTIVE"
    assert iot.list_thing_principals(thingName="bulb-1")["principals"] == [arn]
    document = json.loads(GUIDE_BODY)["Resources"]["policy"]["Properties"]["PolicyDocument"]
    name = hashlib.sha1(document.encode()).hexdigest().upper()
    (attached,) = iot.list_attached_policies(target=arn)["policies"]
    assert attached["policyName"] == name
    assert iot.get_policy(policyName=name)["policyDocument"] == document


def test_the_run_says_what_it_was_given_and_what_it_made(iot: Any) -> None:
    make_guide_resources(iot)
    register(iot, GUIDE_BODY)
    device = CA.issue(common_name="bulb-1", country="KR", organization="Acme")
    connection = connect_device(device)
    run = run_of(connection)
    assert run.status == "SUCCEEDED"
    assert run.succeeded
    assert run.template_name is None
    assert run.parameters == {
        "AWS::IoT::Certificate::CommonName": "bulb-1",
        "AWS::IoT::Certificate::Country": "KR",
        "AWS::IoT::Certificate::Organization": "Acme",
        "AWS::IoT::Certificate::SerialNumber": str(device.certificate.serial_number),
        "AWS::IoT::Certificate::Id": device.certificate_id,
    }
    assert run.wanted == tuple(json.loads(GUIDE_BODY)["Parameters"])
    assert run.thing_name == "bulb-1"
    assert run.certificate_status == "ACTIVE"
    assert run.advice is None
    (attached,) = iot.list_attached_policies(target=connection.certificate_arn)["policies"]
    assert run.resource_arns == {
        "thing": iot.describe_thing(thingName="bulb-1")["thingArn"],
        "certificate": connection.certificate_arn,
        "policy": attached["policyArn"],
    }


def test_a_stored_template_is_named_by_the_run_and_its_new_default_version_counts(
    iot: Any,
) -> None:
    template = {"templateName": "bulbs", "templateBody": PLAIN_BODY}
    iot.create_provisioning_template(**template, provisioningRoleArn=ROLE, type="JITP")
    CA.register(iot, template_name="bulbs")
    assert run_of(connect_device(CA.issue())).template_name == "bulbs"
    v2 = body(thing=thing(AttributePayload={"version": "v2"}))
    iot.create_provisioning_template_version(
        templateName="bulbs", templateBody=v2, setAsDefault=True
    )
    connect_device(CA.issue(common_name="bulb-2"))
    assert iot.describe_thing(thingName="bulb-2")["attributes"] == {"version": "v2"}


def test_a_template_without_thing_or_policy_activates_the_certificate(iot: Any) -> None:
    register(iot, body())
    connection = connect_device(CA.issue(common_name="bulb-1"))
    assert connection.thing_name is None
    assert connection.client_id == "bulb-1"
    assert nothing_made(iot)


def test_several_policies_are_all_attached(iot: Any) -> None:
    iot.create_policy(policyName="named", policyDocument=ALLOW)
    register(
        iot,
        body(
            one=policy(PolicyName="named"),
            two=policy(PolicyDocument=ALLOW),
            three=policy(PolicyDocument=json.loads(ALLOW)),
        ),
    )
    connection = connect_device(CA.issue())
    attached = iot.list_attached_policies(target=connection.certificate_arn)["policies"]
    compact = json.dumps(json.loads(ALLOW), separators=(",", ":"))
    names = [hashlib.sha1(text.encode()).hexdigest().upper() for text in (ALLOW, compact)]
    assert {one["policyName"] for one in attached} == {"named", *names}


def test_two_devices_share_the_policy_of_one_document(iot: Any) -> None:
    register(iot, body(thing=thing(), policy=policy(PolicyDocument=ALLOW)))
    connect_device(CA.issue())
    run = run_of(connect_device(CA.issue()))
    assert [step.result for step in run.steps if step.action == "CreatePolicy"] == ["UNCHANGED"]
    assert len(iot.list_policies()["policies"]) == 1


def test_one_certificate_that_connects_a_hundred_times_at_once_is_provisioned_once(
    iot: Any, mocked: JitpHandle
) -> None:
    register(iot, body(thing=thing(), policy=policy(PolicyDocument=ALLOW)))
    device = CA.issue(common_name="bulb-1")
    endpoint = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(connect_device, device, endpoint=endpoint) for _ in range(100)]
        connections = [one.result() for one in waiting]
    assert {connection.thing_name for connection in connections} == {"bulb-1"}
    runs = [attempt for attempt in mocked.connections if attempt.provisioning is not None]
    assert len(runs) == 1
    assert len(mocked.connections) == 101
    numbers = [attempt.sequence for attempt in mocked.connections]
    assert numbers == sorted(set(numbers))
    registered = [event for event in mocked.events if "/registered/" in event.topic]
    assert len(registered) == 1


def test_a_hundred_devices_that_power_on_together_are_all_provisioned(iot: Any) -> None:
    register(iot, body(thing=thing(), policy=policy(PolicyDocument=ALLOW)))
    devices = [CA.issue(common_name=f"bulb-{number}") for number in range(100)]
    with ThreadPoolExecutor(20) as pool:
        names = [one.thing_name for one in pool.map(connect_device, devices)]
    assert names == [f"bulb-{number}" for number in range(100)]
    assert len(iot.list_policies()["policies"]) == 1
    assert {status_of(iot, device) for device in devices} == {"ACTIVE"}


# A run that fails.


def test_a_declared_parameter_that_the_certificate_lacks_fails_the_run(iot: Any) -> None:
    make_guide_resources(iot)
    register(iot, GUIDE_BODY)
    device = CA.issue(common_name="bulb-1")
    run = failed_run(device)
    assert run.error_code == "InvalidRequestException"
    assert run.message == (
        "Invalid registration template. Cannot resolve reference value: "
        "{Ref=AWS::IoT::Certificate::Country}"
    )
    (failed,) = run.failed_steps
    assert (failed.action, failed.error_code) == ("RegisterThing", run.error_code)
    assert COUNTRY in run.wanted
    assert COUNTRY not in run.parameters
    assert status_of(iot, device) == "PENDING_ACTIVATION"
    assert nothing_made(iot)


def test_also_a_declared_parameter_that_nothing_uses_must_be_offered(iot: Any) -> None:
    template = json.loads(PLAIN_BODY)
    template["Parameters"][COUNTRY] = {"Type": "String"}
    ca_id = register(iot, json.dumps(template))
    device = CA.issue(common_name="bulb-1")
    assert "Country" in str(failed_run(device).message)
    assert connect_device(CA.issue(country="KR")).connected
    template["Parameters"][COUNTRY]["Default"] = "XX"
    iot.update_ca_certificate(
        certificateId=ca_id,
        registrationConfig={"templateBody": json.dumps(template), "roleArn": ROLE},
    )
    assert connect_device(device).thing_name == "bulb-1"


def test_an_empty_attribute_is_not_a_value(iot: Any) -> None:
    organization = "AWS::IoT::Certificate::Organization"
    register(iot, body(thing=thing(AttributePayload={"maker": {"Ref": organization}})))
    assert organization in str(failed_run(CA.issue(organization="")).message)
    assert connect_device(CA.issue(organization="Acme")).connected


def test_certificate_parameters_need_no_declaration(iot: Any) -> None:
    register(iot, body(thing=thing(AttributePayload={"country": {"Ref": COUNTRY}})))
    connect_device(CA.issue(common_name="bulb-1", country="KR"))
    assert iot.describe_thing(thingName="bulb-1")["attributes"] == {"country": "KR"}
    assert "Country" in str(failed_run(CA.issue()).message)


@pytest.mark.parametrize("name", ["bulb 1", "bulb.1", "bulb@home", "a=b", "전구"])
def test_a_common_name_that_is_not_a_valid_thing_name_fails_the_run(iot: Any, name: str) -> None:
    register(iot, PLAIN_BODY)
    device = CA.issue(common_name=name)
    run = failed_run(device)
    assert run.error_code == "InvalidRequestException"
    assert run.place == "Resources.thing.Properties.ThingName"
    assert status_of(iot, device) == "PENDING_ACTIVATION"
    assert nothing_made(iot)


def test_all_that_is_missing_is_listed_in_aws_order_and_nothing_is_created(iot: Any) -> None:
    register(
        iot,
        body(
            policy=policy(PolicyName="sealed"),
            thing=thing(
                ThingTypeName="Bulb", ThingGroups=["one", "two"], BillingGroup="cost-centre"
            ),
        ),
    )
    device = CA.issue(common_name="bulb-1")
    run = failed_run(device)
    assert [(step.action, step.resource, step.message) for step in run.failed_steps] == [
        ("DescribeThingType", "thingtype/Bulb", "Thing Type 123456789012:Bulb not found."),
        ("DescribeThingGroup", "thinggroup/one", "ThingGroup 123456789012:one not found."),
        ("DescribeThingGroup", "thinggroup/two", "ThingGroup 123456789012:two not found."),
        (
            "DescribeBillingGroup",
            "billinggroup/cost-centre",
            "BillingGroup 123456789012:cost-centre not found.",
        ),
        ("GetPolicy", "policy/sealed", "Policy default version not found"),
    ]
    assert run.error_code == "ResourceRegistrationFailureException"
    assert run.message == (
        "Register thing workflow execution terminates due to: "
        "Thing Type 123456789012:Bulb not found."
    )
    for name in ("'Bulb'", "'one'", "'two'", "'cost-centre'", "'sealed'"):
        assert name in str(run.advice)
    assert nothing_made(iot)
    assert run.resource_arns.keys() <= {"certificate"}
    assert status_of(iot, device) == "PENDING_ACTIVATION"

    # One after the other, as a user who only reads the error's first line would fix them.
    mending: list[tuple[Callable[[], object], str]] = [
        (lambda: iot.create_thing_type(thingTypeName="Bulb"), "ThingGroup 123456789012:one"),
        (lambda: iot.create_thing_group(thingGroupName="one"), "ThingGroup 123456789012:two"),
        (lambda: iot.create_thing_group(thingGroupName="two"), "BillingGroup 123456789012:cost"),
        (
            lambda: iot.create_billing_group(billingGroupName="cost-centre"),
            "Policy default version not found",
        ),
    ]
    for mend, text in mending:
        mend()
        assert text in str(failed_run(device).message)
    iot.create_policy(policyName="sealed", policyDocument=ALLOW)
    assert connect_device(device).thing_name == "bulb-1"
    assert iot.describe_thing(thingName="bulb-1")["billingGroupName"] == "cost-centre"


def test_fixing_the_cause_and_connecting_again_succeeds(iot: Any) -> None:
    register(iot, GUIDE_BODY)
    device = CA.issue(common_name="bulb-1", country="KR")
    first, again = failed_run(device), failed_run(device)
    assert first.message == again.message
    assert [run.steps[0].action for run in (first, again)] == ["RegisterCertificate"] * 2
    assert (first.steps[0].result, again.steps[0].result) == ("SUCCEEDED", "UNCHANGED")
    make_guide_resources(iot)
    connection = connect_device(device)
    assert connection.thing_name == "bulb-1"
    assert status_of(iot, device) == "ACTIVE"


def test_a_failed_run_raises_at_once_also_when_the_device_would_reconnect(
    iot: Any, mocked: JitpHandle
) -> None:
    register(iot, GUIDE_BODY)
    with pytest.raises(ConnectionRefused) as info:
        connect_device(CA.issue(country="KR"))
    assert len(info.value.attempts) == 1
    assert mocked.connections == info.value.attempts
    assert info.value.reason is RefusalReason.PROVISIONING_FAILED


def test_a_run_that_stops_half_way_leaves_what_it_made_and_the_next_one_goes_on(
    iot: Any, mocked: JitpHandle
) -> None:
    register(iot, body(thing=thing(), policy=policy(PolicyDocument=ALLOW)))
    device = CA.issue(common_name="bulb-1")
    mocked.fail("AttachPolicy", "ThrottlingException")
    run = failed_run(device)
    assert [step.action for step in run.failed_steps] == ["AttachPolicy"]
    assert run.steps[-1] == run.failed_steps[0]
    assert iot.describe_thing(thingName="bulb-1")["thingName"] == "bulb-1"
    assert len(iot.list_policies()["policies"]) == 1
    assert iot.list_thing_principals(thingName="bulb-1")["principals"] == []
    assert status_of(iot, device) == "PENDING_ACTIVATION"
    results = {step.action: step.result for step in run_of(connect_device(device)).steps}
    assert results["CreateThing"] == results["CreatePolicy"] == "UNCHANGED"
    assert results["AttachPolicy"] == results["UpdateCertificate"] == "SUCCEEDED"


# A thing of that name exists.


def test_a_thing_that_is_as_the_template_describes_it_is_accepted(iot: Any) -> None:
    iot.create_thing(thingName="bulb-1", attributePayload={"attributes": {"version": "v1"}})
    register(iot, body(thing=thing(AttributePayload={"version": "v1"})))
    connection = connect_device(CA.issue(common_name="bulb-1"))
    assert connection.thing_name == "bulb-1"
    results = {step.action: step.result for step in run_of(connection).steps}
    assert results["CreateThing"] == "UNCHANGED"


def test_a_thing_with_other_attributes_fails_the_run_unless_they_may_be_replaced(
    iot: Any,
) -> None:
    iot.create_thing(thingName="bulb-1", attributePayload={"attributes": {"a": "1"}})
    ca_id = register(iot, body(thing=thing(AttributePayload={"a": "2"})))
    device = CA.issue(common_name="bulb-1")
    run = failed_run(device)
    assert run.error_code == "ResourceRegistrationFailureException"
    assert run.message == (
        "Existing AttributePayload: {a=1} conflicts with AttributePayload: {a=2} in Template."
    )
    assert "OverrideSettings" in str(run.advice)
    assert iot.describe_thing(thingName="bulb-1")["attributes"] == {"a": "1"}
    replacing = thing(AttributePayload={"a": "2"}) | {
        "OverrideSettings": {"AttributePayload": "REPLACE"}
    }
    iot.update_ca_certificate(
        certificateId=ca_id,
        registrationConfig={"templateBody": body(thing=replacing), "roleArn": ROLE},
    )
    connect_device(device)
    assert iot.describe_thing(thingName="bulb-1")["attributes"] == {"a": "2"}


def test_a_second_device_with_the_name_of_the_first_joins_its_thing(iot: Any) -> None:
    register(iot, PLAIN_BODY)
    for _ in range(2):
        assert connect_device(CA.issue(common_name="bulb-1")).thing_name == "bulb-1"
    assert len(iot.list_thing_principals(thingName="bulb-1")["principals"]) == 2


# Both ways of saying it.


def test_a_pending_device_can_also_be_provisioned_by_register_thing(iot: Any) -> None:
    ca_id = CA.register(iot)
    device = CA.issue(common_name="bulb-1")
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    answer = iot.register_thing(
        templateBody=PLAIN_BODY,
        parameters={CN: "bulb-1", "AWS::IoT::Certificate::Id": device.certificate_id},
    )
    assert answer["certificatePem"] == device.certificate_pem
    assert connect_device(device).thing_name == "bulb-1"
    assert described(iot, device.certificate_id)["caCertificateId"] == ca_id
