"""The README's examples of real devices run, where the client that they use is installed."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from support.documents import Block, all_blocks, run

pytestmark = pytest.mark.slow

CLIENTS = {"mosquitto": "mosquitto_pub", "paho-mqtt": "paho", "awsiotsdk": "awsiot", "curl": "curl"}


def blocks_for(name: str) -> list[Block]:
    """The blocks that are left to this module for a client."""
    note = f"by tests/{Path(__file__).name}, where {name} is installed"
    return [block for block in all_blocks() if block.note == ("not run", note)]


@pytest.mark.parametrize("name", CLIENTS)
def test_the_example_of_a_client_runs(name: str, tmp_path: Path) -> None:
    found = shutil.which(CLIENTS[name]) or importlib.util.find_spec(CLIENTS[name])
    if not found:
        pytest.skip(f"{name} is not installed")
    [block] = blocks_for(name)

    done = run(block, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
