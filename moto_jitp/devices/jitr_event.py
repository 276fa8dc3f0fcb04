"""The event of a pending certificate's connection, by which just-in-time registration goes on.

https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import NamedTuple

from moto_jitp.broker.message_broker import broker_of
from moto_jitp.history.messages import Event
from moto_jitp.history.runs import ProvisioningStep, StepResult
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate
from moto_jitp.iot.models import JitpIoTBackend


class _Registered(NamedTuple):
    """The event of a pending certificate's connection, until somebody reads it.

    AWS publishes it when it registers the certificate and on each connection that it presents
    while it is pending, with or without a provisioning template.
    https://docs.aws.amazon.com/iot/latest/developerguide/auto-register-device-cert.html
    """

    certificate_id: str
    ca_certificate_id: str
    timestamp: int
    registered: str | None
    account_id: str
    region_name: str

    def render(self) -> Event:
        return Event(
            f"$aws/events/certificates/registered/{self.ca_certificate_id}",
            {
                "certificateId": self.certificate_id,
                "caCertificateId": self.ca_certificate_id,
                "timestamp": self.timestamp,
                "certificateStatus": "PENDING_ACTIVATION",
                "awsAccountId": self.account_id,
                "certificateRegistrationTimestamp": self.registered,
            },
            self.account_id,
            self.region_name,
        )


def publish_registered(
    backend: JitpIoTBackend,
    certificate: DeviceCertificate,
    first_step: ProvisioningStep,
    events: list[Event],
) -> None:
    """Publish that a pending certificate has connected.

    Args:
        backend: the account and Region.
        certificate: the certificate.
        first_step: its registration, or that it was registered before.
        events: takes the event, to be delivered once the lock is free.
    """
    # Seen on AWS: no registration time in the first event, text in the later ones.
    is_first = first_step.result is StepResult.SUCCEEDED
    event = _Registered(
        certificate.certificate_id,
        certificate.ca_certificate_id or "",
        _milliseconds(datetime.now(timezone.utc)),
        None if is_first else str(_milliseconds(certificate.creation_date)),
        backend.account_id,
        backend.region_name,
    )
    broker = broker_of(backend)
    broker.record(event)
    if broker.has_listeners:
        events.append(event.render())


def _milliseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp() * 1000)
