"""What the gateway hands on with a decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from moto_jitp.history.attempts import RefusalReason
from moto_jitp.history.runs import ProvisioningRun
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
    """

    certificate: PresentedCertificate
    pem: str
    server_name: str | None
    client_id: str | None = None
    holds_key: bool = True
    issuers: Callable[[], Sequence[PresentedCertificate]] = tuple


class Verdict(NamedTuple):
    """What the gateway decided; without a reason the device is let in."""

    reason: RefusalReason | None
    message: str
    advice: str | None = None
    provisioning: ProvisioningRun | None = None
