"""Pages of a listing, with markers that survive what is made and deleted between two pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Protocol, TypeVar

from moto_jitp.iot.exceptions import InvalidRequest


class _Numbered(Protocol):
    @property
    def sequence(self) -> int: ...


ItemT = TypeVar("ItemT", bound=_Numbered)
EntryT = TypeVar("EntryT")


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


def page_of_entries(
    entries: Sequence[EntryT], token: str | None, size: int | None
) -> tuple[list[EntryT], str | None]:
    """Cut one page out of a listing whose entries know no sequence, by their places in it.

    Args:
        entries: everything, in the order of the listing.
        token: as ``marker`` of :func:`page`.
        size: as for :func:`page`.

    Returns:
        The page, and the token of the next one (``None`` on the last page).

    Raises:
        InvalidRequest: the token is none of ours.
    """
    start = 0 if token is None else _decode(token, "token")
    end = len(entries) if size is None else start + size
    return list(entries[start:end]), _encode(end) if end < len(entries) else None


def _encode(sequence: int) -> str:
    return base64.b64encode(str(sequence).encode()).decode()


def _decode(marker: str, what: str = "marker") -> int:
    try:
        return abs(int(base64.b64decode(marker, validate=True)))
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            f"The {what} {marker!r} was not given out by this operation. Leave it out to start "
            "from the first page."
        ) from None
