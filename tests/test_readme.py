"""README and documentation are true: their code runs and prints what they show.

``documents.py`` says how a block is checked.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.documents import (
    CI,
    DATA,
    FOREIGN,
    LANGUAGES,
    NOT_RUN,
    NOTES,
    README,
    ROOT,
    SHELL,
    Block,
    all_blocks,
    bash,
    before,
    blocks_of,
    parsed_yaml,
    run,
    same_text,
    shell_commands,
)
from support.patience import HANG

pytestmark = pytest.mark.slow

BLOCKS = all_blocks()
PARSE_JAVA = Path(__file__).parent / "java" / "Parse.java"
MOST_BLOCKS_NOT_RUN = 10


def blocks(*languages: str) -> list[object]:
    """The blocks of some languages, as parameters of a test."""
    return [pytest.param(block, id=block.id) for block in BLOCKS if block.language in languages]


@pytest.mark.parametrize("block", blocks("python", *SHELL))
def test_the_code_runs(block: Block, tmp_path: Path) -> None:
    if block.note[0] == "not run":
        pytest.skip(f"{block.place}: {block.note[1]}")
    if block.note[0] in ("parsed", "run by"):
        done = bash(shell_commands(block.text), tmp_path, "-n")
        assert done.returncode == 0, done.stderr
        return
    if block.runs_elsewhere:
        commands = [line.removeprefix("$ ") for line in block.text.splitlines() if line.strip()]
        missing = [line for line in commands if line not in CI.read_text(encoding="utf-8")]
        assert not missing, f"{block.place}: .ci/run does not run {missing}"
        return
    done = run(block, tmp_path)
    if done.returncode:
        pytest.fail(f"{block.place} ended with {done.returncode}\n{done.stdout}{done.stderr}")


@pytest.mark.parametrize(
    "block",
    [pytest.param(block, id=block.id) for block in BLOCKS if block.note[0] == "prints"],
)
def test_the_code_prints_what_is_shown(block: Block, tmp_path: Path) -> None:
    code = [other for other in before(block) if other.language in ("python", *SHELL)]
    assert code, f"{block.place}: there is no code before it"
    done = run(code[-1], tmp_path)
    if not same_text(block.text, done.stdout):
        pytest.fail(
            f"{block.place} is not what the code of {code[-1].place} prints, which is:\n"
            f"{done.stdout}{done.stderr}",
            pytrace=False,
        )


@pytest.mark.parametrize("block", blocks(*DATA))
def test_the_data_can_be_parsed(block: Block) -> None:
    try:
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "yaml":
            parsed_yaml(block.text)
        elif sys.version_info >= (3, 11):
            import tomllib

            tomllib.loads(block.text)
    except ValueError as error:
        pytest.fail(f"{block.place}: {error}")


@pytest.mark.parametrize("block", blocks(*FOREIGN))
def test_code_of_other_languages_can_be_parsed(block: Block, tmp_path: Path) -> None:
    if block.note[0] == "not run":
        pytest.skip(f"{block.place}: {block.note[1]}")
    command, file = {
        "hcl": (["terraform", "fmt"], tmp_path / "main.tf"),
        "java": (["java", str(PARSE_JAVA)], tmp_path / "Example.java"),
        "javascript": (["node", "--check"], tmp_path / "example.mjs"),
    }[block.language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{block.place}: {command[0]} is not installed")
    file.write_text(block.text, encoding="utf-8")
    done = subprocess.run(
        [*command, str(file)], capture_output=True, text=True, check=False, timeout=HANG
    )
    assert done.returncode == 0, f"{block.place}\n{done.stdout}{done.stderr}"


def test_every_block_says_how_it_is_checked() -> None:
    wrong = [block.place for block in BLOCKS if block.language not in LANGUAGES]
    assert not wrong, f"say one of {', '.join(LANGUAGES)} after the fence of {'; '.join(wrong)}"
    wrong = [
        f"{block.place}: {block.note[0]!r}"
        for block in BLOCKS
        if block.note[0] and block.note[0] not in NOTES
    ]
    assert not wrong, f"a comment above a block is one of {', '.join(NOTES)}; found {wrong}"


def test_a_block_that_another_test_runs_is_asked_for_there() -> None:
    for block in BLOCKS:
        if block.note[0] == "run by":
            file = ROOT / block.note[1].partition(",")[0]
            assert f'"{block.document.name}"' in file.read_text(encoding="utf-8"), block.place


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    left_out = [block for block in BLOCKS if block.note[0] in NOT_RUN]
    assert not [block.place for block in left_out if not block.note[1]]
    assert len(left_out) <= MOST_BLOCKS_NOT_RUN, [block.place for block in left_out]


def test_the_readme_begins_with_its_two_commands() -> None:
    commands = [block.text.strip() for block in blocks_of(README) if block.runs_elsewhere]
    assert commands[:2] == [
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/moto-jitp demo",
        "python3 -m venv .venv-dev && .venv-dev/bin/pip install -e '.[dev]' && "
        ".venv-dev/bin/pytest -n auto",
    ]


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_the_readme_leaves_out_what_the_whole_list_leaves_out() -> None:
    """What has come since is taken out of both."""
    whole = _prose(ROOT / "docs" / "explanation" / "not-emulated.md")
    section = _prose(README).partition("## What is not emulated")[2].partition("## ")[0]
    left_out = (
        "MQTT over WebSocket, and shadows and jobs over HTTPS with a certificate",
        "Custom authorizers",
        "Device Management and Device Defender",
        "the registration of a device that connects",
        "does not evaluate policies of organizations, or the address or VPC of a call",
    )
    bullets = [line for line in section.split(" - ") if line.strip()]
    said = [bullet for bullet in bullets if "Where AWS documents nothing" not in bullet]
    for bullet in said:
        assert any(text in bullet and text in whole for text in left_out), bullet


def _prose(path: Path) -> str:
    return " ".join(path.read_text(encoding="utf-8").split())
