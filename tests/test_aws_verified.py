"""``aws_verified``: one test for the mock and for AWS, which leaves nothing behind in either."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from aws_verified import Cloud, aws_verified
from aws_verified.__main__ import main, sweep
from aws_verified.account import (
    VARIABLE,
    Account,
    NotReadyForAwsError,
    account_of_mock,
    account_on_aws,
    is_asked_for,
)
from aws_verified.clean_up import PROJECT, CleanUp
from aws_verified.cloud import LeftBehindError
from botocore.exceptions import ClientError
from support.bodies import plain_template

from moto_jitp import mock_jitp

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def without_answers_of_earlier_tests() -> Iterator[None]:
    account_on_aws.cache_clear()
    yield
    account_on_aws.cache_clear()


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variable is set, and nothing else is: neither credentials nor a Region."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv(VARIABLE, "1")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def run(test: Any, **arguments: Any) -> None:
    aws_verified(test)(**arguments)


def nothing(cloud: Cloud) -> None:
    pytest.fail("the test has run")


# Its requirements.


@pytest.mark.parametrize(
    ("value", "expected"), [(None, False), ("", False), ("0", False), ("1", True), ("TRUE", True)]
)
def test_only_the_variable_leads_to_aws(value: str | None, expected: bool) -> None:
    environ = {"AWS_PROFILE": "mine", "AWS_REGION": "eu-west-1"}
    assert is_asked_for(environ if value is None else {**environ, VARIABLE: value}) is expected


def test_a_mistyped_variable_is_neither_yes_nor_no() -> None:
    with pytest.raises(NotReadyForAwsError, match=r"'ture'\. Set it to 1"):
        is_asked_for({VARIABLE: "ture"})


def test_without_a_region_no_test_runs_on_aws(asked_for: pytest.MonkeyPatch) -> None:
    with pytest.raises(pytest.fail.Exception, match="no Region"):
        run(nothing)


def test_without_credentials_no_test_runs_on_aws(asked_for: pytest.MonkeyPatch) -> None:
    asked_for.setenv("AWS_REGION", "eu-west-1")
    with pytest.raises(pytest.fail.Exception, match="no credentials"):
        run(nothing)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IOT", "TEST_SERVER_MODE"])
def test_what_would_send_calls_elsewhere_is_named(asked_for: pytest.MonkeyPatch, name: str) -> None:
    asked_for.setenv(name, "http://localhost:5000")
    with pytest.raises(pytest.fail.Exception, match=f"{name} would send calls elsewhere"):
        run(nothing)


def test_a_mock_around_the_tests_is_not_taken_for_aws(asked_for: pytest.MonkeyPatch) -> None:
    asked_for.setenv("AWS_REGION", "eu-west-1")
    with mock_jitp(), pytest.raises(pytest.fail.Exception, match="a mock around the tests"):
        run(nothing)


def test_a_test_without_the_cloud_fixture_is_told_so() -> None:
    def test_something(iot: Any) -> None: ...

    with pytest.raises(TypeError, match="test_something takes no cloud"):
        aws_verified(test_something)


# The mock.


def test_in_the_mock_everything_is_as_it_was_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    before = dict(os.environ)

    def test_something(cloud: Cloud) -> None:
        assert not cloud.is_on_aws
        cloud.iot.create_thing(thingName=cloud.name("bulb"))
        assert cloud.device(cloud.certificate(), cloud.name("bulb")).connect()

    run(test_something)

    assert dict(os.environ) == before
    with mock_jitp():
        assert boto3.client("iot", "us-east-1").list_things()["things"] == []


def test_fixtures_and_parameters_of_pytest_still_come(
    package_loaded: None, pytester: pytest.Pytester
) -> None:
    pytester.syspathinsert(os.path.dirname(__file__))
    pytester.makeini(
        "[pytest]\nmarkers = aws_verified: x\nasyncio_default_fixture_loop_scope = function\n"
    )
    pytester.makepyfile(
        """
        import pytest
        from aws_verified import aws_verified

        @pytest.fixture
        def stem():
            return "bulb"

        @aws_verified
        @pytest.mark.parametrize("number", [1, 2])
        def test_it(stem, cloud, number):
            assert cloud.name(f"{stem}-{number}").endswith(f"-bulb-{number}")

        def test_another(stem): ...
        """
    )
    outcome = pytester.runpytest_inprocess("-m", "aws_verified", "-p", "no:randomly")
    outcome.assert_outcomes(passed=2, deselected=1)


# Names and leftovers.


@pytest.fixture
def mocked_aws(mocked: Any) -> Account:
    """A mock that tests take for an account on AWS, so that they check more than once."""
    account = account_of_mock()
    return Account(account.session, account.account_id, patience=1.0)


def test_no_two_tests_have_a_name_in_common(mocked_aws: Account) -> None:
    clouds = [Cloud(mocked_aws) for _ in range(50)]
    assert len({cloud.name("bulb") for cloud in clouds}) == len(clouds)
    assert all(cloud.name("bulb").startswith(PROJECT) for cloud in clouds)
    assert len(clouds[0].name("a-template")) <= 36  # of which AWS allows no more
    assert "-" not in clouds[0].name("rule", joint="_")


def one_of_each_kind(cloud: Cloud) -> None:
    """Make something of every kind that a verified test makes, as interlinked as possible."""
    iot = cloud.iot
    policy = cloud.policy("devices")
    iot.create_policy_version(
        policyName=policy,
        policyDocument=iot.get_policy(policyName=policy)["policyDocument"],
        setAsDefault=True,
    )
    role = cloud.role()
    ca = cloud.ca()
    ca.register(iot, template_body=json.dumps(plain_template(PolicyName=policy)), role_arn=role)
    bulb = ca.issue(common_name=cloud.name("bulb"))
    iot.register_certificate(
        certificatePem=bulb.certificate_pem, caCertificatePem=ca.certificate_pem, status="ACTIVE"
    )
    thing_type = cloud.name("lamp")
    iot.create_thing_type(thingTypeName=thing_type)
    iot.create_thing(thingName=cloud.name("bulb"), thingTypeName=thing_type)
    arn = cloud.arn(f"cert/{bulb.certificate_id}")
    iot.attach_thing_principal(thingName=cloud.name("bulb"), principal=arn)
    iot.attach_policy(policyName=policy, target=arn)
    cloud.certificate(policy)
    group = iot.create_thing_group(thingGroupName=cloud.name("a-parent"))
    iot.create_thing_group(
        thingGroupName=cloud.name("b-child"), parentGroupName=cloud.name("a-parent")
    )
    iot.add_thing_to_thing_group(thingGroupName=cloud.name("b-child"), thingName=cloud.name("bulb"))
    iot.attach_policy(policyName=policy, target=group["thingGroupArn"])
    iot.create_billing_group(billingGroupName=cloud.name("payer"))
    iot.add_thing_to_billing_group(
        billingGroupName=cloud.name("payer"), thingName=cloud.name("bulb")
    )
    iot.create_role_alias(roleAlias=cloud.name("alias"), roleArn=role)
    iot.create_provisioning_template(
        templateName=cloud.name("template"),
        templateBody=json.dumps(plain_template(PolicyName=policy)),
        provisioningRoleArn=role,
        type="JITP",
    )
    iot.create_topic_rule(
        ruleName=cloud.name("rule", joint="_"),
        topicRulePayload={"sql": "SELECT * FROM 'a'", "actions": []},
    )


def test_everything_that_is_made_is_found_and_deleted() -> None:
    made: list[str] = []

    def test_something(cloud: Cloud) -> None:
        one_of_each_kind(cloud)
        cloud.clean_up.certificates.clear()  # found all the same: by its policy
        made.extend(cloud.clean_up.found())
        kept.append(cloud.clean_up)

    kept: list[CleanUp] = []
    with mock_jitp():
        client = account_of_mock().client("iot")
        client.create_thing(thingName="of-somebody-else")
        run(test_something)
        left = kept[0].found()
        others = [thing["thingName"] for thing in client.list_things()["things"]]

    assert {one.rpartition(" ")[0] for one in made} == {
        *("CA certificate", "certificate", "thing", "thing type", "thing group", "billing group"),
        *("provisioning template", "topic rule", "role alias", "policy", "role"),
    }
    # AWS does not delete these in the first five minutes.
    assert [leftover.rpartition(" ")[0] for leftover in left] == ["thing type"]
    assert others == ["of-somebody-else"]


def test_what_lets_devices_in_ends_before_anything_is_deleted(mocked_aws: Account) -> None:
    cloud = Cloud(mocked_aws)
    one_of_each_kind(cloud)
    calls: list[tuple[str, Any]] = []
    cloud.iot.meta.events.register(
        "before-parameter-build.iot",
        lambda model, params, **_: calls.append((model.name, dict(params))),
        unique_id="calls-of-a-clean-up",
    )
    try:
        with pytest.warns(UserWarning, match="thing type .* stays for now"):
            assert cloud.close() == []
    finally:
        cloud.iot.meta.events.unregister(
            "before-parameter-build.iot", unique_id="calls-of-a-clean-up"
        )

    changes = [name for name, _ in calls if name.startswith(("Update", "Delete", "Detach"))]
    deactivated = changes.index("UpdateCACertificate")
    hung_up = [at for at, name in enumerate(changes) if name == "UpdateCertificate"]
    assert deactivated == 0
    assert len(hung_up) == 2
    assert max(hung_up) < min(map(changes.index, ("DetachThingPrincipal", "DeleteCertificate")))
    order = ["DeleteCertificate", "DeleteCACertificate", "DeleteThing", "DeletePolicy"]
    assert sorted(order, key=changes.index) == order


def test_a_test_that_fails_leaves_nothing_behind(mocked: Any) -> None:
    def test_something(cloud: Cloud) -> None:
        cloud.iot.create_thing(thingName=cloud.name("bulb"))
        raise ZeroDivisionError("the test's own failure")

    with pytest.raises(ZeroDivisionError, match="the test's own failure"):
        run(test_something)

    assert account_of_mock().client("iot").list_things()["things"] == []


def refuse(client: Any, operation: str, times: list[int]) -> None:
    """Make an operation fail, as on AWS before a change is visible everywhere."""

    def fail(**_: Any) -> None:
        if times[0]:
            times[0] -= 1
            answer = {"Error": {"Code": "InvalidRequestException", "Message": "still attached"}}
            raise ClientError(answer, operation)  # type: ignore[arg-type]

    client.meta.events.register(f"before-call.iot.{operation}", fail, unique_id="refusal")


@pytest.fixture
def refusing(mocked: Any) -> Iterator[Any]:
    client = account_of_mock().client("iot")
    yield client
    client.meta.events.unregister("before-call.iot.DeleteThing", unique_id="refusal")


def test_what_cannot_be_deleted_fails_the_test_and_keeps_nothing_else(refusing: Any) -> None:
    def test_something(cloud: Cloud) -> None:
        cloud.iot.create_thing(thingName=cloud.name("bulb"))
        cloud.policy("devices")
        refuse(cloud.iot, "DeleteThing", [1])

    with pytest.raises(LeftBehindError) as left:
        run(test_something)

    assert "-bulb: " in str(left.value)
    assert "still attached" in str(left.value)
    assert "python -m aws_verified --delete" in str(left.value)
    assert refusing.list_policies()["policies"] == []


def test_the_failure_of_a_test_counts_for_more_than_what_it_leaves(refusing: Any) -> None:
    def test_something(cloud: Cloud) -> None:
        cloud.iot.create_thing(thingName=cloud.name("bulb"))
        refuse(cloud.iot, "DeleteThing", [1])
        raise ZeroDivisionError

    with pytest.warns(UserWarning, match="still attached"), pytest.raises(ZeroDivisionError):
        run(test_something)


def test_on_aws_it_is_tried_again_what_is_refused_at_first(
    refusing: Any, mocked_aws: Account
) -> None:
    cloud = Cloud(mocked_aws)
    cloud.iot.create_thing(thingName=cloud.name("bulb"))
    refuse(mocked_aws.client("iot"), "DeleteThing", [1])
    try:
        assert cloud.close() == []
    finally:
        mocked_aws.client("iot").meta.events.unregister(
            "before-call.iot.DeleteThing", unique_id="refusal"
        )
    assert refusing.list_things()["things"] == []


def test_on_aws_it_is_waited_for_and_in_the_mock_it_is_so(mocked_aws: Account) -> None:
    answers = iter([False, True])
    Cloud(mocked_aws).until(lambda: next(answers))
    with pytest.raises(AssertionError):
        Cloud(account_of_mock()).until(lambda: False)
    with pytest.raises(AssertionError, match="not so after 1 seconds"):
        Cloud(mocked_aws).until(lambda: False)


# Leftovers of a killed process.


def test_the_command_finds_what_tests_have_left_and_deletes_it(
    mocked_aws: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    clouds = [Cloud(mocked_aws) for _ in range(2)]
    for cloud in clouds:
        cloud.iot.create_thing(thingName=cloud.name("bulb"))
        cloud.certificate()

    assert sweep(mocked_aws, delete=False) == 0
    listed = capsys.readouterr().out
    assert sweep(mocked_aws, delete=True) == 0
    capsys.readouterr()
    assert sweep(mocked_aws, delete=False) == 0

    assert "6 found" in listed
    assert all(f"thing {cloud.name('bulb')}" in listed for cloud in clouds)
    assert "nothing found" in capsys.readouterr().out


def test_the_command_asks_nobody_without_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert main(["--delete"]) == 2
    assert f"Set {VARIABLE}=1" in capsys.readouterr().err
