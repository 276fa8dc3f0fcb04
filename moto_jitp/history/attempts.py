"""Connection attempts: what a device presented, and how AWS IoT responded."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import NamedTuple

from moto_jitp.mqtt.transport import SIMULATED, Transport

from .runs import ProvisioningRun


class RefusalReason(str, enum.Enum):
    """Why a connection was refused; AWS itself tells the device nothing.

    Examples:
        >>> with contextlib.suppress(ConnectionRefused):
        ...     connect_device(bulb, server_name="example.com")
        >>> jitp.connections[-1].reason is RefusalReason.SNI_MISUSED
        True
    """

    DEVICE_CERTIFICATE_NOT_REGISTERED = "DEVICE_CERTIFICATE_NOT_REGISTERED"
    CA_CERTIFICATE_INACTIVE = "CA_CERTIFICATE_INACTIVE"
    AUTO_REGISTRATION_DISABLED = "AUTO_REGISTRATION_DISABLED"
    DEVICE_CERTIFICATE_EXPIRED = "DEVICE_CERTIFICATE_EXPIRED"
    DEVICE_CERTIFICATE_NOT_YET_VALID = "DEVICE_CERTIFICATE_NOT_YET_VALID"
    SERVER_NAME_MISSING = "SERVER_NAME_MISSING"
    SNI_MISUSED = "SNI_MISUSED"
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    DEVICE_CERTIFICATE_PENDING_ACTIVATION = "DEVICE_CERTIFICATE_PENDING_ACTIVATION"
    RECONNECT_REQUIRED = "RECONNECT_REQUIRED"
    PROVISIONING_FAILED = "PROVISIONING_FAILED"
    DEVICE_CERTIFICATE_INACTIVE = "DEVICE_CERTIFICATE_INACTIVE"
    DEVICE_CERTIFICATE_REVOKED = "DEVICE_CERTIFICATE_REVOKED"
    NOT_AUTHORIZED = "NOT_AUTHORIZED"
    CREDENTIALS_REFUSED = "CREDENTIALS_REFUSED"
    CONNECT_DELAYED = "CONNECT_DELAYED"
    CONNECT_THROTTLED = "CONNECT_THROTTLED"

    def __str__(self) -> str:
        return self.value

    @property
    def aws_reason(self) -> str | None:
        """The reason in AWS's ``Connection.AuthNError`` log entry, where AWS writes one.

        https://docs.aws.amazon.com/iot/latest/developerguide/cwl-format.html
        """
        return _AWS_REASONS.get(self, self.value)


_INACTIVE = RefusalReason.DEVICE_CERTIFICATE_INACTIVE.value
_UNKNOWN = RefusalReason.DEVICE_CERTIFICATE_NOT_REGISTERED.value
_AWS_REASONS: dict[RefusalReason, str | None] = {
    RefusalReason.CA_CERTIFICATE_INACTIVE: _UNKNOWN,
    RefusalReason.AUTO_REGISTRATION_DISABLED: _UNKNOWN,
    RefusalReason.DEVICE_CERTIFICATE_EXPIRED: RefusalReason.NOT_AUTHENTICATED.value,
    RefusalReason.DEVICE_CERTIFICATE_NOT_YET_VALID: RefusalReason.NOT_AUTHENTICATED.value,
    RefusalReason.SERVER_NAME_MISSING: RefusalReason.SNI_MISUSED.value,
    RefusalReason.DEVICE_CERTIFICATE_PENDING_ACTIVATION: _INACTIVE,
    RefusalReason.RECONNECT_REQUIRED: None,
    RefusalReason.PROVISIONING_FAILED: _INACTIVE,
    RefusalReason.NOT_AUTHORIZED: None,
    RefusalReason.CREDENTIALS_REFUSED: None,
    RefusalReason.CONNECT_DELAYED: None,
    RefusalReason.CONNECT_THROTTLED: None,
}


class ConnectionAttempt(NamedTuple):
    """A device's MQTT CONNECT, or its request over HTTPS if that was refused.

    Attributes:
        accepted: whether AWS IoT accepted the device.
        reason: why not; ``None`` for an accepted one.
        message: one sentence for people on what was decided.
        advice: one sentence on what to change; ``None`` if there is nothing to change.
        certificate_id: the id of the presented certificate.
        subject: its subject, such as ``C=KR,CN=bulb-1``.
        client_id: the MQTT client id; empty for a request over HTTPS, which has none.
        server_name: the server name (SNI) that the device asked for; ``None`` if it sent none.
        account_id: the account at whose endpoint it arrived.
        region_name: that endpoint's Region.
        timestamp: when, in UTC.
        attempt_id: a number that rises with every attempt in the process. Version 0.1 called it
            ``sequence``, which still works.
        provisioning: the provisioning run that it set off, if any.
        transport: what carried it, with the device's address and port.

    Examples:
        >>> connection = connect_device(bulb)
        >>> [attempt.reason for attempt in jitp.connections]
        [<RefusalReason.RECONNECT_REQUIRED: 'RECONNECT_REQUIRED'>, None]
    """

    accepted: bool
    reason: RefusalReason | None
    message: str
    advice: str | None
    certificate_id: str
    subject: str
    client_id: str
    server_name: str | None
    account_id: str
    region_name: str
    timestamp: datetime
    attempt_id: int
    provisioning: ProvisioningRun | None = None
    transport: Transport = SIMULATED

    @property
    def sequence(self) -> int:
        """The former name of ``attempt_id``."""
        return self.attempt_id
