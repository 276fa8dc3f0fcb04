"""AWS's guide to just-in-time provisioning, step by step with boto3.

https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.bodies import GUIDE_BODY, GUIDE_CONFIG_FILE
from support.devices import described, failed_run, make_guide_resources, refusal_of, status_of

from moto_jitp import CertificateAuthority, DeviceIdentity, connect_device

CA = CertificateAuthority(common_name="Acme Root")


@pytest.fixture
def template_file(tmp_path: Path) -> dict[str, str]:
    """What ``--registration-config file://your-template`` reads."""
    path = tmp_path / "your-template"
    path.write_bytes(GUIDE_CONFIG_FILE.encode())
    config: dict[str, str] = json.loads(path.read_text())
    return config


def a_bulb() -> DeviceIdentity:
    return CA.issue(common_name="bulb-1", country="KR", serial_number="42")


def register_ca(iot: Any, mode: str, config: dict[str, str]) -> str:
    """``aws iot register-ca-certificate`` as the guide writes it for this mode."""
    if mode == "DEFAULT":
        code = iot.get_registration_code()["registrationCode"]
        more = {"verificationCertificate": CA.verification_certificate(code)}
    else:
        more = {"certificateMode": "SNI_ONLY"}
    answer = iot.register_ca_certificate(
        caCertificate=CA.certificate_pem,
        setAsActive=True,
        allowAutoRegistration=True,
        registrationConfig=config,
        **more,
    )
    return str(answer["certificateId"])


def check_a_bulb_is_provisioned(iot: Any, mode: str) -> None:
    """The six actions of the guide, seen through boto3."""
    bulb = a_bulb()
    connection = connect_device(bulb)
    certificate = described(iot, bulb.certificate_id)
    assert (certificate["status"], certificate["certificateMode"]) == ("ACTIVE", mode)
    made = iot.describe_thing(thingName="bulb-1")
    assert made["thingTypeName"] == "lightBulb-versionA"
    assert made["attributes"] == {"version": "v1", "serialNumber": "42"}
    groups = iot.list_thing_groups_for_thing(thingName="bulb-1")["thingGroups"]
    assert {group["groupName"] for group in groups} == {"v1-lightbulbs", "KR"}
    (attached,) = iot.list_attached_policies(target=connection.certificate_arn)["policies"]
    document = json.loads(iot.get_policy(policyName=attached["policyName"])["policyDocument"])
    assert document["Statement"][0]["Action"] == ["iot:Publish"]
    things = iot.list_principal_things(principal=connection.certificate_arn)["things"]
    assert things == ["bulb-1"]


@pytest.mark.parametrize("mode", ["DEFAULT", "SNI_ONLY"])
def test_a_ca_registered_with_the_whole_template_provisions_its_devices(
    iot: Any, template_file: dict[str, str], mode: str
) -> None:
    make_guide_resources(iot)
    ca_id = register_ca(iot, mode, template_file)
    answer = iot.describe_ca_certificate(certificateId=ca_id)
    assert answer["registrationConfig"] == template_file
    assert answer["certificateDescription"]["status"] == "ACTIVE"
    assert answer["certificateDescription"]["autoRegistrationStatus"] == "ENABLE"
    assert answer["certificateDescription"]["certificateMode"] == mode
    check_a_bulb_is_provisioned(iot, mode)


@pytest.mark.parametrize("mode", ["DEFAULT", "SNI_ONLY"])
def test_a_ca_registered_with_the_name_of_a_template_provisions_its_devices(
    iot: Any, mode: str
) -> None:
    make_guide_resources(iot)
    # As the guide's command does it: without --enabled.
    iot.create_provisioning_template(
        templateName="your-template-name",
        templateBody=GUIDE_BODY,
        type="JITP",
        provisioningRoleArn="arn:aws:iam::123456789012:role/test",
    )
    register_ca(iot, mode, {"templateName": "your-template-name"})
    check_a_bulb_is_provisioned(iot, mode)


def test_the_template_can_be_given_to_a_registered_ca_later(
    iot: Any, template_file: dict[str, str]
) -> None:
    make_guide_resources(iot)
    ca_id = CA.register(iot, auto_registration=False)
    assert refusal_of(a_bulb()).reason == "AUTO_REGISTRATION_DISABLED"
    iot.update_ca_certificate(
        certificateId=ca_id, newAutoRegistrationStatus="ENABLE", registrationConfig=template_file
    )
    check_a_bulb_is_provisioned(iot, "DEFAULT")


def test_a_template_of_another_type_cannot_be_named(iot: Any) -> None:
    iot.create_provisioning_template(
        templateName="fleet",
        templateBody=GUIDE_BODY,
        provisioningRoleArn="arn:aws:iam::123456789012:role/test",
    )
    with pytest.raises(iot.exceptions.InvalidRequestException, match="JITP"):
        register_ca(iot, "SNI_ONLY", {"templateName": "fleet"})


def test_without_its_thing_type_and_groups_the_guides_template_provisions_nobody(
    iot: Any, template_file: dict[str, str]
) -> None:
    register_ca(iot, "DEFAULT", template_file)
    bulb = a_bulb()
    run = failed_run(bulb)
    assert [step.resource for step in run.failed_steps] == [
        "thingtype/lightBulb-versionA",
        "thinggroup/v1-lightbulbs",
        "thinggroup/KR",
    ]
    assert run.message == (
        "Register thing workflow execution terminates due to: "
        "Thing Type 123456789012:lightBulb-versionA not found."
    )
    assert status_of(iot, bulb) == "PENDING_ACTIVATION"
    make_guide_resources(iot)
    assert connect_device(bulb).thing_name == "bulb-1"


def test_a_certificate_without_country_stays_pending(
    iot: Any, template_file: dict[str, str]
) -> None:
    make_guide_resources(iot)
    register_ca(iot, "DEFAULT", template_file)
    bulb = CA.issue(common_name="bulb-2")
    assert "{Ref=AWS::IoT::Certificate::Country}" in str(failed_run(bulb).message)
    assert status_of(iot, bulb) == "PENDING_ACTIVATION"
    assert iot.list_things()["things"] == []
