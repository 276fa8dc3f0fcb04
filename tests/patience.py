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

HEALTH_CHECKS = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
"""What hypothesis is not to check where a property takes a fixture of pytest's."""

_LOOK_EVERY = 0.02


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another process does and nothing tells of."""
    give_up = time.monotonic() + HANG
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(_LOOK_EVERY)
