"""What has been published in all accounts and Regions, as tests read it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import NamedTuple

from moto_jitp.broker.message_broker import broker_of
from moto_jitp.history.messages import Event, Message
from moto_jitp.history.order import in_order, walk
from moto_jitp.iot.models import JitpIoTBackend, live_backends


class Published(NamedTuple):
    """A message, with the account and Region of its topic.

    Attributes:
        message: the message, which may be composed only when it is read.
        account_id: the account.
        region_name: the Region.
    """

    message: Message
    account_id: str
    region_name: str

    @property
    def number(self) -> int:
        """The message's number, which rises with every message of all accounts and Regions."""
        return self.message.number

    def as_event(self) -> Event:
        """Return the message as tests read it."""
        return self.message.as_event(self.account_id, self.region_name)


def all_published() -> list[Published]:
    """Return what has been published since the last reset, oldest first."""
    published = [
        Published(message, backend.account_id, backend.region_name)
        for backend in live_backends()
        for message in list(broker_of(backend).messages)
    ]
    published.sort(key=lambda entry: entry.message.number)
    return published


def walk_published(after: int | None, ascending: bool) -> Iterator[Published]:
    """Walk what has been published since the last reset, from a place on.

    Args:
        after: the number of the message before; ``None`` to begin at the first.
        ascending: oldest first; otherwise newest first.
    """
    walks = [_walk(backend, after, ascending) for backend in live_backends()]
    return in_order(walks, attrgetter("number"), ascending=ascending)


def _walk(backend: JitpIoTBackend, after: int | None, ascending: bool) -> Iterator[Published]:
    messages = broker_of(backend).messages
    for message in walk(messages, attrgetter("number"), after, ascending=ascending):
        yield Published(message, backend.account_id, backend.region_name)


def all_events() -> tuple[Event, ...]:
    """Every event since the last reset, of all accounts and Regions, oldest first."""
    return events_until_now()()


def events_until_now() -> Callable[[], tuple[Event, ...]]:
    """Remember what has been published so far.

    Returns:
        A function that composes the events, even when the state is gone by then.
    """
    published = all_published()

    def read() -> tuple[Event, ...]:
        return tuple(entry.as_event() for entry in published)

    return functools.cache(read)
