"""The subscribers of topic filters."""

from __future__ import annotations

import random
from collections.abc import Hashable
from threading import Lock
from typing import Any, Generic, TypeVar, cast

from moto_jitp.history.messages import Message
from moto_jitp.locks import new_lock
from moto_jitp.mqtt.shared_filters import PREFIX, split_shared_filter
from moto_jitp.mqtt.topic_tree import TopicTree

from .waiting_messages import WaitingMessages

SubscriberT = TypeVar("SubscriberT")
_SHARED = "$share"
# https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
_MOST_GROUPS = 100
_MOST_MEMBERS = 100
_MOST_REMEMBERED = 1000


class _Group(Generic[SubscriberT]):
    """Those who share a subscription, by key, and the messages that wait for the next of them.

    It stands for a member that is away.
    """

    receiver = -1

    def __init__(self, lock: Lock) -> None:
        self.members: dict[Hashable, SubscriberT] = {}
        self.waiting = WaitingMessages()
        self._lock = lock

    def choose(self) -> SubscriberT | None:
        """Return a member at random that is not away; ``None`` where all are."""
        members = list(self.members.values())
        present = [member for member in members if not getattr(member, "is_away", False)]
        return random.choice(present) if present else None

    def receive(self, message: Message) -> None:
        """Keep a message, unless a member has connected meanwhile, or none asked for QoS 1."""
        with self._lock:
            member: Any = self.choose()
            if member is None:
                if message.qos and any(
                    getattr(subscriber, "qos", 0) for subscriber in self.members.values()
                ):
                    self.waiting.keep(message)
                return
        member.receive(message)


class Subscriptions(Generic[SubscriberT]):
    """Subscribers by topic filter; may be used by several threads.

    Of the members of a shared subscription (``$share/<name>/<topic filter>``) one receives a
    message, at random. Where all of them are away, a message of QoS 1 waits for the first that
    connects.
    https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html#mqtt5-shared-subscription

    The cost of a look-up depends on the topic and the number of matching subscribers, not on the
    number of others.

    Attributes:
        is_empty: whether there are no subscriptions, as for most messages.
    """

    def __init__(self) -> None:
        self._tree: TopicTree[Hashable, SubscriberT | _Group[SubscriberT]] = TopicTree()
        self._lock = new_lock()
        self._found: dict[str, list[SubscriberT | _Group[SubscriberT]]] = {}
        self._groups = 0
        self.is_empty = True

    def without_room(self, topic_filter: str, key: Hashable) -> str | None:
        """Say which of AWS IoT's quotas of shared subscriptions a subscription would exceed.

        Args:
            topic_filter: the topic filter.
            key: the key of the subscriber.

        Returns:
            A clause for people; ``None`` if there is room.
        """
        share_name, topic_filter = split_shared_filter(topic_filter)
        if share_name is None:
            return None
        with self._lock:
            group = self._tree.get(topic_filter, (_SHARED, share_name))
            if not isinstance(group, _Group):
                if self._groups < _MOST_GROUPS:
                    return None
                return (
                    f"there are {_MOST_GROUPS} shared subscriptions, the most that AWS IoT allows "
                    "an account in a Region"
                )
            if key in group.members or len(group.members) < _MOST_MEMBERS:
                return None
            return f"{_MOST_MEMBERS} share it already, the most that AWS IoT allows"

    def add(self, topic_filter: str, key: Hashable, subscriber: SubscriberT) -> None:
        """Add a subscriber, replacing an earlier one with the same key.

        Args:
            topic_filter: a valid MQTT topic filter; it is not checked here.
            key: the subscriber's key; a filter has one subscription per key.
            subscriber: the value that :meth:`matching` returns.
        """
        share_name, topic_filter = split_shared_filter(topic_filter)
        with self._lock:
            self._found = {}
            self.is_empty = False
            if share_name is None:
                self._tree.put(topic_filter, key, subscriber)
                return
            group_key = (_SHARED, share_name)
            group = self._tree.get(topic_filter, group_key)
            if not isinstance(group, _Group):
                group = _Group(self._lock)
                self._groups += 1
                self._tree.put(topic_filter, group_key, group)
            group.members[key] = subscriber

    def remove(self, topic_filter: str, key: Hashable, subscriber: SubscriberT) -> None:
        """End a subscription, unless it has ended or been replaced."""
        share_name, topic_filter = split_shared_filter(topic_filter)
        with self._lock:
            self._found = {}
            if share_name is None:
                if self._tree.get(topic_filter, key) is subscriber:
                    self._tree.remove(topic_filter, key)
            else:
                self._leave_group((_SHARED, share_name), topic_filter, key, subscriber)
            self.is_empty = len(self._tree) == 0

    def _leave_group(
        self, group_key: Hashable, topic_filter: str, key: Hashable, subscriber: SubscriberT
    ) -> None:
        group = self._tree.get(topic_filter, group_key)
        if isinstance(group, _Group) and group.members.get(key) is subscriber:
            del group.members[key]
            if not group.members:
                self._tree.remove(topic_filter, group_key)
                self._groups -= 1

    def matching(self, topic: str) -> list[SubscriberT]:
        """Return the receivers of a message, in the order in which they subscribed.

        Args:
            topic: the message's topic.

        Returns:
            A subscriber for each filter that matches.
        """
        with self._lock:
            matching_subscriptions = self._found.get(topic)
            if matching_subscriptions is None:
                # Devices publish on the same topics again and again.
                if len(self._found) >= _MOST_REMEMBERED:
                    self._found = {}
                matching_subscriptions = self._found[topic] = self._tree.match(topic)
            return [
                # A group is what receives where nobody else can.
                match
                if not isinstance(match, _Group)
                else cast("SubscriberT", match.choose() or match)
                for match in matching_subscriptions
            ]

    def take_waiting(self, topic_filter: str, most: int | None = None) -> list[Message]:
        """Take what waits for those who share a subscription, now that one of them is there.

        Args:
            topic_filter: the topic filter; nothing waits for one that is not shared.
            most: how many messages; ``None`` for all.
        """
        if not topic_filter.startswith(PREFIX):
            return []
        share_name, topic_filter = split_shared_filter(topic_filter)
        with self._lock:
            group = self._tree.get(topic_filter, (_SHARED, share_name))
            return group.waiting.take(most) if isinstance(group, _Group) else []
