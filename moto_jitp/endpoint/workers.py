"""Threads for what may take long: the gateway's work, handlers of tests, keys, functions.

``concurrent.futures`` would keep the interpreter from ending while a handler of a test hangs.
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
    """Carries out jobs in threads, which come as they are needed.

    Args:
        name: the beginning of the threads' names.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        # One entry for each thread that waits; a semaphore would do the same ten times slower.
        self._idle: deque[None] = deque()
        self._threads: list[threading.Thread] = []
        # Sockets that close while the endpoint stops still submit jobs.
        self._lock = new_lock()
        self._has_ended = False

    def submit(self, job: Job) -> None:
        """Have a job carried out; to be called by one thread only.

        Args:
            job: what is to be called; it must not raise.
        """
        with self._lock:
            if not self._has_ended:
                self._jobs.put(job)
                self._have_a_thread()
                return
        job()  # what comes while the endpoint stops has nobody else

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
        """Carry out what was submitted, and end the threads.

        Args:
            timeout: seconds to wait for them altogether; one that hangs is left alone.
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
