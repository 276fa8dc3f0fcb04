"""The shape of the package: imports point down the layers, and the light parts stay light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.patience import HANG

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_imports_point_down_the_layers() -> None:
    pytest.importorskip("importlinter", reason="import-linter is not installed")

    # In a separate process, because it disables the loggers of its own.
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_one_module_asks_whether_aws_is_a_server() -> None:
    asking = {
        path.relative_to(ROOT).as_posix()
        for folder in ("moto_jitp", "conftest_plugin")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "TEST_SERVER_MODE"
    }
    assert asking == {"moto_jitp/where.py"}


def _modules_that_import_each_other() -> set[tuple[str, str]]:
    """The pairs, also where they do so for types alone or inside a function."""
    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (ROOT / "moto_jitp").rglob("*.py")
    }
    imported: dict[str, set[str]] = {}
    for module, path in paths.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = package.split(".")[: 1 - node.level or None] if node.level else []
                base = ".".join([*above, *filter(None, [node.module])])
                names.update([base, *(f"{base}.{alias.name}" for alias in node.names)])
        imported[module] = names & paths.keys()
    return {
        (one, other)
        for one in paths
        for other in imported[one]
        # A package collects the names of its modules, which import one another through it.
        if one < other and one in imported[other] and not other.startswith(f"{one}.")
    }


def test_no_two_modules_need_each_other_to_be_understood() -> None:
    assert _modules_that_import_each_other() == set()


def test_what_test_modules_share_is_in_a_package_of_its_own() -> None:
    """A test module imported from another would bring its fixtures and conditions along."""
    importing = [
        path.name
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"^\s*(from|import) test_", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert importing == []


MOTO = {"moto", "boto3", "botocore", "responses", "flask"}
NO_DEPENDENCY = MOTO | {"cryptography", "lark", "regex"}
#: Makes a certificate.
ISSUE = """
from moto_jitp import CertificateAuthority, DeviceIdentity, pki
device = CertificateAuthority(common_name="Acme").issue(common_name="bulb-1")
assert isinstance(device, DeviceIdentity)
assert pki.CertificateAuthority is CertificateAuthority"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import moto_jitp; moto_jitp.__version__; dir(moto_jitp)", NO_DEPENDENCY),
        (ISSUE, MOTO),
        ("import moto_jitp.pki", MOTO),
        ("import moto_jitp.templates", NO_DEPENDENCY),
        ("import moto_jitp.policies", NO_DEPENDENCY),
        ("import moto_jitp.sql", NO_DEPENDENCY),
        ("from moto_jitp import explain_rule", NO_DEPENDENCY - {"lark"}),
        ("import conftest_plugin", NO_DEPENDENCY),
        ("import moto_jitp.pytest_plugin", NO_DEPENDENCY),
        ("from moto_jitp import mock_jitp", {"lark", "regex"}),
    ],
    ids=lambda value: value.strip().partition(";")[0] if isinstance(value, str) else "",
)
def test_a_light_import_stays_light(statement: str, unwanted: set[str]) -> None:
    assert not loaded_by(statement) & unwanted


@pytest.mark.slow
def test_making_certificates_needs_cryptography() -> None:
    assert "cryptography" in loaded_by("from moto_jitp import CertificateAuthority as CA; CA()")


@pytest.mark.slow
def test_mock_jitp_needs_nothing_of_the_server_extra() -> None:
    statement = "from moto_jitp import *; mock_jitp(lambda: connect_device)()"

    assert "moto" in loaded_by(statement)
    assert not loaded_by(statement) & {"flask", "flask_cors", "moto.server"}


def loaded_by(statement: str) -> set[str]:
    """The modules that a new interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=HANG
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())
