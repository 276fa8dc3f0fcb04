"""Faults and disturbed connections at a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from moto_jitp import disturbances, faults
from moto_jitp.disturbances import DisturbanceRequest
from moto_jitp.iot.api.fault_requests import FaultRequest

from .client import ControlClient, ControlError


class ServerRequest:
    """A fault or disturbance that was requested at a server, and is used up there.

    A reset of the server's state ends it, except by the ``reset()`` of a ``mock_jitp`` handle.

    Args:
        client: speaks to the server.
        route: the route of such requests.
        body: the request, without the number of times.
        times: how many times; ``None`` without a limit.
    """

    def __init__(
        self, client: ControlClient, route: str, body: dict[str, Any], times: int | None
    ) -> None:
        self._client = client
        self._route = route
        self._body = body
        self._calls_before = 0
        self._last = self._ask(times)

    def ask_again(self) -> None:
        """Request again what was last known to be pending, after a reset of the server."""
        self._calls_before += int(self._last["calls"])
        self._last = self._ask(self._last["remaining"])

    def _ask(self, times: int | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.post(self._route, {**self._body, "times": times})
        return answer

    @property
    def number(self) -> int:
        """Its number at the server."""
        return int(self._last["id"])

    @property
    def remaining(self) -> int | None:
        """How many are still pending; ``None`` without a limit."""
        remaining = self._now()["remaining"]
        return None if remaining is None else int(remaining)

    @property
    def calls(self) -> int:
        """How often it has happened so far."""
        return self._calls_before + int(self._now()["calls"])

    @property
    def _left(self) -> int | None:
        # As last known: showing it must not send a request.
        remaining: int | None = self._last["remaining"]
        return remaining

    def cancel(self) -> None:
        """Withdraw the request; a second call does nothing."""
        try:
            self._last = self._client.delete(f"{self._route}/{self.number}")
        except (ControlError, ConnectionError):  # a reset removed it, or the server has ended
            self._last = {**self._last, "remaining": 0}

    def _now(self) -> dict[str, Any]:
        if self._last["remaining"] != 0:
            try:
                self._last = self._client.get(f"{self._route}/{self.number}")
            except ControlError:  # a reset removed it
                self._last = {**self._last, "remaining": 0}
        return self._last


class ServerFault(ServerRequest):
    """A request to fail an operation at a server; see :class:`moto_jitp.faults.Fault`."""

    def __init__(self, client: ControlClient, request: FaultRequest) -> None:
        self.operation, self.code, self.message, times = request
        body = {"operation": self.operation, "error": self.code, "message": self.message}
        super().__init__(client, "failures", body, times)

    def __repr__(self) -> str:
        return f"<ServerFault {faults.described(self.operation, self.code, self._left)}>"


class ServerDisturbance(ServerRequest):
    """A request to disturb connections to a server; see :class:`moto_jitp.disturbances`."""

    def __init__(self, client: ControlClient, request: DisturbanceRequest) -> None:
        self.asked = request
        body: dict[str, Any] = {
            "kind": request.kind.value,
            "clientId": request.client_id,
            "every": request.every,
        }
        if request.kind.takes_seconds:
            body["seconds"] = request.seconds
        if request.kind.takes_packets:
            body["packets"] = request.packets
        super().__init__(client, "disturbances", body, request.times)

    def __repr__(self) -> str:
        return f"<ServerDisturbance {disturbances.described(self.asked, self._left)}>"


@contextlib.contextmanager
def asked_again(requested: Iterable[ServerRequest]) -> Iterator[None]:
    """Keep pending requests over a reset of the server's state within the ``with`` block."""
    unfinished = [request for request in requested if request.remaining != 0]
    yield
    for request in unfinished:
        request.ask_again()
