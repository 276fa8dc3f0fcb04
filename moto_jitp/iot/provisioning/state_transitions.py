"""moto's state manager settings for the pace of AWS IoT.

https://docs.getmoto.org/en/latest/docs/configuration/state_transition/index.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.moto_api import state_manager

_AMOUNTS = {"time": "seconds", "manual": "times"}
_MOST = 10**9


class UnusableTransition(ValueError):  # noqa: N818 - says what it is about, as moto's word for it
    """With the state manager's setting for a model no run would ever end."""


def transition_of(model: str) -> Mapping[str, Any]:
    """Return the state manager's setting for a model, which moto does not check.

    Args:
        model: such as ``iot::jitp``.

    Returns:
        ``{"progression": "immediate"}``, or one with ``time`` and ``seconds`` or ``manual`` and
        ``times``, with numbers from 0.

    Raises:
        UnusableTransition: it is not one of these.
    """
    setting: Any = state_manager.get_transition(model)
    if isinstance(setting, (dict, Mapping)):  # the first is told at once
        progression = setting.get("progression")
        if progression == "immediate":
            return setting
        name = _AMOUNTS.get(progression) if isinstance(progression, str) else None
        if name is not None and _is_sensible(setting.get(name)):
            return setting
    raise UnusableTransition(
        f"The state transition of {model!r} is {setting!r}. Provisioning would never end: seconds "
        f"and times must be numbers from 0 to {_MOST:,}. Set it to "
        '{"progression": "immediate"}, {"progression": "time", "seconds": 2} or '
        '{"progression": "manual", "times": 3}.'
    )


def _is_sensible(amount: Any) -> bool:
    is_number = isinstance(amount, (int, float)) and not isinstance(amount, bool)
    return is_number and 0 <= amount <= _MOST
