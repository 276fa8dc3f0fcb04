"""``moto-jitp rule``: evaluates a topic rule's SQL on a message, and says which clause drops it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import read_text
from .output import FAILED, OK, USAGE, CommandFailed, add_json_option, say, say_json

if TYPE_CHECKING:
    from moto_jitp.sql import Outcome

HELP = "try a topic rule's SQL on a message"
DESCRIPTION = """\
Shows what a topic rule's SQL makes of a message, without a server: the document that its actions
get, or the clause that drops the message, and why."""
EPILOG = """\
exit codes: 0 the message matches, 1 it is dropped, the rule fails or the SQL is wrong,
            2 wrong usage"""


def add_arguments(parser: ArgumentParser) -> None:
    statement = parser.add_mutually_exclusive_group(required=True)
    statement.add_argument("--sql", metavar="TEXT", help="the statement")
    statement.add_argument(
        "--sql-file", metavar="FILE", help="a file with it; - for standard input"
    )
    parser.add_argument("--topic", metavar="TOPIC", required=True, help="the message's topic")
    message = parser.add_mutually_exclusive_group(required=True)
    message.add_argument("--payload", metavar="TEXT", help="the message itself, JSON as a rule")
    message.add_argument(
        "--payload-file",
        metavar="FILE",
        help="a file with the message, byte for byte; - for standard input",
    )
    parser.add_argument(
        "--sql-version",
        metavar="VERSION",
        help="2016-03-23 or 2015-10-08; the latter is the default, as on AWS",
    )
    parser.add_argument("--principal", metavar="ID", help="what principal() returns")
    parser.add_argument("--client-id", metavar="ID", help="what clientid() returns")
    parser.add_argument("--source-ip", metavar="ADDRESS", help="what sourceip() returns")
    add_json_option(parser)


def run(arguments: Namespace) -> int:
    from moto_jitp.sql import SqlError
    from moto_jitp.sql.explaining import explain_rule

    sql = arguments.sql if arguments.sql is not None else read_text(arguments.sql_file)
    try:
        outcome = explain_rule(
            sql,
            arguments.topic,
            _payload(arguments),
            principal=arguments.principal,
            client_id=arguments.client_id,
            source_ip=arguments.source_ip,
            sql_version=arguments.sql_version,
        )
    except SqlError as error:
        if not arguments.json:
            raise CommandFailed(f"the SQL is wrong: {error}") from None
        say_json({"error": {"message": error.message, "line": error.line, "column": error.column}})
        return FAILED
    if arguments.json:
        say_json(outcome_to_json(outcome))
    else:
        say(*_lines(outcome))
    return OK if outcome.matched else FAILED


def _payload(arguments: Namespace) -> bytes | str:
    if arguments.payload is not None:
        return str(arguments.payload)
    path = arguments.payload_file
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CommandFailed(f"cannot read {path}: {reason}.", USAGE) from None


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as the command prints it with ``--json``."""
    document = outcome.document
    binary = isinstance(document, bytes)
    return {
        "matched": outcome.matched,
        "document": None if binary else document,
        "payloadHex": outcome.payload.hex() if binary else None,
        "clause": outcome.clause,
        "failed": outcome.failed,
        "reason": outcome.reason or None,
        "notes": list(outcome.notes),
    }


def _lines(outcome: Outcome) -> Iterator[str]:
    yield from str(outcome).splitlines()
