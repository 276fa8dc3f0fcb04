"""Finds the subscriptions that match a topic by its levels, instead of walking all of them.

Filters mean what they mean on AWS IoT: ``+`` stands for one level, a final ``#`` for one or more
levels (so ``sensor/#`` does not match ``sensor``, which MQTT would include), and neither matches a
first level that begins with ``$``.
https://docs.aws.amazon.com/iot/latest/developerguide/topics.html#topicfilters
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


# Not a named tuple, which cannot be generic on Python 3.10.
@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    number: int
    value: V


class _Node(Generic[K, V]):
    """The place of one level of a filter.

    Attributes:
        children: the next levels.
        entries: what is stored for the filter that ends here.
    """

    __slots__ = ("children", "entries")

    def __init__(self) -> None:
        self.children: dict[str, _Node[K, V]] = {}
        self.entries: dict[K, _Entry[V]] = {}


class TopicTree(Generic[K, V]):
    """Values by topic filter and key, such as subscriptions by filter and subscriber.

    A look-up only visits the nodes of the topic's own levels; the number of other filters makes no
    difference. The tree has no lock: several threads must use their own.

    Examples:
        >>> tree: TopicTree[str, int] = TopicTree()
        >>> tree.put("sensors/+/temperature", "dashboard", 1)
        >>> tree.put("sensors/#", "archive", 0)
        >>> tree.match("sensors/kitchen/temperature")
        [1, 0]
        >>> tree.match("sensors")
        []
    """

    def __init__(self) -> None:
        self._root: _Node[K, V] = _Node()
        self._size = 0
        self._next_number = 0

    def __len__(self) -> int:
        """Return the number of values."""
        return self._size

    def put(self, topic_filter: str, key: K, value: V) -> V | None:
        """Store a value.

        Args:
            topic_filter: a valid MQTT topic filter; this method does not check it.
            key: the value's key; a filter has one value per key.
            value: the value that :meth:`match` returns.

        Returns:
            The previous value for this filter and key, whose place in the order of :meth:`match`
            the new one takes; ``None`` if there was none.
        """
        node = self._root
        for level in topic_filter.split("/"):
            child = node.children.get(level)
            if child is None:
                child = node.children[level] = _Node()
            node = child
        before = node.entries.get(key)
        if before is not None:
            node.entries[key] = _Entry(before.number, value)
            return before.value
        node.entries[key] = _Entry(self._next_number, value)
        self._next_number += 1
        self._size += 1
        return None

    def get(self, topic_filter: str, key: K) -> V | None:
        """Return the value of exactly this filter and key; ``None`` if there is none."""
        node = self._root
        for level in topic_filter.split("/"):
            child = node.children.get(level)
            if child is None:
                return None
            node = child
        entry = node.entries.get(key)
        return None if entry is None else entry.value

    def remove(self, topic_filter: str, key: K) -> V | None:
        """Remove a value.

        Args:
            topic_filter: the filter that it was stored with.
            key: the key that it was stored with.

        Returns:
            The value; ``None`` if nothing was stored for this filter and key.
        """
        levels = topic_filter.split("/")
        path = [self._root]
        for level in levels:
            child = path[-1].children.get(level)
            if child is None:
                return None
            path.append(child)
        entry = path[-1].entries.pop(key, None)
        if entry is None:
            return None
        self._size -= 1
        # Empty nodes are removed, so that clients that come and go leave nothing behind.
        for at in range(len(levels), 0, -1):
            if path[at].children or path[at].entries:
                break
            del path[at - 1].children[levels[at - 1]]
        return entry.value

    def match(self, topic: str) -> list[V]:
        """Return the values whose filter matches a topic, in the order in which they were stored.

        Args:
            topic: the topic of a message, without wildcards.

        Returns:
            A value for each matching filter: a key with several matching filters has several.
        """
        matching_entries: list[_Entry[V]] = []
        levels = topic.split("/")
        nodes = [self._root]
        for depth, level in enumerate(levels):
            wildcards = depth > 0 or not level.startswith("$")
            reached: list[_Node[K, V]] = []
            for node in nodes:
                children = node.children
                # A topic with wildcards cannot be published on; here each of its levels is just
                # text, so that no value is found twice.
                if level not in ("+", "#") and (child := children.get(level)) is not None:
                    reached.append(child)
                if wildcards:
                    if (child := children.get("+")) is not None:
                        reached.append(child)
                    if (child := children.get("#")) is not None:
                        matching_entries += child.entries.values()
            nodes = reached
            if not nodes:
                break
        for node in nodes:
            matching_entries += node.entries.values()
        matching_entries.sort(key=lambda entry: entry.number)
        return [entry.value for entry in matching_entries]
