"""The structure of a provisioning template: what is accepted, what is refused, and how."""

import json
import pickle
import time
from typing import Any

import pytest

from moto_jitp.templates import (
    CERTIFICATE_PARAMETERS,
    Template,
    TemplateError,
    TemplateSyntaxError,
    UnresolvedReferenceError,
    parse_template,
)

ID = "AWS::IoT::Certificate::Id"
COMMON_NAME = "AWS::IoT::Certificate::CommonName"
COUNTRY = "AWS::IoT::Certificate::Country"


def thing(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::IoT::Thing",
        "Properties": {"ThingName": {"Ref": COMMON_NAME}, **properties},
    }


def certificate(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::IoT::Certificate",
        "Properties": {"CertificateId": {"Ref": ID}, "Status": "ACTIVE", **properties},
    }


def policy(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::IoT::Policy", "Properties": properties}


def template(resources: dict[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
    return {
        "Parameters": {COMMON_NAME: {"Type": "String"}, ID: {"Type": "String"}},
        "Resources": resources
        if resources is not None
        else {"thing": thing(), "certificate": certificate(), "policy": policy(PolicyName="p")},
        **sections,
    }


def parse(document: Any) -> Template:
    return parse_template(json.dumps(document))


def refusal(document: Any) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        parse(document)
    return caught.value


# ---------------------------------------------------------------------------- the whole body


def test_a_template_is_parsed_once_and_then_only_looked_up() -> None:
    body = json.dumps(template())

    assert parse_template(body) is parse_template(body)
    assert parse_template(body).body == body


def test_a_parsed_template_cannot_be_changed() -> None:
    parsed = parse(template())

    with pytest.raises(AttributeError):
        parsed.body = "{}"  # type: ignore[misc]
    with pytest.raises(TypeError):
        parsed.parameters["x"] = parsed.parameters[ID]  # type: ignore[index]


def test_templates_with_the_same_body_are_equal() -> None:
    one, other = parse(template()), parse(template(Mappings={}))

    assert one == parse_template("".join(list(one.body)))
    assert one != other
    assert len({one, other}) == 2
    assert COMMON_NAME in repr(one)


def test_a_body_that_is_not_json_is_refused_with_line_and_column() -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        parse_template('{"Parameters": {\n  "a" "b"}}')

    assert caught.value.reason.startswith(
        "Template format error: JSON not well-formed with location of [Source: (String)"
    )
    assert "line: 2, column: 7]" in caught.value.reason


def test_a_long_body_is_cut_as_on_aws_and_not_echoed_to_people() -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        parse_template("{" + "x" * 600)

    assert "[truncated 101 chars]" in caught.value.reason
    assert len(str(caught.value)) < 300
    assert str(caught.value).startswith(
        'Template format error: JSON not well-formed with location of [Source: (String)"{xxx'
    )
    assert "[truncated 541 chars]; line: 1, column: 2]" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "found"),
    [("[]", "a list"), ('"text"', "a string"), ("7", "a number"), ("null", "a constant")],
)
def test_a_body_that_is_not_an_object_is_refused(body: str, found: str) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        parse_template(body)

    assert caught.value.reason.startswith("Template format error: ")
    assert caught.value.found == found


def test_a_body_that_was_escaped_twice_is_explained() -> None:
    with pytest.raises(TemplateSyntaxError, match="escaped twice"):
        parse_template(json.dumps(json.dumps(template())))
    with pytest.raises(TemplateSyntaxError, match="unescape it once"):
        parse_template(json.dumps(json.dumps(template()))[1:-1].replace("\\\\", "\\"))


def test_an_empty_body_is_explained() -> None:
    with pytest.raises(TemplateSyntaxError, match="empty"):
        parse_template("")


def test_a_file_address_instead_of_the_content_is_explained() -> None:
    with pytest.raises(TemplateSyntaxError, match="content"):
        parse_template("file://template.json")


def test_a_template_given_as_an_object_is_explained() -> None:
    with pytest.raises(TemplateSyntaxError, match=r"json\.dumps"):
        parse_template(template())  # type: ignore[arg-type]


def test_a_whole_registration_config_as_body_is_explained() -> None:
    error = refusal({"templateBody": json.dumps(template()), "roleArn": "arn:aws:iam::1:role/r"})

    assert error.reason == "Template must have certificate resource."
    assert "templateBody" in error.advice


def test_a_body_of_10240_characters_is_taken_and_one_more_is_refused() -> None:
    body = json.dumps(template())

    assert parse_template(body + " " * (10_240 - len(body)))
    with pytest.raises(TemplateSyntaxError, match="10241 characters"):
        parse_template(body + " " * (10_241 - len(body)))


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        "[" * 10_000,
        '{"a":' * 2_000,
        '{"a":[' * 1_500 + "]}" * 1_500,
        "[" * 5_000 + "]" * 5_000,
        '"' + "x" * 10_000_000,
        '"' + "\\" * 10_000,
        '{"Resources":' + "9" * 10_000 + "}",
        '{"Resources":1e999999999}',
        '{"Resources":NaN}',
        '{"Resources":-Infinity}',
        '{"Resources":{},"Resources":{}}',
        '{"Resources":{"\\ud800":{}}}',
        '{"Resources":{"\ud800":{}}}',
        '{"Parameters":{"a":{"Default":"\\udfff"}}}',
        "\ufeff{}",
        "\x00",
    ],
    ids=lambda body: str(body[:14].encode("utf-8", "backslashreplace"))[2:-1],
)
def test_a_hostile_body_is_refused_quickly(body: str) -> None:
    start = time.thread_time()  # of the processor, which others may be using

    with pytest.raises(TemplateError) as caught:
        parse_template(body)

    str(caught.value).encode("utf-8")  # the message can be sent
    assert time.thread_time() - start < 1


def test_a_duplicate_key_is_named() -> None:
    with pytest.raises(TemplateSyntaxError, match='"Status" stands twice'):
        parse_template('{"Resources": {"c": {"Status": 1, "Status": 2}}}')


def test_unknown_sections_are_ignored() -> None:
    assert parse(template(CDF={"createDeviceCertificate": True}, AWSTemplateFormatVersion="1"))


# ------------------------------------------------------------------------------- parameters


def test_declared_parameters_are_known_with_their_defaults() -> None:
    parsed = parse(
        template(
            Parameters={
                "Color": {"Type": "String", "Default": "red", "Description": "of the lamp"},
                "Size": {"Type": "String"},
            }
        )
    )

    assert list(parsed.parameters) == ["Color", "Size"]
    assert parsed.parameters["Color"].default == "red"
    assert parsed.parameters["Size"].default is None


def test_a_template_requires_what_it_declares_then_what_it_uses() -> None:
    parsed = parse(
        template(
            {"thing": thing(ThingTypeName={"Ref": COUNTRY}), "certificate": certificate()},
            Parameters={"Color": {"Type": "String"}, COMMON_NAME: {"Type": "String"}},
        )
    )

    assert parsed.wanted == ("Color", COMMON_NAME, COUNTRY, ID)
    assert parsed.references == {COMMON_NAME, COUNTRY, ID}


def test_only_declared_parameters_without_default_are_missing() -> None:
    parsed = parse(
        template(
            Parameters={
                "Color": {"Type": "String", "Default": "red"},
                "Size": {"Type": "String"},
                COMMON_NAME: {"Type": "String"},
            }
        )
    )

    assert parsed.missing({COMMON_NAME: "a"}) == ("Size",)
    assert parsed.missing({"Size": "", COMMON_NAME: "a"}) == ()


@pytest.mark.parametrize(
    ("declaration", "place"),
    [
        ({"Type": "Number"}, "Parameters.Color.Type"),
        ({"Type": "string"}, "Parameters.Color.Type"),
        ({"Type": "String", "Default": ["a"]}, "Parameters.Color.Default"),
        ({"Type": "String", "AllowedValues": ["a"]}, "Parameters.Color"),
        ({"type": "String"}, "Parameters.Color"),
        ("String", "Parameters.Color"),
        (None, "Parameters.Color"),
    ],
)
def test_a_wrong_declaration_is_refused_at_its_place(declaration: Any, place: str) -> None:
    assert refusal(template(Parameters={"Color": declaration})).place == place


def test_a_default_may_be_a_number_or_a_boolean() -> None:
    parsed = parse(template(Parameters={"a": {"Default": 7}, "b": {"Default": True}}))

    assert [parameter.default for parameter in parsed.parameters.values()] == ["7", "true"]


# ------------------------------------------------------------------------------- references


def test_there_are_eight_certificate_parameters_and_they_need_no_declaration() -> None:
    assert len(CERTIFICATE_PARAMETERS) == 8
    for name in CERTIFICATE_PARAMETERS:
        resources = {"thing": thing(ThingTypeName={"Ref": name}), "certificate": certificate()}
        assert name in parse(template(resources, Parameters={})).references


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CommonName", COMMON_NAME),
        ("commonname", COMMON_NAME),
        ("CN", COMMON_NAME),
        ("OrganizationName", "AWS::IoT::Certificate::Organization"),
        ("AWS::IoT::Certificate::OrganizationName", "AWS::IoT::Certificate::Organization"),
        ("AWS::IoT::Certificate::State", "AWS::IoT::Certificate::StateName"),
        ("AWS::IoT::Certificate::Contry", COUNTRY),
        ("AWS::Iot::Certificate::Country", COUNTRY),
        ("SerialNumer", "SerialNumber"),
        ("serialnumber", "SerialNumber"),
        ("Serial", "SerialNumber"),
    ],
)
def test_a_reference_to_an_unknown_name_suggests_what_was_meant(name: str, meant: str) -> None:
    resources = {"thing": thing(ThingTypeName={"Ref": name}), "certificate": certificate()}
    parameters = {"SerialNumber": {"Type": "String"}} if "erial" in name else {}

    error = refusal(template(resources, Parameters=parameters))

    assert isinstance(error, UnresolvedReferenceError)
    assert error.parameter == name
    assert error.reason == f"Cannot resolve reference value: {{Ref={name}}}"
    assert error.place == "Resources.thing.Properties.ThingTypeName"
    assert f"Did you mean {meant}?" in error.advice


@pytest.mark.parametrize("name", ["Locality", "Email", "NotAfter"])
def test_what_no_certificate_provides_is_told_apart_from_a_typo(name: str) -> None:
    wrong = f"AWS::IoT::Certificate::{name}"
    resources = {"thing": thing(ThingTypeName={"Ref": wrong}), "certificate": certificate()}

    error = refusal(template(resources))

    assert "Did you mean" not in error.advice
    assert error.advice.startswith("A certificate gives only AWS::IoT::Certificate::Country, ")


def test_the_message_starts_with_the_reason_and_names_place_and_advice() -> None:
    resources = {"thing": thing(ThingName={"Ref": "CommonName"}), "certificate": certificate()}

    error = refusal(template(resources))

    assert error.message == str(error)
    assert error.message.startswith(error.reason)
    assert error.place in error.message
    assert error.advice in error.message


def test_an_error_can_be_sent_to_another_process() -> None:
    error = refusal(template({"thing": thing(ThingName={"Ref": "a"}), "c": certificate()}))

    twin = pickle.loads(pickle.dumps(error))

    assert isinstance(twin, UnresolvedReferenceError)
    assert (twin.parameter, str(twin)) == ("a", str(error))


def test_a_reference_to_a_resource_or_a_pseudo_parameter_is_explained() -> None:
    for name, word in (("certificate", "resource"), ("AWS::Region", "pseudo parameters")):
        resources = {"thing": thing(ThingTypeName={"Ref": name}), "certificate": certificate()}
        assert word in refusal(template(resources)).advice


def test_a_declared_name_that_no_certificate_provides_is_accepted_and_missing_at_the_device() -> (
    None
):
    resources = {"thing": thing(ThingName={"Ref": "CommonName"}), "certificate": certificate()}
    parsed = parse(template(resources, Parameters={"CommonName": {"Type": "String"}}))

    assert parsed.missing({COMMON_NAME: "a", ID: "0"}) == ("CommonName",)
    with pytest.raises(UnresolvedReferenceError) as caught:
        parsed.resolve({COMMON_NAME: "a", ID: "0"})
    assert COMMON_NAME in caught.value.advice


# -------------------------------------------------------------------------------- resources


@pytest.mark.parametrize("sections", [{"Resources": {}}, {"Resources": None}, {"resources": {}}])
def test_a_template_must_have_a_certificate(sections: dict[str, Any]) -> None:
    document = template()
    del document["Resources"]

    assert refusal({**document, **sections}).reason == "Template must have certificate resource."


def test_resources_beside_resources_are_pointed_out() -> None:
    error = refusal(template({"thing": thing()}, certificate=certificate()))

    assert error.reason == "Template must have certificate resource."
    assert "certificate is beside Resources" in error.advice


def test_only_one_certificate_and_one_thing_are_allowed() -> None:
    two_certificates = {"one": certificate(), "two": certificate()}
    two_things = {"one": thing(), "two": thing(), "certificate": certificate()}

    assert refusal(template(two_certificates)).reason == (
        "Only one certificate resource can be defined"
    )
    assert refusal(template(two_things)).reason == "Only one thing resource can be defined"


def test_a_template_may_have_no_thing_and_no_policy() -> None:
    plan = parse(template({"certificate": certificate()})).resolve({ID: "0"})

    assert plan.thing is None
    assert plan.policies == ()


@pytest.mark.parametrize("resource", [{}, {"Properties": None}])
def test_a_resource_must_have_properties(resource: dict[str, Any]) -> None:
    error = refusal(template({"certificate": {"Type": "AWS::IoT::Certificate", **resource}}))

    assert error.reason == "Properties of a resource cannot be null."
    assert error.place == "Resources.certificate.Properties"


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        ({"Type": "AWS::IoT::ThingGroup", "Properties": {}}, "Resources.x.Type"),
        ({"Type": ["AWS::IoT::Thing"], "Properties": {}}, "Resources.x.Type"),
        ({"Properties": {}}, "Resources.x.Type"),
        ({"type": "AWS::IoT::Thing", "Properties": {}}, "Resources.x"),
        ({"Type": "AWS::IoT::Thing", "Properties": []}, "Resources.x.Properties"),
        ({**thing(), "OverrideSetting": {}}, "Resources.x"),
        (thing(ThingGroup=["g"]), "Resources.x.Properties"),
        (policy(policyName="p"), "Resources.x.Properties"),
        ("AWS::IoT::Thing", "Resources.x"),
    ],
)
def test_a_resource_of_the_wrong_shape_is_refused_at_its_place(resource: Any, place: str) -> None:
    assert refusal(template({"x": resource, "certificate": certificate()})).place == place


def test_a_misspelt_key_suggests_the_right_one() -> None:
    resources = {"thing": thing(thingTypeName="t"), "certificate": certificate()}

    assert refusal(template(resources)).advice == "Did you mean ThingTypeName?"


@pytest.mark.parametrize("section", ["Parameters", "Mappings", "Resources", "DeviceConfiguration"])
def test_a_section_must_be_an_object(section: str) -> None:
    assert refusal({**template(), section: ["a"]}).place == section


# ------------------------------------------------------------------------ what JITP asks for


def test_a_template_for_connecting_devices_takes_the_certificate_by_reference() -> None:
    parse(template()).check_for_jit()


@pytest.mark.parametrize(
    "properties",
    [
        {"CertificateId": "a" * 64},
        {"CertificateId": {"Ref": COMMON_NAME}},
        {"CertificateId": {"Fn::Sub": "${AWS::IoT::Certificate::Id}"}},
        {"CertificateSigningRequest": "csr"},
        {"CertificatePem": "pem", "CACertificatePem": "pem"},
    ],
)
def test_another_form_of_certificate_is_for_register_thing_only(
    properties: dict[str, Any],
) -> None:
    resource = {"Type": "AWS::IoT::Certificate", "Properties": properties}
    parsed = parse(template({"certificate": resource}))

    with pytest.raises(TemplateError) as caught:
        parsed.check_for_jit()
    assert caught.value.reason == (
        "CertificateId must contain a reference to AWS::IoT::Certificate::Id"
    )


def test_a_provisioning_template_must_have_the_status_and_that_of_a_ca_certificate_need_not() -> (
    None
):
    silent = certificate()
    del silent["Properties"]["Status"]
    parsed = parse(template({"certificate": silent}))

    assert parsed.resolve({ID: "0"}).certificate.status == "ACTIVE"
    with pytest.raises(TemplateError) as caught:
        parsed.check_certificate_status()
    assert caught.value.reason == (
        'A certificate resource must specify a Status of either "Active" or "Inactive"'
    )
    parse(template()).check_certificate_status()


# --------------------------------------------------------------------------------- policies


@pytest.mark.parametrize("properties", [{}, {"PolicyName": ""}, {"PolicyName": None}])
def test_a_policy_needs_a_name_or_a_document(properties: dict[str, Any]) -> None:
    error = refusal(template({"certificate": certificate(), "p": policy(**properties)}))

    assert error.reason == "Neither policyName nor policyDocument is present in the Template."
    assert error.place == "Resources.p.Properties"


def test_a_policy_cannot_have_a_name_and_a_document() -> None:
    both = policy(PolicyName="p", PolicyDocument="{}")

    assert "Both" in refusal(template({"certificate": certificate(), "p": both})).reason


@pytest.mark.parametrize("document", [["a"], 7, True])
def test_a_policy_document_is_text_or_an_object(document: Any) -> None:
    error = refusal(template({"certificate": certificate(), "p": policy(PolicyDocument=document)}))

    assert error.place == "Resources.p.Properties.PolicyDocument"


# ----------------------------------------------------------------------------- certificates


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"Status": "ACTIVE"},
        {"CertificateId": "a", "CertificatePem": "b"},
        {"CertificateId": "a", "CACertificatePem": "b"},
        {"CertificateId": "a", "Status": "REVOKED"},
        {"CertificateId": "a", "Status": True},
        {"CertificateId": "a", "ThingPrincipalType": "exclusive"},
        {"CertificateId": "a", "CaCertificatePem": "b"},
        {"CertificateId": ["a"]},
    ],
)
def test_a_certificate_is_identified_in_one_way_and_has_a_known_status(
    properties: dict[str, Any],
) -> None:
    resource = {"Type": "AWS::IoT::Certificate", "Properties": properties}

    assert refusal(template({"c": resource})).place.startswith("Resources.c.Properties")


# -------------------------------------------------------------------------------- overrides


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (key, value)
        for key in ("AttributePayload", "ThingGroups", "ATTRIBUTE_PAYLOAD", "THING_GROUPS")
        for value in ("DO_NOTHING", "REPLACE", "MERGE", "FAIL")
    ]
    + [
        (key, value)
        for key in ("ThingTypeName", "THING_TYPE_NAME")
        for value in ("DO_NOTHING", "REPLACE", "FAIL")
    ],
)
def test_a_thing_takes_the_documented_overrides(key: str, value: str) -> None:
    resource = {**thing(), "OverrideSettings": {key: value}}
    parsed = parse(template({"thing": resource, "certificate": certificate()}))

    planned = parsed.resolve({COMMON_NAME: "a", ID: "0"}).thing

    assert planned is not None
    settings = planned.overrides
    given = (settings.attribute_payload, settings.thing_type_name, settings.thing_groups)
    assert [override.value for override in given if override is not None] == [value]


@pytest.mark.parametrize(
    ("resource", "settings"),
    [
        (thing(), {"ThingTypeName": "MERGE"}),
        (thing(), {"ThingGroups": "merge"}),
        (thing(), {"ThingGroups": {"Ref": ID}}),
        (thing(), {"ThingGroups": "MERGE", "THING_GROUPS": "MERGE"}),
        (thing(), {"BillingGroup": "REPLACE"}),
        (thing(), {"Status": "REPLACE"}),
        (thing(), "REPLACE"),
        (policy(PolicyName="p"), {"PolicyName": "REPLACE"}),
    ],
)
def test_an_override_outside_the_documented_ones_is_refused(
    resource: dict[str, Any], settings: Any
) -> None:
    resources = {"x": {**resource, "OverrideSettings": settings}, "certificate": certificate()}

    assert refusal(template(resources)).place.startswith("Resources.x.OverrideSettings")


@pytest.mark.parametrize("value", ["DO_NOTHING", "REPLACE", "FAIL"])
def test_a_certificate_takes_a_status_override(value: str) -> None:
    resource = {**certificate(), "OverrideSettings": {"Status": value}}

    planned = parse(template({"c": resource})).resolve({ID: "0"}).certificate

    assert planned.status_override is not None
    assert planned.status_override.value == value


def test_merge_is_not_a_status_override() -> None:
    resource = {**certificate(), "OverrideSettings": {"Status": "MERGE"}}

    assert "AttributePayload and ThingGroups" in refusal(template({"c": resource})).advice
