"""pytest's hooks: the marker, clean state for each test, and the section in a failed report.

PYTEST_DONT_REWRITE: every session loads this module, and it has no ``assert``.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .connections import AttemptLog, Connections
    from .server import JitpServer

_MARKER = (
    "jitp(*, template=, template_name=, role_arn=, config=, region=, certificate_mode=, active=, "
    "auto_registration=, unseen_refusals=): settings of the moto_jitp fixtures. template: the "
    "provisioning template's body as a dict, JSON text or path, or None for a CA without one; "
    "template_name: store it under this name and have the CA name it; role_arn: the provisioning "
    'role; config: as for mock_jitp, such as {"jitp": {"enforce_policies": True}}; region: the '
    'Region; certificate_mode: "DEFAULT" or "SNI_ONLY"; active, auto_registration: whether the CA '
    'is active and registers devices (default True); unseen_refusals: "ignore", "warn" or "fail". '
    "On a function, class or module; the nearest marker wins for each key."
)
_FIXTURES = frozenset(
    {"jitp_mock", "jitp_ca", "jitp", "jitp_device", "jitp_endpoint", "jitp_server"}
)
#: A test that connects devices without a fixture has imported one of these.
_MODULES = ("moto_jitp.devices", "moto_jitp.mock", "moto_jitp.activation")

server_key: pytest.StashKey[JitpServer] = pytest.StashKey()
options_key: pytest.StashKey[Mapping[str, Any]] = pytest.StashKey()
_attempt_log_key: pytest.StashKey[AttemptLog] = pytest.StashKey()
_connections_key: pytest.StashKey[Connections] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "jitp_unseen_refusals",
        'What happens to a test that passes without looking at a refused connection: "ignore" '
        '(the default), "warn" or "fail". Of one test: @pytest.mark.jitp(unseen_refusals="fail").',
        default="ignore",
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    if _attempt_log_key in config.stash:
        config.stash[_attempt_log_key].close()


def attempt_log_of(config: pytest.Config) -> AttemptLog:
    """The session's log of connections, made at its first use."""
    if _attempt_log_key not in config.stash:
        from .connections import AttemptLog

        config.stash[_attempt_log_key] = AttemptLog()
    return config.stash[_attempt_log_key]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    used = _FIXTURES.intersection(getattr(item, "fixturenames", ()))
    is_loaded = any(module in sys.modules for module in _MODULES)
    if used or is_loaded:
        recorder = attempt_log_of(item.config)
        item.stash[_connections_key] = recorder.start()
        if is_loaded:
            recorder.listen()
    options: Mapping[str, Any] = {}
    if item.get_closest_marker("jitp") is not None:
        from .marker import MarkerError, options_of

        try:
            options = options_of(item)
        except MarkerError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
    # A server that starts within this test looks for them here.
    item.config.stash[options_key] = options
    server = item.config.stash.get(server_key, None)
    if server is not None:
        server.begin_test(is_used="jitp_server" in used, options=options)


# An old-style wrapper, which every version of pluggy knows.
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, Any, None]:
    if call.excinfo is not None or getattr(item, "_excinfo", None):  # unittest reports these itself
        from .tracebacks import hide_our_frames

        hide_our_frames()
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    connections = item.stash.get(_connections_key, None)
    told_above: frozenset[int] = frozenset()
    if call.when == "call" and report.passed and connections is not None:
        from .unseen import judge

        told_above = judge(item, report, connections, item.config.stash.get(server_key, None))
    if report.failed and connections is not None:
        from .report import add_section, shorten_summary

        error = None if call.excinfo is None else call.excinfo.value
        shorten_summary(report, error, item.config)
        add_section(
            connections,
            report,
            item.config,
            server=item.config.stash.get(server_key, None),
            is_used=bool(_FIXTURES.intersection(getattr(item, "fixturenames", ()))),
            error=error,
            told_above=told_above,
        )
