"""A clock for sockets, which goes on while a test holds the time.

freezegun replaces ``time.monotonic`` wherever it finds it in a module. A time limit of a socket
that followed it would never end, or end at once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


def real_monotonic() -> Callable[[], float]:
    """Return the clock that the interpreter came with, also while freezegun holds the time."""
    api = sys.modules.get("freezegun.api")
    real: Callable[[], float] = getattr(api, "real_monotonic", time.monotonic)
    return real
