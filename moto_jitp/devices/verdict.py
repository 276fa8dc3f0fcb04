"""The gateway's input and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from moto_jitp.disturbances import UNDISTURBED, Disturbed
from moto_jitp.history.attempts import RefusalReason
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate
from moto_jitp.mqtt.transport import SIMULATED, Transport
from moto_jitp.pki import PresentedCertificate


class ConnectRequest(NamedTuple):
    """What a device brings.

    Attributes:
        certificate: the certificate that it presents.
        pem: that certificate as PEM text, to be stored as it came.
        server_name: the server name (SNI) that it asks for; ``None`` if it sends none.
        client_id: the MQTT client id; ``None`` for the thing's name, else the common name.
        holds_key: whether the device proves that it has the certificate's private key.
        issuers: returns the certificates that it presents after its own.
        transport: what carries its connection.
        disturbed: what goes wrong on this connection, at a test's request; ``None`` if the gateway
            is to determine it.
        is_named_locally: whether the server name is that of an endpoint on this machine, which
            stands for the account's endpoint; also true if no name was sent and the endpoint
            accepts that.
    """

    certificate: PresentedCertificate
    pem: str
    server_name: str | None
    client_id: str | None = None
    holds_key: bool = True
    issuers: Callable[[], Sequence[PresentedCertificate]] = tuple
    transport: Transport = SIMULATED
    is_named_locally: bool = False
    disturbed: Disturbed | None = None

    @property
    def names_a_server(self) -> bool:
        """Whether the device names the endpoint it wants; without that it cannot be registered."""
        return self.server_name is not None or self.is_named_locally


class Verdict(NamedTuple):
    """What the gateway decided, with what it found on the way, so that nothing is looked up twice.

    Attributes:
        reason: why the device is refused; ``None`` if it is accepted.
        message: one sentence for people on what was decided.
        advice: one sentence on what to change; ``None`` if there is nothing to change.
        provisioning: the provisioning run that was set off, if any.
        certificate: the registered certificate that was presented; ``None`` if it is unknown, or if
            the connection was refused before it was looked up.
        thing_name: the thing that the certificate is attached to, if any.
        client_id: the MQTT client id.
        disturbed: what goes wrong on the connection, at a test's request.
    """

    reason: RefusalReason | None
    message: str
    advice: str | None = None
    provisioning: ProvisioningRun | None = None
    certificate: DeviceCertificate | None = None
    thing_name: str | None = None
    client_id: str = ""
    disturbed: Disturbed = UNDISTURBED
