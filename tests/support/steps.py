"""Counts what a call does, which no slow machine changes."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps_of(call: Callable[[], object], packages: str | tuple[str, ...] = "moto_jitp") -> int:
    """How many lines of some packages' code a call executes.

    Those of others, such as finalizers that the garbage collector calls meanwhile, do not count.

    Args:
        call: what is counted.
        packages: how the names of the modules that count begin.
    """
    steps = 0

    def trace(frame: FrameType, *_: Any) -> Any:
        nonlocal steps
        if not frame.f_globals.get("__name__", "").startswith(packages):
            return None
        steps += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    assert steps
    return steps


def calls_of(call: Callable[[], object], packages: str | tuple[str, ...] = "") -> Counter[str]:
    """How often a call comes to each function, those in C among them, by the function's name.

    What threads do that begin meanwhile counts, too.

    Args:
        call: what is counted.
        packages: how the names of the modules that count begin; those of the caller for functions
            in C. Without it all of them do.
    """
    calls: Counter[str] = Counter()

    def profile(frame: FrameType, event: str, function: Any) -> None:
        if not frame.f_globals.get("__name__", "").startswith(packages):
            return
        if event == "call":
            calls[frame.f_code.co_name] += 1
        elif event == "c_call":
            calls[function.__name__] += 1

    before = sys.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # type: ignore[arg-type]
    return calls
