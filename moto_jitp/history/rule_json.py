"""What topic rules did, as the JSON objects that a server and its clients exchange."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from moto_jitp.json_shapes import (
    Field,
    Shape,
    boolean,
    list_of,
    moment,
    of,
    optional_object,
    optional_string,
    string,
    strings,
)
from moto_jitp.sql import Outcome

from .rule_runs import ActionRun, RuleRun

ACTION_RUN = Shape(
    "ActionRun",
    "What happened to one action of a topic rule for one message.",
    (
        string("action", "Its kind, as the API names it."),
        string("target", "What it acts on, such as a queue's URL."),
        optional_string("error", "Why it failed; null if it did not."),
        optional_string("advice", "What to change, in one sentence."),
        optional_string(
            "functionError", "The error that the invoked Lambda function raised; null if none."
        ),
    ),
)


def _action_from_json(document: Mapping[str, Any]) -> ActionRun:
    return ActionRun(**ACTION_RUN.arguments(document))


def _to_base64(payload: bytes) -> str:
    return base64.b64encode(payload).decode("ascii")


OUTCOME = Shape(
    "RuleOutcome",
    "What a rule's statement turned a message into.",
    (
        boolean("matched", "Whether the message matched, so that the actions ran."),
        Field(
            "payloadBase64",
            of("string", "What the actions got, in base64; empty if the message did not match."),
            lambda outcome: outcome.payload,
            _to_base64,
            base64.b64decode,
            "payload",
        ),
        Field(
            "clause",
            {
                "enum": ["FROM", "SET", "WHERE", "SELECT", None],
                "description": "The clause that dropped the message; null if it matched.",
            },
        ),
        string("reason", "Why it dropped the message; empty if it matched."),
        boolean("failed", "Whether the statement failed, rather than a condition."),
        strings("notes", "Notes about the result."),
    ),
)


def _outcome_from_json(document: Mapping[str, Any]) -> Outcome:
    return Outcome(**OUTCOME.arguments(document))


def _document(run: RuleRun) -> Any:
    document = run.document
    return None if isinstance(document, bytes) else document


RULE_RUN = Shape(
    "RuleRun",
    "What one topic rule did with one message.",
    (
        string("ruleName", "The rule."),
        string("topic", "The message's topic."),
        Field(
            "outcome",
            {"$ref": f"#/components/schemas/{OUTCOME.name}"},
            write=OUTCOME.to_json,
            read=_outcome_from_json,
        ),
        Field(
            "document",
            {"description": "What the actions got; null if that is not JSON, or nothing."},
            _document,
            read=None,
        ),
        moment("timestamp", "When, in UTC."),
        string("accountId", "The rule's account."),
        string("regionName", "The rule's Region."),
        optional_string("clientId", "The MQTT client that published the message."),
        optional_string("principal", "Its certificate's id, or the user's."),
        Field(
            "actions",
            list_of(ACTION_RUN.name),
            write=lambda runs: [ACTION_RUN.to_json(run) for run in runs],
            read=lambda documents: tuple(map(_action_from_json, documents)),
        ),
        boolean("hasJson", "Whether the message was JSON."),
        optional_object("errorAction", ACTION_RUN, _action_from_json),
        Field("explanation", of("string", "All of it as text."), str, read=None),
    ),
)


def rule_run_from_json(document: Mapping[str, Any]) -> RuleRun:
    """Return the run that an object of the shape :data:`RULE_RUN` describes."""
    return RuleRun(**RULE_RUN.arguments(document))
