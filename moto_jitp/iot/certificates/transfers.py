"""Transfers of certificates from one account to another, within a Region.

During a transfer both accounts see the certificate as PENDING_TRANSFER, and no device can connect
with it to either of them. AWS IoT does not notify the other account.
https://docs.aws.amazon.com/iot/latest/developerguide/transfer-cert.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from moto.iot.models import iot_backends

from moto_jitp.broker.message_broker import HandingOnLater
from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.history.state import locks_held
from moto_jitp.iot import exceptions as errors
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.api.paging import Page
from moto_jitp.ordered_tables import ListedTable
from moto_jitp.pki import read_certificate

from .device_certificates import PENDING_TRANSFER, DeviceCertificate, DeviceCertificates

_PAGE = 25


class CertificateTransfers:
    """The transfers that an account takes part in.

    Args:
        certificates: the account's and Region's certificates.

    Attributes:
        outgoing: the certificates that another account has yet to accept, by id.
    """

    def __init__(self, certificates: DeviceCertificates) -> None:
        self._certificates = certificates
        self._registry = certificates.registry
        self.outgoing: ListedTable[str, DeviceCertificate] = ListedTable()
        self._completed: set[str] = set()

    def transfer(self, certificate_id: str, account_id: str, message: str | None) -> str:
        """Begin the transfer of a certificate.

        https://docs.aws.amazon.com/iot/latest/apireference/API_TransferCertificate.html

        Args:
            certificate_id: the certificate, which must be INACTIVE and attached to nothing.
            account_id: the target account.
            message: the message to that account; ``None`` for none.

        Returns:
            The certificate's ARN in that account.

        Raises:
            CertificateState: it is ACTIVE, pending or revoked.
            InvalidRequest: the account is its own.
            ResourceNotFound: there is no such certificate.
            TransferConflict: policies or things are attached to it, or the other account already
                has it (AWS has a text only for policies).
        """
        registry = self._registry
        if account_id == registry.account_id:
            raise errors.InvalidRequest(
                f"The certificate {certificate_id} already belongs to the account {account_id}. "
                "Choose another account as targetAwsAccount."
            )
        with self._with_locks_of(account_id) as other_transfers:
            certificate = self._certificates.describe_certificate(certificate_id)
            if certificate.status != "INACTIVE":
                raise errors.CertificateState(
                    f"The certificate {certificate_id} is {certificate.status}; it must be "
                    "INACTIVE to be transferred."
                )
            self._check_detached(certificate)
            theirs = other_transfers._registry.certificates
            if theirs.presented_as(certificate_id) is not None:
                raise errors.TransferConflict(
                    f"The account {account_id} already has the certificate {certificate_id}."
                )
            arriving = other_transfers._received(certificate)
            data: dict[str, Any] = {"transferDate": acting_moment()}
            if message is not None:
                data["transferMessage"] = message
            for certificate_of_account in (certificate, arriving):
                certificate_of_account.transfer_data = dict(data)
                certificate_of_account.transfers = (registry.account_id, account_id)
            certificate.set_status(PENDING_TRANSFER)
            self.outgoing[certificate_id] = certificate
            return str(arriving.arn)

    def _check_detached(self, certificate: DeviceCertificate) -> None:
        registry, arn = self._registry, certificate.arn
        for kind, attached in (
            ("authorization policies", registry.principal_policies.seconds_of(arn)),
            ("things", registry.principal_things.seconds_of(arn)),
        ):
            if attached:
                raise errors.TransferConflict(
                    f"Can't transfer the certificate {certificate.certificate_id} because {kind} "
                    f"are still attached to it: {', '.join(attached)}. Detach them first."
                )

    def _received(self, certificate: DeviceCertificate) -> DeviceCertificate:
        """Make this account's view of a certificate that is being transferred to it."""
        pem = certificate.certificate_pem
        known_ca: Any = self._registry.ca_certificates.get(certificate.ca_certificate_id or "")
        presented = None if certificate.der_id is None else read_certificate(pem)
        return self._certificates.add_certificate(
            pem, presented, status=PENDING_TRANSFER, ca=known_ca, mode=certificate.certificate_mode
        )

    def accept(self, certificate_id: str, set_as_active: bool) -> None:
        """Take over a certificate, which then belongs to this account and no longer to the other.

        https://docs.aws.amazon.com/iot/latest/apireference/API_AcceptCertificateTransfer.html

        Args:
            certificate_id: the certificate.
            set_as_active: whether it becomes ACTIVE; otherwise INACTIVE.

        Raises:
            InvalidRequest: it is not being transferred to this account.
            ResourceNotFound: there is no such certificate.
            TransferAlreadyCompleted: this account has already accepted it.
        """
        source, _ = self._accounts_of(certificate_id, self._is_incoming)
        with self._with_locks_of(source) as other_transfers:
            self._accounts_of(certificate_id, self._is_incoming)
            certificate = self._certificates.describe_certificate(certificate_id)
            other_transfers._let_go(certificate_id)
            del other_transfers._registry.certificates[certificate_id]
            other_transfers._completed.add(certificate_id)
            self._completed.discard(certificate_id)
            certificate.previous_owner = source
            certificate.transfer_data["acceptDate"] = acting_moment()
            certificate.set_status("ACTIVE" if set_as_active else "INACTIVE")

    def reject(self, certificate_id: str, reason: str | None) -> None:
        """Return a certificate, INACTIVE, to the account that wanted to transfer it.

        https://docs.aws.amazon.com/iot/latest/apireference/API_RejectCertificateTransfer.html

        Args:
            certificate_id: the certificate.
            reason: the message to the other account; ``None`` for none.

        Raises:
            IoTError: as for :meth:`accept`.
        """
        source, _ = self._accounts_of(certificate_id, self._is_incoming)
        with self._with_locks_of(source) as other_transfers:
            self._accounts_of(certificate_id, self._is_incoming)
            del self._registry.certificates[certificate_id]
            certificate = other_transfers._let_go(certificate_id)
            certificate.transfer_data["rejectDate"] = acting_moment()
            if reason is not None:
                certificate.transfer_data["rejectReason"] = reason
            certificate.set_status("INACTIVE")

    def cancel(self, certificate_id: str) -> None:
        """Take back a certificate that has not been accepted; it becomes INACTIVE.

        https://docs.aws.amazon.com/iot/latest/apireference/API_CancelCertificateTransfer.html

        Args:
            certificate_id: the certificate.

        Raises:
            InvalidRequest: it is not being transferred by this account.
            ResourceNotFound: there is no such certificate.
            TransferAlreadyCompleted: it was already accepted, rejected or taken back.
        """
        _, target = self._accounts_of(certificate_id, self._is_outgoing)
        with self._with_locks_of(target) as other_transfers:
            self._accounts_of(certificate_id, self._is_outgoing)
            del other_transfers._registry.certificates[certificate_id]
            self._let_go(certificate_id).set_status("INACTIVE")

    def _let_go(self, certificate_id: str) -> DeviceCertificate:
        """End the transfer of one of this account's certificates."""
        return self.outgoing.pop(certificate_id)  # type: ignore[no-any-return]

    def _is_incoming(self, certificate: DeviceCertificate) -> bool:
        return certificate.certificate_id not in self.outgoing

    def _is_outgoing(self, certificate: DeviceCertificate) -> bool:
        return certificate.certificate_id in self.outgoing

    def _accounts_of(self, certificate_id: str, is_right: Any) -> tuple[str, str]:
        """Return the accounts between which a certificate is being transferred."""
        certificate = self._registry.certificates.get(certificate_id)
        if certificate is None and certificate_id in self._completed:
            raise errors.TransferAlreadyCompleted(certificate_id)
        transferred = self._certificates.describe_certificate(certificate_id)
        if (
            transferred.status == PENDING_TRANSFER
            and transferred.transfers
            and is_right(transferred)
        ):
            return transferred.transfers
        if transferred.transfer_data and transferred.status != PENDING_TRANSFER:
            raise errors.TransferAlreadyCompleted(certificate_id)
        role = "to" if is_right == self._is_incoming else "by"
        raise errors.InvalidRequest(
            f"The certificate {certificate_id} is not being transferred {role} this account: it "
            f"is {transferred.status}."
        )

    @contextmanager
    def _with_locks_of(self, account_id: str) -> Iterator[CertificateTransfers]:
        """Hold the locks of this account and another, and yield the other's transfers."""
        backend: Any = iot_backends[account_id][self._registry.region_name]
        with HandingOnLater(), locks_held(self._registry.moto, backend):
            yield backend.part(CertificateTransfers)


@operation("TransferCertificate", CertificateTransfers, locks_itself=True)
def transfer_certificate(transfers: CertificateTransfers, arguments: Input) -> Output:
    arn = transfers.transfer(
        arguments["certificateId"], arguments["targetAwsAccount"], arguments.get("transferMessage")
    )
    return {"transferredCertificateArn": arn}


@operation("AcceptCertificateTransfer", CertificateTransfers, locks_itself=True)
def accept_certificate_transfer(transfers: CertificateTransfers, arguments: Input) -> None:
    transfers.accept(arguments["certificateId"], arguments.get("setAsActive", False))


@operation("RejectCertificateTransfer", CertificateTransfers, locks_itself=True)
def reject_certificate_transfer(transfers: CertificateTransfers, arguments: Input) -> None:
    transfers.reject(arguments["certificateId"], arguments.get("rejectReason"))


@operation("CancelCertificateTransfer", CertificateTransfers, locks_itself=True)
def cancel_certificate_transfer(transfers: CertificateTransfers, arguments: Input) -> None:
    transfers.cancel(arguments["certificateId"])


@operation("ListOutgoingCertificates", CertificateTransfers)
def list_outgoing_certificates(transfers: CertificateTransfers, arguments: Input) -> Output:
    page = Page("ListOutgoingCertificates", arguments, default_size=_PAGE, ascending=False)
    items_of_page = page.cut(transfers.outgoing.after(page.number, ascending=page.ascending))
    return page.output(
        "outgoingCertificates", [_outgoing(certificate) for certificate in items_of_page]
    )


def _outgoing(certificate: DeviceCertificate) -> dict[str, Any]:
    assert certificate.transfers is not None
    began: datetime = certificate.transfer_data["transferDate"]
    return {
        "certificateArn": certificate.arn,
        "certificateId": certificate.certificate_id,
        "transferredTo": certificate.transfers[1],
        "transferDate": began,
        "transferMessage": certificate.transfer_data.get("transferMessage"),
        "creationDate": certificate.creation_date,
    }
