"""The control routes to connect devices, and of their attempts."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from moto_jitp.devices import AmbiguousEndpoint
from moto_jitp.devices.arguments import ServerName
from moto_jitp.devices.attempts import walk_attempts
from moto_jitp.devices.connecting import make_attempts, request_of
from moto_jitp.devices.json_form import OUTCOME, Outcome
from moto_jitp.devices.sessions import find_session
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.json_form import ATTEMPT
from moto_jitp.history.state import state_of
from moto_jitp.pki import CertificateError, DeviceIdentity
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.connections import attempt_of
from moto_jitp.server.routing import (
    CERTIFICATE,
    PAGING,
    ControlRequest,
    route,
)
from moto_jitp.server.shapes import CONNECTION, Connection

from .paging import page


@route(
    "POST",
    "connect",
    "A device connects; a refused one is an answer, not an error",
    "Outcome",
    body="ConnectRequest",
)
def connect(request: ControlRequest) -> Answer:
    value = request.body
    device: DeviceIdentity | str = value["certificatePem"]
    if "privateKeyPem" in value:
        device = _identity(value["certificatePem"], value["privateKeyPem"])
    server_name = ServerName(value["serverName"]) if "serverName" in value else None
    try:
        presented = request_of(device, value.get("clientId"), value.get("mqttVersion", "5"))
        outcomes = make_attempts(
            presented, value.get("endpoint"), server_name, value.get("reconnect", True)
        )
    except AmbiguousEndpoint as error:
        raise RequestRefused(str(error), code="AmbiguousEndpoint") from None
    except CertificateError as error:
        message = f"certificatePem: {error}"
        raise RequestRefused(message, code="CertificateError") from None
    except ValueError as error:
        raise RequestRefused(str(error)) from None
    last, attempts = outcomes[-1], [outcome.attempt for outcome in outcomes]
    arn = last.backend.arn(f"cert/{last.attempt.certificate_id}")
    return Answer.of(OUTCOME.to_json(Outcome(attempts, arn, last.verdict.thing_name)))


def _identity(certificate_pem: str, private_key_pem: str) -> DeviceIdentity:
    try:
        return DeviceIdentity.from_pem(certificate_pem, private_key_pem)
    except CertificateError as error:
        message = f"certificatePem: {error}"
        raise RequestRefused(message, code="CertificateError") from None
    except ValueError as error:
        raise RequestRefused(f"privateKeyPem: {error}") from None


@route(
    "GET",
    "connections",
    "Connection attempts",
    "Connections",
    query=(*PAGING, CERTIFICATE),
)
def list_connections(request: ControlRequest) -> Answer:
    certificate_id = request.query["certificateId"]

    def walk(after: int | None, ascending: bool) -> Iterator[ConnectionAttempt]:
        attempts = walk_attempts(after, ascending)
        return (attempt for attempt in attempts if certificate_id in (None, attempt.certificate_id))

    return page(request, "connections", walk, ATTEMPT.to_json, attrgetter("attempt_id"))


@route("GET", "connections/{id}", "One connection attempt", "Connection")
def get_connection(request: ControlRequest) -> Answer:
    backend, attempt = attempt_of(request.id)
    session = find_session(backend, attempt.attempt_id)
    connected = session is not None and session.is_open
    runs = state_of(backend).runs.of_attempt(request.id)
    return Answer.of(CONNECTION.to_json(Connection(attempt, connected, runs)))
