"""Pages of a listing, with tokens that survive additions and deletions between two pages.

A token says where its page ended and which listing it belongs to; AWS's is as opaque.
https://docs.aws.amazon.com/iot/latest/apireference/API_ListThings.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Protocol, TypeVar

from moto_jitp import settings
from moto_jitp.iot.exceptions import IoTError

from .declarations import members_of_input, refusal_code
from .operations import CallMoto, Input, Output, PartT, operation_over_moto


class _Numbered(Protocol):
    @property
    def sequence(self) -> int: ...


ItemT = TypeVar("ItemT")
NumberedT = TypeVar("NumberedT", bound=_Numbered)

MOST = 250
"""The maximum number of items on a page of most listings, and the default."""

_SIZES = ("maxResults", "pageSize")
_TOKENS = {"nextToken": "nextToken", "marker": "nextMarker"}
_DIGEST = 6  # bytes


class Page:
    """The page that a request asks for.

    Args:
        operation: the operation that lists, such as ``ListThings``.
        given: its input. Members that do not select a page belong to the listing: the same
            operation does not accept the token for another thing group, for example.
        default_size: the number of items on a page if the input does not say; ``None`` for all.
        ascending: the order if the input does not say.
        service: the service by boto3's name.

    Attributes:
        ascending: whether the oldest comes first.

    Raises:
        IoTError: the token does not belong to this listing.

    Example::

        page = Page("ListThings", given)
        things = page.cut(table.after(page.number, ascending=page.ascending))
        return page.output("things", [thing.to_dict() for thing in things])
    """

    def __init__(
        self,
        operation: str,
        arguments: Input,
        *,
        default_size: int | None = MOST,
        ascending: bool = True,
        service: str = "iot",
    ) -> None:
        self._listing = service, operation
        self._token_member = next(
            name for name in _TOKENS if name in members_of_input(service, operation)
        )
        self._size = next((arguments[name] for name in _SIZES if name in arguments), default_size)
        self.ascending: bool = arguments.get("ascendingOrder", ascending)
        of_page = (*_SIZES, *_TOKENS)
        subject = sorted((name, value) for name, value in arguments.items() if name not in of_page)
        self._bound_to = repr((*self._listing, subject))
        token = arguments.get(self._token_member)
        self._after = None if token is None else self._decode(token)
        self._next: str | None = None

    @property
    def number(self) -> int | None:
        """The number of the previous page's last item, for numbered items."""
        return None if self._after is None else int(self._after)

    def cut(
        self,
        entries: Iterable[tuple[object, ItemT]],
        is_included: Callable[[ItemT], object] | None = None,
    ) -> list[ItemT]:
        """Take the page's items.

        Args:
            entries: the items after the previous page, each with its place: its number, or the text
                by which they are sorted. Only as many are read as the page needs.
            is_included: whether an item belongs to the listing; by default all do.
        """
        items_of_page: list[ItemT] = []
        last: object = None
        for place, item in entries:
            if is_included is not None and not is_included(item):
                continue
            if self._size is not None and len(items_of_page) == self._size:
                self._next = self._encode(str(last))
                break
            items_of_page.append(item)
            last = place
        return items_of_page

    def cut_sorted(self, items: Iterable[ItemT], key: Callable[[ItemT], str]) -> list[ItemT]:
        """Take the page's items from a few, which are sorted by a text.

        Args:
            items: all items.
            key: returns the text, which is unique to each item.
        """
        after = self._after
        entries = ((key(item), item) for item in items)
        later = (entry for entry in entries if after is None or entry[0] > after)
        return self.cut(sorted(later, key=itemgetter(0)))

    def cut_numbered(self, items: Iterable[NumberedT]) -> list[NumberedT]:
        """Take the page's items from a few, which are in order of creation.

        Args:
            items: all items, oldest first; each has its number.
        """
        after = self.number or 0
        return self.cut((item.sequence, item) for item in items if item.sequence > after)

    def output(self, member: str, items: Sequence[Any]) -> dict[str, Any]:
        """Return the operation's output: the items, and the next page's token if there is one."""
        return {member: items, _TOKENS[self._token_member]: self._next}

    def _encode(self, place: str) -> str:
        return base64.b64encode(self._digest(place) + place.encode()).decode()

    def _decode(self, token: str) -> str:
        try:
            raw = base64.b64decode(token, validate=True)
            place = raw[_DIGEST:].decode()
        except (binascii.Error, ValueError):
            raise self._refused(token) from None
        if raw[:_DIGEST] != self._digest(place):
            raise self._refused(token)
        return place

    def _digest(self, place: str) -> bytes:
        return hashlib.sha256(f"{self._bound_to}{place}".encode()).digest()[:_DIGEST]

    def _refused(self, token: str) -> IoTError:
        return _refused(*self._listing, token, self._token_member.removeprefix("next").lower())


def _page_of_moto(name: str, arguments: Input, moto: CallMoto) -> Output:
    try:
        return moto()
    except ValueError:  # moto's tokens are numbers, and it parses them without a check
        token = next((arguments[member] for member in _TOKENS if member in arguments), None)
        if token is None:
            raise
        raise _refused("iot", name, str(token)) from None


def _refused(service: str, operation: str, token: str, name: str = "token") -> IoTError:
    return IoTError(
        refusal_code(service, operation),
        f"The {name} {token!r} was not returned by this operation. Leave it out to start from the "
        "first page.",
    )


def listing(
    name: str, part: type[PartT], *, default_size: int = MOST, ascending: bool = True
) -> Callable[[Callable[[PartT, Input, Page], Output]], Callable[..., Any]]:
    """Add a function that lists to the table of operations.

    With ``strict`` off moto lists: code written for plain moto expects moto's pages.

    Args:
        name: the operation's name in AWS's model.
        part: the class of the part of the backend that the function takes, before the input and the
            requested page.
        default_size: as for :class:`Page`; moto's, where moto has one.
        ascending: as for :class:`Page`.

    Example::

        @listing("ListPolicies", IotPolicies, ascending=False)
        def list_policies(policies: IotPolicies, given: Input, page: Page) -> Output:
            ...
    """

    def enter(function: Callable[[PartT, Input, Page], Output]) -> Callable[..., Any]:
        def listed(part: PartT, arguments: Input, moto: CallMoto) -> Output:
            if not settings.current().strict:
                return _page_of_moto(name, arguments, moto)
            page = Page(name, arguments, default_size=default_size, ascending=ascending)
            return function(part, arguments, page)

        operation_over_moto(name, part)(listed)
        return function

    return enter
