"""Runs moto's own IoT and IoT-data tests against our backend, in both ways of using it.

    python tests/moto_own/run.py               # both
    python tests/moto_own/run.py activated     # plain mock_aws over activate(): all must pass
    python tests/moto_own/run.py strict        # mock_jitp in the place of mock_aws: all must pass
                                               # but those in strict_failures.txt, which must fail

The tests come from the source distribution of the moto that is installed, which pip downloads once
into build/moto_own/. The exit status is 0 when both ways went as they should.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOWNLOADS = HERE.parents[1] / "build" / "moto_own"
WAYS = ("activated", "strict")
SUITES = ("test_iot", "test_iotdata")
#: The modules that the suites import from the folder above them.
SHARED = ("__init__.py", "conftest.py", "markers.py")

#: moto's own settings, as far as these suites need them.
PYTEST_INI = """\
[pytest]
asyncio_default_fixture_loop_scope = function
markers =
    aws_verified: moto's authors have run it against AWS
    network: needs a network
    requires_clean_slate: not to be run beside others
    requires_docker: needs docker
"""

#: Variables that would send moto's tests to a server or to AWS itself.
ELSEWHERE = ("TEST_SERVER_MODE", "TEST_PROXY_MODE", "MOTO_TEST_ALLOW_AWS_REQUEST")


def main() -> int:
    parser = argparse.ArgumentParser(description="Run moto's own IoT tests against our backend.")
    parser.add_argument("ways", nargs="*", metavar="|".join(WAYS), help="which; both by default")
    ways = parser.parse_args().ways or WAYS
    for way in ways:
        if way not in WAYS:
            parser.error(f"there is no way {way!r}: choose from {', '.join(WAYS)}")
    source = source_distribution(version("moto"))
    statuses = []
    with tempfile.TemporaryDirectory(prefix="moto_own_") as folder:
        suites = extract(source, Path(folder))
        for way in ways:
            print(f"== moto {version('moto')}'s own tests, {way} ==", flush=True)
            statuses.append(run(way, suites))
    return int(any(statuses))


def source_distribution(moto_version: str) -> Path:
    """Return the source distribution of one version of moto, downloading it if need be."""
    archive = DOWNLOADS / f"moto-{moto_version}.tar.gz"
    if not archive.is_file():
        DOWNLOADS.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        wanted = ["--no-deps", "--no-binary", "moto", f"moto=={moto_version}"]
        subprocess.run([*pip, *wanted, "--dest", str(DOWNLOADS)], check=True)
    if not archive.is_file():
        found = ", ".join(sorted(path.name for path in DOWNLOADS.iterdir()))
        sys.exit(f"pip downloaded no {archive.name}; in {DOWNLOADS} there is: {found}")
    return archive


def extract(archive: Path, folder: Path) -> Path:
    """Unpack the suites and what they share, and return their folder."""
    with tarfile.open(archive) as source:
        wanted = [member for member in source.getmembers() if _belongs(member.name)]
        if not wanted:
            sys.exit(f"{archive.name} holds none of {', '.join(SUITES)} under tests/.")
        # The first patch releases of Python 3.10 and 3.11 have no filter.
        source.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        source.extractall(folder, members=wanted)
    (root,) = folder.iterdir()
    (root / "pytest.ini").write_text(PYTEST_INI, encoding="utf-8")
    return root


def _belongs(name: str) -> bool:
    parts = name.split("/")[1:]  # the first is moto-<version>
    return parts[:1] == ["tests"] and len(parts) > 1 and parts[1] in (*SUITES, *SHARED)


def run(way: str, root: Path) -> int:
    """Run the suites in one way, in a separate process, and return pytest's exit status."""
    environment = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    environment["MOTO_JITP_OWN_TESTS"] = way
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(HERE), os.environ.get("PYTHONPATH")])
    )
    # moto does not promise that its tests pass in random order.
    options = ["-p", "own_tests_plugin", "-p", "no:randomly", "-p", "no:cacheprovider", "-q"]
    paths = [f"tests/{suite}" for suite in SUITES]
    command = [sys.executable, "-m", "pytest", *options, "--tb=short", "--color=no", *paths]
    return subprocess.run(command, cwd=root, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
