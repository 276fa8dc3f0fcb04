"""The plugin costs those who do not use it nothing noticeable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.plugin_runs import Run, run, run_apart

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]
__all__ = ["run", "run_apart"]

HEAVY = ("moto", "boto3", "botocore", "cryptography")
#: Of our modules, a session loads the package itself, which loads nothing, and the plugin in it.
OTHERS_OF_OURS = r"moto_jitp\.(?!pytest_plugin\b)"
LOADED = (
    f"sorted(name for name in sys.modules if name in {HEAVY} or re.match({OTHERS_OF_OURS!r}, name))"
)


def test_loading_the_plugin_imports_neither_moto_nor_boto3_nor_cryptography() -> None:
    code = f"import re, sys, moto_jitp.pytest_plugin; print({LOADED})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_session_that_does_not_use_it_never_imports_them(run_apart: Run) -> None:
    result = run_apart(
        f"""
        import re, sys

        def test_nothing_heavy_is_loaded(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("moto_jitp")
            assert {LOADED} == []
        """
    )
    result.assert_outcomes(passed=1)


def test_it_can_be_turned_off(run: Run) -> None:
    result = run("def test_one(jitp): pass", "-p", "no:moto_jitp")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'jitp' not found*"])


def test_turned_off_the_marker_is_unknown_too(run: Run) -> None:
    result = run("", "-p", "no:moto_jitp", "--markers")
    result.stdout.no_fnmatch_line("*jitp(*")


UNRELATED = """
    import json, os, boto3, botocore.session

    def test_unrelated(request, tmp_path):
        seen = {
            "fixtures": request.fixturenames,
            "environment": {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
            "session": repr(boto3.DEFAULT_SESSION),
            "region": botocore.session.Session().get_config_variable("region"),
            "handlers": len(botocore.handlers.BUILTIN_HANDLERS),
        }
        with open(os.environ["SEEN"], "w") as file:
            json.dump(seen, file, sort_keys=True)
"""


def test_an_unrelated_test_sees_no_difference(
    run_apart: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    monkeypatch.setenv("SEEN", str(tmp_path / "seen.json"))
    run_apart(UNRELATED).assert_outcomes(passed=1)
    with_plugin = (tmp_path / "seen.json").read_text()
    run_apart(UNRELATED, "-p", "no:moto_jitp").assert_outcomes(passed=1)
    assert (tmp_path / "seen.json").read_text() == with_plugin


def test_an_unrelated_test_after_one_that_uses_it_sees_no_difference(run: Run) -> None:
    result = run(
        """
        import os, boto3, pytest

        before = dict(os.environ), boto3.DEFAULT_SESSION

        def same():
            environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
            before[0].pop("PYTEST_CURRENT_TEST", None)
            return environment == before[0] and boto3.DEFAULT_SESSION is before[1]

        def test_before(): assert same()
        def test_with(jitp):
            jitp.connect(jitp.issue())
            assert not same()
        def test_after(): assert same()
        """
    )
    result.assert_outcomes(passed=3)


def test_the_benchmark_prints_the_ratio() -> None:
    script = Path(__file__).parents[1] / "benchmarks" / "plugin_startup.py"
    done = subprocess.run(
        [sys.executable, str(script), "--runs", "1"], capture_output=True, text=True, check=True
    )
    assert "ratio" in done.stdout


def test_no_warning_is_provoked(run_apart: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = run_apart(
        "def test_one(jitp): jitp.connect(jitp.issue())",
        *("-p", "moto_jitp", "-W", "error", "-W", "ignore::DeprecationWarning:botocore"),
    )
    result.assert_outcomes(passed=1)
