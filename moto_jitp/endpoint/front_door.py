"""AWS IoT's front door for real devices: the gateway, the sessions and the message broker.

Each client's packets come here as values, in worker threads; see :mod:`.door`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from moto_jitp.devices.arguments import AmbiguousEndpoint
from moto_jitp.devices.gateway import connect
from moto_jitp.devices.telemetry import count
from moto_jitp.devices.verdict import ConnectRequest
from moto_jitp.history.attempts import RefusalReason
from moto_jitp.mqtt.events import ConnectReceived, DisconnectReason
from moto_jitp.mqtt.packets import Version
from moto_jitp.mqtt.reason_codes import ConnectReturnCode, ReasonCode
from moto_jitp.mqtt.topics import check_publish
from moto_jitp.mqtt.transport import Transport
from moto_jitp.pki import CertificateError

from .door import Client, Line, Refusal
from .log import EndpointLog
from .peer import Peer
from .reached import ServerNames, backend_reached, require_aws_iot
from .session_client import SessionClient

_CODES = {
    DisconnectReason.DUPLICATE_CLIENTID: ReasonCode.SESSION_TAKEN_OVER,
    DisconnectReason.AUTH_ERROR: ReasonCode.NOT_AUTHORIZED,
    DisconnectReason.API_INITIATED_DISCONNECT: ReasonCode.ADMINISTRATIVE_ACTION,
    DisconnectReason.SERVER_INITIATED_DISCONNECT: ReasonCode.SERVER_SHUTTING_DOWN,
}
"""Reason to the code of MQTT 5's DISCONNECT, where AWS IoT ends a connection by itself."""

_DETAILS = {
    DisconnectReason.DUPLICATE_CLIENTID: (
        "A new connection was established with the same client ID"
    ),
    DisconnectReason.AUTH_ERROR: "Device certificate is not active",
    DisconnectReason.API_INITIATED_DISCONNECT: "DeleteConnection was called",
    DisconnectReason.SERVER_INITIATED_DISCONNECT: "The state of the account was taken away",
}

# Our own choice: AWS does not list the property among those that it accepts.
_NO_DELAY = (
    "the will delay interval of {will.properties.will_delay_interval} s counts as 0: the will on "
    "{will.topic!r} is published as soon as the connection breaks. AWS IoT does not list the "
    "property; DeviceEndpoint(delays_wills=True), or moto-jitp serve --delays-wills, has it wait."
)
_AUTHORIZER = "x-amz-customauthorizer-"
_NO_AUTHORIZERS = (
    "The user name requests a custom authorizer (x-amz-customauthorizer-name). Custom authorizers "
    "are not emulated: connect the device with its certificate only."
)


class FrontDoor:
    """Decides on clients as AWS IoT does.

    Args:
        log: receives events that are not connection attempts.
        names: the names by which the endpoint is reached.
        target_port: the port that clients reach, for log entries.
        reason_in_connack: whether to tell a refused client why, unlike AWS IoT.
        delays_wills: whether a will waits for its delay, a property that AWS IoT does not list.
    """

    def __init__(
        self,
        log: EndpointLog,
        *,
        names: ServerNames,
        target_port: Callable[[], int],
        reason_in_connack: bool = False,
        delays_wills: bool = False,
    ) -> None:
        self._log = log
        self._names = names
        self._target_port = target_port
        self._reason_in_connack = reason_in_connack
        self._delays_wills = delays_wills

    def connect(self, peer: Peer, request: ConnectReceived, line: Line) -> Client | Refusal:
        will = request.connect.will
        if will is not None:
            try:
                check_publish(will.topic, b"", retain=will.retain, connected=True)
            except ValueError as error:
                self._log.client(peer, request.client_id, str(error))
                self._count_client_error(peer, request)
                return Refusal(ReasonCode.TOPIC_NAME_INVALID, str(error))
            if will.properties.will_delay_interval and not self._delays_wills:
                self._log.client(peer, request.client_id, _NO_DELAY.format(will=will))
        if _AUTHORIZER in (request.connect.user_name or ""):
            self._log.client(peer, request.client_id, _NO_AUTHORIZERS)
            is_mqtt_5 = request.connect.version is Version.MQTT_5
            codes = ReasonCode if is_mqtt_5 else ConnectReturnCode
            return Refusal(codes.BAD_USER_NAME_OR_PASSWORD, _NO_AUTHORIZERS)
        try:
            require_aws_iot()
            reached = self._request(peer, request)
            backend = backend_reached(reached)
            reached = reached._replace(disturbed=line.disturbed)
        except (CertificateError, AmbiguousEndpoint, RuntimeError, ValueError) as error:
            # Not an attempt of any account: there is no certificate, or its account is unknown.
            self._log.client(peer, request.client_id, str(error))
            return self._refusal(request, str(error))
        outcome = connect(backend, reached)
        session, attempt = outcome.session, outcome.attempt
        if session is None:
            is_mqtt_5 = request.connect.version is Version.MQTT_5
            if is_mqtt_5 and attempt.reason is RefusalReason.NOT_AUTHORIZED:
                # Besides throttling, the only refusal that AWS IoT answers.
                return Refusal(ReasonCode.NOT_AUTHORIZED, attempt.message)
            if is_mqtt_5 and attempt.reason is RefusalReason.CONNECT_THROTTLED:
                return Refusal(ReasonCode.QUOTA_EXCEEDED, attempt.message)
            return self._refusal(request, f"{attempt.reason}: {attempt.message}")
        session.on_closed(lambda reason: _hang_up(line, reason))
        is_persistent = request.session_expiry > 0
        return SessionClient(
            session,
            is_persistent=is_persistent,
            delays_will=self._delays_wills,
            log=self._log,
        )

    def _count_client_error(self, peer: Peer, request: ConnectReceived) -> None:
        """Count a CONNECT that the quotas do not allow, if its account is known."""
        with contextlib.suppress(CertificateError, AmbiguousEndpoint, RuntimeError, ValueError):
            count(backend_reached(self._request(peer, request)), "Connect.ClientError")

    def _request(self, peer: Peer, request: ConnectReceived) -> ConnectRequest:
        transport = Transport(
            peer.address,
            peer.port,
            self._target_port(),
            version=request.connect.version,
            clean=not request.session_expiry,
            will=request.connect.will,
            keep_alive=request.keep_alive,
            session_expiry=request.session_expiry,
        )
        return self._names.request_of(peer, request.client_id, transport)

    def _refusal(self, request: ConnectReceived, details: str) -> Refusal:
        if not self._reason_in_connack:
            return Refusal(None, details)
        if request.connect.version is Version.MQTT_5:
            return Refusal(ReasonCode.NOT_AUTHORIZED, details)
        return Refusal(ConnectReturnCode.NOT_AUTHORIZED, details)

    def not_a_client(self, peer: Peer, details: str) -> None:
        self._log.stranger(peer, details)

    def not_connected(self, peer: Peer, version: Version, client_id: str, details: str) -> None:
        self._log.client(peer, client_id, details)


def _hang_up(line: Line, reason: DisconnectReason) -> None:
    """End the connection of a closed session, unless the client ended it itself."""
    code = _CODES.get(reason, ReasonCode.UNSPECIFIED_ERROR)
    line.close(reason, _DETAILS.get(reason, "The session has ended"), code)
