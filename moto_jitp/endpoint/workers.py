"""Threads for slow work: the gateway, handlers of tests, keys, functions.

``concurrent.futures`` would prevent the interpreter from ending while a handler of a test hangs.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable

from moto_jitp.locks import new_lock

_MOST_THREADS = 32

Job = Callable[[], object]


class Workers:
    """Carries out jobs in threads, which are started as needed.

    Args:
        name: the beginning of the threads' names.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        # One entry for each waiting thread; a semaphore would be ten times slower.
        self._idle: deque[None] = deque()
        self._threads: list[threading.Thread] = []
        # Sockets that close while the endpoint stops still submit jobs.
        self._lock = new_lock()
        self._has_ended = False

    def submit(self, job: Job) -> None:
        """Submit a job; only one thread may call this.

        Args:
            job: the function to call; it must not raise.
        """
        with self._lock:
            if not self._has_ended:
                self._jobs.put(job)
                self._have_a_thread()
                return
        job()  # jobs that arrive while the endpoint stops have no other thread

    def _have_a_thread(self) -> None:
        with contextlib.suppress(IndexError):
            self._idle.pop()
            return
        if len(self._threads) < _MOST_THREADS:
            thread = threading.Thread(
                target=self._work, name=f"{self._name} {len(self._threads) + 1}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout: float) -> None:
        """Carry out the submitted jobs, and end the threads.

        Args:
            timeout: total seconds to wait for them; a hanging thread is left alone.
        """
        with self._lock:
            self._has_ended = True
            threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join(timeout / len(threads))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            self._idle.append(None)
