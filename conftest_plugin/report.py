"""The text of the section ``JITP connections`` in the report of a failed test."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from .connections import SHOWN, Connections

if TYPE_CHECKING:
    import pytest

    from moto_jitp import ConnectionAttempt
    from moto_jitp.history.journal import RunEntry

    from .server import JitpServer

TITLE = "JITP connections"


def add_section(
    connections: Connections,
    report: pytest.TestReport,
    config: pytest.Config,
    server: JitpServer | None,
    is_used: bool,
    error: BaseException | None = None,
    told_above: frozenset[int] = frozenset(),
) -> None:
    """Add the section to the report of a failed test.

    Args:
        connections: the connections of the test.
        report: that of the phase that failed.
        config: pytest's.
        server: the server if it runs.
        is_used: whether the test uses one of our fixtures.
        error: what the test failed with; attempts that a ConnectionRefused describes are not
            repeated.
        told_above: the ids of further attempts that the report already shows.
    """
    try:
        at_server = [*_at(server), *(_in_server_mode() if is_used else ())]
        count = connections.total + connections.rule_count + len(at_server)
        # No attempts are news too, for a test that ran. And a test that failed can fail again in
        # its teardown.
        tell_none = is_used and report.when == "call"
        if count == connections.reported_count or not (count or tell_none):
            return
        connections.reported_count = count
        runs = server.runs() if server is not None else ()
        told_ids = _told_by(error) | told_above
        if told_ids and not connections.rule_count:
            everything = {attempt.attempt_id for attempt in (*connections.last, *at_server)}
            if connections.total + len(at_server) == len(everything) and everything <= told_ids:
                return
        text = story(connections, at_server, runs, told_ids)
    except Exception as error:  # escaping a hook, it would end the whole session
        text = f"The connections of this test cannot be listed: {error!r}"
    report.sections.append((TITLE, text))
    # The option for captured output also hides every section.
    captured_sections = config.getoption("showcapture", "all")
    add = getattr(report.longrepr, "addsection", None)
    if captured_sections != "all" and add is not None:
        add(TITLE, text)


def shorten_summary(
    report: pytest.TestReport, error: BaseException | None, config: pytest.Config
) -> None:
    """Begin a test's line in pytest's summary with the reason for a refusal.

    pytest keeps about 45 characters of the message there on a terminal of 80 columns, and all of it
    if the variable ``CI`` is set: then only the reason is shown, as the rest stands above.

    Args:
        report: that of the phase that failed.
        error: what it failed with.
        config: the session's configuration, which says whether tracebacks are shown.
    """
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None or not _told_by(error):
        return
    message = str(error)
    is_told_above = config.getoption("tbstyle") not in ("line", "no")
    crash.message = message.partition("\n")[0] if is_told_above else message


def _told_by(error: BaseException | None) -> frozenset[int]:
    """The ids of the attempts that an exception describes."""
    refusals = sys.modules.get("moto_jitp.devices.refusal")
    if refusals is None or not isinstance(error, refusals.ConnectionRefused):
        return frozenset()
    return frozenset(attempt.attempt_id for attempt in error.attempts)


def _at(server: JitpServer | None) -> Sequence[ConnectionAttempt]:
    return server.attempts() if server is not None else ()


def _in_server_mode() -> Sequence[ConnectionAttempt]:
    """The attempts at the server of moto's TEST_SERVER_MODE, which this process does not see."""
    if "moto.settings" not in sys.modules:  # then nothing has spoken to a server
        return ()
    from moto_jitp import where

    return where.all_connection_attempts() if where.is_at_server() else ()


def story(
    connections: Connections,
    at_server: Sequence[ConnectionAttempt] = (),
    runs_at_server: Sequence[RunEntry] = (),
    told_ids: Collection[int] = (),
) -> str:
    """Describe the connections of a test, the last ones in detail.

    Args:
        connections: those made in this process.
        at_server: those made at a server, oldest first.
        runs_at_server: the provisioning runs there.
        told_ids: the ids of attempts that are described above.

    Returns:
        A text of a few lines for each.
    """
    from moto_jitp.printing import one_line

    lines = [] if connections.total or at_server else ["No device connected in this test."]
    lines += _chapter(_up_to_date(connections.last), connections, told_ids)
    if at_server or runs_at_server:
        theirs = Connections()
        for attempt in at_server:
            theirs.note(attempt)
        for entry in runs_at_server:
            theirs.note_run(entry)
        lines += ["At the server:", *_chapter(list(theirs.last), theirs, told_ids)]
    lines += _rules(connections)
    return "\n".join(map(one_line, lines))


def _rules(noted: Connections) -> Iterator[str]:
    """What the topic rules that received a message did."""
    if not noted.rules:
        return
    yield "Topic rules:"
    if noted.rule_count > SHOWN:
        yield f"The last {SHOWN} of {noted.rule_count} runs:"
    for number, run in enumerate(noted.rules, noted.rule_count - len(noted.rules) + 1):
        first, *further_lines = str(run).splitlines()
        yield f"{number}. {first}"
        yield from (f"   {line}" for line in further_lines)


def _chapter(
    attempts: Sequence[ConnectionAttempt], noted: Connections, told_ids: Collection[int]
) -> Iterator[str]:
    from moto_jitp.history.explanation import report_of_attempt, report_of_run

    total = noted.total
    if total > SHOWN:
        counts = ", ".join(f"{count} {name}" for name, count in noted.decisions.most_common())
        yield f"{total} connections: {counts}. The last {SHOWN} of them:"
    for at, attempt in enumerate(attempts):
        came_back = any(a.certificate_id == attempt.certificate_id for a in attempts[at + 1 :])
        number = total - len(attempts) + 1 + at
        lines = report_of_attempt(number, attempt, has_come_back=came_back)
        if attempt.attempt_id in told_ids:
            yield f"{next(lines)}, as shown above"
            continue
        yield from lines
        for entry in noted.runs.get(attempt.attempt_id, ()):
            yield from report_of_run(entry)
    for entry in noted.runs.get(None, ()):
        yield from report_of_run(entry)


def _up_to_date(noted: Collection[ConnectionAttempt]) -> list[ConnectionAttempt]:
    """The attempts as they are now; a run may have ended after its connection."""
    if not noted:
        return []
    from moto_jitp.devices.attempts import all_connection_attempts

    present = {attempt.attempt_id: attempt for attempt in all_connection_attempts()}
    return [present.get(attempt.attempt_id, attempt) for attempt in noted]
