"""Users learn which clause dropped a message, in Python and at the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from moto_jitp import explain_rule
from moto_jitp.cli import main
from moto_jitp.sql import V2, SqlError


def test_a_match_gives_the_document_that_actions_get() -> None:
    outcome = explain_rule(
        "SELECT *, principal() AS certificate, clientid() AS client, sourceip() AS ip"
        " FROM 'devices/+/data' WHERE temperature > 50",
        "devices/bulb-1/data",
        {"temperature": 60.5},
        principal="ba67293a",
        client_id="bulb-1",
        source_ip="192.0.2.7",
        sql_version=V2,
    )

    assert outcome.matched
    assert outcome.document == {
        "temperature": 60.5,
        "certificate": "ba67293a",
        "client": "bulb-1",
        "ip": "192.0.2.7",
    }
    assert str(outcome).startswith('The message matches; the actions get {"temperature":60.5,')


@pytest.mark.parametrize("payload", [b'{"t": 1}', '{"t": 1}', {"t": 1}])
def test_the_payload_is_bytes_text_or_what_becomes_json(payload: Any) -> None:
    assert explain_rule("SELECT t FROM 'a'", "a", payload).document == {"t": 1}


@pytest.mark.parametrize(
    ("condition", "payload", "reason"),
    [
        ("t > 50", {"t": 40}, "WHERE: t > 50 is false: t is 40."),
        ("t > 50 AND kind = 'live'", {"t": 60, "kind": "x"}, "kind = 'live' is false: kind is"),
        ("t > 50 AND u > 50", {"t": 60}, "u > 50 is Undefined: u is Undefined, as the payload has"),
        ("state.on", {"state": {"off": 1}}, "state.on is Undefined, as state has only off"),
        ("a.b.c = 1", {"a": {}}, "as a.b is Undefined, as a has no attributes"),
        ("a.b = 1", {"a": "text"}, "as a is a String"),
        ("t > 50", {"t": "hot"}, '"hot" is not a number, and strings have no order here'),
        ("t = 1 OR t = 2", {"t": 3}, "t = 1 OR t = 2 is false: t is 3."),
        ("upper(kind) = 'X'", {"kind": "y"}, 'kind is "y"; upper(kind) is "Y"'),
        ("t", {"t": "true"}, 't is "true"'),
        ("t > 50", b"\xff", "as the payload is not a JSON object"),
        ("FALSE", {}, "FALSE is false."),
    ],
)
def test_the_reason_names_the_part_and_the_values(
    condition: str, payload: Any, reason: str
) -> None:
    outcome = explain_rule(f"SELECT * FROM 'a' WHERE {condition}", "a", payload, sql_version=V2)

    assert not outcome.matched
    assert outcome.document is None
    assert (outcome.clause, outcome.failed) == ("WHERE", False)
    assert reason in str(outcome)


def test_a_topic_that_does_not_match_is_dropped_by_from() -> None:
    outcome = explain_rule("SELECT * FROM 'devices/#'", "devices", {})

    assert str(outcome) == (
        "The message is dropped by FROM: the topic devices does not match 'devices/#'."
    )


def test_functions_of_the_account_can_have_stand_ins() -> None:
    sql = "SELECT get_thing_shadow(clientid(), 'arn:r').state AS state FROM 'a'"

    outcome = explain_rule(
        sql,
        "a",
        {},
        client_id="bulb-1",
        sql_version=V2,
        functions={"get_thing_shadow": lambda thing, shadow, role: {"state": [thing, shadow]}},
    )

    assert outcome.document == {"state": ["bulb-1", None]}
    without = explain_rule(sql, "a", {}, sql_version=V2)
    assert without.failed
    assert "functions={'get_thing_shadow': …}" in str(without)


def test_a_wrong_statement_is_an_error() -> None:
    with pytest.raises(SqlError, match=r"FORM cannot stand here.*\(line 1, column 10\)"):
        explain_rule("SELECT * FORM 'a'", "a", {})


# -- moto-jitp rule -----------------------------------------------------------------------------

SQL = "SELECT *, principal() AS p FROM 'a/+' WHERE t > 5"


def test_the_command_shows_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["rule", "--sql", SQL, "--topic", "a/b", "--payload", '{"t":6}', "--principal", "x"]
    )

    assert code == 0
    assert capsys.readouterr().out == 'The message matches; the actions get {"t":6,"p":"x"}\n'


def test_the_command_fails_for_a_dropped_message(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["rule", "--sql", SQL, "--topic", "a/b", "--payload", '{"t":3}']

    assert main(arguments) == 1
    assert "dropped by WHERE: t > 5 is false: t is 3." in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "matched": False,
        "document": None,
        "payloadHex": None,
        "clause": "WHERE",
        "failed": False,
        "reason": "t > 5 is false: t is 3.",
        "notes": [],
    }


def test_the_command_fails_for_wrong_sql(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["rule", "--sql", "SELECT * FORM 'a'", "--topic", "a", "--payload", "{}"]

    assert main(arguments) == 1
    assert "the SQL is wrong: FORM cannot stand here" in capsys.readouterr().err
    assert main([*arguments, "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["line"], error["column"]) == (1, 10)


def test_the_command_reads_files_and_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rule.sql").write_text("SELECT encode(*, 'base64') AS d\nFROM 'a'", "utf-8")
    (tmp_path / "message").write_bytes(b"\xff\x00")
    arguments = ["rule", "--sql-file", str(tmp_path / "rule.sql"), "--topic", "a"]
    arguments += ["--sql-version", V2]

    assert main([*arguments, "--payload-file", str(tmp_path / "message")]) == 0
    assert '{"d":"/wA="}' in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"hi")))
    assert main([*arguments, "--payload-file", "-"]) == 0
    assert '{"d":"aGk="}' in capsys.readouterr().out
    assert main([*arguments, "--payload-file", str(tmp_path / "none")]) == 2


def test_binary_results_are_shown_in_hexadecimal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "message").write_bytes(b"\xff\x00")
    arguments = ["rule", "--sql", "SELECT * FROM 'a'", "--topic", "a", "--json"]

    assert main([*arguments, "--payload-file", str(tmp_path / "message")]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert (shown["document"], shown["payloadHex"]) == (None, "ff00")


@pytest.mark.parametrize("missing", ["--sql", "--topic", "--payload"])
def test_wrong_usage_has_its_own_exit_code(missing: str) -> None:
    options = {"--sql": SQL, "--topic": "a", "--payload": "{}"}
    del options[missing]

    with pytest.raises(SystemExit) as exit_:
        main(["rule", *(word for option in options.items() for word in option)])

    assert exit_.value.code == 2
