"""What a template describes for one device, and which values it refuses."""

import hashlib
import json
from typing import Any

import pytest

from moto_jitp.templates import (
    Override,
    PlannedThing,
    ProvisioningPlan,
    TemplateError,
    parse_template,
)

ID = "AWS::IoT::Certificate::Id"
COMMON_NAME = "AWS::IoT::Certificate::CommonName"
VALUES = {ID: "ab" * 32, COMMON_NAME: "bulb-1"}


def resolve(
    thing: dict[str, Any] | None = None,
    *policies: dict[str, Any],
    certificate: dict[str, Any] | None = None,
    values: dict[str, str] = VALUES,
) -> ProvisioningPlan:
    resources: dict[str, Any] = {
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": certificate or {"CertificateId": {"Ref": ID}},
        }
    }
    if thing is not None:
        properties = {"ThingName": {"Ref": COMMON_NAME}, **thing}
        resources["thing"] = {"Type": "AWS::IoT::Thing", "Properties": properties}
    for index, properties in enumerate(policies):
        resources[f"policy{index}"] = {"Type": "AWS::IoT::Policy", "Properties": properties}
    parameters = {name: {"Type": "String"} for name in values}
    body = json.dumps({"Parameters": parameters, "Resources": resources})
    return parse_template(body).resolve(values)


def planned(thing: dict[str, Any], **values: str) -> PlannedThing:
    plan = resolve(thing, values={**VALUES, **values})
    assert plan.thing is not None
    return plan.thing


def refusal(thing: dict[str, Any], **values: str) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        resolve(thing, values={**VALUES, **values})
    return caught.value


def test_a_full_template_describes_everything_about_a_device() -> None:
    resources = {
        "bulb": {
            "Type": "AWS::IoT::Thing",
            "Properties": {
                "ThingName": {"Ref": COMMON_NAME},
                "AttributePayload": {"version": "v1", "name": {"Ref": COMMON_NAME}},
                "ThingTypeName": "lamp",
                "ThingGroups": ["g1", {"Ref": COMMON_NAME}, "g1"],
                "BillingGroup": "billing",
                "PackageVersions": {"firmware": "1.2"},
            },
            "OverrideSettings": {"AttributePayload": "MERGE", "ThingTypeName": "REPLACE"},
        },
        "cert": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {
                "CertificateId": {"Ref": ID},
                "Status": "Inactive",
                "ThingPrincipalType": "EXCLUSIVE_THING",
            },
            "OverrideSettings": {"Status": "DO_NOTHING"},
        },
        "named": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "p"}},
        "written": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": "{}"}},
    }
    parameters = {ID: {"Type": "String"}, COMMON_NAME: {"Type": "String"}}
    parsed = parse_template(json.dumps({"Parameters": parameters, "Resources": resources}))

    plan = parsed.resolve({**VALUES, "unknown": "is ignored"})

    thing, certificate = plan.thing, plan.certificate
    assert thing is not None
    assert (thing.logical_name, thing.name, thing.thing_type) == ("bulb", "bulb-1", "lamp")
    assert thing.attributes == {"version": "v1", "name": "bulb-1"}
    assert thing.groups == ("g1", "bulb-1")
    assert thing.billing_group == "billing"
    assert thing.package_versions == {"firmware": "1.2"}
    assert thing.overrides.attribute_payload is Override.MERGE
    assert thing.overrides.thing_type_name is Override.REPLACE
    assert thing.overrides.thing_groups is None
    assert certificate.logical_name == "cert"
    assert certificate.certificate_id == VALUES[ID]
    assert certificate.certificate_pem is None
    assert certificate.status == "INACTIVE"
    assert certificate.status_override is Override.DO_NOTHING
    assert certificate.thing_principal_type == "EXCLUSIVE_THING"
    assert [policy.logical_name for policy in plan.policies] == ["named", "written"]
    assert plan.device_configuration == {}


def test_two_devices_get_plans_of_their_own() -> None:
    first = planned({"AttributePayload": {"a": "b"}})
    first.attributes["a"] = "changed"

    assert planned({"AttributePayload": {"a": "b"}}).attributes == {"a": "b"}


def test_a_thing_needs_a_name() -> None:
    with pytest.raises(TemplateError) as caught:
        resolve({"ThingName": None})
    assert caught.value.place == "Resources.thing.Properties.ThingName"


# ------------------------------------------------------------------------------------ names


@pytest.mark.parametrize("name", ["a", "A:b_c-9", "x" * 128])
def test_a_valid_thing_name_is_accepted(name: str) -> None:
    assert planned({}, **{COMMON_NAME: name}).name == name
    assert planned({"ThingName": name}).name == name


@pytest.mark.parametrize(
    "name", ["", "bulb 1", "a.b", "a@b", "*", "x" * 129, "bulb\n", "é", "a\\=b", "\ud800"]
)
def test_an_impossible_thing_name_fails_at_the_device(name: str) -> None:
    error = refusal({}, **{COMMON_NAME: name})

    assert error.place == "Resources.thing.Properties.ThingName"
    assert "cannot be a thing name" in error.reason
    assert COMMON_NAME in error.advice
    str(error).encode()


def test_an_impossible_fixed_name_is_accepted_at_registration_and_fails_at_each_device() -> None:
    for _ in range(2):
        error = refusal({"ThingName": "my bulb"})
        assert error.found == '"my bulb", with a space'


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ThingTypeName", "lamp bulb"),
        ("ThingTypeName", ""),
        ("BillingGroup", "a/b"),
        ("ThingGroups", ["ok", "not ok"]),
        ("ThingGroups", "not ok"),
        ("ThingGroups", {"Fn::Split": [",", "a,b c"]}),
        ("PackageVersions", {"firmware": "v 1"}),
        ("PackageVersions", {"firm ware": "1"}),
        ("PackageVersions", {"f": "1" * 65}),
        ("AttributePayload", {"key": "two words"}),
        ("AttributePayload", {"key": "{x}"}),
        ("AttributePayload", {"key": "x" * 801}),
        ("AttributePayload", {"two words": "x"}),
        ("AttributePayload", {"": "x"}),
        ("AttributePayload", {"x" * 129: "x"}),
    ],
)
def test_an_impossible_value_fails_at_its_place(key: str, value: Any) -> None:
    assert refusal({key: value}).place.startswith(f"Resources.thing.Properties.{key}")


def test_valid_attributes_are_accepted() -> None:
    attributes = {"a" * 128: "x" * 800, "_.,@/:#-": "_.,@/:#=[]-", "empty": ""}

    assert planned({"AttributePayload": attributes}).attributes == attributes


def test_booleans_and_numbers_become_text_as_real_templates_need() -> None:
    assert planned({"AttributePayload": {"a": True, "b": False, "c": 7}}).attributes == {
        "a": "true",
        "b": "false",
        "c": "7",
    }


@pytest.mark.parametrize("value", [None, ["a"], {"a": "b"}])
def test_an_attribute_is_a_single_text(value: Any) -> None:
    place = "Resources.thing.Properties.AttributePayload.a"

    assert refusal({"AttributePayload": {"a": value}}).place == place


def test_the_extra_level_of_the_api_is_explained() -> None:
    error = refusal({"AttributePayload": {"attributes": {"a": "b"}}})

    assert "CreateThing" in error.advice


def test_a_placeholder_left_in_is_explained() -> None:
    assert "placeholder" in refusal({"ThingTypeName": "<your-type>"}).advice
    assert "Fn::Sub" in refusal({"ThingTypeName": "${Type}"}).advice


# ----------------------------------------------------------------------------------- limits


def attributes(count: int) -> dict[str, str]:
    return {f"a{index}": "x" for index in range(count)}


def test_three_attributes_without_a_type_and_fifty_with_one() -> None:
    assert len(planned({"AttributePayload": attributes(3)}).attributes) == 3
    assert "ThingTypeName" in refusal({"AttributePayload": attributes(4)}).advice
    typed = {"ThingTypeName": "lamp"}
    assert len(planned({"AttributePayload": attributes(50), **typed}).attributes) == 50
    assert refusal({"AttributePayload": attributes(51), **typed}).found == "51 attributes"


def test_a_thing_is_in_at_most_ten_groups() -> None:
    ten = [f"g{index}" for index in range(10)]

    assert planned({"ThingGroups": [*ten, "g0"]}).groups == tuple(ten)
    assert refusal({"ThingGroups": [*ten, "g10"]}).found == "11 groups"


def test_a_certificate_has_at_most_ten_policies() -> None:
    policies = [{"PolicyName": f"p{index}"} for index in range(11)]

    assert len(resolve(None, *policies[:10]).policies) == 10
    with pytest.raises(TemplateError, match="at most 10 policies"):
        resolve(None, *policies)


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        (None, ()),
        ([], ()),
        ("one", ("one",)),
        ({"Ref": COMMON_NAME}, ("bulb-1",)),
        ({"Fn::Split": [",", "a,b,a"]}, ("a", "b")),
    ],
)
def test_thing_groups_are_a_list_or_one_name(groups: Any, names: tuple[str, ...]) -> None:
    assert planned({"ThingGroups": groups}).groups == names


# --------------------------------------------------------------------------------- policies


def test_a_policy_is_named_by_name_or_by_the_hash_of_its_document() -> None:
    text = '{ "Version": "2012-10-17" }'

    plan = resolve(None, {"PolicyName": "p+=,.@-_1"}, {"PolicyDocument": text})

    named, written = plan.policies
    assert (named.policy_name, named.name, named.document) == ("p+=,.@-_1", "p+=,.@-_1", None)
    assert (written.name, written.document) == (None, text)
    assert written.policy_name == hashlib.sha1(text.encode()).hexdigest().upper()


def test_the_hash_of_an_object_is_that_of_its_json_without_spaces() -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}
    compact = json.dumps(document, separators=(",", ":"))

    policy = resolve(None, {"PolicyDocument": document}).policies[0]

    assert policy.policy_name == hashlib.sha1(compact.encode()).hexdigest().upper()


@pytest.mark.parametrize("name", ["two words", "a/b", "x" * 129, "é"])
def test_an_impossible_policy_name_fails_at_the_device(name: str) -> None:
    with pytest.raises(TemplateError, match="cannot be a policy name"):
        resolve(None, {"PolicyName": name})


def test_a_policy_name_that_turns_out_empty_counts_as_none() -> None:
    with pytest.raises(TemplateError, match="Neither policyName nor policyDocument"):
        resolve(None, {"PolicyName": {"Ref": "Name"}}, values={**VALUES, "Name": ""})


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ("", "empty"),
        ("MyPolicy", "PolicyName"),
        ('"{}"', "escaped twice"),
        ('{\\"Version\\": 1}', "escaped once too often"),
        ("[]", "a list"),
        ("[" * 9_000, "deep"),
    ],
)
def test_a_document_that_is_not_a_json_object_fails_at_the_device(document: str, hint: str) -> None:
    with pytest.raises(TemplateError, match=hint) as caught:
        resolve(None, {"PolicyDocument": document})
    assert caught.value.place == "Resources.policy0.Properties.PolicyDocument"


# ----------------------------------------------------------------------------- certificates


@pytest.mark.parametrize("written", ["ACTIVE", "Active", "active", {"Ref": "Status"}])
def test_the_status_is_read_in_any_case(written: Any) -> None:
    certificate = {"CertificateId": {"Ref": ID}, "Status": written}

    plan = resolve(certificate=certificate, values={**VALUES, "Status": "Active"})

    assert plan.certificate.status == "ACTIVE"


def test_a_status_that_turns_out_wrong_fails_at_the_device() -> None:
    certificate = {"CertificateId": {"Ref": ID}, "Status": {"Ref": "Status"}}

    with pytest.raises(TemplateError, match="must specify a Status"):
        resolve(certificate=certificate, values={**VALUES, "Status": "REVOKED"})


def test_a_principal_type_that_turns_out_wrong_fails_at_the_device() -> None:
    certificate = {"CertificateId": {"Ref": ID}, "ThingPrincipalType": {"Ref": COMMON_NAME}}

    with pytest.raises(TemplateError, match="principal type"):
        resolve(certificate=certificate)


def test_a_certificate_can_come_as_pem_or_as_signing_request() -> None:
    by_pem = resolve(
        certificate={"CertificatePem": "pem", "CACertificatePem": {"Ref": "Ca"}},
        values={**VALUES, "Ca": "ca pem"},
    ).certificate
    by_request = resolve(certificate={"CertificateSigningRequest": "csr"}).certificate

    assert (by_pem.certificate_pem, by_pem.ca_certificate_pem) == ("pem", "ca pem")
    assert by_pem.certificate_id is None
    assert by_request.certificate_signing_request == "csr"
    assert by_request.status == "ACTIVE"
    assert by_request.status_override is None
