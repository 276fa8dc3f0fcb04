"""Helpers for tests of real devices: an endpoint, registered CAs, and devices that connect."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

from moto_jitp import CertificateAuthority, DeviceEndpoint, DeviceIdentity, JitpHandle, mock_jitp
from moto_jitp.endpoint.server_identity import ServerIdentity
from moto_jitp.iot.account.endpoints import endpoint_domains
from moto_jitp.mqtt.packets import Connack, Connect, Version
from support.bodies import PLAIN_BODY as BODY
from support.cloud import client
from support.endpoint_clients import RawClient, client_context
from support.patience import until

V3, V5 = Version.MQTT_3_1_1, Version.MQTT_5


@functools.cache
def identity() -> ServerIdentity:
    """Certificates of an endpoint, made once, as RSA keys are slow to generate."""
    return ServerIdentity(["test-server.lan"], endpoint_domains())


class Place:
    """A mock with an endpoint.

    Attributes:
        endpoint: the endpoint.
        jitp: the handle of the mock.
        iot: an IoT client.
        ca: a CA; see :func:`running`.
    """

    def __init__(
        self, endpoint: DeviceEndpoint, jitp: JitpHandle, ca: CertificateAuthority
    ) -> None:
        self.endpoint = endpoint
        self.jitp = jitp
        self.iot: Any = client()
        self.ca = ca

    def until_logged(self, text: str) -> None:
        """Wait for a line of the endpoint's log, which it may write after it has answered."""
        until(lambda: any(text in line for line in self.endpoint.log))

    def open(
        self,
        device: DeviceIdentity,
        version: Version = V5,
        *,
        server_name: str | None = "localhost",
        chain: bool = False,
    ) -> RawClient:
        """Connect up to the end of the TLS handshake."""
        context = client_context(self.endpoint.root_ca_pem, device, chain=chain)
        return RawClient(self.endpoint.port, context, server_name=server_name, version=version)

    def connect(
        self,
        device: DeviceIdentity,
        version: Version = V5,
        *,
        client_id: str | None = None,
        **options: Any,
    ) -> RawClient:
        """Connect a device that should be accepted."""
        name = client_id or device.presented.common_name or "device"
        there = self.open(device, version)
        there.send(Connect(name, version, **options))
        assert there.receive(Connack).reason_code == 0
        return there

    def is_refused(self, device: DeviceIdentity, version: Version = V5, **options: Any) -> Any:
        """Connect a device on which AWS IoT hangs up without a CONNACK; return the attempt."""
        name = device.presented.common_name or "device"
        with self.open(device, version, **options) as there:
            there.send(Connect(name, version))
            assert there.is_closed()
        return self.jitp.connections[-1]

    def device(self, name: str = "bulb-1", **options: Any) -> DeviceIdentity:
        """Return a device that has been provisioned."""
        device = self.ca.issue(common_name=name, **options)
        assert self.is_refused(device).reason == "RECONNECT_REQUIRED"
        return device


@contextlib.contextmanager
def running(
    config: dict[str, Any] | None = None, *, register: bool = True, **options: Any
) -> Iterator[Place]:
    """A mock with an endpoint and a CA, by default registered with a template.

    Args:
        config: the section ``jitp``.
        register: whether the CA is registered.
        **options: of the endpoint.
    """
    options = {"identity": identity(), **options}
    with mock_jitp(config={"jitp": config or {}}) as jitp, DeviceEndpoint(**options) as endpoint:
        ca = CertificateAuthority(common_name="Acme Root")
        if register:
            ca.register(client(), template_body=BODY)
        yield Place(endpoint, jitp, ca)
