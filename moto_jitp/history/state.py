"""The state of one account and Region that moto does not keep, and the lock in front of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from moto.core.base_backend import BaseBackend
from moto.iot.models import IoTBackend, iot_backends

from moto_jitp.locks import new_lock, new_rlock

from .attempts import ConnectionAttempt
from .fleet_calls import FleetCall
from .journal import RunJournal

PartT = TypeVar("PartT")

_KEY = "moto_jitp_state"


class AccountState:
    """Everything kept for one account and Region beside moto's own tables.

    Attributes:
        attempts: the connection attempts at its endpoints, oldest first.
        fleet_calls: the requests to fleet provisioning, oldest first.
        runs: the journal of provisioning runs.
    """

    __slots__ = ("_parts", "attempts", "fleet_calls", "runs")

    def __init__(self) -> None:
        self.attempts: list[ConnectionAttempt] = []
        self.fleet_calls: list[FleetCall] = []
        self.runs = RunJournal()
        self._parts: dict[type, Any] = {}

    def part(self, kind: type[PartT]) -> PartT:
        """Return the tables of a higher layer, which are created empty at first use.

        Args:
            kind: the class that holds them; its constructor takes no arguments.

        Returns:
            The one instance of this account and Region.
        """
        existing_part = self._parts.get(kind)
        if existing_part is None:
            existing_part = self._parts.setdefault(kind, kind())
        return existing_part  # type: ignore[no-any-return]


def state_of(backend: BaseBackend) -> AccountState:
    """Return the state of an account and Region, to be read and changed.

    It lies in the backend's ``__dict__``, so that moto's reset and the end of the mock, which empty
    that, remove it, too. They do so even while other threads are in the backend: hence
    ``setdefault``, by which two threads get the same state.

    Args:
        backend: the account and Region.
    """
    state = backend.__dict__.get(_KEY)
    if state is None:
        state = backend.__dict__.setdefault(_KEY, AccountState())
    return state  # type: ignore[no-any-return]


def part_of(backend: BaseBackend, kind: type[PartT]) -> PartT:
    """Return the tables of a higher layer for an account and Region; see :meth:`AccountState.part`.

    Args:
        backend: the account and Region.
        kind: the class that holds them.
    """
    return state_of(backend).part(kind)


def existing_backend(account_id: str, region_name: str) -> IoTBackend | None:
    """Return the backend of an account and Region.

    A backend that has not been used is not created by this.

    Returns:
        The backend; ``None`` if there is none.
    """
    account = iot_backends.get(account_id)
    return None if account is None else dict.get(account, region_name)


def existing_state(account_id: str, region_name: str) -> AccountState:
    """Return the state of an account and Region: an empty one if it has not been used."""
    backend = existing_backend(account_id, region_name)
    return AccountState() if backend is None else state_of(backend)


def existing_backends() -> list[IoTBackend]:
    """Return the backends of all accounts and Regions that have been used."""
    # Each list is made in one go, as other threads may add accounts and Regions.
    return [
        backend for regions in list(iot_backends.values()) for backend in list(dict.values(regions))
    ]


# One lock per account and Region. It lies outside the backend, because moto's reset briefly removes
# every attribute of a backend, even while other threads are in it.
_locks: dict[tuple[str, str], threading.RLock] = {}
_locks_lock = new_lock()


def lock_of(backend: BaseBackend) -> Any:
    """Return the lock to hold while reading the state of an account and Region to change it.

    Args:
        backend: the account and Region.
    """
    key = (backend.account_id, backend.region_name)
    lock = _locks.get(key)
    if lock is None:
        with _locks_lock:
            lock = _locks.setdefault(key, new_rlock())
    return lock


@contextmanager
def locks_held(*backends: BaseBackend) -> Iterator[None]:
    """Hold the locks of several accounts and Regions.

    They are taken in the order of account id and Region, whatever the order of the arguments, so
    that two threads that need each other's locks do not deadlock. No other code takes a second lock
    while it holds one.

    Args:
        backends: the accounts and Regions.
    """
    with ExitStack() as locks:
        for backend in sorted(
            backends, key=lambda backend: (backend.account_id, backend.region_name)
        ):
            locks.enter_context(lock_of(backend))
        yield
