"""The marker ``jitp``: settings of the fixtures for one test, class or module."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from moto_jitp.names import did_you_mean

_EXPECTED = {
    "template": "a dict, JSON text, a path to a JSON file, or None",
    "template_name": "a template name",
    "role_arn": "a role's ARN",
    "config": 'a mapping of sections, such as {"jitp": {"enforce_policies": True}}',
    "region": 'a Region\'s name, such as "eu-central-1"',
    "certificate_mode": '"DEFAULT" or "SNI_ONLY"',
    "active": "True or False",
    "auto_registration": "True or False",
    "unseen_refusals": '"ignore", "warn" or "fail"',
}
KEYS = tuple(_EXPECTED)
UNSEEN_REFUSALS = ("ignore", "warn", "fail")

_taken = pytest.StashKey[set[str]]()


class MarkerError(ValueError):
    """A ``jitp`` marker has arguments that are not valid."""


def options_of(item: pytest.Item) -> dict[str, Any]:
    """Merge the ``jitp`` markers of a test, of its class and of its module.

    Args:
        item: the test.

    Returns:
        The keys that are set, each with the value of the nearest marker. ``config`` is merged key
        by key too, like the configurations of nested ``mock_jitp`` blocks.

    Raises:
        MarkerError: a marker has an unknown keyword, a value of the wrong kind, or a positional
            argument.
    """
    options: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("jitp"))):
        _check(marker)
        for key, value in marker.kwargs.items():
            options[key] = merged(options.get(key, {}), value) if key == "config" else value
    return options


def take(request: pytest.FixtureRequest, key: str, default: Any) -> Any:
    """The marker's value for the fixture that returns it; see :func:`settle`."""
    request.node.stash.setdefault(_taken, set()).add(key)
    return options_of(request.node).get(key, default)


def settle(request: pytest.FixtureRequest, key: str, value: Any) -> Any:
    """Decide between a fixture's value and the marker's.

    Args:
        request: of a function-scoped fixture.
        key: the marker's keyword.
        value: the fixture's value.

    Returns:
        The marker's value if a suite has overridden the fixture with one that ignores the marker.
        An override built on the plugin's fixture has seen the marker, so its value holds.
    """
    options = options_of(request.node)
    if key not in options or key in request.node.stash.get(_taken, set()):
        return value
    return merged(value, options[key]) if key == "config" else options[key]


def merged(under: Mapping[str, Any] | None, over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one configuration over another, key by key within each section."""
    result = dict(under or {})
    for section, keys in over.items():
        below = result.get(section)
        are_mappings = isinstance(below, Mapping) and isinstance(keys, Mapping)
        result[section] = {**below, **keys} if are_mappings else keys  # type: ignore[dict-item]
    return result


def body_text(template: Any) -> str | None:
    """The JSON text of a template given as a mapping, as JSON text or as a path.

    Raises:
        ValueError: the text does not begin with ``{``, as JSON does, and does not name a file
            either.
    """
    if template is None:
        return None
    if isinstance(template, str):
        if not template.strip() or template.lstrip().startswith("{"):
            return template
        if not os.path.isfile(template):  # Path.is_file raises on long text
            raise ValueError(
                f"The template {_short(template)} is neither JSON text, which begins with "
                f"{{, nor an existing file (looked for in {Path.cwd()})."
            )
    if isinstance(template, (str, os.PathLike)):
        return Path(template).read_text(encoding="utf-8")
    return json.dumps(template)


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}...")


def _check(marker: pytest.Mark) -> None:
    if marker.args:
        raise MarkerError(
            f"The marker jitp accepts keywords only, not {marker.args[0]!r} alone. For example: "
            "@pytest.mark.jitp(template={...}, region='eu-central-1')."
        )
    for key, value in marker.kwargs.items():
        if key not in _EXPECTED:
            unknown = f"The marker jitp has no keyword {key!r}."
            unknown = did_you_mean(key, KEYS, after=unknown, shown=repr)
            raise MarkerError(f"{unknown} It takes {', '.join(KEYS)}.")
        if not _is_possible(key, value):
            raise MarkerError(f"{key}= of the marker jitp must be {_EXPECTED[key]}, not {value!r}.")


def _is_possible(key: str, value: Any) -> bool:
    if key == "template":
        return value is None or isinstance(value, (Mapping, str, os.PathLike))
    if key == "config":
        return isinstance(value, Mapping)
    if key in ("active", "auto_registration"):
        return isinstance(value, bool)
    if key == "unseen_refusals":
        return value in UNSEEN_REFUSALS
    if key == "certificate_mode":
        return value in ("DEFAULT", "SNI_ONLY")
    return isinstance(value, str) and value != ""
