"""Limits moto's state manager settings for our models to the block that made them.

moto's settings outlive every mock, and there is one per model: what an inner block sets would stay
in force in the outer one. Here each block has a setting of its own, or none; the innermost block
that has one counts, and a block that ends removes its own and no other, in whatever order blocks
end. https://docs.getmoto.org/en/latest/docs/configuration/state_transition/index.html
"""

from __future__ import annotations

from copy import copy
from typing import Any

Transition = dict[str, Any]


class TransitionLayer:
    """One block's settings; hand it back to :func:`leave` when the block ends.

    Attributes:
        own: what was set while the block was the innermost, by model.
    """

    __slots__ = ("own",)

    def __init__(self) -> None:
        self.own: dict[str, Transition] = {}


class _Model:
    """The state manager's setting for one model.

    Attributes:
        name: the model's name.
        ground: the setting outside all blocks.
        in_force: the very object that was put into force here; any other was set by someone else.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.ground: Transition = {}
        self.in_force: Transition = {}


_layers: list[TransitionLayer] = []
#: How fast devices are provisioned, rules follow their messages, and bulk registrations proceed.
_models = (_Model("iot::jitp"), _Model("iot::rule"), _Model("iot::thing-registration-task"))


def enter() -> TransitionLayer:
    """Begin a block, which owns what is set from now on. The caller holds the mocks' lock."""
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
    from moto.moto_api import state_manager

    for model in _models:
        transition = state_manager.get_transition(model.name)
        if not _layers:
            model.ground = transition
        elif transition is not model.in_force:
            _layers[-1].own[model.name] = transition


def _put_into_force() -> None:
    from moto.moto_api import state_manager

    for model in _models:
        if _layers:
            settings = [
                layer.own[model.name] for layer in reversed(_layers) if model.name in layer.own
            ]
            # A copy: a block that sets the same object again has made a setting of its own.
            model.in_force = copy(settings[0] if settings else model.ground)
            state_manager.set_transition(model.name, model.in_force)
            continue
        state_manager.unset_transition(model.name)
        if state_manager.get_transition(model.name) != model.ground:
            state_manager.set_transition(model.name, model.ground)
