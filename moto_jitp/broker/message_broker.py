"""The message broker of an account and Region: who publishes what, and who hears it."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from moto.iot.models import IoTBackend
from moto.iotdata.models import iotdata_backends

from moto_jitp.history.messages import Event, UnrenderedEvent
from moto_jitp.history.order import sequence
from moto_jitp.history.state import lock_of, state_of
from moto_jitp.mqtt.topics import is_basic_ingest, shadow_request

from .events import EventBus, bus


class RetainedMessage(NamedTuple):
    """The last message of a topic that was published with the RETAIN flag.

    Attributes:
        topic: its topic.
        payload: its payload, not empty.
        qos: the quality of service that it was published with, 0 or 1.
        modified: when, in milliseconds since 1970.
    """

    topic: str
    payload: bytes
    qos: int
    modified: int


class MessageBroker:
    """What was published in one account and Region, the devices that listen, and what is retained.

    Attributes:
        events: all that was published, with sequence numbers, the oldest first.
        devices: the subscriptions of connected devices.
        retained: retained messages by topic.
    """

    def __init__(self) -> None:
        self.events: list[tuple[int, Event | UnrenderedEvent]] = []
        self.devices = EventBus()
        self.retained: dict[str, RetainedMessage] = {}

    def record(self, event: Event | UnrenderedEvent) -> None:
        """Write an event down."""
        self.events.append((next(sequence), event))

    @property
    def has_listeners(self) -> bool:
        """Whether anybody would hear an event now."""
        return bus.has_listeners or self.devices.has_listeners


def broker_of(backend: IoTBackend) -> MessageBroker:
    """Return the message broker of an account and Region."""
    return state_of(backend).part(MessageBroker)


def deliver(backend: IoTBackend, event: Event, *, to: int | None = None) -> None:
    """Hand a recorded event to everyone who listens: handlers of the test, then devices.

    Args:
        backend: the account and Region.
        event: the event.
        to: the number of the only connection that is to receive it; ``None`` for all of them.
    """
    bus.publish(event)
    broker_of(backend).devices.publish(event, to=to)


def publish_as_aws(
    backend: IoTBackend, topic: str, payload: dict[str, Any] | bytes, *, to: int | None = None
) -> None:
    """Publish what AWS IoT itself says.

    Args:
        backend: the account and Region.
        topic: such as ``$aws/things/bulb-1/shadow/update/accepted``.
        payload: what the message holds as JSON; bytes for a message that is no JSON.
        to: the number of the only connection that is to receive it; ``None`` for all of them.
    """
    event = Event(topic, payload, backend.account_id, backend.region_name)
    broker_of(backend).record(event)
    deliver(backend, event, to=to)


def publish(
    backend: IoTBackend, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0
) -> None:
    """Publish a client's message whose topic has been checked.

    moto's data plane keeps it, subscribers receive it, and a request to a shadow is answered.

    Args:
        backend: the account and Region.
        topic: the topic.
        payload: the message.
        retain: keep it for those who subscribe to exactly this topic later; with an empty payload
            forget what was kept.
        qos: the quality of service, for what is retained; every message arrives once.
    """
    broker = broker_of(backend)
    data_plane = iotdata_backends[backend.account_id][backend.region_name]
    event = Event(topic, payload, backend.account_id, backend.region_name)
    with lock_of(backend):
        broker.record(event)
        data_plane.published_payloads.append((topic, payload))
        if retain and payload:
            modified = int(time.time() * 1000)
            broker.retained[topic] = RetainedMessage(topic, payload, qos, modified)
        elif retain:
            broker.retained.pop(topic, None)
    if is_basic_ingest(topic):
        return
    deliver(backend, event)
    request = shadow_request(topic)
    if request is not None:
        data_plane.answer_shadow_request(  # type: ignore[attr-defined]
            request["thing"], request["shadow"], request["request"], payload
        )
