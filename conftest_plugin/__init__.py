"""The pytest plugin ``moto_jitp``: fixtures, the marker ``jitp``, and failures that say why.

An installed package has these files as ``moto_jitp.pytest_plugin``, and a checkout a module of that
name that re-exports them: ``moto_jitp`` is the only name that is installed.

It is loaded in every session once the package is installed, so it imports nothing that pytest has
not imported anyway; moto, boto3 and cryptography come with the first test that uses a fixture. ``-p
no:moto_jitp`` turns it off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fixtures import (
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
)
from .hooks import (
    pytest_addoption,
    pytest_configure,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_unconfigure,
)

if TYPE_CHECKING:
    from .handle import Jitp as Jitp
    from .server import JitpServer as JitpServer

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
    # Types for the annotations of tests, which no session needs in order to start.
    if name == "Jitp":
        from .handle import Jitp

        return Jitp
    if name == "JitpServer":
        from .server import JitpServer

        return JitpServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
