"""AWS IoT's limits for one connection and its session.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html#iot-protocol-limits
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """AWS IoT's limits; sizes in bytes, times in seconds.

    Attributes:
        packet_size: of a packet: the Maximum Packet Size in AWS IoT's CONNACK.
        payload_size: of a message and of a will.
        client_id_size: of a client identifier.
        user_properties_size: of all user properties of a packet.
        content_type_size: of a content type.
        response_topic_size: of a response topic.
        correlation_data_size: of correlation data.
        least_packet_size: the smallest Maximum Packet Size that a client may request.
        shortest_keep_alive: shorter keep alives are raised to this.
        longest_keep_alive: longer ones are lowered to this, which 0 also means.
        receive_maximum: unacknowledged messages of QoS 1 in each direction.
        topic_alias_maximum: topic aliases that a client may use.
        filters_per_packet: topic filters of one SUBSCRIBE or UNSUBSCRIBE.
        session_expiry: how long a session outlives its connection at most, and by default in MQTT
            3.1.1.
        message_expiry: the longest message expiry interval.
        resend_after: when an unacknowledged message is sent again.
        resend_for_mqtt_3: how long that is repeated in MQTT 3.1.1.
        resend_for_mqtt_5: how long in MQTT 5.
        stored_messages_per_second: how many stored messages a resumed session gets per second;
            ``None`` for all at once. AWS IoT sends 10.
        connect_timeout: how long a client may take for its CONNECT. AWS does not document it.
        queued_messages: messages that wait for one session. AWS does not document it.
        queued_size: payloads of those messages. AWS does not document it.
    """

    packet_size: int = 149_504
    payload_size: int = 128 * 1024
    client_id_size: int = 128
    user_properties_size: int = 8 * 1024
    content_type_size: int = 256
    response_topic_size: int = 256
    correlation_data_size: int = 8 * 1024
    least_packet_size: int = 512
    shortest_keep_alive: int = 30
    longest_keep_alive: int = 1200
    receive_maximum: int = 100
    topic_alias_maximum: int = 8
    filters_per_packet: int = 8
    session_expiry: int = 3600
    message_expiry: int = 604_800
    resend_after: float = 30
    resend_for_mqtt_3: float = 3600
    resend_for_mqtt_5: float = 960
    stored_messages_per_second: float | None = None
    connect_timeout: float = 10
    queued_messages: int = 10_000
    queued_size: int = 16 * 1024 * 1024


AWS_LIMITS = Limits()
