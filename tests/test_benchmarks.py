"""The benchmarks run, each with as little as it can measure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[1] / "benchmarks"
BENCHMARKS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("run", "walk"))
ONE_EACH = ("--small", "1", "--large", "2", "--rounds", "1")
PRINTED = {
    "suite": (("--tests", "1", "--rounds", "1"), "fixture jitp"),
    "calls": (("--rounds", "1"), "update_thing"),
    "growth": (ONE_EACH, "subscribed"),
    "connections": (("--devices", "4000"), "multiple of the floor"),
    "server": (("--rounds", "1", "--starts", "1", "--devices", "2"), "DescribeThing"),
}


LONG = ("growth", "connections", "server")


@pytest.mark.parametrize("name", PRINTED)
def test_a_benchmark_prints_its_figures(name: str, long: bool) -> None:
    if name in LONG and not long:
        pytest.skip(f"{name}.py takes most of a minute even at its smallest: --long runs it")
    arguments, row = PRINTED[name]
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert row in done.stdout


def test_the_page_has_a_place_for_what_is_written_into_it() -> None:
    page = (FOLDER.parent / "docs" / "explanation" / "speed.md").read_text(encoding="utf-8")
    for name in BENCHMARKS:
        assert f"<!-- figures: {name} -->\n```text\n" in page
