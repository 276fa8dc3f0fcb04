"""``JitpIoTDataResponse``: moto's answers to iot-data requests, with ours over and beside them."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote

from moto.iotdata.exceptions import InvalidRequestException, ResourceNotFoundException
from moto.iotdata.responses import IoTDataPlaneResponse

from moto_jitp import settings
from moto_jitp.broker.message_broker import MessageBroker, RetainedMessage, broker_of
from moto_jitp.history.messages import ClientMessage, Publisher
from moto_jitp.iot.api.callers import identity_of, source_address
from moto_jitp.iot.api.checked_response import CheckedResponse
from moto_jitp.iot.api.outputs import without_null
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.data_plane.connections import (
    ConnectionDeletion,
    ReceiverNotAuthorized,
    delete_connection,
    find_connection,
    keeps_session,
    send_directly,
    subscriptions_of,
)
from moto_jitp.iot.data_plane.shadows import ShadowRefused
from moto_jitp.iot.exceptions import AwsError, code_and_message, error_with_status
from moto_jitp.monitoring import count_operation
from moto_jitp.monitoring.logs import Client, ShadowRequest, operation_entry
from moto_jitp.mqtt.properties import NO_PROPERTIES, Properties
from moto_jitp.mqtt.topics import MAX_PAYLOAD_BYTES, check_publish

from .message_properties import message_properties
from .models import JitpIoTDataBackend

# How many items a page holds at most.
_MOST = 200
_MOST_SHADOWS = 100
_SUBSCRIPTIONS = 20
# Of SendDirectMessage, in seconds.
_TIMEOUT = 5
_LONGEST_TIMEOUT = 15
_AWAY = "The target client ID is not connected, but it has an active persistent session"
_SHADOW_ERRORS = {
    400: "InvalidRequestException",
    404: "ResourceNotFoundException",
    409: "ConflictException",
    413: "RequestEntityTooLargeException",
    415: "UnsupportedDocumentEncodingException",
}
_DIRECT_MESSAGE_ERRORS = {
    "PAYLOAD_TOO_LARGE": ("RequestEntityTooLargeException", 413),
    "INVALID_TOPIC": ("InvalidRequestException", 400),
    "INVALID_TIMEOUT_PARAMETER": ("InvalidRequestException", 400),
    "RECEIVE_AUTHORIZATION_FAILURE": ("ForbiddenException", 403),
    "TARGET_CLIENT_NOT_CONNECTED": ("ResourceNotFoundException", 404),
    "TARGET_CLIENT_ID_NOT_FOUND": ("ResourceNotFoundException", 404),
    "DELIVERY_CONFIRMATION_TIMEOUT": ("GatewayTimeoutException", 504),
}
"""The reasons of log entries, and the error and the HTTP status of each.

https://docs.aws.amazon.com/iot/latest/developerguide/direct-messaging.html
"""


class _DirectMessageRefused(Exception):  # noqa: N818 - becomes an error of the operation
    """A direct message was not delivered; the text says why.

    Args:
        reason: one of those in ``_DIRECT_MESSAGE_ERRORS``.
        message: the text.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class JitpIoTDataResponse(CheckedResponse, IoTDataPlaneResponse):
    """The operations on messages, shadows and clients, which are logged."""

    def any_backend(self) -> Any:
        """Return the data plane of the request's account and Region."""
        return self.iotdata_backend

    def update_thing_shadow(self) -> str:
        return self._logged("update", self._updated_thing_shadow)

    def get_thing_shadow(self) -> str:
        return self._logged("get", super().get_thing_shadow)

    def delete_thing_shadow(self) -> str:
        return self._logged("delete", super().delete_thing_shadow)

    def _updated_thing_shadow(self) -> str:
        shadow = self.iotdata_backend.update_thing_shadow(
            self._thing_in_path(), self.body, self._query("name")
        )
        return json.dumps(shadow.to_response_dict())

    def _logged(self, operation: str, answer: Callable[[], str]) -> str:
        """Answer a request to a shadow, and log it with what came of it."""
        request = ShadowRequest(operation, self._thing_in_path(), self._query("name"), "HTTP")
        backend = self.iotdata_backend
        assert isinstance(backend, JitpIoTDataBackend)
        try:
            with _refusals_as_errors():
                answered = answer()
        except AwsError as error:
            backend.log_shadow_request(request, code_and_message(error)[1])
            raise
        backend.log_shadow_request(request)
        return answered

    def _thing_in_path(self) -> str:
        # moto looks for the thing's name in the body first, which is the client's own here.
        return unquote(self.path.partition("/things/")[2].partition("/")[0])

    def publish(self) -> str:
        topic = self._topic_after("/topics/")
        payload = self.body or b""
        retain = self._query("retain") == "true"
        qos = self._query("qos") or "0"
        if settings.current().strict:
            try:
                check_publish(topic, payload, retain=retain, connected=False)
            except ValueError as error:
                self._count("PublishIn.ClientError")
                raise InvalidRequestException(str(error)) from None
        properties = _properties_of(self.input()) if settings.current().strict else NO_PROPERTIES
        self._count("PublishIn.Success")
        if retain:
            self._count("PublishRetained.Success")
        self._log("Publish-In", {"topicName": topic, **({"retain": "True"} if retain else {})})
        backend = self.iotdata_backend
        assert isinstance(backend, JitpIoTDataBackend)
        qos_level = 1 if qos == "1" else 0
        backend.publish(
            topic,
            payload,
            retain=retain,
            qos=qos_level,
            publisher=self._publisher(),
            properties=properties,
        )
        return json.dumps({})

    def get_retained_message(self) -> str:
        topic = self._topic_after("/retainedMessage/")
        retained = self._broker.retained.get(topic)
        logged = {"topicName": topic}
        if retained is None:
            self._log("GetRetainedMessage", logged, error="There is no retained message")
            raise ResourceNotFoundException
        self._log("GetRetainedMessage", logged)
        payload = base64.b64encode(retained.message.payload).decode()
        return json.dumps({**_summary(retained), "payload": payload})

    def list_retained_messages(self) -> str:
        page = Page("ListRetainedMessages", self.input(), default_size=_MOST, service=self.service)
        retained = page.cut_sorted(self._broker.retained.values(), lambda one: one.message.topic)
        self._log("ListRetainedMessage", {})
        topics = [{**_summary(one), "payloadSize": len(one.message.payload)} for one in retained]
        return json.dumps(without_null(page.output("retainedTopics", topics)))

    def get_connection(self) -> str:
        given = self.input()
        found = find_connection(self._iot, given["clientId"])
        if found is None:
            raise self._no_client("GetConnection", given["clientId"])
        self._log("GetConnection", {"clientId": found.client_id})
        carrier = found.transport
        output = {
            "clientId": found.client_id,
            "connected": found.ended is None,
            "thingName": found.thing_name,
            "cleanSession": carrier.clean,
            "keepAliveDuration": carrier.keep_alive,
            "sessionExpiry": carrier.session_expiry,
            "connectedSince": _milliseconds(found.since) if found.ended is None else None,
            "disconnectedSince": None if found.ended is None else _milliseconds(found.ended),
            "disconnectReason": found.reason,
        }
        if given.get("includeSocketInformation"):
            output["sourceIp"], output["sourcePort"] = carrier.address, carrier.port
            # Clients reach an endpoint of this machine from an address of this machine.
            output["targetIp"], output["targetPort"] = carrier.address, carrier.target_port
        return json.dumps(without_null(output))

    def list_subscriptions(self) -> str:
        given = self.input()
        client_id = given["clientId"]
        found = subscriptions_of(self._iot, client_id)
        if found is None:
            raise self._no_client("ListSubscriptions", client_id)
        more = {"maxResults": given["maxResults"]} if "maxResults" in given else {}
        self._log("ListSubscriptions", {"clientId": client_id, **more})
        page = Page("ListSubscriptions", given, default_size=_SUBSCRIPTIONS, service=self.service)
        listed = page.cut_sorted(found, lambda one: one[0])
        subscriptions = [{"topicFilter": name, "qos": qos} for name, qos in listed]
        return json.dumps(without_null(page.output("subscriptions", subscriptions)))

    def send_direct_message(self) -> str:
        given = self.input()
        timeout = given.get("timeout", _TIMEOUT) if given.get("confirmation") else None
        logged = {
            "clientId": given["clientId"],
            "topicName": given["topic"],
            "confirmation": timeout is not None,
            **({} if timeout is None else {"timeout": timeout}),
        }
        try:
            self._send_directly(given, timeout)
        except _DirectMessageRefused as refused:
            text = str(refused)
            self._log("SendDirectMessage", {**logged, "reason": refused.reason}, error=text)
            code, status = _DIRECT_MESSAGE_ERRORS[refused.reason]
            raise error_with_status(code, text, status) from None
        self._log("SendDirectMessage", logged)
        return json.dumps({"message": "OK", "traceId": str(uuid.uuid4())})

    def _send_directly(self, given: Mapping[str, Any], timeout: int | None) -> None:
        """Send a message to one client.

        Args:
            given: the request's members.
            timeout: how many seconds to wait for its acknowledgement; ``None`` for none.

        Raises:
            _DirectMessageRefused: it was not sent, or not acknowledged.
        """
        client_id, topic, payload = given["clientId"], given["topic"], self.body or b""
        if len(payload) > MAX_PAYLOAD_BYTES:
            text = f"The payload has {len(payload)} bytes; at most {MAX_PAYLOAD_BYTES} are allowed."
            raise _DirectMessageRefused("PAYLOAD_TOO_LARGE", text)
        if topic.startswith("$"):
            raise _DirectMessageRefused("INVALID_TOPIC", "Topic can't start with $")
        try:
            check_publish(topic, payload, retain=False, connected=False)
        except ValueError as error:
            raise _DirectMessageRefused("INVALID_TOPIC", str(error)) from None
        if timeout is not None and not 1 <= timeout <= _LONGEST_TIMEOUT:
            text = f"timeout is {timeout}; it is a number of seconds from 1 to {_LONGEST_TIMEOUT}."
            raise _DirectMessageRefused("INVALID_TIMEOUT_PARAMETER", text)
        message = ClientMessage(
            topic,
            payload,
            self._publisher(),
            qos=0 if timeout is None else 1,
            properties=_properties_of(given),
        )
        try:
            acknowledged = send_directly(self._iot, client_id, message)
        except ReceiverNotAuthorized as error:
            text = f"The receiver is not authorized to receive on the topic. {error}"
            raise _DirectMessageRefused("RECEIVE_AUTHORIZATION_FAILURE", text) from None
        if acknowledged is None:
            if keeps_session(self._iot, client_id):
                raise _DirectMessageRefused("TARGET_CLIENT_NOT_CONNECTED", _AWAY)
            text = f"The target client ID {client_id!r} is not connected."
            raise _DirectMessageRefused("TARGET_CLIENT_ID_NOT_FOUND", text)
        if timeout is not None and not acknowledged(timeout):
            text = f"The receiver did not send a PUBACK within {timeout} seconds."
            raise _DirectMessageRefused("DELIVERY_CONFIRMATION_TIMEOUT", text)

    def delete_connection(self) -> str:
        given = self.input()
        client_id = given["clientId"]
        deletion = ConnectionDeletion(
            client_id, bool(given.get("cleanSession")), bool(given.get("preventWillMessage"))
        )
        if not delete_connection(self._iot, deletion):
            raise self._no_client("DeleteConnection", client_id)
        self._log("DeleteConnection", {"clientId": client_id})
        return ""

    def _no_client(self, operation: str, client_id: str) -> ResourceNotFoundException:
        self._log(operation, {"clientId": client_id}, error=f"There is no client {client_id}")
        return ResourceNotFoundException()

    def list_named_shadows_for_thing(self) -> str:
        given = self.input()
        names = self.iotdata_backend.list_named_shadows_for_thing(given["thingName"])
        page = Page(
            "ListNamedShadowsForThing", given, default_size=_MOST_SHADOWS, service=self.service
        )
        found = page.output("results", page.cut_sorted(names, str))
        return json.dumps({**without_null(found), "timestamp": int(time.time())})

    def _count(self, metric: str) -> None:
        count_operation(self._iot, metric, "HTTP")

    def _log(self, event_type: str, fields: Mapping[str, Any], *, error: str | None = None) -> None:
        """Log a request, with why it was refused where it was."""
        if not self._iot.logging.is_logging:
            return
        client = Client(None, self._principal_id(), source_address(self), protocol="HTTP")
        more = {} if error is None else {"details": error}
        entry = operation_entry(event_type, client, {**fields, **more}, failed=error is not None)
        self._iot.logging.log(client, datetime.now(timezone.utc), [entry])

    def _publisher(self) -> Publisher:
        return Publisher(None, self._principal_id(), source_address(self), "HTTP")

    def _principal_id(self) -> str:
        return str(identity_of(self, self._iot).element["principalId"])

    @property
    def _iot(self) -> Any:
        backend: Any = self.iotdata_backend
        return backend.iot_backend

    @property
    def _broker(self) -> MessageBroker:
        return broker_of(self._iot)

    def _query(self, name: str) -> str | None:
        values = self.querystring.get(name)
        return values[0] if values else None

    def _topic_after(self, marker: str) -> str:
        topic = self.path.partition(marker)[2]
        # moto's server hands some paths on decoded, and others not.
        return unquote(topic) if "%" in topic else topic


@contextmanager
def _refusals_as_errors() -> Iterator[None]:
    """Turn what is refused of a shadow into the error of the service model."""
    try:
        yield
    except ShadowRefused as refused:
        code = _SHADOW_ERRORS[refused.code]
        raise error_with_status(code, str(refused), refused.code) from None


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _properties_of(given: Mapping[str, Any]) -> Properties:
    """The properties of MQTT 5 that a message is to have."""
    try:
        return message_properties(given)
    except ValueError as error:
        raise InvalidRequestException(str(error)) from None


def _summary(retained: RetainedMessage) -> dict[str, Any]:
    return {
        "topic": retained.message.topic,
        "qos": retained.message.qos,
        "lastModifiedTime": retained.modified,
    }
