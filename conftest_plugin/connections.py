"""Notes the connections of each test while it runs."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moto_jitp import ConnectionAttempt, ProvisioningRun


#: A report is read in a terminal: the story of the last few, and how many there were of each kind.
SHOWN = 10


class Connections:
    """The connection attempts of one test.

    They are noted as they are made and not read from the cloud state afterwards, because that is
    gone when the block of a decorated test has ended, and after a reset in the middle of a test.

    Attributes:
        last: the last few, the oldest first.
        decisions: how many there were of each: ``"ACCEPTED"``, or the reason of the refusal.
        runs: what connections set off by fleet provisioning, by the attempt's number.
        told: how many a report has told of; -1 before there was one.
    """

    def __init__(self) -> None:
        self.last: deque[ConnectionAttempt] = deque(maxlen=SHOWN)
        self.decisions: Counter[str] = Counter()
        self.runs: defaultdict[int, deque[ProvisioningRun]] = defaultdict(
            lambda: deque(maxlen=SHOWN)
        )
        self.told = -1

    @property
    def total(self) -> int:
        """How many attempts there were."""
        return sum(self.decisions.values())

    def note(self, attempt: ConnectionAttempt) -> None:
        """Take down one attempt."""
        self.last.append(attempt)
        self.decisions[attempt.reason.value if attempt.reason else "ACCEPTED"] += 1

    def note_run(self, number: int, run: ProvisioningRun) -> None:
        """Take down a run that a connection set off after it was accepted.

        Args:
            number: the sequence number of the connection's attempt.
            run: the run.
        """
        self.runs[number].append(run)


class Recorder:
    """Hears of every connection in the process, and hands it to the test that is running."""

    def __init__(self) -> None:
        self._current: Connections | None = None
        self._listens = False

    def start(self) -> Connections:
        """A test begins: return the notes that what happens from here on goes into."""
        self._current = Connections()
        return self._current

    def listen(self) -> None:
        """Begin to listen; imports moto, so only for those who use it."""
        if not self._listens:
            from moto_jitp.devices.attempts import observers
            from moto_jitp.devices.fleet import run_observers

            observers.append(self._note)
            run_observers.append(self._note_run)
            self._listens = True

    def close(self) -> None:
        """Stop listening."""
        if self._listens:
            from moto_jitp.devices.attempts import observers
            from moto_jitp.devices.fleet import run_observers

            observers.remove(self._note)
            run_observers.remove(self._note_run)
            self._listens = False

    def _note(self, attempt: ConnectionAttempt) -> None:
        if self._current is not None:
            self._current.note(attempt)

    def _note_run(self, attempt: ConnectionAttempt, run: ProvisioningRun) -> None:
        if self._current is not None:
            self._current.note_run(attempt.sequence, run)
