"""Publishes all messages: :func:`publish` numbers a message, keeps it and delivers it.

Devices, boto3 and AWS IoT itself publish here. Each account and Region has a broker of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import NamedTuple, Protocol

from moto.iot.models import IoTBackend
from moto.iotdata.models import iotdata_backends

from moto_jitp.history.acting_moment import acting_timestamp
from moto_jitp.history.messages import ClientMessage, Message
from moto_jitp.history.order import sequence
from moto_jitp.history.state import lock_of, state_of
from moto_jitp.mqtt.topics import is_basic_ingest

from . import handlers
from .calling import call_each
from .subscriptions import Subscriptions

Listener = Callable[[IoTBackend, Message], object]

listeners: list[Listener] = []
"""Called with the account and Region and each message, once subscribers have received it.

They also receive basic ingest messages, which no subscriber receives. One line adds a listener,
``listeners.append(carry_out_rules)``, once per process. A listener is called in the publisher's
thread, in the order in which messages are published, without a lock. It is called for every
message, and most are never read: a listener with nothing to do in an account should find out before
it reads the message's topic or payload, which may have to be composed. Its exceptions reach the
publisher.
"""

client_listeners: list[Listener] = []
"""Like :data:`listeners`, called after them and only with clients' messages.

AWS IoT publishes more than clients do, so code that acts on clients' requests listens here.
"""


class Subscriber(Protocol):
    """A receiver of the messages of a topic filter, such as a session's subscription."""

    @property
    def receiver(self) -> int:
        """The number of its session, with which a message may name it as the only receiver."""
        ...

    def receive(self, message: Message) -> object:
        """Receive a message; called in the publisher's thread."""
        ...


class RetainedMessage(NamedTuple):
    """The last message of a topic that was published with the RETAIN flag.

    Attributes:
        message: the message; its payload is not empty.
        modified: when it was published, in milliseconds since 1970.
    """

    message: ClientMessage
    modified: int


class MessageBroker:
    """The messages, subscriptions and retained messages of one account and Region.

    Attributes:
        messages: everything that was published, oldest first.
        subscriptions: the subscriptions of its clients.
        retained: retained messages by topic.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.subscriptions: Subscriptions[Subscriber] = Subscriptions()
        self.retained: dict[str, RetainedMessage] = {}


def broker_of(backend: IoTBackend) -> MessageBroker:
    """Return the message broker of an account and Region."""
    return state_of(backend).part(MessageBroker)


def publish(backend: IoTBackend, message: Message) -> None:
    """Publish a message: number it, keep it, and deliver it.

    The caller has checked that the publisher may publish it, and on this topic. Handlers of the
    test receive it first, then subscribed clients, then the :data:`listeners`. Inside a ``with``
    block of :class:`HandingOnLater` they receive it when that ends.

    Args:
        backend: the account and Region.
        message: the message. A client's message is also kept where moto's own data plane keeps
            messages, and retained if its RETAIN flag says so.
    """
    broker = broker_of(backend)
    with lock_of(backend):
        message.number = next(sequence)
        message.published = acting_timestamp()
        broker.messages.append(message)
        if isinstance(message, ClientMessage):
            _keep_as_moto_does(backend, message)
            _retain(broker, message)
    later = _later.get()
    if later is None:
        _hand_on(backend, broker, message)
    else:
        later.append(partial(_hand_on, backend, broker, message))


class HandingOnLater:
    """Within this ``with`` block, messages of its thread are kept but not delivered.

    Listeners may call the cloud or connect a device. A block around one that holds a lock lets them
    do so when the lock is free. Only the outermost block delivers at its end.
    """

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = None if _later.get() is not None else _later.set([])

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is None:
            return
        waiting_messages = _later.get() or ()
        _later.reset(self._token)
        if waiting_messages:
            call_each(waiting_messages)


_later: ContextVar[list[Callable[[], None]] | None] = ContextVar(
    "moto_jitp_messages_to_hand_on", default=None
)


def _hand_on(backend: IoTBackend, broker: MessageBroker, message: Message) -> None:
    is_of_client = isinstance(message, ClientMessage)
    unheard = handlers.subscriptions.is_empty and broker.subscriptions.is_empty
    if unheard and not is_of_client:
        # Most messages of AWS IoT's own, of which each connection sends some.
        call_each(listeners, backend, message)
        return
    hearing: list[Listener] = []
    # Messages of AWS IoT itself are not basic ingest, and their topics may have to be composed.
    if not (is_of_client and is_basic_ingest(message.topic)):
        # Without subscribers nothing is called: hardly any of AWS IoT's own messages have some.
        if not handlers.subscriptions.is_empty:
            hearing.append(handlers.call_handlers)
        # A handler may subscribe a device.
        if hearing or not broker.subscriptions.is_empty:
            hearing.append(partial(_send_to_subscribers, broker))
    hearing += listeners
    if is_of_client:
        hearing += client_listeners
    if hearing:
        call_each(hearing, backend, message)


def _send_to_subscribers(broker: MessageBroker, backend: IoTBackend, message: Message) -> None:
    receiver = message.receiver
    call_each(
        [
            subscriber.receive
            for subscriber in broker.subscriptions.matching(message.topic)
            if receiver in (None, subscriber.receiver)
        ],
        message,
    )


def _keep_as_moto_does(backend: IoTBackend, message: ClientMessage) -> None:
    # Once it exists, moto's dictionaries would only check names again.
    account = dict.get(iotdata_backends, backend.account_id)
    data_plane = None if account is None else dict.get(account, backend.region_name)
    if data_plane is None:
        data_plane = iotdata_backends[backend.account_id][backend.region_name]
    data_plane.published_payloads.append((message.topic, message.payload))


def _retain(broker: MessageBroker, message: ClientMessage) -> None:
    """Keep a message for later subscribers to exactly its topic, if it is to be retained.

    An empty payload deletes the retained message.
    """
    if not message.retain:
        return
    if message.payload:
        broker.retained[message.topic] = RetainedMessage(message, int(time.time() * 1000))
    else:
        broker.retained.pop(message.topic, None)


def retained_message(backend: IoTBackend, topic: str) -> ClientMessage | None:
    """Return the retained message that a new subscriber to a topic receives first.

    Args:
        backend: the account and Region.
        topic: the topic. AWS IoT sends a retained message only to subscribers that name its topic,
            not for a wildcard.

    Returns:
        A message whose ``is_retained`` is set; ``None`` if none is retained.
    """
    retained = broker_of(backend).retained.get(topic)
    if retained is None:
        return None
    message = retained.message
    return ClientMessage(
        message.topic,
        message.payload,
        message.publisher,
        qos=message.qos,
        retain=True,
        properties=message.properties,
        is_retained=True,
    )
