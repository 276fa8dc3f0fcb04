"""The fenced code blocks of Markdown documents, and how each is checked.

How a block is checked follows from its language, and from a comment on the line above it:

- ``python``: a file of its own. With a test in it, it is run by pytest, otherwise by python.
- ``console``, ``bash``, ``sh``: run by bash, without each line's ``$ ``; if a line has one, those
  without it are output. A block that begins with ``python3 -m venv`` is not run here but is
  repeated word for word in ``.ci/run``, which runs it.
- ``json``, ``toml``, ``yaml``: must be parsable, and so must ``hcl``, ``javascript`` and ``java``
  if the program that reads them is installed.
- ``text``: is not checked, unless ``<!-- prints -->`` is above it: then the previous code block
  prints exactly this, where ``…`` stands for anything.
- ``<!-- drawing: who writes it -->`` is above a drawing, which another test compares.
- ``<!-- figures: which benchmark -->`` is above text written by ``benchmarks/run.py``.
- ``<!-- file: conftest.py -->`` names the file of a block, which remains for the blocks after it.
- ``<!-- continues -->`` runs a python block after the previous one.
- ``<!-- run by: tests/test_x.py, where … -->`` lets bash parse a shell block here and another test
  run it, which is skipped if the program it needs is missing.
- ``<!-- parsed: the reason -->`` lets bash parse a shell block without running it.
- ``<!-- not run: the reason -->`` leaves a block alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from support.patience import HANG
from support.servers import clean_environment

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
CI = ROOT / ".ci" / "run"

SHELL = ("console", "bash", "sh")
DATA = ("json", "toml", "yaml")
FOREIGN = ("hcl", "java", "javascript")
LANGUAGES = ("python", *SHELL, *DATA, *FOREIGN, "text")
NOT_RUN = ("parsed", "not run")
NOTES = ("prints", "continues", "file", "drawing", "figures", "run by", *NOT_RUN)


@dataclass(frozen=True)
class Block:
    """A fenced block; ``note`` is the comment above it, as (word, what follows its colon)."""

    document: Path
    line: int
    language: str
    text: str
    note: tuple[str, str] = ("", "")

    @property
    def id(self) -> str:
        return f"{self.document.relative_to(ROOT).as_posix()}:{self.line}"

    @property
    def place(self) -> str:
        return f"{self.id} ({self.language or 'no language'})"

    @property
    def runs_elsewhere(self) -> bool:
        return self.language in SHELL and self.text.startswith("python3 -m venv")

    @property
    def has_tests(self) -> bool:
        return bool(re.search(r"^\s*(async )?def test_|^class Test", self.text, re.MULTILINE))


def documents() -> list[Path]:
    """The README, and each handwritten page of the documentation."""
    return [README, *sorted((ROOT / "docs").rglob("*.md"))]


@cache
def blocks_of(document: Path) -> tuple[Block, ...]:
    """All fenced blocks, with the number of the line that opens each."""
    blocks: list[Block] = []
    lines = document.read_text(encoding="utf-8").splitlines()
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
        blocks.append(Block(document, first, opened["language"], text, note_in(above)))
        number += 1
    return tuple(blocks)


def note_in(line: str) -> tuple[str, str]:
    found = re.fullmatch(r"\s*<!--\s*([^:]*?)\s*(?::\s*(.*?)\s*)?-->\s*", line)
    return (found[1], found[2] or "") if found else ("", "")


def run_by(test_file: str, document: Path) -> Block:
    """The block of a page that names a test file which runs it."""
    name = f"tests/{Path(test_file).name}"
    (block,) = (
        block
        for block in blocks_of(document)
        if block.note[0] == "run by" and block.note[1].partition(",")[0] == name
    )
    return block


def all_blocks() -> list[Block]:
    return [block for document in documents() for block in blocks_of(document)]


def run(block: Block, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a code block in a folder, after the named files and continued blocks before it."""
    for other in before(block):
        if other.note[0] == "file":
            (folder / other.note[1]).write_text(other.text, encoding="utf-8")
    if block.language in SHELL:
        return bash(shell_commands(block.text), folder)
    word, name = block.note
    file = folder / (name if word == "file" else f"test_{block.document.stem}_{block.line}.py")
    file.write_text(source_of(block), encoding="utf-8")
    pytest_options = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    options = pytest_options if block.has_tests else []
    return start([sys.executable, *options, str(file)], folder)


def bash(commands: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return start(["bash", *options, "-e", "-o", "pipefail", "-c", commands], folder)


def start(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(PATH=path, PYTHONIOENCODING="utf-8"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=HANG,
        check=False,
    )


def before(block: Block) -> tuple[Block, ...]:
    blocks = blocks_of(block.document)
    return blocks[: blocks.index(block)]


def source_of(block: Block) -> str:
    # Leading empty lines make the line numbers in a traceback those of the document.
    if block.note[0] != "continues":
        return "\n" * block.line + block.text
    others = [other for other in before(block) if other.language == "python"]
    assert others, f"{block.place}: continues, but there is no python block before it"
    beginning = source_of(others[-1])
    return beginning + "\n" * (block.line - beginning.count("\n")) + block.text


def shell_commands(text: str) -> str:
    lines = text.splitlines()
    if not any(line.startswith("$ ") for line in lines):
        return text
    return "\n".join(line[2:] for line in lines if line.startswith(("$ ", "> ")))


def same_text(shown: str, printed: str) -> bool:
    """Compare; ``…`` stands for anything, even several lines."""
    pattern = ".*?".join(re.escape(part) for part in shown.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def parsed_yaml(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
