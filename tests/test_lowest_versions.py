"""The lowest versions that pyproject.toml allows are those that tests run with."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / ".ci" / "lowest.txt"

#: Set by tox where the constraints are to be installed.
HERE = "MOTO_JITP_LOWEST_VERSIONS"


def lowest(requirements: list[str]) -> dict[str, Version]:
    """The lowest version of each requirement that has one."""
    return {
        requirement.name: Version(specifier.version)
        for requirement in map(Requirement, requirements)
        for specifier in requirement.specifier
        if specifier.operator in (">=", "==")
    }


def constraints() -> dict[str, Version]:
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return lowest([line for line in lines if not line.startswith("#")])


@pytest.fixture
def project() -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 reads no TOML")
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found: dict[str, Any] = tomllib.loads(text)["project"]
    return found


def test_the_constraints_are_the_lowest_versions_of_pyproject(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"].values()
    declared = lowest(
        [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    )
    assert constraints() == declared, f"{CONSTRAINTS.name} is not what pyproject.toml allows"


def test_whatever_the_package_needs_has_a_lowest_version(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"]]
    needed += (extra for name in extras if name != "dev" for extra in extras[name])
    assert [one for one in needed if ">=" not in one] == []


@pytest.mark.skipif(HERE not in os.environ, reason="only tox's environment 'oldest' has them")
def test_the_lowest_versions_are_installed() -> None:
    expected = constraints()
    assert {name: Version(metadata.version(name)) for name in expected} == expected
