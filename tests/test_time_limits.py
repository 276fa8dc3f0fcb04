"""The tests pass on a busy machine: none has a time limit that it could exceed."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.servers import serving

TESTS = Path(__file__).parent
PLUGIN = TESTS.parent / "conftest_plugin"
FILES = sorted(
    path
    for folder in (TESTS, PLUGIN)
    for path in folder.rglob("*.py")
    if path.name != "patience.py"
)
WAITS = frozenset({"wait", "join"})
#: By these a test that measures speed would fail on a slow machine.
WALL_CLOCKS = frozenset({"perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns"})


@pytest.mark.slow
def test_a_server_that_has_answered_runs_until_its_test_ends() -> None:
    with serving() as server:
        guards = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
        assert guards == []
        assert server.process.poll() is None


def test_hypothesis_has_no_deadline() -> None:
    assert settings.default is not None
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTS.parent).as_posix())
def test_no_limit_of_time_is_one_that_a_slow_machine_meets(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [f"{path.name}:{line}: {what}" for line, what in _tight_limits(tree)]
    assert not found, "\n".join([*found, "Use patience.HANG, which only ends a hang."])


def _tight_limits(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and any(_is_number(limit) for limit in _limits(node)):
            yield node.lineno, ast.unparse(node)
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) == "urllib3.request"
            and all(word.arg != "timeout" for word in node.keywords)
        ):
            yield node.lineno, f"{ast.unparse(node)} waits for three seconds"
        if isinstance(node, ast.Call) and _name_of(node) == "settings":
            checks = [word.value for word in node.keywords if word.arg == "suppress_health_check"]
            if any("HEALTH_CHECKS" not in ast.unparse(value) for value in checks):
                yield node.lineno, f"{ast.unparse(node)} has hypothesis judge the speed"
        if isinstance(node, ast.Compare) and any(
            isinstance(part, ast.Call) and _name_of(part) in WALL_CLOCKS for part in ast.walk(node)
        ):
            yield node.lineno, ast.unparse(node)


def _limits(call: ast.Call) -> list[ast.expr]:
    # How long a device waits for a message is what its test is about.
    if _name_of(call) == "receive":
        return []
    limits = [word.value for word in call.keywords if word.arg == "timeout"]
    is_wait = isinstance(call.func, ast.Attribute) and call.func.attr in WAITS
    return limits + (call.args if is_wait else [])


def _name_of(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _is_number(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, (int, float))
