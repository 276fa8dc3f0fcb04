"""The AWS SDK for JavaScript on Node: AWS's guide, and ``examples/javascript``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.bodies import GUIDE_CONFIG_FILE
from support.node import NEEDS_NODE, NODE, with_package
from support.patience import HANG
from support.servers import clean_environment

from moto_jitp import CertificateAuthority
from moto_jitp.cli import main
from moto_jitp.server import ThreadedJitpServer

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "how-to" / "server.md"
EXAMPLE = TESTS.parent / "examples" / "javascript"
SCRIPTS = str(Path(sys.executable).parent)

pytestmark = [
    pytest.mark.slow,
    NEEDS_NODE,
    pytest.mark.skipif(
        shutil.which("moto-jitp", path=SCRIPTS) is None,
        reason="the command moto-jitp is not installed beside this Python",
    ),
]


@pytest.fixture(scope="module")
def modules(pytestconfig: pytest.Config, worker_id: str) -> Path:
    """A folder with the SDK, which is kept from one run of the tests to the next."""
    files = [EXAMPLE / "package.json"]
    return with_package(pytestconfig, "javascript", files, "@aws-sdk/client-iot", worker_id)


def node(modules: Path, script: Path, *arguments: str, cwd: Path) -> str:
    """Run a script beside the SDK, and return what it prints."""
    copied = shutil.copy(script, modules)
    done = subprocess.run(
        [str(NODE), str(copied), *arguments],
        cwd=cwd,
        env=clean_environment(PATH=os.pathsep.join([SCRIPTS, os.environ.get("PATH", "")])),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_runs(modules: Path, tmp_path: Path) -> None:
    ca, bulb = str(tmp_path / "ca"), str(tmp_path / "bulb")
    assert main(["ca", "new", ca]) == 0
    assert main(["device", bulb, "--ca", ca, "--common-name", "bulb-1"]) == 0
    with ThreadedJitpServer() as server:
        script = EXAMPLE / "provision.mjs"
        said = node(modules, script, server.endpoint_url, "ca", "bulb", cwd=tmp_path)
    assert said == "bulb-1 is provisioned, its certificate ACTIVE\n"


@pytest.mark.parametrize(("mode", "way"), [("DEFAULT", "name"), ("SNI_ONLY", "body")])
def test_the_guide_with_the_sdk(modules: Path, tmp_path: Path, mode: str, way: str) -> None:
    (tmp_path / "your-template").write_bytes(GUIDE_CONFIG_FILE.encode())
    assert main(["ca", "new", str(tmp_path / "ca")]) == 0
    pems = [(tmp_path / "ca" / name).read_text() for name in ("certificate.pem", "private_key.pem")]
    bulb = CertificateAuthority.from_pem(*pems).issue("bulb-1", country="KR", serial_number="42")
    bulb.write(tmp_path / "bulb")
    with ThreadedJitpServer() as server:
        arguments = (server.endpoint_url, "ca", "bulb", mode, way, "your-template")
        said = node(modules, TESTS / "javascript" / "guide.mjs", *arguments, cwd=tmp_path)
    assert said == "bulb-1 ACTIVE\n"


@pytest.mark.usefixtures("modules")
def test_the_javascript_of_the_documentation_runs(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    wanted = [block for block in blocks if "@aws-sdk/client-iot" in block]
    assert len(wanted) == 1, "the page has no bash block that uses @aws-sdk/client-iot"
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", wanted[0]],
        cwd=tmp_path,
        env=clean_environment(PATH=os.pathsep.join([SCRIPTS, os.environ.get("PATH", "")])),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "thingName: 'bulb-1'" in done.stdout
