"""The outcome of a connection by the state of the device's certificate and of its CA.

The rows are those of AWS's documentation on just-in-time registration and provisioning:
https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from freezegun import freeze_time
from support.bodies import GUIDE_BODY, PLAIN_BODY, ROLE, body
from support.cloud import client
from support.devices import described, nothing_made, refused_for, status_of

from moto_jitp import (
    CertificateAuthority,
    DeviceIdentity,
    JitpHandle,
    RefusalReason,
    connect_device,
    mock_jitp,
)

NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)
CA = CertificateAuthority(common_name="Acme Root")


def register(iot: Any, **options: Any) -> str:
    options.setdefault("template_body", PLAIN_BODY)
    return CA.register(iot, role_arn=ROLE, **options)


def refused_with_nothing_made(iot: Any, reason: str, device: Any, **options: Any) -> None:
    refused_for(reason, device, **options)
    assert status_of(iot, device) is None
    assert nothing_made(iot)


# The certificate is not known.


def test_without_any_ca_a_device_is_refused_and_nothing_is_created(iot: Any) -> None:
    device = CA.issue()
    refused_with_nothing_made(iot, "DEVICE_CERTIFICATE_NOT_REGISTERED", device)


def test_a_device_of_another_ca_is_refused_and_nothing_is_created(iot: Any) -> None:
    register(iot)
    device = CertificateAuthority(common_name="Other").issue()
    refused_with_nothing_made(iot, "DEVICE_CERTIFICATE_NOT_REGISTERED", device)


def test_a_device_whose_signature_is_forged_is_refused(iot: Any) -> None:
    register(iot)
    impostor = CertificateAuthority(subject=CA.certificate.subject)
    refused_with_nothing_made(iot, "DEVICE_CERTIFICATE_NOT_REGISTERED", impostor.issue())


def test_a_self_signed_device_is_refused(iot: Any) -> None:
    register(iot)
    alone = CertificateAuthority(common_name="bulb-1")
    device = DeviceIdentity(alone.certificate_pem, alone.private_key_pem)
    refused_with_nothing_made(iot, "DEVICE_CERTIFICATE_NOT_REGISTERED", device)


@pytest.mark.parametrize("auto_registration", [True, False])
@pytest.mark.parametrize("template", [True, False])
def test_under_an_inactive_ca_nothing_is_registered(
    iot: Any, auto_registration: bool, template: bool
) -> None:
    register(
        iot,
        active=False,
        auto_registration=auto_registration,
        template_body=PLAIN_BODY if template else None,
    )
    refused_with_nothing_made(iot, "CA_CERTIFICATE_INACTIVE", CA.issue())


@pytest.mark.parametrize("template", [True, False])
def test_with_auto_registration_off_nothing_is_registered(iot: Any, template: bool) -> None:
    register(iot, auto_registration=False, template_body=PLAIN_BODY if template else None)
    refused_with_nothing_made(iot, "AUTO_REGISTRATION_DISABLED", CA.issue())


def test_a_ca_registered_with_the_defaults_registers_no_devices(iot: Any) -> None:
    code = iot.get_registration_code()["registrationCode"]
    identifier = iot.register_ca_certificate(
        caCertificate=CA.certificate_pem, verificationCertificate=CA.verification_certificate(code)
    )["certificateId"]
    refused_with_nothing_made(iot, "CA_CERTIFICATE_INACTIVE", CA.issue())
    iot.update_ca_certificate(certificateId=identifier, newStatus="ACTIVE")
    refused_with_nothing_made(iot, "AUTO_REGISTRATION_DISABLED", CA.issue())
    iot.update_ca_certificate(certificateId=identifier, newAutoRegistrationStatus="ENABLE")
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", CA.issue())


def test_just_in_time_registration_leaves_a_device_pending(iot: Any) -> None:
    ca_id = register(iot, template_body=None)
    device = CA.issue()
    refusal = refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    assert refusal.provisioning is None
    assert len(refusal.attempts) == 1
    found = described(iot, device.certificate_id)
    assert (found["status"], found["caCertificateId"]) == ("PENDING_ACTIVATION", ca_id)
    assert found["certificatePem"] == device.certificate_pem
    assert nothing_made(iot)


def test_just_in_time_provisioning_drops_the_first_connection_and_accepts_the_second(
    iot: Any,
) -> None:
    ca_id = register(iot)
    device = CA.issue(common_name="bulb-1")
    refusal = refused_for("RECONNECT_REQUIRED", device, reconnect=False)
    assert refusal.provisioning is not None
    assert refusal.provisioning.succeeded
    found = described(iot, device.certificate_id)
    assert (found["status"], found["caCertificateId"]) == ("ACTIVE", ca_id)
    connection = connect_device(device)
    assert len(connection.attempts) == 1
    assert connection.provisioning is None
    assert connection.thing_name == "bulb-1"


def test_a_device_that_reconnects_is_provisioned_and_accepted_in_one_call(iot: Any) -> None:
    register(iot)
    first, second = connect_device(CA.issue()).attempts
    assert (first.accepted, first.reason) == (False, RefusalReason.RECONNECT_REQUIRED)
    assert (second.accepted, second.reason) == (True, None)
    assert first.sequence < second.sequence


# The certificate is pending.


def test_a_pending_device_is_provisioned_once_its_ca_gets_a_template(iot: Any) -> None:
    ca_id = register(iot, template_body=None)
    device = CA.issue(common_name="bulb-1")
    for _ in range(2):
        refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    iot.update_ca_certificate(
        certificateId=ca_id, registrationConfig={"templateBody": PLAIN_BODY, "roleArn": ROLE}
    )
    assert connect_device(device).thing_name == "bulb-1"


def test_a_pending_device_whose_template_was_taken_away_is_just_registered(iot: Any) -> None:
    ca_id = register(iot, template_body=GUIDE_BODY)
    device = CA.issue()
    refused_for("PROVISIONING_FAILED", device)
    iot.update_ca_certificate(certificateId=ca_id, removeAutoRegistration=True)
    reason = refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device).reason
    assert reason.aws_reason == "DEVICE_CERTIFICATE_INACTIVE"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"newStatus": "INACTIVE"}, "CA_CERTIFICATE_INACTIVE"),
        ({"newAutoRegistrationStatus": "DISABLE"}, "AUTO_REGISTRATION_DISABLED"),
    ],
)
def test_a_pending_device_stays_pending_while_its_ca_registers_nobody(
    iot: Any, change: dict[str, str], reason: str
) -> None:
    ca_id = register(iot, template_body=GUIDE_BODY)
    device = CA.issue(country="KR")
    refused_for("PROVISIONING_FAILED", device)
    iot.update_ca_certificate(
        certificateId=ca_id,
        registrationConfig={"templateBody": PLAIN_BODY, "roleArn": ROLE},
        **change,
    )
    assert refused_for(reason, device).provisioning is None
    assert status_of(iot, device) == "PENDING_ACTIVATION"
    assert nothing_made(iot)
    iot.update_ca_certificate(
        certificateId=ca_id, newStatus="ACTIVE", newAutoRegistrationStatus="ENABLE"
    )
    assert connect_device(device).attempts[-1].accepted


def test_a_pending_device_whose_ca_was_deleted_stays_pending_until_it_is_back(iot: Any) -> None:
    ca_id = register(iot, template_body=None)
    device = CA.issue()
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    iot.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE")
    iot.delete_ca_certificate(certificateId=ca_id)
    refusal = refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    assert "has been deleted" in str(refusal)
    register(iot)
    assert connect_device(device).attempts[-1].accepted


# The certificate is registered with another status.


@pytest.mark.parametrize("change", [None, "INACTIVE", "deleted"])
def test_an_active_device_connects_whatever_becomes_of_its_ca(iot: Any, change: str | None) -> None:
    ca_id = register(iot)
    device = CA.issue()
    connect_device(device)
    if change is not None:
        iot.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE")
    if change == "deleted":
        iot.delete_ca_certificate(certificateId=ca_id)
    connection = connect_device(device)
    assert len(connection.attempts) == 1
    assert connection.provisioning is None


def test_an_active_certificate_registered_without_a_ca_connects(iot: Any) -> None:
    device = CA.issue(common_name="alone")
    iot.register_certificate_without_ca(certificatePem=device.certificate_pem, status="ACTIVE")
    connection = connect_device(device)
    assert connection.thing_name is None
    assert connection.client_id == "alone"


def test_a_certificate_that_aws_issued_connects(iot: Any) -> None:
    made = iot.create_keys_and_certificate(setAsActive=True)
    device = DeviceIdentity.from_pem(made["certificatePem"], made["keyPair"]["PrivateKey"])
    assert connect_device(device).certificate_arn == made["certificateArn"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("INACTIVE", "DEVICE_CERTIFICATE_INACTIVE"),
        ("REVOKED", "DEVICE_CERTIFICATE_REVOKED"),
        ("REGISTER_INACTIVE", "DEVICE_CERTIFICATE_INACTIVE"),
    ],
)
def test_a_certificate_that_is_not_active_is_refused_and_not_provisioned_again(
    iot: Any, status: str, reason: str
) -> None:
    register(iot)
    device = CA.issue()
    connect_device(device)
    iot.update_certificate(certificateId=device.certificate_id, newStatus=status)
    refusal = refused_for(reason, device)
    assert refusal.reason.aws_reason == reason
    assert refusal.provisioning is None
    assert status_of(iot, device) == status
    iot.update_certificate(certificateId=device.certificate_id, newStatus="ACTIVE")
    assert connect_device(device).attempts[-1].accepted


@mock_jitp(config={"jitp": {"strict": False}})
def test_a_certificate_on_its_way_to_another_account_is_refused() -> None:
    device = CA.issue()
    # No operation of moto leads to this status; without the checks it can be registered with it.
    client().register_certificate_without_ca(
        certificatePem=device.certificate_pem, status="PENDING_TRANSFER"
    )
    refusal = refused_for("DEVICE_CERTIFICATE_INACTIVE", device)
    assert "cancel_certificate_transfer" in str(refusal)


def test_a_deleted_certificate_is_registered_again(iot: Any) -> None:
    register(iot)
    device = CA.issue(common_name="bulb-1")
    connection = connect_device(device)
    iot.detach_thing_principal(thingName="bulb-1", principal=connection.certificate_arn)
    iot.update_certificate(certificateId=device.certificate_id, newStatus="INACTIVE")
    iot.delete_certificate(certificateId=device.certificate_id)
    assert connect_device(device).provisioning is not None


# Validity.


def test_an_expired_device_is_refused(iot: Any) -> None:
    register(iot)
    device = CA.issue(not_after=NOW - DAY)
    refused_with_nothing_made(iot, "DEVICE_CERTIFICATE_EXPIRED", device)


def test_a_device_that_is_not_valid_yet_is_refused(iot: Any) -> None:
    register(iot)
    device = CA.issue(not_before=NOW + DAY)
    refused_with_nothing_made(iot, "DEVICE_CERTIFICATE_NOT_YET_VALID", device)


def test_time_that_passes_makes_a_device_valid_and_lets_it_expire(iot: Any) -> None:
    register(iot)
    device = CA.issue(not_before=NOW + DAY, not_after=NOW + 3 * DAY)
    refused_for("DEVICE_CERTIFICATE_NOT_YET_VALID", device)
    with freeze_time(NOW + 2 * DAY):
        connect_device(device)
    with freeze_time(NOW + 4 * DAY):
        refused_for("DEVICE_CERTIFICATE_EXPIRED", device)
    assert status_of(iot, device) == "ACTIVE"


def test_an_unknown_device_is_refused_as_unknown_rather_than_as_expired(iot: Any) -> None:
    device = CA.issue(not_after=NOW - DAY)
    refused_for("DEVICE_CERTIFICATE_NOT_REGISTERED", device)


# The private key.


def test_a_device_with_the_key_of_another_is_refused(iot: Any) -> None:
    register(iot)
    device, other = CA.issue(), CA.issue()
    mixed = DeviceIdentity(device.certificate_pem, other.private_key_pem)
    refused_with_nothing_made(iot, "NOT_AUTHENTICATED", mixed)
    connect_device(device)
    refused_for("NOT_AUTHENTICATED", mixed)


# The server name.


def test_a_new_device_that_names_no_server_is_refused(iot: Any) -> None:
    register(iot)
    device = CA.issue()
    refused_with_nothing_made(iot, "SERVER_NAME_MISSING", device, server_name=None)
    connect_device(device)


def test_a_pending_device_that_names_no_server_stays_pending(iot: Any) -> None:
    ca_id = register(iot, template_body=None)
    device = CA.issue()
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", device)
    iot.update_ca_certificate(
        certificateId=ca_id, registrationConfig={"templateBody": PLAIN_BODY, "roleArn": ROLE}
    )
    refused_for("SERVER_NAME_MISSING", device, server_name=None)
    assert status_of(iot, device) == "PENDING_ACTIVATION"


def test_an_active_device_needs_to_name_no_server(iot: Any) -> None:
    register(iot)
    device = CA.issue()
    connect_device(device)
    connection = connect_device(device, server_name=None)
    assert connection.attempts[0].server_name is None


def test_a_device_that_names_a_strange_server_is_refused_also_when_it_is_active(iot: Any) -> None:
    register(iot)
    device = CA.issue()
    refused_with_nothing_made(iot, "SNI_MISUSED", device, server_name="example.com")
    connect_device(device)
    refused_for("SNI_MISUSED", device, server_name="localhost")


# What the template says.


def test_a_template_can_leave_the_device_inactive(iot: Any) -> None:
    inactive = body(
        certificate={
            "Type": "AWS::IoT::Certificate",
            "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                "Status": "INACTIVE",
            },
        }
    )
    register(iot, template_body=inactive)
    device = CA.issue()
    refusal = refused_for("DEVICE_CERTIFICATE_INACTIVE", device)
    assert [attempt.reason for attempt in refusal.attempts] == [
        RefusalReason.RECONNECT_REQUIRED,
        RefusalReason.DEVICE_CERTIFICATE_INACTIVE,
    ]
    assert refusal.provisioning is not None
    assert refusal.provisioning.succeeded
    assert "Status ACTIVE" in str(refusal)
    assert status_of(iot, device) == "INACTIVE"


def test_a_disabled_template_provisions_all_the_same(iot: Any) -> None:
    iot.create_provisioning_template(
        templateName="bulbs",
        templateBody=PLAIN_BODY,
        provisioningRoleArn=ROLE,
        type="JITP",
        enabled=False,
    )
    register(iot, template_body=None, template_name="bulbs")
    assert connect_device(CA.issue(common_name="bulb-1")).thing_name == "bulb-1"


def test_a_ca_that_names_a_deleted_template_provisions_nobody_until_it_is_back(iot: Any) -> None:
    template = {
        "templateName": "bulbs",
        "templateBody": PLAIN_BODY,
        "provisioningRoleArn": ROLE,
        "type": "JITP",
    }
    iot.create_provisioning_template(**template)
    register(iot, template_body=None, template_name="bulbs")
    iot.delete_provisioning_template(templateName="bulbs")
    device = CA.issue()
    refusal = refused_for("PROVISIONING_FAILED", device)
    assert "'bulbs', which was deleted" in str(refusal)
    assert status_of(iot, device) == "PENDING_ACTIVATION"
    assert nothing_made(iot)
    iot.create_provisioning_template(**template)
    connect_device(device)


def test_a_template_that_was_created_again_for_fleets_provisions_nobody(iot: Any) -> None:
    template = {
        "templateName": "bulbs",
        "templateBody": PLAIN_BODY,
        "provisioningRoleArn": ROLE,
    }
    iot.create_provisioning_template(**template, type="JITP")
    register(iot, template_body=None, template_name="bulbs")
    iot.delete_provisioning_template(templateName="bulbs")
    iot.create_provisioning_template(**template, type="FLEET_PROVISIONING")
    device = CA.issue()
    refusal = refused_for("PROVISIONING_FAILED", device)
    assert "has the type FLEET_PROVISIONING" in str(refusal)
    assert "create it again, with the type JITP" in str(refusal)
    assert status_of(iot, device) == "PENDING_ACTIVATION"
    assert nothing_made(iot)


# The reasons.


def test_the_reasons_are_a_closed_list_of_texts_with_aws_names_beside_them() -> None:
    unknown, inactive = "DEVICE_CERTIFICATE_NOT_REGISTERED", "DEVICE_CERTIFICATE_INACTIVE"
    assert {str(reason): reason.aws_reason for reason in RefusalReason} == {
        unknown: unknown,
        "CA_CERTIFICATE_INACTIVE": unknown,
        "AUTO_REGISTRATION_DISABLED": unknown,
        "DEVICE_CERTIFICATE_EXPIRED": "NOT_AUTHENTICATED",
        "DEVICE_CERTIFICATE_NOT_YET_VALID": "NOT_AUTHENTICATED",
        "SERVER_NAME_MISSING": "SNI_MISUSED",
        "SNI_MISUSED": "SNI_MISUSED",
        "NOT_AUTHENTICATED": "NOT_AUTHENTICATED",
        "DEVICE_CERTIFICATE_PENDING_ACTIVATION": inactive,
        "RECONNECT_REQUIRED": None,
        "PROVISIONING_FAILED": inactive,
        inactive: inactive,
        "DEVICE_CERTIFICATE_REVOKED": "DEVICE_CERTIFICATE_REVOKED",
        "NOT_AUTHORIZED": None,
        "CREDENTIALS_REFUSED": None,
        "CONNECT_DELAYED": None,
        "CONNECT_THROTTLED": None,
    }
    assert isinstance(RefusalReason.SNI_MISUSED, str)
    assert RefusalReason.SNI_MISUSED == "SNI_MISUSED"
    assert f"{RefusalReason.SNI_MISUSED}" == "SNI_MISUSED"


def test_every_attempt_is_kept_with_all_that_it_was(iot: Any, mocked: JitpHandle) -> None:
    register(iot)
    device = CA.issue(common_name="bulb-1", country="KR")
    refused_for("SNI_MISUSED", device, server_name="example.com", client_id="me")
    connect_device(device)
    misused, dropped, accepted = mocked.connections
    assert misused.client_id == "me"
    assert misused.server_name == "example.com"
    assert misused.provisioning is None
    assert dropped.provisioning is not None
    for attempt in mocked.connections:
        assert attempt.certificate_id == device.certificate_id
        assert attempt.subject == "C=KR,CN=bulb-1"
        assert (attempt.account_id, attempt.region_name) == ("123456789012", "us-east-1")
        assert abs(attempt.timestamp - datetime.now(timezone.utc)) < timedelta(minutes=5)
        assert attempt.message
    assert [connection.accepted for connection in mocked.connections] == [False, False, True]
    assert accepted.advice is None


def test_nothing_of_a_block_is_left_in_the_next() -> None:
    device = CA.issue()
    with mock_jitp():
        register(client())
        connect_device(device)
    with mock_jitp() as jitp:
        refused_for("DEVICE_CERTIFICATE_NOT_REGISTERED", device)
        assert len(jitp.connections) == 1
