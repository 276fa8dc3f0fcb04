"""Measures the way of one JITP connection through the code, and the shape of the code.

    python benchmarks/walk.py                   # the figures of this checkout
    python benchmarks/walk.py --files           # and every file that the connection visited

One device connects by just-in-time provisioning, and connects again, under a profiler that only
looks at this package's functions. A *move* is a call from a function in one file to one in another.
The caches are warm: another device has connected before. A long way is a symptom of scattered
knowledge; the figure is not a goal in itself.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import boto3

from moto_jitp import CertificateAuthority, connect_device, mock_jitp

PACKAGE = Path(str(importlib.util.find_spec("moto_jitp").origin)).parent  # type: ignore[union-attr]
ROLE_ARN = "arn:aws:iam::123456789012:role/JITPRole"
TEMPLATE = {
    "Parameters": {"AWS::IoT::Certificate::CommonName": {"Type": "String"}},
    "Resources": {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}},
        },
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                "Status": "ACTIVE",
            },
        },
        "policy": {
            "Type": "AWS::IoT::Policy",
            "Properties": {
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
                }
            },
        },
    },
}
TEMPLATE["Parameters"]["AWS::IoT::Certificate::Id"] = {"Type": "String"}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The walk of one JITP connection.")
    parser.add_argument("--files", action="store_true", help="list the visited files, too")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(argv)
    walk = profile_connection()
    figures = {
        "functions called": walk.calls,
        "files visited": len(walk.files),
        "moves between files": walk.moves,
        **shape(),
    }
    if options.json:
        print(json.dumps({**figures, "files": sorted(walk.files)}))
        return 0
    for name, value in figures.items():
        print(f"{name:<52}{value:>8,}")
    if options.files:
        print(*sorted(walk.files), sep="\n")
    return 0


class Walk:
    """Counts calls, files and moves while it is the profiler."""

    def __init__(self) -> None:
        self.calls = 0
        self.moves = 0
        self.files: set[str] = set()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event != "call" or (file := _own_file(frame.f_code)) is None:
            return
        self.calls += 1
        self.files.add(file)
        caller = frame.f_back
        while caller is not None and (own := _own_file(caller.f_code)) is None:
            caller = caller.f_back
        if caller is not None and own != file:
            self.moves += 1


@cache
def _own_file(code: CodeType) -> str | None:
    """The file of a function of ours, as a path within the package."""
    path = Path(code.co_filename)
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else None


def profile_connection() -> Walk:
    """Connect a device under the profiler."""
    walk = Walk()
    with mock_jitp():
        iot = boto3.client(
            "iot",
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        ca = CertificateAuthority(common_name="Walk Root")
        ca.register(iot, template_body=json.dumps(TEMPLATE), role_arn=ROLE_ARN)
        first, second = (ca.issue(common_name=name).certificate_pem for name in ("one", "two"))
        connect_device(first)
        sys.setprofile(walk)
        try:
            connect_device(second)
        finally:
            sys.setprofile(None)
    return walk


def shape() -> dict[str, int]:
    """The figures of the package's shape."""
    sources = {path: path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    return {
        "modules at the top level of iot/": sum(
            path.parent == PACKAGE / "iot" and path.stem != "__init__" for path in sources
        ),
        "longest chain of imports in iot/": longest_chain("moto_jitp.iot", sources),
        "keys put into a backend's __dict__": len(
            {key for text in sources.values() for key in re.findall(_BACKEND_KEY, text)}
        ),
        "places that ask for TEST_SERVER_MODE": sum(
            len(re.findall(r"\w*settings\.TEST_SERVER_MODE\b", text)) for text in sources.values()
        ),
        "lines of the package (Python)": sum(text.count("\n") for text in sources.values()),
    }


_BACKEND_KEY = r"__dict__\s*\.\s*(?:setdefault|get)\(\s*[\"']?(\w+)|__dict__\[\s*[\"'](\w+)"


def longest_chain(package: str, sources: dict[Path, str]) -> int:
    """The number of modules on the longest chain in which each imports the next.

    Args:
        package: the dotted name of the package to look at.
        sources: the text of each module of ours by its path.
    """
    modules = {_module_name(path): (path, text) for path, text in sources.items()}
    imports = {
        name: {
            target
            for target in _imported(name, path, text, modules)
            if target.startswith(f"{package}.") and target != name
        }
        for name, (path, text) in modules.items()
        if name.startswith(f"{package}.")
    }

    @cache
    def length(name: str) -> int:
        return 1 + max((length(target) for target in imports.get(name, ())), default=0)

    return max((length(name) for name in imports), default=0)


def _module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(name: str, path: Path, text: str, modules: dict[str, Any]) -> Iterator[str]:
    """The modules of ours that a module imports when it is loaded, or later in a function."""
    own_package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = node.module or ""
        if node.level:
            parents = own_package.split(".")
            base = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [base])])
        for alias in node.names:
            full = f"{base}.{alias.name}"
            if full in modules or base in modules:
                yield full if full in modules else base


if __name__ == "__main__":
    sys.exit(main())
