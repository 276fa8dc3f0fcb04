"""The receivers of messages, for tests of the protocol without a message broker."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from moto_jitp.mqtt.packets import Subscription
from moto_jitp.mqtt.shared_filters import split_shared_filter
from moto_jitp.mqtt.topic_tree import TopicTree

C = TypeVar("C", bound=Hashable)


# Not generic, which a named tuple cannot be on Python 3.10.
class Receiver(NamedTuple):
    """A receiver of a message.

    Attributes:
        client: the client.
        qos: the highest QoS of the subscriptions that match.
    """

    client: Any
    qos: int


class _Group(Generic[C]):
    """The members of one shared subscription."""

    def __init__(self) -> None:
        self.members: dict[C, int] = {}


class Subscriptions(Generic[C]):
    """The subscriptions of many clients.

    A client with several matching filters receives a message once, at the highest QoS among them.
    One member of a group that shares a subscription receives it.

    Example:
        >>> subscriptions: Subscriptions[str] = Subscriptions()
        >>> subscriptions.add("lamp", Subscription("rooms/+/light", 1))
        True
        >>> subscriptions.receivers("rooms/kitchen/light")
        [Receiver(client='lamp', qos=1)]
    """

    def __init__(self) -> None:
        self._tree: TopicTree[object, tuple[C, Subscription] | _Group[C]] = TopicTree()

    def add(self, client: C, subscription: Subscription) -> bool:
        """Add a client's subscription, replacing an earlier one to the same filter.

        Returns:
            Whether it is new.

        Raises:
            ValueError: it is a shared subscription without a valid name or filter.
        """
        share_name, topic_filter = split_shared_filter(subscription.topic_filter)
        if share_name is None:
            entry = (client, subscription)
            return self._tree.put(topic_filter, client, entry) is None
        key = ("$share", share_name)
        group = self._tree.get(topic_filter, key)
        if not isinstance(group, _Group):
            group = _Group()
            self._tree.put(topic_filter, key, group)
        is_new = client not in group.members
        group.members[client] = subscription.qos
        return is_new

    def remove(self, client: C, topic_filter: str) -> bool:
        """Remove a client's subscription.

        Args:
            client: the client.
            topic_filter: as in the SUBSCRIBE.

        Returns:
            Whether there was one.
        """
        try:
            share_name, inner = split_shared_filter(topic_filter)
        except ValueError:
            return False
        if share_name is None:
            return self._tree.remove(inner, client) is not None
        key = ("$share", share_name)
        group = self._tree.get(inner, key)
        if not isinstance(group, _Group) or client not in group.members:
            return False
        del group.members[client]
        if not group.members:
            self._tree.remove(inner, key)
        return True

    def receivers(
        self,
        topic: str,
        *,
        publisher: C | None = None,
        choose: Callable[[Sequence[C]], C] = lambda members: members[0],
    ) -> list[Receiver]:
        """Return the receivers of a message, in the order of subscribing.

        Args:
            topic: the message's topic.
            publisher: the client that published it, to which its subscriptions with the option No
                Local do not return it.
            choose: chooses the receiving member of a group.
        """
        found: dict[C, int] = {}
        shared: list[Receiver] = []
        for entry in self._tree.match(topic):
            if isinstance(entry, _Group):
                member = choose(list(entry.members))
                shared.append(Receiver(member, entry.members[member]))
                continue
            client, subscription = entry
            if subscription.no_local and client == publisher:
                continue
            found[client] = max(found.get(client, 0), subscription.qos)
        # Overlapping groups each get a copy, and so does a member's own subscription.
        return [Receiver(client, qos) for client, qos in found.items()] + shared
