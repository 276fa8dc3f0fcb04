"""Calls several callables of which one may fail, so that the rest are still called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def call_each(functions: Iterable[Callable[..., object]], *args: Any) -> None:
    """Call functions, one after the other.

    What one of them raises is raised once all have been called; if several raise, that of the
    first.

    Args:
        functions: what is called.
        *args: what each of them is called with.

    Raises:
        Exception: the first error of a callable, after all of them were called.
    """
    first: Exception | None = None
    for function in functions:
        try:
            function(*args)
        except Exception as failure:
            first = first or failure
    if first is not None:
        raise first
