"""Keeps what moto's state manager is told for our model within the block that told it.

moto's settings outlive every mock, and it has one for each model: what an inner block sets would
stay on in the outer one. Here each block has a setting of its own, or none; the innermost one that
has any counts, and a block that ends takes out its own and no other, in whatever order blocks end.
https://docs.getmoto.org/en/latest/docs/configuration/state_transition/index.html
"""

from __future__ import annotations

from copy import copy
from typing import Any

#: The model name under which moto's state manager keeps how fast devices get their state.
_MODEL = "iot::jitp"

Transition = dict[str, Any]


class TransitionLayer:
    """One block's setting; hand it back to :func:`leave` when the block ends.

    Attributes:
        own: what was set while the block was the innermost, or ``None``.
    """

    __slots__ = ("own",)

    def __init__(self) -> None:
        self.own: Transition | None = None


_layers: list[TransitionLayer] = []
#: What holds outside all blocks.
_ground: Transition = {}
#: The very object that was put into force here; another one was set by somebody else.
_in_force: Transition = {}


def enter() -> TransitionLayer:
    """Begin a block; what is set from now on belongs to it. The caller holds the mocks' lock."""
    _take_note()
    layer = TransitionLayer()
    _layers.append(layer)
    _put_into_force()
    return layer


def leave(layer: TransitionLayer) -> None:
    """End a block; the caller holds the mocks' lock."""
    _take_note()
    _layers.remove(layer)
    _put_into_force()


def _take_note() -> None:
    global _ground
    from moto.moto_api import state_manager

    found = state_manager.get_transition(_MODEL)
    if not _layers:
        _ground = found
    elif found is not _in_force:
        _layers[-1].own = found


def _put_into_force() -> None:
    global _in_force
    from moto.moto_api import state_manager

    if _layers:
        settings = [layer.own for layer in reversed(_layers) if layer.own is not None]
        # A copy: a block that sets the same object again has set one of its own.
        _in_force = copy(settings[0] if settings else _ground)
        state_manager.set_transition(_MODEL, _in_force)
        return
    state_manager.unset_transition(_MODEL)
    if state_manager.get_transition(_MODEL) != _ground:
        state_manager.set_transition(_MODEL, _ground)
