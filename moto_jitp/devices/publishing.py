"""What devices publish: checked, then handed to the message broker."""

from __future__ import annotations

from moto_jitp.broker.message_broker import publish
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.iot.provisioning.fleet.payload_formats import require_format
from moto_jitp.mqtt.topics import check_publish, fleet_request

from . import fleet
from .authorization import NotAuthorized, require
from .recording import count, record_operation


def to_bytes(payload: bytes | str) -> bytes:
    """Return a payload as it is sent: text as UTF-8.

    Raises:
        TypeError: it is neither bytes nor text.
    """
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)
    raise TypeError(
        f"A payload is bytes or text, not {type(payload).__name__}; give JSON as "
        "json.dumps(payload)."
    )


def publish_message(
    backend: JitpIoTBackend,
    session: ConnectionAttempt,
    topic: str,
    payload: bytes,
    *,
    retain: bool,
) -> None:
    """Publish a device's message.

    Args:
        backend: the account and Region.
        session: the accepted attempt that the connection goes back to.
        topic: an MQTT topic, without wildcards.
        payload: the message.
        retain: keep it for later subscribers of this topic.

    Raises:
        NotAuthorized: policies are enforced and do not allow it.
        ValueError: the topic or payload is none that AWS IoT takes.
        ModuleNotFoundError: the topic asks for CBOR, and the extra ``[mqtt]`` is not installed.
    """
    try:
        check_publish(topic, payload, retain=retain, connected=True)
    except ValueError:
        count(backend, "PublishIn.ClientError")
        raise
    request = fleet_request(topic)
    if request is not None:
        require_format(request.payload_format)
    try:
        require(backend, session, "iot:Publish", topic)
        if retain:
            require(backend, session, "iot:RetainPublish", topic)
    except NotAuthorized:
        record_operation(backend, session, "Publish-In", {"topicName": topic}, not_authorized=True)
        raise
    logged = {"topicName": topic, "retain": "True"} if retain else {"topicName": topic}
    record_operation(backend, session, "Publish-In", logged)
    publish(backend, topic, payload, retain=retain)
    if request is not None:
        fleet.carry_out(backend, session, topic, request, payload)
