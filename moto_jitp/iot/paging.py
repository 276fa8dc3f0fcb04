"""Pages of a listing, with markers that survive what is made and deleted between two pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Protocol, TypeVar

from .exceptions import InvalidRequest


class _Numbered(Protocol):
    @property
    def sequence(self) -> int: ...


ItemT = TypeVar("ItemT", bound=_Numbered)


def page(
    items: Sequence[ItemT], marker: str | None, size: int | None, *, ascending: bool
) -> tuple[list[ItemT], str | None]:
    """Cut one page out of a listing.

    Args:
        items: everything, oldest first; each knows its place as a rising ``sequence`` number.
        marker: what the page before answered with; ``None`` for the first page.
        size: how many items a page holds at most; ``None`` for all.
        ascending: oldest first; otherwise newest first.

    Returns:
        The page, and the marker of the next one (``None`` on the last page).

    Raises:
        InvalidRequest: the marker is none of ours.
    """
    ordered = items if ascending else items[::-1]
    if marker is not None:
        after = _decode(marker)
        ordered = [
            item
            for item in ordered
            if (item.sequence > after if ascending else item.sequence < after)
        ]
    if size is None or len(ordered) <= size:
        return list(ordered), None
    chosen = list(ordered[:size])
    return chosen, _encode(chosen[-1].sequence)


def _encode(sequence: int) -> str:
    return base64.b64encode(str(sequence).encode()).decode()


def _decode(marker: str) -> int:
    try:
        return int(base64.b64decode(marker, validate=True))
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            f"The marker {marker!r} was not given out by this operation. Leave it out to start "
            "from the first page."
        ) from None
