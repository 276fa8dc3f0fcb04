"""Packages of npm for tests that run Node.js."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from support.patience import HANG

NODE, NPM = shutil.which("node"), shutil.which("npm")

NEEDS_NODE = pytest.mark.skipif(NODE is None or NPM is None, reason="Node.js is not installed")


def with_package(
    config: pytest.Config, name: str, files: Iterable[Path], package: str, worker_id: str
) -> Path:
    """Return a folder that has files and what npm installs for them; skip where npm cannot.

    It is kept from one run of the tests to the next.

    Args:
        config: pytest's, whose cache has the folder.
        name: what the folder is called.
        files: what is copied there, a ``package.json`` among it.
        package: one that is there afterwards, such as ``aws-cdk-lib``.
        worker_id: as of pytest-xdist; each process has a folder, as they may come at the same time.
    """
    assert config.cache is not None
    folder = config.cache.mkdir(f"{name}-{worker_id}")
    for file in files:
        shutil.copy(file, folder)
    if not (folder / "node_modules" / package / "package.json").exists():
        installed = subprocess.run(
            [str(NPM), "install", "--no-audit", "--no-fund", "--no-package-lock"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )
        if installed.returncode:
            pytest.skip(f"npm cannot install {package}: {installed.stderr[-300:]}")
    return folder
