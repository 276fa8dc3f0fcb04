"""The text of the section ``JITP connections`` in the report of a failed test."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from .connections import SHOWN, Connections

if TYPE_CHECKING:
    from moto_jitp import ConnectionAttempt, ProvisioningRun

TITLE = "JITP connections"

_CERTIFICATE_ID = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")


def story(here: Connections, at_server: Sequence[ConnectionAttempt] = ()) -> str:
    """Tell the connections of a test, the last ones each with its story.

    Args:
        here: those made in this process.
        at_server: those made at a server, the oldest first.

    Returns:
        A text of a few lines for each.
    """
    if not here.total and not at_server:
        return "No device connected in this test."
    lines = list(_chapter(_up_to_date(here.last), here.decisions))
    if at_server:
        theirs = Connections()
        for attempt in at_server:
            theirs.note(attempt)
        lines += ["At the server:", *_chapter(list(theirs.last), theirs.decisions)]
    return "\n".join(lines)


def _chapter(attempts: Sequence[ConnectionAttempt], decisions: Counter[str]) -> Iterator[str]:
    total = sum(decisions.values())
    if total > SHOWN:
        counts = ", ".join(f"{count} {name}" for name, count in decisions.most_common())
        yield f"{total} connections: {counts}. The last {SHOWN} of them:"
    for at, attempt in enumerate(attempts):
        came_back = any(a.certificate_id == attempt.certificate_id for a in attempts[at + 1 :])
        yield from _connection(total - len(attempts) + 1 + at, attempt, came_back)


def _up_to_date(noted: Collection[ConnectionAttempt]) -> list[ConnectionAttempt]:
    """The attempts as they are told now: a run may have ended after its connection."""
    if not noted:
        return []
    from moto_jitp.devices.attempts import all_connection_attempts

    present = {attempt.sequence: attempt for attempt in all_connection_attempts()}
    return [present.get(attempt.sequence, attempt) for attempt in noted]


def _connection(number: int, attempt: ConnectionAttempt, came_back: bool) -> Iterator[str]:
    subject = attempt.subject or "(no subject)"
    if attempt.reason is None:
        yield f"{number}. {subject}: accepted as client {attempt.client_id!r}"
        return
    yield f"{number}. {subject}: refused, {attempt.reason.value}"
    yield f"   {attempt.message}"
    yield (
        f"   certificate {attempt.certificate_id}, account {attempt.account_id}, "
        f"{attempt.region_name}"
    )
    run = attempt.provisioning
    if run is not None:
        yield from _run(run)
    # A device that was provisioned and came back has done what the advice says.
    if attempt.advice and not (came_back and run is not None and run.succeeded):
        yield f"   to mend: {attempt.advice}"


def _run(run: ProvisioningRun) -> Iterator[str]:
    from moto_jitp.devices.refusal import run_lines

    if run.succeeded:
        # All went well: what was done matters less than where it went wrong in another run.
        steps = (
            f"{step.action} (unchanged)" if step.result == "UNCHANGED" else step.action
            for step in run.steps
        )
        yield f"   provisioned: {', '.join(steps)}"
        return
    for line in run_lines(run):
        yield " " + _CERTIFICATE_ID.sub(r"\1…", line)
