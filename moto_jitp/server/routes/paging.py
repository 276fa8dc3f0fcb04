"""Pages of lists, for every control route that lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

from moto_jitp.json_shapes import Json
from moto_jitp.server.answers import Answer
from moto_jitp.server.routing import ControlRequest

ItemT = TypeVar("ItemT")


def page(
    request: ControlRequest,
    name: str,
    walk: Callable[[int | None, bool], Iterator[ItemT]],
    to_json: Callable[[ItemT], Json],
    number_of: Callable[[ItemT], int],
) -> Answer:
    """Answer with a part of a list, whose items' numbers rise.

    Args:
        request: the request, with the parameters of :data:`~moto_jitp.server.routing.PAGING`.
        name: the name of the list in the answer.
        walk: yields the items behind a number, which is ``None`` for all of them, the oldest first
            or the newest. No more are taken than the page shows, and one.
        to_json: renders an item.
        number_of: returns its number.
    """
    limit = request.query["limit"]
    items = walk(request.query["cursor"] or None, request.query["order"] == "asc")
    items_read = list(islice(items, limit + 1))
    items_of_page = items_read[:limit]
    return Answer.of(
        {
            name: [to_json(item) for item in items_of_page],
            "nextCursor": str(number_of(items_of_page[-1])) if len(items_read) > limit else None,
        }
    )
