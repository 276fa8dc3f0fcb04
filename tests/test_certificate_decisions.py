"""Questions about certificates that AWS's pages leave open are decided in one way, which stays.

Which keys and certificates a device may connect with, what a CA must be, and what happens to a run
whose certificate or template changes meanwhile.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from freezegun import freeze_time
from moto.moto_api import state_manager
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import client, refused

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    DeviceIdentity,
    RefusalReason,
    connect_device,
    mock_jitp,
)

NOT_AUTHENTICATED = RefusalReason.NOT_AUTHENTICATED


def signed_by(ca: CertificateAuthority, key: Any) -> DeviceIdentity:
    """A device with a key that CertificateAuthority itself does not offer."""
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bulb")]))
        .issuer_name(ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    signer = load_pem_private_key(ca.private_key_pem.encode(), None)
    certificate = builder.sign(signer, hashes.SHA256())  # type: ignore[arg-type]
    pem = certificate.public_bytes(Encoding.PEM).decode()
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return DeviceIdentity(pem, key.private_bytes(*form).decode(), (ca.certificate_pem,))


def refusal(device: DeviceIdentity, **given: Any) -> ConnectionRefused:
    with pytest.raises(ConnectionRefused) as caught:
        connect_device(device, **given)
    return caught.value


KEYS = {
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA key of 1024 bit": lambda: rsa.generate_private_key(65537, 1024),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
}


@pytest.mark.parametrize("named", KEYS)
def test_a_key_that_cannot_be_registered_cannot_connect_either(
    iot: Any, acme: CertificateAuthority, named: str
) -> None:
    acme.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
    device = signed_by(acme, KEYS[named]())
    with refused("CertificateValidationException", 400, "The certificate has a") as error:
        iot.register_certificate(certificatePem=device.certificate_pem)
    assert named in error.response["Error"]["Message"]
    found = refusal(device)
    assert found.reason is NOT_AUTHENTICATED
    assert named in str(found)
    assert iot.list_certificates()["certificates"] == []


def test_a_ca_does_not_connect_with_its_own_certificate(
    iot: Any, acme: CertificateAuthority
) -> None:
    acme.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
    found = refusal(DeviceIdentity(acme.certificate_pem, acme.private_key_pem))
    assert found.reason is NOT_AUTHENTICATED
    assert "registered CA" in str(found)
    assert iot.list_certificates()["certificates"] == []


def by_openssl(folder: Path, *arguments: str) -> str:
    """The PEM text that OpenSSL writes, which also supports obsolete digests."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the command openssl")
    out = folder / "out.pem"
    command = [openssl, *arguments, "-out", str(out)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this OpenSSL refuses it: {done.stderr.strip()}")
    return out.read_text()


def csr_by_openssl(folder: Path, digest: str) -> str:
    (folder / "key.pem").write_text(rsa_key_pem())
    return by_openssl(folder, "req", "-new", "-key", "key.pem", "-subj", "/CN=bulb", f"-{digest}")


def rsa_key_pem() -> str:
    key = rsa.generate_private_key(65537, 2048)
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key.private_bytes(*form).decode()


@pytest.mark.parametrize(("digest", "name"), [("sha1", "SHA-1"), ("md5", "MD5")])
def test_a_signature_with_an_old_digest_is_refused_by_its_name(
    iot: Any, tmp_path: Path, digest: str, name: str
) -> None:
    root = CertificateAuthority(common_name="Acme Root", key="rsa")
    root.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
    (tmp_path / "csr.pem").write_text(csr_by_openssl(tmp_path, "sha256"))
    (tmp_path / "root.pem").write_text(root.certificate_pem)
    (tmp_path / "root.key").write_text(root.private_key_pem)
    ca = ("-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "7", "-days", "30")
    pem = by_openssl(tmp_path, "x509", "-req", "-in", "csr.pem", *ca, f"-{digest}")
    device = DeviceIdentity(pem, (tmp_path / "key.pem").read_text())
    with refused("CertificateValidationException", 400, "The signature of the cert") as error:
        iot.register_certificate(certificatePem=pem)
    assert f"uses {name}" in error.response["Error"]["Message"]
    assert f"uses {name}" in str(refusal(device))


def test_a_leaf_is_not_registered_as_a_ca(iot: Any, acme: CertificateAuthority) -> None:
    leaf = acme.issue("bulb")
    with refused("CertificateValidationException", 400, "The certificate 'CN=bulb' is not a CA"):
        iot.register_ca_certificate(caCertificate=leaf.certificate_pem, certificateMode="SNI_ONLY")


def test_a_ca_without_extensions_still_is_registered(iot: Any) -> None:
    plain = CertificateAuthority(common_name="Old Root", extensions=False)
    assert list(plain.certificate.extensions) == []
    plain.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
    assert connect_device(plain.issue("bulb", extensions=False)).connected


def test_a_ca_that_has_expired_registers_no_new_devices(iot: Any) -> None:
    soon = datetime.now(timezone.utc) + timedelta(days=1)
    ca = CertificateAuthority(common_name="Short Root", not_after=soon)
    ca.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
    known, new = ca.issue("known"), ca.issue("new")
    connect_device(known)
    with freeze_time(soon + timedelta(hours=1)):
        found = refusal(new)
        assert found.reason is RefusalReason.DEVICE_CERTIFICATE_NOT_REGISTERED
        assert f"The CA certificate {ca.certificate_id} expired" in str(found)
        assert connect_device(known).connected
        described = iot.describe_ca_certificate(certificateId=ca.certificate_id)
        assert described["certificateDescription"]["status"] == "ACTIVE"


def test_a_certificate_that_is_revoked_while_its_run_waits_stays_revoked(
    acme: CertificateAuthority,
) -> None:
    with mock_jitp():
        iot = client()
        acme.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
        bulb = acme.issue("bulb")
        state_manager.set_transition("iot::jitp", {"progression": "manual", "times": 2})
        try:
            with pytest.raises(ConnectionRefused):
                connect_device(bulb, reconnect=False)
            iot.update_certificate(certificateId=bulb.certificate_id, newStatus="REVOKED")
            for _ in range(4):
                iot.describe_certificate(certificateId=bulb.certificate_id)
            found = refusal(bulb)
        finally:
            state_manager.unset_transition("iot::jitp")
        assert found.reason is RefusalReason.DEVICE_CERTIFICATE_REVOKED
        described = iot.describe_certificate(certificateId=bulb.certificate_id)
        assert described["certificateDescription"]["status"] == "REVOKED"
        assert iot.list_things()["things"] == []


def test_a_template_that_is_not_enabled_runs_and_the_step_says_so(
    iot: Any, acme: CertificateAuthority
) -> None:
    iot.create_provisioning_template(
        templateName="bulbs", templateBody=PLAIN_BODY, provisioningRoleArn=ROLE, type="JITP"
    )
    acme.register(iot, template_name="bulbs")
    for enabled in (False, True):
        iot.update_provisioning_template(templateName="bulbs", enabled=enabled)
        run = connect_device(acme.issue(f"bulb-{enabled}")).provisioning
        assert run is not None
        messages = [step.message for step in run.steps if step.action == "RegisterThing"]
        note = "the template is not enabled, which does not stop just-in-time provisioning"
        assert messages == [None if enabled else note]


def test_removing_auto_registration_removes_the_template_and_leaves_the_status(
    iot: Any, acme: CertificateAuthority
) -> None:
    acme.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
    iot.update_ca_certificate(certificateId=acme.certificate_id, removeAutoRegistration=True)
    described = iot.describe_ca_certificate(certificateId=acme.certificate_id)
    assert not described.get("registrationConfig")
    assert described["certificateDescription"]["autoRegistrationStatus"] == "ENABLE"
    found = refusal(acme.issue("bulb"))
    assert found.reason is RefusalReason.DEVICE_CERTIFICATE_PENDING_ACTIVATION


def test_certificates_have_the_extensions_that_openssl_and_aws_give_theirs(
    iot: Any, acme: CertificateAuthority
) -> None:
    own = iot.create_keys_and_certificate()["certificatePem"].encode()
    root, leaf = acme.certificate, acme.issue("bulb").certificate
    for certificate, is_ca in (
        (root, True),
        (leaf, False),
        (x509.load_pem_x509_certificate(own), False),
    ):
        extensions = certificate.extensions
        constraints = extensions.get_extension_for_class(x509.BasicConstraints)
        usage = extensions.get_extension_for_class(x509.KeyUsage)
        assert (constraints.critical, constraints.value.ca) == (True, is_ca)
        assert (usage.critical, usage.value.key_cert_sign) == (True, is_ca)
        assert usage.value.digital_signature
        subject = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        assert subject == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    authority = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    named = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert authority.key_identifier == named.digest
    assert list(acme.issue("plain", extensions=False).certificate.extensions) == []


def test_a_csr_that_is_signed_with_sha1_is_accepted(iot: Any, tmp_path: Path) -> None:
    pem = csr_by_openssl(tmp_path, "sha1")
    made = iot.create_certificate_from_csr(certificateSigningRequest=pem)
    csr = x509.load_pem_x509_csr(pem.encode())
    issued = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    assert issued.subject == csr.subject
    body = bytearray(csr.public_bytes(Encoding.DER))
    body[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(body)).public_bytes(Encoding.PEM).decode()
    with refused("InvalidRequestException", 400, "The signature of the certificateSigningRequest"):
        iot.create_certificate_from_csr(certificateSigningRequest=forged)


THING_ALONE = json.dumps(
    {
        "Parameters": {"Name": {"Type": "String"}, "Site": {"Type": "String", "Default": "Seoul"}},
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {
                    "ThingName": {"Ref": "Name"},
                    "AttributePayload": {"site": {"Ref": "Site"}},
                },
            }
        },
    }
)


def test_register_thing_makes_a_thing_alone_and_takes_the_default_for_an_empty_value(
    iot: Any,
) -> None:
    answer = iot.register_thing(templateBody=THING_ALONE, parameters={"Name": "t", "Site": ""})
    described = iot.describe_thing(thingName="t")
    assert "certificatePem" not in answer
    assert answer["resourceArns"] == {"thing": described["thingArn"]}
    assert described["attributes"] == {"site": "Seoul"}


def test_all_other_templates_need_a_certificate(iot: Any, acme: CertificateAuthority) -> None:
    with refused("InvalidRequestException", 400, "The template body is invalid"):
        iot.create_provisioning_template(
            templateName="t", templateBody=THING_ALONE, provisioningRoleArn=ROLE
        )
    with refused("InvalidRequestException", 400, "Invalid registration template."):
        acme.register(iot, template_body=THING_ALONE, role_arn=ROLE)
    policy = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "p"}}
    body = json.loads(THING_ALONE)
    body["Resources"]["policy"] = policy
    with refused("InvalidRequestException", 400, "Invalid registration template."):
        iot.register_thing(templateBody=json.dumps(body), parameters={"Name": "t"})
