"""Measures how much the installed plugin delays the start of a test session.

    python benchmarks/plugin_startup.py [--runs N] [--at-most RATIO]

Runs pytest on one empty test with and without this plugin, in turns, so that the machine's load
affects both alike, and compares the medians. No other plugin is loaded: the cost shows most in the
smallest session.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

_PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_empty.py"]
_ON = ["-p", "moto_jitp.pytest_plugin"]
_OFF: list[str] = []


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code: 1 if the ratio is above ``--at-most``."""
    parser = argparse.ArgumentParser(description="The start of pytest with and without moto_jitp.")
    parser.add_argument("--runs", type=int, default=15, help="of each kind (default: 15)")
    parser.add_argument("--at-most", type=float, help="fail where the ratio is above this")
    options = parser.parse_args(argv)

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_empty.py").write_text("def test_empty(): pass\n")
        for arguments in (_ON, _OFF):  # compiles, and fills the disk's cache
            _seconds(folder, arguments)
        pairs = [(_seconds(folder, _ON), _seconds(folder, _OFF)) for _ in range(options.runs)]

    with_plugin, without = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = with_plugin / without
    print(f"with moto_jitp:    {with_plugin * 1000:7.1f} ms (median of {options.runs})")
    print(f"without moto_jitp: {without * 1000:7.1f} ms")
    print(f"ratio:             {ratio:7.3f}")
    return 1 if options.at_most is not None and ratio > options.at_most else 0


def _seconds(folder: str, arguments: Sequence[str]) -> float:
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "",
        # Compiled once, as an installed package is.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(Path(folder) / "compiled"),
    }
    start = time.perf_counter()
    subprocess.run(
        [*_PYTEST, *arguments], cwd=folder, env=environment, check=True, capture_output=True
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
