"""Locks that a forked process finds free, whichever thread held them when it was forked.

A fork takes along only the thread that forks. A lock that another thread holds at that moment is
held for ever in the child, which hangs at its first use: a test that forks (``multiprocessing``,
gunicorn, pytest-forked) while a device connects in a thread. So every lock of the package is made
here, and is a new one in the child.

What such a lock guards may be half done in the child, because the thread at work is not there to
finish it.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

ValueT = TypeVar("ValueT")

_known: weakref.WeakSet[Any] = weakref.WeakSet()


def new_lock() -> threading.Lock:
    """Make a lock as ``threading.Lock`` does."""
    lock = threading.Lock()
    renew_after_fork(lock)
    return lock


def new_rlock() -> threading.RLock:
    """Make a lock as ``threading.RLock`` does: the thread that holds it may take it again."""
    lock = threading.RLock()
    renew_after_fork(lock)
    return lock


def new_condition() -> threading.Condition:
    """Make a condition as ``threading.Condition`` does."""
    return threading.Condition(new_rlock())


def renew_after_fork(lock: Any) -> None:
    """Replace a lock that is not ours, but that we also take, in forked processes.

    Args:
        lock: a ``threading.Lock`` or ``threading.RLock``; a second call does nothing.
    """
    _known.add(lock)


class cached_property(functools.cached_property[ValueT]):  # noqa: N801 - the name of the original
    """``functools.cached_property`` with a lock (before Python 3.12) that is new after a fork."""

    def __init__(self, func: Callable[[Any], ValueT]) -> None:
        super().__init__(func)
        lock = getattr(self, "lock", None)
        if lock is not None:
            renew_after_fork(lock)


def _renew_all() -> None:
    for lock in list(_known):
        # This succeeds if nobody holds the lock, or if the thread that forked does: it goes on in
        # the child and will release the lock itself.
        if lock.acquire(blocking=False):
            lock.release()
        else:
            # What the standard library's own locks are renewed with (logging, concurrent.futures).
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_renew_all)
