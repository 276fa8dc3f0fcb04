"""The outputs of operations."""

from __future__ import annotations

from typing import Any


def without_null(output: dict[str, Any]) -> dict[str, Any]:
    """Return an output without the members that have no value, which AWS omits.

    Args:
        output: the output, with ``None`` for members without a value.
    """
    return {name: value for name, value in output.items() if value is not None}
