"""Keeps listed resources in the order of their creation, readable from any place on.

A page of a listing begins where the previous one ended. In a plain dictionary that place is found
only by walking to it, which makes emptying a fleet page by page quadratic.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

# Numbers are never reused, so that one says where a page ended, whatever is deleted meanwhile.
_numbers = itertools.count(1)

# Below this, walking is cheap, and an index would cost each device some memory.
_SMALL = 64


class Order(dict[KeyT, int]):
    """Unique keys, each with a number that rises in the order in which they were added.

    Examples:
        >>> order = Order(["a", "b", "c"])
        >>> number = order["a"]
        >>> order.discard("a")
        >>> [key for _, key in order.after(number)]
        ['b', 'c']
    """

    __slots__ = ("_begin", "_index")

    def __init__(self, keys: Iterable[KeyT] = ()) -> None:
        # Numbers and keys as they were added; those removed since are skipped.
        self._index: tuple[list[int], list[KeyT]] | None = None
        self._begin = 0  # none of those before this place is left
        for key in keys:
            self.add(key)

    def add(self, key: KeyT) -> None:
        """Add a key at the end; an existing one keeps its place."""
        if key in self:
            return
        number = self[key] = next(_numbers)
        if self._index is not None:
            self._index[0].append(number)
            self._index[1].append(key)

    def discard(self, key: KeyT) -> None:
        """Remove a key if it is there."""
        self.pop(key, None)
        if self._index is None:
            return
        numbers, keys = self._index
        if len(numbers) > 2 * len(self) + _SMALL:
            self._index = None
            return
        # A caller that empties a table takes the first page again and again, or the last.
        while self._begin < len(numbers) and not self._is_left(self._begin, numbers, keys):
            self._begin += 1
        while numbers and not self._is_left(-1, numbers, keys):
            numbers.pop()
            keys.pop()
        self._begin = min(self._begin, len(numbers))

    def _is_left(self, place: int, numbers: list[int], keys: list[KeyT]) -> bool:
        return self.get(keys[place]) == numbers[place]

    def after(
        self, number: int | None = None, *, ascending: bool = True
    ) -> Iterator[tuple[int, KeyT]]:
        """Walk the keys from a place.

        Args:
            number: the number of the previous key; ``None`` to begin at the first.
            ascending: oldest first; otherwise newest first.

        Yields:
            Each key with its number.
        """
        numbers, keys = self._index_of_all()
        if ascending:
            first = 0 if self._index is None else self._begin
            places: Iterable[int] = itertools.count(
                first if number is None else bisect_right(numbers, number)
            )
        else:
            end = len(numbers) if number is None else bisect_left(numbers, number)
            places = range(end - 1, -1, -1)
        for place in places:
            if place >= len(numbers):  # read each time: others add and remove while we walk
                if ascending:
                    return
                continue
            if self._is_left(place, numbers, keys):
                yield numbers[place], keys[place]

    def _index_of_all(self) -> tuple[list[int], list[KeyT]]:
        if self._index is not None:
            return self._index
        entries = list(self.items())
        index = [number for _, number in entries], [key for key, _ in entries]
        if len(entries) > _SMALL:
            self._begin, self._index = 0, index
        return index


class Orders(Generic[KeyT, ValueT]):
    """An :class:`Order` of entries for each of many keys, most of which have one entry alone.

    Examples:
        >>> orders = Orders()
        >>> orders.add("bulbs", "bulb-1")
        >>> orders.add("bulbs", "bulb-2")
        >>> orders.of("bulbs"), orders.of("lamps")
        (('bulb-1', 'bulb-2'), ())
    """

    __slots__ = ("_by_key",)

    def __init__(self) -> None:
        # One entry alone stands there with its number: a fleet has very many of these.
        self._by_key: dict[KeyT, Order[ValueT] | tuple[int, ValueT]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    def add(self, key: KeyT, entry: ValueT) -> None:
        """Add an entry at the end of a key's; one that is there already keeps its place."""
        entries = self._by_key.get(key)
        if entries is None:
            self._by_key[key] = (next(_numbers), entry)
        elif not isinstance(entries, tuple):
            entries.add(entry)
        elif entries[1] != entry:
            order: Order[ValueT] = Order()
            order[entries[1]] = entries[0]
            order.add(entry)
            self._by_key[key] = order

    def discard(self, key: KeyT, entry: ValueT) -> None:
        """Remove an entry of a key, if it is there."""
        entries = self._by_key.get(key)
        if entries is None:
            return
        if isinstance(entries, tuple):
            if entries[1] == entry:
                self._by_key.pop(key, None)
            return
        entries.discard(entry)
        if not entries:
            self._by_key.pop(key, None)

    def of(self, key: KeyT) -> tuple[ValueT, ...]:
        """The entries of a key, the oldest first."""
        entries = self._by_key.get(key)
        if entries is None:
            return ()
        return entries[1:] if isinstance(entries, tuple) else tuple(entries)

    def after(
        self, key: KeyT, number: int | None = None, *, ascending: bool = True
    ) -> Iterator[tuple[int, ValueT]]:
        """Walk the entries of a key from a place on; see :meth:`Order.after`."""
        entries = self._by_key.get(key)
        if entries is None:
            return iter(())
        if not isinstance(entries, tuple):
            return entries.after(number, ascending=ascending)
        is_past = number is not None and (
            entries[0] <= number if ascending else entries[0] >= number
        )
        return iter(() if is_past else (entries,))

    def clear(self) -> None:
        """Remove all entries of all keys."""
        self._by_key.clear()


class ListedTable(dict[KeyT, ValueT]):
    """A dictionary of moto's with values that can be listed page by page.

    Every removal goes through ``__delitem__``, where a table with an index keeps it up to date.
    """

    def __init__(self, items: dict[KeyT, ValueT] | None = None) -> None:
        super().__init__()
        self.order: Order[KeyT] = Order()
        for key, value in (items or {}).items():
            self[key] = value

    def after(
        self, number: int | None = None, *, ascending: bool = True
    ) -> Iterator[tuple[int, ValueT]]:
        """Walk the values from a place; see :meth:`Order.after`."""
        for at, key in self.order.after(number, ascending=ascending):
            value = self.get(key)
            if value is not None:
                yield at, value

    def __setitem__(self, key: KeyT, value: ValueT) -> None:
        dict.__setitem__(self, key, value)
        self.order.add(key)

    def __delitem__(self, key: KeyT) -> None:
        super().__delitem__(key)
        self.order.discard(key)

    def pop(self, key: KeyT, *default: Any) -> Any:
        if key not in self:
            return super().pop(key, *default)
        value = self[key]
        del self[key]
        return value

    def clear(self) -> None:
        for key in tuple(self):
            del self[key]


class ListedKeys(Order[str]):
    """An ordered set of ARNs in place of a list of moto's, with a fast membership test."""

    __slots__ = ()

    def append(self, key: str) -> None:
        """Add a key at the end, as to a list."""
        self.add(key)

    def remove(self, key: str) -> None:
        """Remove a key, as from a list.

        Raises:
            ValueError: it is not there.
        """
        if key not in self:
            raise ValueError(f"{key!r} is not in the list")
        self.discard(key)
