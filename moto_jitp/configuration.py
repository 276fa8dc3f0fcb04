"""moto's configuration with our section in it: split, and checked against the service model.

:mod:`moto_jitp.settings` knows the keys of the section and nothing of moto; the names of operations
in it, and moto's own sections beside it, are checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto_jitp import settings
from moto_jitp.names import did_you_mean


def split_config(
    config: Mapping[str, Any] | None,
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Take the ``jitp`` section out of a configuration.

    Args:
        config: moto's configuration mapping, with or without a section ``"jitp"``, or ``None``.

    Returns:
        moto's sections, each copied, and the checked keys of the ``jitp`` section.

    Raises:
        ValueError: it is not a mapping of sections, or the ``jitp`` section is misspelt or wrong.
    """
    if config is None:
        return {}, {}
    if not isinstance(config, Mapping):
        raise ValueError(
            "The configuration must be a mapping of section names to sections, as in "
            f"{{'core': {{...}}, '{settings.SECTION}': {{...}}}}, not {type(config).__name__}."
        )
    sections = {name: _section(name, value) for name, value in config.items()}
    return sections, checked_section(sections.pop(settings.SECTION, None))


def checked_section(section: Any) -> dict[str, Any]:
    """Check a ``jitp`` section, including the names of operations in it.

    Args:
        section: a mapping of setting names to values, or ``None``.

    Returns:
        A new dict with the given keys only, operations in the spelling of the service model.

    Raises:
        ValueError: a key or an operation is misspelt, or a value is wrong.
    """
    keys = settings.parse_section(section)
    if isinstance(keys.get("throttling"), Mapping):
        keys["throttling"] = _checked_quotas(keys["throttling"])
    return keys


def _checked_quotas(quotas: Mapping[str, float]) -> dict[str, float]:
    from moto_jitp.iot.api.operation_names import operation_name

    return {
        name if name == settings.ALL_OTHERS else operation_name(name): rate
        for name, rate in quotas.items()
    }


def _section(name: Any, value: Any) -> Any:
    if name == settings.SECTION:
        return value
    if name in settings.KEYS:
        raise ValueError(
            f"{name!r} is a key of the section {settings.SECTION!r}: write "
            f"{{'{settings.SECTION}': {{{name!r}: {value!r}}}}}."
        )
    from moto.core.config import default_user_config

    # Other unknown sections pass, as they do in moto, which ignores them.
    question = did_you_mean(str(name), [settings.SECTION], shown=repr)
    if name not in default_user_config and question:
        raise ValueError(f"Unknown configuration section {name!r}. {question}")
    if not isinstance(value, Mapping):
        raise ValueError(
            f"The configuration section {name!r} must be a mapping of setting names to values, "
            f"not {type(value).__name__}."
        )
    return dict(value)
