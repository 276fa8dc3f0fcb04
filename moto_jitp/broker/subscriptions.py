"""Who is subscribed to which topic filter."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from moto_jitp.locks import new_lock
from moto_jitp.mqtt.topic_tree import TopicTree

SubscriberT = TypeVar("SubscriberT")


class Subscriptions(Generic[SubscriberT]):
    """Subscribers by topic filter; may be used by several threads.

    What a look-up costs depends on the topic and on how many subscribers match it, and not on how
    many others there are.

    Attributes:
        is_empty: whether nobody is subscribed to anything, as for most messages.
    """

    def __init__(self) -> None:
        self._tree: TopicTree[Hashable, SubscriberT] = TopicTree()
        self._lock = new_lock()
        self.is_empty = True

    def add(self, topic_filter: str, key: Hashable, subscriber: SubscriberT) -> None:
        """Subscribe somebody, who takes the place of an earlier subscriber of the same key.

        Args:
            topic_filter: a valid MQTT topic filter; it is not checked here.
            key: whose subscription it is; a filter has one for each key.
            subscriber: what :meth:`matching` returns.
        """
        with self._lock:
            self._tree.put(topic_filter, key, subscriber)
            self.is_empty = False

    def remove(self, topic_filter: str, key: Hashable, subscriber: SubscriberT) -> None:
        """End a subscription, unless it has ended or another one has taken its place."""
        with self._lock:
            if self._tree.get(topic_filter, key) is subscriber:
                self._tree.remove(topic_filter, key)
                self.is_empty = len(self._tree) == 0

    def matching(self, topic: str) -> list[SubscriberT]:
        """Return those who are to receive a message, in the order in which they subscribed.

        Args:
            topic: the message's topic.

        Returns:
            A subscriber for each filter that matches.
        """
        with self._lock:
            return self._tree.match(topic)
