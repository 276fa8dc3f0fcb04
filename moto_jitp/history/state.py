"""The state of one account and Region that moto does not keep, and the lock in front of it."""

from __future__ import annotations

import threading
from typing import Any

from moto.core.base_backend import BaseBackend

from moto_jitp.locks import new_lock, new_rlock

# One lock per account and Region. It lies outside the backend, because moto's reset takes every
# attribute of a backend away for a moment, also while other threads are in it.
_locks: dict[tuple[str, str], threading.RLock] = {}
_locks_lock = new_lock()


def lock_of(backend: BaseBackend) -> Any:
    """Return the lock held by whatever reads an account's and Region's state and then changes it.

    Args:
        backend: the account and Region.
    """
    key = (backend.account_id, backend.region_name)
    lock = _locks.get(key)
    if lock is None:
        with _locks_lock:
            lock = _locks.setdefault(key, new_rlock())
    return lock
