"""The HTTPS port: publishes messages, and provides credentials.

AWS IoT has these on two host names; here they share a port, and the path selects one.
https://docs.aws.amazon.com/iot/latest/developerguide/http.html
https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote

from moto_jitp.devices.arguments import AmbiguousEndpoint
from moto_jitp.devices.https_requests import (
    Credentials,
    PublishRequest,
    RequestRefused,
    credentials_for,
    publish_over_https,
)
from moto_jitp.devices.verdict import ConnectRequest
from moto_jitp.iot.data_plane.message_properties import user_properties_in_header
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.mqtt.transport import Transport
from moto_jitp.pki import CertificateError

from .log import EndpointLog
from .peer import Peer
from .reached import ServerNames, backend_reached, require_aws_iot

_TOPICS = "/topics/"
_ALIASES = "/role-aliases/"
_CREDENTIALS = "/credentials"
_THING_NAME = "x-amzn-iot-thingname"
_QUERY = ("qos", "retain", "contentType", "responseTopic", "messageExpiry")
_HEADERS = {
    "x-amz-mqtt5-payload-format-indicator": "payloadFormatIndicator",
    "x-amz-mqtt5-correlation-data": "correlationData",
}
_USER_PROPERTIES = "x-amz-mqtt5-user-properties"
_AUTHORIZER = "x-amz-customauthorizer-"
_SERVED = (
    "POST /topics/<topic> publishes a message, and GET /role-aliases/<alias>/credentials gives "
    "credentials"
)


@dataclass(frozen=True)
class HttpRequest:
    """A received request.

    Attributes:
        method: such as ``POST``.
        target: path and query, as they were sent.
        headers: names in lower case, with their values.
        body: the body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, as it was sent."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters; of duplicates the last counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True)
class HttpAnswer:
    """An answer in JSON.

    Attributes:
        status: the HTTP status.
        body: the object.
        error_type: AWS's name for the error; empty for none.
        headers: further headers.
    """

    status: int
    body: Mapping[str, object]
    error_type: str = ""
    headers: Sequence[tuple[str, str]] = field(default_factory=tuple)

    def content(self) -> bytes:
        """The body as it is sent."""
        return json.dumps(self.body, separators=(",", ":")).encode()

    def all_headers(self) -> list[tuple[str, str]]:
        """The headers as they are sent, without those of the connection."""
        error_header = [("x-amzn-ErrorType", f"{self.error_type}:")] if self.error_type else []
        return [
            ("content-type", "application/json"),
            ("content-length", str(len(self.content()))),
            ("x-amzn-RequestId", str(uuid.uuid4())),
            *error_header,
            *self.headers,
        ]


class HttpDoor:
    """Answers devices' requests over HTTPS; its methods are called by worker threads.

    Args:
        log: receives events that are not connection attempts.
        names: the names by which the endpoint is reached.
        target_port: the port that devices reach, for log entries.
        mqtt_port: the port for MQTT, for the error to clients that try it here.
    """

    def __init__(
        self,
        log: EndpointLog,
        names: ServerNames,
        *,
        target_port: Callable[[], int],
        mqtt_port: Callable[[], int],
    ) -> None:
        self._log = log
        self._names = names
        self._target_port = target_port
        self._mqtt_port = mqtt_port

    def answer(self, peer: Peer, request: HttpRequest) -> HttpAnswer:
        """Answer a request.

        Args:
            peer: the peer.
            request: its request.
        """
        try:
            answer = self._answer(peer, request)
        except RequestRefused as refused:
            if refused.attempt is None:
                self._log.stranger(peer, f"{request.method} {request.path}: {refused.details}")
            answer = _error(refused.status, refused.error_type, refused.message)
            if request.path.startswith(_ALIASES):
                # The credentials provider's errors have a message and nothing else.
                return replace(answer, body={"message": refused.message})
            return answer
        except Exception as error:  # an error of a test's handler, or of ours
            self._log.failed(error)
            return _error(500, "InternalFailureException", "Internal failure")
        return answer

    def not_a_client(self, peer: Peer, details: str) -> None:
        """Note a connection without a request."""
        self._log.stranger(peer, details)

    def _answer(self, peer: Peer, request: HttpRequest) -> HttpAnswer:
        self._refuse_what_is_left_out(request)
        path = request.path
        if path.startswith(_TOPICS):
            _require_method(request, "POST")
            backend, presented = self._reached(peer, "ForbiddenException", "Forbidden")
            publish_request = _publish_request(request)
            try:
                publish_over_https(backend, presented, publish_request)
            except RequestRefused:
                raise
            except Exception as error:
                # A device must not see the exception of a test's handler.
                self._log.failed(error)
            return HttpAnswer(200, {"message": "OK", "traceId": str(uuid.uuid4())})
        if path.startswith(_ALIASES) and path.endswith(_CREDENTIALS):
            _require_method(request, "GET")
            refusal = ("AccessDeniedException", "Certificate is invalid on this endpoint")
            backend, presented = self._reached(peer, *refusal)
            alias = unquote(path[len(_ALIASES) : -len(_CREDENTIALS)])
            thing_name = request.headers.get(_THING_NAME)
            credentials = credentials_for(backend, presented, alias, thing_name)
            return HttpAnswer(200, {"credentials": _shown(credentials)})
        raise RequestRefused(
            404,
            "ResourceNotFoundException",
            f"{request.method} {path} is not emulated over HTTPS with a certificate: {_SERVED}. "
            "For shadows and jobs use MQTT or boto3.",
        )

    def _reached(
        self, peer: Peer, error_type: str, message: str
    ) -> tuple[JitpIoTBackend, ConnectRequest]:
        """Return the account and Region that a device has reached, and its request.

        Raises:
            RequestRefused: it shows no certificate, or its account is unknown.
        """
        transport = Transport(peer.address, peer.port, self._target_port(), protocol="HTTP")
        try:
            require_aws_iot()
            presented = self._names.request_of(peer, None, transport)
            return backend_reached(presented), presented
        except (CertificateError, AmbiguousEndpoint, RuntimeError, ValueError) as error:
            # Not an attempt of any account: there is no certificate, or its account is unknown.
            details = str(error)
            if not peer.chain:
                details = (
                    "The client presented no certificate. Send requests signed with Signature "
                    "Version 4 to moto's own server."
                )
            raise RequestRefused(403, error_type, message, details=details) from None

    def _refuse_what_is_left_out(self, request: HttpRequest) -> None:
        """Refuse MQTT over WebSocket and custom authorizers, whoever asks for them."""
        names = (*request.headers, *(name.lower() for name in request.query))
        if any(name.startswith(_AUTHORIZER) for name in names):
            raise RequestRefused(
                501,
                "NotImplementedException",
                "Custom authorizers (x-amz-customauthorizer-name) are not emulated: connect the "
                "device with a registered certificate.",
            )
        if request.headers.get("upgrade", "").lower() == "websocket":
            raise RequestRefused(
                501,
                "NotImplementedException",
                "MQTT over WebSocket is not emulated: connect the device with MQTT over mutual "
                f"TLS, on port {self._mqtt_port()}.",
            )


def _require_method(request: HttpRequest, method: str) -> None:
    if request.method != method:
        raise RequestRefused(
            405,
            "MethodNotAllowedException",
            f"{request.method} is not allowed here: {_SERVED}.",
        )


def _publish_request(request: HttpRequest) -> PublishRequest:
    query, headers = request.query, request.headers
    members: dict[str, object] = {name: query[name] for name in _QUERY if name in query}
    members |= {name: headers[key] for key, name in _HEADERS.items() if key in headers}
    try:
        topic = unquote(request.path[len(_TOPICS) :], errors="strict")
        if _USER_PROPERTIES in headers:
            members["userProperties"] = user_properties_in_header(headers[_USER_PROPERTIES])
    except ValueError as error:
        raise RequestRefused(400, "InvalidRequestException", str(error)) from None
    return PublishRequest(topic, request.body, members)


def _shown(credentials: Credentials) -> Mapping[str, str]:
    return {
        "accessKeyId": credentials.access_key_id,
        "secretAccessKey": credentials.secret_access_key,
        "sessionToken": credentials.session_token,
        "expiration": f"{credentials.expiration:%Y-%m-%dT%H:%M:%SZ}",
    }


def _error(status: int, error_type: str, message: str) -> HttpAnswer:
    return HttpAnswer(status, {"message": message, "traceId": str(uuid.uuid4())}, error_type)
