"""Messages that AWS IoT and devices have published."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from moto_jitp.mqtt.properties import NO_PROPERTIES, Properties


class Event(NamedTuple):
    """One published message, as a test reads it.

    Attributes:
        topic: the topic that it was published on.
        payload: a dict for JSON that AWS IoT itself publishes, wherever a test reads it (in
            ``jitp.events`` and the handlers of ``jitp.subscribe``); bytes for a device's message
            and for an answer in CBOR. A device only receives bytes; see :meth:`as_sent`.
        account_id: the account whose topic it is.
        region_name: the Region whose topic it is.

    Examples:
        >>> connect_device(bulb).publish("sensors/1", b"21")
        >>> jitp.events[-1]
        Event(topic='sensors/1', payload=b'21', account_id='123456789012', region_name='us-east-1')
    """

    topic: str
    payload: Any
    account_id: str
    region_name: str

    def as_sent(self) -> Event:
        """Return the event as an MQTT client receives it: a dict as compact JSON in UTF-8."""
        return self._replace(payload=as_bytes(self.payload))


def as_bytes(payload: bytes | dict[str, Any]) -> bytes:
    """Return a payload as an MQTT client receives it: a dict as compact JSON in UTF-8."""
    if isinstance(payload, bytes):
        return payload
    text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
    # Half of a surrogate pair, which JSON can escape but UTF-8 does not have, stays escaped.
    return text.encode("utf-8", "backslashreplace")


class Publisher(NamedTuple):
    """The client that published a message.

    Attributes:
        client_id: its MQTT client id; ``None`` for a client that publishes over HTTPS.
        principal_id: the id of its certificate, or of the user or role that signed the request.
        address: its IP address.
        protocol: ``MQTT`` or ``HTTP``.
    """

    client_id: str | None
    principal_id: str
    address: str
    protocol: str


class Message:
    """A message as the broker keeps and delivers it.

    Few of the messages that AWS IoT publishes are ever read. A class of such messages keeps what it
    needs to compose topic and payload, and composes them each time they are read.

    Attributes:
        number: its place in the order of everything that happens, from
            :data:`moto_jitp.history.order.sequence`; the broker assigns it.
        published: when it was published, in seconds since 1970; the broker assigns it, too.
    """

    __slots__ = ("number", "published")
    number: int
    published: float

    @property
    def topic(self) -> str:
        """The topic that it is published on.

        Raises:
            NotImplementedError: the subclass does not override it.
        """
        raise NotImplementedError

    @property
    def payload(self) -> bytes | dict[str, Any]:
        """The payload: bytes, or a dict for what AWS IoT publishes as JSON.

        Raises:
            NotImplementedError: the subclass does not override it.
        """
        raise NotImplementedError

    @property
    def publisher(self) -> Publisher | None:
        """The client that published it; ``None`` for AWS IoT itself."""
        return None

    @property
    def receiver(self) -> int | None:
        """The number of the only session to receive it; ``None`` for all."""
        return None

    @property
    def qos(self) -> int:
        """The quality of service that it was published with, 0 or 1."""
        return 0

    @property
    def retain(self) -> bool:
        """Whether it was published with the RETAIN flag."""
        return False

    @property
    def is_retained(self) -> bool:
        """Whether it is received because it was retained, not because it was just published."""
        return False

    @property
    def properties(self) -> Properties:
        """The MQTT 5 properties that are passed on to receivers, such as user properties."""
        return NO_PROPERTIES

    def as_event(self, account_id: str, region_name: str) -> Event:
        """Return the message as a test reads it.

        Args:
            account_id: the account whose topic it is.
            region_name: the Region whose topic it is.
        """
        return Event(self.topic, self.payload, account_id, region_name)


class ClientMessage(Message):
    """A message of a client: a connected device, or boto3's ``publish``."""

    __slots__ = ("is_retained", "payload", "properties", "publisher", "qos", "retain", "topic")
    topic: str
    payload: bytes
    publisher: Publisher
    qos: int
    retain: bool
    properties: Properties
    is_retained: bool

    def __init__(
        self,
        topic: str,
        payload: bytes,
        publisher: Publisher,
        *,
        qos: int = 0,
        retain: bool = False,
        properties: Properties = NO_PROPERTIES,
        is_retained: bool = False,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.publisher = publisher
        self.qos = qos
        self.retain = retain
        self.properties = properties
        self.is_retained = is_retained


class AwsMessage(Message):
    """A message of AWS IoT itself, such as a shadow's answer."""

    __slots__ = ("payload", "receiver", "topic")
    topic: str
    payload: bytes | dict[str, Any]
    receiver: int | None

    def __init__(
        self, topic: str, payload: bytes | dict[str, Any], *, receiver: int | None = None
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.receiver = receiver
