"""Certificates that the ``openssl`` command made, as most fleets' are, connect."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.bodies import PLAIN_BODY, ROLE

from moto_jitp import CertificateAuthority, DeviceIdentity, connect_device

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="the openssl command is not installed"
)

KEYS = {
    "rsa": ("-newkey", "rsa:2048"),
    "ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
    "p384": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"),
}


class OpenSSL:
    """Runs the command in a folder, with a configuration that says nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "openssl.cnf").write_text("[req]\ndistinguished_name=dn\n[dn]\n")

    def __call__(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def make_ca(self, kind: str) -> None:
        self(
            *("req", "-x509", "-config", "openssl.cnf", "-nodes", "-sha256", "-days", "30"),
            *(*KEYS[kind], "-subj", "/C=LU/O=Acme", "-keyout", "ca.key", "-out", "ca.pem"),
        )

    def make_leaf(self, name: str, kind: str, subject: str, *more: str) -> None:
        """Make a key, a CSR and a certificate: without an extension file X.509 v1 or bare v3."""
        self(
            *("req", "-new", "-config", "openssl.cnf", "-nodes", *KEYS[kind]),
            *("-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr"),
        )
        self(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-set_serial", "0x7fffffffffffffff1234", "-days", "30", "-sha256"),
            *("-out", f"{name}.pem", *more),
        )


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSSL:
    return OpenSSL(tmp_path)


@pytest.mark.parametrize(("ca_key", "key"), [("rsa", "rsa"), ("rsa", "ec"), ("ec", "p384")])
def test_a_fleet_made_with_openssl_alone_provisions(
    openssl: OpenSSL, iot: Any, ca_key: str, key: str
) -> None:
    openssl.make_ca(ca_key)
    code = iot.get_registration_code()["registrationCode"]
    openssl.make_leaf("verification", "rsa", f"/CN={code}")
    openssl.make_leaf("bulb", key, "/C=KR/CN=bulb-1")
    iot.register_ca_certificate(
        caCertificate=openssl.text("ca.pem"),
        verificationCertificate=openssl.text("verification.pem"),
        setAsActive=True,
        allowAutoRegistration=True,
        registrationConfig={"templateBody": PLAIN_BODY, "roleArn": ROLE},
    )
    device = DeviceIdentity.from_pem(openssl.text("bulb.pem"), openssl.text("bulb.key"))
    connection = connect_device(device)
    assert connection.thing_name == "bulb-1"
    run = connection.provisioning
    assert run is not None
    assert run.parameters["AWS::IoT::Certificate::Country"] == "KR"
    assert run.parameters["AWS::IoT::Certificate::SerialNumber"] == str(0x7FFFFFFFFFFFFFFF1234)
    found = iot.describe_certificate(certificateId=device.certificate_id)["certificateDescription"]
    assert found["certificatePem"] == openssl.text("bulb.pem")


def test_a_leaf_of_x509_version_1_connects_as_pem_text_with_and_without_its_chain(
    openssl: OpenSSL, iot: Any
) -> None:
    openssl.make_ca("rsa")
    ca = CertificateAuthority.from_pem(openssl.text("ca.pem"), openssl.text("ca.key"))
    ca.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
    for name in ("bare", "chained"):
        openssl.make_leaf(name, "ec", f"/CN={name}")
    device = DeviceIdentity.from_pem(openssl.text("bare.pem"), openssl.text("bare.key"))
    if device.certificate.extensions:
        pytest.skip("this openssl adds extensions of its own")
    assert connect_device(openssl.text("bare.pem")).thing_name == "bare"
    chain = openssl.text("chained.pem") + openssl.text("ca.pem")
    assert connect_device(chain.encode()).thing_name == "chained"


def test_the_text_form_before_the_pem_does_not_matter(openssl: OpenSSL, iot: Any) -> None:
    openssl.make_ca("ec")
    ca = CertificateAuthority.from_pem(openssl.text("ca.pem"), openssl.text("ca.key"))
    ca.register(iot, template_body=PLAIN_BODY, certificate_mode="SNI_ONLY")
    openssl.make_leaf("bulb", "ec", "/CN=bulb-1", "-text")
    assert openssl.text("bulb.pem").startswith("Certificate:")
    assert connect_device(openssl.text("bulb.pem")).thing_name == "bulb-1"


def test_openssl_verifies_what_the_test_authority_issues(openssl: OpenSSL) -> None:
    root = CertificateAuthority(common_name="Root", key="rsa")
    line = CertificateAuthority(common_name="Line", parent=root)
    line.issue(common_name="bulb-1").write(openssl.folder)
    (openssl.folder / "root.pem").write_text(root.certificate_pem)
    (openssl.folder / "line.pem").write_text(line.certificate_pem)
    openssl("verify", "-CAfile", "root.pem", "-untrusted", "line.pem", "certificate.pem")
