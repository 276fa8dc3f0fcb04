"""Keeps the process's state right while moto's mocks overlap, in whatever order they end.

moto's own mock expects that mocks end in the reverse order of their start. If A starts, B starts, A
stops and B stops, then A's configuration, the fake credentials that B took for real ones, and A's
``boto3.DEFAULT_SESSION`` stay behind for good; an inner mock's configuration stays in force in the
outer one even when they end in order. A mock cannot put this right by looking only at its own start
and end: in the order above the fake credentials vanish when A stops, while B is active, and in the
opposite overlap the damage is done after B has ended.

So while a ``mock_jitp`` takes part, the start and stop of every moto mock pass through here. Each
mock is a layer that remembers what it changed; a layer that ends undoes its own change and no
other. The watch begins with the first ``mock_jitp`` and ends with the last mock; without a
``mock_jitp``, moto's mocks are untouched.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import moto.core.models as moto_models
from moto.core import config as moto_config

from moto_jitp.locks import new_rlock, renew_after_fork

# Mocks have no type here: those of server mode are of another class.
USED_OF_MOTO = (
    "moto.core.models.MockAWS()._default_session_mock",
    "moto.core.models.MockAWS()._fake_creds",
    "moto.core.models.MockAWS()._orig_creds",
    "moto.core.models.MockAWS()._user_config_mock.values",
)

Sections = Mapping[str, Mapping[str, Any]]
Credentials = Mapping[str, "str | None"]

#: Taken before moto's own lock, never after it.
lock = new_rlock()
renew_after_fork(moto_models.MockAWS._mock_init_lock)


class _Merged(dict[str, Any]):
    """A section merged here from several layers; a mock that copies it did not set it itself."""


@dataclass(eq=False)
class _Layer:
    """What one active mock changed.

    Attributes:
        mock: the mock that the layer belongs to; a mock started twice has two.
        sections: the sections of moto's configuration that it sets.
        merges: whether its keys are laid over the sections below (our way), or its sections replace
            those below (moto's way, kept for moto's own mocks).
        found: the credentials that it replaced with fake ones, or ``None`` if it replaced none.
        opened: whether it was the first of the active mocks.
    """

    mock: Any
    sections: Sections
    merges: bool
    found: Credentials | None = None
    opened: bool = False


@dataclass(frozen=True)
class _Saved:
    """What a mock found at its start.

    Attributes:
        config: moto's sections, or ``None`` if they are not known.
        credentials: those that it replaced with fake ones, if it did.
    """

    config: dict[str, Any] | None
    credentials: Credentials


_watching = False
_layers: list[_Layer] = []
#: moto's sections as they are without any layer.
_ground_config: dict[str, Any] = {}
#: What the first of the mocks started before the watch found, once it has ended.
_earliest: _Saved | None = None
#: Mocks that ended while others go on, and may have been the first; see _OPENERS_PATCHES.
_ended: list[Any] = []
_plain_start: Any = None
_plain_stop: Any = None


def start(mock: Any, *, reset: bool, config: Sections) -> None:
    """Start a mock of moto's and begin the watch.

    Args:
        mock: what ``mock_aws()`` returned, without a configuration.
        reset: like moto's parameter: clear all state if no other mock is active.
        config: the sections of moto's configuration in force until it stops; keys that they do not
            name keep their values.
    """
    with lock:
        _begin_watch()
        _start_layer(_Layer(mock, config, merges=True), reset)


def stop(mock: Any, *, remove_data: bool) -> None:
    """Stop a mock that :func:`start` started.

    Args:
        mock: the same object.
        remove_data: like moto's parameter: clear all state if no other mock is active.
    """
    _watched_stop(mock, remove_data=remove_data)


def _begin_watch() -> None:
    global _watching, _plain_start, _plain_stop
    # moto's lock: no mock is half started while the present state is taken as the ground.
    with moto_models.MockAWS._mock_init_lock:
        if not _watching:
            _watching = True
            _ground_config.update(moto_config.default_user_config)
            _plain_start = moto_models.MockAWS.start
            _plain_stop = moto_models.MockAWS.stop
            moto_models.MockAWS.start = _watched_start  # type: ignore[method-assign]
            moto_models.MockAWS.stop = _watched_stop  # type: ignore[method-assign]


def _end_watch() -> None:
    global _watching, _earliest
    _watching = False
    moto_models.MockAWS.start = _plain_start  # type: ignore[method-assign]
    moto_models.MockAWS.stop = _plain_stop  # type: ignore[method-assign]
    _layers.clear()
    _ended.clear()
    _apply_config({*_ground_config, *moto_config.default_user_config})
    _ground_config.clear()
    _earliest = None


def _watched_start(self: Any, reset: bool = True) -> None:
    """Stands in for ``MockAWS.start`` during the watch."""
    with lock:
        if _watching:
            _start_layer(_Layer(self, _own_sections(self), merges=False), reset)
        else:
            _plain_start(self, reset=reset)


def _start_layer(layer: _Layer, reset: bool) -> None:
    mock = layer.mock
    count_before = type(mock)._nested_count
    layer.opened = count_before == 0
    # moto would overwrite everyone's configuration with its copy; ours is already applied.
    patcher, no_change = mock._user_config_mock, patch.dict({})
    saved_before = mock._orig_creds
    _layers.append(layer)
    _apply_config(layer.sections)
    mock._user_config_mock, mock._orig_creds = no_change, {}
    try:
        _plain_start(mock, reset=reset)
        layer.found = mock._orig_creds or None
    except BaseException:
        # The server does not answer: moto would count this mock as active from now on.
        layer.found = mock._orig_creds or None
        _take_out(layer)
        type(mock)._nested_count = count_before
        if layer.opened:
            type(mock)._mocks_active = False
            _stop_patches([mock])
            _end_watch()
        raise
    finally:
        no_change.stop()
        mock._user_config_mock, mock._orig_creds = patcher, saved_before


def _watched_stop(self: Any, remove_data: bool = True) -> None:
    """Stands in for ``MockAWS.stop`` during the watch."""
    with lock:
        if not _watching:
            moto_models.MockAWS.stop(self, remove_data=remove_data)
            return
        layer = next((layer for layer in reversed(_layers) if layer.mock is self), None)
        if layer is None:
            _take_out_earlier(self)
        # What it saved before the watch, if it had also been started then.
        saved, self._orig_creds = self._orig_creds, {}
        openers = [self, *_ended]
        _share_server_patches(openers)
        try:
            _plain_stop(self, remove_data=remove_data)
        finally:
            self._orig_creds = saved
            if layer is not None:
                _take_out(layer)
            if type(self)._nested_count <= 0:
                _stop_patches(openers)
                _end_watch()
            elif layer is None or layer.opened:
                _ended.append(self)


def _take_out(layer: _Layer) -> None:
    above = _layers[_layers.index(layer) + 1 :]
    _layers.remove(layer)
    _apply_config(layer.sections)
    if layer.found is not None:
        _hand_back(layer.found, above)


def _hand_back(credentials: Credentials, above: Iterable[_Layer]) -> None:
    """Restore credentials, or leave that to the next mock above that faked them too."""
    for layer in above:
        if layer.found is not None:
            layer.found = credentials
            return
    for name, value in credentials.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _take_out_earlier(mock: Any) -> None:
    """Undo a mock that started before the watch, and so lies below all layers.

    Of several such mocks, the one that started first saved what was there before all of them. The
    others saved fake credentials, which identify them.
    """
    global _earliest
    saved = _Saved(_withdraw_config(mock), _withdraw_credentials(mock))
    is_earliest = saved.credentials and saved.credentials != mock._fake_creds
    earlier_mocks_left = type(mock)._nested_count - 1 - len(_layers)
    if is_earliest or (_earliest is None and earlier_mocks_left <= 0):
        _earliest = saved
    if earlier_mocks_left <= 0 and _earliest is not None:
        if _earliest.credentials:
            _hand_back(_earliest.credentials, _layers)
        if _earliest.config is not None:
            _ground_config.clear()
            _ground_config.update(_earliest.config)
        _earliest = None
    _apply_config({*moto_config.default_user_config, *_all_sections()})


def _withdraw_config(mock: Any) -> dict[str, Any] | None:
    """Remove its sections from the ground, and return what it found at its start."""
    in_force: dict[str, Any] = moto_config.default_user_config  # type: ignore[assignment]
    marker = "moto_jitp"
    in_force[marker] = {}
    mock._user_config_mock.stop()
    if in_force.pop(marker, None) is not None:
        # Its patch was not active.
        return None
    config_before = dict(in_force)
    for section, value in mock._user_config_mock.values.items():
        if _ground_config.get(section) is value:
            _ground_config[section] = config_before.get(section)
    return config_before


def _withdraw_credentials(mock: Any) -> Credentials:
    """Take the saved credentials from it, lest it restore them while others need the fake ones."""
    saved, mock._orig_creds = mock._orig_creds, {}
    # It keeps what it saved in an earlier use, so their presence alone proves nothing.
    may_fake = (_ground_config.get("core") or {}).get("mock_credentials", True) is not False
    are_fake = all(os.environ.get(name) == value for name, value in mock._fake_creds.items())
    return saved if may_fake or are_fake else {}


def _own_sections(mock: Any) -> Sections:
    """Return the sections that a moto mock sets itself.

    moto completes a mock's configuration with what was in force at its construction; inherited
    values must not undo the configuration of the blocks around it.
    """
    known_sections: dict[str, list[Any]] = {name: [value] for name, value in _ground_config.items()}
    for layer in _layers:
        for name, value in layer.sections.items():
            known_sections.setdefault(name, []).append(value)
    return {
        name: value
        for name, value in mock._user_config_mock.values.items()
        if not isinstance(value, _Merged)
        and not any(value is other for other in known_sections.get(name, ()))
    }


def _all_sections() -> set[str]:
    return {*_ground_config, *(name for layer in _layers for name in layer.sections)}


def _apply_config(sections: Iterable[str]) -> None:
    """Compute these sections from the ground up and put them into force."""
    in_force: dict[str, Any] = moto_config.default_user_config  # type: ignore[assignment]
    for name in sections:
        value = _ground_config.get(name)
        for layer in _layers:
            if name in layer.sections:
                own_section = layer.sections[name]
                value = _Merged({**(value or {}), **own_section}) if layer.merges else own_section
        if value is not None:
            in_force[name] = value
        else:
            in_force.pop(name, None)


#: What the first mock patched, and what must be undone when the last one ends.
_OPENERS_PATCHES = ("_default_session_mock", "_client_patcher", "_resource_patcher")


def _share_server_patches(openers: Iterable[Any]) -> None:
    """In server mode moto's last mock reads patchers that only the first one has."""
    mocks = list(openers)
    for name in _OPENERS_PATCHES:
        patcher = next((vars(mock)[name] for mock in mocks if name in vars(mock)), None)
        if patcher is not None:
            vars(mocks[0]).setdefault(name, patcher)


def _stop_patches(openers: Iterable[Any]) -> None:
    for mock in openers:
        for name in _OPENERS_PATCHES:
            patcher = vars(mock).get(name)
            if patcher is not None:
                # Stopping an inactive patcher does nothing.
                patcher.stop()
