"""The pytest plugin with which run.py puts our backend under moto's own tests.

MOTO_JITP_OWN_TESTS selects the way: ``activated`` or ``strict``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import moto
import pytest
from moto.iot.models import iot_backends

import moto_jitp

STRICT = os.environ["MOTO_JITP_OWN_TESTS"] == "strict"
LIST = Path(__file__).with_name("strict_failures.txt")

_mock_aws = moto.mock_aws
_not_found: list[str] = []

# Now, because the first conftest.py is imported before any of our hooks runs.
if STRICT:
    moto.mock_aws = moto_jitp.mock_jitp  # type: ignore[assignment]
else:
    moto_jitp.activate()


def listed_failures() -> dict[str, str]:
    """Read the list: test to the AWS rule that it breaks."""
    rules: dict[str, str] = {}
    rule = ""
    for number, line in enumerate(LIST.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("["):
            rule = text.strip("[]").strip()
        elif not rule or not re.fullmatch(r"tests/\S+\.py::\S.*", text):
            raise pytest.UsageError(
                f"{LIST}:{number}: expected '[the rule]' and below it lines like "
                f"'tests/test_iot/test_iot.py::test_name', found {text!r}"
            )
        else:
            rules[text] = rule
    return rules


def pytest_sessionstart() -> None:
    backend = iot_backends.backend
    if not STRICT and not backend.__module__.startswith("moto_jitp."):
        raise pytest.UsageError(f"activate() left {backend.__module__}.{backend.__name__} in place")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not STRICT:
        return
    rules = listed_failures()
    for item in items:
        if item.nodeid in rules:
            item.add_marker(pytest.mark.xfail(reason=rules.pop(item.nodeid), strict=True))
    _not_found.extend(rules)


def pytest_collection_finish() -> None:
    # The tests have their mock now, and ours needs moto's real one.
    moto.mock_aws = _mock_aws


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # Not a failure: another version of moto may have them.
    for test in _not_found:
        terminalreporter.write_line(f"{LIST.name}: moto {moto.__version__} has no {test}")
    if STRICT and (terminalreporter.stats.get("failed") or terminalreporter.stats.get("error")):
        terminalreporter.write_line(
            f"A failure that follows from a rule of AWS belongs in {LIST} under that rule; "
            "a test marked XPASS(strict) passes now and is to be taken out of it."
        )
