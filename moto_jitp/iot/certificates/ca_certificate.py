"""Registered CA certificates, and which of them issued a certificate.

https://docs.aws.amazon.com/iot/latest/developerguide/manage-your-CA-certs.html
"""

from __future__ import annotations

from typing import Any, cast

from moto.iot.models import FakeCaCertificate, FakeCertificate
from moto.moto_api._internal import mock_random

from moto_jitp.iot.registry.registry import Registry
from moto_jitp.pki import IssuerCheck, PresentedCertificate, check_issuer
from moto_jitp.templates import TemplateSource

from .certificate_rules import certificate_id, read_or_none


class CaCertificate(FakeCaCertificate):
    """A registered CA certificate."""

    def __init__(
        self,
        pem: str,
        presented: PresentedCertificate | None,
        *,
        status: str,
        account_id: str,
        region_name: str,
        mode: str,
        auto_registration: bool,
        registration_config: dict[str, str] | None,
        sequence: int,
    ) -> None:
        self.presented = presented
        super().__init__(
            ca_certificate=pem,
            status=status,
            account_id=account_id,
            region_name=region_name,
            registration_config=registration_config or {},
        )
        self.complete(presented, mode=mode, auto_registration=auto_registration, sequence=sequence)

    def complete(
        self,
        presented: PresentedCertificate | None,
        *,
        mode: str = "DEFAULT",
        auto_registration: bool = False,
        sequence: int,
    ) -> None:
        """Set what moto's own class lacks, even on a CA that plain moto registered."""
        self.presented = presented
        self.arn = self.arn.replace(":cert/", ":cacert/")
        self.certificate_mode = mode
        self.auto_registration_status = "ENABLE" if auto_registration else "DISABLE"
        self.generation_id = str(mock_random.uuid4())
        self.customer_version = 1
        self.sequence = sequence
        if presented is not None:
            self.subject_key: bytes | None = presented.subject_key
            self.validity_not_before = presented.not_before.replace(tzinfo=None)
            self.validity_not_after = presented.not_after.replace(tzinfo=None)
        else:
            self.subject_key = None

    def compute_cert_id(self, certificate_pem: str) -> str:
        return certificate_id(self.presented, certificate_pem)

    @property
    def is_active(self) -> bool:
        return self.status == "ACTIVE"

    @property
    def registers_devices(self) -> bool:
        return self.auto_registration_status == "ENABLE"

    @property
    def template_source(self) -> TemplateSource:
        """The template that provisions its devices (JITP), if it has one; else it is for JITR."""
        return TemplateSource.of(self.registration_config)

    def to_description_dict(self) -> dict[str, Any]:
        return {
            "certificateArn": self.arn,
            "certificateId": self.certificate_id,
            "status": self.status,
            "certificatePem": self.certificate_pem,
            "ownedBy": self.owner,
            "creationDate": self.creation_date,
            "autoRegistrationStatus": self.auto_registration_status,
            "lastModifiedDate": self.last_modified_date,
            "customerVersion": self.customer_version,
            "generationId": self.generation_id,
            "validity": {
                "notBefore": self.validity_not_before,
                "notAfter": self.validity_not_after,
            },
            "certificateMode": self.certificate_mode,
        }


def adopt_ca(ca: FakeCertificate, sequence: int) -> None:
    """Complete a CA that plain moto registered, so that it can be used like ours."""
    if isinstance(ca, CaCertificate):
        return
    presented = read_or_none(ca.certificate_pem)
    ca.__class__ = CaCertificate
    assert isinstance(ca, CaCertificate)
    ca.registration_config = ca.registration_config or {}
    ca.complete(presented, sequence=sequence)


def issuers_of(registry: Registry, presented: PresentedCertificate) -> list[CaCertificate]:
    """Return the registered CA certificates that really issued a certificate.

    Several of them may have one key, and a name alone proves nothing. The first counts: an active
    one, if possible one that registers devices, and among equals the oldest. A signature belongs to
    one key, which most certificates name: that key is tried first.

    Args:
        registry: the account's and Region's tables.
        presented: the certificate.
    """
    table = registry.ca_certificates
    for cas in table.by_key(presented.issuer_key, lambda: presented.authority_key_identifier):
        # Only what we have read has a key to be found by.
        issuers = cast("list[CaCertificate]", cas)
        known_issuer = issuers[0].presented
        if known_issuer is not None and check_issuer(presented, known_issuer) is IssuerCheck.ISSUED:
            if len(issuers) > 1:
                issuers.sort(key=lambda ca: (ca.is_active, ca.registers_devices), reverse=True)
            return issuers
    return []
