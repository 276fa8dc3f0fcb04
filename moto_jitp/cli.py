"""The command ``moto-jitp``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from moto_jitp.commands import ca, connect, demo, device, fleet, render, rule, serve, wait
from moto_jitp.commands.output import EXIT_CODES, FAILED, CommandFailed, complain, print_help

COMMANDS: dict[str, ModuleType] = {
    "demo": demo,
    "serve": serve,
    "wait": wait,
    "connect": connect,
    "render": render,
    "rule": rule,
    "ca": ca,
    "device": device,
    "fleet": fleet,
}
"""Each module has ``HELP``, ``DESCRIPTION``, ``add_arguments`` and ``run``."""

_DESCRIPTION = """\
Test AWS IoT just-in-time provisioning on your own machine."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments without the program's name; by default those of the process.

    Returns:
        The exit code: 0 for success, 1 if something was refused or failed. Wrong usage ends the
        process with 2, as ``argparse`` does.
    """
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot show a character must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except CommandFailed as failure:
        complain(str(failure))
        return failure.code
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python must not complain when it exits either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    from moto_jitp import __version__

    parser = argparse.ArgumentParser(
        prog="moto-jitp",
        description=_DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"moto_jitp {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    print_help(parser)
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.DESCRIPTION,
            epilog=getattr(module, "EPILOG", EXIT_CODES),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        # A command with subcommands sets one for each of them instead.
        command.set_defaults(run=getattr(module, "run", None))
        module.add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
