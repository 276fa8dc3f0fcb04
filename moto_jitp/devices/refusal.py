"""``ConnectionRefused``: the error that says everything about a refused device."""

from __future__ import annotations

from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason
from moto_jitp.history.runs import ProvisioningRun, StepResult

_MARKS = {
    StepResult.SUCCEEDED: "ok",
    StepResult.UNCHANGED: "unchanged",
    StepResult.FAILED: "FAILED",
}


class ConnectionRefused(Exception):  # noqa: N818 - the name that users know from sockets
    """A device was refused; the text says why and what to change.

    Attributes:
        reason: the last attempt's reason.
        certificate_id: the id of the certificate that the device presented.
        attempts: the attempts that were made, oldest first.
        provisioning: the provisioning run that was set off, if one was.
    """

    def __init__(self, attempts: tuple[ConnectionAttempt, ...]) -> None:
        last = attempts[-1]
        assert last.reason is not None
        self.reason: RefusalReason = last.reason
        self.certificate_id: str = last.certificate_id
        self.attempts = attempts
        self.provisioning: ProvisioningRun | None = next(
            (attempt.provisioning for attempt in reversed(attempts) if attempt.provisioning), None
        )
        super().__init__(_explain_all(attempts))

    def __reduce__(self) -> tuple[type[ConnectionRefused], tuple[object, ...]]:
        return type(self), (self.attempts,)


def _explain_all(attempts: tuple[ConnectionAttempt, ...]) -> str:
    """Describe the last attempt, after the one before it where that provisioned the device."""
    return "\n".join(
        explain(attempt)
        for attempt in attempts
        if attempt is attempts[-1] or attempt.provisioning is not None
    )


def explain(attempt: ConnectionAttempt) -> str:
    """Describe an attempt in a few lines for a terminal: decision, steps, what to change."""
    decision = attempt.reason.value if attempt.reason else "ACCEPTED"
    lines = [
        f"{decision}: {attempt.message}",
        f"  device:   {attempt.subject or '(no subject)'} (certificate {attempt.certificate_id})",
        f"  endpoint: account {attempt.account_id}, {attempt.region_name}, server name "
        f"{attempt.server_name or '(none)'}",
    ]
    if attempt.provisioning is not None:
        lines += run_lines(attempt.provisioning)
    if attempt.advice:
        lines.append(f"  to mend:  {attempt.advice}")
    return "\n".join(lines)


def run_lines(run: ProvisioningRun) -> list[str]:
    """Describe a run: the template, what was offered and wanted, each step."""
    source = f"template {run.template_name}" if run.template_name else "the CA's template body"
    lines = [f"  template: {source}; provisioning {run.status.value}"]
    wanted = frozenset(run.wanted)
    for name in run.wanted:
        value = run.parameters.get(name)
        lines.append(f"    wants {name}: {'nothing offered' if value is None else repr(value)}")
    besides = [f"{name} {value!r}" for name, value in run.parameters.items() if name not in wanted]
    if besides:
        lines.append(f"    offered besides: {', '.join(besides)}")
    for number, step in enumerate(run.steps, 1):
        line = f"    {number}. {step.action} {step.resource}: {_MARKS[step.result]}"
        if step.error_code:
            line += f" ({step.error_code}: {step.message})"
        lines.append(line)
    if run.place:
        lines.append(f"    place in the template: {run.place}")
    return lines
