"""Policy documents: what AWS IoT stores, what it refuses, and how the refusal explains itself."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moto_jitp.policies import LONGEST_DOCUMENT, MalformedPolicyError, parse_policy

CLIENT = "arn:aws:iot:eu-central-1:111122223333:client/bulb-7"


def document(**changes: Any) -> str:
    """A valid policy of one statement with some of its elements changed; None removes one."""
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": CLIENT, **changes}
    kept = {key: value for key, value in statement.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [kept]})


def refusal(text: str) -> str:
    with pytest.raises(MalformedPolicyError) as caught:
        parse_policy(text)
    assert str(caught.value) == caught.value.message
    assert caught.value.message.startswith("Policy document is Malformed")
    return caught.value.message


def test_a_policy_keeps_its_statements_in_order() -> None:
    policy = parse_policy(
        json.dumps(
            {
                "Version": "2012-10-17",
                "Id": "bulbs",
                "Statement": [
                    {
                        "Sid": "Connect",
                        "Effect": "Allow",
                        "Action": ["iot:Connect"],
                        "Resource": [CLIENT],
                    },
                    {"Effect": "Deny", "Action": "*", "Resource": "*"},
                ],
            }
        )
    )
    assert policy.version == "2012-10-17"
    assert [s.effect for s in policy.statements] == ["Allow", "Deny"]
    assert [s.sid for s in policy.statements] == ["Connect", None]
    assert [s.index for s in policy.statements] == [0, 1]


def test_a_single_statement_may_be_given_without_a_list() -> None:
    text = json.dumps({"Statement": {"Effect": "Deny", "Action": "iot:*", "Resource": "*"}})
    policy = parse_policy(text)
    assert policy.version == "2008-10-17"
    assert policy.statements[0].actions == ("iot:*",)


def test_equal_texts_are_read_once() -> None:
    assert parse_policy(document()) is parse_policy(document())


@pytest.mark.parametrize(
    "action",
    ["*", "iot:*", "iot:connect", "iot:Sub?cribe", "iot:CreateTopicRule", "greengrass:Discover"],
)
def test_actions_are_not_checked_against_a_list(action: str) -> None:
    assert parse_policy(document(Action=action)).statements[0].actions == (action,)


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "arn:aws:iot:*:*:*",
        "arn:aws:iot:*",
        "arn:aws-cn:iot:cn-north-1:111122223333:topic/a/+/b",
        "arn:aws:iot:REGION:ACCOUNT_ID:client/*",
        "arn:aws:iot:eu-central-1:111122223333:client/${iot:Connection.Thing.ThingName}",
        "arn:aws:iot:eu-central-1:111122223333:topic/a:b:c",
    ],
)
def test_resources_are_arns_or_a_star(resource: str) -> None:
    parse_policy(document(Resource=resource))
    parse_policy(document(Resource=[resource, CLIENT]))


@pytest.mark.parametrize(
    "resource",
    [
        "",
        "client/bulb-7",
        "topic/*",
        "**",
        "arn:aws:iot:client/${iot:ClientId}",
        "arn:aws:iot:client/${a:b:c}",
        "arn:aws:iot:eu-central-1:111122223333:",
        '["arn:aws:iot:eu-central-1:111122223333:client/x"]',
    ],
)
def test_a_resource_that_is_not_an_arn_is_named(resource: str) -> None:
    message = refusal(document(Resource=resource))
    assert f"The resource {resource} is not in valid ARN format" in message
    assert "Statement[0].Resource" in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Effect": "allow"}, ["Statement[0].Effect", "'Allow' or 'Deny'", "'allow'"]),
        ({"Effect": None}, ["Statement[0].Effect", "null"]),
        ({"Action": None}, ["Statement[0]", "Action or NotAction", "neither"]),
        ({"NotAction": "iot:Publish"}, ["Action or NotAction", "both"]),
        ({"Resource": None}, ["Resource or NotResource", "neither"]),
        ({"NotResource": "*"}, ["Resource or NotResource", "both"]),
        ({"Action": "Connect"}, ["Statement[0].Action", "'Connect'", "iot:Connect"]),
        ({"Action": "iot:Connect "}, ["Statement[0].Action"]),
        ({"Action": "iot:Connect:x"}, ["Statement[0].Action"]),
        ({"Action": "iot:"}, ["Statement[0].Action"]),
        ({"Action": []}, ["Statement[0].Action", "an empty list"]),
        ({"Action": ["iot:Connect", 7]}, ["Statement[0].Action", "7"]),
        ({"Action": 1}, ["Statement[0].Action", "not 1"]),
        ({"Resource": []}, ["Statement[0].Resource"]),
        ({"Resource": {"Ref": "x"}}, ["Statement[0].Resource", "an object"]),
        ({"Sid": 5}, ["Statement[0].Sid"]),
        ({"Principal": "*"}, ["Principal", "AttachPolicy"]),
        ({"Ressource": "*"}, ["'Ressource'", "Did you mean Resource?"]),
        ({"action": "*"}, ["'action'", "Did you mean Action?"]),
        ({"Condition": []}, ["Statement[0].Condition", "an empty list"]),
        ({"Condition": {"StringEqual": {"iot:ClientId": "a"}}}, ["Did you mean StringEquals?"]),
        ({"Condition": {"ForSome:StringEquals": {"a:b": "c"}}}, ["ForSome:StringEquals"]),
        ({"Condition": {"NullIfExists": {"iot:ClientId": "true"}}}, ["NullIfExists"]),
        ({"Condition": {"Bool": "true"}}, ["Statement[0].Condition.Bool"]),
        ({"Condition": {"Bool": {"IsAttached": "true"}}}, ["'IsAttached'", "condition key"]),
        ({"Condition": {"Bool": {"a:b": "yes"}}}, ["Condition.Bool.a:b", "'true' or 'false'"]),
        ({"Condition": {"Bool": {"a:b": [None]}}}, ["Condition.Bool.a:b", "null"]),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.1/99"}}}, ["203.0.113.0/24"]),
        ({"Condition": {"NumericLessThan": {"a:b": "many"}}}, ["a number"]),
        ({"Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}}, ["a time such as"]),
    ],
)
def test_a_wrong_statement_is_refused_with_place_and_remedy(
    changes: dict[str, Any], words: list[str]
) -> None:
    message = refusal(document(**changes))
    assert "Invalid policy syntax." in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("operator", "meant"),
    [
        ("StringNotEqual", "StringNotEquals"),
        ("NotStringEquals", "StringNotEquals"),
        ("Boolean", "Bool"),
        ("StringContains", None),
        ("StringStartsWith", None),
        ("DateBefore", None),
        ("Foo", None),
    ],
)
def test_an_operator_is_suggested_only_where_it_says_what_was_meant(
    operator: str, meant: str | None
) -> None:
    message = refusal(document(Condition={operator: {"iot:ClientId": "a"}}))
    assert f"'{operator}', which does not exist." in message
    hint = f"Did you mean {meant}?" if meant is not None else "Did you mean"
    assert (hint in message) is (meant is not None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["not JSON"]),
        ("policy.json", ["not JSON", "line 1 column 1"]),
        ("[]", ["The document", "an object"]),
        ("{}", ["Statement", "null"]),
        ('{"Statement": []}', ["Statement", "an empty list"]),
        ('{"Statement": ["x"]}', ["Statement[0]", "'x'"]),
        ('{"Version": "2020-01-01", "Statement": []}', ["Version", "2012-10-17"]),
        ('{"Version": 20121017, "Statement": []}', ["Version", "20121017"]),
        ('{"Id": 1, "Statement": []}', ["Id"]),
        ('{"Statements": []}', ["'Statements'", "Did you mean Statement?"]),
        ('{"Version": NaN}', ["NaN"]),
        ('{"Version": "2012-10-17", "Version": "2012-10-17"}', ["'Version'", "twice"]),
        ("[" * 2000, ["not JSON"]),
        ('{"Version": ' + "1" * 2000 + "}", ["Version"]),
    ],
)
def test_a_wrong_document_is_refused_with_place_and_remedy(text: str, words: list[str]) -> None:
    message = refusal(text)
    for word in words:
        assert word in message


def test_white_space_does_not_count_towards_the_size() -> None:
    bare = document(Sid="")
    fitting = document(Sid="x" * (LONGEST_DOCUMENT - len("".join(bare.split()))))
    parse_policy(fitting.replace("{", "{" + " \n" * 500))

    message = refusal(fitting.replace("bulb-7", "bulb-77"))
    assert str(LONGEST_DOCUMENT) in message
    assert str(LONGEST_DOCUMENT + 1) in message


def test_something_that_is_not_text_is_refused_in_words() -> None:
    with pytest.raises(MalformedPolicyError, match=r"json\.dumps"):
        parse_policy({"Version": "2012-10-17"})  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3)
    ),
    max_leaves=8,
)
ELEMENTS = st.sampled_from(
    ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Other"]
)
LIKELY = st.sampled_from(
    ["Allow", "Deny", "*", "iot:Connect", CLIENT, {"StringEquals": {"iot:ClientId": ["a"]}}]
)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(MalformedPolicyError):
        assert parse_policy(text).statements


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "Version": st.sampled_from(["2012-10-17", "2008-10-17"]) | JSON,
            "Statement": st.lists(st.dictionaries(ELEMENTS, LIKELY | JSON), max_size=3) | JSON,
        },
    )
)
def test_any_json_is_read_or_refused(body: dict[str, Any]) -> None:
    with contextlib.suppress(MalformedPolicyError):
        assert parse_policy(json.dumps(body)).statements


def test_a_refusal_that_quotes_half_a_surrogate_pair_can_be_printed() -> None:
    with pytest.raises(MalformedPolicyError) as refused:
        parse_policy('{"Version": "\\ud800"}')
    assert "\\ud800" in str(refused.value).encode().decode()
