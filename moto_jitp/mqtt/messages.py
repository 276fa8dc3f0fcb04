"""Messages on their way from a publisher to the sessions that receive them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .packets import Publish, Version
from .properties import NO_PROPERTIES, Properties


# A frozen class would take three times as long to make one.
@dataclass(slots=True)
class Message:
    """A message, without the parts that belong to one connection (packet identifier, topic alias).

    Do not change an instance.

    Attributes:
        topic: its topic.
        payload: its payload.
        qos: 0 or 1.
        retain: whether it is, or was, to be retained; see :meth:`as_packet`.
        properties: those that are passed on to receivers: payload format, content type, response
            topic, correlation data and user properties.
        expires_at: when it expires, on the connections' clock; ``None`` for never.
        on_acknowledged: called when the receiver has acknowledged it, at QoS 1. Such a message is
            for the present connection only, and is not kept for a later one.
    """

    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    properties: Properties = NO_PROPERTIES
    expires_at: float | None = None
    on_acknowledged: Callable[[], object] | None = None

    @classmethod
    def of(cls, topic: str, packet: Publish, now: float, longest_expiry: int) -> Message:
        """Return the message of a PUBLISH.

        Args:
            topic: its topic, even if the packet has an alias.
            packet: the packet.
            now: the clock.
            longest_expiry: the longest message expiry interval in seconds.
        """
        properties, expires_at = packet.properties, None
        if properties is not NO_PROPERTIES:
            expires_at = expiry_of(properties, now, longest_expiry)
            properties = carried_through(properties)
        return cls(topic, packet.payload, packet.qos, packet.retain, properties, expires_at)

    def has_expired(self, now: float) -> bool:
        """Whether it has expired."""
        return self.expires_at is not None and now >= self.expires_at

    def as_packet(
        self, version: Version, qos: int, packet_id: int | None, now: float, *, retained: bool
    ) -> Publish:
        """Return the PUBLISH that delivers it.

        Args:
            version: that of the receiver's connection.
            qos: that of the delivery.
            packet_id: that of the delivery; ``None`` at QoS 0.
            now: the clock, for the rest of its expiry interval.
            retained: whether it is delivered because it was retained. AWS IoT clears the RETAIN
                flag of all other copies.
        """
        properties = NO_PROPERTIES
        if version is Version.MQTT_5:
            properties = self.properties
            if self.expires_at is not None:
                seconds_left = max(int(self.expires_at - now), 0)
                properties = replace(properties, message_expiry_interval=seconds_left)
        return Publish(self.topic, self.payload, qos, packet_id, retained, False, properties)


def expiry_of(properties: Properties, now: float, longest: int) -> float | None:
    """When a message with these properties expires; AWS IoT treats 0 as 1."""
    interval = properties.message_expiry_interval
    return None if interval is None else now + min(max(interval, 1), longest)


def carried_through(properties: Properties) -> Properties:
    """The properties of a message that its receivers get unchanged."""
    kept_properties = Properties(
        payload_format_indicator=properties.payload_format_indicator,
        content_type=properties.content_type,
        response_topic=properties.response_topic,
        correlation_data=properties.correlation_data,
        user_properties=properties.user_properties,
    )
    return NO_PROPERTIES if kept_properties == NO_PROPERTIES else kept_properties
