"""What three kinds of installation contain: one top-level package, whose pytest plugin nothing
hides.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.patience import HANG
from support.servers import clean_environment

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]

#: In its root folder a user's project has a module of this name, which has nothing to do with us.
FOREIGN = "conftest_plugin.py"
#: Python 3.10 and 3.11 know the argument since their later patches.
SAFELY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
SUITE = """
from moto_jitp.pytest_plugin import Jitp, JitpServer

def test_in_process(jitp: Jitp) -> None:
    assert isinstance(jitp, Jitp)
    assert jitp.connect(jitp.issue("bulb-1")).thing_name == "bulb-1"

def test_server(jitp_server: JitpServer) -> None:
    assert isinstance(jitp_server, JitpServer)
    assert jitp_server.client("iot").list_things()["things"] == []
"""


class Installation:
    """A new virtual environment with the project and its dependencies."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(command, check=True, timeout=HANG)
        on_windows = os.name == "nt"
        self.python = folder / ("Scripts/python.exe" if on_windows else "bin/python")
        paths = {"base": str(folder), "platbase": str(folder)}
        self.packages = Path(sysconfig.get_path("purelib", "venv", vars=paths))
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.packages)
        # Dependencies are taken from here; it comes last, and its .pth files are ignored.
        (self.packages / "needs.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=cwd,
            env=clean_environment(PYTEST_ADDOPTS="", PYTHONPATH=""),
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )

    def pytest(self, project: Path, *options: str) -> subprocess.CompletedProcess[str]:
        (project / "test_suite.py").write_text(SUITE)
        plain = ("-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist")
        return self.run("-m", "pytest", *plain, *options, "test_suite.py", cwd=project)


def build(root: Path, what: str, folder: Path) -> Path:
    """Build a ``wheel``, an ``editable`` wheel or an ``sdist``, as pip has the backend do it."""
    code = f"import hatchling.build, sys; print(hatchling.build.build_{what}(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("installation")


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    return build(ROOT, "wheel", folder)


@pytest.fixture(scope="module")
def wheel_of_the_sdist(folder: Path) -> Path:
    sdist = build(ROOT, "sdist", folder)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "sdist", **SAFELY)
    (unpacked,) = (folder / "sdist").iterdir()
    return build(unpacked, "wheel", folder / "sdist")


@pytest.fixture(scope="module")
def editable(folder: Path) -> Installation:
    (folder / "editable").mkdir()
    return Installation(folder / "editable-venv", build(ROOT, "editable", folder / "editable"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project with the foreign module."""
    (tmp_path / FOREIGN).write_text("raise RuntimeError('this is somebody else')\n")
    return tmp_path


@pytest.mark.parametrize("way", ["wheel", "wheel_of_the_sdist"])
def test_a_wheel_installs_one_package_and_its_plugin_cannot_be_hidden(
    way: str, request: pytest.FixtureRequest, folder: Path, project: Path
) -> None:
    wheel: Path = request.getfixturevalue(way)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"moto_jitp"}
    assert "moto_jitp/pytest_plugin/__init__.py" in names
    assert "moto_jitp/pytest_plugin.py" not in names
    installation = Installation(folder / f"{way}-venv", wheel)

    done = installation.pytest(project)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    where = installation.run("-c", "import moto_jitp; print(moto_jitp.__file__)", cwd=project)
    assert Path(where.stdout.strip()).is_relative_to(installation.packages)


def test_both_wheels_hold_the_same(wheel: Path, wheel_of_the_sdist: Path) -> None:
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(wheel_of_the_sdist) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())


def test_an_editable_installation_has_the_plugin(editable: Installation, tmp_path: Path) -> None:
    done = editable.pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    where = editable.run("-c", "import moto_jitp; print(moto_jitp.__file__)", cwd=tmp_path)
    assert Path(where.stdout.strip()) == ROOT / "moto_jitp" / "__init__.py"


@pytest.mark.parametrize("options", [(), ("-q",)], ids=["plain", "quiet"])
def test_an_editable_plugin_that_is_hidden_says_so_at_the_start(
    editable: Installation, project: Path, options: tuple[str, ...]
) -> None:
    done = editable.pytest(project, *options)
    said = done.stdout + done.stderr
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, said
    assert "moto_jitp's pytest plugin cannot be loaded" in said
    assert str(project / FOREIGN) in said
    assert "somebody else" not in said
    assert "Traceback" not in said


def test_a_hidden_plugin_can_be_turned_off(editable: Installation, project: Path) -> None:
    (project / "test_plain.py").write_text("def test_one(): pass\n")
    done = editable.run("-m", "pytest", "-p", "no:moto_jitp", "test_plain.py", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
