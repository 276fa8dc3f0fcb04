"""The pytest plugin ``moto_jitp``: fixtures, the marker ``jitp``, and failures that tell why.

Loaded in every session once the package is installed, so it imports no more than pytest has
imported anyway; moto, boto3 and cryptography come with the first test that uses a fixture.
``-p no:moto_jitp`` turns it off.
"""

from __future__ import annotations

from .fixtures import (
    _jitp_iot,
    jitp,
    jitp_ca,
    jitp_config,
    jitp_device,
    jitp_mock,
    jitp_region,
    jitp_server,
    jitp_template,
)
from .hooks import (
    pytest_configure,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_unconfigure,
)

__all__ = [
    "_jitp_iot",
    "jitp",
    "jitp_ca",
    "jitp_config",
    "jitp_device",
    "jitp_mock",
    "jitp_region",
    "jitp_server",
    "jitp_template",
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_unconfigure",
]
