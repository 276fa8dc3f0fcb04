"""Pages of lists, for every control route that lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from moto_jitp.json_shapes import Json
from moto_jitp.server.answers import Answer
from moto_jitp.server.routing import ControlRequest


def page(
    request: ControlRequest,
    name: str,
    items: Sequence[Any],
    to_json: Callable[[Any], Json],
    number_of: Callable[[Any], int],
) -> Answer:
    """Answer with a page of a list, whose items have rising numbers."""
    limit, cursor = request.query["limit"], request.query["cursor"] or 0
    if request.query["order"] == "asc":
        remaining_items = [item for item in items if number_of(item) > cursor]
    else:
        remaining_items = [
            item for item in reversed(items) if not cursor or number_of(item) < cursor
        ]
    page = remaining_items[:limit]
    more = len(remaining_items) > limit
    return Answer.of(
        {
            name: [to_json(item) for item in page],
            "nextCursor": str(number_of(page[-1])) if more else None,
        }
    )


def first(entry: tuple[Any, ...]) -> int:
    return int(entry[0])
