"""How many random inputs a test draws: a few in every run, far more with ``--long``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy

from support.patience import HEALTH_CHECKS

LONG_MINUTES = 3.0
"""How long one test draws with ``--long`` at most.

It is processor time: other work on the machine does not make a test draw fewer inputs.
"""


def portions(few: int, many: int, long: bool, size: int = 50) -> Iterator[int]:
    """Yield the numbers of examples that hypothesis should draw, in portions, until they suffice.

    Args:
        few: how many in every run, in one portion.
        many: how many with ``--long``, or as many as possible in :data:`LONG_MINUTES`.
        long: whether ``--long`` was given.
        size: how many in a portion, which is always completed.
    """
    if not long:
        yield few
        return
    until = time.process_time() + LONG_MINUTES * 60
    while many > 0 and time.process_time() < until:
        yield min(many, size)
        many -= size


def drawn(
    check: Callable[..., None], *strategies: SearchStrategy[Any], few: int, many: int, long: bool
) -> None:
    """Check a property with inputs that hypothesis draws.

    Args:
        check: called with the inputs.
        strategies: the strategy for each of them.
        few: as for :func:`portions`.
        many: as for :func:`portions`.
        long: as for :func:`portions`.
    """
    for count in portions(few, many, long):
        with_inputs = given(*strategies)(check)
        settings(max_examples=count, suppress_health_check=HEALTH_CHECKS)(with_inputs)()
