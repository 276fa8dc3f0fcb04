"""Evaluation of policies: what wins, variables without a value, conditions, and the reasons."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moto_jitp.policies import (
    AuthorizationContext,
    CertificateContext,
    Decision,
    Request,
    ThingContext,
    client_arn,
    evaluate,
    parse_policy,
    thing_arn,
    topic_arn,
    topic_filter_arn,
)

HERE = ("aws", "eu-central-1", "111122223333")
CONNECT = client_arn(*HERE, "bulb-7")
THING_NAME = "${iot:Connection.Thing.ThingName}"


def statement(effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    filled = {"Effect": effect, "Action": "iot:Connect", "Resource": "*", **elements}
    return {key: value for key, value in filled.items() if value is not None}


def decide(
    *statements: Mapping[str, Any],
    action: str = "iot:Connect",
    resource: str = CONNECT,
    context: AuthorizationContext | None = None,
    version: str = "2012-10-17",
) -> Decision:
    policy = parse_policy(json.dumps({"Version": version, "Statement": statements}))
    given_context = AuthorizationContext(client_id="bulb-7") if context is None else context
    return evaluate([("bulbs", policy)], Request(action, resource, given_context))


def holds(
    operator: str, key: str, value: object, context: AuthorizationContext | None = None
) -> bool:
    """Whether an Allow with this condition applies."""
    return decide(statement(Condition={operator: {key: value}}), context=context).allowed


def test_without_a_policy_nothing_is_allowed() -> None:
    decision = evaluate([], Request("iot:Connect", CONNECT))
    assert decision.kind == "IMPLICIT_DENY"
    assert not decision.allowed
    assert not decision.explicit_deny
    assert decision.deciding == ()
    assert "no policy is attached" in decision.reason


def test_an_allow_names_its_policy_and_statement() -> None:
    decision = decide(
        statement(Action="iot:Publish"), statement(Sid="Hello"), statement(Resource=CONNECT)
    )
    assert decision.kind == "ALLOWED"
    assert decision.deciding == (("bulbs", 1, "Hello"), ("bulbs", 2, None))
    assert "policy 'bulbs', Statement[1] (Hello)" in decision.reason


def test_a_deny_wins_and_is_the_one_that_decided() -> None:
    decision = decide(statement(), statement("Deny", Sid="No"), statement())
    assert decision.kind == "EXPLICIT_DENY"
    assert decision.explicit_deny
    assert decision.deciding == (("bulbs", 1, "No"),)
    assert [index for _, index, _ in decision.allowing] == [0, 2]
    assert "denied by policy 'bulbs', Statement[1] (No)" in decision.reason


def test_policies_add_up_and_are_named() -> None:
    connect = parse_policy(json.dumps({"Statement": statement()}))
    publish = parse_policy(json.dumps({"Statement": statement(Action="iot:Publish")}))
    decision = evaluate([("p", publish), ("c", connect)], Request("iot:Connect", CONNECT))
    assert decision.deciding == (("c", 0, None),)
    assert decision.policy_names == ("p", "c")


def test_case_counts_in_resources_and_not_in_actions() -> None:
    assert decide(statement(Action="IOT:connect", Resource=CONNECT)).allowed
    assert not decide(statement(Resource=CONNECT.replace("bulb", "Bulb"))).allowed


@pytest.mark.parametrize(
    ("elements", "allowed"),
    [
        ({"Action": None, "NotAction": "iot:Publish"}, True),
        ({"Action": None, "NotAction": ["iot:Publish", "iot:Con*"]}, False),
        ({"Resource": None, "NotResource": client_arn(*HERE, "bulb-8")}, True),
        ({"Resource": None, "NotResource": client_arn(*HERE, "bulb-*")}, False),
        ({"Action": "iot:Foo"}, False),
        ({"Action": "greengrass:*"}, False),
    ],
)
def test_not_action_and_not_resource_speak_of_the_rest(
    elements: dict[str, Any], allowed: bool
) -> None:
    assert decide(statement(**elements)).allowed is allowed


def test_arns_of_each_resource_kind() -> None:
    assert client_arn("aws-cn", "cn-north-1", "1", "c") == "arn:aws-cn:iot:cn-north-1:1:client/c"
    assert topic_arn(*HERE, "a/b").endswith(":111122223333:topic/a/b")
    assert topic_filter_arn(*HERE, "a/#").endswith(":topicfilter/a/#")
    assert thing_arn(*HERE, "t").endswith(":thing/t")
    assert thing_arn(*HERE, "t", "s").endswith(":thing/t/s")


def test_a_request_without_an_arn_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="client_arn"):
        Request("iot:Connect", "client/bulb-7")


# Thing variables


@pytest.mark.parametrize(
    ("context", "has_value"),
    [
        (AuthorizationContext("bulb-7", ThingContext("bulb-7")), True),
        (AuthorizationContext("bulb-7", ThingContext("bulb-7", is_attached=False)), False),
        (AuthorizationContext("bulb-7", ThingContext("lamp")), False),
        (AuthorizationContext("bulb-7", ThingContext("Bulb-7")), False),
        (AuthorizationContext("bulb-7", ThingContext("lamp", exclusive=True)), True),
        (
            AuthorizationContext("bulb-7", ThingContext("lamp", is_attached=False, exclusive=True)),
            False,
        ),
        (AuthorizationContext("bulb-7"), False),
        (AuthorizationContext(None, ThingContext("bulb-7")), False),
    ],
    ids=[
        "attached, same name",
        "not attached",
        "other name",
        "other case",
        "exclusive, other name",
        "exclusive but detached",
        "no thing",
        "no MQTT",
    ],
)
def test_thing_variables_need_an_attached_thing_with_the_client_id_as_name(
    context: AuthorizationContext, has_value: bool
) -> None:
    name = context.thing.name if context.thing else "bulb-7"
    decision = decide(
        statement(Resource=client_arn(*HERE, THING_NAME)),
        resource=client_arn(*HERE, name),
        context=context,
    )
    assert decision.allowed is has_value
    missing = () if has_value else ("iot:Connection.Thing.ThingName",)
    assert decision.missing_context == missing
    attached = "true" if has_value else "false"
    expected = context.client_id is not None
    assert holds("Bool", "iot:Connection.Thing.IsAttached", attached, context) is expected


def test_an_attribute_or_type_that_the_thing_lacks_has_no_value() -> None:
    context = AuthorizationContext("bulb-7", ThingContext("bulb-7", None, {"room:1": "hall"}))
    attribute = "iot:Connection.Thing.Attributes"
    assert holds("StringEquals", f"{attribute}[room:1]", "hall", context)
    assert not holds("StringEquals", f"{attribute}[Room:1]", "hall", context)
    assert not holds("StringEquals", f"{attribute}[other]", "hall", context)
    assert holds("Null", "iot:Connection.Thing.ThingTypeName", "true", context)

    over_https = AuthorizationContext(
        None, ThingContext("bulb-7", attributes={"room": "hall"}, exclusive=True)
    )
    assert holds("Null", f"{attribute}[room]", "true", over_https)


def test_a_resource_whose_variable_has_no_value_matches_nothing() -> None:
    unresolved = client_arn(*HERE, THING_NAME)
    literal = Request("iot:Connect", unresolved, AuthorizationContext("x"))
    policy = parse_policy(
        json.dumps({"Version": "2012-10-17", "Statement": statement(Resource=unresolved)})
    )
    assert not evaluate([("p", policy)], literal).allowed

    assert decide(statement(Resource=[unresolved, CONNECT])).allowed
    assert decide(statement(), statement("Deny", Resource=unresolved)).allowed
    assert decide(statement(Resource=None, NotResource=unresolved)).allowed


def test_a_condition_value_without_value_equals_nothing() -> None:
    assert not holds("StringEquals", "iot:ClientId", THING_NAME)
    assert not holds("StringLike", "iot:ClientId", THING_NAME + "*")
    assert holds("StringNotEquals", "iot:ClientId", THING_NAME)
    context = AuthorizationContext("bulb-7", ThingContext("bulb-7"))
    assert holds("StringEquals", "iot:ClientId", THING_NAME, context)
    assert not holds("StringNotEquals", "iot:ClientId", THING_NAME, context)


def test_unknown_variables_have_no_value() -> None:
    decision = decide(statement(Resource=client_arn(*HERE, "${iot:NoSuchThing}")))
    assert not decision.allowed
    assert decision.missing_context == ("iot:NoSuchThing",)


def test_names_of_variables_and_keys_do_not_depend_on_case() -> None:
    assert decide(statement(Resource=client_arn(*HERE, "${IOT:clientid}"))).allowed
    assert holds("StringEquals", "iot:clientId", "bulb-7")


def test_other_context_keys_serve_as_conditions_and_variables() -> None:
    context = AuthorizationContext(
        extra={"cognito-identity.amazonaws.com:sub": "bulb-7", "my:list": ["a"], "my:key": "v"}
    )
    pattern = client_arn(*HERE, "${cognito-identity.amazonaws.com:sub}")
    assert decide(statement(Resource=pattern), context=context).allowed
    assert holds("StringEquals", "my:key", "v", context)
    assert not decide(statement(Resource=client_arn(*HERE, "${my:list}")), context=context).allowed


# Certificate variables


def with_subject(**subject: list[str]) -> AuthorizationContext:
    return AuthorizationContext("bulb-7", certificate=CertificateContext(subject=subject))


def resolves(name: str, value: str, context: AuthorizationContext) -> bool:
    return decide(
        statement(Resource=client_arn(*HERE, "${iot:Certificate." + name + "}")),
        resource=client_arn(*HERE, value),
        context=context,
    ).allowed


def test_an_index_chooses_among_the_values_of_an_attribute() -> None:
    context = with_subject(Country=["DE", "KR"])
    assert resolves("Subject.Country", "DE", context)
    assert resolves("Subject.Country.0", "DE", context)
    assert resolves("Subject.Country.1", "KR", context)
    assert not resolves("Subject.Country.2", "KR", context)


def test_a_list_of_values_is_a_condition_key_and_no_variable() -> None:
    context = with_subject(Country=["DE"])
    assert not resolves("Subject.Country.List", "DE", context)
    key = "iot:Certificate.Subject.Country.List"
    assert holds("ForAnyValue:StringEquals", key, "DE", context)


def test_only_five_values_of_an_attribute_count() -> None:
    context = with_subject(OrganizationalUnit=list("abcdef"))
    assert resolves("Subject.OrganizationalUnit.4", "e", context)
    assert not resolves("Subject.OrganizationalUnit.5", "f", context)
    key = "iot:Certificate.Subject.OrganizationalUnit.List"
    assert not holds("ForAnyValue:StringEquals", key, "f", context)


@pytest.mark.parametrize("character", list("*$+?#"))
def test_a_certificate_value_with_a_wildcard_is_not_put_in(character: str) -> None:
    value = f"bulb{character}7"
    assert not resolves("Subject.CommonName", value, with_subject(CommonName=[value]))
    assert resolves("Subject.CommonName", "bulb7", with_subject(CommonName=["bulb7"]))


def test_a_certificate_value_of_more_than_1024_characters_is_not_put_in() -> None:
    assert resolves("Subject.CommonName", "x" * 1024, with_subject(CommonName=["x" * 1024]))
    assert not resolves("Subject.CommonName", "x" * 1025, with_subject(CommonName=["x" * 1025]))


def test_special_characters_of_a_certificate_value_get_a_backslash() -> None:
    context = with_subject(CommonName=['a=b,c;d<e>f"g\\h'])
    assert resolves("Subject.CommonName", 'a\\=b\\,c\\;d\\<e\\>f\\"g\\\\h', context)
    assert not resolves("Subject.CommonName", 'a=b,c;d<e>f"g\\h', context)


def test_issuer_and_alternative_names_have_their_variables() -> None:
    context = AuthorizationContext(
        "bulb-7",
        certificate=CertificateContext(
            issuer={"GivenName": ["Root"], "Locality": ["Berlin"]},
            subject_alternative_names={
                "DNSName": ["a.example", "b.example"],
                "DirectoryName": ["cn=x,c=DE"],
            },
            issuer_alternative_names={"IPAddress": ["5.6.7.8"]},
        ),
    )
    assert resolves("Issuer.GivenName", "Root", context)
    assert not resolves("Issuer.Locality", "Berlin", context)
    assert resolves("Subject.AlternativeName.DNSName.1", "b.example", context)
    assert resolves("Subject.AlternativeName.DirectoryName", "cn=x,c=DE", context)
    assert resolves("Issuer.AlternativeName.IPAddress", "5.6.7.8", context)
    assert not resolves("Subject.AlternativeName.IPAddress", "5.6.7.8", context)


def test_available_keys_names_the_variables_with_values() -> None:
    context = with_subject(CommonName=["x"])
    key = "iot:Certificate.AvailableKeys"
    assert holds("ForAnyValue:StringEquals", key, "iot:Certificate.Subject.CommonName", context)
    assert not holds("ForAnyValue:StringEquals", key, "iot:Certificate.Subject.Country", context)


# Conditions

NOON = datetime(2030, 6, 1, 12, tzinfo=timezone.utc)
RICH = AuthorizationContext(
    client_id="Bulb-7",
    source_ip="203.0.113.9",
    last_will_topic=topic_arn(*HERE, "will/7"),
    current_time=NOON,
    extra={"my:number": "7", "my:empty": []},
)


@pytest.mark.parametrize(
    ("operator", "key", "yes", "no"),
    [
        ("StringEquals", "iot:ClientId", "Bulb-7", "bulb-7"),
        ("StringEquals", "iot:ClientId", ["x", "Bulb-7"], ["x", "y"]),
        ("StringEquals", "iot:ClientId", "Bulb-7", "Bulb-*"),
        ("StringNotEquals", "iot:ClientId", ["x", "y"], ["x", "Bulb-7"]),
        ("StringEqualsIgnoreCase", "iot:ClientId", "bULB-7", "bulb"),
        ("StringNotEqualsIgnoreCase", "iot:ClientId", "bulb", "bULB-7"),
        ("StringLike", "iot:ClientId", "Bulb-?", "bulb-*"),
        ("StringNotLike", "iot:ClientId", "bulb-*", "*"),
        ("BinaryEquals", "iot:ClientId", "Bulb-7", "x"),
        ("NumericEquals", "my:number", 7, "8"),
        ("NumericNotEquals", "my:number", "8", 7),
        ("NumericLessThan", "my:number", "7.5", "7"),
        ("NumericLessThanEquals", "my:number", "7", "6"),
        ("NumericGreaterThan", "my:number", "6", "7"),
        ("NumericGreaterThanEquals", "my:number", "7", "8"),
        ("NumericGreaterThan", "my:number", "1", ["8", "9"]),
        ("DateLessThan", "aws:CurrentTime", "2030-06-01T12:00:01Z", "2030-06-01T12:00:00Z"),
        ("DateGreaterThan", "aws:CurrentTime", "2030-06-01T13:00:00+02:00", "2031-01-01"),
        ("DateEquals", "aws:CurrentTime", "2030-06-01T12:00:00", "2030-06-01T12:00:00+01:00"),
        ("DateGreaterThanEquals", "aws:EpochTime", str(int(NOON.timestamp())), "1e12"),
        ("IpAddress", "aws:SourceIp", "203.0.113.0/24", "203.0.114.0/24"),
        ("IpAddress", "aws:SourceIp", "203.0.113.77/24", "203.0.114.77/24"),
        ("IpAddress", "aws:SourceIp", ["::1", "203.0.113.9"], "::/0"),
        ("NotIpAddress", "aws:SourceIp", "203.0.114.0/24", "203.0.113.0/24"),
        ("ArnEquals", "iot:LastWillTopic", topic_arn(*HERE, "will/7"), topic_arn(*HERE, "will")),
        ("ArnLike", "iot:LastWillTopic", "arn:aws:iot:*:*:topic/will/*", "arn:*:topic/will/7"),
        ("ArnNotEquals", "iot:LastWillTopic", topic_arn(*HERE, "x"), topic_arn(*HERE, "*")),
        ("ArnNotLike", "iot:LastWillTopic", topic_arn(*HERE, "x"), topic_arn(*HERE, "w*")),
        ("ArnLike", "iot:LastWillTopic", "arn:*:*:*:*:*", "*"),
        ("Null", "iot:ClientId", "false", "true"),
        ("Null", "my:missing", True, False),
        ("Null", "my:empty", "true", "false"),
        ("StringEqualsIfExists", "iot:ClientId", "Bulb-7", "x"),
        ("StringEqualsIfExists", "my:missing", "anything", None),
        ("StringNotEquals", "my:missing", "anything", None),
        ("ForAllValues:StringEquals", "my:missing", "anything", None),
        ("ForAllValues:StringNotEquals", "my:empty", "anything", None),
        ("ForAnyValue:StringEqualsIfExists", "my:missing", "anything", None),
        ("StringEquals", "my:missing", None, "anything"),
        ("Bool", "my:missing", None, "true"),
        ("ForAnyValue:StringEquals", "my:missing", None, "anything"),
        ("ForAnyValue:StringNotEquals", "my:missing", None, "anything"),
    ],
)
def test_a_condition_holds_or_not(operator: str, key: str, yes: object, no: object) -> None:
    assert yes is None or holds(operator, key, yes, RICH)
    assert no is None or not holds(operator, key, no, RICH)


@pytest.mark.parametrize(
    ("operator", "policy_values", "values", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c"], False),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "d"], True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "a"], False),
        ("ForAnyValue:StringNotLike", ["a*"], ["ab", "c"], True),
        ("ForAnyValue:StringNotLike", ["a*"], ["ab"], False),
        ("StringEquals", ["a"], ["b", "a"], True),
        ("StringNotEquals", ["a"], ["b", "a"], False),
    ],
)
def test_set_operators_look_at_every_value(
    operator: str, policy_values: list[str], values: list[str], expected: bool
) -> None:
    context = AuthorizationContext("x", extra={"my:list": values})
    assert holds(operator, "my:list", policy_values, context) is expected


def test_all_conditions_must_hold_and_missing_keys_are_listed() -> None:
    both = {"StringEquals": {"iot:ClientId": "bulb-7", "aws:SourceIp": "x"}}
    decision = decide(statement(Condition=both))
    assert not decision.allowed
    assert decision.missing_context == ("aws:SourceIp",)
    assert decide(statement(Condition={**both, "StringEquals": {"iot:ClientId": "bulb-7"}})).allowed


def test_keys_of_statements_about_other_actions_are_not_missed() -> None:
    other = statement(
        Action="iot:Publish", Condition={"StringEquals": {"aws:SourceIp": "203.0.113.9"}}
    )
    assert decide(other).missing_context == ()


# Reasons


@pytest.mark.parametrize(
    ("statements", "request_", "words"),
    [
        (
            [statement(Action=["iot:Publish", "iot:Receive"])],
            Request("iot:Connect", CONNECT),
            ["no statement of 'bulbs' allows this action (only iot:Publish, iot:Receive)"],
        ),
        (
            [statement(Resource=client_arn(*HERE, THING_NAME))],
            Request("iot:Connect", CONNECT, AuthorizationContext("bulb-7", ThingContext("lamp"))),
            ["${iot:Connection.Thing.ThingName} has no value", "'bulb-7' is not the name"],
        ),
        (
            [statement(Resource=client_arn(*HERE, THING_NAME))],
            Request(
                "iot:Connect",
                CONNECT,
                AuthorizationContext("bulb-7", ThingContext("bulb-7", is_attached=False)),
            ),
            ["not attached to the thing 'bulb-7'"],
        ),
        (
            [statement(Resource=client_arn(*HERE, "${iot:Connection.Thing.ThingTypeName}"))],
            Request("iot:Connect", CONNECT, AuthorizationContext("bulb-7", ThingContext("bulb-7"))),
            ["the thing 'bulb-7' does not have it"],
        ),
        (
            [statement(Resource=client_arn(*HERE, THING_NAME))],
            Request("iot:Connect", CONNECT),
            ["need an MQTT connection"],
        ),
        (
            [statement(Resource=client_arn(*HERE, "${iot:Certificate.Subject.CommonName}"))],
            Request("iot:Connect", CONNECT, with_subject(CommonName=["a*b"])),
            ["wildcard character", "a*b"],
        ),
        (
            [statement(Resource=client_arn(*HERE, "${iot:Certificate.Subject.CommonName.List}"))],
            Request("iot:Connect", CONNECT, with_subject(CommonName=["ab"])),
            ["a list of values is not a variable"],
        ),
        (
            [statement(Resource=client_arn(*HERE, "${iot:Certificate.Subject.Country}"))],
            Request("iot:Connect", CONNECT, with_subject(CommonName=["ab"])),
            ["the certificate does not have it"],
        ),
        (
            [statement(Condition={"Bool": {"iot:Connection.Thing.IsAttached": "true"}})],
            Request("iot:Connect", CONNECT, AuthorizationContext("bulb-7")),
            ["its condition does not hold", "iot:Connection.Thing.IsAttached", "'false'"],
        ),
        (
            [statement(Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}})],
            Request("iot:Connect", CONNECT),
            ["aws:SourceVpce", "the request has none"],
        ),
        (
            [statement(Action="iot:Subscribe", Resource=topic_arn(*HERE, "a/*"))],
            Request("iot:Subscribe", topic_filter_arn(*HERE, "a/b")),
            ["iot:Subscribe needs a resource …:topicfilter/…, not …:topic/…"],
        ),
        (
            [statement(Action="iot:Publish", Resource=topic_filter_arn(*HERE, "a/*"))],
            Request("iot:Publish", topic_arn(*HERE, "a/b")),
            ["iot:Publish needs a resource …:topic/…, not …:topicfilter/…"],
        ),
        (
            [statement(Resource=[topic_arn(*HERE, "*"), thing_arn(*HERE, "bulb-7")])],
            Request("iot:Connect", CONNECT),
            ["iot:Connect needs a resource …:client/…, not …:topic/…, …:thing/…"],
        ),
        (
            [statement(Resource=CONNECT.replace("client", "Client"))],
            Request("iot:Connect", CONNECT),
            ["iot:Connect needs a resource …:client/…, not …:Client/…"],
        ),
        (
            [statement(Resource=client_arn("aws", "us-west-2", HERE[2], "bulb-*"))],
            Request("iot:Connect", CONNECT),
            [f"it is for Region us-west-2, and the request goes to {HERE[1]}"],
        ),
        (
            [statement(Resource=client_arn("aws", "*", "999999999999", THING_NAME))],
            Request("iot:Connect", CONNECT, AuthorizationContext("bulb-7", ThingContext("bulb-7"))),
            [f"it is for account 999999999999, and the request goes to {HERE[2]}"],
        ),
        (
            [statement(Condition={"StringEquals": {"iot:Foo": "x"}})],
            Request("iot:Connect", CONNECT),
            ["the request has none (AWS IoT has no condition key iot:Foo)"],
        ),
        (
            [statement(Condition={"StringEquals": {"iot:Connection.Thing.Name": "x"}})],
            Request("iot:Connect", CONNECT),
            ["no condition key iot:Connection.Thing.Name; did you mean iot:Connection.Thing.Thing"],
        ),
        (
            [statement(Condition={"StringEquals": {"iot:ClientId": "${iot:Thing.Nmae}"}})],
            Request("iot:Connect", CONNECT, AuthorizationContext("bulb-7")),
            ["'bulb-7'; AWS IoT has no policy variable ${iot:Thing.Nmae} (did you mean ${iot:Th"],
        ),
        (
            [statement(Action=None, NotAction=["iot:Connect", "iot:Ret*"]), statement("Deny")],
            Request("iot:RetainPublish", topic_arn(*HERE, "a")),
            [
                "no statement of 'bulbs' allows this action (only everything but iot:Connect, "
                "iot:Ret* by NotAction of policy 'bulbs', Statement[0])"
            ],
        ),
        (
            [statement(Action="iot:Publish", Resource=topic_arn(*HERE, "a/#"))],
            Request("iot:Publish", topic_arn(*HERE, "a/b")),
            ["+ and # are ordinary characters"],
        ),
        (
            [statement(Resource=None, NotResource=CONNECT)],
            Request("iot:Connect", CONNECT),
            ["on everything but"],
        ),
        (
            [statement(Resource=client_arn(*HERE, f"x{number}")) for number in range(5)],
            Request("iot:Connect", CONNECT),
            ["Statement[2] allows the action", "and 2 more"],
        ),
    ],
)
def test_a_refusal_says_what_is_lacking(
    statements: list[dict[str, Any]], request_: Request, words: list[str]
) -> None:
    policy = parse_policy(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    decision = evaluate([("bulbs", policy)], request_)
    assert decision.kind == "IMPLICIT_DENY"
    assert request_.resource in decision.reason
    for word in words:
        assert word in decision.reason


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("iot:Certificate.Subject.CN", "iot:Certificate.Subject.CommonName"),
        ("iot:Certificate.Subject.OU", "iot:Certificate.Subject.OrganizationalUnit"),
        ("iot:Certificate.CommonName", "iot:Certificate.Subject.CommonName"),
        ("iot:Certificate.Issuer.CN", "iot:Certificate.Issuer.CommonName"),
        ("iot:Connection.Thing.Name", "iot:Connection.Thing.ThingName"),
        ("iot:Connection.Thing.Attributes.room", "iot:Connection.Thing.Attributes[room]"),
        ("AWS::IoT::Certificate::CommonName", "iot:Certificate.Subject.CommonName"),
        ("AWS::IoT::Certificate::StateName", "iot:Certificate.Subject.State"),
        ("AWS::IoT::Certificate::Id", "iot:CertificateId"),
        ("iot:Client", "iot:ClientId"),
        ("ClientId", "iot:ClientId"),
        ("iot:Certificate.Id", "iot:CertificateId"),
        ("iot:Certificate.IssuerCommonName", "iot:Certificate.Issuer.CommonName"),
        ("iot:Certificate.Subject.SerialNo", "iot:Certificate.Subject.SerialNumber"),
        ("iot:Foo", None),
        # All but the end of the name is right, and the end is near none.
        ("iot:Certificate.Subject.Locality", None),
        ("iot:Certificate.Subject.Email", None),
        ("iot:Certificate.Subject.UID", None),
        ("iot:Certificate.NotAfter", None),
        ("iot:Connection.Thing.ThingArn", None),
    ],
)
def test_a_variable_that_does_not_exist_is_not_blamed_on_the_device(
    wrong: str, right: str | None
) -> None:
    decision = decide(
        statement(Resource=client_arn(*HERE, f"${{{wrong}}}")),
        context=with_subject(CommonName=["bulb-7"]),
    )
    assert f"AWS IoT has no policy variable ${{{wrong}}}" in decision.reason
    hint = f" (did you mean ${{{right}}}?)" if right is not None else "did you mean"
    assert (hint in decision.reason) is (right is not None)
    assert "does not have it" not in decision.reason


def test_mqtts_wildcards_are_blamed_only_where_a_policys_own_would_match() -> None:
    decision = decide(
        statement(Action="iot:Publish", Resource=topic_arn(*HERE, "sensors/+/state")),
        action="iot:Publish",
        resource=topic_arn(*HERE, "lamps/1/state"),
    )
    assert decision.kind == "IMPLICIT_DENY"
    assert "ordinary characters" not in decision.reason


@pytest.mark.parametrize(
    "name",
    [
        "iot:certificate.subject.commonname.1",
        "iot:Certificate.Issuer.AlternativeName.DNSName",
        "iot:Connection.Thing.Attributes[any thing]",
        "iot:LastWillTopic",
        "aws:SourceVpce",
        "cognito-identity.amazonaws.com:sub",
    ],
)
def test_a_variable_that_exists_and_has_no_value_is_not_called_unknown(name: str) -> None:
    decision = decide(statement(Resource=client_arn(*HERE, f"${{{name}}}")))
    assert f"${{{name}}} has no value here" in decision.reason


@pytest.mark.parametrize("version", [None, "2008-10-17"])
@pytest.mark.parametrize(
    "more",
    [
        {"Resource": client_arn(*HERE, "${iot:ClientId}")},
        {"Condition": {"StringEquals": {"iot:ClientId": "${iot:ClientId}"}}},
    ],
)
def test_variables_in_a_document_of_the_old_version_are_said_to_be_plain_text(
    version: str | None, more: dict[str, Any]
) -> None:
    document: dict[str, Any] = {"Statement": statement(**more)}
    if version is not None:
        document["Version"] = version
    request = Request("iot:Connect", CONNECT, AuthorizationContext("bulb-7"))
    decision = evaluate([("bulbs", parse_policy(json.dumps(document)))], request)
    assert not decision.allowed
    assert '${iot:ClientId} is plain text there, as the document lacks "Version": "2012-' in (
        decision.reason
    )
    document["Version"] = "2012-10-17"
    assert evaluate([("bulbs", parse_policy(json.dumps(document)))], request).allowed


def test_a_topic_resource_is_not_a_mistake_for_publish() -> None:
    decision = decide(
        statement(Action="iot:Publish", Resource=topic_arn(*HERE, "a/*")),
        action="iot:Publish",
        resource=topic_arn(*HERE, "b"),
    )
    assert "needs a resource" not in decision.reason
    assert "ordinary characters" not in decision.reason


# Whatever the policies

EFFECTS = st.sampled_from(["Allow", "Deny"])
ACTIONS = st.sampled_from(["*", "iot:*", "iot:Connect", "iot:Publish", "iot:?onnect"])
RESOURCES = st.sampled_from(
    [
        "*",
        CONNECT,
        client_arn(*HERE, "bulb-*"),
        client_arn(*HERE, THING_NAME),
        topic_arn(*HERE, "*"),
    ]
)
CONDITIONS = st.sampled_from(
    [
        {},
        {"Bool": {"iot:Connection.Thing.IsAttached": "true"}},
        {"StringNotEquals": {"iot:ClientId": "bulb-7"}},
        {"ForAllValues:StringEquals": {"iot:ConnectAttributes": "LastWill"}},
    ]
)
STATEMENTS = st.fixed_dictionaries(
    {"Effect": EFFECTS, "Action": ACTIONS, "Resource": RESOURCES, "Condition": CONDITIONS}
)
CONTEXTS = st.sampled_from(
    [
        AuthorizationContext("bulb-7", ThingContext("bulb-7")),
        AuthorizationContext("bulb-7"),
        AuthorizationContext(),
    ]
)


@given(st.lists(STATEMENTS, min_size=1, max_size=5), CONTEXTS, st.randoms())
def test_the_order_does_not_count_and_a_deny_always_wins(
    statements: list[dict[str, Any]], context: AuthorizationContext, random: Any
) -> None:
    decision = decide(*statements, context=context)
    shuffled = random.sample(statements, len(statements))
    other = decide(*shuffled, context=context)
    assert other.kind == decision.kind
    assert other.missing_context == decision.missing_context
    assert decision.reason

    applying = [decide(s, context=context).kind for s in statements]
    if "EXPLICIT_DENY" in applying:
        assert decision.kind == "EXPLICIT_DENY"
    else:
        assert decision.allowed is ("ALLOWED" in applying)

    denied = decide(*statements, statement("Deny"), context=context)
    assert denied.kind == "EXPLICIT_DENY"


def test_a_thousand_decisions_take_a_moment() -> None:
    statements = [
        statement(Resource=client_arn(*HERE, THING_NAME)),
        statement(Action="iot:Publish", Resource=topic_arn(*HERE, THING_NAME + "/*")),
        statement(Action="iot:Receive", Resource=topic_arn(*HERE, THING_NAME + "/room*")),
    ]
    policy = parse_policy(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    context = AuthorizationContext("bulb-7", ThingContext("bulb-7"))
    request = Request("iot:Receive", topic_arn(*HERE, "bulb-7/room1"), context)
    started = time.process_time()
    for _ in range(1000):
        assert evaluate([("bulbs", policy)], request).allowed
    assert time.process_time() - started < 0.5
