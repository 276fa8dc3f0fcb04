"""The one order of everything that happens in the process."""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

ItemT = TypeVar("ItemT")

sequence = itertools.count(1)
"""Numbers attempts, calls, runs and messages, of all accounts and Regions, as they happen."""


def walk(
    items: Sequence[ItemT],
    number_of: Callable[[ItemT], int],
    after: int | None = None,
    *,
    ascending: bool = True,
) -> Iterator[ItemT]:
    """Walk a list whose items' numbers rise, from a place on.

    What is not taken costs nothing, however long the list is.

    Args:
        items: the list, which others may add to meanwhile.
        number_of: returns an item's number.
        after: the number of the item before; ``None`` to begin at the first.
        ascending: oldest first; otherwise newest first.
    """
    if ascending:
        begin = 0 if after is None else bisect_right(items, after, key=number_of)
        places = range(begin, len(items))
    else:
        end = len(items) if after is None else bisect_left(items, after, key=number_of)
        places = range(end - 1, -1, -1)
    return (items[place] for place in places)


def in_order(
    walks: Iterable[Iterator[ItemT]], number_of: Callable[[ItemT], int], *, ascending: bool = True
) -> Iterator[ItemT]:
    """Walk several lists, each in the order of its items' numbers, as if they were one."""
    return heapq.merge(*walks, key=number_of, reverse=not ascending)
