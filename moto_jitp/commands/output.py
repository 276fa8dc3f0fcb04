"""The commands' output: lines for people, JSON for scripts, and errors."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from moto_jitp.printing import one_line

OK, FAILED, USAGE = 0, 1, 2
"""The exit codes of every command."""

EXIT_CODES = "exit codes: 0 success, 1 refused or failed, 2 wrong usage"


class CommandFailed(Exception):  # noqa: N818 - it is not always an error of the program
    """Ends a command: the sentence for people goes to standard error.

    Args:
        message: what was expected, what was found, what to change.
        code: the exit code.
    """

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def say(*lines: str) -> None:
    """Print lines for people on standard output, each on one line whatever it contains."""
    for line in lines:
        print(one_line(line))


def complain(message: str) -> None:
    """Print a sentence on standard error after the program's name, as is usual in a shell."""
    print(f"moto-jitp: {one_line(message)}", file=sys.stderr)


def say_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    print(json.dumps(value, indent=2))


def print_help(parser: ArgumentParser) -> None:
    """Make a command without arguments print its help; that is wrong usage."""

    def run(_: object) -> int:
        parser.print_help()
        return USAGE

    parser.set_defaults(run=run)


def add_json_option(parser: ArgumentParser) -> None:
    """Give a command the option ``--json``."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document instead of text"
    )


# A developer's own settings, such as a profile that does not exist here or the address of another
# emulator, must not decide where a demonstration's calls go.
_PERSONAL = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "TEST_SERVER_MODE",
    "TEST_PROXY_MODE",
)


@contextmanager
def neutral_environment() -> Generator[None]:
    """Have boto3 and moto ignore the user's AWS configuration inside the block."""
    original_values = {name: os.environ.get(name) for name in _PERSONAL}
    files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    files["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
    original_values.update({name: os.environ.get(name) for name in files})
    for name in _PERSONAL:
        os.environ.pop(name, None)
    os.environ.update(files)
    try:
        yield
    finally:
        for name, value in original_values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
