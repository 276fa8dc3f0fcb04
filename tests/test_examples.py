"""The examples that need no other language's tools run as they stand."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.patience import HANG
from support.servers import clean_environment

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SCRIPTS = str(Path(sys.executable).parent)
PATH = os.pathsep.join([SCRIPTS, os.environ.get("PATH", "")])


@pytest.mark.skipif(
    any(shutil.which(tool, path=PATH) is None for tool in ("bash", "openssl", "moto-jitp"))
    or importlib.util.find_spec("awscli") is None,
    reason="needs bash, openssl, moto-jitp and the AWS CLI: pip install awscli",
)
def test_the_aws_cli_example_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", str(EXAMPLES / "aws_cli.sh")],
        cwd=tmp_path,
        env=clean_environment(PATH=PATH, AWS_CONFIG_FILE="/dev/null"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"thingName": "bulb-1"' in done.stdout
    assert "ACCEPTED" in done.stdout
    assert "no country (C)" in done.stdout
