"""The control routes of connected devices: what they publish, and what they receive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from moto_jitp.devices import NotAuthorized
from moto_jitp.devices.json_form import event_to_json, payload_from_json

from . import schemas
from .answers import Answer, RequestRefused
from .requests import ControlRequest, connection_of


def publish(request: ControlRequest) -> Answer:
    value = request.object(schemas.PUBLISH_REQUEST)
    if ("payloadText" in value) == ("payloadBase64" in value):
        raise RequestRefused("Give exactly one of the fields 'payloadText' and 'payloadBase64'.")
    connection = connection_of(request.id)
    with _refusing():
        payload = payload_from_json(value)
        connection.publish(value["topic"], payload, retain=value.get("retain", False))
    return _DONE


def subscribe(request: ControlRequest) -> Answer:
    value = request.object(schemas.TOPIC_FILTER_REQUEST)
    with _refusing():
        connection_of(request.id).subscribe(value["topicFilter"])
    return _DONE


def unsubscribe(request: ControlRequest) -> Answer:
    wanted = request.object(schemas.TOPIC_FILTER_REQUEST)["topicFilter"]
    connection = connection_of(request.id)
    found = [one for one in connection.subscriptions if one.topic_filter == wanted]
    if not found:
        listed = ", ".join(one.topic_filter for one in connection.subscriptions) or "none"
        raise RequestRefused(
            f"The device is not subscribed to {wanted[:80]!a}; its topic filters are: {listed}."
        )
    for subscription in found:
        subscription.cancel()
    return _DONE


def receive(request: ControlRequest) -> Answer:
    value = request.optional_object(schemas.RECEIVE_REQUEST)
    wait = value.get("wait", 0)
    if not 0 <= wait <= schemas.MAX_WAIT:
        raise RequestRefused(
            f"The field 'wait' must be a number of seconds from 0 to {schemas.MAX_WAIT}; it is "
            f"{wait}."
        )
    connection = connection_of(request.id)
    try:
        with _refusing():
            event = connection.receive(wait or None)
    except TimeoutError as nothing:
        return Answer.of({"message": None, "explanation": str(nothing)})
    return Answer.of({"message": event_to_json(event), "explanation": None})


def disconnect(request: ControlRequest) -> Answer:
    request.optional_object(schemas.NOTHING)
    connection_of(request.id).disconnect()
    return _DONE


_DONE = Answer.of({"status": "ok"})


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn what a connection raises into an answer."""
    try:
        yield
    except NotAuthorized as error:
        details = {"action": error.action, "resource": error.resource}
        raise RequestRefused(str(error), 403, "NotAuthorized", details=details) from None
    except ConnectionError as error:
        raise RequestRefused(str(error), 409, "NotConnected") from None
    except (ValueError, ModuleNotFoundError) as error:
        raise RequestRefused(str(error)) from None
