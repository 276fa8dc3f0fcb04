"""What has been published in all accounts and Regions, as tests read it."""

from __future__ import annotations

import functools
from collections.abc import Callable

from moto_jitp.broker.message_broker import broker_of
from moto_jitp.history.messages import Event
from moto_jitp.iot.models import live_backends


def all_events() -> tuple[Event, ...]:
    """Every event since the state was last reset, of all accounts and Regions, oldest first."""
    return events_until_now()()


def events_until_now() -> Callable[[], tuple[Event, ...]]:
    """Remember what has been published so far.

    Returns:
        A function that puts the events together, also when the state is gone by then.
    """
    published = [
        (message, backend.account_id, backend.region_name)
        for backend in live_backends()
        for message in list(broker_of(backend).messages)
    ]

    def read() -> tuple[Event, ...]:
        published.sort(key=lambda entry: entry[0].number)
        return tuple(message.as_event(*place) for message, *place in published)

    return functools.cache(read)
