"""The moment at which AWS IoT acts: now, unless a run is carried out after it was due.

On AWS such a run ends by itself. Here the next call carries it out, and what it leaves behind must
bear the time at which it would have ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone

_held: ContextVar[datetime | None] = ContextVar("moto_jitp_acting_moment", default=None)


def acting_moment() -> datetime:
    """Return the moment in UTC, by the clock that freezegun can freeze."""
    return _held.get() or datetime.now(timezone.utc)


def acting_timestamp() -> float:
    """Return the same moment in seconds since 1970."""
    held = _held.get()
    return time.time() if held is None else held.timestamp()


@contextmanager
def acting_at(moment: datetime) -> Iterator[None]:
    """Let AWS IoT act at a moment that has passed.

    Args:
        moment: the moment, in UTC.
    """
    token = _held.set(moment)
    try:
        yield
    finally:
        _held.reset(token)
