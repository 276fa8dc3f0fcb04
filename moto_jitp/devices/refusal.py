"""``ConnectionRefused``: the error that says everything about a refused device."""

from __future__ import annotations

from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason
from moto_jitp.history.explanation import explain_all
from moto_jitp.history.runs import ProvisioningRun


class ConnectionRefused(Exception):  # noqa: N818 - the name that users know from sockets
    """A device was refused; the text says why and what to change.

    Attributes:
        reason: the last attempt's reason.
        certificate_id: the id of the certificate that the device presented.
        attempts: the attempts that were made, oldest first.
        provisioning: the provisioning run that was set off, if one was.
    """

    __module__ = "moto_jitp"  # where users find it

    def __init__(self, attempts: tuple[ConnectionAttempt, ...]) -> None:
        last = attempts[-1]
        assert last.reason is not None
        self.reason: RefusalReason = last.reason
        self.certificate_id: str = last.certificate_id
        self.attempts = attempts
        self.provisioning: ProvisioningRun | None = next(
            (attempt.provisioning for attempt in reversed(attempts) if attempt.provisioning), None
        )
        super().__init__(explain_all(attempts))

    def __reduce__(self) -> tuple[type[ConnectionRefused], tuple[object, ...]]:
        return type(self), (self.attempts,)
