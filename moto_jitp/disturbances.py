"""Disturbed connections: what a test wants to go wrong between devices and AWS IoT.

``jitp.disturb("drop", "bulb-1")`` breaks the next connection of the client ``bulb-1`` after its
first packet, whether a simulated device makes it or a real one. Failures on the cloud's side are
requested with ``jitp.fail``; see :mod:`moto_jitp.faults`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from moto_jitp.names import did_you_mean
from moto_jitp.planned_requests import Plan, PlannedRequest


class DisturbanceKind(str, enum.Enum):
    """What goes wrong."""

    DELAY = "delay"
    """The CONNECT is processed some seconds later."""
    DROP = "drop"
    """The connection breaks after some packets; the last one is carried out but not answered."""
    HALF_OPEN = "half-open"
    """After some packets nothing gets through, but neither side notices."""
    LOSE_PUBACK = "lose-puback"
    """Messages arrive, but their PUBACKs do not."""
    THROTTLE = "throttle"
    """The CONNECT is refused, as if the account had exceeded its quota."""
    SLOW_PROVISIONING = "slow-provisioning"
    """The provisioning run that the connection starts takes some seconds."""

    def __str__(self) -> str:
        return self.value

    @property
    def takes_seconds(self) -> bool:
        """Whether the request says how long it takes."""
        return self in _SECONDS

    @property
    def takes_packets(self) -> bool:
        """Whether the request gives a number of packets."""
        return self in _PACKETS


_THIRTY_SECONDS = 30.0
_SECONDS = {DisturbanceKind.DELAY: None, DisturbanceKind.SLOW_PROVISIONING: _THIRTY_SECONDS}
"""The kinds with seconds, and their default; ``None`` where there is none."""
_PACKETS = {
    DisturbanceKind.DROP: 1,
    DisturbanceKind.HALF_OPEN: 0,
    DisturbanceKind.LOSE_PUBACK: 1,
}
"""The kinds with a number of packets, and their default."""


class DisturbanceRequest(NamedTuple):
    """A request to disturb connections, checked.

    Attributes:
        kind: what goes wrong.
        client_id: the MQTT client id whose connections are disturbed; ``None`` for all.
        times: how many connections are disturbed; ``None`` for all.
        every: one in how many connections is disturbed.
        seconds: how long it takes, for the kinds that take time; else 0.
        packets: after how many packets, or how many PUBACKs, for the kinds that count; else 0.
    """

    kind: DisturbanceKind
    client_id: str | None
    times: int | None
    every: int
    seconds: float
    packets: int


def checked_disturbance(
    kind: str,
    client_id: str | None = None,
    times: int | None = 1,
    *,
    every: int = 1,
    seconds: float | None = None,
    packets: int | None = None,
) -> DisturbanceRequest:
    """Check a request to disturb connections.

    Args:
        kind: one of :class:`DisturbanceKind`, or its value.
        client_id: the MQTT client id whose connections are disturbed; ``None`` for all.
        times: how many connections are disturbed; ``None`` for all.
        every: one in how many connections is disturbed: 3 for the third, the sixth and so on.
        seconds: how long it takes, for ``delay`` and ``slow-provisioning`` (30 unless given).
        packets: for ``drop`` (1) and ``half-open`` (0) after how many packets of the client behind
            its CONNECT; for ``lose-puback`` (1) how many PUBACKs are lost.

    Raises:
        ValueError: there is no such kind, a number is out of range, or the kind does not take that
            number.
    """
    try:
        known_kind = DisturbanceKind(kind)
    except ValueError:
        kinds = [kind.value for kind in DisturbanceKind]
        problem = f"{kind!r} is not a kind of disturbance. The kinds are: {', '.join(kinds)}."
        raise ValueError(did_you_mean(str(kind), kinds, after=problem, shown=repr)) from None
    if times is not None:
        _check_number("times", times, least=1, quantity="a number of connections", or_all=True)
    _check_number("every", every, least=1, quantity="a number of connections")
    if seconds is None:
        seconds = _SECONDS.get(known_kind, 0.0)
        if seconds is None:
            raise ValueError(f"{known_kind} needs seconds=…: how long the CONNECT is delayed.")
    elif known_kind not in _SECONDS:
        raise ValueError(f"{known_kind} has no seconds; only {_names(_SECONDS)} do.")
    elif isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        raise ValueError(f"seconds must be a number greater than 0, not {seconds!r}.")
    if packets is None:
        packets = _PACKETS.get(known_kind, 0)
    elif known_kind not in _PACKETS:
        raise ValueError(f"{known_kind} has no packets; only {_names(_PACKETS)} do.")
    else:
        least = 1 if known_kind is DisturbanceKind.LOSE_PUBACK else 0
        _check_number("packets", packets, least=least, quantity="a number of packets")
    return DisturbanceRequest(known_kind, client_id, times, every, float(seconds), packets)


def _names(kinds: dict[DisturbanceKind, float | None] | dict[DisturbanceKind, int]) -> str:
    return " and ".join(kind.value for kind in kinds)


def _check_number(
    name: str, value: int, *, least: int, quantity: str, or_all: bool = False
) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        alternative = ", or None (null in JSON) for every one" if or_all else ""
        raise ValueError(f"{name} must be {quantity}, {least} or more{alternative}; not {value!r}.")


class Disturbance(PlannedRequest):
    """One request to disturb connections; ends by itself, with :meth:`cancel` or with the block.

    Attributes:
        number: its number in this process.
        asked: the request.
        remaining: how many connections are still to be disturbed; ``None`` for all.
        calls: how many have been disturbed so far.
        is_cancelled: whether it was cancelled.
    """

    def __init__(
        self, request: DisturbanceRequest, holds: Callable[[], bool] | None = None
    ) -> None:
        super().__init__(_plan, request.times, holds)
        self.asked = request
        self._seen = 0

    @property
    def kind(self) -> DisturbanceKind:
        """What goes wrong."""
        return self.asked.kind

    def is_about(self, client_id: str) -> bool:
        """Whether the request applies to a client's connections."""
        return self.asked.client_id in (None, client_id)

    def counts_in(self) -> bool:
        """Count a connection, and return whether it is one of those to disturb."""
        self._seen += 1
        return self._seen % self.asked.every == 0

    def __repr__(self) -> str:
        return f"<Disturbance {described(self.asked, self.remaining)}>"


def described(request: DisturbanceRequest, remaining: int | None) -> str:
    """Describe a request, for its ``repr``."""
    clients = "every client" if request.client_id is None else repr(request.client_id)
    remaining_text = "always" if remaining is None else f"{remaining} more"
    return f"{request.kind} of {clients} ({remaining_text})"


class Disturbed(NamedTuple):
    """What goes wrong on one connection.

    Attributes:
        delay: after how many seconds its CONNECT is processed.
        drop_after: after how many packets it breaks; ``None`` if it does not.
        half_open_after: after how many packets nothing gets through; ``None`` likewise.
        lost_pubacks: how many of its PUBACKs are lost.
        is_throttled: whether its CONNECT is refused.
    """

    delay: float = 0.0
    drop_after: int | None = None
    half_open_after: int | None = None
    lost_pubacks: int = 0
    is_throttled: bool = False


UNDISTURBED = Disturbed()
"""A connection that is not disturbed."""

_plan: Plan[Disturbance] = Plan()
_held: dict[str, tuple[datetime, Disturbance]] = {}
"""Until when the CONNECT of a simulated client is delayed, and by which request."""


def add(request: DisturbanceRequest, holds: Callable[[], bool] | None = None) -> Disturbance:
    """Have connections disturbed.

    Args:
        request: the checked request.
        holds: says whether the request still counts, for one that ends with something else.
    """
    return _plan.add(Disturbance(request, holds))


def any_planned() -> bool:
    """Whether any connection is to be disturbed, or waits for the end of its delay."""
    return bool(_plan or _held)


def planned() -> tuple[Disturbance, ...]:
    """The requests that are still pending, in the order in which they were made."""
    return _plan.requests()


def of_connection(client_id: str, *, held_from: datetime | None = None) -> Disturbed:
    """Return what goes wrong on a connection that a client makes now, and count it.

    Args:
        client_id: the MQTT client id.
        held_from: the time, for a simulated client, whose delay passes by the test's clock: from
            now on :func:`held_until` returns its end. ``None`` for a real client.
    """
    with _plan.lock:
        disturbances_by_kind = _due(client_id, provisioning=False)
        delay = disturbances_by_kind.get(DisturbanceKind.DELAY)
        if delay is not None and held_from is not None:
            until = held_from + timedelta(seconds=delay.asked.seconds)
            _held[client_id] = (until, delay)
    requests_by_kind = {
        kind: disturbance.asked for kind, disturbance in disturbances_by_kind.items()
    }
    kinds = DisturbanceKind
    return Disturbed(
        requests_by_kind[kinds.DELAY].seconds if kinds.DELAY in requests_by_kind else 0.0,
        requests_by_kind[kinds.DROP].packets if kinds.DROP in requests_by_kind else None,
        requests_by_kind[kinds.HALF_OPEN].packets if kinds.HALF_OPEN in requests_by_kind else None,
        requests_by_kind[kinds.LOSE_PUBACK].packets if kinds.LOSE_PUBACK in requests_by_kind else 0,
        kinds.THROTTLE in requests_by_kind,
    )


def of_provisioning(client_id: str) -> float | None:
    """Return how long a provisioning run takes that a client sets off now, in seconds, and count
    it.

    Args:
        client_id: the MQTT client id.

    Returns:
        ``None`` if no request applies.
    """
    if not _plan:
        return None
    with _plan.lock:
        slow_provisioning = _due(client_id, provisioning=True).get(
            DisturbanceKind.SLOW_PROVISIONING
        )
    return None if slow_provisioning is None else slow_provisioning.asked.seconds


def _due(client_id: str, *, provisioning: bool) -> dict[DisturbanceKind, Disturbance]:
    """Use up the requests for a connection or a run: one of each kind, as with failures."""
    disturbances_by_kind: dict[DisturbanceKind, list[Disturbance]] = {}
    for disturbance in _plan.still_planned():
        is_of_run = disturbance.kind is DisturbanceKind.SLOW_PROVISIONING
        if (
            is_of_run is provisioning
            and disturbance.is_about(client_id)
            and disturbance.counts_in()
        ):
            disturbances_by_kind.setdefault(disturbance.kind, []).append(disturbance)
    return {kind: _plan.use_one(requests) for kind, requests in disturbances_by_kind.items()}


def held_until(client_id: str, now: datetime) -> datetime | None:
    """Return until when the CONNECT of a simulated client waits; forget it once that is over.

    Args:
        client_id: the MQTT client id.
        now: the time.

    Returns:
        ``None`` if it does not wait or the request was cancelled.
    """
    with _plan.lock:
        until, held_by = _held.get(client_id, (None, None))
        if until is None or held_by is None:
            return None
        if until <= now or held_by.is_cancelled or not held_by.holds():
            del _held[client_id]
        return None if held_by.is_cancelled or not held_by.holds() else until
