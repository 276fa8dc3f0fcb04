"""``DeviceIdentity`` has a device's key and certificate, and passes them to real clients."""

from __future__ import annotations

import ssl
import stat
import sys
from pathlib import Path

import pytest
from cryptography import x509

from moto_jitp import CertificateAuthority, CertificateError, DeviceIdentity

CA = CertificateAuthority(common_name="Acme Root")


def test_the_parts_of_an_identity_belong_together() -> None:
    device = CA.issue(common_name="bulb-1")
    assert isinstance(device, DeviceIdentity)
    assert isinstance(device.certificate, x509.Certificate)
    assert device.certificate == x509.load_pem_x509_certificate(device.certificate_pem.encode())
    assert device.certificate_pem.count("BEGIN CERTIFICATE") == 1
    assert device.private_key_pem.startswith("-----BEGIN PRIVATE KEY-----")
    assert device.chain_pem == device.certificate_pem + CA.certificate_pem
    assert len(device.certificate_id) == 64
    assert device.certificate_id == device.certificate_id.lower()


def test_real_clients_load_the_files_that_are_written(tmp_path: Path) -> None:
    device = CA.issue(common_name="bulb-1")
    files = device.write(tmp_path / "made" / "on the way")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(files.certificate, files.private_key)
    context.load_cert_chain(files.chain, files.private_key)
    assert files.certificate.read_bytes() == device.certificate_pem.encode()
    assert files.chain.read_bytes() == device.chain_pem.encode()
    again = DeviceIdentity.from_pem(files.chain.read_bytes(), files.private_key.read_bytes())
    assert again.certificate_id == device.certificate_id
    assert again.chain_pem == device.chain_pem
    assert again.private_key_pem == device.private_key_pem


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_private_key_is_the_owners_alone_also_in_a_file_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "private_key.pem").write_text("of the last device, and longer than a key " * 99)
    (tmp_path / "private_key.pem").chmod(0o644)
    device = CA.issue()
    files = device.write(str(tmp_path))
    assert stat.S_IMODE(files.private_key.stat().st_mode) == 0o600
    assert files.private_key.read_text() == device.private_key_pem


def test_an_identity_needs_a_certificate_and_a_key() -> None:
    device = CA.issue()
    with pytest.raises(CertificateError, match="Expected a PEM certificate"):
        DeviceIdentity.from_pem("nothing", device.private_key_pem)
    with pytest.raises(ValueError, match="Expected an unencrypted private key"):
        DeviceIdentity.from_pem(device.certificate_pem, device.certificate_pem)
