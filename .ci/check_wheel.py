"""Checks what a wheel of the project holds, and that what is installed works without any extra.

.ci/run calls it in an environment that has the package and its run-time dependencies only.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Folders of the checkout, and their names in the wheel.
FOLDERS = {"moto_jitp": "moto_jitp", "conftest_plugin": "moto_jitp/pytest_plugin"}
#: Represents the second folder in a checkout.
LEFT_OUT = "moto_jitp/pytest_plugin.py"


def main() -> int:
    mistakes = [*wrong_contents(wheel_contents()), *wrong_installation()]
    for mistake in mistakes:
        print(mistake)
    return int(bool(mistakes))


def wheel_contents() -> set[str]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder]
        subprocess.run([*command, str(ROOT)], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return set(archive.namelist())


def wrong_contents(names: set[str]) -> list[str]:
    """Compare with the checkout: every file of the folders, and nothing else."""
    expected = {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, package in FOLDERS.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - {LEFT_OUT}
    found = {name for name in names if ".dist-info/" not in name}
    wrong = [f"The wheel lacks {name}." for name in sorted(expected - found)]
    wrong += [f"The wheel should not hold {name}." for name in sorted(found - expected)]
    if "moto_jitp/py.typed" not in found:
        wrong.append("The wheel lacks py.typed, so type checkers would ignore its annotations.")
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        wrong.append("The wheel lacks the license.")
    return wrong


def wrong_installation() -> list[str]:
    """Use the installed package, from a folder where the checkout is not importable."""
    if importlib.util.find_spec("flask") is not None:
        return ["This environment has Flask, so it cannot show that the package works without it."]
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for statement in (
            "import moto_jitp; moto_jitp.mock_jitp; moto_jitp.connect_device",
            "from moto_jitp import *",
            "from moto_jitp import mock_jitp\nwith mock_jitp(): pass",
        ):
            command = [sys.executable, "-c", statement]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                wrong.append(f"Without extras this fails: {statement!r}\n{done.stderr}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
