"""The event of a pending certificate's connection, which drives just-in-time registration.

https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from moto_jitp.history.messages import Message
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate


class CertificateRegistered(Message):
    """A pending certificate has connected.

    AWS publishes it when it registers the certificate and on each of its connections while it is
    pending, with or without a provisioning template.
    https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html

    Args:
        certificate: the certificate.
        account_id: its account.
        is_first: whether it has just been registered.
    """

    __slots__ = ("_account_id", "_ca_certificate_id", "_certificate_id", "_registered")

    def __init__(self, certificate: DeviceCertificate, account_id: str, *, is_first: bool) -> None:
        self._certificate_id = certificate.certificate_id
        self._ca_certificate_id = certificate.ca_certificate_id or ""
        self._account_id = account_id
        # Seen on AWS: no registration time in the first event, text in the later ones.
        self._registered = None if is_first else certificate.creation_date

    @property
    def topic(self) -> str:
        return f"$aws/events/certificates/registered/{self._ca_certificate_id}"

    @property
    def payload(self) -> dict[str, Any]:
        registered = self._registered
        return {
            "certificateId": self._certificate_id,
            "caCertificateId": self._ca_certificate_id,
            "timestamp": int(self.published * 1000),
            "certificateStatus": "PENDING_ACTIVATION",
            "awsAccountId": self._account_id,
            "certificateRegistrationTimestamp": (
                None if registered is None else str(_milliseconds(registered))
            ),
        }


def _milliseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp() * 1000)
