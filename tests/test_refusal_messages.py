"""``ConnectionRefused`` says everything that a firmware engineer needs to fix a device."""

from __future__ import annotations

import pickle
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from support.bodies import GUIDE_BODY, PLAIN_BODY, ROLE, body
from support.devices import make_guide_resources, refusal_of, refused_for

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    DeviceIdentity,
    JitpHandle,
    connect_device,
)

NOW = datetime.now(timezone.utc)
CA = CertificateAuthority(common_name="Acme Root")
PREFIX = "AWS::IoT::Certificate::"


def advice_of(refusal: ConnectionRefused) -> str:
    advice = refusal.attempts[-1].advice
    assert advice is not None
    return advice


def is_one_plain_sentence(text: str) -> bool:
    """Whether it is one sentence: one full stop, at its end, and no line breaks."""
    return text.endswith(".") and "\n" not in text and not re.search(r"(?<!\.)\. ", text)


def test_a_failed_run_is_explained_from_the_device_to_the_advice(iot: Any) -> None:
    make_guide_resources(iot)
    ca_id = CA.register(iot, template_body=GUIDE_BODY, role_arn=ROLE)
    device = CA.issue(common_name="bulb-2", organization="Acme", certificate_serial=4711)
    refusal = refused_for("PROVISIONING_FAILED", device)
    error = (
        "InvalidRequestException: Invalid registration template. Cannot resolve reference value: "
        f"{{Ref={PREFIX}Country}}"
    )
    endpoint = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    advice = (
        "The certificate's subject has no country (C): issue the certificate with it, give "
        f"{PREFIX}Country a Default in the template, or remove it from the template."
    )
    assert str(refusal).splitlines() == [
        f"PROVISIONING_FAILED: Provisioning failed, the certificate stays PENDING_ACTIVATION. "
        f"{error}",
        f"  device:   O=Acme,CN=bulb-2 (certificate {device.certificate_id})",
        f"  endpoint: account 123456789012, us-east-1, server name {endpoint}",
        "  template: the CA's template body; provisioning FAILED",
        f"    requires {PREFIX}CommonName: 'bulb-2'",
        f"    requires {PREFIX}SerialNumber: '4711'",
        f"    requires {PREFIX}Country: missing",
        f"    requires {PREFIX}Id: '{device.certificate_id}'",
        f"    also provided: {PREFIX}Organization 'Acme'",
        f"    1. RegisterCertificate cert/{device.certificate_id}: ok",
        f"    2. RegisterThing templateBody: FAILED ({error})",
        f"    place in the template: Parameters.{PREFIX}Country",
        f"  fix:  {advice}",
    ]
    assert refusal.certificate_id == device.certificate_id
    assert refusal.provisioning is not None
    assert refusal.provisioning.advice == advice_of(refusal) == advice
    assert ca_id not in str(refusal)


def test_a_stored_template_is_named(iot: Any) -> None:
    iot.create_provisioning_template(
        templateName="bulbs", templateBody=GUIDE_BODY, provisioningRoleArn=ROLE, type="JITP"
    )
    CA.register(iot, template_name="bulbs")
    text = str(refusal_of(CA.issue(country="KR")))
    assert "  template: template bulbs; provisioning FAILED" in text
    assert "RegisterThing provisioningtemplate/bulbs: ok" in text
    assert "3. DescribeThingType thingtype/lightBulb-versionA: FAILED (ResourceNotFound" in text


def test_a_device_that_its_template_left_inactive_gets_the_whole_explanation(iot: Any) -> None:
    sealed = {
        "Type": "AWS::IoT::Certificate",
        "Properties": {"CertificateId": {"Ref": f"{PREFIX}Id"}, "Status": "INACTIVE"},
    }
    CA.register(iot, template_body=body(certificate=sealed), role_arn=ROLE)
    device = CA.issue()
    text = str(refused_for("DEVICE_CERTIFICATE_INACTIVE", device))
    assert "RECONNECT_REQUIRED: The device was provisioned." in text
    assert f"UpdateCertificate cert/{device.certificate_id}: ok" in text
    assert "it left the certificate INACTIVE" in text
    assert f"DEVICE_CERTIFICATE_INACTIVE: The certificate {device.certificate_id} is" in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"common_name": "bulb 1"}, [r"ThingName", r"bulb 1", r"\[a-zA-Z0-9:_-\]"]),
        ({"common_name": None}, [r"gives no CommonName: issue it with one"]),
        ({"organization": "Acme Ltd (KR)"}, [r"AttributePayload", r"Acme Ltd \(KR\)"]),
        ({"common_name": "bulbC=US"}, [r"bulbC\\+=US"]),
    ],
)
def test_a_value_that_aws_does_not_accept_is_shown_with_its_place_and_what_is_allowed(
    iot: Any, fields: dict[str, Any], words: list[str]
) -> None:
    template = body(
        thing={
            "Type": "AWS::IoT::Thing",
            "Properties": {
                "ThingName": {"Ref": f"{PREFIX}CommonName"},
                "AttributePayload": {"maker": {"Ref": f"{PREFIX}Organization"}},
            },
        }
    )
    CA.register(iot, template_body=template, role_arn=ROLE)
    connect_device(CA.issue(common_name="fine", organization="Acme"))
    refusal = refused_for("PROVISIONING_FAILED", CA.issue(**{"organization": "Acme", **fields}))
    for word in words:
        assert re.search(word, str(refusal)), str(refusal)
    assert "  fix:  " in str(refusal)


def refusals(iot: Any) -> dict[str, ConnectionRefused]:
    """One refusal for each reason that a single account without policies can give."""
    found = []
    found.append(refusal_of(CA.issue()))
    ca_id = CA.register(iot, active=False, auto_registration=False)
    stranger, impostor = CertificateAuthority(common_name="x"), CertificateAuthority("Acme Root")
    found += [refusal_of(authority.issue()) for authority in (stranger, impostor)]
    found.append(refusal_of(CA.issue()))
    iot.update_ca_certificate(certificateId=ca_id, newStatus="ACTIVE")
    found.append(refusal_of(CA.issue()))
    iot.update_ca_certificate(certificateId=ca_id, newAutoRegistrationStatus="ENABLE")
    found.append(refusal_of(CA.issue(not_after=NOW - timedelta(days=1))))
    found.append(refusal_of(CA.issue(not_before=NOW + timedelta(days=1))))
    found.append(refusal_of(CA.issue(), server_name=None))
    found.append(refusal_of(CA.issue(), server_name="example.com"))
    mixed = DeviceIdentity(CA.issue().certificate_pem, CA.issue().private_key_pem)
    found.append(refusal_of(mixed))
    device = CA.issue(country="KR")
    found.append(refusal_of(device))
    config = {"templateBody": GUIDE_BODY, "roleArn": ROLE}
    iot.update_ca_certificate(certificateId=ca_id, registrationConfig=config)
    found.append(refusal_of(device))
    config = {"templateBody": PLAIN_BODY, "roleArn": ROLE}
    iot.update_ca_certificate(certificateId=ca_id, registrationConfig=config)
    found.append(refusal_of(device, reconnect=False))
    for status in ("INACTIVE", "REVOKED"):
        iot.update_certificate(certificateId=device.certificate_id, newStatus=status)
        found.append(refusal_of(device))
    return {refusal.reason.value: refusal for refusal in found}


def test_every_refusal_names_reason_device_endpoint_and_one_sentence_of_advice(
    iot: Any,
) -> None:
    found = refusals(iot)
    assert len(found) == 13
    for reason, refusal in found.items():
        text, last = str(refusal), refusal.attempts[-1]
        assert text.startswith(f"{reason}: {last.message}\n")
        assert refusal.certificate_id in text
        assert f"device:   {last.subject}" in text
        assert "account 123456789012, us-east-1" in text
        assert text.endswith(f"\n  fix:  {last.advice}")
        assert last.advice is not None
        assert is_one_plain_sentence(last.advice), last.advice
        assert len(text.splitlines()[0]) < 350
        assert last.message.endswith((".", "}")), last.message


def test_the_advice_names_the_call_that_fixes_it(iot: Any) -> None:
    found = refusals(iot)
    (ca,) = iot.list_ca_certificates()["certificates"]
    ca_id = ca["certificateId"]
    for reason, words in {
        "CA_CERTIFICATE_INACTIVE": f"update_ca_certificate(certificateId='{ca_id}', newStatus='A",
        "AUTO_REGISTRATION_DISABLED": "newAutoRegistrationStatus='ENABLE'",
        "SNI_MISUSED": "describe_endpoint(endpointType='iot:Data-ATS')",
        "SERVER_NAME_MISSING": "the endpoint's host name as the server name",
        "DEVICE_CERTIFICATE_PENDING_ACTIVATION": "registered/+",
        "DEVICE_CERTIFICATE_INACTIVE": "newStatus='ACTIVE'",
        "RECONNECT_REQUIRED": "Connect the device again",
        "PROVISIONING_FAILED": "create_thing_type(thingTypeName='lightBulb-versionA')",
    }.items():
        assert words in advice_of(found[reason])


def test_an_unknown_device_learns_which_ca_comes_closest(iot: Any) -> None:
    device = CA.issue()
    nothing = str(refusal_of(device))
    assert "No CA certificate is registered in account 123456789012, Region us-east-1" in nothing
    assert "CN=Acme Root" in nothing
    CertificateAuthority(common_name="Acme Roots").register(iot)
    other = str(refusal_of(device))
    assert "No CA certificate with the subject 'CN=Acme Root'" in other
    assert "registered is 'CN=Acme Roots'." in other
    CertificateAuthority(common_name="Acme Root").register(iot)
    twin = str(refusal_of(device))
    assert "its key did not sign the device's certificate" in twin


def test_the_refusal_of_a_self_signed_device_says_so(iot: Any) -> None:
    CA.register(iot)
    alone = CertificateAuthority(common_name="bulb-1")
    text = str(refusal_of(alone.certificate_pem))
    assert "is self-signed" in text
    assert "issued by a registered CA" in text


def test_a_refusal_can_be_sent_between_test_processes(iot: Any) -> None:
    for refusal in refusals(iot).values():
        again = pickle.loads(pickle.dumps(refusal))
        assert str(again) == str(refusal)
        assert again.reason is refusal.reason
        assert again.attempts == refusal.attempts
        assert again.provisioning == refusal.provisioning


def test_what_was_refused_can_be_read_without_the_exception(iot: Any, mocked: JitpHandle) -> None:
    refusal = refusal_of(CA.issue())
    (attempt,) = mocked.connections
    assert refusal.attempts == (attempt,)
    assert not attempt.accepted
    assert attempt.message in str(refusal)


def test_the_advice_on_a_bad_value_says_what_it_may_be(iot: Any) -> None:
    CA.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
    advice = advice_of(refused_for("PROVISIONING_FAILED", CA.issue(common_name="bulb 1")))
    assert is_one_plain_sentence(advice)
    for part in (f"{PREFIX}CommonName", "Resources.thing.Properties.ThingName", "[a-zA-Z0-9:_-]"):
        assert part in advice
