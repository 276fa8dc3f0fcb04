"""Observers of the attempts that were looked at; the pytest plugin is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .attempts import ConnectionAttempt

observers: list[Callable[[Iterable[ConnectionAttempt]], None]] = []
"""Called with the attempts that a test, or code that it calls, has read."""


def look_at(attempts: tuple[ConnectionAttempt, ...]) -> tuple[ConnectionAttempt, ...]:
    """Return attempts to be read, and notify the observers."""
    for observer in observers:
        observer(attempts)
    return attempts
