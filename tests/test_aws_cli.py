"""AWS's guide with the real AWS CLI and OpenSSL, command by command, against a server.

https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
https://docs.aws.amazon.com/iot/latest/developerguide/create-your-CA-cert.html
https://docs.aws.amazon.com/iot/latest/developerguide/create-device-cert.html
"""

from __future__ import annotations

from support.aws_cli import REQUIREMENTS, Shell, shell
from support.servers import Api

from moto_jitp.server import ThreadedJitpServer

pytestmark = REQUIREMENTS
__all__ = ["shell"]


def test_the_guide_with_a_template_body_in_default_mode(
    server: ThreadedJitpServer, shell: Shell
) -> None:
    shell.make_what_the_template_names()
    code = shell.aws("iot get-registration-code")["registrationCode"]
    shell.issue("your-verification-cert", f"/CN={code}")
    registered = shell.aws(
        "iot register-ca-certificate --ca-certificate file://your-ca-cert "
        "--verification-cert file://your-verification-cert.pem --set-as-active "
        "--allow-auto-registration --registration-config file://your-template"
    )
    assert ":cacert/" in registered["certificateArn"]

    outcome = Api(server.endpoint_url).connect(
        shell.issue("bulb", "/C=KR/O=Acme/CN=bulb-1/serialNumber=42")
    )

    assert outcome["accepted"] is True, outcome["explanation"]
    certificate_id = outcome["certificateId"]
    found = shell.aws(f"iot describe-certificate --certificate-id {certificate_id}")
    assert found["certificateDescription"]["status"] == "ACTIVE"
    assert found["certificateDescription"]["caCertificateId"] == registered["certificateId"]
    thing = shell.aws("iot describe-thing --thing-name bulb-1")
    assert thing["thingTypeName"] == "lightBulb-versionA"
    assert thing["attributes"] == {"version": "v1", "serialNumber": "42"}
    principals = shell.aws("iot list-thing-principals --thing-name bulb-1")
    assert principals["principals"] == [outcome["certificateArn"]]
    policies = shell.aws(f"iot list-attached-policies --target {outcome['certificateArn']}")
    assert len(policies["policies"]) == 1


def test_the_guide_with_a_template_name_in_sni_only_mode(
    server: ThreadedJitpServer, shell: Shell
) -> None:
    created = shell.aws(
        "iot create-provisioning-template --template-name your-template-name "
        "--template-body file://your-template-body.json --type JITP --enabled "
        "--provisioning-role-arn arn:aws:iam::123456789012:role/test"
    )
    assert created["defaultVersionId"] == 1
    registered = shell.aws(
        "iot register-ca-certificate --ca-certificate file://your-ca-cert "
        "--certificate-mode SNI_ONLY --set-as-active --allow-auto-registration "
        "--registration-config templateName=your-template-name"
    )
    bulb = shell.issue("bulb", "/C=KR/CN=bulb-1/serialNumber=42")
    api = Api(server.endpoint_url)

    # Its thing type and groups do not exist yet: the device reports it, and connects again.
    refused = api.connect(bulb)
    assert refused["reason"] == "PROVISIONING_FAILED"
    assert "lightBulb-versionA" in refused["explanation"]
    shell.make_what_the_template_names()
    accepted = api.connect(bulb)
    assert accepted["accepted"] is True, accepted["explanation"]
    assert accepted["provisioning"]["templateName"] == "your-template-name"

    described = shell.aws(
        f"iot describe-ca-certificate --certificate-id {registered['certificateId']}"
    )
    assert described["certificateDescription"]["certificateMode"] == "SNI_ONLY"
    assert described["registrationConfig"]["templateName"] == "your-template-name"
    certificates = shell.aws(
        f"iot list-certificates-by-ca --ca-certificate-id {registered['certificateId']}"
    )
    assert [certificate["status"] for certificate in certificates["certificates"]] == ["ACTIVE"]
    listed = shell.aws("iot list-ca-certificates --template-name your-template-name")
    assert [ca["certificateId"] for ca in listed["certificates"]] == [registered["certificateId"]]


def test_the_guide_updates_a_registered_ca(server: ThreadedJitpServer, shell: Shell) -> None:
    registered = shell.aws(
        "iot register-ca-certificate --ca-certificate file://your-ca-cert "
        "--certificate-mode SNI_ONLY --set-as-active"
    )
    api = Api(server.endpoint_url)
    bulb = shell.issue("bulb", "/C=KR/CN=bulb-1/serialNumber=42")
    assert api.connect(bulb)["reason"] == "AUTO_REGISTRATION_DISABLED"
    shell.make_what_the_template_names()
    shell.aws(
        f"iot update-ca-certificate --certificate-id {registered['certificateId']} "
        "--new-auto-registration-status ENABLE --registration-config "
        "file://your-template"
    )
    assert api.connect(bulb)["accepted"] is True


def test_the_cli_shows_awss_errors_at_once(shell: Shell) -> None:
    shell.issue("wrong", "/CN=not-the-registration-code")
    said = shell.aws_refused(
        "iot register-ca-certificate --ca-certificate file://your-ca-cert "
        "--verification-cert file://wrong.pem"
    )
    assert "Registration code provided in the CN field" in said
    # An operation that is not emulated gets an error that names it, not a server error that the CLI
    # retries.
    said = shell.aws_refused("iot describe-managed-job-template --template-name x")
    assert "DescribeManagedJobTemplate" in said
