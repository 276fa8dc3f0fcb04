"""Measures the cost of a test with the decorator, with the fixture, and with plain moto.

    python benchmarks/suite.py [--tests N] [--rounds N] [--at-most]

Runs pytest on files of small tests, each kind in its own process and the kinds in turns, so that
the machine's load affects all alike. A test's time is the CPU time of the process between its start
and the next one's; the first five, which load moto and botocore, count as the *start*. Means, not
medians: a test's garbage belongs to its cost.

The start of the decorator and of plain moto is measured apart, by what one test costs a process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

GOALS = {"@mock_jitp": 0.22, "fixture jitp": 0.24, "first @mock_jitp": 1.3}

WARM_UP = 5
FIRST_USES = 5

_TEST = """
import boto3, pytest
{imports}

@pytest.mark.parametrize("number", range({tests}))
{decorator}
def test_one({arguments}):
    {client}.create_thing(thingName="bulb")
"""
_BOTO3 = 'boto3.client("iot", "us-east-1")'
KINDS = {
    "@mock_aws": ("from moto import mock_aws", "@mock_aws", "number", _BOTO3),
    "@mock_jitp": ("from moto_jitp import mock_jitp", "@mock_jitp", "number", _BOTO3),
    "fixture jitp": ("", "", "number, jitp", "jitp.iot"),
}

#: Notes the CPU time at the start of each test, and at the end.
_CONFTEST = """
import json, os, time

noted = []

def pytest_runtest_logstart():
    noted.append(time.process_time())

def pytest_sessionfinish():
    with open(os.environ["NOTED"], "w") as file:
        json.dump([*noted, time.process_time()], file)
"""

_FIRST_USE = """
import time
start = time.process_time()
import boto3
{imports}

{decorator}
def test():
    {client}.create_thing(thingName="bulb")

test()
print(time.process_time() - start)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code: 1 if ``--at-most`` finds a goal missed."""
    parser = argparse.ArgumentParser(description="The cost of a test with and without moto_jitp.")
    parser.add_argument("--tests", type=int, default=50, help="of each kind (default: 50)")
    parser.add_argument("--rounds", type=int, default=2, help="of all kinds (default: 2)")
    parser.add_argument("--at-most", action="store_true", help="fail where a goal is missed")
    options = parser.parse_args(argv)

    with tempfile.TemporaryDirectory() as folder:
        per_test = {kind: [] for kind in KINDS}
        first = {kind: [] for kind in list(KINDS)[:2]}
        for _ in range(options.rounds):
            for kind, times in per_test.items():
                times.append(_per_test(Path(folder), kind, options.tests))
        for _ in range(FIRST_USES):
            for kind, times in first.items():
                times.append(_first_use(Path(folder), kind))

    rows = {kind: statistics.median(times) for kind, times in per_test.items()}
    rows |= {f"first {kind}": statistics.median(times) for kind, times in first.items()}
    missed = False
    for name, seconds in rows.items():
        plain = rows["first @mock_aws" if name.startswith("first") else "@mock_aws"]
        ratio = seconds / plain
        goal = GOALS.get(name)
        missed |= goal is not None and ratio > goal
        text = "" if goal is None else f"   goal {goal:.2f}"
        print(f"{name:18} {seconds * 1000:8.1f} ms CPU   ratio {ratio:5.2f}{text}")
    return 1 if options.at_most and missed else 0


def _per_test(folder: Path, kind: str, tests: int) -> float:
    imports, decorator, arguments, client = KINDS[kind]
    (folder / "conftest.py").write_text(_CONFTEST)
    (folder / "test_small.py").write_text(
        _TEST.format(
            imports=imports,
            tests=tests + WARM_UP,
            decorator=decorator,
            arguments=arguments,
            client=client,
        )
    )
    noted = folder / "noted.json"
    _run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "moto_jitp.pytest_plugin")
    times = json.loads(noted.read_text())
    return float(times[-1] - times[WARM_UP]) / tests


def _first_use(folder: Path, kind: str) -> float:
    imports, decorator, _, client = KINDS[kind]
    code = _FIRST_USE.format(imports=imports, decorator=decorator, client=client)
    return float(_run(folder, "-c", code))


def _run(folder: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "",
        "NOTED": str(folder / "noted.json"),
        # Compiled once, as an installed package is.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
