"""A clock for sockets, which runs on while a test freezes the time.

freezegun replaces ``time.monotonic`` wherever it finds it in a module. A socket's time limit that
followed it would never end, or end at once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


def real_monotonic() -> Callable[[], float]:
    """Return the interpreter's own clock, even while freezegun freezes the time."""
    api = sys.modules.get("freezegun.api")
    real: Callable[[], float] = getattr(api, "real_monotonic", time.monotonic)
    return real
