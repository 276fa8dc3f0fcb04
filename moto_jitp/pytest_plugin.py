"""The pytest plugin ``moto_jitp`` in a checkout: the folder ``conftest_plugin/`` under this name.

A wheel holds that folder's files in this module's place, as ``moto_jitp/pytest_plugin/``.

PYTEST_DONT_REWRITE: every session loads this module, and it has no ``assert``.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

_FILES = Path(__file__).resolve().parents[1] / "conftest_plugin"


def _refuse_another_plugin() -> None:
    """Say so if something else is found under the folder's name, before any of it runs."""
    spec = find_spec("conftest_plugin")
    found_path = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
    if found_path is None or found_path.parent != _FILES:
        raise pytest.UsageError(
            f"moto_jitp's pytest plugin cannot be loaded: it is installed from the checkout "
            f"{_FILES.parent}, whose folder conftest_plugin is hidden by "
            f"{found_path or 'something else of that name'}. Rename that, or install moto_jitp "
            "without -e, or turn the plugin off with -p no:moto_jitp."
        )


_refuse_another_plugin()

from conftest_plugin import (  # noqa: E402 - only once it is known to be ours
    _jitp_iot,
    jitp,
    jitp_ca,
    jitp_config,
    jitp_device,
    jitp_endpoint,
    jitp_endpoint_address,
    jitp_endpoint_factory,
    jitp_endpoint_identity,
    jitp_mock,
    jitp_region,
    jitp_server,
    jitp_template,
    pytest_addoption,
    pytest_configure,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_unconfigure,
)

if TYPE_CHECKING:
    from conftest_plugin import Jitp as Jitp
    from conftest_plugin import JitpServer as JitpServer

__all__ = [
    "Jitp",
    "JitpServer",
    "_jitp_iot",
    "jitp",
    "jitp_ca",
    "jitp_config",
    "jitp_device",
    "jitp_endpoint",
    "jitp_endpoint_address",
    "jitp_endpoint_factory",
    "jitp_endpoint_identity",
    "jitp_mock",
    "jitp_region",
    "jitp_server",
    "jitp_template",
    "pytest_addoption",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_unconfigure",
]


def __getattr__(name: str) -> Any:
    if name in ("Jitp", "JitpServer"):
        import conftest_plugin

        return getattr(conftest_plugin, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
