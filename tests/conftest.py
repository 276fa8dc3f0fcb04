"""Fixtures of the whole suite."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from hypothesis import HealthCheck, settings
from support.bodies import PLAIN_BODY
from support.cloud import client
from support.device_doors import SIMULATED, Door, opened
from support.economy import share_between_tests
from support.service_models import skipping_what_botocore_lacks

from moto_jitp import (
    CertificateAuthority,
    DeviceConnection,
    JitpHandle,
    mock_jitp,
)

if TYPE_CHECKING:
    from moto_jitp.server import ThreadedJitpServer

# A busy machine is not an error of the code under test.
settings.register_profile("moto_jitp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("moto_jitp")

share_between_tests()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help="do far more in tests that are marked long, which takes minutes instead of seconds",
    )


_SLOW_FIXTURES = {"openssl", "pytester"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Before -m is evaluated: tests that run a whole suite or OpenSSL's commands are slow.
    for item in items:
        fixture_names = getattr(item, "fixturenames", ())
        if not _SLOW_FIXTURES.isdisjoint(fixture_names):
            item.add_marker(pytest.mark.slow)
        if "long" in fixture_names:
            item.add_marker(pytest.mark.long)


def pytest_collectstart() -> None:
    # Until the tests are collected, seven thousand of them, nothing becomes garbage.
    gc.disable()


def pytest_collection_finish() -> None:
    # All tests live to the end: the collector need not look at them again and again. A client of
    # boto3 is some ten thousand objects.
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    with skipping_what_botocore_lacks():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    with skipping_what_botocore_lacks():
        return (yield)


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether a test does far more: draws more random inputs, or runs for minutes."""
    return bool(request.config.getoption("--long"))


@pytest.fixture
def mocked() -> Iterator[JitpHandle]:
    """A ``mock_jitp`` around the test."""
    with mock_jitp() as handle:
        yield handle


@pytest.fixture
def iot(mocked: JitpHandle) -> Any:
    """An IoT client of the default account in us-east-1, inside a ``mock_jitp``."""
    return client()


@pytest.fixture
def clock() -> Iterator[FrozenDateTimeFactory]:
    """A clock at noon that only the test moves."""
    with freeze_time("2026-03-01 12:00:00") as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


@pytest.fixture
def acme() -> CertificateAuthority:
    """A CA that is not registered."""
    return CertificateAuthority(common_name="Acme Root")


@pytest.fixture
def ca(iot: Any, acme: CertificateAuthority) -> CertificateAuthority:
    """A registered CA that provisions its devices."""
    acme.register(iot, template_body=PLAIN_BODY)
    return acme


@pytest.fixture
def server() -> Iterator[ThreadedJitpServer]:
    """A server in a thread of this process, on a port of its own."""
    from moto_jitp.server import ThreadedJitpServer

    with ThreadedJitpServer() as started:
        yield started


@pytest.fixture
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    """The way in which devices connect; see :mod:`support.device_doors`. It is opened inside the
    test's mock.
    """
    for name in ("jitp", "mocked"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    there = opened(getattr(request, "param", SIMULATED))
    yield there
    there.close()


@pytest.fixture
def bulb(acme: CertificateAuthority, iot: Any, door: Door) -> DeviceConnection:
    """A device that was provisioned as the thing bulb-1, and is connected."""
    acme.register(iot, template_body=PLAIN_BODY)
    return door.connect(acme.issue(common_name="bulb-1"))


@pytest.fixture(scope="session")
def package_loaded() -> None:
    """Imports the whole package; session-scoped, so that it comes before any pytester."""
    from support.plugin_runs import load_everything

    load_everything()
