"""The account and Region that a client has reached, and its request; for all protocols."""

from __future__ import annotations

from collections.abc import Callable

from moto_jitp.devices.connecting import backend_at, backend_knowing
from moto_jitp.devices.verdict import ConnectRequest
from moto_jitp.iot.models import JitpIoTBackend, is_plugged_in, live_backends
from moto_jitp.mqtt.transport import Transport
from moto_jitp.pki import read_presented

from .peer import Peer


class ServerNames:
    """The names by which a device endpoint is reached.

    Args:
        is_own: whether a server name is in the endpoint's own certificates.
        takes_unnamed: whether a client that sends no server name is treated as if it had.
    """

    def __init__(self, is_own: Callable[[str], bool], *, takes_unnamed: bool = False) -> None:
        self._is_own = is_own
        self._takes_unnamed = takes_unnamed

    def are_local(self, server_name: str | None) -> bool:
        """Whether a server name, or its absence, stands for the account's endpoint."""
        return self._takes_unnamed if server_name is None else self._is_own(server_name)

    def request_of(self, peer: Peer, client_id: str | None, transport: Transport) -> ConnectRequest:
        """Return a client's request.

        Args:
            peer: the peer.
            client_id: the MQTT client id; ``None`` for a request over HTTPS.
            transport: what carries it.

        Raises:
            CertificateError: it has not shown a readable certificate.
        """
        leaf, *issuers = read_presented(peer.chain)
        return ConnectRequest(
            leaf,
            leaf.pem,
            peer.server_name,
            client_id,
            issuers=lambda: issuers,
            transport=transport,
            is_named_locally=self.are_local(peer.server_name),
        )


def backend_reached(request: ConnectRequest) -> JitpIoTBackend:
    """Return the account and Region whose endpoint a client has reached.

    The gateway refuses an unknown name, at the account that knows the device.

    Args:
        request: what the client brings.

    Raises:
        AmbiguousEndpoint: several accounts or Regions know the device, and it does not say which.
    """
    name = request.server_name
    if name is None or request.is_named_locally:
        return backend_knowing(request)
    try:
        return backend_at(name)
    except ValueError:
        pass
    for backend in live_backends():
        if backend.endpoints.domain_configuration_of(name) is not None:
            return backend
    return backend_knowing(request)


def require_aws_iot() -> None:
    """Make sure that this process has an AWS IoT.

    Raises:
        RuntimeError: there is none.
    """
    if not is_plugged_in():
        raise RuntimeError(
            "There is no AWS IoT to connect to: the endpoint needs an active mock_jitp block, "
            "moto_jitp.activate() or a server in its own process."
        )
