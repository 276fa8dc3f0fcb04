"""Notes the connections of each test while it runs."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from moto_jitp import ConnectionAttempt

    from .server import JitpServer

#: A report is read in a terminal: the story of the last few, and how many there were of each kind.
SHOWN = 10


class Connections:
    """The connection attempts of one test.

    They are noted as they are made and not read from the cloud state afterwards, because that is
    gone when the block of a decorated test has ended, and after a reset in the middle of a test.

    Attributes:
        last: the last few, the oldest first.
        decisions: how many there were of each: ``"ACCEPTED"``, or the reason of the refusal.
    """

    def __init__(self) -> None:
        self.last: deque[ConnectionAttempt] = deque(maxlen=SHOWN)
        self.decisions: Counter[str] = Counter()
        self._told = -1

    @property
    def total(self) -> int:
        """How many attempts there were."""
        return sum(self.decisions.values())

    def note(self, attempt: ConnectionAttempt) -> None:
        """Take down one attempt."""
        self.last.append(attempt)
        self.decisions[attempt.reason.value if attempt.reason else "ACCEPTED"] += 1

    def tell(
        self,
        report: pytest.TestReport,
        config: pytest.Config,
        server: JitpServer | None,
        is_used: bool,
    ) -> None:
        """Add the section to the report of a failed test.

        Args:
            report: of the phase that failed.
            config: pytest's.
            server: the server, if it runs.
            is_used: whether the test uses a fixture of ours.
        """
        from .report import TITLE, story

        try:
            at_server = [*_at(server), *(_in_server_mode() if is_used else ())]
            count = self.total + len(at_server)
            # That there were none is news too, for a test that ran. And a test that failed in its
            # body can fail again when it is torn down.
            tell_none = is_used and report.when == "call"
            if count == self._told or not (count or tell_none):
                return
            self._told = count
            text = story(self, at_server)
        except Exception as error:  # out of a hook, it would end the whole session
            text = f"The connections of this test cannot be told: {error!r}"
        report.sections.append((TITLE, text))
        # The option that chooses what captured output is shown hides every section.
        shown = config.getoption("showcapture", "all")
        add = getattr(report.longrepr, "addsection", None)
        if shown != "all" and add is not None:
            add(TITLE, text)


def _at(server: JitpServer | None) -> Sequence[ConnectionAttempt]:
    return server.attempts() if server is not None else ()


def _in_server_mode() -> Sequence[ConnectionAttempt]:
    """The attempts at the server of moto's TEST_SERVER_MODE, of which nobody in here is told."""
    settings = sys.modules.get("moto.settings")
    if settings is None or not settings.TEST_SERVER_MODE:
        return ()
    from moto_jitp.devices import all_connection_attempts

    return all_connection_attempts()


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

            observers.append(self._note)
            self._listens = True

    def close(self) -> None:
        """Stop listening."""
        if self._listens:
            from moto_jitp.devices.attempts import observers

            observers.remove(self._note)
            self._listens = False

    def _note(self, attempt: ConnectionAttempt) -> None:
        if self._current is not None:
            self._current.note(attempt)
