"""What the README says is true: its code runs and prints what it shows.

How a block is checked follows from its language, and from a comment on the line above it:

- ``python``: a file of its own. With a test in it, it is run by pytest, otherwise by python.
- ``console``, ``bash``, ``sh``: run by bash, with each line's ``$ `` taken off; where a line has
  one, those without are output. A block that begins with ``pip install`` is not run here but stands
  word for word in ``.ci/run``, which runs it.
- ``json``, ``toml``: can be parsed.
- ``text``: is not checked, unless ``<!-- prints -->`` stands above it: then the code block before
  it prints just this, where ``…`` stands for anything.
- ``<!-- file: conftest.py -->`` names the file of a block, which stays for the blocks after it.
- ``<!-- continues -->`` runs a python block with the one before it in front.
- ``<!-- not run: the reason -->`` leaves a block alone.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from patience import HANG

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
CI = ROOT / ".ci" / "run"

SHELL = ("console", "bash", "sh")
LANGUAGES = ("python", *SHELL, "json", "toml", "text")
NOTES = ("prints", "continues", "file", "not run")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``note`` is the comment above it, as (word, what follows its colon)."""

    line: int
    language: str
    text: str
    note: tuple[str, str] = ("", "")

    @property
    def place(self) -> str:
        return f"README.md:{self.line} ({self.language or 'no language'})"

    @property
    def runs_elsewhere(self) -> bool:
        return self.language in SHELL and self.text.startswith("pip install")

    @property
    def has_tests(self) -> bool:
        return bool(re.search(r"^\s*(async )?def test_|^class Test", self.text, re.MULTILINE))


def blocks_of(markdown: str) -> list[Block]:
    """All fenced blocks, with the number of the line that opens each."""
    blocks: list[Block] = []
    lines = markdown.splitlines()
    fence = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>[\w+-]*)")
    number = 0
    while number < len(lines):
        opened = fence.match(lines[number])
        if opened is None:
            number += 1
            continue
        first = number + 1
        number = first
        while number < len(lines) and lines[number].strip() != opened["fence"]:
            number += 1
        indent = len(opened["indent"])
        text = "".join(f"{line[indent:]}\n" for line in lines[first:number])
        above = next((line for line in reversed(lines[: first - 1]) if line.strip()), "")
        blocks.append(Block(first, opened["language"], text, note_in(above)))
        number += 1
    return blocks


def note_in(line: str) -> tuple[str, str]:
    found = re.fullmatch(r"\s*<!--\s*([^:]*?)\s*(?::\s*(.*?)\s*)?-->\s*", line)
    return (found[1], found[2] or "") if found else ("", "")


BLOCKS = blocks_of(README.read_text(encoding="utf-8"))


def run(block: Block, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a code block in a folder, after the named files and continued blocks before it."""
    before = BLOCKS[: BLOCKS.index(block)]
    for other in before:
        if other.note[0] == "file":
            (folder / other.note[1]).write_text(other.text, encoding="utf-8")
    if block.language in SHELL:
        command = ["bash", "-e", "-o", "pipefail", "-c", shell_commands(block.text)]
    else:
        word, name = block.note
        file = folder / (name if word == "file" else f"test_readme_line_{block.line}.py")
        file.write_text(source_of(block), encoding="utf-8")
        pytest_options = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
        command = [sys.executable, *(pytest_options if block.has_tests else ()), str(file)]
    scripts = str(Path(sys.executable).parent)
    path = os.pathsep.join([scripts, os.environ.get("PATH", "")])
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=HANG,
        check=False,
    )


def source_of(block: Block) -> str:
    # Empty lines in front make the numbers in a traceback those of the README.
    if block.note[0] != "continues":
        return "\n" * block.line + block.text
    before = [other for other in BLOCKS[: BLOCKS.index(block)] if other.language == "python"]
    assert before, f"{block.place}: continues, but there is no python block before it"
    start = source_of(before[-1])
    return start + "\n" * (block.line - start.count("\n")) + block.text


def shell_commands(text: str) -> str:
    lines = text.splitlines()
    if not any(line.startswith("$ ") for line in lines):
        return text
    return "\n".join(line[2:] for line in lines if line.startswith(("$ ", "> ")))


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=f"line_{block.line}")
        for block in BLOCKS
        if block.language in ("python", *SHELL)
    ],
)
def test_the_code_runs(block: Block, tmp_path: Path) -> None:
    if block.note[0] == "not run":
        pytest.skip(f"{block.place}: {block.note[1]}")
    if block.runs_elsewhere:
        commands = [line.removeprefix("$ ") for line in block.text.splitlines() if line.strip()]
        missing = [line for line in commands if line not in CI.read_text(encoding="utf-8")]
        assert not missing, f"{block.place}: .ci/run does not run {missing}"
        return
    done = run(block, tmp_path)
    if done.returncode:
        pytest.fail(f"{block.place} ended with {done.returncode}\n{done.stdout}{done.stderr}")


def test_the_code_prints_what_is_shown(tmp_path: Path) -> None:
    for number, block in enumerate(BLOCKS):
        if block.note[0] != "prints":
            continue
        code = [other for other in BLOCKS[:number] if other.language not in ("text", "json")]
        assert code, f"{block.place}: there is no code before it"
        done = run(code[-1], tmp_path)
        if not same_text(block.text, done.stdout):
            pytest.fail(
                f"{block.place} is not what the code of {code[-1].place} prints, which is:\n"
                f"{done.stdout}{done.stderr}",
                pytrace=False,
            )


def same_text(shown: str, printed: str) -> bool:
    """Compare; ``…`` in what is shown stands for anything, also for several lines."""
    pattern = ".*?".join(re.escape(part) for part in shown.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def test_the_data_can_be_parsed() -> None:
    for block in BLOCKS:
        try:
            if block.language == "json":
                json.loads(block.text)
            elif block.language == "toml" and sys.version_info >= (3, 11):
                import tomllib

                tomllib.loads(block.text)
        except ValueError as error:
            pytest.fail(f"{block.place}: {error}")


def test_every_block_says_how_it_is_checked() -> None:
    wrong = [block.place for block in BLOCKS if block.language not in LANGUAGES]
    assert not wrong, f"say one of {', '.join(LANGUAGES)} after the fence of {'; '.join(wrong)}"
    wrong = [
        f"{block.place}: {block.note[0]!r}"
        for block in BLOCKS
        if block.note[0] and block.note[0] not in NOTES
    ]
    assert not wrong, f"a comment above a block is one of {', '.join(NOTES)}; found {wrong}"


def test_the_readme_begins_with_its_two_commands() -> None:
    commands = [block.text.strip() for block in BLOCKS if block.runs_elsewhere]
    assert commands[:2] == [
        "pip install . && moto-jitp demo",
        "pip install -e '.[dev]' && pytest -n auto",
    ]
