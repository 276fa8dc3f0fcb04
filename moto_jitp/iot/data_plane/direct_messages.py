"""A message to one client: SendDirectMessage.

https://docs.aws.amazon.com/iot/latest/developerguide/direct-messaging.html
"""

from __future__ import annotations

import uuid

from moto_jitp.history.messages import ClientMessage
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.exceptions import RESERVED_TOPIC, error_with_status, text_for_caller
from moto_jitp.mqtt.topics import MAX_PAYLOAD_BYTES, check_publish

from .connections import ReceiverNotAuthorized, keeps_session, send_directly
from .message_properties import properties_given
from .requests import SERVICE, DataRequest

# In seconds.
_TIMEOUT = 5
_LONGEST_TIMEOUT = 15
_AWAY = "The target client ID is not connected, but it has an active persistent session"
_ERRORS = {
    "PAYLOAD_TOO_LARGE": ("RequestEntityTooLargeException", 413),
    "INVALID_TOPIC": ("InvalidRequestException", 400),
    "INVALID_TIMEOUT_PARAMETER": ("InvalidRequestException", 400),
    "RECEIVE_AUTHORIZATION_FAILURE": ("ForbiddenException", 403),
    "TARGET_CLIENT_NOT_CONNECTED": ("ResourceNotFoundException", 404),
    "TARGET_CLIENT_ID_NOT_FOUND": ("ResourceNotFoundException", 404),
    "DELIVERY_CONFIRMATION_TIMEOUT": ("GatewayTimeoutException", 504),
}
"""The reasons in log entries, with the error and the HTTP status of each."""


class _DirectMessageRefused(Exception):  # noqa: N818 - becomes an error of the operation
    """A direct message was not delivered; the text says why.

    Args:
        reason: one of those in ``_ERRORS``.
        message: the text.
        bare: AWS's part of the text, if the rest is ours.
    """

    def __init__(self, reason: str, message: str, *, bare: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.bare_message = message if bare is None else bare


@operation("SendDirectMessage", DataRequest, service=SERVICE)
def send_direct_message(request: DataRequest, arguments: Input) -> Output:
    timeout = arguments.get("timeout", _TIMEOUT) if arguments.get("confirmation") else None
    logged = {
        "clientId": arguments["clientId"],
        "topicName": arguments["topic"],
        "confirmation": timeout is not None,
        **({} if timeout is None else {"timeout": timeout}),
    }
    try:
        _send(request, arguments, timeout)
    except _DirectMessageRefused as refused:
        text = str(refused)
        request.log("SendDirectMessage", {**logged, "reason": refused.reason}, error=text)
        code, status = _ERRORS[refused.reason]
        caller_text = text_for_caller(text, refused.bare_message)
        raise error_with_status(code, caller_text, status) from None
    request.log("SendDirectMessage", logged)
    return {"message": "OK", "traceId": str(uuid.uuid4())}


def _send(request: DataRequest, arguments: Input, timeout: int | None) -> None:
    """Send a message to one client.

    Args:
        request: the request.
        arguments: its members.
        timeout: how many seconds to wait for its acknowledgement; ``None`` for none.

    Raises:
        _DirectMessageRefused: it was not sent, or not acknowledged.
    """
    client_id, topic, payload = (
        arguments["clientId"],
        arguments["topic"],
        arguments.get("payload", b""),
    )
    if len(payload) > MAX_PAYLOAD_BYTES:
        text = f"The payload has {len(payload)} bytes; at most {MAX_PAYLOAD_BYTES} are allowed."
        raise _DirectMessageRefused("PAYLOAD_TOO_LARGE", text)
    if topic.startswith("$"):
        raise _DirectMessageRefused("INVALID_TOPIC", RESERVED_TOPIC)
    try:
        check_publish(topic, payload, retain=False, connected=False)
    except ValueError as error:
        raise _DirectMessageRefused("INVALID_TOPIC", str(error)) from None
    if timeout is not None and not 1 <= timeout <= _LONGEST_TIMEOUT:
        text = f"timeout is {timeout}; it must be a number of seconds from 1 to {_LONGEST_TIMEOUT}."
        raise _DirectMessageRefused("INVALID_TIMEOUT_PARAMETER", text)
    message = ClientMessage(
        topic,
        payload,
        request.publisher,
        qos=0 if timeout is None else 1,
        properties=properties_given(arguments),
    )
    try:
        acknowledged = send_directly(request.iot, client_id, message)
    except ReceiverNotAuthorized as error:
        bare = "The receiver is not authorized to receive on the topic."
        reason = "RECEIVE_AUTHORIZATION_FAILURE"
        raise _DirectMessageRefused(reason, f"{bare} {error}", bare=bare) from None
    if acknowledged is None:
        if keeps_session(request.iot, client_id):
            raise _DirectMessageRefused("TARGET_CLIENT_NOT_CONNECTED", _AWAY)
        text = f"The target client ID {client_id!r} is not connected."
        raise _DirectMessageRefused("TARGET_CLIENT_ID_NOT_FOUND", text)
    if timeout is not None and not acknowledged(timeout):
        text = f"The receiver did not send a PUBACK within {timeout} seconds."
        raise _DirectMessageRefused("DELIVERY_CONFIRMATION_TIMEOUT", text)
