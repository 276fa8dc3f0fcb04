"""A test's requests that are used up: failures of operations, disturbances of connections."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from moto_jitp.locks import new_lock


def _always() -> bool:
    return True


class PlannedRequest:
    """Something to happen a number of times; ends by itself, with :meth:`cancel` or with a block.

    Args:
        plan: the plan that it belongs to.
        times: how many times; ``None`` without a limit.
        holds: says whether it still counts, for one that ends with something else.

    Attributes:
        number: its number in this process, among those of its plan.
        remaining: how often it is still to happen; ``None`` without a limit.
        calls: how often it has happened so far.
        is_cancelled: whether it was cancelled.
    """

    def __init__(
        self, plan: Plan[Any], times: int | None, holds: Callable[[], bool] | None = None
    ) -> None:
        self._plan = plan
        self.number: int = next(plan.numbers)
        self.remaining = times
        self.calls = 0
        self.holds = holds or _always
        self.is_cancelled = False

    def cancel(self) -> None:
        """Withdraw the request; a second call does nothing."""
        with self._plan.lock:
            self._plan.drop(lambda request: request is self)
            self.remaining = 0
            self.is_cancelled = True


RequestT = TypeVar("RequestT", bound=PlannedRequest)


class Plan(Generic[RequestT]):
    """The requests of one kind that are not used up.

    Attributes:
        lock: held while requests are used up.
        numbers: numbers the requests.
    """

    def __init__(self) -> None:
        self.lock = new_lock()
        self.numbers = itertools.count(1)
        self._requests: list[RequestT] = []

    def __bool__(self) -> bool:
        return bool(self._requests)

    def add(self, request: RequestT) -> RequestT:
        """Plan a request, after the existing ones."""
        with self.lock:
            self._requests.append(request)
        return request

    def requests(self) -> tuple[RequestT, ...]:
        """Return the requests still planned, in the order in which they were made."""
        with self.lock:
            return tuple(self.still_planned())

    def still_planned(self) -> list[RequestT]:
        """Return the same; the caller holds the lock."""
        self.drop(lambda request: not request.holds())
        return list(self._requests)

    def use_one(self, requests: Sequence[RequestT]) -> RequestT:
        """Use up one of the requests that fit, of which there is at least one; the caller holds the
        lock.

        Those that end by themselves come first, oldest first, since their turn would never come
        after one that does not end. Of those that do not end, the newest counts.
        """
        request = next(
            (request for request in requests if request.remaining is not None), requests[-1]
        )
        request.calls += 1
        if request.remaining is not None:
            request.remaining -= 1
            if request.remaining <= 0:
                self._requests.remove(request)
        return request

    def drop(self, has_ended: Callable[[RequestT], bool]) -> None:
        """Remove requests that ended before they were used up; the caller holds the lock."""
        ended_requests = [request for request in self._requests if has_ended(request)]
        for request in ended_requests:
            request.remaining = 0
            self._requests.remove(request)
