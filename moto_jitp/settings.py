"""The ``jitp`` section of the configuration, typed and validated.

``mock_jitp(config={"jitp": {...}})``, ``activate({"jitp": {...}})`` and the server all end here.
The settings in force are a stack of layers: the innermost block's keys win, and a block that ends
takes out its own layer and no other, in whatever order blocks end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Any

from moto_jitp.locks import new_lock
from moto_jitp.names import did_you_mean

SECTION = "jitp"
ALL_OTHERS = "*"
"""A key of ``throttling``: with ``True``, all operations not named have AWS's quotas."""


@dataclass(frozen=True)
class JitpSettings:
    """The settings in force.

    Attributes:
        strict: make every check that AWS makes. If off, every check that moto does not make is
            skipped, so that tests written for plain moto (with text that is not a certificate,
            bodies that are not templates) go on passing.
        enforce_policies: a device needs an IoT policy that allows what it does.
        enforce_role: the provisioning role must exist, be assumable and allow every step of a run.
        throttling: ``False`` for none, ``True`` for AWS's documented quotas, or a mapping of
            operation name to calls per second. Operations that the mapping does not name are not
            throttled, unless ``"*": True`` in it gives them AWS's quotas. Each attempt of boto3's
            counts as a call, and so does each call of a provisioning run; the registration of a
            device that connects does not.
        metrics: write CloudWatch metrics.
        trail: write CloudTrail events.
        stacks: what happens to a CloudFormation stack with ``AWS::IoT`` types that are not emulated
            while ``strict`` is on: ``"refuse"`` fails it, ``"warn"`` passes over them with a Python
            warning, as moto does.
        bare_texts: errors of the API and messages on ``…/rejected`` have only AWS's text, without
            what was found, what is allowed and what to change; for code that compares whole texts.
            The explanation of a refused device keeps all of it.
        local_endpoint: ``describe_endpoint`` answers with the host name and port of this process's
            device endpoint, if one runs, such as ``localhost:8883``.
    """

    strict: bool = True
    enforce_policies: bool = False
    enforce_role: bool = False
    throttling: bool | Mapping[str, float] = False
    metrics: bool = True
    trail: bool = True
    stacks: str = "refuse"
    bare_texts: bool = False
    local_endpoint: bool = False


CHOICES: Mapping[str, tuple[str, ...]] = {"stacks": ("refuse", "warn")}
"""The texts that a setting may be, where it is a text."""

KEYS = tuple(field.name for field in fields(JitpSettings))


def parse_section(section: Any) -> dict[str, Any]:
    """Check a ``jitp`` section and return its keys.

    Args:
        section: the value of ``"jitp"``: a mapping of setting names to values, or ``None``.

    Returns:
        A new dict with the given keys only.

    Raises:
        ValueError: a key does not exist (the message names the nearest one) or a value has the
            wrong type.
    """
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise ValueError(
            f'The configuration section "{SECTION}" must be a mapping of setting names to values, '
            f"not {type(section).__name__}. For example: {{'{SECTION}': {{'strict': False}}}}."
        )
    check_is_the_section(section)
    return {key: _checked(key, value) for key, value in section.items()}


def check_is_the_section(section: Mapping[str, Any]) -> None:
    """Make sure that these are a section's keys, not a configuration that contains the section.

    Raises:
        ValueError: it contains a section ``"jitp"``.
    """
    if SECTION in section:
        raise ValueError(
            f'These are the keys of the section "{SECTION}" already: write them without the '
            f"section, not {json.dumps(section, default=repr)} but "
            f"{json.dumps(section[SECTION], default=repr)}."
        )


def _checked(key: Any, value: Any) -> Any:
    if key not in KEYS:
        unknown = f'Unknown key {key!r} in the configuration section "{SECTION}".'
        unknown = did_you_mean(str(key), KEYS, after=unknown, shown=repr)
        raise ValueError(f"{unknown} The keys are: {', '.join(KEYS)}.")
    if key == "throttling" and isinstance(value, Mapping):
        for operation, rate in value.items():
            _check_quota(operation, rate)
        return dict(value)
    if key in CHOICES:
        if value not in CHOICES[key]:
            choices = " or ".join(map(repr, CHOICES[key]))
            raise ValueError(f'"{SECTION}.{key}" must be {choices}, not {value!r}.')
        return value
    if not isinstance(value, bool):
        allowed = "True, False or a mapping of operation name to calls per second"
        raise ValueError(
            f'"{SECTION}.{key}" must be '
            f"{allowed if key == 'throttling' else 'True or False'}, not {value!r}."
        )
    return value


def _check_quota(operation: Any, rate: Any) -> None:
    if operation == ALL_OTHERS:
        if rate is not True:
            raise ValueError(
                f"'{ALL_OTHERS}': True in \"{SECTION}.throttling\" gives AWS's quotas to all "
                f"operations that it does not name; found {rate!r}. For a quota of your own, "
                "name the operation."
            )
    elif (
        not isinstance(operation, str)
        or isinstance(rate, bool)
        or not isinstance(rate, (int, float))
        or not 0 < rate <= sys.float_info.max
    ):
        raise ValueError(
            f'"{SECTION}.throttling" maps operation names to calls per second, a finite number '
            f"above 0, as in {{'RegisterThing': 10}}; found {operation!r}: {rate!r}. "
            f"'{ALL_OTHERS}': True beside them gives all other operations AWS's quotas."
        )


class SettingsLayer:
    """One block's keys on the stack; hand it back to :func:`pop` when the block ends."""

    __slots__ = ("keys", "lenient")

    def __init__(self, keys: Mapping[str, Any], lenient: bool) -> None:
        self.keys = dict(keys)
        self.lenient = lenient


_lock = new_lock()
_layers: list[SettingsLayer] = []
_current = JitpSettings()
_held: ContextVar[JitpSettings | None] = ContextVar("moto_jitp_settings", default=None)


def current() -> JitpSettings:
    """Return the settings in force: the defaults with every block's keys laid over them."""
    return _held.get() or _current


@contextmanager
def held(settings_held: JitpSettings) -> Iterator[None]:
    """Keep settings in force within the ``with`` block, whatever block has begun or ended since.

    Args:
        settings_held: what :func:`current` returned when the work was set off.
    """
    token = _held.set(settings_held)
    try:
        yield
    finally:
        _held.reset(token)


def push(keys: Mapping[str, Any], *, lenient: bool = False) -> SettingsLayer:
    """Lay checked keys (see :func:`parse_section`) over the current settings.

    Args:
        keys: the block's own keys.
        lenient: whether ``strict`` is off where the keys do not name it, as under ``activate()``.
            Such a layer lies below the blocks' layers whenever it was pushed, so that a
            ``mock_jitp`` block is strict even where the backend is activated.

    Returns:
        The layer, for :func:`pop`.
    """
    layer = SettingsLayer(keys, lenient)
    with _lock:
        _layers.append(layer)
        _recompute()
    return layer


def pop(layer: SettingsLayer) -> None:
    """Remove a layer, wherever it is on the stack; a second call does nothing."""
    with _lock:
        if layer in _layers:
            _layers.remove(layer)
            _recompute()


def _recompute() -> None:
    global _current
    merged: dict[str, Any] = {}
    for layer in _layers:
        if layer.lenient:
            merged.update({"strict": False, **layer.keys})
    blocks = [layer for layer in _layers if not layer.lenient]
    if blocks:
        merged["strict"] = True
    for layer in blocks:
        merged.update(layer.keys)
    _current = replace(JitpSettings(), **merged)
