"""Runs the benchmarks and writes their output into the documentation.

    python benchmarks/run.py                         # all of them: the better part of an hour
    python benchmarks/run.py --only suite --only calls

The results of other benchmarks stay on the page.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "speed.md"

BENCHMARKS = (
    "suite",
    "calls",
    "connections",
    "growth",
    "server",
    "endpoint",
    "rules",
    "plugin_startup",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run, write the page, and return the exit code: 1 if a benchmark has failed."""
    parser = argparse.ArgumentParser(description="Run the benchmarks and write their page.")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="a benchmark")
    options = parser.parse_args(argv)
    failed = []
    for name in options.only or BENCHMARKS:
        print(f"{name} …", flush=True)
        done = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py")], stdout=subprocess.PIPE, text=True
        )
        print(done.stdout)
        if done.returncode:
            failed.append(name)
        else:
            _show(name, done.stdout)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _show(name: str, printed: str) -> None:
    """Put a benchmark's output into its place on the page."""
    page = PAGE.read_text(encoding="utf-8")
    place = rf"(<!-- figures: {name} -->\n```text\n).*?(```\n)"
    new, count = re.subn(place, lambda match: match[1] + printed + match[2], page, flags=re.DOTALL)
    if count != 1:
        print(f"{PAGE.name} has no place for {name}; nothing was written.", file=sys.stderr)
        return
    PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
