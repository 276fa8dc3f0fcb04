"""Properties that hold for every template, value and piece of JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moto_jitp.templates import TemplateError, lint, parse_template

ID = "AWS::IoT::Certificate::Id"
NAMES = ("A", "B", "C")
SETTINGS = settings(deadline=None)  # a busy machine is not a fault of the language

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["ACTIVE", "String", "AWS::IoT::Thing", ID, "A", "${A}", "REPLACE"]),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.text(max_size=3)
            | st.sampled_from(
                [
                    "Ref",
                    "Fn::Join",
                    "Fn::Sub",
                    "Fn::Select",
                    "Fn::Split",
                    "Fn::FindInMap",
                    "Default",
                ]
            ),
            children,
            max_size=3,
        )
    ),
    max_leaves=15,
)


def shaped(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Templates of the right shape, with arbitrary contents."""

    def properties(*names: str) -> st.SearchStrategy[Any]:
        return st.fixed_dictionaries({}, optional=dict.fromkeys(names, leaf)) | leaf

    def resource(kind: str, *names: str) -> st.SearchStrategy[Any]:
        return st.fixed_dictionaries(
            {"Type": st.just(kind), "Properties": properties(*names)},
            optional={"OverrideSettings": properties("AttributePayload", "Status", "x")},
        )

    certificate = resource(
        "AWS::IoT::Certificate", "CertificateId", "CertificatePem", "Status", "ThingPrincipalType"
    )
    right_certificate = st.just(
        {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": ID}}}
    )
    return st.fixed_dictionaries(
        {
            "Resources": st.fixed_dictionaries(
                {"c": certificate | right_certificate},
                optional={
                    "t": resource(
                        "AWS::IoT::Thing",
                        "ThingName",
                        "AttributePayload",
                        "ThingGroups",
                        "PackageVersions",
                    ),
                    "p": resource("AWS::IoT::Policy", "PolicyName", "PolicyDocument"),
                },
            )
        },
        optional={
            "Parameters": st.dictionaries(st.sampled_from(NAMES), leaf) | leaf,
            "Mappings": st.dictionaries(st.text(max_size=2), leaf) | leaf,
            "DeviceConfiguration": st.dictionaries(st.text(max_size=2), leaf) | leaf,
        },
    )


@SETTINGS
@given(
    st.text() | (anything | shaped(anything)).map(json.dumps),
    st.dictionaries(st.sampled_from([*NAMES, ID]), st.text(max_size=5)),
)
def test_a_mistake_is_always_a_template_error(body: str, values: dict[str, str]) -> None:
    try:
        parsed = parse_template(body)
        plan = parsed.resolve(values)
        [policy.policy_name for policy in plan.policies]
    except TemplateError as error:
        error.message.encode("utf-8")  # it can be sent


@pytest.mark.slow
@SETTINGS
@given(st.text() | (anything | shaped(anything)).map(json.dumps))
def test_the_linter_accepts_any_input_and_finds_what_the_parser_refuses(body: str) -> None:
    found = lint(body)

    assert all(finding.rule and finding.message for finding in found)
    try:
        parse_template(body)
    except TemplateError:
        assert any(finding.severity == "error" for finding in found)


def text_expressions() -> st.SearchStrategy[Any]:
    """Well-formed expressions of every function, nested in each other."""
    plain = st.text(max_size=8) | st.sampled_from([{"Ref": name} for name in NAMES])
    return st.recursive(
        plain,
        lambda text: (
            st.builds(
                lambda delimiter, items: {"Fn::Join": [delimiter, items]},
                st.text(max_size=2),
                st.lists(text, max_size=3),
            )
            | st.builds(
                lambda items, index: {"Fn::Select": [index % len(items), items]},
                st.lists(text, min_size=1, max_size=3),
                st.integers(0, 9),
            )
            | st.builds(
                lambda delimiter, one: {"Fn::Select": [0, {"Fn::Split": [delimiter, one]}]},
                st.text(min_size=1, max_size=2),
                text,
            )
            | st.builds(lambda value: {"Fn::Sub": ["${x}-${A}", {"x": value}]}, text)
        ),
        max_leaves=12,
    )


def meaning(expression: Any, values: dict[str, str]) -> str:
    """A second, slow implementation of the language."""
    if isinstance(expression, str):
        return expression
    ((name, argument),) = expression.items()
    if name == "Ref":
        return values[str(argument)]
    if name == "Fn::Join":
        return str(argument[0]).join(meaning(item, values) for item in argument[1])
    if name == "Fn::Sub":
        return f"{meaning(argument[1]['x'], values)}-{values['A']}"
    index, items = argument
    if isinstance(items, dict):
        delimiter, joined = items["Fn::Split"]
        return meaning(joined, values).split(str(delimiter))[int(index)]
    return meaning(items[index], values)


def evaluated(expression: Any, values: dict[str, str]) -> str:
    body = {
        "Parameters": {name: {"Type": "String"} for name in NAMES},
        "Resources": {
            "c": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": ID}}}
        },
        "DeviceConfiguration": {"x": expression},
    }
    parsed = parse_template(json.dumps(body))
    first, second = (parsed.resolve({ID: "0", **values}) for _ in range(2))
    assert first == second
    return first.device_configuration["x"]


three_values = st.fixed_dictionaries({name: st.text(max_size=6) for name in NAMES})


@SETTINGS
@given(text_expressions(), three_values)
def test_nested_functions_mean_what_they_say_each_time(
    expression: Any, values: dict[str, str]
) -> None:
    assert evaluated(expression, values) == meaning(expression, values)


@SETTINGS
@given(st.text(min_size=1, max_size=3), st.text(max_size=60))
def test_join_undoes_split(delimiter: str, text: str) -> None:
    expression = {"Fn::Join": [delimiter, {"Fn::Split": [delimiter, {"Ref": "A"}]}]}

    assert evaluated(expression, dict.fromkeys(NAMES, text)) == text


@SETTINGS
@given(st.text().filter(lambda text: "${" not in text))
def test_sub_without_a_variable_changes_nothing(text: str) -> None:
    assert evaluated({"Fn::Sub": text}, dict.fromkeys(NAMES, "x")) == text


@SETTINGS
@given(st.text())
def test_sub_inserts_any_value_as_it_is(text: str) -> None:
    assert evaluated({"Fn::Sub": "<${A}>"}, dict.fromkeys(NAMES, text)) == f"<{text}>"


@SETTINGS
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        # Keys that cannot spell a function.
        lambda children: (
            st.lists(children) | st.dictionaries(st.text('xyz "\\é', max_size=3), children)
        ),
        max_leaves=10,
    )
)
def test_a_policy_document_as_object_keeps_its_content(content: Any) -> None:
    body = {
        "Resources": {
            "c": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": ID}}},
            "p": {
                "Type": "AWS::IoT::Policy",
                "Properties": {"PolicyDocument": {"Version": "2012-10-17", "x": content}},
            },
        }
    }
    (policy,) = parse_template(json.dumps(body)).resolve({ID: "0"}).policies

    assert json.loads(policy.document or "") == {"Version": "2012-10-17", "x": content}
