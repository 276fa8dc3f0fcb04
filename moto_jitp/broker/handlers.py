"""The Python handlers that listen to messages of all accounts and Regions: ``jitp.subscribe``."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable

from moto.iot.models import IoTBackend

from moto_jitp.history.messages import Event, Message
from moto_jitp.mqtt.topic_filters import check_topic_filter

from .calling import call_each
from .subscriptions import Subscriptions

Handler = Callable[..., object]


class Subscription:
    """A handler's subscription; ends with :meth:`cancel`.

    Attributes:
        topic_filter: the MQTT topic filter.
    """

    def __init__(self, topic_filter: str, handler: Handler) -> None:
        self.topic_filter = topic_filter
        self._call = taking_events(handler)

    def deliver(self, event: Event) -> None:
        """Call the handler."""
        if isinstance(event.payload, dict):
            # A handler that changes its argument must not change what others receive, or the
            # history.
            event = event._replace(payload=copy.deepcopy(event.payload))
        self._call(event)

    def cancel(self) -> None:
        """Stop listening; a second call does nothing."""
        subscriptions.remove(self.topic_filter, self, self)


subscriptions: Subscriptions[Subscription] = Subscriptions()
"""The subscriptions of all handlers."""


def subscribe(topic_filter: str, handler: Handler) -> Subscription:
    """Call a handler for each message on matching topics.

    Args:
        topic_filter: an MQTT topic filter, such as ``$aws/events/certificates/registered/+``.
        handler: called with the :class:`Event`, or with topic and payload if it takes two
            arguments; in the publisher's thread. Its exceptions reach the publisher.

    Raises:
        ValueError: it is not a valid MQTT topic filter.
        TypeError: the filter is not text, or the handler cannot be called.
    """
    check_topic_filter(topic_filter)
    subscription = Subscription(topic_filter, handler)
    subscriptions.add(topic_filter, subscription, subscription)
    return subscription


def call_handlers(backend: IoTBackend, message: Message) -> None:
    """Call the handlers whose filter matches; the broker's listener for them.

    Args:
        backend: the account and Region in which the message was published.
        message: the message.
    """
    listening = subscriptions.matching(message.topic)
    if listening:
        event = message.as_event(backend.account_id, backend.region_name)
        call_each((subscription.deliver for subscription in listening), event)


def taking_events(handler: Handler) -> Callable[[Event], object]:
    """Return a function that calls a handler with an event or, if it takes two arguments, with
    topic and payload.

    Raises:
        TypeError: the handler cannot be called.
    """
    if not callable(handler):
        raise TypeError(
            f"The handler must be callable, since it is called with each message, but {handler!r} "
            "cannot be called."
        )
    if not _takes_two(handler):
        return handler
    return lambda event: handler(event.topic, event.payload)


def _takes_two(handler: Handler) -> bool:
    try:
        inspect.signature(handler).bind(None, None)
    except (TypeError, ValueError):
        return False
    try:
        inspect.signature(handler).bind(None)
    except TypeError:
        return True
    return False
