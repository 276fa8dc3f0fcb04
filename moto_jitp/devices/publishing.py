"""Messages that devices publish: kept, handed to moto's data plane and to subscribers."""

from __future__ import annotations

from moto.iotdata.models import iotdata_backends

from moto_jitp.events import Event, bus
from moto_jitp.iot.models import JitpIoTBackend

from .attempts import events_of, sequence


def publish_event(backend: JitpIoTBackend, topic: str, payload: bytes) -> None:
    """Publish a device's message.

    Raises:
        ValueError: the topic is empty, has a wildcard, or is one that only AWS IoT publishes on.
    """
    if not topic or "+" in topic or "#" in topic:
        raise ValueError(f"{topic!r} is no topic to publish on: it is empty or has a wildcard.")
    if topic.startswith("$aws/events/"):
        raise ValueError(f"{topic!r} is reserved: only AWS IoT itself publishes on $aws/events/.")
    event = Event(topic, payload, backend.account_id, backend.region_name)
    with backend.lock:
        events_of(backend).append((next(sequence), event))
        iotdata_backends[backend.account_id][backend.region_name].publish(topic, payload)
    bus.publish(event)
