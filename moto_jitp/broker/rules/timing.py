"""When rules run: at once or after some time, by moto's state manager setting for ``iot::rule``.

On AWS a rule runs some moments after its message was published. Here it has run when ``publish``
returns, unless the state manager is set to ``{"progression": "time", "seconds": 2}``. Then the next
call of any AWS service runs the rules that are due by then, in the order of the messages.
https://docs.getmoto.org/en/latest/docs/configuration/state_transition/index.html
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from moto.iot.models import IoTBackend
from moto.moto_api import state_manager

from moto_jitp import settings
from moto_jitp.due_work import Turn, finishes
from moto_jitp.history.acting_moment import acting_at, acting_moment
from moto_jitp.history.state import existing_backends, lock_of, state_of

MODEL = "iot::rule"
_MOST = 10**9

state_manager.register_default_transition(MODEL, {"progression": "immediate"})

_is_carrying_out: ContextVar[bool] = ContextVar("moto_jitp_carrying_out_rules", default=False)


class UnusableRuleTransition(ValueError):  # noqa: N818 - says what it is about, as moto's word
    """With the state manager's setting for ``iot::rule`` no rule would ever run."""


class _Waiting(NamedTuple):
    """Rules that are to run later.

    Attributes:
        published: when the message was published, in UTC.
        run: runs them.
        settings: those in force then.
    """

    published: datetime
    run: Callable[[], None]
    settings: settings.JitpSettings


class _LaterRules:
    """The waiting rules of one account and Region, in the order of the messages."""

    def __init__(self) -> None:
        self.waiting: list[_Waiting] = []


def delay() -> timedelta | None:
    """Return how long after its message a rule runs; ``None`` for at once.

    Raises:
        UnusableRuleTransition: with the state manager's setting no rule would ever run.
    """
    setting: Any = state_manager.get_transition(MODEL)
    progression = setting.get("progression")
    if progression == "immediate":
        return None
    seconds = setting.get("seconds")
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if progression == "time" and is_number and 0 <= seconds <= _MOST:
        return timedelta(seconds=seconds)
    raise UnusableRuleTransition(
        f"The state transition of {MODEL!r} is {setting!r}, with which no rule would ever run. "
        'Set it to {"progression": "immediate"} or {"progression": "time", "seconds": 2}.'
    )


def run_in_time(backend: IoTBackend, run: Callable[[], None]) -> None:
    """Run the rules of a message now, or keep them until they are due.

    Args:
        backend: the account and Region.
        run: runs them.

    Raises:
        UnusableRuleTransition: with the state manager's setting no rule would ever run.
    """
    if delay() is None:
        run()
        return
    later = _Waiting(acting_moment(), run, settings.current())
    with lock_of(backend):
        state_of(backend).part(_LaterRules).waiting.append(later)


@finishes(Turn.RULES)
def carry_out_due_rules() -> None:
    """Run the rules that are due, in every account and Region."""
    if _is_carrying_out.get():
        return  # an action's own call: the due rules are already being run in order
    token = _is_carrying_out.set(True)
    try:
        for backend in existing_backends():
            while (next_due := _next_due(backend)) is not None:
                moment, waiting_rules = next_due
                with acting_at(moment), settings.held(waiting_rules.settings):
                    waiting_rules.run()
    finally:
        _is_carrying_out.reset(token)


def _next_due(backend: IoTBackend) -> tuple[datetime, _Waiting] | None:
    later = state_of(backend).part(_LaterRules)
    if not later.waiting:
        return None
    try:
        wait = delay() or timedelta()
    except UnusableRuleTransition:
        return None  # the error concerns only the publisher
    with lock_of(backend):
        if not later.waiting or later.waiting[0].published + wait > datetime.now(timezone.utc):
            return None
        waiting_rules = later.waiting.pop(0)
    return waiting_rules.published + wait, waiting_rules
