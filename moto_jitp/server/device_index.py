"""Finds the devices that the page shows without walking all the others."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import NamedTuple

from moto_jitp.devices import RefusalReason
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.journal import RunOrigin
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.history.state import AccountState, part_of, state_of
from moto_jitp.iot.models import JitpIoTBackend

Devices = list[tuple[int, str]]
"""Devices by their certificates' ids, each with the rising place of its newest attempt."""


class Why(NamedTuple):
    """A common cause of refused devices.

    Attributes:
        cause_id: identifies it.
        reason: the reason for the refusal, or the error code of the rejection.
        place: the place in the template, if it is there.
        message: what happened to one of the devices; messages name each device's values.
    """

    cause_id: str
    reason: str
    place: str
    message: str


class DeviceIndex:
    """The devices that have connected to one account and Region.

    It is only updated when it is read, so that connections pay nothing for it, and a page that
    polls the state reads each attempt once. The caller holds the lock of the account and Region.

    Attributes:
        devices: all that have connected.
        refused: those whose newest connection was refused, or whose fleet provisioning over it was
            rejected.
        of_cause: the refused ones by their cause's id; none is empty.
        accepted: how many attempts were accepted.
    """

    def __init__(self) -> None:
        self.devices: Devices = []
        self.refused: Devices = []
        self.of_cause: dict[str, Devices] = {}
        self.accepted = 0
        self._state = AccountState()
        self._attempts_of: dict[str, list[int]] = {}
        self._place_of: dict[int, int] = {}
        self._refused_for: dict[str, tuple[str, int]] = {}
        self._never_connected: dict[str, None] = {}
        self._attempts_read = self._late_read = 0
        self._last_certificate: int | None = None

    def follow(self, backend: JitpIoTBackend) -> None:
        """Read what has happened since the last call."""
        self._state = state = state_of(backend)
        for place in range(self._attempts_read, len(state.attempts)):
            self._add(place, state.attempts[place])
        self._attempts_read = len(state.attempts)
        late_attempts = state.runs.late_attempts
        for attempt_id in late_attempts[self._late_read :]:
            place = self._place_of[attempt_id]
            self._judge(place, state.attempts[place])
        self._late_read = len(late_attempts)
        for number, certificate in backend.certificates.after(self._last_certificate):
            self._last_certificate = number
            if certificate.certificate_id not in self._attempts_of:
                self._never_connected[certificate.certificate_id] = None

    def newest_attempts(
        self, devices: Devices, matches: Callable[[str], bool]
    ) -> Iterator[ConnectionAttempt]:
        """Walk the attempts of some devices, newest first.

        Args:
            devices: the devices, one of the lists of this index.
            matches: whether a device matches the search, by its certificate's id. It is called only
                as often as needed.
        """
        next_attempts: list[tuple[int, str, int]] = []  # the next attempt of each device so far
        candidates = reversed(devices)
        candidate = next(candidates, None)
        while True:
            while candidate is not None and (
                not next_attempts or candidate[0] > -next_attempts[0][0]
            ):
                place, device = candidate
                if matches(device):
                    heapq.heappush(
                        next_attempts, (-place, device, len(self._attempts_of[device]) - 1)
                    )
                candidate = next(candidates, None)
            if not next_attempts:
                return
            place, device, index = next_attempts[0]
            yield self._state.attempts[-place]
            if index:
                earlier = self._attempts_of[device][index - 1]
                heapq.heapreplace(next_attempts, (-earlier, device, index - 1))
            else:
                heapq.heappop(next_attempts)

    def attempts_of(self, device: str) -> list[ConnectionAttempt]:
        """Return the attempts of a device, oldest first."""
        return [self._state.attempts[place] for place in self._attempts_of[device]]

    def why_refused(self, device: str) -> Why:
        """Return why the newest attempt of a device was refused or rejected."""
        return _why(self._state, self._state.attempts[self._attempts_of[device][-1]])

    def never_connected(self, backend: JitpIoTBackend) -> Iterator[str]:
        """Walk the ids of certificates that have never connected, the newest first."""
        deleted = []
        try:
            for certificate_id in reversed(self._never_connected):
                if certificate_id in backend.certificates:
                    yield certificate_id
                else:
                    deleted.append(certificate_id)
        finally:  # also where nobody has taken the last one
            for certificate_id in deleted:
                del self._never_connected[certificate_id]

    def _add(self, place: int, attempt: ConnectionAttempt) -> None:
        device = attempt.certificate_id
        places = self._attempts_of.setdefault(device, [])
        if places:
            _remove(self.devices, (places[-1], device))
        else:
            self._never_connected.pop(device, None)
        places.append(place)
        self.devices.append((place, device))
        self._place_of[attempt.attempt_id] = place
        self.accepted += attempt.accepted
        self._judge(place, attempt)

    def _judge(self, place: int, attempt: ConnectionAttempt) -> None:
        """Note whether a device is refused now; an attempt that is not its newest changes nothing.

        Args:
            place: the place of the attempt.
            attempt: the attempt.
        """
        device = attempt.certificate_id
        if self._attempts_of[device][-1] != place:
            return
        earlier = self._refused_for.pop(device, None)
        if earlier is not None:
            cause_id, refused_at = earlier
            _remove(self.refused, (refused_at, device))
            _remove(self.of_cause[cause_id], (refused_at, device))
            if not self.of_cause[cause_id]:
                del self.of_cause[cause_id]
        if _is_refused(self._state, attempt):
            cause_id = _why(self._state, attempt).cause_id
            self._refused_for[device] = cause_id, place
            insort(self.refused, (place, device))
            insort(self.of_cause.setdefault(cause_id, []), (place, device))


def index_of(backend: JitpIoTBackend) -> DeviceIndex:
    """Return the index of an account and Region, up to date; its lock is to be held."""
    index = part_of(backend, DeviceIndex)
    index.follow(backend)
    return index


def _remove(devices: Devices, device: tuple[int, str]) -> None:
    del devices[bisect_left(devices, device)]


def _is_refused(state: AccountState, attempt: ConnectionAttempt) -> bool:
    # A device that is to connect again has nothing wrong with it.
    is_refused = not attempt.accepted and attempt.reason is not RefusalReason.RECONNECT_REQUIRED
    return is_refused or _rejected_run(state, attempt) is not None


def _rejected_run(state: AccountState, attempt: ConnectionAttempt) -> ProvisioningRun | None:
    """Return the last run of fleet provisioning over an attempt's connection if it was rejected."""
    for entry in reversed(state.runs.of_attempt(attempt.attempt_id)):
        if entry.origin is not RunOrigin.JITP:
            return entry.run if entry.run.error_code else None
    return None


def _why(state: AccountState, attempt: ConnectionAttempt) -> Why:
    run = _rejected_run(state, attempt) or attempt.provisioning
    code = (run.error_code if run is not None else None) or ""
    place = run.place if run is not None else ""
    reason = attempt.reason.value if attempt.reason else code
    message = (run.message if run is not None else None) or attempt.message
    return Why(f"{reason}/{code}/{place}", reason, place, message)
