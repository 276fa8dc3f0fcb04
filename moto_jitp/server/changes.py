"""Notifies waiting requests that something has happened: the live updates of the page."""

from __future__ import annotations

import secrets
import time

from moto_jitp.locks import new_condition


class Changes:
    """Counts the changes in a server, and wakes the requests that wait for the next one.

    What has changed is not known: a woken request reads the state again.
    """

    def __init__(self) -> None:
        self._condition = new_condition()
        # A restarted server must not be taken for the previous one.
        self._run = secrets.token_hex(4)
        self._count = 0
        self._is_closed = False

    @property
    def version(self) -> str:
        """Differs from every earlier one once something has happened."""
        return f"{self._run}-{self._count}"

    def note(self) -> None:
        """Note that something has happened."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def wait(self, after: str, seconds: float) -> str:
        """Wait until the version differs from a given one.

        Args:
            after: a version.
            seconds: how long at most.

        Returns:
            The current version: the same one if nothing has happened.
        """
        until = time.monotonic() + seconds
        with self._condition:
            while self.version == after and not self._is_closed:
                seconds_left = until - time.monotonic()
                if seconds_left <= 0 or not self._condition.wait(seconds_left):
                    break
        return self.version

    def close(self) -> None:
        """Wake all waiting requests: the server stops."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
