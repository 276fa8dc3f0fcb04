"""What the gateway hands on with a decision."""

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
        server_name: the server name (SNI) that it asks for; ``None`` where it sends none.
        client_id: the MQTT client id; ``None`` for the thing's name, else the common name.
        holds_key: whether the device proves to have the certificate's private key.
        issuers: returns the further certificates that it presents after its own.
        transport: what carries its connection.
        disturbed: what goes wrong on this connection, as a test has asked; ``None`` where the
            gateway is to find out.
        is_named_locally: whether the server name is one that an endpoint on this machine is reached
            by, which stands for the account's endpoint; also where none was sent and the endpoint
            takes that for one.
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
        """Whether the device says whose endpoint it wants, without which none is registered."""
        return self.server_name is not None or self.is_named_locally


class Verdict(NamedTuple):
    """What the gateway decided, with what it found on the way, so that nobody looks it up again.

    Attributes:
        reason: why the device is refused; ``None`` for one that is let in.
        message: one sentence for people on what was decided.
        advice: one sentence on what to change; ``None`` where there is nothing to change.
        provisioning: the provisioning run that was set off, if one was.
        certificate: the registered certificate that was presented; ``None`` where it is unknown,
            or where the connection was refused before anybody looked.
        thing_name: the thing that the certificate is attached to, if it is.
        client_id: the MQTT client id.
        disturbed: what goes wrong on the connection, as a test has asked.
    """

    reason: RefusalReason | None
    message: str
    advice: str | None = None
    provisioning: ProvisioningRun | None = None
    certificate: DeviceCertificate | None = None
    thing_name: str | None = None
    client_id: str = ""
    disturbed: Disturbed = UNDISTURBED
