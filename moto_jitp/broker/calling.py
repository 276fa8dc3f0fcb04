"""Calls several callables, all of them even if one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def call_each(functions: Iterable[Callable[..., object]], *args: Any) -> None:
    """Call functions, one after the other.

    An exception is raised once all have been called; if there are several, the first.

    Args:
        functions: the functions to call.
        *args: the arguments of each call.

    Raises:
        Exception: the first error, after all functions were called.
    """
    first: Exception | None = None
    for function in functions:
        try:
            function(*args)
        except Exception as failure:
            first = first or failure
    if first is not None:
        raise first
