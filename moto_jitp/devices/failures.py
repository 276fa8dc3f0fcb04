"""Failures on demand, in this process or, under ``TEST_SERVER_MODE``, at the server."""

from __future__ import annotations

import contextlib
from typing import Any

from moto import settings as moto_settings

from moto_jitp import faults
from moto_jitp.iot.failure_requests import FailureRequest, checked_failure

from .control_client import ControlClient, ControlError
from .server_mode import server_client


def request_failure(
    operation: str,
    error: str | Exception | type[Exception],
    times: int | None,
    message: str | None,
) -> faults.Fault | ServerFault:
    """Have an operation of AWS IoT fail; arguments and errors as of :func:`checked_failure`."""
    asked = checked_failure(operation, error, times, message)
    if moto_settings.TEST_SERVER_MODE:
        return ServerFault(server_client(), asked)
    return faults.add(*asked)


class ServerFault:
    """A request to fail an operation at a server; see :class:`moto_jitp.faults.Fault`."""

    def __init__(self, client: ControlClient, asked: FailureRequest) -> None:
        self.operation, self.code, self.message, times = asked
        self._client = client
        body = {
            "operation": self.operation,
            "error": self.code,
            "message": self.message,
            "times": times,
        }
        self._last: dict[str, Any] = client.post("failures", body)

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
        return int(self._now()["calls"])

    def cancel(self) -> None:
        """Let the operation succeed again; a second time does nothing."""
        with contextlib.suppress(ControlError, ConnectionError):  # it has ended, or the server has
            self._client.delete(f"failures/{self.number}")

    def _now(self) -> dict[str, Any]:
        with contextlib.suppress(ControlError):  # it went with a reset
            self._last = self._client.get(f"failures/{self.number}")
        return self._last
