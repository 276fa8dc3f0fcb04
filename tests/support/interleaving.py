"""Runs other operations in the middle of one, at each of its lines, unless a lock prevents it.

Threads left to themselves rarely hit a race, however many they are. Here the thread under test is
traced: at each line of code on tables that it reaches, another thread runs until it has done one
thing, or waits for the lock of the account and Region. So a walk over a table is interrupted at
each step, and values read before a change and used after it are found at once; with the lock in
place none of that happens.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import moto
import pytest

import moto_jitp
from support.patience import HANG

_MOTO, _OURS = (str(Path(module.__path__[0])) for module in (moto, moto_jitp))
_ON_TABLES = (
    str(Path(_MOTO, "iot", "models.py")),
    *(
        str(Path(_OURS, "iot", part))
        for part in ("certificates", "permissions", "registry", "search")
    ),
)
"""The code that works on the tables of an account and Region, with exclusive access."""
_numbers = itertools.count()


class TellingLock:
    """A ``threading.RLock`` that tells a thread's observer when the thread has to wait for it.

    Args:
        keeps_out: whether it works as a lock; otherwise any thread may enter at any time.
    """

    observers: ClassVar[dict[int, Callable[[], None]]] = {}
    """Called before the thread with this id begins to wait."""

    def __init__(self, keeps_out: bool = True) -> None:
        self._keeps_out = keeps_out
        self._lock = threading.RLock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not self._keeps_out or self._lock.acquire(blocking=False):
            return True
        if not blocking:
            return False
        self.observers.get(threading.get_ident(), lambda: None)()
        return bool(self._lock.acquire(True, timeout))

    def release(self) -> None:
        if self._keeps_out:
            self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._lock = threading.RLock()


class Crossing:
    """The meeting point of two threads that take several locks: each has one when they try to take
    a second.

    A thread that has taken its first lock continues once the other has one, too, or waits for one.
    A thread that would then wait for ever gets an error: no time limit is needed to find a
    deadlock.
    """

    def __init__(self) -> None:
        self._both = threading.Barrier(2)
        self._met: set[int] = set()
        self.table = threading.Lock()
        """Guards what follows."""
        self.waiting: dict[int, CrossingLock] = {}
        """The lock that a thread waits for."""

    def meet(self, thread: int) -> None:
        """Wait for the other thread; once they have met, neither waits again."""
        if thread not in self._met and len(self._met) < self._both.parties:
            self._met.add(thread)
            self._both.wait(HANG)

    def lock(self) -> CrossingLock:
        """Make one of the locks."""
        return CrossingLock(self)


class CrossingLock(TellingLock):
    """A lock that threads take at a :class:`Crossing`."""

    def __init__(self, crossing: Crossing) -> None:
        super().__init__()
        self._crossing = crossing
        self._holder = 0
        self._depth = 0
        self.is_met_at = False
        """Whether threads meet here by now."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        me, there = threading.get_ident(), self._crossing
        taken = super().acquire(blocking=False)
        if taken:
            self._holder = me
            self._depth += 1
        if self.is_met_at:
            there.meet(me)
        if taken or not blocking:
            return taken
        with there.table:
            if self._is_waited_for_by(me):
                raise AssertionError("Each of two threads waits for a lock that the other holds.")
            there.waiting[me] = self
        super().acquire()
        with there.table:
            del there.waiting[me]
            self._holder = me
        self._depth += 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            with self._crossing.table:
                self._holder = 0
        super().release()

    def _is_waited_for_by(self, thread: int) -> bool:
        """Whether the holder of this lock waits, directly or indirectly, for a lock that the thread
        holds.
        """
        further = self._crossing.waiting.get(self._holder)
        return further is not None and (
            further._holder == thread or further._is_waited_for_by(thread)
        )


def account_with(
    lock: TellingLock, touch: Callable[[str], object], account: str | None = None
) -> str:
    """Return an account whose lock in an unused Region is this one.

    Args:
        lock: the lock.
        touch: makes a call in the account, in that Region.
        account: the account; by default an unused one.
    """
    account = account or f"7777{next(_numbers):08}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto_jitp.history.state.new_rlock", lambda: lock)
        touch(account)
    return account


class Meanwhile:
    """Another thread, which does its next task each time it is released.

    Args:
        things: its tasks, in order.

    Attributes:
        turns: how many it has begun.
        intrusions: the other thread's lines at which it got something done.
        raised: what they have raised, but for what ``expected`` takes.
    """

    def __init__(
        self, things: Iterator[Callable[[], object]], expected: Callable[[BaseException], bool]
    ) -> None:
        self.turns = 0
        self.intrusions: set[str] = set()
        self.raised: list[BaseException] = []
        self._things = things
        self._expected = expected
        self._go = threading.Event()
        self._stands = threading.Event()  # has done its task, or waits for the lock
        self._is_busy = False
        self._over = False
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        assert self._thread.ident is not None
        TellingLock.observers[self._thread.ident] = self._stands.set

    def _work(self) -> None:
        while True:
            self._go.wait(HANG)
            self._go.clear()
            if self._over:
                return
            try:
                next(self._things)()
            except BaseException as error:
                if not self._expected(error):
                    self.raised.append(error)
            self._is_busy = False
            self._stands.set()

    def let_go(self) -> bool:
        """Let it do one task, as far as it gets; do nothing while it waits for the lock.

        Returns:
            Whether it has done it.
        """
        if self._is_busy:
            return False
        self.turns += 1
        self._is_busy = True
        self._stands.clear()
        self._go.set()
        assert self._stands.wait(HANG)
        return not self._is_busy

    def during(self, work: Callable[[], object]) -> None:
        """Do this in the calling thread, and release the other at each line of code on tables."""
        home = threading.get_ident()

        def at_line(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line" and threading.get_ident() == home:
                file = Path(frame.f_code.co_filename).name
                if self.let_go():
                    self.intrusions.add(f"{file}:{frame.f_lineno}")
            return at_line

        def at_call(frame: FrameType, event: str, argument: Any) -> Any:
            return at_line if frame.f_code.co_filename.startswith(_ON_TABLES) else None

        before = sys.gettrace()
        sys.settrace(at_call)
        try:
            work()
        except BaseException as error:
            if not self._expected(error):
                self.raised.append(error)
        finally:
            sys.settrace(before)

    def end(self) -> None:
        """Wait for its current task, and end it."""
        while self._is_busy:
            self._stands.wait(HANG)
            self._stands.clear()
        self._over = True
        self._go.set()
        self._thread.join(HANG)
        TellingLock.observers.pop(self._thread.ident or 0, None)
