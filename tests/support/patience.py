"""How long a test waits for what is to come."""

from __future__ import annotations

import time
from collections.abc import Callable

from hypothesis import HealthCheck

HANG = 1800.0
"""Seconds after which a test calls hung what it waits for.

A limit of time in a test ends a hang, and does not measure speed: a machine that does much else at
the moment, or a slow one, must not meet it. What is quick is shown by what happens, or by the
processor time that it takes.
"""

HEALTH_CHECKS = (
    HealthCheck.too_slow,
    HealthCheck.function_scoped_fixture,
    HealthCheck.data_too_large,
)
"""What hypothesis is not to check where a property takes a fixture of pytest's, or much chance."""

_LOOK_EVERY = 0.02


def until(
    is_so: Callable[[], bool],
    *,
    seconds: float = HANG,
    every: float = _LOOK_EVERY,
    required: bool = True,
) -> None:
    """Wait for what another process does and nothing tells of.

    Args:
        is_so: whether it has been done.
        seconds: how long at most; what is far away has a limit of its own.
        every: seconds between two looks.
        required: whether it must be so in the end.
    """
    give_up = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() >= give_up:
            assert not required, f"It is not so after {seconds:.0f} seconds."
            return
        time.sleep(every)
