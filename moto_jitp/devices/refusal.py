"""``ConnectionRefused``: the error that explains a refused device."""

from __future__ import annotations

from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason
from moto_jitp.history.explanation import explain_all
from moto_jitp.history.looking import look_at
from moto_jitp.history.runs import ProvisioningRun


class ConnectionRefused(Exception):  # noqa: N818 - the name that users know from sockets
    """A device was refused; the text says why and what to change.

    Attributes:
        certificate_id: the id of the certificate that the device presented.

    Examples:
        >>> inactive = iot.update_ca_certificate(
        ...     certificateId=ca.certificate_id, newStatus="INACTIVE"
        ... )
        >>> try:
        ...     connect_device(bulb)
        ... except ConnectionRefused as refused:
        ...     refused.reason
        <RefusalReason.CA_CERTIFICATE_INACTIVE: 'CA_CERTIFICATE_INACTIVE'>
    """

    __module__ = "moto_jitp"  # where users find it

    def __init__(self, attempts: tuple[ConnectionAttempt, ...]) -> None:
        last = attempts[-1]
        assert last.reason is not None
        self.certificate_id: str = last.certificate_id
        self._attempts = attempts
        super().__init__(explain_all(attempts))

    @property
    def attempts(self) -> tuple[ConnectionAttempt, ...]:
        """The attempts, oldest first."""
        return look_at(self._attempts)

    @property
    def reason(self) -> RefusalReason:
        """The reason of the last attempt."""
        reason = self.attempts[-1].reason
        assert reason is not None
        return reason

    @property
    def provisioning(self) -> ProvisioningRun | None:
        """The provisioning run that was set off, if any."""
        runs = (attempt.provisioning for attempt in reversed(self.attempts))
        return next(filter(None, runs), None)

    def __str__(self) -> str:
        look_at(self._attempts)
        return super().__str__()

    def __reduce__(self) -> tuple[type[ConnectionRefused], tuple[object, ...]]:
        return type(self), (self._attempts,)
