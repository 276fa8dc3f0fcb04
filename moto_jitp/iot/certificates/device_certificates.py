"""Device certificates: registration, issue, status, listing.

https://docs.aws.amazon.com/iot/latest/developerguide/x509-client-certs.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.iot.models import FakeCertificate, IoTBackend
from moto.moto_api._internal import mock_random

from moto_jitp import settings
from moto_jitp.broker.message_broker import HandingOnLater
from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.iot import exceptions as errors
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.pki import (
    CertificateError,
    PresentedCertificate,
    read_certificate,
)

from .ca_certificate import CaCertificate, issuers_of
from .certificate_rules import certificate_id, read_for_registration, read_or_none, require_issuer
from .service_ca import issue_from_csr, issue_with_keys

_DEFAULT_PAGE = 25
_REGISTRABLE = ("ACTIVE", "INACTIVE", "REVOKED")
PENDING_TRANSFER = "PENDING_TRANSFER"
_INTERNAL = (PENDING_TRANSFER, "PENDING_ACTIVATION")


status_observers: list[Callable[[DeviceCertificate], object]] = []
"""Called with a certificate once its status has changed, by whatever means."""


class DeviceCertificate(FakeCertificate):
    """A registered device certificate.

    Attributes:
        transfer_data: its last transfer, as DescribeCertificate returns it.
        transfers: the source and target accounts of its last transfer.
        previous_owner: the account that it came from by transfer; ``None`` if none.
    """

    transfer_data: dict[str, Any]

    def __init__(
        self,
        pem: str,
        presented: PresentedCertificate | None,
        *,
        status: str,
        account_id: str,
        region_name: str,
        ca_certificate_id: str | None,
        mode: str,
        sequence: int,
    ) -> None:
        self._id = certificate_id(presented, pem)
        super().__init__(pem, status, account_id, region_name, ca_certificate_id)
        self.complete(presented, mode=mode, sequence=sequence)

    def complete(
        self, presented: PresentedCertificate | None, *, mode: str = "DEFAULT", sequence: int
    ) -> None:
        """Set what moto's own class lacks, even on one that plain moto registered."""
        self.certificate_mode = mode
        self.sequence = sequence
        self.customer_version = 1
        self.transfers: tuple[str, str] | None = None
        self.previous_owner: str | None = None
        self._generation_id: str | None = None
        self.der_id: str | None = None
        if presented is not None:
            self.der_id = presented.certificate_id
            self.validity_not_before = presented.not_before.replace(tzinfo=None)
            self.validity_not_after = presented.not_after.replace(tzinfo=None)

    def compute_cert_id(self, certificate_pem: str) -> str:
        return self._id

    @property
    def generation_id(self) -> str:
        if self._generation_id is None:
            self._generation_id = str(mock_random.uuid4())
        return self._generation_id

    def set_status(self, status: str) -> None:
        """Change the status and remember when."""
        self.status = status
        # moto keeps UTC in naive datetimes.
        self.last_modified_date = acting_moment().replace(tzinfo=None)
        for observe in status_observers:
            observe(self)

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "certificateMode": self.certificate_mode}

    def to_description_dict(self) -> dict[str, Any]:
        return {
            **super().to_description_dict(),
            "previousOwnedBy": self.previous_owner,
            "caCertificateId": self.ca_certificate_id,
            "customerVersion": self.customer_version,
            "generationId": self.generation_id,
            "certificateMode": self.certificate_mode,
        }


class DeviceCertificates:
    """Keeps device certificates.

    Args:
        registry: the account's and Region's tables.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def add_certificate(
        self,
        pem: str,
        presented: PresentedCertificate | None,
        *,
        status: str,
        ca: CaCertificate | None = None,
        mode: str = "DEFAULT",
    ) -> DeviceCertificate:
        """Register a certificate whose rules have been checked.

        Args:
            pem: its PEM text, stored unchanged.
            presented: the same, parsed; ``None`` for other text, which moto accepts.
            status: the status to start from.
            ca: the registered CA that issued it, whose mode it gets.
            mode: its mode if there is no such CA.

        Raises:
            ResourceAlreadyExists: it is registered already.
        """
        with self.registry.lock:
            certificate = DeviceCertificate(
                pem,
                presented,
                status=status,
                account_id=self.registry.account_id,
                region_name=self.registry.region_name,
                ca_certificate_id=ca.certificate_id if ca else None,
                mode=ca.certificate_mode if ca else mode,
                sequence=next(self.registry.sequences),
            )
            existing = self.registry.certificates.presented_as(certificate.certificate_id)
            if existing is not None:
                raise errors.ResourceAlreadyExists(
                    errors.ALREADY_REGISTERED, existing.certificate_id, existing.arn
                )
            self.registry.certificates[certificate.certificate_id] = certificate
            return certificate

    def register_certificate(
        self,
        certificate_pem: str,
        ca_certificate_pem: str | None,
        set_as_active: bool,
        status: str | None,
    ) -> DeviceCertificate:
        """Register a device certificate under its registered, active CA.

        Raises:
            CertificateValidation, CertificateState, CertificateConflict, InvalidRequest,
            ResourceAlreadyExists: as RegisterCertificate does.
        """
        start = "ACTIVE" if set_as_active else status or "INACTIVE"
        with self.registry.lock:
            if not settings.current().strict:
                return self._register_unchecked(certificate_pem, ca_certificate_pem, start)
            _check_first_status(status)
            presented = read_for_registration(certificate_pem, "The certificate")
            if self.registry.certificates.presented_as(presented.certificate_id) is None:
                ca = self._registered_issuer(presented, ca_certificate_pem)
                if not ca.is_active:
                    raise errors.CertificateState(errors.CA_NOT_ACTIVE)
                assert ca.presented is not None
                require_issuer(presented, ca.presented)
            else:
                ca = None
            return self.add_certificate(certificate_pem, presented, status=start, ca=ca)

    def _register_unchecked(
        self, pem: str, ca_certificate_pem: str | None, status: str
    ) -> DeviceCertificate:
        presented = read_or_none(pem)
        ca_id = self.registry.moto._find_ca_certificate(ca_certificate_pem)
        if ca_id is not None:
            ca: Any = self.registry.ca_certificates[ca_id]
        else:
            issuers = [] if presented is None else issuers_of(self.registry, presented)
            ca = issuers[0] if issuers else None
        return self.add_certificate(pem, presented, status=status, ca=ca)

    def _registered_issuer(
        self, presented: PresentedCertificate, ca_certificate_pem: str | None
    ) -> CaCertificate:
        if ca_certificate_pem is not None:
            try:
                named_ca = read_certificate(ca_certificate_pem)
            except CertificateError as error:
                raise errors.CertificateValidation(
                    f"The CA certificate is not valid: {error}"
                ) from None
            ca = self.registry.ca_certificates.presented_as(named_ca.certificate_id)
            if ca is None:
                raise errors.CertificateState(errors.NO_CA_CERTIFICATE)
            return ca  # type: ignore[return-value]
        candidates = self.registry.ca_certificates.with_subject(presented.issuer_key)
        if not candidates:
            raise errors.CertificateState(errors.NO_CA_CERTIFICATE)
        if len(candidates) > 1:
            raise errors.CertificateConflict(
                f"{len(candidates)} registered CA certificates have the subject "
                f"{presented.issuer_text!r}. Provide the CA certificate (caCertificatePem) that "
                "signed this certificate."
            )
        return candidates[0]  # type: ignore[return-value]

    def register_certificate_without_ca(
        self, certificate_pem: str, status: str | None
    ) -> DeviceCertificate:
        """Register a device certificate alone, in SNI_ONLY mode.

        Raises:
            CertificateValidation, CertificateState, InvalidRequest, ResourceAlreadyExists: as
            RegisterCertificateWithoutCA does.
        """
        if settings.current().strict:
            _check_first_status(status)
            presented: PresentedCertificate | None = read_for_registration(
                certificate_pem, "The certificate"
            )
        else:
            presented = read_or_none(certificate_pem)
        return self.add_certificate(
            certificate_pem, presented, status=status or "INACTIVE", mode="SNI_ONLY"
        )

    def create_keys_and_certificate(
        self, set_as_active: bool
    ) -> tuple[FakeCertificate, dict[str, str]]:
        """Issue a certificate with its keys: ``PublicKey`` and ``PrivateKey`` as PEM text."""
        issued = issue_with_keys()
        with self.registry.lock:
            certificate = self.add_issued_certificate(
                issued.certificate_pem, _status(set_as_active)
            )
        return certificate, {
            "PublicKey": issued.public_key_pem,
            "PrivateKey": issued.private_key_pem,
        }

    def create_certificate_from_csr(self, csr: str, set_as_active: bool) -> DeviceCertificate:
        """Issue a certificate for the CSR's own key and subject.

        Raises:
            InvalidRequest: the text is not a CSR, its signature is wrong, or AWS IoT does not
                accept its kind of key.
        """
        return self.add_issued_certificate(issue_from_csr(csr), _status(set_as_active))

    def add_issued_certificate(self, pem: str, status: str) -> DeviceCertificate:
        """Register a certificate that AWS IoT has issued itself.

        Args:
            pem: its PEM text.
            status: the status to start from.
        """
        return self.add_certificate(pem, read_certificate(pem), status=status)

    def describe_certificate(self, certificate_id: str) -> DeviceCertificate:
        certificate = self.registry.describe_certificate(certificate_id)
        assert isinstance(certificate, DeviceCertificate)
        return certificate

    def update_certificate(self, certificate_id: str, new_status: str) -> None:
        """Change a certificate's status; setting its present status does nothing.

        Raises:
            ResourceNotFound: there is none with this id.
            CertificateState: only AWS IoT itself sets this status, or the certificate is being
                transferred to another account.
        """
        with HandingOnLater(), self.registry.lock:
            certificate = self.describe_certificate(certificate_id)
            if settings.current().strict:
                if new_status in _INTERNAL:
                    raise errors.CertificateState(
                        f"Not allowed to update certificate to {new_status} status, which only "
                        f"AWS IoT sets. Id: {certificate_id}"
                    )
                if certificate.status == PENDING_TRANSFER:
                    raise errors.CertificateState(
                        "Not allowed to update a certificate in PENDING_TRANSFER status. "
                        f"Id: {certificate_id}"
                    )
            if certificate.status == new_status:
                return
            certificate.set_status(new_status)

    def delete_certificate(self, certificate_id: str, force_delete: bool) -> None:
        """Delete a certificate; with force, even one with attached policies.

        Raises:
            CertificateState: it is ACTIVE, or being transferred to another account (not documented
                by AWS).
            DeleteConflictException: something is attached to it.
            ResourceNotFoundException: there is none with this id.
        """
        with self.registry.lock:
            certificate = self.registry.describe_certificate(certificate_id)
            if certificate.status == PENDING_TRANSFER:
                raise errors.CertificateState(
                    f"The certificate {certificate_id} is PENDING_TRANSFER; it can be deleted once "
                    "its transfer has been accepted, rejected or cancelled."
                )
            IoTBackend.delete_certificate(self.registry.moto, certificate_id, force_delete)


def _status(set_as_active: bool) -> str:
    return "ACTIVE" if set_as_active else "INACTIVE"


def _check_first_status(status: str | None) -> None:
    if status is None or status in _REGISTRABLE:
        return
    if status == "PENDING_ACTIVATION":
        raise errors.CertificateState(
            "Not allowed to register certificate with PENDING_ACTIVATION status"
        )
    raise errors.InvalidRequest(
        f"A certificate cannot be registered with the status {status}; give one of "
        f"{', '.join(_REGISTRABLE)}."
    )


def adopt_certificate(certificate: FakeCertificate, sequence: int) -> None:
    """Complete a certificate that plain moto registered, so that it can be used like ours."""
    if isinstance(certificate, DeviceCertificate):
        return
    certificate.__class__ = DeviceCertificate
    assert isinstance(certificate, DeviceCertificate)
    certificate._id = certificate.certificate_id
    certificate.complete(read_or_none(certificate.certificate_pem), sequence=sequence)


# Other calls need not wait while a key is made.
@operation("CreateKeysAndCertificate", DeviceCertificates, locks_itself=True)
def create_keys_and_certificate(certificates: DeviceCertificates, arguments: Input) -> Output:
    certificate, keys = certificates.create_keys_and_certificate(
        arguments.get("setAsActive", False)
    )
    return {
        "certificateArn": certificate.arn,
        "certificateId": certificate.certificate_id,
        "certificatePem": certificate.certificate_pem,
        "keyPair": keys,
    }


@operation("RegisterCertificate", DeviceCertificates)
def register_certificate(certificates: DeviceCertificates, arguments: Input) -> Output:
    certificate = certificates.register_certificate(
        arguments["certificatePem"],
        arguments.get("caCertificatePem"),
        arguments.get("setAsActive", False),
        arguments.get("status"),
    )
    return _id_and_arn(certificate)


@operation("RegisterCertificateWithoutCA", DeviceCertificates)
def register_certificate_without_ca(certificates: DeviceCertificates, arguments: Input) -> Output:
    certificate = certificates.register_certificate_without_ca(
        arguments["certificatePem"], arguments.get("status")
    )
    return _id_and_arn(certificate)


@operation("UpdateCertificate", DeviceCertificates)
def update_certificate(certificates: DeviceCertificates, arguments: Input) -> None:
    certificates.update_certificate(arguments["certificateId"], arguments["newStatus"])


@operation("ListCertificates", DeviceCertificates)
def list_certificates(certificates: DeviceCertificates, arguments: Input) -> Output:
    page = _page("ListCertificates", arguments)
    table = certificates.registry.certificates
    items_of_page = page.cut(table.after(page.number, ascending=page.ascending))
    return page.output("certificates", [certificate.to_dict() for certificate in items_of_page])


@operation("ListCertificatesByCA", DeviceCertificates)
def list_certificates_by_ca(certificates: DeviceCertificates, arguments: Input) -> Output:
    page = _page("ListCertificatesByCA", arguments)
    table = certificates.registry.certificates
    items_of_page = page.cut(
        table.of_ca_after(arguments["caCertificateId"], page.number, ascending=page.ascending)
    )
    return page.output("certificates", [certificate.to_dict() for certificate in items_of_page])


def _page(operation: str, arguments: Input) -> Page:
    # Code written for plain moto expects everything on one page, oldest first.
    strict = settings.current().strict
    default = _DEFAULT_PAGE if strict else None
    return Page(operation, arguments, default_size=default, ascending=not strict)


def _id_and_arn(certificate: DeviceCertificate) -> Output:
    return {"certificateArn": certificate.arn, "certificateId": certificate.certificate_id}
