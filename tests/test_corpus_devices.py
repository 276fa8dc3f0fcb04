"""Certificates of real devices and CAs, found in public repositories: read, and provisioned.

They are not part of the project. Their folder is ``corpus`` beside the repository's parent, or what
the environment variable ``MOTO_JITP_CORPUS`` names; without it these tests are skipped.
"""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from support.bodies import PLAIN_BODY, ROLE
from support.devices import failed_run, refusal_of, refused_for, status_of

from moto_jitp import CertificateAuthority, CertificateError, connect_device
from moto_jitp.pki import (
    IssuerCheck,
    PresentedCertificate,
    certificate_parameters,
    check_issuer,
    read_certificate,
)

ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("MOTO_JITP_CORPUS") or ROOT.parent / "shared" / "corpus")
FILES = sorted((CORPUS / "certificates").glob("*.pem"))
DEVICES = [path for path in FILES if path.name.startswith("M_sn")]
PREFIX = "AWS::IoT::Certificate::"
WHEN = "2025-07-01"

pytestmark = [
    pytest.mark.skipif(
        not FILES, reason=f"no certificates in {CORPUS}; name their folder in MOTO_JITP_CORPUS"
    ),
    # The library warns of unusual certificates; a suite that turns warnings into errors can read
    # them.
    pytest.mark.filterwarnings("error::UserWarning"),
]


def names(path: Path) -> str:
    return path.stem


def load(path: Path) -> PresentedCertificate:
    try:
        return read_certificate(path.read_bytes())
    except CertificateError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_certificate_is_read_or_refused_for_a_stated_reason(path: Path) -> None:
    der = ssl.PEM_cert_to_DER_cert(path.read_text().strip())
    identifier = hashlib.sha256(der).hexdigest()
    presented = refusal = None
    try:
        presented = read_certificate(path.read_bytes())
    except CertificateError as error:
        refusal = str(error)
    if presented is None:
        # The library does not accept a PrintableString with an underscore; AWS IoT does.
        assert refusal is not None
        assert refusal.startswith(f"The certificate {identifier} cannot be read: its common name")
        assert "is a PrintableString, which cannot hold '_'" in refusal
        return
    assert presented.certificate_id == identifier
    offered = certificate_parameters(presented)
    assert offered[PREFIX + "Id"] == identifier
    assert offered[PREFIX + "SerialNumber"].isdecimal()
    assert all(offered.values())
    for other in FILES:
        try:
            check_issuer(presented, read_certificate(other.read_bytes()))
        except CertificateError:
            continue


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_certificate_of_an_unknown_ca_is_refused_with_its_issuer(path: Path, iot: Any) -> None:
    presented = load(path)
    refusal = refused_for("DEVICE_CERTIFICATE_NOT_REGISTERED", path.read_bytes())
    assert refusal.certificate_id == presented.certificate_id
    assert presented.issuer_text in str(refusal)


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_certificate_that_is_registered_and_active_connects_while_it_is_valid(
    path: Path, iot: Any
) -> None:
    presented = load(path)
    try:
        iot.register_certificate_without_ca(certificatePem=path.read_text(), status="ACTIVE")
    except iot.exceptions.CertificateValidationException as error:
        # https://docs.aws.amazon.com/iot/latest/developerguide/x509-client-certs.html
        weak = re.search(r"an (RSA|EC) key .*; AWS IoT (requires|accepts)", str(error))
        assert weak, str(error)  # noqa: PT017
        return
    with freeze_time(presented.not_before) as clock:
        assert connect_device(path.read_text()).certificate_id == presented.certificate_id
        clock.move_to("2140-01-01")
        assert refusal_of(path.read_text()).reason == "DEVICE_CERTIFICATE_EXPIRED"


def signer_of(presented: PresentedCertificate) -> Path | None:
    for path in FILES:
        if "Signer" in path.name:
            issuer = read_certificate(path.read_bytes())
            if check_issuer(presented, issuer) is IssuerCheck.ISSUED:
                return path
    return None


@pytest.mark.parametrize("path", DEVICES, ids=names)
@freeze_time(WHEN)
def test_a_production_device_provisions_under_its_makers_signer_whose_key_nobody_has(
    path: Path, iot: Any
) -> None:
    presented = load(path)
    signer = signer_of(presented)
    if signer is None:
        pytest.skip(f"the signer {presented.issuer_text} is not among the files")
    ca = CertificateAuthority.from_pem(signer.read_bytes())
    with pytest.raises(ValueError, match="no private key"):
        ca.register(iot, template_body=PLAIN_BODY, role_arn=ROLE)
    ca_id = ca.register(iot, template_body=PLAIN_BODY, role_arn=ROLE, certificate_mode="SNI_ONLY")
    connection = connect_device(path.read_text())
    assert connection.thing_name == presented.common_name
    found = iot.describe_certificate(certificateId=presented.certificate_id)
    assert found["certificateDescription"]["status"] == "ACTIVE"
    assert found["certificateDescription"]["certificateMode"] == "SNI_ONLY"
    assert found["certificateDescription"]["caCertificateId"] == ca_id


@freeze_time(WHEN)
def test_the_production_devices_provision_side_by_side_under_all_their_signers(iot: Any) -> None:
    signers = {signer_of(load(path)) for path in DEVICES} - {None}
    for signer in sorted(signers, key=str):
        assert signer is not None
        ca = CertificateAuthority.from_pem(signer.read_bytes())
        ca.register(iot, template_body=PLAIN_BODY, certificate_mode="SNI_ONLY")
    known = [path for path in DEVICES if signer_of(load(path)) is not None]
    assert known
    for path in known:
        # As many clients send it: the leaf, then its signer.
        signer = signer_of(load(path))
        assert signer is not None
        chain = path.read_text().rstrip() + "\n" + signer.read_text()
        assert connect_device(chain).thing_name == load(path).common_name
    for path in DEVICES:
        if path not in known:
            refused_for("DEVICE_CERTIFICATE_NOT_REGISTERED", path.read_text())


@freeze_time(WHEN)
def test_an_organization_with_a_space_is_not_an_attribute_value(iot: Any) -> None:
    path = next(path for path in DEVICES if signer_of(load(path)) is not None)
    signer = signer_of(load(path))
    assert signer is not None
    ca = CertificateAuthority.from_pem(signer.read_bytes())
    template = PLAIN_BODY.replace(
        '"ThingName":',
        '"AttributePayload": {"maker": {"Ref": "AWS::IoT::Certificate::Organization"}},'
        ' "ThingName":',
    )
    ca.register(iot, template_body=template, certificate_mode="SNI_ONLY")
    run = failed_run(path.read_text())
    assert run.place == "Resources.thing.Properties.AttributePayload.maker"
    assert status_of(iot, load(path)) == "PENDING_ACTIVATION"
