"""The provisioning role under ``enforce_role``: assumable, and allowed each step of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support import every_step
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import ACCOUNT, client, client_of, refused
from support.roles import (
    ENFORCED,
    HERE,
    TRUST,
    allow,
    create_role,
    document,
    iam,
    set_permissions,
)

import moto_jitp
from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device, mock_jitp

UNABLE = (
    f"AWS IoT (iot.amazonaws.com) is unable to assume role (sts:AssumeRole) on resource: {ROLE}.  "
    "If the role was just created or updated, please try again in a few seconds"
)


@pytest.fixture
def iot() -> Iterator[Any]:
    """An IoT client inside a mock with ``enforce_role``."""
    with mock_jitp(config=ENFORCED):
        yield client()


@pytest.fixture
def ca(iot: Any, acme: CertificateAuthority) -> CertificateAuthority:
    """A registered CA whose role may do nothing yet."""
    create_role()
    every_step.prepare(iot)
    acme.register(iot, template_body=every_step.BODY)
    return acme


# Whether the role can be assumed.


def test_a_role_that_does_not_exist_is_refused_when_a_ca_names_it(
    iot: Any, acme: CertificateAuthority
) -> None:
    with refused("InvalidRequestException", 400, UNABLE) as error:
        acme.register(iot, template_body=PLAIN_BODY)
    assert "iam.create_role" in error.response["Error"]["Message"]
    assert iot.list_ca_certificates()["certificates"] == []
    create_role()
    acme.register(iot, template_body=PLAIN_BODY)


def test_by_default_no_role_need_exist(acme: CertificateAuthority) -> None:
    with mock_jitp():
        acme.register(client(), template_body=PLAIN_BODY)
        assert connect_device(acme.issue(common_name="bulb")).thing_name == "bulb"


@pytest.mark.parametrize(
    "trust",
    [
        {**TRUST, "Principal": {"Service": "lambda.amazonaws.com"}},
        {**TRUST, "Principal": {"AWS": "*"}},
        {**TRUST, "Action": "sts:TagSession"},
    ],
)
def test_a_role_that_does_not_trust_aws_iot_is_refused(
    iot: Any, acme: CertificateAuthority, trust: Any
) -> None:
    create_role(trust)
    with refused("InvalidRequestException", 400, UNABLE) as error:
        acme.register(iot, template_body=PLAIN_BODY)
    assert "trust policy" in error.response["Error"]["Message"]
    iam().update_assume_role_policy(RoleName="JITPRole", PolicyDocument=document(TRUST))
    acme.register(iot, template_body=PLAIN_BODY)


def test_an_explicit_deny_in_the_trust_policy_counts(iot: Any, acme: CertificateAuthority) -> None:
    trust = document(TRUST, {**TRUST, "Effect": "Deny"})
    iam().create_role(RoleName="JITPRole", AssumeRolePolicyDocument=trust)
    with refused("InvalidRequestException", 400, UNABLE):
        acme.register(iot, template_body=PLAIN_BODY)


@pytest.mark.parametrize(
    "trust",
    [
        {**TRUST, "Principal": {"Service": ["lambda.amazonaws.com", "iot.amazonaws.com"]}},
        {**TRUST, "Action": ["sts:TagSession", "sts:AssumeRole"]},
        {**TRUST, "Action": "sts:Assume*"},
        {**TRUST, "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}},
    ],
)
def test_every_way_of_writing_the_trust_is_understood(
    iot: Any, acme: CertificateAuthority, trust: Any
) -> None:
    create_role(trust)
    acme.register(iot, template_body=PLAIN_BODY)


@pytest.mark.parametrize(
    "arn", ["arn:aws:iam::123456789012:user/JITPRole", "arn:nowhere" + ROLE[7:]]
)
def test_an_arn_that_is_not_a_roles_is_refused(
    iot: Any, acme: CertificateAuthority, arn: str
) -> None:
    create_role()
    with refused("InvalidRequestException", 400, "AWS IoT (iot.amazonaws.com) is unable to assume"):
        acme.register(iot, template_body=PLAIN_BODY, role_arn=arn)


def test_updating_a_ca_checks_the_role_too(iot: Any, acme: CertificateAuthority) -> None:
    ca_id = acme.register(iot)
    config = {"templateBody": PLAIN_BODY, "roleArn": ROLE}
    with refused("InvalidRequestException", 400, UNABLE):
        iot.update_ca_certificate(
            certificateId=ca_id, newStatus="INACTIVE", registrationConfig=config
        )
    found = iot.describe_ca_certificate(certificateId=ca_id)
    assert "registrationConfig" not in found
    assert found["certificateDescription"]["status"] == "ACTIVE"
    create_role()
    iot.update_ca_certificate(certificateId=ca_id, registrationConfig=config)
    assert iot.describe_ca_certificate(certificateId=ca_id)["registrationConfig"] == config


def test_a_stored_templates_role_is_checked_when_it_is_stored_and_changed(iot: Any) -> None:
    template = {"templateName": "bulbs", "templateBody": PLAIN_BODY, "type": "JITP"}
    with refused("InvalidRequestException", 400, UNABLE):
        iot.create_provisioning_template(**template, provisioningRoleArn=ROLE)
    assert iot.list_provisioning_templates()["templates"] == []
    create_role()
    iot.create_provisioning_template(**template, provisioningRoleArn=ROLE)
    with refused("InvalidRequestException", 400, "AWS IoT (iot.amazonaws.com) is unable"):
        iot.update_provisioning_template(
            templateName="bulbs", provisioningRoleArn=ROLE + "2", description="new"
        )
    found = iot.describe_provisioning_template(templateName="bulbs")
    assert found["provisioningRoleArn"] == ROLE
    assert "description" not in found
    other = create_role(RoleName="Other", Path="/iot/")
    iot.update_provisioning_template(templateName="bulbs", provisioningRoleArn=other)


def test_the_role_is_checked_again_when_a_run_starts(iot: Any, ca: CertificateAuthority) -> None:
    iam().delete_role(RoleName="JITPRole")
    bulb = ca.issue(common_name="bulb")
    run = every_step.failed_run(bulb)
    assert run.failed_steps[0].action == "RegisterThing"
    assert run.failed_steps[0].error_code == "InvalidRequestException"
    assert run.message is not None
    assert run.message.startswith(UNABLE)
    assert run.advice is not None
    assert "iam.create_role" in run.advice
    assert every_step.traces(iot, bulb, "bulb") == set()
    create_role()
    set_permissions(allow("*"))
    assert connect_device(bulb).thing_name == "bulb"


def test_a_role_that_no_longer_trusts_aws_iot_stops_a_run(
    iot: Any, ca: CertificateAuthority
) -> None:
    set_permissions(allow("*"))
    other = {**TRUST, "Principal": {"Service": "lambda.amazonaws.com"}}
    iam().update_assume_role_policy(RoleName="JITPRole", PolicyDocument=document(other))
    bulb = ca.issue(common_name="bulb")
    run = every_step.failed_run(bulb)
    assert str(run.message).startswith(UNABLE)
    assert "trust policy" in str(run.advice)
    assert every_step.traces(iot, bulb, "bulb") == set()


def test_a_template_made_without_the_check_is_stopped_by_its_role(
    acme: CertificateAuthority,
) -> None:
    with mock_jitp():
        iot = client()
        iot.create_provisioning_template(
            templateName="bulbs",
            templateBody=PLAIN_BODY,
            type="JITP",
            provisioningRoleArn=ROLE,
        )
        acme.register(iot, template_name="bulbs")
        with mock_jitp(config=ENFORCED):
            run = every_step.failed_run(acme.issue(common_name="one"))
            assert run.template_name == "bulbs"
            assert "unable to assume role" in str(run.message)
        assert connect_device(acme.issue(common_name="two")).thing_name == "two"


def test_under_activate_the_role_is_checked_as_well(acme: CertificateAuthority) -> None:
    from moto import mock_aws

    moto_jitp.activate(ENFORCED)
    try:
        with mock_aws(), refused("InvalidRequestException", 400, UNABLE):
            acme.register(client(), template_body=PLAIN_BODY)
    finally:
        moto_jitp.deactivate()


# Permissions, step by step.


@pytest.mark.parametrize("lacking", every_step.ACTIONS)
def test_a_missing_permission_stops_the_run_at_that_step(
    iot: Any, ca: CertificateAuthority, lacking: str
) -> None:
    granted = [action for action in every_step.ACTIONS if action != lacking]
    set_permissions(allow(*granted))
    bulb = ca.issue(common_name="bulb")

    run = every_step.failed_run(bulb)

    last = run.steps[-1]
    assert [step.action for step in run.failed_steps] == [lacking]
    assert (last.action, last.error_code) == (lacking, "AccessDeniedException")
    assert run.error_code == "AccessDeniedException"
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/JITPRole/"
    assert last.message is not None
    assert last.message.startswith(f"User: {session}")
    assert f"is not authorized to perform: iot:{lacking} on resource: " in last.message
    assert f"no identity-based policy allows the iot:{lacking} action" in last.message
    assert run.advice is not None
    assert f"iot:{lacking}" in run.advice
    assert ROLE in run.advice
    before = every_step.ACTIONS[: every_step.ACTIONS.index(lacking)]
    assert every_step.traces(iot, bulb, "bulb") <= set(before)

    set_permissions(allow(lacking), name="mended")
    assert connect_device(bulb).thing_name == "bulb"


def test_what_was_made_before_the_missing_permission_stays(
    iot: Any, ca: CertificateAuthority
) -> None:
    set_permissions(allow("*"), allow("AttachThingPrincipal", effect="Deny"))
    bulb = ca.issue(common_name="bulb")
    run = every_step.failed_run(bulb)
    assert every_step.traces(iot, bulb, "bulb") == {
        "CreateThing",
        "AddThingToThingGroup",
        "AddThingToBillingGroup",
        "AttachPolicy",
        "CreatePolicy",
    }
    assert run.certificate_status == "PENDING_ACTIVATION"


def test_the_refusal_tells_the_action_and_the_role(iot: Any, ca: CertificateAuthority) -> None:
    with pytest.raises(ConnectionRefused) as refusal:
        connect_device(ca.issue())
    text = str(refusal.value)
    assert "iot:RegisterThing" in text
    assert "JITPRole" in text
    assert "AWSIoTThingsRegistration" in text


def test_an_explicit_deny_wins(iot: Any, ca: CertificateAuthority) -> None:
    set_permissions(allow("*"))
    set_permissions(allow("CreateThing", effect="Deny"), name="deny")
    run = every_step.failed_run(ca.issue(common_name="bulb"))
    assert run.failed_steps[0].action == "CreateThing"
    assert "explicit deny" in str(run.message)
    # One more Allow would change nothing.
    assert str(run.advice).startswith("Take the Deny that covers iot:CreateThing")


def test_an_attached_managed_policy_grants_in_its_default_version(
    iot: Any, ca: CertificateAuthority
) -> None:
    arn = iam().create_policy(
        PolicyName="provisioning", PolicyDocument=document(allow("DescribeThing"))
    )["Policy"]["Arn"]
    iam().attach_role_policy(RoleName="JITPRole", PolicyArn=arn)
    bulb = ca.issue(common_name="bulb")
    assert every_step.failed_run(bulb).failed_steps[0].action == "RegisterThing"
    iam().create_policy_version(
        PolicyArn=arn, PolicyDocument=document(allow("*")), SetAsDefault=True
    )
    assert connect_device(bulb).thing_name == "bulb"
    iam().detach_role_policy(RoleName="JITPRole", PolicyArn=arn)
    assert every_step.failed_run(ca.issue()).failed_steps[0].action == "RegisterThing"


@pytest.mark.slow
def test_the_managed_policy_of_aws_has_all_that_a_run_needs(acme: CertificateAuthority) -> None:
    config = {**ENFORCED, "iam": {"load_aws_managed_policies": True}}
    with mock_jitp(config=config):
        iot = client()
        create_role()
        iam().attach_role_policy(
            RoleName="JITPRole",
            PolicyArn="arn:aws:iam::aws:policy/service-role/AWSIoTThingsRegistration",
        )
        every_step.prepare(iot)
        acme.register(iot, template_body=every_step.BODY)
        assert connect_device(acme.issue(common_name="bulb")).thing_name == "bulb"


def test_another_services_permissions_do_not_help(iot: Any, ca: CertificateAuthority) -> None:
    set_permissions({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    assert every_step.failed_run(ca.issue()).failed_steps[0].action == "RegisterThing"


RESTRICTED = {
    "DescribeThingType": f"{HERE}:thingtype/bulb",
    "DescribeThingGroup": f"{HERE}:thinggroup/lamps",
    "DescribeBillingGroup": f"{HERE}:billinggroup/household",
    "GetPolicy": f"{HERE}:policy/named",
    "CreateThing": f"{HERE}:thing/bulb-*",
    "AddThingToThingGroup": [f"{HERE}:thinggroup/lamps", f"{HERE}:thing/bulb-*"],
    "AddThingToBillingGroup": [f"{HERE}:billinggroup/household", f"{HERE}:thing/bulb-*"],
    "AttachPolicy": f"{HERE}:cert/*",
    "CreatePolicy": f"{HERE}:policy/*",
    "AttachThingPrincipal": f"{HERE}:cert/*",
    "UpdateCertificate": f"{HERE}:cert/*",
}


def test_statements_name_the_resources_that_aws_documents(
    iot: Any, ca: CertificateAuthority
) -> None:
    set_permissions(
        allow("RegisterThing"),
        *(allow(action, resource=resource) for action, resource in RESTRICTED.items()),
    )
    assert connect_device(ca.issue(common_name="bulb-1")).thing_name == "bulb-1"
    run = every_step.failed_run(ca.issue(common_name="lamp-1"))
    assert run.failed_steps[0].action == "CreateThing"
    assert f"on resource: {HERE}:thing/lamp-1 " in str(run.message)


@pytest.mark.parametrize(
    ("action", "resource", "wanted"),
    [
        ("AttachPolicy", f"{HERE}:policy/*", ":cert/"),
        ("AttachThingPrincipal", f"{HERE}:thing/*", ":cert/"),
        ("AddThingToThingGroup", f"{HERE}:thinggroup/*", ":thing/bulb"),
        ("AddThingToThingGroup", f"{HERE}:thing/*", ":thinggroup/lamps"),
        ("AddThingToBillingGroup", f"{HERE}:billinggroup/*", ":thing/bulb"),
        ("RegisterThing", f"{HERE}:*", "*"),
        ("UpdateCertificate", f"arn:aws:iot:eu-west-1:{ACCOUNT}:cert/*", ":cert/"),
        ("UpdateCertificate", f"{HERE}:cert/0000", ":cert/"),
    ],
)
def test_a_statement_for_another_resource_does_not_help(
    iot: Any, ca: CertificateAuthority, action: str, resource: str, wanted: str
) -> None:
    others = [other for other in every_step.ACTIONS if other != action]
    set_permissions(allow(*others), allow(action, resource=resource))
    run = every_step.failed_run(ca.issue(common_name="bulb"))
    assert [step.action for step in run.failed_steps] == [action]
    named = str(run.message).partition("on resource: ")[2].split(" ")[0]
    assert wanted in named


def test_a_group_is_left_only_with_the_permission_for_thing_and_group(
    iot: Any, acme: CertificateAuthority
) -> None:
    from support.bodies import body

    create_role()
    iot.create_thing_group(thingGroupName="old")
    iot.create_thing_group(thingGroupName="new")
    iot.create_thing(thingName="bulb")
    iot.add_thing_to_thing_group(thingName="bulb", thingGroupName="old")
    thing = {
        "Type": "AWS::IoT::Thing",
        "Properties": {"ThingName": "bulb", "ThingGroups": ["new"]},
        "OverrideSettings": {"ThingGroups": "REPLACE"},
    }
    acme.register(iot, template_body=body(thing=thing))
    bulb = acme.issue(common_name="bulb")
    leave = allow("RemoveThingFromThingGroup", resource=f"{HERE}:thinggroup/old")
    rest = allow(
        *every_step.ACTIONS,
        "UpdateThing",
    )
    set_permissions(rest, leave)
    assert every_step.failed_run(bulb).failed_steps[0].action == "RemoveThingFromThingGroup"
    leave["Resource"] = [f"{HERE}:thinggroup/old", f"{HERE}:thing/bulb"]
    set_permissions(rest, leave)
    connect_device(bulb)
    groups = iot.list_thing_groups_for_thing(thingName="bulb")["thingGroups"]
    assert [group["groupName"] for group in groups] == ["new"]


def test_a_statement_may_name_what_it_does_not_apply_to(iot: Any, ca: CertificateAuthority) -> None:
    kept = {
        "Effect": "Deny",
        "Action": "iot:CreateThing",
        "NotResource": f"{HERE}:thing/bulb-*",
    }
    set_permissions(allow("*"), kept)
    assert connect_device(ca.issue(common_name="bulb-1")).thing_name == "bulb-1"
    run = every_step.failed_run(ca.issue(common_name="lamp-1"))
    assert "explicit deny" in str(run.message)
    everything_else = {"Effect": "Allow", "Action": "iot:*", "NotResource": f"{HERE}:thing/tv-*"}
    set_permissions(everything_else)
    assert connect_device(ca.issue(common_name="lamp-2")).thing_name == "lamp-2"
    run = every_step.failed_run(ca.issue(common_name="tv-1"))
    assert "no identity-based policy allows" in str(run.message)


def test_a_second_device_needs_the_permissions_of_the_first(
    iot: Any, ca: CertificateAuthority
) -> None:
    set_permissions(allow("*"))
    connect_device(ca.issue(common_name="one"))
    set_permissions(allow("*"), allow("CreatePolicy", effect="Deny"))
    assert every_step.failed_run(ca.issue(common_name="two")).failed_steps[0].action == (
        "CreatePolicy"
    )


def test_a_roles_path_is_not_part_of_its_session(iot: Any, acme: CertificateAuthority) -> None:
    arn = create_role(RoleName="Pathful", Path="/service-role/")
    acme.register(iot, template_body=PLAIN_BODY, role_arn=arn)
    run = every_step.failed_run(acme.issue())
    assert f"User: arn:aws:sts::{ACCOUNT}:assumed-role/Pathful/" in str(run.message)
    assert arn in str(run.advice)


def test_each_account_has_roles_of_its_own(iot: Any, acme: CertificateAuthority) -> None:
    create_role()
    other = client_of("210987654321")
    arn = "arn:aws:iam::210987654321:role/JITPRole"
    with refused("InvalidRequestException", 400, "AWS IoT (iot.amazonaws.com) is unable"):
        acme.register(other, template_body=PLAIN_BODY, role_arn=arn)
    acme.register(iot, template_body=PLAIN_BODY)


def test_a_role_of_another_account_is_refused(iot: Any, acme: CertificateAuthority) -> None:
    arn = create_role()
    other = client_of("210987654321")
    with refused("InvalidRequestException", 400, UNABLE) as error:
        acme.register(other, template_body=PLAIN_BODY, role_arn=arn)
    text = error.response["Error"]["Message"]
    assert f"a role of the account {ACCOUNT}" in text
    assert "only roles of the account 210987654321" in text
    with refused("InvalidRequestException", 400, UNABLE):
        other.create_provisioning_template(
            templateName="bulbs", templateBody=PLAIN_BODY, type="JITP", provisioningRoleArn=arn
        )
    acme.register(iot, template_body=PLAIN_BODY, role_arn=arn)


def test_register_thing_runs_with_its_callers_permissions(iot: Any) -> None:
    iot.register_thing(
        templateBody=PLAIN_BODY,
        parameters={
            "AWS::IoT::Certificate::CommonName": "bulb",
            "AWS::IoT::Certificate::Id": iot.create_keys_and_certificate()["certificateId"],
        },
    )
    assert iot.describe_thing(thingName="bulb")["thingName"] == "bulb"


def test_the_older_name_of_attach_policy_suffices_and_its_deny_denies(
    iot: Any, ca: CertificateAuthority
) -> None:
    """Two walk-throughs of AWS's own allow AttachPrincipalPolicy alone, and end in ACTIVE."""
    rest = [action for action in every_step.ACTIONS if action != "AttachPolicy"]
    set_permissions(allow(*rest))
    with pytest.raises(ConnectionRefused, match="iot:AttachPolicy"):
        connect_device(ca.issue(common_name="bulb-0"))
    set_permissions(allow(*rest, "AttachPrincipalPolicy"))
    assert connect_device(ca.issue(common_name="bulb-1")).connected
    for denied in ("AttachPolicy", "AttachPrincipalPolicy"):
        both = allow(*rest, "AttachPolicy", "AttachPrincipalPolicy")
        set_permissions(both, allow(denied, effect="Deny"))
        with pytest.raises(ConnectionRefused, match="with an explicit deny"):
            connect_device(ca.issue(common_name=f"bulb-{denied}"))
