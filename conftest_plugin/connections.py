"""Notes the connections of each test while it runs."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moto_jitp import ConnectionAttempt
    from moto_jitp.history.journal import RunEntry
    from moto_jitp.history.rule_runs import RuleRun

    Device = tuple[str, str, str]

#: A report is read in a terminal: details of the last few, and how many there were of each kind.
SHOWN = 10


class Connections:
    """The connection attempts of one test.

    They are noted as they are made and not read from the cloud state afterwards, because that state
    is gone once the block of a decorated test has ended, or after a reset within a test.

    Attributes:
        last: the last few, oldest first.
        decisions: how many there were of each: ``"ACCEPTED"`` or the reason for a refusal.
        runs: the last few runs of fleet provisioning, by the id of their connection's attempt;
            under ``None`` those of RegisterThing calls by the API.
        rules: the last few runs of topic rules that received a message.
        rule_count: how many of those there were.
        reported_count: how many attempts a report has shown; -1 before the first report.
    """

    def __init__(self) -> None:
        self.last: deque[ConnectionAttempt] = deque(maxlen=SHOWN)
        self.decisions: Counter[str] = Counter()
        self.runs: defaultdict[int | None, deque[RunEntry]] = defaultdict(
            lambda: deque(maxlen=SHOWN)
        )
        self.rules: deque[RuleRun] = deque(maxlen=SHOWN)
        self.rule_count = 0
        self.reported_count = -1
        self._refused: dict[Device, ConnectionAttempt] = {}
        self._seen: set[tuple[int, str]] = set()

    def look_at(self, attempts: Iterable[ConnectionAttempt]) -> None:
        """Note which attempts the test has read."""
        self._seen.update((attempt.attempt_id, attempt.certificate_id) for attempt in attempts)

    def unseen(self, at_server: Iterable[ConnectionAttempt] = ()) -> list[ConnectionAttempt]:
        """Return the refused attempts that the test has not looked at, the last one of each device.

        A device that was provisioned, or that came back and was accepted, does not count.

        Args:
            at_server: attempts that were made at a server.
        """
        newest = dict(self._refused)
        for attempt in at_server:
            _keep_newest(newest, attempt)
        return [
            attempt
            for attempt in newest.values()
            if (attempt.attempt_id, attempt.certificate_id) not in self._seen
        ]

    @property
    def total(self) -> int:
        """How many attempts there were."""
        return sum(self.decisions.values())

    def note(self, attempt: ConnectionAttempt) -> None:
        """Take down one attempt."""
        self.last.append(attempt)
        _keep_newest(self._refused, attempt)
        self.decisions[attempt.reason.value if attempt.reason else "ACCEPTED"] += 1

    def note_run(self, entry: RunEntry) -> None:
        """Note a run unless its attempt has it."""
        if entry.origin != "JITP":
            self.runs[entry.attempt_id].append(entry)

    def note_rule(self, run: RuleRun) -> None:
        """Note what a topic rule did."""
        self.rules.append(run)
        self.rule_count += 1


def _keep_newest(
    refused_attempts: dict[Device, ConnectionAttempt], attempt: ConnectionAttempt
) -> None:
    """Keep only the newest attempt of each device."""
    device = (attempt.account_id, attempt.region_name, attempt.certificate_id)
    if attempt.reason is None or attempt.reason.value == "RECONNECT_REQUIRED":
        refused_attempts.pop(device, None)
    else:
        refused_attempts[device] = attempt


class AttemptLog:
    """Observes every connection in the process and passes it to the running test."""

    def __init__(self) -> None:
        self._current: Connections | None = None
        self._listens = False

    def start(self) -> Connections:
        """A test begins: return its notes, which receive what happens from now on."""
        self._current = Connections()
        return self._current

    def listen(self) -> None:
        """Begin to listen; this imports moto, so only tests that need it call it."""
        if not self._listens:
            from moto_jitp.broker.rules import engine
            from moto_jitp.devices.attempts import observers
            from moto_jitp.history import journal, looking

            observers.append(self._note)
            journal.observers.append(self._note_run)
            engine.observers.append(self._note_rule)
            looking.observers.append(self._look_at)
            self._listens = True

    def close(self) -> None:
        """Stop listening."""
        if self._listens:
            from moto_jitp.broker.rules import engine
            from moto_jitp.devices.attempts import observers
            from moto_jitp.history import journal, looking

            observers.remove(self._note)
            journal.observers.remove(self._note_run)
            engine.observers.remove(self._note_rule)
            looking.observers.remove(self._look_at)
            self._listens = False

    def _look_at(self, attempts: Iterable[ConnectionAttempt]) -> None:
        if self._current is not None:
            self._current.look_at(attempts)

    def _note(self, attempt: ConnectionAttempt) -> None:
        if self._current is not None:
            self._current.note(attempt)

    def _note_rule(self, _: object, run: RuleRun) -> None:
        if self._current is not None:
            self._current.note_rule(run)

    def _note_run(self, entry: RunEntry) -> None:
        if self._current is not None:
            self._current.note_run(entry)
