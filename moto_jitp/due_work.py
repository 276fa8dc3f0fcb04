"""What time finishes: one call carries out all of it, wherever it was begun.

Provisioning that takes its time, bulk registration, rules that run later, timeouts of jobs and
sessions that have fallen silent are due at a moment of the clock. Nothing here waits for that
moment: the next call of any AWS service carries out what is due by then, before it is answered, and
so does a connected device that publishes or subscribes. Each part enters what it has.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from operator import itemgetter


class Turn(enum.IntEnum):
    """Whose turn it is, where several things are due: what follows may need what came before."""

    RUNS = 1
    TASKS = 2
    RULES = 3
    JOBS = 4
    SESSIONS = 5


_Finisher = Callable[[], object]

_finishers: list[tuple[Turn, _Finisher]] = []


def finishes(turn: Turn) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Enter a function that carries out what is due of one kind, in every account and Region.

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
    """Carry out what time has finished, in every account and Region."""
    for _, finish in _finishers:
        finish()
