"""Request quotas under ``throttling``: boto3's calls and a run's own, counted in one meter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from freezegun.api import FrozenDateTimeFactory
from support import every_step
from support.bodies import PLAIN_BODY
from support.cloud import client, client_of, refused
from support.devices import status_of

import moto_jitp
from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    DeviceIdentity,
    connect_device,
    mock_jitp,
)


def throttled(quotas: Any = True) -> dict[str, Any]:
    return {"jitp": {"throttling": quotas}}


@pytest.fixture
def iot(clock: FrozenDateTimeFactory) -> Iterator[Any]:
    """An IoT client under AWS's quotas, with the clock held."""
    with mock_jitp(config=throttled()):
        yield client()


def how_many(call: Any, tries: int) -> int:
    """Count the calls that succeed before the first ThrottlingException."""
    for done in range(tries):
        try:
            call()
        except ClientError as error:
            if error.response["Error"]["Code"] != "ThrottlingException":
                raise
            return done
    return tries


def power_on(devices: list[DeviceIdentity]) -> list[DeviceIdentity]:
    """Connect all devices at one moment; return those that were refused."""
    left = []
    for device in devices:
        try:
            connect_device(device)
        except ConnectionRefused:
            left.append(device)
    return left


# boto3's calls.


def test_too_many_calls_in_a_second_are_refused_as_aws_does(
    iot: Any, clock: FrozenDateTimeFactory
) -> None:
    for _ in range(10):
        iot.describe_endpoint()
    with refused("ThrottlingException", 400, "Rate exceeded"):
        iot.describe_endpoint()
    clock.tick(1)
    iot.describe_endpoint()


@pytest.mark.parametrize(
    ("operation", "quota"),
    [
        ("list_topic_rules", 2),
        ("get_registration_code", 10),
        ("list_provisioning_templates", 10),
        ("list_ca_certificates", 10),
        ("list_things", 10),
    ],
)
def test_the_quotas_are_those_that_aws_documents(iot: Any, operation: str, quota: int) -> None:
    assert how_many(getattr(iot, operation), quota + 5) == quota


def test_things_have_a_quota_of_their_own(iot: Any) -> None:
    names = iter(range(1000))
    assert how_many(lambda: iot.create_thing(thingName=f"thing-{next(names)}"), 110) == 100
    assert how_many(lambda: iot.describe_thing(thingName="thing-1"), 360) == 350


def test_by_default_nothing_is_throttled(clock: FrozenDateTimeFactory) -> None:
    with mock_jitp():
        assert how_many(client().describe_endpoint, 50) == 50


def test_operations_do_not_use_up_each_others_quotas(iot: Any) -> None:
    assert how_many(iot.describe_endpoint, 20) == 10
    assert how_many(iot.list_things, 20) == 10


def test_a_quota_fills_up_as_time_passes(iot: Any, clock: FrozenDateTimeFactory) -> None:
    assert how_many(iot.describe_endpoint, 20) == 10
    clock.tick(0.3)
    assert how_many(iot.describe_endpoint, 20) == 3
    clock.tick(60)
    assert how_many(iot.describe_endpoint, 20) == 10


def test_setting_the_clock_back_neither_fills_nor_empties_a_quota(
    iot: Any, clock: FrozenDateTimeFactory
) -> None:
    assert how_many(iot.describe_endpoint, 4) == 4
    clock.tick(-3600)
    assert how_many(iot.describe_endpoint, 20) == 6
    clock.tick(0.1)
    assert how_many(iot.describe_endpoint, 20) == 1


def test_each_account_and_region_has_quotas_of_its_own(iot: Any) -> None:
    assert how_many(iot.describe_endpoint, 20) == 10
    assert how_many(client("eu-west-1").describe_endpoint, 20) == 10
    assert how_many(client_of("210987654321").describe_endpoint, 20) == 10
    assert how_many(iot.describe_endpoint, 20) == 0


def test_a_test_sets_quotas_of_its_own(clock: FrozenDateTimeFactory) -> None:
    with mock_jitp(config=throttled({"ListThings": 2, "DescribeEndpoint": 0.5})):
        iot = client()
        assert how_many(iot.list_things, 5) == 2
        assert how_many(iot.describe_endpoint, 5) == 1
        clock.tick(1)
        assert how_many(iot.describe_endpoint, 5) == 0
        clock.tick(1)
        assert how_many(iot.describe_endpoint, 5) == 1
        assert how_many(iot.list_ca_certificates, 50) == 50  # no quota other than the test's


def test_a_test_changes_one_of_aws_quotas(clock: FrozenDateTimeFactory) -> None:
    with mock_jitp(config=throttled({"*": True, "ListThings": 2})):
        iot = client()
        assert how_many(iot.list_things, 5) == 2
        assert how_many(iot.describe_endpoint, 20) == 10
        assert how_many(iot.list_topic_rules, 20) == 2


def test_quotas_can_be_named_as_boto3_names_the_methods(clock: FrozenDateTimeFactory) -> None:
    with mock_jitp(config=throttled({"list_things": 3})):
        assert how_many(client().list_things, 5) == 3


def test_a_new_block_and_a_reset_start_with_full_quotas(clock: FrozenDateTimeFactory) -> None:
    for _ in range(2):
        with mock_jitp(config=throttled()) as jitp:
            assert how_many(client().describe_endpoint, 20) == 10
            jitp.reset()
            assert how_many(client().describe_endpoint, 20) == 10


def test_an_inner_block_may_lift_the_quotas(iot: Any) -> None:
    with mock_jitp(config=throttled(False)):
        assert how_many(iot.describe_endpoint, 50) == 50
    assert how_many(iot.describe_endpoint, 50) == 10


def test_activate_throttles_as_well(clock: FrozenDateTimeFactory) -> None:
    from moto import mock_aws

    moto_jitp.activate(throttled({"ListThings": 1}))
    try:
        with mock_aws():
            assert how_many(client().list_things, 5) == 1
    finally:
        moto_jitp.deactivate()


@pytest.mark.parametrize(
    ("quotas", "text"),
    [
        ({"RegisterThings": 1}, "Did you mean RegisterThing?"),
        ({"register": 1}, "is not an operation of AWS IoT"),
        ({"Publish": 1}, "can neither be made to fail nor be throttled"),
        ({"RegisterThing": 0}, "above 0"),
        ({"RegisterThing": -1}, "above 0"),
        ({"RegisterThing": float("nan")}, "above 0"),
        ({"RegisterThing": "10"}, "calls per second"),
        ({"RegisterThing": True}, "calls per second"),
        ({5: 5}, "operation names"),
        ({"*": 5}, "name the operation"),
        ({"*": False}, "name the operation"),
        (10, "True, False or a mapping"),
        ("on", "True, False or a mapping"),
    ],
)
def test_wrong_quotas_are_refused_before_anything_starts(quotas: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text.replace("?", r"\?")):
        mock_jitp(config=throttled(quotas))
    with pytest.raises(ValueError, match=text.replace("?", r"\?")):
        moto_jitp.activate(throttled(quotas))


# The calls that a run makes itself.


def test_a_batch_that_powers_on_leaves_pending_certificates_that_succeed_later(
    iot: Any, clock: FrozenDateTimeFactory, acme: CertificateAuthority
) -> None:
    acme.register(iot, template_body=PLAIN_BODY)
    fleet = [acme.issue(common_name=f"bulb-{number}") for number in range(14)]

    late = power_on(fleet)

    assert late == fleet[10:]
    assert [status_of(iot, device) for device in late] == ["PENDING_ACTIVATION"] * 4
    clock.tick(1)
    assert power_on(late) == []
    assert len(iot.list_things()["things"]) == 14


def test_boto3_and_runs_share_one_quota(
    iot: Any, clock: FrozenDateTimeFactory, acme: CertificateAuthority
) -> None:
    acme.register(iot, template_body=PLAIN_BODY)
    keys = iot.create_keys_and_certificate()
    parameters = {
        "AWS::IoT::Certificate::CommonName": "by-hand",
        "AWS::IoT::Certificate::Id": keys["certificateId"],
    }
    for _ in range(9):
        iot.register_thing(templateBody=PLAIN_BODY, parameters=parameters)
    connect_device(acme.issue())
    with refused("ThrottlingException", 400, "Rate exceeded"):
        iot.register_thing(templateBody=PLAIN_BODY, parameters=parameters)
    run = every_step.failed_run(acme.issue())
    assert (run.failed_steps[0].action, run.message) == ("RegisterThing", "Rate exceeded")


@pytest.mark.parametrize("action", every_step.ACTIONS)
def test_every_step_of_a_run_counts(
    action: str, clock: FrozenDateTimeFactory, acme: CertificateAuthority
) -> None:
    quotas = {action: 1}
    with mock_jitp(config=throttled()):
        iot = client()
        every_step.prepare(iot)
        acme.register(iot, template_body=every_step.BODY)
        with mock_jitp(config=throttled(quotas)):
            clock.tick(60)
            one = acme.issue(common_name="one")
            if action != "AttachPolicy":  # which a run of this template calls twice
                connect_device(one)
            two = acme.issue(common_name="two")
            run = every_step.failed_run(two)
            assert (run.failed_steps[0].action, run.error_code) == (action, "ThrottlingException")
            assert f"{action} is limited to 1 call per second" in str(run.advice)
            before = every_step.ACTIONS[: every_step.ACTIONS.index(action) + 1]
            assert every_step.traces(iot, two, "two") <= {*before, "CreatePolicy"}
            clock.tick(60)
        connect_device(two)


def test_register_thing_answers_with_the_throttling_of_its_steps(
    clock: FrozenDateTimeFactory,
) -> None:
    with mock_jitp(config=throttled({"CreateThing": 1})):
        iot = client()
        iot.create_thing(thingName="other")
        parameters = {
            "AWS::IoT::Certificate::CommonName": "bulb",
            "AWS::IoT::Certificate::Id": iot.create_keys_and_certificate()["certificateId"],
        }
        with refused("ThrottlingException", 400, "Rate exceeded"):
            iot.register_thing(templateBody=PLAIN_BODY, parameters=parameters)
        clock.tick(1)
        iot.register_thing(templateBody=PLAIN_BODY, parameters=parameters)


def test_registering_the_devices_themselves_is_not_throttled(
    iot: Any, acme: CertificateAuthority
) -> None:
    acme.register(iot)
    for number in range(30):
        with pytest.raises(ConnectionRefused) as refusal:
            connect_device(acme.issue(common_name=f"bulb-{number}"))
        assert refusal.value.reason == "DEVICE_CERTIFICATE_PENDING_ACTIVATION"


def test_the_refusal_says_what_to_change(iot: Any, acme: CertificateAuthority) -> None:
    acme.register(iot, template_body=PLAIN_BODY)
    power_on([acme.issue() for _ in range(10)])
    with pytest.raises(ConnectionRefused) as refusal:
        connect_device(acme.issue())
    text = str(refusal.value)
    assert "RegisterThing is limited to 10 calls per second" in text
    assert "jitp.throttling" in text


# A client's back-off.


def test_a_clients_back_off_can_be_tested(
    iot: Any, clock: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.tick(seconds)

    def describe_patiently() -> Any:
        pause = 0.05
        while True:
            try:
                return iot.describe_endpoint()
            except iot.exceptions.ThrottlingException:
                time.sleep(pause)
                pause *= 2

    monkeypatch.setattr(time, "sleep", sleep)
    for _ in range(12):
        describe_patiently()
    assert pauses == [0.05, 0.1, 0.05]


def test_botocores_own_retries_see_the_throttling(
    clock: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    import boto3

    monkeypatch.setattr(time, "sleep", lambda seconds: clock.tick(max(seconds, 1)))
    with mock_jitp(config=throttled({"ListThings": 1})):
        retries = Config(retries={"mode": "standard", "total_max_attempts": 2})
        iot = boto3.client("iot", region_name="us-east-1", config=retries)
        assert iot.list_things()["ResponseMetadata"]["RetryAttempts"] == 0
        assert iot.list_things()["ResponseMetadata"]["RetryAttempts"] == 1
