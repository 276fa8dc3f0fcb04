"""The linter names what to fix in a template, all at once and without a device."""

import json
from typing import Any

import pytest

from moto_jitp.templates import LintFinding, lint

ID = "AWS::IoT::Certificate::Id"
COMMON_NAME = "AWS::IoT::Certificate::CommonName"
CONNECT = {"Statement": [{"Effect": "Allow", "Action": ["iot:Connect"], "Resource": "*"}]}


def template(
    thing: dict[str, Any] | None = None,
    policy: dict[str, Any] | None = None,
    **sections: Any,
) -> dict[str, Any]:
    return {
        "Parameters": {ID: {"Type": "String"}, COMMON_NAME: {"Type": "String"}},
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {"ThingName": {"Ref": COMMON_NAME}, **(thing or {})},
            },
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": ID}, "Status": "ACTIVE"},
            },
            "policy": {"Type": "AWS::IoT::Policy", "Properties": policy or {"PolicyName": "p"}},
        },
        **sections,
    }


def findings(document: Any) -> list[LintFinding]:
    return lint(json.dumps(document))


def only(document: Any) -> LintFinding:
    found = findings(document)
    assert len(found) == 1, found
    return found[0]


def test_a_good_template_has_no_findings() -> None:
    assert findings(template({"AttributePayload": {"a": "b"}}, {"PolicyDocument": CONNECT})) == []


@pytest.mark.parametrize("body", ["", "{", "[]", "7", "[" * 100_000, "x" * 20_000])
def test_a_body_that_is_not_a_template_is_one_error(body: str) -> None:
    (finding,) = lint(body)

    assert (finding.rule, finding.severity) == ("template-format", "error")


def test_a_body_that_was_escaped_twice_is_named_so() -> None:
    (finding,) = lint(json.dumps(json.dumps(template())))

    assert finding.rule == "escaped-json"


def test_every_reference_to_an_unknown_name_is_found() -> None:
    groups = [{"Ref": "CommonName"}, {"Fn::Sub": "${OrganizationName}"}]

    found = findings(template({"ThingGroups": groups}))

    assert [(finding.rule, finding.severity) for finding in found] == [
        ("undefined-reference", "error"),
        ("undefined-reference", "error"),
    ]
    assert [finding.place for finding in found] == [
        "Resources.thing.Properties.ThingGroups[0]",
        "Resources.thing.Properties.ThingGroups[1]",
    ]
    assert "AWS::IoT::Certificate::Organization" in found[1].message


def test_names_given_to_sub_itself_are_not_references() -> None:
    sub = {"Fn::Sub": ["${a}${!b}", {"a": {"Ref": COMMON_NAME}}]}

    assert findings(template(DeviceConfiguration={"x": sub})) == []


def test_an_unused_parameter_is_a_warning() -> None:
    country = "AWS::IoT::Certificate::Country"
    parameters = {name: {"Type": "String"} for name in (ID, COMMON_NAME, country)}

    finding = only(template(Parameters=parameters))

    assert (finding.rule, finding.severity) == ("unused-parameter", "warning")
    assert finding.place == f"Parameters.{country}"
    assert "JITP fails" in finding.message


def test_a_parameter_used_in_device_configuration_is_used() -> None:
    parameters = {name: {"Type": "String"} for name in (ID, COMMON_NAME, "Color")}
    document = template(Parameters=parameters, DeviceConfiguration={"c": {"Ref": "Color"}})

    assert findings(document) == []


def test_a_certificate_parameter_used_without_declaration_is_a_warning() -> None:
    finding = only(template(Parameters={COMMON_NAME: {"Type": "String"}}))

    assert (finding.rule, finding.severity) == ("undeclared-certificate-parameter", "warning")


@pytest.mark.parametrize(
    "name", ["CommonName", "AWS::IoT::Certificate::OrganizationName", "AWS::IoT::Certificate::L"]
)
def test_a_parameter_that_no_certificate_gives_is_a_warning(name: str) -> None:
    parameters = {each: {"Type": "String"} for each in (ID, COMMON_NAME, name)}
    document = template({"ThingGroups": [{"Ref": name}]}, Parameters=parameters)

    finding = only(document)

    assert (finding.rule, finding.severity) == ("unavailable-parameter", "warning")


def test_parameters_of_a_fleet_template_are_its_own() -> None:
    parameters = {ID: {"Type": "String"}, "SerialNumber": {"Type": "String"}}
    document = template({"ThingName": {"Ref": "SerialNumber"}}, Parameters=parameters)

    assert findings(document) == []


@pytest.mark.parametrize(
    ("thing", "place"),
    [
        ({"ThingTypeName": "my bulb"}, "ThingTypeName"),
        ({"ThingName": {"Fn::Join": [" ", ["a", {"Ref": COMMON_NAME}]]}}, "ThingName"),
        ({"ThingName": {"Fn::Sub": "a.${AWS::IoT::Certificate::CommonName}"}}, "ThingName"),
        ({"ThingTypeName": "<type>"}, "ThingTypeName"),
        ({"BillingGroup": "${Group}"}, "BillingGroup"),
        ({"ThingGroups": ["fine", "not fine"]}, "ThingGroups[1]"),
        ({"ThingGroups": "not fine"}, "ThingGroups"),
        ({"ThingGroups": {"Fn::Split": [",", "a,b c"]}}, "ThingGroups"),
        ({"AttributePayload": {"a": "two words"}}, "AttributePayload.a"),
        ({"AttributePayload": {"two words": "a"}}, "AttributePayload.two words"),
    ],
)
def test_a_value_that_no_device_can_correct_is_an_error(thing: dict[str, Any], place: str) -> None:
    finding = only(template(thing))

    assert (finding.rule, finding.severity) == ("invalid-value", "error")
    assert finding.place == f"Resources.thing.Properties.{place}"


def test_a_default_that_cannot_be_the_value_is_a_warning() -> None:
    parameters = {ID: {}, COMMON_NAME: {}, "Color": {"Default": "light red"}}
    document = template({"AttributePayload": {"color": {"Ref": "Color"}}}, Parameters=parameters)

    finding = only(document)

    assert (finding.rule, finding.severity) == ("invalid-value", "warning")


def test_an_impossible_policy_name_is_an_error() -> None:
    assert only(template(policy={"PolicyName": "two words"})).rule == "invalid-value"


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ("MyPolicy", "PolicyName"),
        ("", "empty"),
        (json.dumps(json.dumps(CONNECT)), "escaped twice"),
        (json.dumps(CONNECT).replace('"', '\\"'), "once too often"),
        ("[]", "a list"),
    ],
)
def test_a_document_that_is_not_a_json_object_is_an_escaping_error(
    document: str, hint: str
) -> None:
    finding = only(template(policy={"PolicyDocument": document}))

    assert (finding.rule, finding.severity) == ("escaped-json", "error")
    assert finding.place == "Resources.policy.Properties.PolicyDocument"
    assert hint in finding.message


def test_keys_in_the_wrong_case_are_named_with_the_right_spelling() -> None:
    document = template({"thingTypeName": "t", "ThingGroups": [{"REF": COMMON_NAME}]})
    document["Resources"]["policy"]["properties"] = document["Resources"]["policy"].pop(
        "Properties"
    )
    document["mappings"] = {}

    found = [finding for finding in findings(document) if finding.rule == "wrong-case-key"]

    assert {(finding.place, finding.severity) for finding in found} == {
        ("Resources.thing.Properties.thingTypeName", "error"),
        ("Resources.thing.Properties.ThingGroups[0].REF", "error"),
        ("Resources.policy.properties", "error"),
        ("mappings", "warning"),
    }
    assert any("ThingTypeName" in finding.message for finding in found)


def test_one_mistake_is_reported_once() -> None:
    assert only(template({"thingTypeName": "t"})).rule == "wrong-case-key"


def test_the_documented_spellings_of_overrides_are_not_mistakes() -> None:
    document = template()
    document["Resources"]["thing"]["OverrideSettings"] = {"THING_GROUPS": "MERGE"}
    document["Resources"]["certificate"]["OverrideSettings"] = {"STATUS": "REPLACE"}

    assert findings(document) == []


def test_other_structural_mistakes_are_those_of_the_parser() -> None:
    document = template()
    del document["Resources"]["certificate"]
    document["certificate"] = {"Type": "AWS::IoT::Certificate"}

    rules = {finding.rule: finding for finding in findings(document)}

    assert "Template must have certificate resource." in rules["template-structure"].message
    assert rules["ignored-key"].place == "certificate"


def test_errors_come_before_warnings() -> None:
    parameters = {COMMON_NAME: {"Type": "String"}, "Unused": {"Type": "String"}}

    found = findings(template({"ThingTypeName": {"Ref": "Nothing"}}, Parameters=parameters))

    assert [finding.severity for finding in found] == ["error", "warning", "warning"]


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "iot:Publish"},
        {"Effect": "Deny", "Action": "iot:Connect"},
        {"Effect": "Allow", "Action": ["iot:Connec", "s3:*"]},
        {"Effect": "Allow"},
    ],
)
@pytest.mark.parametrize("as_text", [True, False])
def test_a_policy_that_never_allows_connect_is_a_warning(
    statement: dict[str, Any], as_text: bool
) -> None:
    document: Any = {"Statement": [statement]}

    finding = only(
        template(policy={"PolicyDocument": json.dumps(document) if as_text else document})
    )

    assert (finding.rule, finding.severity) == ("policy-without-connect", "warning")


@pytest.mark.parametrize(
    "action", ["iot:Connect", "iot:*", "*", "iot:Con*", "iot:?onnect", "IOT:connect"]
)
def test_a_policy_that_allows_connect_is_fine(action: str) -> None:
    for statements in (
        {"Effect": "Allow", "Action": action},
        [{"Effect": "Deny", "Action": "x"}, {"Effect": "Allow", "Action": ["x", action]}],
    ):
        assert findings(template(policy={"PolicyDocument": {"Statement": statements}})) == []


def test_a_policy_by_name_or_made_by_functions_is_not_judged() -> None:
    made = {"Statement": [{"Effect": "Allow", "Action": {"Ref": COMMON_NAME}}]}

    assert findings(template(policy={"PolicyName": "p"})) == []
    assert findings(template(policy={"PolicyDocument": made})) == []
