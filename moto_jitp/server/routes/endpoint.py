"""The control routes of the device endpoint: its address, and the root that devices must trust."""

from __future__ import annotations

from moto_jitp.iot.account.endpoints import LocalEndpoint, local_endpoints
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.routing import PEM, ControlRequest, route
from moto_jitp.server.shapes import DEVICE_ENDPOINT


@route("GET", "endpoint", "Where devices connect to with MQTT over mutual TLS", "DeviceEndpoint")
def get_endpoint(_: ControlRequest) -> Answer:
    return Answer.of(DEVICE_ENDPOINT.to_json(_running()))


@route("GET", "endpoint/root.pem", "The root certificate that devices are to trust", PEM)
def get_endpoint_root(_: ControlRequest) -> Answer:
    return Answer(200, _running().root_ca_pem.encode(), "application/x-pem-file")


def _running() -> LocalEndpoint:
    if not local_endpoints:
        raise RequestRefused(
            "No device endpoint runs here: start the server with 'moto-jitp serve --mqtt-port "
            "8883', or a DeviceEndpoint in its process.",
            404,
            "NotFound",
        )
    return local_endpoints[-1]
