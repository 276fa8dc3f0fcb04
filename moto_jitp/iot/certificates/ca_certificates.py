"""CA certificates: registration with proof of possession, settings, listing.

https://docs.aws.amazon.com/iot/latest/developerguide/manage-your-CA-certs.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from moto.core.utils import utcnow
from moto.iot.models import FakeCaCertificate
from moto.moto_api._internal import mock_random

from moto_jitp import settings
from moto_jitp.history.state import existing_backends
from moto_jitp.iot import exceptions as errors
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.permissions.provisioning_role import ProvisioningRoles
from moto_jitp.iot.registry.indexes import CaTable
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.tags import Tags
from moto_jitp.locks import new_lock
from moto_jitp.pki import (
    CertificateError,
    PresentedCertificate,
    is_declared_no_ca,
    read_certificate,
)
from moto_jitp.templates import TemplateSource

from .ca_certificate import CaCertificate
from .certificate_rules import read_for_registration, read_or_none, require_issuer

MAX_CAS_PER_SUBJECT = 10
_DEFAULT_PAGE = 25
# No two accounts of a Region may register one CA in DEFAULT mode, not even at the same moment.
_across_accounts = new_lock()


class CaCertificates:
    """Keeps CA certificates.

    Args:
        registry: the account's and Region's tables.
        tags: their tags.
        roles: checks the role of a CA certificate.
        check_template: refuses a template that a CA certificate cannot have.
    """

    def __init__(
        self,
        registry: Registry,
        tags: Tags,
        roles: ProvisioningRoles,
        check_template: Callable[[TemplateSource], None],
    ) -> None:
        self._registry = registry
        self._tags = tags
        self._roles = roles
        self._check_template = check_template
        tags.add_kind("cacert", lambda name: registry.ca_certificates.get(name))
        self._registration_code: str | None = None

    def get_registration_code(self) -> str:
        """Return this account's and Region's code; the same until it is deleted."""
        with self._registry.lock:
            if self._registration_code is None:
                self._registration_code = mock_random.get_random_hex(64)
            return self._registration_code

    def delete_registration_code(self) -> None:
        """Delete the code; the next request makes a new one.

        Raises:
            ResourceNotFound: there is none.
        """
        with self._registry.lock:
            if self._registration_code is None:
                raise errors.ResourceNotFound(
                    "No registration code exists in this account and Region; "
                    "GetRegistrationCode creates one."
                )
            self._registration_code = None

    def register_ca_certificate(
        self,
        ca_certificate: str,
        set_as_active: bool,
        registration_config: dict[str, str] | None,
        *,
        verification_certificate: str | None = None,
        allow_auto_registration: bool = False,
        certificate_mode: str | None = None,
        tags: list[dict[str, str]] | None = None,
    ) -> CaCertificate:
        """Register a CA.

        Args:
            ca_certificate: its certificate as PEM text, stored unchanged.
            set_as_active: whether it becomes ACTIVE rather than INACTIVE.
            registration_config: ``templateBody`` and ``roleArn``, or ``templateName``.
            verification_certificate: signed by the CA, with the registration code as CN; required
                in DEFAULT mode, forbidden in SNI_ONLY mode.
            allow_auto_registration: whether its devices register themselves on connecting.
            certificate_mode: ``DEFAULT`` (also for ``None``) or ``SNI_ONLY``.
            tags: ``Key`` and ``Value`` pairs.

        Raises:
            InvalidRequest, CertificateValidation, RegistrationCodeValidation, LimitExceeded,
            ResourceAlreadyExists, ResourceNotFound: as RegisterCACertificate does.
        """
        mode = certificate_mode or "DEFAULT"
        with self._registry.lock, _across_accounts:
            presented = self._checked_ca(ca_certificate)
            if settings.current().strict:
                assert presented is not None
                self._check_possession(presented, mode, verification_certificate)
                self._check_not_registered(presented, mode)
                self._check_template(TemplateSource.of(registration_config))
            ca = CaCertificate(
                ca_certificate,
                presented,
                status="ACTIVE" if set_as_active else "INACTIVE",
                account_id=self._registry.account_id,
                region_name=self._registry.region_name,
                mode=mode,
                auto_registration=allow_auto_registration,
                registration_config=registration_config,
                sequence=next(self._registry.sequences),
            )
            self._check_role(registration_config, ca)
            self._tags.tag(ca.arn, tags)
            self._registry.ca_certificates[ca.certificate_id] = ca
            return ca

    def _checked_ca(self, pem: str) -> PresentedCertificate | None:
        if not settings.current().strict:
            return read_or_none(pem)
        presented = read_for_registration(pem, "The CA certificate")
        if presented.not_after.replace(tzinfo=None) < utcnow():
            raise errors.CertificateValidation(
                f"The CA certificate expired at {presented.not_after:%Y-%m-%d %H:%M:%S} UTC."
            )
        if is_declared_no_ca(presented):
            raise errors.CertificateValidation(
                f"The certificate {presented.subject_text!r} is not a CA certificate: its "
                "basicConstraints have CA:FALSE. Create one with CA:TRUE, or without that "
                "extension."
            )
        return presented

    def _check_possession(
        self, ca: PresentedCertificate, mode: str, verification_certificate: str | None
    ) -> None:
        if mode == "SNI_ONLY":
            if verification_certificate is not None:
                raise errors.InvalidRequest(errors.SNI_ONLY_WITH_VERIFICATION)
            return
        if verification_certificate is None:
            raise errors.InvalidRequest(errors.DEFAULT_WITHOUT_VERIFICATION)
        try:
            verification = read_certificate(verification_certificate)
        except CertificateError as error:
            raise errors.InvalidRequest(
                f"{errors.BAD_VERIFICATION_CERTIFICATE}. The verificationCertificate: {error}",
                bare=errors.BAD_VERIFICATION_CERTIFICATE,
            ) from None
        require_issuer(verification, ca, parameter="verificationCertificate")
        found_code, expected_code = verification.common_name, self._registration_code
        if expected_code is None or found_code != expected_code:
            raise errors.RegistrationCodeValidation(found_code, expected_code)

    def _check_not_registered(self, ca: PresentedCertificate, mode: str) -> None:
        existing = self._registry.ca_certificates.presented_as(ca.certificate_id)
        if existing is not None:
            # Provisioning scripts read the id out of this text.
            raise errors.ResourceAlreadyExists(
                f"CA Certificate already exists. ID:{existing.certificate_id}",
                existing.certificate_id,
                existing.arn,
            )
        if len(self._registry.ca_certificates.with_subject(ca.subject_key)) >= MAX_CAS_PER_SUBJECT:
            raise errors.LimitExceeded(
                f"The account already has {MAX_CAS_PER_SUBJECT} CA certificates with the subject "
                f"{ca.subject_text!r} in this Region, the most that AWS IoT allows."
            )
        if mode == "DEFAULT" and (owner := self._default_mode_owner(ca)):
            raise errors.ResourceAlreadyExists(
                "CA Certificate is registered in DEFAULT mode by another account of this Region. "
                f"ID:{ca.certificate_id}. Register it in SNI_ONLY mode in each account.",
                ca.certificate_id,
                owner.arn,
            )

    def _default_mode_owner(self, ca: PresentedCertificate) -> FakeCaCertificate | None:
        """Another account's registration of this CA in DEFAULT mode; there is at most one."""
        registry = self._registry
        for backend in existing_backends():
            cas = backend.ca_certificates
            if (
                backend.account_id != registry.account_id
                and backend.region_name == registry.region_name
                and isinstance(cas, CaTable)
            ):
                other_ca = cas.presented_as(ca.certificate_id)
                if getattr(other_ca, "certificate_mode", None) == "DEFAULT":
                    return other_ca
        return None

    def update_ca_certificate(
        self,
        certificate_id: str,
        new_status: str | None,
        config: dict[str, str] | None,
        *,
        new_auto_registration_status: str | None = None,
        remove_auto_registration: bool = False,
    ) -> None:
        """Change a CA.

        Args:
            certificate_id: the CA's id.
            new_status: ``ACTIVE`` or ``INACTIVE``.
            config: a registration config that replaces the previous one.
            new_auto_registration_status: ``ENABLE`` or ``DISABLE``.
            remove_auto_registration: drop the registration config, template and role. The
                auto-registration status is unchanged, so that devices then register by JITR (our
                own choice: AWS's page only says "removes auto registration").

        Raises:
            ResourceNotFound, InvalidRequest: as UpdateCACertificate does.
        """
        with self._registry.lock:
            ca = self.describe_ca_certificate(certificate_id)
            if config is not None and settings.current().strict:
                self._check_template(TemplateSource.of(config))
            self._check_role(config, ca)
            if new_status is not None:
                ca.status = new_status
            if new_auto_registration_status is not None:
                ca.auto_registration_status = new_auto_registration_status
            if remove_auto_registration:
                ca.registration_config = {}
            if config is not None:
                ca.registration_config = config
            ca.last_modified_date = utcnow()

    def _check_role(self, config: dict[str, str] | None, ca: CaCertificate) -> None:
        source = TemplateSource.of(config)
        self._roles.check(source.role_arn, source.name, ca.certificate_id)

    def describe_ca_certificate(self, certificate_id: str) -> CaCertificate:
        """Return a CA.

        Raises:
            ResourceNotFound: there is none with this id.
        """
        ca = self._registry.ca_certificates.get(certificate_id)
        if ca is None:
            raise errors.ResourceNotFound("Requested CA Certificate does not exist.")
        assert isinstance(ca, CaCertificate)
        return ca

    def delete_ca_certificate(self, certificate_id: str) -> None:
        """Delete a CA; its devices' certificates stay.

        Raises:
            ResourceNotFound: there is none with this id.
            CertificateState: it is ACTIVE.
        """
        with self._registry.lock:
            ca = self.describe_ca_certificate(certificate_id)
            if ca.status == "ACTIVE":
                raise errors.CertificateState(
                    "CA Certificate must be deactivated (not ACTIVE) before deletion. "
                    f"Id: {certificate_id}"
                )
            del self._registry.ca_certificates[certificate_id]
            self._tags.untag_all(ca.arn)

    def after(self, number: int | None, *, ascending: bool) -> Iterator[tuple[int, CaCertificate]]:
        """Walk the CAs from a place, as :meth:`.Order.after` does."""
        for at, ca in self._registry.ca_certificates.after(number, ascending=ascending):
            assert isinstance(ca, CaCertificate)
            yield at, ca


@operation("GetRegistrationCode", CaCertificates)
def get_registration_code(cas: CaCertificates, arguments: Input) -> Output:
    return {"registrationCode": cas.get_registration_code()}


@operation("DeleteRegistrationCode", CaCertificates)
def delete_registration_code(cas: CaCertificates, arguments: Input) -> None:
    cas.delete_registration_code()


@operation("RegisterCACertificate", CaCertificates)
def register_ca_certificate(cas: CaCertificates, arguments: Input) -> Output:
    ca = cas.register_ca_certificate(
        arguments["caCertificate"],
        arguments.get("setAsActive", False),
        arguments.get("registrationConfig"),
        verification_certificate=arguments.get("verificationCertificate"),
        allow_auto_registration=arguments.get("allowAutoRegistration", False),
        certificate_mode=arguments.get("certificateMode"),
        tags=arguments.get("tags"),
    )
    return {"certificateArn": ca.arn, "certificateId": ca.certificate_id}


@operation("DescribeCACertificate", CaCertificates)
def describe_ca_certificate(cas: CaCertificates, arguments: Input) -> Output:
    ca = cas.describe_ca_certificate(arguments["certificateId"])
    return {
        "certificateDescription": ca.to_description_dict(),
        "registrationConfig": ca.registration_config or None,
    }


@operation("UpdateCACertificate", CaCertificates)
def update_ca_certificate(cas: CaCertificates, arguments: Input) -> None:
    cas.update_ca_certificate(
        arguments["certificateId"],
        arguments.get("newStatus"),
        arguments.get("registrationConfig"),
        new_auto_registration_status=arguments.get("newAutoRegistrationStatus"),
        remove_auto_registration=arguments.get("removeAutoRegistration", False),
    )


@operation("DeleteCACertificate", CaCertificates)
def delete_ca_certificate(cas: CaCertificates, arguments: Input) -> None:
    cas.delete_ca_certificate(arguments["certificateId"])


@operation("ListCACertificates", CaCertificates)
def list_ca_certificates(cas: CaCertificates, arguments: Input) -> Output:
    template_name = arguments.get("templateName")
    page = Page("ListCACertificates", arguments, default_size=_DEFAULT_PAGE, ascending=False)
    items_of_page = page.cut(
        cas.after(page.number, ascending=page.ascending),
        lambda ca: template_name in (None, ca.template_source.name),
    )
    return page.output("certificates", [ca.to_dict() for ca in items_of_page])
