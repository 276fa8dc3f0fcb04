"""Failures on demand at a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from moto_jitp import faults
from moto_jitp.iot.api.failure_requests import FailureRequest

from .client import ControlClient, ControlError


class ServerFault:
    """A request to fail an operation at a server; see :class:`moto_jitp.faults.Fault`.

    A reset of the server's state ends it, except by the ``reset()`` of a ``mock_jitp`` handle.
    """

    def __init__(self, client: ControlClient, asked: FailureRequest) -> None:
        self.operation, self.code, self.message, times = asked
        self._client = client
        self._calls_before = 0
        self._last = self._ask(times)

    def ask_again(self) -> None:
        """Ask for what was last known to be still to come, after a reset of the server."""
        self._calls_before += int(self._last["calls"])
        self._last = self._ask(self._last["remaining"])

    def _ask(self, times: int | None) -> dict[str, Any]:
        body = {
            "operation": self.operation,
            "error": self.code,
            "message": self.message,
            "times": times,
        }
        asked: dict[str, Any] = self._client.post("failures", body)
        return asked

    @property
    def number(self) -> int:
        """Its number at the server."""
        return int(self._last["id"])

    @property
    def remaining(self) -> int | None:
        """How many calls are still to fail; ``None`` for every one."""
        remaining = self._now()["remaining"]
        return None if remaining is None else int(remaining)

    @property
    def calls(self) -> int:
        """How many calls have failed so far."""
        return self._calls_before + int(self._now()["calls"])

    def cancel(self) -> None:
        """Let the operation succeed again; a second time does nothing."""
        try:
            self._last = self._client.delete(f"failures/{self.number}")
        except (ControlError, ConnectionError):  # it went with a reset, or the server has ended
            self._last = {**self._last, "remaining": 0}

    def _now(self) -> dict[str, Any]:
        if self._last["remaining"] != 0:
            try:
                self._last = self._client.get(f"failures/{self.number}")
            except ControlError:  # it went with a reset
                self._last = {**self._last, "remaining": 0}
        return self._last

    def __repr__(self) -> str:
        # As last known: to show it must not take a request.
        left = self._last["remaining"]
        return f"<ServerFault {faults.described(self.operation, self.code, left)}>"


@contextlib.contextmanager
def asked_again(requested: Iterable[ServerFault]) -> Iterator[None]:
    """Keep what is still to come over a reset of the server's state within the ``with`` block."""
    left = [fault for fault in requested if fault.remaining != 0]
    yield
    for fault in left:
        fault.ask_again()
