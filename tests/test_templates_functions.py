"""Ref and the functions of the template language, seen through what a device gets."""

import json
from typing import Any

import pytest

from moto_jitp.templates import (
    ProvisioningPlan,
    TemplateError,
    UnresolvedReferenceError,
    parse_template,
)

ID = "AWS::IoT::Certificate::Id"
VALUES = {ID: "0" * 64, "Name": "bulb-1", "Path": "eu/west/3", "Empty": "", "Place": "Seattle"}
MAPPINGS = {
    "Places": {
        "Seattle": {"Url": "https://us.example", "Zones": ["a", "b"], "Floor": 3},
        "Berlin": {"Url": "https://eu.example", "Zones": ["c"]},
    }
}


def body(resources: dict[str, Any] | None = None, **sections: Any) -> str:
    return json.dumps(
        {
            "Parameters": {
                **{name: {"Type": "String"} for name in VALUES},
                "Color": {"Type": "String", "Default": "red"},
                "Size": {"Type": "String"},
            },
            "Mappings": MAPPINGS,
            "Resources": {
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {"CertificateId": {"Ref": ID}},
                },
                **(resources or {}),
            },
            **sections,
        }
    )


def evaluated(expression: Any, **values: str) -> str:
    """The expression's value as an entry of DeviceConfiguration, which accepts any text."""
    parsed = parse_template(body(DeviceConfiguration={"x": expression}))
    return parsed.resolve({**VALUES, **values}).device_configuration["x"]


def refused(expression: Any) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        parse_template(body(DeviceConfiguration={"x": expression}))
    return caught.value


def failing(expression: Any) -> TemplateError:
    parsed = parse_template(body(DeviceConfiguration={"x": expression}))
    with pytest.raises(TemplateError) as caught:
        parsed.resolve(VALUES)
    return caught.value


def planned(document: Any, values: dict[str, str] = VALUES) -> ProvisioningPlan:
    policy = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": document}}
    return parse_template(body({"policy": policy})).resolve(values)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("plain", "plain"),
        ("${Name}", "${Name}"),
        (True, "true"),
        (1.50, "1.5"),
        ({"Ref": "Name"}, "bulb-1"),
        ({"Ref": "Empty"}, ""),
        ({"Ref": "Color"}, "red"),
        ({"Fn::Join": ["", []]}, ""),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}, 7, False]]}, "a-bulb-1-7-false"),
        ({"Fn::Join": [".", {"Fn::Split": ["/", {"Ref": "Path"}]}]}, "eu.west.3"),
        ({"Fn::Select": [0, ["a", "b"]]}, "a"),
        ({"Fn::Select": ["1", ["a", {"Ref": "Name"}]]}, "bulb-1"),
        ({"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "Path"}]}]}, "west"),
        (
            {
                "Fn::Select": [
                    {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "Path"}]}]},
                    ["a", "b", "c", "d"],
                ]
            },
            "d",
        ),
        ({"Fn::FindInMap": ["Places", {"Ref": "Place"}, "Url"]}, "https://us.example"),
        ({"Fn::FindInMap": ["Places", "Seattle", "Floor"]}, "3"),
        ({"Fn::Join": ["", {"Fn::FindInMap": ["Places", "Seattle", "Zones"]}]}, "ab"),
        ({"Fn::Sub": "no variable"}, "no variable"),
        ({"Fn::Sub": "${Name}"}, "bulb-1"),
        ({"Fn::Sub": "a-${Name}-${Color}-z"}, "a-bulb-1-red-z"),
        ({"Fn::Sub": "${!Name} ${! Name}"}, "${Name} ${ Name}"),
        ({"Fn::Sub": "$Name $${Name} {Name} ${Name"}, "$Name $bulb-1 {Name} ${Name"),
        ({"Fn::Sub": ["${A}/${Name}", {"A": {"Fn::Join": ["", ["x", "y"]]}}]}, "xy/bulb-1"),
        ({"Fn::Sub": ["${Name}", {"Name": "own"}]}, "own"),
        ({"Fn::Sub": "${AWS::IoT::Certificate::Id}"}, "0" * 64),
    ],
)
def test_an_expression_gives_its_value(expression: Any, value: str) -> None:
    assert evaluated(expression) == value


def test_a_delivered_value_wins_over_the_default() -> None:
    assert evaluated({"Ref": "Color"}, Color="blue") == "blue"
    assert evaluated({"Ref": "Color"}, Color="") == ""


def test_the_value_of_a_parameter_is_not_evaluated_again() -> None:
    assert evaluated({"Fn::Sub": "${Name}"}, Name="${Color}") == "${Color}"


@pytest.mark.parametrize(
    "expression",
    [{"Ref": "Size"}, {"Fn::Sub": "a${Size}"}, {"Fn::Select": [0, ["a", {"Ref": "Size"}]]}],
)
def test_a_reference_without_a_value_fails_at_the_device(expression: Any) -> None:
    error = failing(expression)

    assert isinstance(error, UnresolvedReferenceError)
    assert error.parameter == "Size"
    assert error.reason == "Cannot resolve reference value: {Ref=Size}"
    assert error.place.startswith("DeviceConfiguration.x")


def test_the_error_for_a_certificate_without_the_field_names_it() -> None:
    name = "AWS::IoT::Certificate::Country"
    parsed = parse_template(body(DeviceConfiguration={"x": {"Ref": name}}))

    with pytest.raises(UnresolvedReferenceError, match="gives no Country") as caught:
        parsed.resolve(VALUES, from_certificate=True)
    assert caught.value.reason == f"Cannot resolve reference value: {{Ref={name}}}"


@pytest.mark.parametrize(
    "expression",
    [
        {"Fn::Select": [2, ["a", "b"]]},
        {"Fn::Select": [0, []]},
        {"Fn::Select": [{"Ref": "Name"}, ["a"]]},
        {"Fn::Select": [{"Ref": "Empty"}, ["a"]]},
        {"Fn::FindInMap": ["Places", {"Ref": "Name"}, "Url"]},
        {"Fn::FindInMap": ["Places", "Berlin", "Floor"]},
    ],
)
def test_a_function_that_finds_nothing_fails_at_the_device(expression: Any) -> None:
    error = failing(expression)

    assert error.place.startswith("DeviceConfiguration.x.Fn::")
    assert error.found
    assert error.expected


def test_an_index_that_is_not_a_valid_number_is_refused() -> None:
    for index in ("9" * 4_000, "٠", "-1", "0x0"):
        parsed = parse_template(
            body(DeviceConfiguration={"x": {"Fn::Select": [{"Ref": "Name"}, ["a"]]}})
        )
        with pytest.raises(TemplateError, match="index"):
            parsed.resolve({**VALUES, "Name": index})


@pytest.mark.parametrize(
    "expression",
    [
        None,
        ["a list"],
        {"an": "object"},
        {},
        {"Ref": ["Name"]},
        {"Ref": 7},
        {"Ref": "Name", "Fn::Sub": "x"},
        {"Ref": "Unknown"},
        {"Fn::GetAtt": ["thing", "Arn"]},
        {"Fn::Join": "a"},
        {"Fn::Join": ["-"]},
        {"Fn::Join": [["-"], ["a"]]},
        {"Fn::Join": ["-", "a"]},
        {"Fn::Join": ["-", ["a", None]]},
        {"Fn::Join": ["-", ["a", ["b"]]]},
        {"Fn::Split": ["/", "a/b"]},
        {"Fn::Join": ["", {"Fn::Split": ["", "ab"]}]},
        {"Fn::Join": ["", {"Fn::Split": ["/", ["a"]]}]},
        {"Fn::Select": [0, "text"]},
        {"Fn::Select": ["first", ["a"]]},
        {"Fn::Select": [-1, ["a"]]},
        {"Fn::Select": [0.5, ["a"]]},
        {"Fn::FindInMap": ["Places", "Seattle"]},
        {"Fn::FindInMap": ["Place", "Seattle", "Url"]},
        {"Fn::FindInMap": [{"Ref": "Name"}, "Seattle", "Url"]},
        {"Fn::FindInMap": ["Places", "Seattle", "Zones"]},
        {"Fn::FindInMap": ["Places", "Seattle", {"Ref": "Name"}]},
        {"Fn::Sub": "${Unknown}"},
        {"Fn::Sub": "${}"},
        {"Fn::Sub": 7},
        {"Fn::Sub": ["${a}", "b"]},
        {"Fn::Sub": ["${a}", {"a": ["list"]}]},
    ],
)
def test_a_function_that_is_not_well_formed_is_refused(expression: Any) -> None:
    error = refused(expression)

    assert error.place.startswith("DeviceConfiguration.x")
    assert error.reason


@pytest.mark.parametrize(
    ("written", "right"), [("REF", "Ref"), ("ref", "Ref"), ("fn::join", "Fn::Join")]
)
def test_a_function_in_the_wrong_case_is_explained(written: str, right: str) -> None:
    error = refused({written: "Name"})

    assert error.found == f'"{written}"'
    assert f"write {right}" in error.advice


def test_the_right_name_is_suggested_for_a_misspelt_map() -> None:
    assert "Places" in refused({"Fn::FindInMap": ["places", "Seattle", "Url"]}).advice


@pytest.mark.parametrize(
    "mappings", [{"M": "x"}, {"M": {"a": "x"}}, {"M": {"a": {"b": {"Ref": "Name"}}}}]
)
def test_mappings_have_two_levels_and_no_functions(mappings: dict[str, Any]) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template(body(Mappings=mappings))
    assert caught.value.place.startswith("Mappings.M")


def test_the_place_of_a_mistake_leads_into_the_function() -> None:
    error = refused({"Fn::Join": ["", ["a", {"Fn::Sub": ["${b}", {"b": {"Ref": "c"}}]}]]})

    assert error.place == "DeviceConfiguration.x.Fn::Join[1][1].Fn::Sub[1].b"


# --------------------------------------------------------------------- in policy documents


def test_a_variable_of_sub_hides_the_parameter_of_its_name_within_that_sub_only() -> None:
    inner = {"Fn::Sub": ["<${Name}${Path}>", {"Name": {"Fn::Sub": "${Name}!"}}]}
    assert evaluated({"Fn::Join": ["", [inner, {"Ref": "Name"}]]}) == "<bulb-1!eu/west/3>bulb-1"


def swollen_by_split_and_join(levels: int) -> Any:
    expression: Any = {"Ref": "Name"}
    for _ in range(levels):
        expression = {"Fn::Join": ["x" * 25, {"Fn::Split": ["x", expression]}]}
    return expression


def swollen_by_variables(levels: int, innermost: str) -> Any:
    expression: Any = {"Fn::Join": ["", [innermost]]}
    for _ in range(levels):
        expression = {"Fn::Sub": ["${a}" * 10, {"a": expression}]}
    return expression


@pytest.mark.parametrize(
    ("expression", "function"),
    [(swollen_by_split_and_join(10), "Fn::Join"), (swollen_by_variables(15, "x"), "Fn::Sub")],
)
def test_a_short_template_cannot_ask_for_gigabytes(expression: Any, function: str) -> None:
    parsed = parse_template(body(DeviceConfiguration={"x": expression}))
    with pytest.raises(TemplateError, match=f"{function} makes a text that is too long") as caught:
        parsed.resolve({**VALUES, "Name": "x" * 4096})
    assert caught.value.place.startswith("DeviceConfiguration.x.Fn::")
    assert caught.value.expected == "at most 404600 characters"


def test_variables_within_variables_cost_in_proportion_to_their_number() -> None:
    assert evaluated(swollen_by_variables(18, "")) == ""


def test_a_document_as_object_becomes_json_without_spaces_in_the_templates_order() -> None:
    document: Any = {
        "Version": "2012-10-17",
        "Statement": [],
        "n": [1.50, 20, True, None, {}, 'é"\n'],
    }

    policy = planned(document).policies[0]

    assert policy.document == (
        '{"Version":"2012-10-17","Statement":[],"n":[1.5,20,true,null,{},"é\\"\\n"]}'
    )


def test_functions_inside_a_document_object_are_resolved() -> None:
    document = {
        "a": {"Ref": "Name"},
        "b": [{"Fn::Sub": "topic/${Name}/${!iot:ClientId}"}],
        "c": {"Fn::Split": ["/", {"Ref": "Path"}]},
        "d": {"Fn::FindInMap": ["Places", {"Ref": "Place"}, "Url"]},
        "e": {"Fn::Select": [1, ["x", "y"]]},
    }

    assert json.loads(planned(document).policies[0].document or "") == {
        "a": "bulb-1",
        "b": ["topic/bulb-1/${iot:ClientId}"],
        "c": ["eu", "west", "3"],
        "d": "https://us.example",
        "e": "y",
    }


def test_a_value_cannot_break_out_of_a_document_object() -> None:
    document = {"a": {"Ref": "Name"}}

    policy = planned(document, {**VALUES, "Name": '","Effect":"Allow'}).policies[0]

    assert json.loads(policy.document or "") == {"a": '","Effect":"Allow'}


@pytest.mark.parametrize("variable", ["${iot:ClientId}", "${iot:Connection.Thing.ThingName}"])
def test_policy_variables_survive_untouched(variable: str) -> None:
    document = {"Resource": [f"arn:aws:iot:eu-west-1:1:client/{variable}"]}
    text = json.dumps(document)

    assert planned(text).policies[0].document == text
    assert json.loads(planned(document).policies[0].document or "") == document


def test_the_error_for_a_policy_variable_in_sub_says_how_to_escape_it() -> None:
    with pytest.raises(TemplateError, match=r"write \$\{!iot:ClientId\}"):
        planned({"Resource": {"Fn::Sub": "client/${iot:ClientId}"}})


def test_join_is_not_supported_in_policies_as_aws_documents() -> None:
    for properties in (
        {"PolicyName": {"Fn::Join": ["", ["a", "b"]]}},
        {"PolicyDocument": {"a": {"Fn::Join": ["", ["a", "b"]]}}},
    ):
        policy = {"Type": "AWS::IoT::Policy", "Properties": properties}
        with pytest.raises(TemplateError, match="Fn::Sub"):
            parse_template(body({"policy": policy}))


def test_a_document_as_text_may_come_from_a_parameter() -> None:
    text = '{ "Version": "2012-10-17" }'

    assert planned({"Ref": "Name"}, {**VALUES, "Name": text}).policies[0].document == text


# ----------------------------------------------------------------------- device configuration


def test_device_configuration_is_resolved_and_flat() -> None:
    parsed = parse_template(body(DeviceConfiguration={"a": "b", "c": {"Ref": "Name"}}))

    assert parsed.resolve(VALUES).device_configuration == {"a": "b", "c": "bulb-1"}
    with pytest.raises(TemplateError) as caught:
        parse_template(body(DeviceConfiguration={"a": {"b": "c"}}))
    assert caught.value.place == "DeviceConfiguration.a"
