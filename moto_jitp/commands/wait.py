"""``moto-jitp wait``: returns when a server is ready, for images without curl."""

from __future__ import annotations

import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from .connect import DEFAULT_URL, add_server_options, control_client
from .output import OK, CommandFailed, say

HELP = "wait until a server is ready"
DESCRIPTION = """\
Returns as soon as the server answers, and fails if it does not answer in time: for scripts, health
checks and images without curl."""

_PAUSE = 0.1
"""Seconds between two checks."""


def add_arguments(parser: ArgumentParser) -> None:
    add_server_options(parser, DEFAULT_URL)
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="the longest time to wait in seconds (%(default)g)",
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def run(arguments: Namespace) -> int:
    from moto_jitp.remote.client import ControlError

    client = control_client(arguments)
    give_up = time.monotonic() + arguments.timeout
    while True:
        try:
            client.get("ready")
        except ControlError as error:
            raise CommandFailed(str(error)) from None  # another kind of server, which will stay so
        except ConnectionError as error:
            if time.monotonic() >= give_up:
                raise CommandFailed(
                    f"no server was ready within {arguments.timeout:g} seconds. {error}"
                ) from None
            time.sleep(_PAUSE)
        else:
            say(f"{arguments.endpoint_url} is ready")
            return OK
