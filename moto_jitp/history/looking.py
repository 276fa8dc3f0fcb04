"""Observers of which attempts were looked at; the pytest plugin is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .attempts import ConnectionAttempt

observers: list[Callable[[Iterable[ConnectionAttempt]], None]] = []
"""Called with attempts that a test, or what it calls, has been given to read."""


def look_at(attempts: tuple[ConnectionAttempt, ...]) -> tuple[ConnectionAttempt, ...]:
    """Return attempts that are handed out to be read, and let the observers know."""
    for observer in observers:
        observer(attempts)
    return attempts
