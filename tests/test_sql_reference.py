"""A rule's SQL gives what AWS's reference says, whose pages are restated as our own cases.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-reference.html
"""

from __future__ import annotations

import json
import random
import re
import uuid
from typing import Any

import pytest

from moto_jitp.sql import V1, V2, Environment, Message, Outcome, Rule
from moto_jitp.sql.functions import texts

UNDEFINED = object()
"""Stands for a result that is left out of the document."""


def apply(
    sql: str, payload: Any = None, *, version: str = V2, topic: str = "plant/boiler", **about: Any
) -> Outcome:
    data = payload if isinstance(payload, bytes) else json.dumps(payload or {}).encode()
    return Rule.parse(sql, version).apply(Message(topic, data, **about), Environment())


def value_of(expression: str, payload: Any = None, *, version: str = V2, **about: Any) -> Any:
    """The value of one expression, as it is in the document that actions get."""
    outcome = apply(
        f"SELECT {expression} AS result FROM 'plant/+'", payload, version=version, **about
    )
    assert outcome.matched, outcome
    return outcome.document.get("result", UNDEFINED)


def written(expression: str, payload: Any = None, *, version: str = V2) -> str:
    """The same as JSON text, which shows whether a number has a point."""
    outcome = apply(f"SELECT VALUE ({expression}) FROM 'plant/+'", payload, version=version)
    assert outcome.matched, outcome
    return outcome.payload.decode()


READING = {"unit": "boiler-7", "level": 61, "place": {"hall": "B", "row": {"no": 4}}}


@pytest.mark.parametrize(
    ("sql", "payload", "document"),
    [
        ("SELECT * FROM 'plant/+'", READING, READING),
        ("SELECT unit FROM 'plant/+'", READING, {"unit": "boiler-7"}),
        ("SELECT unit AS name FROM 'plant/+'", READING, {"name": "boiler-7"}),
        ("select unit as u, level as l from 'plant/+'", READING, {"u": "boiler-7", "l": 61}),
        ("SELECT *, 3 AS shift FROM 'plant/+'", {"a": 1}, {"a": 1, "shift": 3}),
        ("SELECT * AS message FROM 'plant/+'", {"a": 1}, {"message": {"a": 1}}),
        ("SELECT VALUE unit FROM 'plant/+'", READING, "boiler-7"),
        ("SELECT VALUE * FROM 'plant/+'", READING, READING),
        ("SELECT data.row.no AS no FROM 'plant/+'", {"data": {"row": {"no": 4}}}, {"no": 4}),
        ("SELECT data.row.no FROM 'plant/+'", {"data": {"row": {"no": 4}}}, {"no": 4}),
        ("SELECT data.x AS a.b.c FROM 'plant/+'", {"data": {"x": 9}}, {"a": {"b": {"c": 9}}}),
        ("SELECT *, 1 AS data.y FROM 'plant/+'", {"data": {"x": 9}}, {"data": {"x": 9, "y": 1}}),
        ("SELECT (level - 1) * 2 / 3 AS x FROM 'plant/+'", READING, {"x": 40}),
        ("SELECT upper(unit) FROM 'plant/+'", READING, {"upper": "BOILER-7"}),
        ("SELECT {'a-b': level, '1st': unit} FROM 'plant/+'", {"level": 2}, {"a-b": 2}),
        ("SELECT missing FROM 'plant/+'", READING, {}),
        ("SELECT NULL AS n, missing AS m FROM 'plant/+'", READING, {"n": None}),
        ("SELECT * FROM 'plant/+'", [1, {"a": 2}], [1, {"a": 2}]),
        ("SELECT VALUE [level, 1] FROM 'plant/+'", READING, [61, 1]),
        ("SELECT value, end, set FROM 'plant/+'", {"value": 1, "end": 2, "set": 3}, None),
        ('SELECT * FROM "plant/+"', {"a": 1}, {"a": 1}),
        ("SELECT * FROM plant/#", {"a": 1}, {"a": 1}),
        ("SELECT a AS k, b AS k FROM 'plant/+'", {"a": 1, "b": 2}, {"k": 2}),
    ],
)
def test_select(sql: str, payload: Any, document: Any) -> None:
    expected = payload if document is None else document
    assert apply(sql, payload).document == expected


@pytest.mark.parametrize(
    ("condition", "payload", "matches"),
    [
        ("level > 50", {"level": 60}, True),
        ("level > 50", {"level": 50}, False),
        ("level > 50 AND kind <> 'test'", {"level": 60, "kind": "live"}, True),
        ("level > 50 AND kind <> 'test'", {"level": 60, "kind": "test"}, False),
        ("level > 50", {}, False),
        ("NOT level > 50", {}, False),  # Undefined stays Undefined
        ("level", {"level": True}, True),
        ("level", {"level": "true"}, False),  # only exactly true counts
        ("level", {"level": 1}, False),
        ("TRUE", {}, True),
        ("3 in list", {"list": [1, 3, "three", None]}, True),
        ("'three' IN list", {"list": [1, 3, "three", None]}, True),
        ("'3' IN list", {"list": [1, 3]}, False),
        ("exists (select * from list as a where a = 3)", {"list": [1, 2, 3]}, True),
        ("exists (select * from list as a where a = 4)", {"list": [1, 2, 3]}, False),
        ("exists (select * from e as e where n = 2)", {"n": 4, "e": [{"n": 1}, {"n": 2}]}, True),
        ("exists (select * from e where n = 4)", {"n": 4, "e": [{"n": 1}, {"n": 2}]}, False),
    ],
)
def test_where(condition: str, payload: Any, matches: bool) -> None:
    assert apply(f"SELECT * FROM 'plant/+' WHERE {condition}", payload).matched is matches


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("plant/+", "plant/boiler", True),
        ("plant/+", "plant/boiler/1", False),
        ("plant/#", "plant/boiler/1", True),
        ("plant/#", "plant/", True),
        ("plant/#", "plant", False),
        ("#", "$aws/events/thing/a/created", False),
        ("$aws/events/#", "$aws/events/thing/a/created", True),
        ("Plant/+", "plant/boiler", False),
    ],
)
def test_from(topic_filter: str, topic: str, matches: bool) -> None:
    assert apply(f"SELECT * FROM '{topic_filter}'", topic=topic).matched is matches


def test_basic_ingest_needs_no_from_and_hides_its_prefix() -> None:
    sql = "SELECT topic() AS topic, topic(2) AS second"

    outcome = apply(sql, topic="$aws/rules/Floors/building/3/lights")

    assert outcome.document == {"topic": "building/3/lights", "second": "3"}
    assert apply(f"{sql} FROM 'other'", topic="$aws/rules/Floors/a").matched
    assert "basic ingest" in str(apply(sql, topic="building/3"))


NESTED = {
    "e": [
        {"n": "temperature", "v": 22.5},
        {"n": "light", "v": 135},
        {"n": "acidity", "v": 7},
    ],
    "o": {"a": 1, "b": 2, "c": [{"x": 1}, {"x": 2}]},
}


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("(SELECT VALUE n FROM e)", ["temperature", "light", "acidity"]),
        ("(SELECT v FROM e WHERE n = 'light')", [{"v": 135}]),
        ("(SELECT v FROM e WHERE n = 'sound')", []),
        ("get((SELECT v FROM e WHERE n = 'acidity'), 0).v", 7),
        ("(SELECT a, b FROM o)", {"a": 1, "b": 2}),
        ("(SELECT VALUE c FROM o)", [{"x": 1}, {"x": 2}]),
        ("(SELECT VALUE x FROM o.c)", [1, 2]),
        ("(SELECT VALUE m.x FROM o.c AS m WHERE m.x > 1)", [2]),
        ("(SELECT * FROM e WHERE v > 100)", [{"n": "light", "v": 135}]),
        ("(SELECT * FROM missing)", UNDEFINED),
        ("transform('enrichArray', (select a, b from o), (select value c from o))",
         [{"x": 1, "a": 1, "b": 2}, {"x": 2, "a": 1, "b": 2}]),
        ("transform('enrichArray', {'s': o.a}, o.c)", [{"x": 1, "s": 1}, {"x": 2, "s": 1}]),
        ("transform('other', o, o.c)", UNDEFINED),
    ],
)  # fmt: skip
def test_nested_queries(expression: str, result: Any) -> None:
    assert value_of(expression, NESTED) == result


@pytest.mark.parametrize(
    ("color", "meaning"),
    [("green", "go"), ("yellow", "wait"), ("red", "?"), (None, "?")],
)
def test_case(color: Any, meaning: str) -> None:
    sql = "CASE color WHEN 'green' THEN 'go' WHEN 'yellow' THEN 'wait' ELSE '?' END"
    assert value_of(sql, {"color": color}) == meaning
    assert value_of(sql, {}) is UNDEFINED
    assert value_of("CASE color WHEN 'blue' THEN 1 END", {"color": color}) is UNDEFINED


def test_set() -> None:
    sql = (
        "SET @c = (f - 32) * 5 / 9, @both = {'c': @c, 'h': humidity} "
        "SELECT @c, @both.h AS h, @both FROM 'plant/+' WHERE @c > 20"
    )

    outcome = apply(sql, {"f": 77, "humidity": 60})

    assert outcome.document == {"c": 25, "h": 60, "both": {"c": 25, "h": 60}}
    assert not apply(sql, {"f": 50}).matched
    assert apply("SET @raw = encode(*, 'base64') SELECT @raw FROM 'plant/+'", b"\xff").document == {
        "raw": "/w=="
    }
    assert "cannot hold" in str(apply("SET @raw = * SELECT @raw FROM 'plant/+'", b"\xff"))


def test_a_variable_holds_at_most_128_kib() -> None:
    sql = "SET @a = text, @b = text SELECT 1 AS one FROM 'plant/+'"

    assert apply(sql, {"text": "x" * 60_000}).matched
    assert "131072 are allowed" in str(apply(sql, {"text": "x" * 70_000}))


# -- operators --------------------------------------------------------------------------------

OPERANDS = {
    "int": 5,
    "dec": 2.5,
    "num": "1.5",
    "text": "abc",
    "yes": True,
    "yes_text": "TRUE",
    "array": [1, 2],
    "same": [1, 2],
    "turned": [2, 1],
    "object": {"a": 1, "b": 2},
    "other": {"b": 2, "a": 1},
    "null": None,
    "nothing": None,
}


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("yes AND yes_text", True),
        ("yes AND text", UNDEFINED),
        ("FALSE AND missing", UNDEFINED),
        ("FALSE OR yes_text", True),
        ("int OR yes", UNDEFINED),
        ("NOT yes_text", False),
        ("NOT int", UNDEFINED),
        ("int > dec", True),
        ("int >= 5", True),
        ("num < dec", True),
        ("int <= num", False),
        ("text > 1", UNDEFINED),
        ("'b' > 'a'", UNDEFINED),
        ("'10' > '9'", True),
        ("yes > 0", UNDEFINED),
        ("get(*, 'null') > 0", UNDEFINED),
        ("int = 5", True),
        ("5 = 5.0", True),
        ("int = '5'", False),
        ("int <> '5'", True),
        ("yes = 1", False),
        ("array = same", True),
        ("array = turned", False),
        ("array <> turned", True),
        ("object = other", True),
        ("object <> other", False),
        ("missing = 1", UNDEFINED),
        ("missing <> 1", UNDEFINED),
        ("nothing = NULL", True),
        ("nothing <> NULL", False),
        ("text + int", "abc5"),
        ("'1' + 2", "12"),
        ("yes + text", "trueabc"),
        ("array + text", "[1,2]abc"),
        ("text + missing", UNDEFINED),
        ("int + 2", 7),
        ("int + dec", 7.5),
        ("yes + 1", UNDEFINED),
        ("int - '2'", 3),
        ("int - text", UNDEFINED),
        ("dec * 2", 5),
        ("'3' * num", 4.5),
        ("10 / 5", 2),
        ("7 / 2", 3.5),
        ("1 / 0", UNDEFINED),
        ("7 % 4", 3),
        ("-7 % 4", -3),
        ("7.5 % 2", 1.5),
        ("7 % 0", UNDEFINED),
        ("-int", -5),
        ("-text", UNDEFINED),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("NOT int = 4 AND dec > 2 OR FALSE", True),
        ("int IN array", False),
        ("2 IN array", True),
        ("array IN [[1, 2], 3]", True),
        ("1 IN text", UNDEFINED),
    ],
)
def test_operators(expression: str, result: Any) -> None:
    assert value_of(expression, OPERANDS) == result


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("1 / 3", "0.3333333333333333333333333333333333"),
        ("12345678901234567890123456789012345678", "1.234567890123456789012345678901235E+37"),
        ("0.1 + 0.2", "0.3"),
        ("9E999 * 10", ""),
        ("1E-999 / 10", "0"),
        ("10.0", "10"),
        ("2 * 2.5", "5"),
        ("sqrt(9)", "3.0"),
        ("power(2, 5)", "32.0"),
        ("cast('7' as Double)", "7"),
        ("missing", ""),
        ("NULL", "null"),
    ],
)
def test_numbers_have_34_digits(expression: str, text: str) -> None:
    assert written(expression) == text


def test_whole_decimals_stay_decimals_in_the_first_version_only() -> None:
    assert written("temperature", {"temperature": 10.0}, version=V1) == "10.0"
    assert written("temperature", {"temperature": 10.0}, version=V2) == "10"
    assert written("cast(temperature as Double)", {"temperature": 10}, version=V1) == "10.0"
    assert apply("SELECT * FROM 'plant/+'", {"a": 21.0}, version=V1).payload == b'{"a":21.0}'
    assert apply("SELECT * FROM 'plant/+'", {"a": 21.0}, version=V2).payload == b'{"a":21}'


# -- conversions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "converts"),
    [
        *((text, True) for text in ("0", "-1.2", "5E-12", "007", "1e3")),
        *((text, False) for text in ("+5", ".5", "1.", "1E+3", " 1", "1 ", "", "0x1", "NaN", "١")),
    ],
)
def test_which_strings_are_numbers(text: str, converts: bool) -> None:
    assert (value_of("abs(text)", {"text": text}) is not UNDEFINED) is converts


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("cast(true as Int)", 1),
        ("cast(false as Decimal)", 0),
        ("cast(2.9 as Int)", 2),
        ("cast(-2.1 as Integer)", -3),
        ("cast('2.9' as Int)", 2),
        ("cast('x' as Int)", UNDEFINED),
        ("cast(0 as Boolean)", False),
        ("cast(-3 as Bool)", True),
        ("cast('FALSE' as Boolean)", False),
        ("cast('no' as Boolean)", UNDEFINED),
        ("cast([1, 'a', true, null] as String)", '[1,"a",true,null]'),
        ("cast({'a': 1.5} as nvarchar)", '{"a":1.5}'),
        ("cast(true as Text)", "true"),
        ("cast(12 as varchar)", "12"),
        ("cast(NULL as String)", UNDEFINED),
        ("cast([1] as Int)", UNDEFINED),
        ("get('abc', 1.5)", "c"),
        ("get('abc', '1.9')", "b"),
    ],
)
def test_casts_and_conversions(expression: str, result: Any) -> None:
    assert value_of(expression) == result


# -- functions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("abs(-5)", 5),
        ("abs('-5.25')", 5.25),
        ("abs(true)", UNDEFINED),
        ("abs(NULL)", UNDEFINED),
        ("abs(1, 2)", UNDEFINED),
        ("abs()", UNDEFINED),
        ("acos(0)", 1.5707963267948966),
        ("acos(2)", UNDEFINED),
        ("asin(0)", 0),
        ("asin('0.5')", 0.5235987755982989),
        ("atan(1)", 0.7853981633974483),
        ("atan2(1, 0)", 1.5707963267948966),
        ("atan2('x', 0)", UNDEFINED),
        ("bitand(12, 10)", 8),
        ("bitand(12.9, '10.9')", 8),
        ("bitor(8, 5)", 13),
        ("bitxor(13, 5)", 8),
        ("bitnot(13)", -14),
        ("ceil(1.2)", 2),
        ("ceil('-1.2')", -1),
        ("chr(65)", "A"),
        ("chr(49.9)", "1"),
        ("chr(200)", UNDEFINED),
        ("cos(0)", 1),
        ("cosh(2.3)", 5.037220649268761),
        ("exp(1)", 2.718281828459045),
        ("exp(100000)", UNDEFINED),
        ("floor(1.8)", 1),
        ("floor(-1.2)", -2),
        ("floor([1])", UNDEFINED),
        ("ln(1)", 0),
        ("ln(0)", UNDEFINED),
        ("log(1000)", 3),
        ("mod(8, 3)", 2),
        ("mod('8.5', 3)", 2.5),
        ("nanvl(8, 3)", 8),
        ("nanvl(missing, 3)", 3),
        ("nanvl(NULL, 3)", 3),
        ("power(2, '5')", 32),
        ("power(-1, 0.5)", UNDEFINED),
        ("remainder(8, 3)", 2),
        ("round(1.2)", 1),
        ("round(1.5)", 2),
        ("round(-1.1)", -1),
        ("round(-1.5)", -2),
        ("sign(-7)", -1),
        ("sign('0')", 0),
        ("sign(13.5)", 1),
        ("sin(0)", 0),
        ("sinh(2.3)", 4.936961805545957),
        ("sqrt(2)", 1.4142135623730951),
        ("sqrt(-1)", UNDEFINED),
        ("tan(3)", -0.1425465430742778),
        ("tanh(2.3)", 0.9800963962661914),
        ("trunc(2.3, 0)", 2),
        ("trunc(2.3123, 2)", 2.31),
        ("trunc(-2.888, 2)", -2.88),
        ("trunc(2.00, 5)", 2),
        ("trunc(1.55, -3)", 1),
        ("trunc('1.55', 1)", 1.5),
        ("trunc(1.55, '1')", UNDEFINED),
    ],
)
def test_functions_of_numbers(expression: str, result: Any) -> None:
    assert value_of(expression) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("concat()", UNDEFINED),
        ("concat(7)", 7),
        ("concat('he', 'is', 'it')", "heisit"),
        ("concat(1, 'st')", "1st"),
        ("concat([1, 2], 3)", [1, 2, 3]),
        ("concat([1], 'a', [[2], 3])", [1, "a", [2], 3]),
        ("concat('a', missing)", UNDEFINED),
        ("endswith('kitten', 'ten')", True),
        ("endswith(1234, 34)", True),
        ("endswith('a', NULL)", UNDEFINED),
        ("startswith('ranger', 'ran')", True),
        ("startswith('ranger', 'Ran')", False),
        ("indexof('abcd', 'cd')", 2),
        ("indexof('abcd', 'x')", -1),
        ("length('hi')", 2),
        ("length(false)", 5),
        ("length('€')", 1),
        ("numbytes('€')", 3),
        ("lower('HeLLo')", "hello"),
        ("lower(['HI'])", '["hi"]'),
        ("Upper('hi')", "HI"),
        ("lpad('x', 2)", "  x"),
        ("lpad(1, '2.9')", "  1"),
        ("lpad('x', -3)", "x"),
        ("lpad('x', true)", UNDEFINED),
        ("rpad('x', 2)", "x  "),
        ("length(rpad('', 5000))", 1000),
        ("Ltrim('  a b ')", "a b "),
        ("rtrim('  a b ')", "  a b"),
        ("trim('  a b ')", "a b"),
        ("replace('abcabc', 'b', 'x')", "axcaxc"),
        ("replace('a.c', '.', '')", "ac"),
        ("regexp_matches('aaaa', 'a{2,}')", True),
        ("regexp_matches('aaaa', 'b')", False),
        ("regexp_matches('xbbb', '(aaa|bbb)')", True),
        ("regexp_matches(123, '\\d+')", True),
        ("regexp_matches('a', '(')", UNDEFINED),
        ("regexp_matches(NULL, 'a')", UNDEFINED),
        ("regexp_matches('Gerät2', '^[\\p{L}\\p{N}]+$')", True),
        ("regexp_matches('aaa', 'a++a')", False),
        ("regexp_replace('abcd', 'bc', 'x')", "axd"),
        ("regexp_replace('abcd', 'b(.*)d', '$1')", "ac"),
        ("regexp_replace('2026-11', '(?<y>\\d+)-(?<m>\\d+)', '${m}/${y}')", "11/2026"),
        ("regexp_replace('aa', 'a', '$3')", UNDEFINED),
        ("regexp_replace('aa', 'a', '\\\\$1')", "$1$1"),
        ("regexp_substr('hihihello', 'hi')", "hi"),
        ("regexp_substr('hihihello', '(hi)*')", "hihi"),
        ("regexp_substr('abc', 'x')", UNDEFINED),
        ("substring('012345', 2)", "2345"),
        ("substring('012345', 2.745)", "2345"),
        ("substring('012345', -1)", "012345"),
        ("substring('012345', 1, 3)", "12"),
        ("substring('012345', 3, 1)", ""),
        ("substring('012345', -50, 50)", "012345"),
        ("substring(123, 2)", "3"),
        ("substring(true, 1.2)", "rue"),
        ("substring(false, -2.411E247)", "false"),
        ("substring('abc', 'x')", UNDEFINED),
    ],
)
def test_functions_of_strings(expression: str, result: Any) -> None:
    assert value_of(expression) == result


@pytest.mark.parametrize(
    ("name", "of_hello"),
    [
        ("md2", "a9046c73e00331af68917d3804f70655"),
        ("md5", "5d41402abc4b2a76b9719d911017c592"),
        ("sha1", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
        ("sha224", "ea09ae9cc6768c50fcee903ed054556e5bfc8347907f12598aa24193"),
        ("sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
        ("sha384", "59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90"
                   "125a3c79f90397bdf5f6a13de828684f"),
        ("sha512", "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca7"
                   "2323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043"),
    ],
)  # fmt: skip
def test_hashes(name: str, of_hello: str) -> None:
    assert value_of(f"{name}('hello')") == of_hello
    assert value_of(f"{name}(missing)") is UNDEFINED


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("", "8350e5a3e24c153df2275c9f80692773"),
        ("message digest", "ab4f496bfb2a530b219ff33031fe06b0"),
        ("abcdefghijklmnopqrstuvwxyz", "4e8ddff3650292ab5a4108c3aa47940b"),
    ],
)
def test_md2_gives_the_digests_of_its_rfc(text: str, digest: str) -> None:
    assert value_of("md2(text)", {"text": text}) == digest


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("get(['a', 'b'], 1)", "b"),
        ("get(['a', 'b'], 2)", UNDEFINED),
        ("get(['a', 'b'], -1)", UNDEFINED),
        ("get({'a-b': 1}, 'a-b')", 1),
        ("get({'1': 1}, 1)", UNDEFINED),
        ("get(5, 0)", UNDEFINED),
        ("isNull(NULL)", True),
        ("isNull(missing)", False),
        ("isUndefined(floor([1]))", True),
        ("isUndefined(NULL)", False),
        ("encode('hi', 'base64')", "aGk="),
        ("encode(12, 'base64')", "MTI="),
        ("encode('hi', 'hex')", UNDEFINED),
        ("decode('eyJ0IjogMzN9', 'base64').t", 33),
        ("decode('aGk=', 'base64')", "hi"),
        ("decode('!', 'base64')", None),
        ("decode(5, 'base64')", UNDEFINED),
        ("get_or_default(missing, 'x')", "x"),
        ("get_or_default(NULL, missing)", UNDEFINED),
        ("get_or_default(NULL)", UNDEFINED),
        ("get_or_default(4, 'x')", 4),
        ("get_or_default(aws_lambda('arn', *), 'x')", "x"),
    ],
)
def test_functions_of_arrays_objects_and_values(expression: str, result: Any) -> None:
    assert value_of(expression) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("parse_time('yyyy.MM.dd G ''at'' HH:mm:ss z', 100000000, 'America/Belize')",
         "1970.01.01 AD at 21:46:40 CST"),
        ("parse_time('yyyy', 1496980786000)", "2017"),
        ("parse_time('EEEE, d MMMM yy h:mm a', 1496980786000)", "Friday, 9 June 17 3:59 AM"),
        ("parse_time('EEE MMM D w x e', 1496980786000)", "Fri Jun 160 23 2017 5"),
        ("parse_time('HH:mm:ss.SSS Z ZZ', 1496980786012, 'Asia/Tokyo')",
         "12:59:46.012 +0900 +09:00"),
        ("parse_time('K k C ZZZ', 0, 'Europe/Berlin')", "1 1 19 Europe/Berlin"),
        ("parse_time('yyyy', 'x')", UNDEFINED),
        ("parse_time('yyyy b', 0)", UNDEFINED),
        ("parse_time('yyyy', 0, 'Atlantis/Capital')", UNDEFINED),
        ("parse_time('yyyy ''open', 0)", UNDEFINED),
        ("time_to_epoch('2020-04-03 09:45:18 UTC+01:00', 'yyyy-MM-dd HH:mm:ss VV')", 1585903518000),
        ("time_to_epoch('18 December 2015', 'dd MMMM yyyy')", 1450396800000),
        ("time_to_epoch('2007-12-03 10:15:30.592 America/Los_Angeles',"
         " 'yyyy-MM-dd HH:mm:ss.SSS z')", 1196705730592),
        ("time_to_epoch('3/12/07 1:05 PM', 'd/M/yy h:mm a')", 1196687100000),
        ("time_to_epoch('2007-12-03T10:15Z', 'yyyy-MM-dd''T''HH:mmX')", 1196676900000),
        ("time_to_epoch('2024-060', 'uuuu-DDD')", 1709164800000),
        ("time_to_epoch('tomorrow', 'yyyy')", UNDEFINED),
        ("time_to_epoch('2007-13-03', 'yyyy-MM-dd')", UNDEFINED),
        ("time_to_epoch('10:00', 'HH:mm')", UNDEFINED),
    ],
)  # fmt: skip
def test_functions_of_time(expression: str, result: Any) -> None:
    assert value_of(expression) == result


def test_functions_of_the_message() -> None:
    about = {
        "client_id": "boiler-7",
        "principal": "ba67293a",
        "source_ip": "192.0.2.7",
        "trace_id": "12345678-1234-4234-8234-123456789012",
        "properties": {"content_type": "text/plain"},
        "user_properties": (("k", "1"), ("other", "2"), ("k", "3")),
    }

    def of(expression: str, **kept: Any) -> Any:
        return value_of(expression, **{**about, **kept})

    assert of("clientId()") == "boiler-7"
    assert of("principal()") == "ba67293a"
    assert of("sourceip()") == "192.0.2.7"
    assert of("traceid()") == about["trace_id"]
    assert of("accountid()") == "123456789012"
    assert of("topic()") == "plant/boiler"
    assert of("topic(1)") == "plant"
    assert of("topic('2')") == "boiler"
    assert of("topic(3)") is UNDEFINED
    assert of("topic(0)") is UNDEFINED
    assert of("sql_version()") == V2
    assert value_of("sql_version()", version=V1) == V1
    assert of("get_mqtt_property('content_type')") == "text/plain"
    assert of("get_mqtt_property('format_indicator')") == "UNSPECIFIED_BYTES"
    assert of("get_mqtt_property('response_topic')") is UNDEFINED
    assert of("get_mqtt_property('color')") is UNDEFINED
    assert of("get_user_properties('k')") == ["1", "3"]
    assert of("get_user_properties('x')") is UNDEFINED
    assert of("get_user_properties()") == [{"k": "1"}, {"other": "2"}, {"k": "3"}]


def test_a_message_that_did_not_come_over_mqtt_has_no_client() -> None:
    assert value_of("clientid()") == "n/a"
    assert value_of("traceid()") is UNDEFINED
    assert value_of("principal()") is UNDEFINED


def test_time_and_chance_come_from_the_engine_around_the_rule() -> None:
    rule = Rule.parse("SELECT timestamp() AS at, rand() AS r, newuuid() AS id FROM 'a'", V2)

    def run() -> Any:
        environment = Environment(clock=lambda: 1481825251155, random=random.Random(7))
        return rule.apply(Message("a", b"{}"), environment).document

    first = run()
    assert first == run()
    assert first["at"] == 1481825251155
    assert 0 <= first["r"] < 1
    assert uuid.UUID(first["id"]).version == 4


# -- functions that ask the account -------------------------------------------------------------

ROLE = "arn:aws:iam::123456789012:role/rule"


def asking(expression: str, payload: Any = None, **functions: Any) -> Outcome:
    rule = Rule.parse(f"SELECT {expression} AS result FROM 'a'", V2)
    message = Message("a", json.dumps(payload or {}).encode())
    return rule.apply(message, Environment(functions=functions))


def test_functions_of_the_account_get_what_they_are_given() -> None:
    calls: list[Any] = []

    def answer(*arguments: Any) -> Any:
        calls.append(arguments)
        return {"x": {"y": 1.5}}

    payload = {"id": "boiler-7", "n": 4}
    for expression, arguments in (
        ("aws_lambda('arn:f', {'n': n})", ("arn:f", {"n": 4})),
        ("aws_lambda('arn:f', *)", ("arn:f", payload)),
        (f"get_thing_shadow(id, '{ROLE}')", ("boiler-7", None, ROLE)),
        (f"get_thing_shadow(id, 'named', '{ROLE}')", ("boiler-7", "named", ROLE)),
        (f"get_dynamodb('t', 'pk', id, '{ROLE}')", ("t", {"pk": "boiler-7"}, ROLE)),
        (f"get_dynamodb('t', 'p', id, 's', n, '{ROLE}')", ("t", {"p": "boiler-7", "s": 4}, ROLE)),
        (f"get_registry_data('DescribeThing', id, '{ROLE}')", ("DescribeThing", "boiler-7", ROLE)),
    ):
        name = expression.partition("(")[0]
        outcome = asking(f"{expression}.x.y", payload, **{name: answer})
        assert outcome.document == {"result": 1.5}, outcome
        assert calls.pop() == arguments


def test_secrets_are_read_whole_or_by_key() -> None:
    secrets = {"json": '{"user": "u", "n": 1}', "text": "hush", "bytes": b"\x00\xff"}

    def secret(expression: str) -> Outcome:
        return asking(
            f"get_secret({expression}, '{ROLE}')", get_secret=lambda name, *_: secrets[name]
        )

    assert secret("'json', 'SecretString', 'user'").document == {"result": "u"}
    assert secret("'json', 'SecretString'").document == {"result": {"user": "u", "n": 1}}
    assert secret("'text', 'SecretString'").document == {"result": "hush"}
    assert secret("'bytes', 'SecretBinary'").document == {"result": "AP8="}
    for failing in ("'text', 'SecretString', 'k'", "'bytes', 'SecretBinary', 'k'", "'x', 'Other'"):
        assert secret(failing).failed


def test_a_function_without_an_answer_ends_the_rule_unless_there_is_a_default() -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("the table is gone")

    call = f"get_dynamodb('t', 'pk', 'x', '{ROLE}')"
    failed = asking(call, get_dynamodb=broken)
    assert not failed.matched
    assert failed.failed
    assert failed.clause == "SELECT"
    assert "get_dynamodb(): the table is gone." in failed.reason
    assert asking(f"get_or_default({call}, 1)", get_dynamodb=broken).document == {"result": 1}
    assert asking(f"get_or_default({call})", get_dynamodb=broken).document == {}
    missing_key = asking(f"get_dynamodb('t', 'pk', id, '{ROLE}')", get_dynamodb=broken)
    assert "the key pk has no value" in missing_key.reason


@pytest.mark.parametrize("name", ["get_dynamodb", "get_registry_data"])
def test_a_second_lookup_ends_the_rule_as_on_aws(name: str) -> None:
    call = {
        "get_dynamodb": f"get_dynamodb('t', 'pk', 'x', '{ROLE}')",
        "get_registry_data": f"get_registry_data('DescribeThing', 'x', '{ROLE}')",
    }[name]
    outcome = asking(f"[{call}, {call}]", **{name: lambda *_: {}})

    assert outcome.failed
    assert "more than once" in outcome.reason


def test_explaining_a_condition_does_not_ask_the_account_again() -> None:
    asked: list[Any] = []

    def shadow(*arguments: Any) -> Any:
        asked.append(arguments)
        return {"state": {"alarm": "OFF"}}

    rule = Rule.parse(
        f"SELECT * FROM 'a' WHERE get_thing_shadow('t', '{ROLE}').state.alarm = 'ON'", V2
    )
    outcome = rule.apply(Message("a", b"{}"), Environment(functions={"get_thing_shadow": shadow}))

    assert len(asked) == 1
    assert '"OFF"' in outcome.reason


# -- payloads that are not JSON objects ---------------------------------------------------------


@pytest.mark.parametrize("payload", [b"\xff\x00", b"hot", b"80", b'"text"', b"{broken", b""])
def test_a_payload_that_is_not_json_passes_as_it_is(payload: bytes) -> None:
    assert apply("SELECT * FROM 'plant/+'", payload).payload == payload
    assert not apply("SELECT * FROM 'plant/+' WHERE kind = 'x'", payload).matched
    data = apply("SELECT encode(*, 'base64') AS data FROM 'plant/+'", payload).document["data"]
    assert Rule.parse("SELECT * FROM 'plant/+'").apply(Message("plant/x", payload), Environment())
    assert re.fullmatch(r"[A-Za-z0-9+/]*=*", data)


def test_columns_beside_a_binary_payload_end_the_rule() -> None:
    failed = apply("SELECT *, 1 AS one FROM 'plant/+'", b"\xff")

    assert failed.failed
    assert "encode(*, 'base64')" in failed.reason
    assert apply("SELECT *, 1 AS one FROM 'plant/+'", b"").document == {"one": 1}
    assert apply("SELECT * AS all FROM 'plant/+'", b"\xff").failed
    assert apply("SELECT aws_lambda('arn', *) AS x FROM 'plant/+'", b"\xff").failed


def test_a_number_alone_is_read_with_decode() -> None:
    number = "decode(encode(*, 'base64'), 'base64')"
    sql = f"SELECT {number} AS value FROM 'plant/+' WHERE {number} > 50"

    assert apply(sql, b"80").document == {"value": 80}
    assert not apply(sql, b"40").matched


def test_an_array_as_result_needs_the_second_version() -> None:
    sql = "SELECT VALUE list FROM 'plant/+'"

    assert apply(sql, {"list": [1]}).payload == b"[1]"
    assert "2016-03-23" in apply(sql, {"list": [1]}, version=V1).reason


def test_text_survives_as_utf_8() -> None:
    assert apply("SELECT * FROM 'plant/+'", '{"ö": "€\\ud800"}'.encode()).payload == (
        '{"ö":"€\\ud800"}'.encode()
    )


@pytest.mark.parametrize(
    "expression",
    [
        "regexp_matches(text, '(a|aa)+$')",
        "regexp_substr(text, '(a|aa)+$')",
        "regexp_replace(text, '(a|aa)+$', 'b')",
    ],
)
def test_a_regular_expression_that_would_never_end_fails_its_rule_and_says_so(
    expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MOST_SECONDS", 0.01)
    outcome = apply(f"SELECT {expression} AS result FROM 'plant/+'", {"text": "a" * 60 + "!"})
    assert outcome.failed
    assert "the pattern '(a|aa)+$' was not done" in outcome.reason
