"""IoT state moves between plain moto and our backend, and stays usable in both."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import client, refused

from moto_jitp import CertificateAuthority, DeviceIdentity, connect_device, mock_jitp

ca = CertificateAuthority(common_name="Acme Root")


@pytest.fixture
def bulb() -> DeviceIdentity:
    return ca.issue(common_name="bulb-1")


def register_in_plain_moto(iot: Any) -> str:
    answer = iot.register_ca_certificate(
        caCertificate=ca.certificate_pem,
        setAsActive=True,
        registrationConfig={"templateBody": PLAIN_BODY, "roleArn": ROLE},
    )
    return str(answer["certificateId"])


def enable(iot: Any, ca_id: str) -> None:
    iot.update_ca_certificate(certificateId=ca_id, newAutoRegistrationStatus="ENABLE")


def status(iot: Any, certificate_id: str) -> str:
    answer = iot.describe_certificate(certificateId=certificate_id)
    return str(answer["certificateDescription"]["status"])


def test_a_ca_of_plain_moto_provisions_devices(bulb: DeviceIdentity) -> None:
    with mock_aws():
        iot = client()
        ca_id = register_in_plain_moto(iot)
        with mock_jitp():
            enable(iot, ca_id)
            found = iot.describe_ca_certificate(certificateId=ca_id)
            assert found["registrationConfig"] == {"templateBody": PLAIN_BODY, "roleArn": ROLE}
            description = found["certificateDescription"]
            assert description["certificateArn"].endswith(f":cacert/{ca_id}")
            assert description["validity"]["notAfter"] == ca.certificate.not_valid_after_utc
            assert connect_device(bulb).thing_name == "bulb-1"
        assert status(iot, bulb.certificate_id) == "ACTIVE"
        assert [thing["thingName"] for thing in iot.list_things()["things"]] == ["bulb-1"]


def test_a_ca_of_plain_moto_counts_as_registered(bulb: DeviceIdentity) -> None:
    with mock_aws():
        iot = client()
        ca_id = register_in_plain_moto(iot)
        with mock_jitp():
            with refused("ResourceAlreadyExistsException", 409, "") as caught:
                ca.register(iot)
            assert caught.response["resourceId"] == ca_id
            iot.register_certificate(
                certificatePem=bulb.certificate_pem, caCertificatePem=ca.certificate_pem
            )
            (found,) = iot.list_certificates_by_ca(caCertificateId=ca_id)["certificates"]
            assert found["certificateId"] == bulb.certificate_id
            iot.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE")
            iot.delete_ca_certificate(certificateId=ca_id)
            ca.register(iot)


def test_a_certificate_of_plain_moto_connects_and_counts_as_registered(
    bulb: DeviceIdentity,
) -> None:
    with mock_aws():
        iot = client()
        made = iot.register_certificate_without_ca(
            certificatePem=bulb.certificate_pem, status="ACTIVE"
        )
        with mock_jitp():
            assert len(connect_device(bulb).attempts) == 1
            with refused("ResourceAlreadyExistsException", 409, "") as caught:
                iot.register_certificate_without_ca(certificatePem=bulb.certificate_pem)
            assert caught.response["resourceId"] == made["certificateId"]
            iot.update_certificate(certificateId=made["certificateId"], newStatus="REVOKED")
            (entry,) = iot.list_certificates()["certificates"]
            assert entry["certificateMode"] == "DEFAULT"
        assert status(iot, made["certificateId"]) == "REVOKED"
        iot.delete_certificate(certificateId=made["certificateId"])
        with mock_jitp(), pytest.raises(ClientError):
            status(iot, made["certificateId"])


def test_text_that_is_not_a_certificate_is_carried_along() -> None:
    with mock_aws():
        iot = client()
        made = iot.register_certificate_without_ca(certificatePem="pem", status="ACTIVE")
        registered = iot.register_ca_certificate(
            caCertificate="ca", verificationCertificate="proof"
        )
        with mock_jitp():
            found = iot.describe_certificate(certificateId=made["certificateId"])
            assert found["certificateDescription"]["certificatePem"] == "pem"
            found = iot.describe_ca_certificate(certificateId=registered["certificateId"])
            assert found["certificateDescription"]["certificatePem"] == "ca"
            assert len(iot.list_ca_certificates()["certificates"]) == 1


def test_what_plain_moto_joined_stays_joined(bulb: DeviceIdentity) -> None:
    with mock_aws():
        iot = client()
        made = iot.register_certificate_without_ca(
            certificatePem=bulb.certificate_pem, status="INACTIVE"
        )
        arn = made["certificateArn"]
        document = (
            '{"Version": "2012-10-17", '
            '"Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}'
        )
        iot.create_thing(thingName="bulb-1")
        iot.create_policy(policyName="p", policyDocument=document)
        iot.attach_thing_principal(thingName="bulb-1", principal=arn)
        iot.attach_policy(policyName="p", target=arn)
        with mock_jitp():
            assert iot.list_thing_principals(thingName="bulb-1")["principals"] == [arn]
            assert iot.list_principal_things(principal=arn)["things"] == ["bulb-1"]
            assert iot.list_targets_for_policy(policyName="p")["targets"] == [arn]
            with refused("DeleteConflictException", 409, "Things must be detached"):
                iot.delete_certificate(certificateId=made["certificateId"])
            iot.detach_thing_principal(thingName="bulb-1", principal=arn)
            iot.detach_policy(policyName="p", target=arn)
        assert iot.list_thing_principals(thingName="bulb-1")["principals"] == []
        iot.delete_policy(policyName="p")
        iot.delete_certificate(certificateId=made["certificateId"])


def test_what_plain_moto_lacks_is_found_again_in_the_next_block(bulb: DeviceIdentity) -> None:
    with mock_aws():
        iot = client()
        with mock_jitp():
            code = iot.get_registration_code()["registrationCode"]
            answer = iot.create_provisioning_template(
                templateName="bulbs",
                templateBody=PLAIN_BODY,
                provisioningRoleArn=ROLE,
                type="JITP",
                tags=[{"Key": "line", "Value": "bulbs"}],
            )
            first = ca.register(iot, template_name="bulbs")
        other = CertificateAuthority(common_name="Other Root")
        iot.register_ca_certificate(caCertificate=other.certificate_pem)
        between = iot.register_certificate_without_ca(certificatePem=other.issue().certificate_pem)[
            "certificateId"
        ]
        with mock_jitp():
            assert iot.get_registration_code()["registrationCode"] == code
            found = iot.list_tags_for_resource(resourceArn=answer["templateArn"])["tags"]
            assert found == [{"Key": "line", "Value": "bulbs"}]
            listed = iot.list_ca_certificates(ascendingOrder=True)["certificates"]
            assert listed[0]["certificateId"] == first
            assert len(listed) == 2
            assert connect_device(bulb).thing_name == "bulb-1"
            listed = iot.list_certificates(ascendingOrder=True)["certificates"]
            assert [entry["certificateId"] for entry in listed] == [between, bulb.certificate_id]


def test_each_region_is_carried_along_by_itself(bulb: DeviceIdentity) -> None:
    with mock_aws():
        ca_id = register_in_plain_moto(client("eu-west-1"))
        client().create_thing(thingName="elsewhere")
        with mock_jitp():
            enable(client("eu-west-1"), ca_id)
            assert client().list_ca_certificates()["certificates"] == []
            assert connect_device(bulb).certificate_arn.split(":")[3] == "eu-west-1"
