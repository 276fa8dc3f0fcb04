"""What the statements of a provisioning role's policies mean: conditions, patterns, variables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from freezegun import freeze_time
from support import every_step
from support.bodies import PLAIN_BODY, ROLE, body
from support.cloud import ACCOUNT, client, refused
from support.roles import ENFORCED, HERE, TRUST, allow, create_role, document, iam, set_permissions

from moto_jitp import CertificateAuthority, connect_device, mock_jitp

UNABLE = (
    f"AWS IoT (iot.amazonaws.com) is unable to assume role (sts:AssumeRole) on resource: {ROLE}"
)


@pytest.fixture
def iot() -> Iterator[Any]:
    """An IoT client inside a mock with ``enforce_role``."""
    with mock_jitp(config=ENFORCED):
        yield client()


@pytest.fixture
def ca(iot: Any, acme: CertificateAuthority) -> CertificateAuthority:
    """A registered CA whose role, which has a tag, may do nothing yet."""
    create_role(Tags=[{"Key": "team", "Value": "lights"}])
    acme.register(iot, template_body=PLAIN_BODY)
    return acme


# Conditions.

MET = [
    {"StringEquals": {"aws:RequestedRegion": "us-east-1"}},
    {"StringEquals": {"aws:requestedregion": ["eu-west-1", "us-east-1"]}},
    {"StringLike": {"aws:RequestedRegion": "us-*"}},
    {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}},
    {"StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:ResourceAccount": ACCOUNT}},
    {"StringEquals": {"aws:PrincipalTag/team": "lights"}},
    {"ArnEquals": {"aws:PrincipalArn": ROLE}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/JITP*"}},
    {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Admin*"}},
    {"Bool": {"aws:SecureTransport": "true"}},
    {"Bool": {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"}},
    {"DateLessThan": {"aws:CurrentTime": "2100-01-01T00:00:00Z"}},
    {"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}},
    {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}},
    {"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}},
    {"Null": {"aws:SourceVpc": "true"}},
]
UNMET = [
    {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}},
    {"StringEquals": {"aws:RequestedRegion": "us-east-1", "aws:PrincipalTag/team": "doors"}},
    {"StringNotLike": {"aws:RequestedRegion": "us-*"}},
    {"ArnNotEquals": {"aws:PrincipalArn": ROLE}},
    {"Bool": {"aws:SecureTransport": "false"}},
    {"DateGreaterThan": {"aws:CurrentTime": "2100-01-01T00:00:00Z"}},
    {"StringEquals": {"aws:SourceVpc": "vpc-1"}},
    {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    {"ForAnyValue:StringEquals": {"aws:TagKeys": ["team"]}},
    {"Null": {"aws:RequestedRegion": "true"}},
]


@pytest.mark.parametrize("condition", MET, ids=str)
def test_a_statement_applies_where_its_conditions_are_met(
    ca: CertificateAuthority, condition: Any
) -> None:
    set_permissions({**allow("*"), "Condition": condition})
    assert connect_device(ca.issue(common_name="bulb")).thing_name == "bulb"
    set_permissions(allow("*"), {**allow("*", effect="Deny"), "Condition": condition})
    run = every_step.failed_run(ca.issue(common_name="other"))
    assert "explicit deny in an identity-based policy" in str(run.message)
    assert "change its Condition, which is met: " in str(run.advice)


@pytest.mark.parametrize("condition", UNMET, ids=str)
def test_a_statement_does_not_apply_where_a_condition_is_not_met(
    ca: CertificateAuthority, condition: Any
) -> None:
    set_permissions({**allow("*"), "Condition": condition})
    run = every_step.failed_run(ca.issue(common_name="bulb"))
    assert "no identity-based policy allows the iot:RegisterThing action" in str(run.message)
    assert "its Condition is not met: " in str(run.advice)
    set_permissions(allow("*"), {**allow("*", effect="Deny"), "Condition": condition})
    assert connect_device(ca.issue(common_name="other")).thing_name == "other"


def test_the_refusal_says_which_condition_is_not_met_and_why(ca: CertificateAuthority) -> None:
    condition = {
        "StringEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-west-2"]},
        "StringLike": {"aws:SourceVpc": "vpc-*"},
        "Bool": {"aws:SecureTransport": "true"},
    }
    set_permissions({**allow("*"), "Condition": condition})
    advice = str(every_step.failed_run(ca.issue()).advice)
    assert (
        "StringEquals aws:RequestedRegion 'eu-west-1' or 'eu-west-2' (it is 'us-east-1'); "
        "StringLike aws:SourceVpc 'vpc-*' (no value is known)"
    ) in advice
    assert "SecureTransport" not in advice
    assert ROLE in advice


def test_a_permission_ends_when_the_tests_clock_says_so(iot: Any) -> None:
    until = {"DateLessThan": {"aws:CurrentTime": "2026-03-01T12:00:00Z"}}
    with freeze_time("2026-03-01T11:00:00Z") as clock:
        acme = CertificateAuthority(common_name="Acme Root")
        create_role()
        acme.register(iot, template_body=PLAIN_BODY)
        set_permissions({**allow("*"), "Condition": until})
        connect_device(acme.issue(common_name="one"))
        clock.tick(3600)
        every_step.failed_run(acme.issue(common_name="two"))


def test_a_permission_may_depend_on_the_tags_of_the_group(
    iot: Any, acme: CertificateAuthority
) -> None:
    create_role()
    iot.create_thing_group(thingGroupName="lamps", tags=[{"Key": "stage", "Value": "test"}])
    iot.create_thing_group(thingGroupName="doors", tags=[{"Key": "stage", "Value": "live"}])
    group = {"Ref": "AWS::IoT::Certificate::OrganizationalUnit"}
    name = {"Ref": "AWS::IoT::Certificate::CommonName"}
    thing = {
        "Type": "AWS::IoT::Thing",
        "Properties": {"ThingName": name, "ThingGroups": [group]},
    }
    acme.register(iot, template_body=body(thing=thing))
    set_permissions(
        allow("*"),
        {
            **allow("AddThingToThingGroup", effect="Deny"),
            "Condition": {"StringEquals": {"aws:ResourceTag/stage": "live"}},
        },
    )
    connect_device(acme.issue(common_name="bulb", organizational_unit="lamps"))
    run = every_step.failed_run(acme.issue(common_name="door", organizational_unit="doors"))
    assert run.failed_steps[0].action == "AddThingToThingGroup"


# Patterns and variables.


@pytest.mark.parametrize("action", ["IOT:*", "iot:*THING*", "iot:??????????*", "*"])
def test_actions_are_matched_without_regard_to_case_and_with_wildcards(
    ca: CertificateAuthority, action: str
) -> None:
    rest = allow("AttachThingPrincipal", "UpdateCertificate")
    set_permissions({**rest, "Action": [*rest["Action"], action]})
    assert connect_device(ca.issue(common_name="bulb")).thing_name == "bulb"


@pytest.mark.parametrize("action", ["iot:Create.hing", "iot:CreateThing?", "iot:Create[T]hing"])
def test_an_action_that_only_a_regular_expression_would_match_does_not_help(
    ca: CertificateAuthority, action: str
) -> None:
    others = [name for name in every_step.ACTIONS if name != "CreateThing"]
    set_permissions(allow(*others), {**allow(), "Action": action})
    assert every_step.failed_run(ca.issue()).failed_steps[0].action == "CreateThing"


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("bulb-?", ["bulb-1"], ["bulb-", "bulb-12"]),
        ("bulb-*", ["bulb-", "bulb-12"], ["Bulb-1", "tv"]),
        ("b*-*1", ["bulb-21"], ["bulb-12"]),
        ("bulb:1", ["bulb:1"], ["bulb-1"]),
        ("${aws:PrincipalTag/team}-*", ["lights-1"], ["doors-1"]),
        ("${aws:PrincipalTag/team, 'doors'}-*", ["lights-1"], ["doors-1"]),
        ("${aws:PrincipalTag/floor, 'first'}-*", ["first-1"], ["lights-1"]),
        ("${aws:PrincipalTag/floor, '*'}-1", [], ["lights-1"]),
    ],
)
def test_resources_are_matched_with_wildcards_and_variables(
    ca: CertificateAuthority, pattern: str, names: list[str], others: list[str]
) -> None:
    rest = [name for name in every_step.ACTIONS if name != "CreateThing"]
    set_permissions(
        allow(*rest),
        allow("CreateThing", resource=f"arn:aws:iot:*:${{aws:PrincipalAccount}}:thing/{pattern}"),
    )
    for name in names:
        assert connect_device(ca.issue(common_name=name)).thing_name == name
    for name in others:
        run = every_step.failed_run(ca.issue(common_name=name))
        assert run.failed_steps[0].action == "CreateThing"


def test_a_deny_with_a_default_value_denies(ca: CertificateAuthority) -> None:
    thing = f"arn:aws:iot:*:{ACCOUNT}:thing/${{aws:PrincipalTag/floor, 'first'}}-*"
    deny = {**allow("CreateThing", resource=thing), "Effect": "Deny"}
    set_permissions(allow("*"), deny)
    assert connect_device(ca.issue(common_name="second-1")).thing_name == "second-1"
    run = every_step.failed_run(ca.issue(common_name="first-1"))
    assert run.failed_steps[0].action == "CreateThing"


def test_a_conditions_value_may_have_a_default_value(ca: CertificateAuthority) -> None:
    def where(default: str) -> dict[str, Any]:
        value = f"${{aws:PrincipalTag/floor, '{default}'}}"
        return {**allow("*"), "Condition": {"StringEquals": {"aws:PrincipalTag/team": value}}}

    set_permissions(where("doors"))
    assert every_step.failed_run(ca.issue()).failed_steps
    set_permissions(where("lights"))
    assert connect_device(ca.issue(common_name="bulb")).thing_name == "bulb"


def test_a_policys_name_is_not_a_regular_expression(iot: Any, acme: CertificateAuthority) -> None:
    create_role()
    iot.create_policy(policyName="a+b", policyDocument=every_step.DOCUMENT)
    named = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "a+b"}}
    acme.register(iot, template_body=body(named=named))
    rest = [action for action in every_step.ACTIONS if action != "GetPolicy"]
    set_permissions(allow(*rest), allow("GetPolicy", resource=f"{HERE}:policy/a+b"))
    connect_device(acme.issue())
    set_permissions(allow(*rest), allow("GetPolicy", resource=f"{HERE}:policy/aa+b"))
    assert every_step.failed_run(acme.issue()).failed_steps[0].action == "GetPolicy"


def test_brackets_in_a_resource_are_ordinary_characters(ca: CertificateAuthority) -> None:
    denied = [f"{HERE}:thing/bulb(*", f"{HERE}:thing/bulb[*"]
    set_permissions(allow("*"), allow("CreateThing", resource=denied, effect="Deny"))
    assert connect_device(ca.issue(common_name="bulb")).thing_name == "bulb"


# The permissions boundary.


def set_boundary(*statements: Any) -> str:
    """Make a policy with these statements the role's boundary, and return its ARN."""
    policy = iam().create_policy(PolicyName="boundary", PolicyDocument=document(*statements))
    arn: str = policy["Policy"]["Arn"]
    iam().put_role_permissions_boundary(RoleName="JITPRole", PermissionsBoundary=arn)
    return arn


def test_a_permissions_boundary_must_allow_a_call_too(ca: CertificateAuthority) -> None:
    set_permissions(allow("*"))
    boundary = set_boundary(allow("RegisterThing", "Attach*", "Update*"))
    run = every_step.failed_run(ca.issue(common_name="bulb"))
    assert run.failed_steps[0].action == "CreateThing"
    assert str(run.message).endswith(
        "because no permissions boundary allows the iot:CreateThing action"
    )
    assert boundary in str(run.advice)
    iam().create_policy_version(
        PolicyArn=boundary, PolicyDocument=document(allow("*")), SetAsDefault=True
    )
    assert connect_device(ca.issue(common_name="bulb")).thing_name == "bulb"


def test_a_permissions_boundary_alone_allows_nothing(ca: CertificateAuthority) -> None:
    set_boundary(allow("*"))
    run = every_step.failed_run(ca.issue())
    assert "no identity-based policy allows" in str(run.message)


def test_a_deny_in_the_permissions_boundary_wins(ca: CertificateAuthority) -> None:
    set_permissions(allow("*"))
    set_boundary(allow("*"), allow("CreateThing", effect="Deny"))
    run = every_step.failed_run(ca.issue())
    assert run.failed_steps[0].action == "CreateThing"
    assert str(run.message).endswith("with an explicit deny in a permissions boundary")
    iam().delete_role_permissions_boundary(RoleName="JITPRole")
    connect_device(ca.issue())


def test_a_condition_of_the_boundary_that_is_not_met_is_named(ca: CertificateAuthority) -> None:
    set_permissions(allow("*"))
    condition = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    set_boundary({**allow("*"), "Condition": condition})
    advice = str(every_step.failed_run(ca.issue()).advice)
    assert "permissions boundary" in advice
    assert "StringEquals aws:RequestedRegion 'eu-west-1' (it is 'us-east-1')" in advice


def test_a_boundary_that_moto_does_not_have_is_refused(ca: CertificateAuthority) -> None:
    set_permissions(allow("*"))
    aws = "arn:aws:iam::aws:policy/PowerUserAccess"
    iam().put_role_permissions_boundary(RoleName="JITPRole", PermissionsBoundary=aws)
    advice = str(every_step.failed_run(ca.issue()).advice)
    assert f"moto's IAM has no policy {aws}" in advice
    assert "load_aws_managed_policies" in advice


# The trust policy.


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"ArnLike": {"aws:SourceArn": f"{HERE}:*"}},
        {"ArnLike": {"aws:SourceArn": f"{HERE}:cacert/*"}},
        {"StringNotEquals": {"sts:ExternalId": "other"}},
        {"Bool": {"aws:PrincipalIsAWSService": "true"}},
    ],
    ids=str,
)
def test_a_trust_policy_may_have_conditions_that_aws_iot_meets(
    iot: Any, acme: CertificateAuthority, condition: Any
) -> None:
    create_role({**TRUST, "Condition": condition})
    set_permissions(allow("*"))
    acme.register(iot, template_body=PLAIN_BODY)
    assert connect_device(acme.issue(common_name="bulb")).thing_name == "bulb"


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ({"StringEquals": {"aws:SourceAccount": "210987654321"}}, f"(it is '{ACCOUNT}')"),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:iot:eu-west-1:{ACCOUNT}:*"}}, ":cacert/"),
        ({"ArnLike": {"aws:SourceArn": f"{HERE}:provisioningtemplate/*"}}, ":cacert/"),
        ({"StringEquals": {"sts:ExternalId": "secret"}}, "'secret' (no value is known)"),
    ],
    ids=str,
)
def test_a_trust_policy_whose_condition_aws_iot_does_not_meet_is_refused(
    iot: Any, acme: CertificateAuthority, condition: Any, why: str
) -> None:
    create_role({**TRUST, "Condition": condition})
    with refused("InvalidRequestException", 400, UNABLE) as error:
        acme.register(iot, template_body=PLAIN_BODY)
    text = error.response["Error"]["Message"]
    assert "its trust policy would allow sts:AssumeRole" in text
    assert "the Condition is not met: " in text
    assert why in text


def test_a_role_may_trust_one_ca_only(iot: Any, acme: CertificateAuthority) -> None:
    source = f"{HERE}:cacert/{acme.certificate_id}"
    create_role({**TRUST, "Condition": {"ArnEquals": {"aws:SourceArn": source}}})
    set_permissions(allow("*"))
    other = CertificateAuthority(common_name="Other Root")
    with refused("InvalidRequestException", 400, UNABLE):
        other.register(iot, template_body=PLAIN_BODY)
    acme.register(iot, template_body=PLAIN_BODY)
    assert connect_device(acme.issue(common_name="bulb")).thing_name == "bulb"


def test_a_role_may_trust_one_template_only(iot: Any, acme: CertificateAuthority) -> None:
    source = f"{HERE}:provisioningtemplate/bulbs"
    create_role({**TRUST, "Condition": {"ArnEquals": {"aws:SourceArn": source}}})
    set_permissions(allow("*"))
    template = {"templateBody": PLAIN_BODY, "type": "JITP", "provisioningRoleArn": ROLE}
    with refused("InvalidRequestException", 400, UNABLE):
        iot.create_provisioning_template(templateName="lamps", **template)
    iot.create_provisioning_template(templateName="bulbs", **template)
    acme.register(iot, template_name="bulbs")
    assert connect_device(acme.issue(common_name="bulb")).thing_name == "bulb"


DENY = {**TRUST, "Effect": "Deny"}


@pytest.mark.parametrize(
    "deny",
    [
        DENY,
        {**DENY, "Principal": "*"},
        {**DENY, "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}},
        {
            "Effect": "Deny",
            "Principal": {"Service": "iot.amazonaws.com"},
            "NotAction": "sts:TagSession",
        },
        {
            "Effect": "Deny",
            "NotPrincipal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    ],
    ids=str,
)
def test_a_deny_in_the_trust_policy_is_named_as_the_cause(
    iot: Any, acme: CertificateAuthority, deny: Any
) -> None:
    iam().create_role(RoleName="JITPRole", AssumeRolePolicyDocument=document(TRUST, deny))
    with refused("InvalidRequestException", 400, UNABLE) as error:
        acme.register(iot, template_body=PLAIN_BODY)
    text = error.response["Error"]["Message"]
    assert "a Deny in its trust policy covers sts:AssumeRole" in text
    assert ("its Condition is met" in text) == ("Condition" in deny)


@pytest.mark.parametrize(
    "deny",
    [
        {**DENY, "Condition": {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}},
        {**DENY, "Principal": {"Service": "lambda.amazonaws.com"}},
        {**DENY, "Action": "sts:TagSession"},
        {**DENY, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
        {
            "Effect": "Deny",
            "NotPrincipal": {"Service": "iot.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    ],
    ids=str,
)
def test_a_deny_that_does_not_concern_aws_iot_is_ignored(
    iot: Any, acme: CertificateAuthority, deny: Any
) -> None:
    iam().create_role(RoleName="JITPRole", AssumeRolePolicyDocument=document(TRUST, deny))
    acme.register(iot, template_body=PLAIN_BODY)


@pytest.mark.parametrize(
    ("trust", "why"),
    [
        ("trust me", "it is not JSON"),
        ("[]", "it is not a JSON object"),
        (document({**TRUST, "Effect": "Permit"}), "Effect Allow or Deny"),
        (document({**TRUST, "Condition": {"StringIs": {"a:b": "c"}}}), "operator 'StringIs'"),
    ],
)
def test_a_trust_policy_that_iam_would_not_take_is_refused(
    iot: Any, acme: CertificateAuthority, trust: str, why: str
) -> None:
    iam().create_role(RoleName="JITPRole", AssumeRolePolicyDocument=trust)
    with refused("InvalidRequestException", 400, UNABLE) as error:
        acme.register(iot, template_body=PLAIN_BODY)
    assert why in error.response["Error"]["Message"]
