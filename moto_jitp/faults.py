"""Faults: failures of operations that a test has requested.

``jitp.fail("CreateThing", "ThrottlingException")`` makes the next CreateThing fail, whether boto3
calls it or a provisioning run does.
"""

from __future__ import annotations

from collections.abc import Callable

from moto_jitp.planned_requests import Plan, PlannedRequest


class Fault(PlannedRequest):
    """One request to fail an operation; ends by itself, with :meth:`cancel` or with the block.

    Attributes:
        number: its number in this process.
        operation: the API operation's name, such as ``CreateThing``.
        code: the error code that it fails with.
        message: the error text.
        remaining: how many calls are still to fail; ``None`` for all.
        calls: how many calls have failed so far.
        is_cancelled: whether it was cancelled.
    """

    def __init__(
        self,
        operation: str,
        code: str,
        message: str,
        times: int | None,
        holds: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__(_plan, times, holds)
        self.operation = operation
        self.code = code
        self.message = message

    def __repr__(self) -> str:
        return f"<Fault {described(self.operation, self.code, self.remaining)}>"


def described(operation: str, code: str, remaining: int | None) -> str:
    """Describe a request, for its ``repr``."""
    return f"{operation} {code} ({'always' if remaining is None else f'{remaining} more'})"


_plan: Plan[Fault] = Plan()


def add(
    operation: str,
    code: str,
    message: str,
    times: int | None,
    holds: Callable[[], bool] | None = None,
) -> Fault:
    """Make an operation fail; the caller has checked the names.

    Args:
        operation: the API operation's name.
        code: the error code.
        message: the error text.
        times: how many calls fail; ``None`` for all until the fault is cancelled.
        holds: says whether the request still counts, for one that ends with something else.
    """
    return _plan.add(Fault(operation, code, message, times, holds))


def any_planned() -> bool:
    """Whether any failure is pending."""
    return bool(_plan)


def planned() -> tuple[Fault, ...]:
    """The failures that are still pending, in the order in which they were requested."""
    return _plan.requests()


def take(operation: str) -> Fault | None:
    """Return the fault with which this call of an operation fails, and count it."""
    with _plan.lock:
        planned_faults = [fault for fault in _plan.still_planned() if fault.operation == operation]
        return _plan.use_one(planned_faults) if planned_faults else None
