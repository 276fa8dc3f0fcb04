"""The control routes by which connected devices publish and receive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from moto_jitp.devices import NotAuthorized
from moto_jitp.history.json_form import payload_from_json
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.connections import connection_of
from moto_jitp.server.routing import ControlRequest, route
from moto_jitp.server.schemas import MAX_WAIT
from moto_jitp.server.shapes import DONE, RECEIVED, Done, Received


@route(
    "POST",
    "connections/{id}/publish",
    "The connected device publishes",
    "Done",
    body="PublishRequest",
)
def publish(request: ControlRequest) -> Answer:
    value = request.body
    if ("payloadText" in value) == ("payloadBase64" in value):
        raise RequestRefused("Give exactly one of the fields 'payloadText' and 'payloadBase64'.")
    connection = connection_of(request.id)
    with _refusing(), _telling_what_got_lost():
        payload = payload_from_json(value)
        connection.publish(value["topic"], payload, retain=value.get("retain", False))
    return _DONE


@route(
    "POST",
    "connections/{id}/subscribe",
    "The connected device subscribes; its messages wait for receive",
    "Done",
    body="TopicFilterRequest",
)
def subscribe(request: ControlRequest) -> Answer:
    with _refusing(), _telling_what_got_lost():
        connection_of(request.id).subscribe(request.body["topicFilter"])
    return _DONE


@route(
    "POST",
    "connections/{id}/unsubscribe",
    "The device unsubscribes",
    "Done",
    body="TopicFilterRequest",
)
def unsubscribe(request: ControlRequest) -> Answer:
    topic_filter = request.body["topicFilter"]
    connection = connection_of(request.id)
    matching_subscriptions = [
        subscription
        for subscription in connection.subscriptions
        if subscription.topic_filter == topic_filter
    ]
    if not matching_subscriptions:
        filters = (
            ", ".join(subscription.topic_filter for subscription in connection.subscriptions)
            or "none"
        )
        raise RequestRefused(
            f"The device is not subscribed to {topic_filter[:80]!a}; its topic filters are: "
            f"{filters}."
        )
    for subscription in matching_subscriptions:
        subscription.cancel()
    return _DONE


@route(
    "POST",
    "connections/{id}/receive",
    "The device takes its next message",
    "Received",
    body="ReceiveRequest",
    body_optional=True,
)
def receive(request: ControlRequest) -> Answer:
    wait = request.body.get("wait", 0)
    if not 0 <= wait <= MAX_WAIT:
        raise RequestRefused(
            f"The field 'wait' must be a number of seconds from 0 to {MAX_WAIT}; it is {wait}."
        )
    connection = connection_of(request.id)
    try:
        with _refusing():
            event = connection.receive(wait or None)
    except TimeoutError as nothing:
        return Answer.of(RECEIVED.to_json(Received(None, str(nothing))))
    return Answer.of(RECEIVED.to_json(Received(event)))


@route(
    "POST",
    "connections/{id}/disconnect",
    "The device disconnects",
    "Done",
    body="Nothing",
    body_optional=True,
)
def disconnect(request: ControlRequest) -> Answer:
    connection_of(request.id).disconnect()
    return _DONE


_DONE = Answer.of(DONE.to_json(Done()))


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn a connection's exceptions into answers."""
    try:
        yield
    except NotAuthorized as error:
        details = {"action": error.action, "resource": error.resource}
        raise RequestRefused(str(error), 403, "NotAuthorized", details=details) from None
    except ConnectionError as error:
        raise RequestRefused(str(error), 409, "NotConnected") from None
    except (ValueError, ModuleNotFoundError) as error:
        raise RequestRefused(str(error)) from None


@contextmanager
def _telling_what_got_lost() -> Iterator[None]:
    """Report an answer that is lost on a disturbed connection."""
    try:
        yield
    except TimeoutError as error:
        raise RequestRefused(str(error), 409, "NotAnswered") from None
