"""The bus that hands events to the Python handlers that listen."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable

from moto_jitp.history.messages import Event
from moto_jitp.locks import new_lock
from moto_jitp.mqtt.topic_filters import check_topic_filter, topic_matches

Handler = Callable[..., object]


class Subscription:
    """A handler's place among the listeners; ends with :meth:`cancel`."""

    def __init__(
        self,
        bus: EventBus,
        topic_filter: str,
        handler: Handler,
        only: tuple[str, str] | None = None,
        owner: int | None = None,
    ) -> None:
        if not callable(handler):
            raise TypeError(
                f"The handler is to be called with each message, and {handler!r} cannot be called."
            )
        self.topic_filter = topic_filter
        self.owner = owner
        self._only = only
        self._bus = bus
        self._handler = handler
        self._takes_two = _takes_two(handler)

    @property
    def key(self) -> tuple[int, str | int]:
        """Its place on the bus: a connection has one for each filter, as MQTT has it."""
        return (-1, id(self)) if self.owner is None else (self.owner, self.topic_filter)

    def wants(self, event: Event) -> bool:
        """Whether an event is one to deliver."""
        here = (event.account_id, event.region_name)
        return self._only in (None, here) and topic_matches(self.topic_filter, event.topic)

    def deliver(self, event: Event) -> None:
        """Call the handler, with the event or, if it takes two, with topic and payload."""
        if isinstance(event.payload, dict):
            # Code that changes what it is given must not change what others hear, or the record.
            event = event._replace(payload=copy.deepcopy(event.payload))
        if self._takes_two:
            self._handler(event.topic, event.payload)
        else:
            self._handler(event)

    def cancel(self) -> None:
        """Stop listening; a second time does nothing."""
        self._bus.remove(self)


class EventBus:
    """All events since the state was last reset, and who listens for more."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._subscriptions: dict[tuple[int, str | int], Subscription] = {}

    def subscribe(
        self,
        topic_filter: str,
        handler: Handler,
        *,
        only: tuple[str, str] | None = None,
        owner: int | None = None,
    ) -> Subscription:
        """Have a handler called for each event on matching topics.

        Args:
            topic_filter: an MQTT topic filter, such as ``$aws/events/certificates/registered/+``.
            handler: called with the :class:`Event`, or with topic and payload where it takes two
                arguments; in the publisher's thread. What it raises reaches the publisher.
            only: the account id and Region to listen to; ``None`` for all.
            owner: the number of the connection that subscribes, where it is one; its earlier
                subscription to the same filter hears nothing more.

        Raises:
            ValueError: the filter is none of MQTT's.
            TypeError: the filter is no text, or the handler cannot be called.
        """
        check_topic_filter(topic_filter)
        subscription = Subscription(self, topic_filter, handler, only, owner)
        with self._lock:
            self._subscriptions[subscription.key] = subscription
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        with self._lock:
            if self._subscriptions.get(subscription.key) is subscription:
                del self._subscriptions[subscription.key]

    @property
    def has_listeners(self) -> bool:
        """Whether anybody listens."""
        return bool(self._subscriptions)

    def publish(self, event: Event, *, to: int | None = None) -> None:
        """Deliver an event to everyone whose filter matches its topic.

        What a handler raises is raised once all the others have heard the event, too.

        Args:
            event: the event.
            to: the number of the only connection that is to hear it; ``None`` for everyone.
        """
        if not self._subscriptions:
            return
        with self._lock:
            listeners = list(self._subscriptions.values())
        failures = []
        for subscription in listeners:
            try:
                if to in (None, subscription.owner) and subscription.wants(event):
                    subscription.deliver(event)
            except Exception as failure:
                failures.append(failure)
        if failures:
            raise failures[0]


bus = EventBus()
"""The process's one bus: subscriptions are a block's, events are kept by the backends."""


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
