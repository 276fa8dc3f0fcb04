"""Failures on demand: operations that a test has asked to fail.

``jitp.fail("CreateThing", "ThrottlingException")`` makes the next CreateThing fail, whether boto3
calls it or a provisioning run does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from moto_jitp.locks import new_lock

_numbers = itertools.count(1)


def _always() -> bool:
    return True


class Fault:
    """One request to fail an operation; ends by itself, with :meth:`cancel` or with the block.

    Attributes:
        number: its number in this process.
        operation: the API operation's name, such as ``CreateThing``.
        code: the error code that it fails with.
        message: the error text.
        remaining: how many calls are still to fail; ``None`` for every one.
        calls: how many calls have failed so far.
    """

    def __init__(
        self,
        operation: str,
        code: str,
        message: str,
        times: int | None,
        holds: Callable[[], bool] = _always,
    ) -> None:
        self.number = next(_numbers)
        self.operation = operation
        self.code = code
        self.message = message
        self.remaining = times
        self.calls = 0
        self.holds = holds

    def cancel(self) -> None:
        """Let the operation succeed again; a second time does nothing."""
        with _lock:
            _drop(lambda fault: fault is self)
            self.remaining = 0

    def __repr__(self) -> str:
        return f"<Fault {described(self.operation, self.code, self.remaining)}>"


def described(operation: str, code: str, remaining: int | None) -> str:
    """Return what a request is about, for its ``repr``."""
    return f"{operation} {code} ({'always' if remaining is None else f'{remaining} more'})"


_lock = new_lock()
_faults: list[Fault] = []


def add(
    operation: str,
    code: str,
    message: str,
    times: int | None,
    holds: Callable[[], bool] = _always,
) -> Fault:
    """Have an operation fail; names are checked by the caller.

    Args:
        operation: the API operation's name.
        code: the error code.
        message: the error text.
        times: how many calls fail; ``None`` for every one until the fault is cancelled.
        holds: says whether the request still counts, for one that ends with something else.
    """
    fault = Fault(operation, code, message, times, holds)
    with _lock:
        _faults.append(fault)
    return fault


def any_planned() -> bool:
    """Whether any failure is asked for."""
    return bool(_faults)


def planned() -> tuple[Fault, ...]:
    """The failures that are still asked for, in the order in which they were."""
    with _lock:
        _drop(lambda fault: not fault.holds())
        return tuple(_faults)


def take(operation: str) -> Fault | None:
    """Return the fault that this call of an operation is to fail with, and count it.

    Those that end by themselves are used up first, the oldest first, for they would never come
    after one that does not end. Of those that do not end, the newest counts.
    """
    with _lock:
        _drop(lambda fault: not fault.holds())
        asked = [fault for fault in _faults if fault.operation == operation]
        ending = [fault for fault in asked if fault.remaining is not None]
        if not asked:
            return None
        fault = ending[0] if ending else asked[-1]
        fault.calls += 1
        if fault.remaining is not None:
            fault.remaining -= 1
            if fault.remaining <= 0:
                _faults.remove(fault)
        return fault


def _drop(has_ended: Callable[[Fault], bool]) -> None:
    """Take out what has ended before it was used up; the caller holds the lock."""
    ended = [fault for fault in _faults if has_ended(fault)]
    for fault in ended:
        fault.remaining = 0
        _faults.remove(fault)
