"""How long tests wait."""

from __future__ import annotations

import time
from collections.abc import Callable

from hypothesis import HealthCheck

HANG = 1800.0
"""Seconds after which a test considers what it waits for hung.

A time limit in a test ends a hang and does not measure speed: a busy or slow machine must not reach
it. Speed is shown by what happens, or by processor time.
"""

HEALTH_CHECKS = (
    HealthCheck.too_slow,
    HealthCheck.function_scoped_fixture,
    HealthCheck.data_too_large,
)
"""Health checks that hypothesis skips for properties with pytest fixtures, or with much randomness.
"""

_LOOK_EVERY = 0.02


def until(
    is_so: Callable[[], bool],
    *,
    seconds: float = HANG,
    every: float = _LOOK_EVERY,
    required: bool = True,
) -> None:
    """Wait for something that another process does without notice.

    Args:
        is_so: whether it has been done.
        seconds: how long at most; longer waits set their own limit.
        every: seconds between two checks.
        required: whether it must be done in the end.
    """
    give_up = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() >= give_up:
            assert not required, f"It is not so after {seconds:.0f} seconds."
            return
        time.sleep(every)
