"""Attempts and runs in words, for exceptions and a test's report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from moto_jitp.printing import one_line

from .attempts import ConnectionAttempt, RefusalReason
from .journal import RunEntry, RunOrigin
from .runs import ProvisioningRun, StepResult

_FIX = "fix"
PROVISIONED = "provisioned, AWS drops this connection"

_MARKS = {
    StepResult.SUCCEEDED: "ok",
    StepResult.UNCHANGED: "unchanged",
    StepResult.FAILED: "FAILED",
}
_CERTIFICATE_ID = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")


def explain_all(attempts: Sequence[ConnectionAttempt]) -> str:
    """Describe the last attempt, together with those that provisioned the device.

    If the device is accepted, they are listed in the order in which they were made. If it is
    refused, the reason comes first, as shortened errors mostly keep their beginning.
    """
    *before, last = attempts
    runs = [attempt for attempt in before if attempt.provisioning is not None]
    if last.reason is not None:
        stories = [explain(last), *(f"Before that, {explain(attempt)}" for attempt in runs)]
    else:
        stories = [*(_explained_in_passing(attempt) for attempt in runs), explain(last)]
    return "\n".join(stories)


def explain(attempt: ConnectionAttempt) -> str:
    """Describe an attempt in a few lines for a terminal: decision, steps, what to change.

    No text that the device has chosen starts a line of its own.
    """
    return _explained(attempt.reason.value if attempt.reason else "ACCEPTED", attempt)


def _explained_in_passing(attempt: ConnectionAttempt) -> str:
    """Describe an attempt after which the device came back and was accepted."""
    if not _was_provisioned(attempt):
        return explain(attempt)
    return _explained(PROVISIONED, attempt, advice=False)


def _explained(decision: str, attempt: ConnectionAttempt, *, advice: bool = True) -> str:
    lines = [
        f"{decision}: {attempt.message}",
        f"  device:   {_subject(attempt)} (certificate {attempt.certificate_id})",
        f"  endpoint: account {attempt.account_id}, {attempt.region_name}, server name "
        f"{attempt.server_name or '(none)'}",
    ]
    if attempt.provisioning is not None:
        lines += _run_lines(attempt.provisioning)
    if attempt.advice and advice:
        lines.append(f"  {_FIX}:  {attempt.advice}")
    return "\n".join(map(one_line, lines))


def _was_provisioned(attempt: ConnectionAttempt) -> bool:
    """Whether the attempt provisioned the device, although it ended the connection."""
    run = attempt.provisioning
    return attempt.reason is RefusalReason.RECONNECT_REQUIRED and run is not None and run.succeeded


def report_of_attempt(
    number: int, attempt: ConnectionAttempt, *, has_come_back: bool
) -> Iterator[str]:
    """Yield the lines of an attempt in the report of a failed test.

    Args:
        number: its place among the attempts of the test.
        attempt: the attempt.
        has_come_back: whether the device has connected again since.
    """
    if attempt.reason is None:
        yield f"{number}. {_subject(attempt)}: accepted as client {attempt.client_id!r}"
        return
    worked = _was_provisioned(attempt)
    decision = PROVISIONED if worked else f"refused, {attempt.reason.value}"
    yield f"{number}. {_subject(attempt)}: {decision}"
    yield f"   {attempt.message}"
    yield (
        f"   certificate {attempt.certificate_id}, account {attempt.account_id}, "
        f"{attempt.region_name}"
    )
    run = attempt.provisioning
    if run is not None:
        yield from _reported(run)
    # A device that came back after provisioning has followed the advice.
    if attempt.advice and not (has_come_back and worked):
        yield f"   {_FIX}: {attempt.advice}"


_GIVERS = {RunOrigin.REGISTER_THING: "call", RunOrigin.BULK_REGISTRATION: "task"}
"""The origin of a template body that is not stored."""


def report_of_run(entry: RunEntry) -> Iterator[str]:
    """Yield the lines of a run without an attempt, in the report of a failed test."""
    if entry.origin is RunOrigin.REGISTER_THING:
        yield "RegisterThing of the API:"
    elif entry.origin is RunOrigin.BULK_REGISTRATION:
        yield "A line of a bulk registration:"
    yield from _reported(entry.run, entry.origin)
    if entry.run.advice:
        yield f"   {_FIX}: {entry.run.advice}"


def _subject(attempt: ConnectionAttempt) -> str:
    return attempt.subject or "(no subject)"


def _reported(run: ProvisioningRun, origin: RunOrigin = RunOrigin.JITP) -> Iterator[str]:
    if run.succeeded:
        # All went well: the steps matter less than the failure of another run.
        steps = (
            f"{step.action} (unchanged)" if step.result is StepResult.UNCHANGED else step.action
            for step in run.steps
        )
        yield f"   provisioned: {', '.join(steps)}"
        return
    for line in _run_lines(run, origin):
        yield " " + _CERTIFICATE_ID.sub(r"\1…", line)


def _run_lines(run: ProvisioningRun, origin: RunOrigin = RunOrigin.JITP) -> Iterator[str]:
    """Yield the lines of a run: the template, its parameters provided and required, each step."""
    giver = _GIVERS.get(origin, "CA")
    name = run.template_name
    source = f"template {name}" if name else f"the {giver}'s template body"
    yield f"  template: {source}; provisioning {run.status.value}"
    required_names = frozenset(run.wanted)
    for name in run.wanted:
        value = run.parameters.get(name)
        yield f"    requires {name}: {'missing' if value is None else repr(value)}"
    besides = [
        f"{name} {value!r}" for name, value in run.parameters.items() if name not in required_names
    ]
    if besides:
        yield f"    also provided: {', '.join(besides)}"
    for number, step in enumerate(run.steps, 1):
        error_text = ": ".join(filter(None, (step.error_code, step.message)))
        note = f" ({error_text})" if error_text else ""
        yield f"    {number}. {step.action} {step.resource}: {_MARKS[step.result]}{note}"
    if run.place:
        yield f"    place in the template: {run.place}"
