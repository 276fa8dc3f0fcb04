"""A statement costs in proportion to its length; one that AWS would refuse is not even parsed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import boto3
import pytest
from botocore.exceptions import ClientError
from support.steps import calls_of, steps_of

from moto_jitp import mock_jitp
from moto_jitp.sql import V2, Environment, Message, Rule, SqlError, Template

PACKAGES = ("moto_jitp", "lark")


def many(part: str, separator: str) -> Callable[[int], str]:
    return lambda count: separator.join([part] * count)


def numbered(part: str) -> Callable[[int], str]:
    return lambda count: ", ".join(part.format(number) for number in range(count))


#: Statements by kind, each of which repeats one part a given number of times.
KINDS: dict[str, tuple[str, Callable[[int], str]]] = {
    "conditions": ("SELECT * FROM 't' WHERE {}", many("a = 2", " OR ")),
    "columns": ("SELECT {} FROM 't'", numbered("a AS b{}")),
    "columns of an object": ("SELECT {} FROM 't'", numbered("a AS x.b{}")),
    "the payload's columns": ("SELECT {} FROM 't'", many("*, a AS b", ", ")),
    "brackets": ("SELECT {} AS b FROM 't'", lambda count: "(" * count + "a" + ")" * count),
    "arguments": ("SELECT concat({}) AS b FROM 't'", many("a", ", ")),
    "branches": ("SELECT CASE a {} ELSE 3 END AS b FROM 't'", many("WHEN 1 THEN 2", " ")),
    "defaults": (
        "SELECT {} AS b FROM 't'",
        lambda count: "get_or_default(a, " * count + "1" + ")" * count,
    ),
    "nested queries": ("SELECT {} FROM 't'", numbered("(SELECT * FROM c) AS d{}")),
    "an object": ("SELECT {{{}}} FROM 't'", numbered("'k{}': 1")),
    "open brackets": ("SELECT {}", lambda count: "(" * count),
    "quotation marks": ("SELECT {}", many("'x',", " ")),
    "words": ("SELECT {}", many("a b", " ")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_statement_costs_as_much_for_each_part_however_many_it_has(kind: str) -> None:
    frame, parts = KINDS[kind]
    message = Message("t", b'{"a": 1, "c": {"e": 2}}')

    def cost(count: int) -> int:
        sql = frame.format(parts(count))

        def apply() -> None:
            with contextlib.suppress(SqlError):
                Rule.parse(sql, V2).apply(message, Environment())

        return steps_of(apply, PACKAGES)

    cost(20)  # what is made at first use
    few, more, most = cost(20), cost(40), cost(80)
    assert most - more < 2.5 * (more - few) + 100  # four times as much where it is quadratic


@pytest.mark.parametrize("part", ["@{", "${", "${a}", "${'", "${'a'}", "{", "$"])
def test_a_template_costs_as_much_for_each_part_however_many_it_has(part: str) -> None:
    def cost(count: int) -> int:
        def parse() -> None:
            with contextlib.suppress(SqlError):
                Template.parse(part * count, V2)

        return sum(calls_of(parse, PACKAGES).values())

    cost(50)
    few, more, most = cost(50), cost(100), cost(200)
    assert most - more < 2.5 * (more - few) + 20


def test_the_columns_of_the_payload_are_set_once_however_often_a_statement_names_them() -> None:
    payload = {f"k{number}": number for number in range(500)}
    rule = Rule.parse("SELECT *, 0 AS k3, *, 1 AS k4, * FROM 't'", V2)
    outcome = rule.apply(Message("t", json.dumps(payload).encode()), Environment())
    assert outcome.document == payload
    columns = ", ".join(["*"] * 1_000)
    assert (
        Rule.parse(f"SELECT {columns} FROM 't'", V2)
        .apply(Message("t", json.dumps(payload).encode()), Environment())
        .document
        == payload
    )


def test_a_statement_that_is_longer_than_a_rule_may_be_is_refused_unread() -> None:
    longest = "SELECT '{}' AS a FROM 't'"
    room = 128 * 1024 - len(longest.format(""))
    Rule.parse(longest.format("x" * room))

    def refuse() -> None:
        with pytest.raises(SqlError, match=r"131073 bytes; AWS IoT allows 131072 for all of a"):
            Rule.parse(longest.format("x" * (room + 1)))

    calls = calls_of(refuse, PACKAGES)
    assert calls["parse"] == 1  # the rule's own: the parser is not asked


def test_create_topic_rule_refuses_a_rule_that_is_longer_than_aws_allows() -> None:
    with mock_jitp():
        iot = boto3.client("iot", region_name="us-east-1")
        payload = {"sql": "SELECT " + "a, " * 200_000 + "b FROM 't'", "actions": []}
        with pytest.raises(ClientError) as refusal:
            iot.create_topic_rule(ruleName="long", topicRulePayload=payload)
    error = refusal.value.response["Error"]
    assert error["Code"] == "InvalidRequestException"
    assert "131072 are allowed" in error["Message"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT {}(a) FROM 't'",
        "SELECT @{} FROM 't'",
        "SET @{} = 1 SELECT a FROM 't'",
        "SELECT cast(a AS {}) FROM 't'",
        "SELECT {} {} FROM 't'",
        "SELECT '{} FROM 't'",
    ],
)
def test_an_error_shows_the_beginning_of_a_long_name(sql: str) -> None:
    with pytest.raises(SqlError) as error:
        Rule.parse(sql.format("x" * 10_000, "x" * 10_000), V2)
    assert len(str(error.value)) < 600
    with pytest.raises(SqlError) as error:
        Template.parse("${" + "x" * 10_000 + "(", V2)
    assert len(str(error.value)) < 600


def test_queries_inside_queries_of_one_array_end_the_rule() -> None:
    """Each level would iterate over the array again for each element of the level above."""
    query = "1 AS x"
    for level in range(6):
        query = f"(SELECT {query} FROM @all) AS level_{level}"
    rule = Rule.parse(f"SET @all = all SELECT {query} FROM 't'", V2)
    message = Message("t", json.dumps({"all": [{"a": 1}] * 100}).encode())
    outcome = rule.apply(message, Environment())
    assert outcome.failed
    assert "more than 262144 elements for one message" in str(outcome)


#: Columns of a few kilobytes whose values would have gigabytes, with a long text and array.
GREEDY = {
    "concat": f"concat({', '.join(['@v'] * 2_000)}) AS b",
    "concat of arrays": f"concat({', '.join(['@a'] * 2_000)}) AS b",
    "an object": "{" + ", ".join(f"'k{n}': @v" for n in range(2_000)) + "}",
    "an object as a text": "cast({"
    + ", ".join(f"'k{n}': @v" for n in range(2_000))
    + "} AS String) AS b",
    "columns": ", ".join(f"@v AS k{n}" for n in range(2_000)),
    "replace": "replace(@v, 'a', @v) AS b",
    "regexp_replace": "regexp_replace(@v, 'a', @v) AS b",
}


@pytest.mark.parametrize("kind", GREEDY)
def test_a_short_statement_does_not_fill_the_memory(kind: str) -> None:
    sql = f"SET @v = text, @a = list SELECT {GREEDY[kind]} FROM 't'"
    message = Message("t", json.dumps({"text": "a" * 50_000, "list": [1] * 20_000}).encode())
    outcome = Rule.parse(sql, V2).apply(message, Environment())
    assert not outcome.matched
    assert "16,777,216 are possible here" in outcome.reason
