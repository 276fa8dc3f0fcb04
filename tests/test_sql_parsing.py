"""Any text becomes a tree that prints back to SQL, or an error that says what to change."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moto_jitp.sql import (
    V1,
    V2,
    Environment,
    Evaluation,
    Message,
    Rule,
    SqlError,
    Template,
    parse_statement,
    tree,
)

# -- what is printed parses to the same tree ----------------------------------------------------

WORDS = st.sampled_from(
    [
        *("a", "b1", "temperature", "value", "end", "set", "exists", "cast", "when"),
        *("größe", "Topic", "select_", "isNull"),
    ]
)
VARIABLES = st.sampled_from(["a", "b_2", "Value", "9"])
FUNCTIONS = st.sampled_from(["abs", "isNull", "get", "Concat", "topic"])
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
CONSTANTS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=0, max_value=10**34 - 1),
    st.decimals(min_value=0, max_value=10**20, allow_nan=False, places=3),
    st.just(Decimal("1E+40")),
    TEXTS,
).map(tree.Constant)
OPERANDS = st.one_of(CONSTANTS, st.builds(tree.Name, WORDS), st.builds(tree.Variable, VARIABLES))


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    with_star = inner | st.just(tree.Star())
    items = st.lists(
        st.builds(tree.Item, with_star, st.lists(WORDS, max_size=2).map(tuple)),
        min_size=1,
        max_size=3,
    ).map(tuple)
    selections = st.one_of(
        st.builds(tree.Selection, items),
        st.builds(
            lambda expression: tree.Selection((tree.Item(expression),), value=True), with_star
        ),
    )
    queries = st.builds(tree.Query, selections, inner, st.none() | WORDS, st.none() | inner)
    two = st.lists(inner, min_size=2, max_size=3).map(tuple)
    pairs = st.lists(st.tuples(inner, inner), min_size=1, max_size=2).map(tuple)
    return st.one_of(
        st.builds(tree.Member, inner, WORDS),
        st.builds(tree.Call, FUNCTIONS, st.lists(with_star, max_size=3).map(tuple)),
        st.builds(tree.Cast, inner, st.sampled_from(["Int", "string"])),
        st.builds(tree.Negative, inner),
        st.builds(tree.Not, inner),
        st.builds(tree.Operation, st.sampled_from(sorted(tree.OPERATORS)), inner, inner),
        st.builds(tree.Logical, st.sampled_from(["AND", "OR"]), two),
        st.builds(tree.Case, inner, pairs, st.none() | inner),
        st.builds(tree.ObjectLiteral, st.lists(st.tuples(TEXTS, inner), max_size=2).map(tuple)),
        st.builds(tree.ArrayLiteral, st.lists(inner, max_size=3).map(tuple)),
        queries,
        st.builds(tree.Exists, queries),
    )


EXPRESSIONS = st.recursive(OPERANDS, larger, max_leaves=8)
STATEMENTS = st.builds(
    tree.Statement,
    st.builds(
        tree.Selection,
        st.lists(
            st.builds(tree.Item, EXPRESSIONS, st.lists(WORDS, max_size=2).map(tuple)),
            min_size=1,
            max_size=3,
        ).map(tuple),
    )
    | EXPRESSIONS.map(lambda expression: tree.Selection((tree.Item(expression),), value=True)),
    st.none() | st.sampled_from(["a/+/b", "$aws/events/#", "it's"]),
    st.none() | EXPRESSIONS,
    st.lists(st.builds(tree.Assignment, VARIABLES, EXPRESSIONS), max_size=2).map(tuple),
)


@pytest.mark.slow
@given(STATEMENTS)
@settings(max_examples=150, deadline=None)
def test_what_is_printed_parses_to_the_same_tree(statement: tree.Statement) -> None:
    printed = str(statement)

    assert parse_statement(printed) == statement, printed
    assert str(parse_statement(printed)) == printed


SOURCE = """
SET SELECT VALUE FROM WHERE AS AND OR NOT IN EXISTS CASE WHEN THEN ELSE END NULL TRUE @v @w
a b.c 'text' "text" 'a/+' 1 2.5 1E5 ( ) { } [ ] , . : = <> < >= + - * / %
abs( get( cast( topic() 'open \\ ! # $ \x00 '' decode(*,'base64')
"""
TOKENS = st.sampled_from(SOURCE.split())


@given(st.lists(TOKENS, max_size=25).map(" ".join) | st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_a_tree_or_a_documented_error(text: str) -> None:
    for sql in (text, f"SELECT {text}", f"SELECT a FROM 'x' WHERE {text}"):
        try:
            rule = Rule.parse(sql, V2)
        except SqlError:
            continue
        assert parse_statement(str(rule.statement)) == rule.statement
        rule.apply(Message("x", b'{"a": 1}'), Environment())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b1", "temperature", "value"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.slow
@given(STATEMENTS, JSON, st.sampled_from([V1, V2]))
@settings(max_examples=150, deadline=None)
def test_applying_a_rule_to_any_message_raises_nothing(
    statement: tree.Statement, payload: Any, version: Any
) -> None:
    try:
        rule = Rule.parse(str(statement), version)
    except SqlError:
        return
    outcome = rule.apply(Message("a/x/b", json.dumps(payload).encode()), Environment())
    assert outcome.matched or outcome.reason
    assert str(outcome)


@pytest.mark.parametrize(
    ("sql", "canonical"),
    [
        ("select a,b from t/#", "SELECT a, b FROM 't/#'"),
        ('SELECT ((a)) FROM "t" where (a or b) and c', "SELECT a FROM 't' WHERE (a OR b) AND c"),
        ("select a - (b - c) - d from 't'", "SELECT a - (b - c) - d FROM 't'"),
        ("select 'it''s', \"it's\" from 't'", "SELECT 'it''s', 'it''s' FROM 't'"),
        (r"select '\d+\.\\' from 't'", r"SELECT '\\d+\\.\\' FROM 't'"),
        ("SELECT state.desired.value.end.from FROM 't'", None),
        ("SELECT VALUE value FROM 't'", None),
        ("SELECT value - 1 FROM 't'", None),
        ("SELECT VALUE (-1) FROM 't'", None),
        ("SELECT value * 2 FROM 't'", None),
        ("select\n\t*\nfrom\n't'", "SELECT * FROM 't'"),
        ("SET @a = *, @b_2 = @a.x SELECT @b_2", None),
    ],
)
def test_the_canonical_form(sql: str, canonical: str | None) -> None:
    assert str(parse_statement(sql)) == (canonical or sql)


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "says", "column"),
    [
        ("", "SELECT or SET was expected", 1),
        ("SELECT", "the end cannot stand here; an expression or * was expected", 7),
        ("SELECT a FORM 't'", "Did you mean FROM?", 10),
        ("SELECT FROM 't'", "FROM cannot stand here", 8),
        ("SELECT a, FROM 't'", "FROM cannot stand here", 11),
        ("SELECT a b FROM 't'", "b cannot stand here", 10),
        ("SELECT a FROM 't' WHERE", "an expression was expected", 24),
        ("SELECT a FROM 't' LIMIT 3", "LIMIT cannot stand here; WHERE or the end", 19),
        ("SELECT a FROM 't", "The string has no end", 15),
        ("SELECT a FROM 't';", "no semicolon", 18),
        ("SELECT a != 1 FROM 't'", "write <>", 10),
        ("SELECT a || b FROM 't'", "concat()", 10),
        ("SELECT `a` FROM 't'", "get(*, 'name')", 8),
        ("SELECT a[0] FROM 't'", "get(array, 0)", 9),
        ("SELECT a.0.b FROM 't'", "get(data, 'my-key')", 10),
        ("SELECT 1a FROM 't'", "1a cannot stand here", 8),
        ("SELECT a # why\nFROM 't'", "no comments", 10),
        ("SELECT a,\nb c FROM 't'", "c cannot stand here", 3),
        ("SELECT (a FROM 't'", "was expected", 11),
        ("SELECT case WHEN 1 THEN 2 END FROM 't'", "CASE needs a value after it", 18),
        ("SELECT CASE a END FROM 't'", "END cannot stand here", 15),
        ("SELECT a AS 'b' FROM 't'", "a name was expected", 13),
        ("SELECT * FROM 't' SET @a = 1", "SET cannot stand here", 19),
        ("SELECT 1E9999 FROM 't'", "9.99E999", 8),
    ],
)
def test_a_mistake_is_named_with_its_place(sql: str, says: str, column: int) -> None:
    with pytest.raises(SqlError) as error:
        Rule.parse(sql, V2)

    assert says in str(error.value)
    assert error.value.column == column
    assert error.value.line == (2 if ",\n" in sql else 1)


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT flor(a) FROM 't'", "flor() is not a function of AWS IoT SQL. Did you mean floor?"),
        (
            "SELECT machinelearning_predict('m', 'r', *) FROM 't'",
            "machinelearning_predict() is not",
        ),
        ("SELECT decode(*, 'proto', 'b', 'k', 'p', 'm') FROM 't'", "decode(…, 'proto', …) is not"),
        ("SELECT cast(a as Blob) FROM 't'", "cast() knows no type Blob"),
        ("SELECT @a FROM 't'", "@a is not set before it is used"),
        ("SET @b = @a, @a = 1 SELECT * FROM 't'", "@a is not set before it is used"),
        ("SET @limit = 1 SELECT @limt FROM 't'", "Did you mean @limit?"),
        ("SET @a = 1, @a = 2 SELECT @a FROM 't'", "assigns @a 2 times"),
        (f"SET @{'a' * 65} = 1 SELECT * FROM 't'", "has 65 characters; 64 are allowed"),
        ("SELECT * FROM 'a/#/b'", "FROM: 'a/#/b'"),
        (
            "SET @r = 'x' SELECT get_thing_shadow('t', @r) FROM 't'",
            "not accept a variable for the role's ARN",
        ),
        ("SET @m = 'x' SELECT transform(@m, a, b) FROM 't'", "not accept a variable for the mode"),
        ("SELECT get_or_default(a, aws_lambda('f', *)) FROM 't'", "cannot be the default"),
        (f"SELECT {'(NOT ' * 200}a{')' * 200} FROM 't'", "nested more than 100 levels"),
    ],
)
def test_what_the_reference_forbids_is_refused_when_the_rule_is_made(sql: str, says: str) -> None:
    with pytest.raises(SqlError) as error:
        Rule.parse(sql, V2)

    assert says in str(error.value)


def test_a_statement_has_at_most_ten_variables() -> None:
    def sql(count: int) -> str:
        return f"SET {', '.join(f'@v{n} = {n}' for n in range(count))} SELECT @v9 FROM 't'"

    assert Rule.parse(sql(10), V2).variable_names[-1] == "v9"
    with pytest.raises(SqlError, match="SET has 11 variables"):
        Rule.parse(sql(11), V2)


@pytest.mark.parametrize(
    "expression",
    [
        "(SELECT a FROM b)",
        "{'a': 1}",
        "[1]",
        "encode(*, 'base64')",
        "isNull(a)",
        "sourceip()",
        "get_or_default(a)",
        "cast(a as Decimal)",
        "cast(a as bool)",
    ],
)
def test_what_the_second_version_added_is_refused_in_the_first(expression: str) -> None:
    sql = f"SELECT {expression} AS x FROM 't'"

    Rule.parse(sql, V2)
    for version in (V1, None):
        with pytest.raises(SqlError, match="awsIotSqlVersion to 2016-03-23"):
            Rule.parse(sql, version)


def test_a_rule_without_a_version_has_the_first_as_on_aws() -> None:
    assert Rule.parse("SELECT * FROM 't'").version == V1


@pytest.mark.parametrize("version", ["beta", "2020-01-01", ""])
def test_other_versions_are_refused_by_name(version: str) -> None:
    with pytest.raises(SqlError, match=f"'{version}'"):
        Rule.parse("SELECT * FROM 't'", version)


def test_a_column_without_a_name_is_noted() -> None:
    rule = Rule.parse("SELECT a + 1, b, topic(), {'k': 1} FROM 't'", V2)

    (note,) = rule.notes
    assert "expr1" in note
    document = rule.apply(Message("t", b'{"a": 1, "b": 2}'), Environment()).document
    assert document == {"expr1": 2, "b": 2, "topic": "t", "k": 1}


# -- substitution templates ---------------------------------------------------------------------


def fill(text: str, payload: bytes = b'{"id": "x-1", "n": 2.5, "o": {"k": [1]}}') -> str:
    evaluation = Evaluation(Message("plant/boiler", payload), Environment(), V2, {"v": "set"})
    return Template.parse(text, V2, ("v",)).fill(evaluation, evaluation.payload_scope())


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${topic()}/copy", "plant/boiler/copy"),
        ("a/${id}-${n}/${@v}.json", "a/x-1-2.5/set.json"),
        ("${o}", '{"k":[1]}'),
        ("${missing}", ""),
        ("${get({'}': 1}, '}')}", "1"),
        ("$${id}", "$x-1"),
        ("$$aws/things/{}", "$$aws/things/{}"),
        ("${ parse_time('yyyy', 0) }", "1970"),
        ("${n > 2 AND id = 'x-1'}", "true"),
    ],
)
def test_templates_are_filled_from_the_original_message(text: str, filled: str) -> None:
    assert fill(text) == filled
    assert fill(str(Template.parse(text, V2, ("v",)))) == filled


def test_a_payload_that_is_not_json_fills_nothing() -> None:
    assert fill("device/${id}", b"\xff") == "device/"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a/${topic(", "no closing brace"),
        ("a/${}", "${}: the end cannot stand here"),
        ("a/${foo()}", "${foo()}: foo() is not a function"),
        ("a/${@w}", "@w is not set"),
        ("a/@{room}", "InfluxDB action only"),
        ("${decode(*, 'proto', 'a', 'b', 'c', 'd')}", "not carried out"),
    ],
)
def test_a_wrong_template_is_refused_when_the_rule_is_made(text: str, says: str) -> None:
    with pytest.raises(SqlError) as error:
        Template.parse(text, V2, ("v",))

    assert says in str(error.value)


@given(st.text(alphabet="${}@'\"a1() .\\", max_size=30))
@settings(deadline=None)
def test_any_template_is_filled_or_refused(text: str) -> None:
    try:
        template = Template.parse(text, V2)
    except SqlError:
        return
    evaluation = Evaluation(Message("t", b"{}"), Environment(), V2)
    assert isinstance(template.fill(evaluation, evaluation.payload_scope()), str)
