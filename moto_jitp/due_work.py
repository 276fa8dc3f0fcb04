"""Due work: one call carries out all that time has finished, wherever it was begun.

Slow provisioning, bulk registration, delayed rules, and the timeouts of jobs and silent sessions
fall due at some moment of the clock. Nothing here waits for that moment: the next call of any AWS
service carries out what is due by then, before it is answered, and so does a connected device that
publishes or subscribes. Each part registers its own work.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from operator import itemgetter


class Turn(enum.IntEnum):
    """The order in which due work is carried out: later parts may need what earlier ones did."""

    RUNS = 1
    TASKS = 2
    RULES = 3
    JOBS = 4
    SESSIONS = 5


_Finisher = Callable[[], object]

_finishers: list[tuple[Turn, _Finisher]] = []


def finishes(turn: Turn) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function that carries out due work of one kind, in every account and Region.

    Args:
        turn: when it is called.

    Examples:
        >>> @finishes(Turn.JOBS)
        ... def end_what_is_late() -> None: ...
    """

    def enter(function: Callable[[], None]) -> Callable[[], None]:
        _finishers.append((turn, function))
        _finishers.sort(key=itemgetter(0))
        return function

    return enter


def carry_out_due_work() -> None:
    """Carry out all due work, in every account and Region."""
    for _, finish in _finishers:
        finish()
