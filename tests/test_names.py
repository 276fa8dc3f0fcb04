"""A misspelt name is answered with the one that was meant, by one measure in every text."""

from __future__ import annotations

import ast
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

import conftest_plugin
import moto_jitp
from moto_jitp import activate, mock_jitp, policies, templates
from moto_jitp.names import are_alike, did_you_mean, nearest
from moto_jitp.settings import KEYS

OPERATIONS = ("CreateThing", "ListThings", "RegisterThing", "UpdateThing", "AttachPolicy")


@given(data=st.data(), known=st.sampled_from([*KEYS, *OPERATIONS]))
def test_a_slip_of_one_letter_finds_the_name(data: st.DataObject, known: str) -> None:
    place = data.draw(st.integers(0, len(known) - 2))
    slips = [
        known[:place] + known[place + 1 :],
        known[:place] + known[place] + known[place:],
        known[:place] + known[place + 1] + known[place] + known[place + 2 :],
    ]

    assert nearest(data.draw(st.sampled_from(slips)), [*KEYS, *OPERATIONS]) == known


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("register_thing", "RegisterThing"),
        ("REGISTERTHING", "RegisterThing"),
        ("register-things", "RegisterThing"),
        ("Publish", None),
        ("", None),
    ],
)
def test_spelling_makes_no_difference_and_what_is_unlike_is_not_suggested(
    name: str, meant: str | None
) -> None:
    assert nearest(name, OPERATIONS) == meant
    assert did_you_mean(name, OPERATIONS) == (f"Did you mean {meant}?" if meant else "")
    assert are_alike(name, "RegisterThing") is (meant is not None)


def test_the_question_stands_after_a_sentence_and_shows_the_name_as_the_text_does() -> None:
    told = did_you_mean("strikt", KEYS, after="Unknown key 'strikt'.", shown=repr)

    assert told == "Unknown key 'strikt'. Did you mean 'strict'?"
    assert did_you_mean("colour", KEYS, after="Unknown key.", shown=repr) == "Unknown key."


def test_one_slip_is_understood_at_every_door() -> None:
    with pytest.raises(ValueError, match="Did you mean 'throttling'"):
        activate({"jitp": {"throtle": True}})
    with pytest.raises(ValueError, match="Did you mean CreateThing"):
        activate({"jitp": {"throttling": {"CreatThing": 1}}})
    with mock_jitp() as jitp, pytest.raises(ValueError, match="Did you mean CreateThing"):
        jitp.fail("creat_thing", "ThrottlingException")
    with pytest.raises(templates.TemplateError, match="Did you mean AWS::IoT::Thing"):
        templates.parse_template('{"Resources": {"bulb": {"Type": "AWS::IoT::Thng"}}}')
    with pytest.raises(policies.MalformedPolicyError, match="Did you mean Statement"):
        policies.parse_policy('{"Version": "2012-10-17", "Statment": []}')
    iot = boto3.Session("key", "secret", region_name="us-east-1").client("iot")
    with mock_jitp(), pytest.raises(ClientError, match="Did you mean Connect"):
        iot.set_v2_logging_options(
            roleArn="arn:aws:iam::123456789012:role/logs",
            eventConfigurations=[{"eventType": "Conect", "logLevel": "INFO"}],
        )


@pytest.mark.parametrize(
    "package", [moto_jitp, conftest_plugin], ids=lambda package: package.__name__
)
def test_no_other_module_measures_how_alike_names_are(package: object) -> None:
    folder = Path(str(package.__file__)).parent  # type: ignore[attr-defined]
    measuring = {
        source.relative_to(folder).as_posix()
        for source in folder.rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(alias.name == "difflib" for alias in node.names)
    }

    assert measuring == ({"names.py"} if package is moto_jitp else set())
