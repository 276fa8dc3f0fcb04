"""The run journal: every provisioning run of an account and Region, whatever set it off.

Metrics, the trail, control routes, the page and reports read it. A new kind of run is a new
:class:`RunOrigin` and a call of :meth:`RunJournal.enter`.
"""

from __future__ import annotations

import enum
from bisect import insort
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from .order import sequence, walk
from .runs import ProvisioningRun


class RunOrigin(str, enum.Enum):
    """What set a run off.

    Attributes:
        JITP: a device's connection, by its CA's template.
        REGISTER_THING: RegisterThing of the API, called by boto3 or another client.
        FLEET_PROVISIONING: RegisterThing of the MQTT API, requested by a connected device.
        BULK_REGISTRATION: a line of a thing registration task's input file.
    """

    JITP = "JITP"
    REGISTER_THING = "REGISTER_THING"
    FLEET_PROVISIONING = "FLEET_PROVISIONING"
    BULK_REGISTRATION = "BULK_REGISTRATION"


class RunEntry(NamedTuple):
    """A provisioning run and where it belongs.

    Attributes:
        id: rises with every run, of all accounts and Regions.
        origin: what set it off.
        attempt_id: the attempt of the connection that set it off; ``None`` if no connection did.
        moment: when it ended, in UTC; for a run in progress, when it was set off.
        run: the run.
        order: orders it among attempts and calls of the same moment.
    """

    id: int
    origin: RunOrigin
    attempt_id: int | None
    moment: datetime
    run: ProvisioningRun
    order: int


observers: list[Callable[[RunEntry], object]] = []
"""Called with each entry as it is made, and again when a run in progress ends.

The lock of the account and Region may be held meanwhile.
"""


class RunJournal:
    """The provisioning runs of one account and Region.

    Attributes:
        late_attempts: the ids of attempts of which a run has ended, or whose connection has set off
            another one, since they were made; an id may stand there more than once.
    """

    __slots__ = ("_by_api", "_entries", "_numbers", "_of_attempts", "late_attempts")

    def __init__(self) -> None:
        self.late_attempts: list[int] = []
        self._entries: dict[int, RunEntry] = {}
        # The numbers of all entries, and of those that no connection set off: each list rises.
        self._numbers: list[int] = []
        self._by_api: list[int] = []
        # Just-in-time runs have the id of their attempt, and need no index.
        self._of_attempts: dict[int, tuple[int, ...]] = {}

    def enter(
        self,
        origin: RunOrigin,
        run: ProvisioningRun,
        moment: datetime,
        *,
        run_id: int | None = None,
        attempt_id: int | None = None,
    ) -> RunEntry:
        """Enter a run.

        Args:
            origin: what set it off.
            run: the run.
            moment: when it ended, or was set off if it is in progress, in UTC.
            run_id: its number; ``None`` for the next one of :data:`sequence`.
            attempt_id: the connection attempt that it belongs to, if it does.

        Returns:
            The entry.
        """
        number = next(sequence) if run_id is None else run_id
        entry = RunEntry(number, origin, attempt_id, moment, run, number)
        self._entries[number] = entry
        # Threads may come here in another order than that in which they were given numbers.
        insort(self._numbers, number)
        if attempt_id is None:
            insort(self._by_api, number)
        elif attempt_id != number:
            earlier_entries = self._of_attempts.get(attempt_id, ())
            self._of_attempts[attempt_id] = (*earlier_entries, number)
            self.late_attempts.append(attempt_id)
        _tell(entry)
        return entry

    def finish(self, run_id: int, run: ProvisioningRun, moment: datetime) -> None:
        """Enter how a run in progress has ended.

        Args:
            run_id: its number.
            run: the run as it is now.
            moment: when it ended, in UTC.
        """
        entry = self._entries[run_id]._replace(run=run, moment=moment, order=next(sequence))
        self._entries[run_id] = entry
        if entry.attempt_id is not None:
            self.late_attempts.append(entry.attempt_id)
        _tell(entry)

    def entries(self) -> list[RunEntry]:
        """Return all entries, in the order in which the runs were set off."""
        return list(self._entries.values())

    def walk(
        self, after: int | None = None, *, ascending: bool = True, by_api: bool = False
    ) -> Iterator[RunEntry]:
        """Walk the entries by their numbers, from a place on.

        Args:
            after: the number of the entry before; ``None`` to begin at the first.
            ascending: oldest first; otherwise newest first.
            by_api: only those that no connection set off.
        """
        numbers = walk(self._by_api if by_api else self._numbers, int, after, ascending=ascending)
        return (self._entries[number] for number in numbers)

    def find(self, run_id: int) -> RunEntry | None:
        """Return the entry with this number; ``None`` if there is none."""
        return self._entries.get(run_id)

    def of_attempt(self, attempt_id: int) -> list[RunEntry]:
        """Return the runs of an attempt and of the connection that it led to, oldest first."""
        numbers = (attempt_id, *self._of_attempts.get(attempt_id, ()))
        return [self._entries[number] for number in numbers if number in self._entries]


def _tell(entry: RunEntry) -> None:
    for observe in observers:
        observe(entry)
