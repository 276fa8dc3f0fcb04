"""Counts the steps of a call, which do not depend on the machine's speed."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps_of(call: Callable[[], object], packages: str | tuple[str, ...] = "moto_jitp") -> int:
    """Count the lines of some packages' code that a call executes.

    Other code, such as finalizers that the garbage collector calls, does not count.

    Args:
        call: the call to count.
        packages: the prefixes of the modules that count.
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
    """Count how often a call calls each function, including those in C, by the function's name.

    Threads that it starts count, too.

    Args:
        call: the call to count.
        packages: the prefixes of the modules that count (for functions in C, of the caller's). By
            default all do.
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
