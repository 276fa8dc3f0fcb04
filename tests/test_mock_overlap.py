"""mock_jitp and mock_aws share their state and clean up after themselves in any order."""

from __future__ import annotations

import copy
import functools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import boto3
import pytest
from moto import mock_aws
from moto.core.config import default_user_config
from moto.core.models import MockAWS
from moto.core.responses import BaseResponse
from moto.iot.models import IoTBackend, iot_backends

from moto_jitp import settings
from moto_jitp.activation import activate, deactivate
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.mock import mock_jitp

REGION = "us-east-1"
TRUE_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "true-key", "AWS_SECRET_ACCESS_KEY": "true-secret"}
FAKE_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "FOOBARKEY", "AWS_SECRET_ACCESS_KEY": "FOOBARSECRET"}
# "P" is moto's plain mock, "J" is ours; each order starts and stops both of them once.
ORDERS = {
    "ours inside": ["P+", "J+", "J-", "P-"],
    "ours around": ["J+", "P+", "P-", "J-"],
    "plain first, ends first": ["P+", "J+", "P-", "J-"],
    "ours first, ends first": ["J+", "P+", "J-", "P-"],
    "ours, then plain": ["J+", "J-", "P+", "P-"],
    "plain, then ours": ["P+", "P-", "J+", "J-"],
}


def credentials() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in TRUE_CREDENTIALS}


def process_state() -> dict[str, Any]:
    return {
        "config": copy.deepcopy(dict(default_user_config)),
        "config sections": {name: id(value) for name, value in default_user_config.items()},
        "credentials": credentials(),
        "session": boto3.DEFAULT_SESSION,
        "patches": (boto3.client, boto3.resource, MockAWS.start, MockAWS.stop),
        "mocks": (MockAWS._nested_count, MockAWS._mocks_active),
        "backend": iot_backends.backend,
        "way of requests": BaseResponse._dispatch,
        "live backends": len(iot_backends),
        "settings": settings.current(),
    }


@pytest.fixture(autouse=True)
def leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in TRUE_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session(region_name="eu-west-1"))
    with mock_aws():
        pass  # clears what another test has left to a server in this process
    before = process_state()
    yield
    assert process_state() == before


@functools.cache
def client(service: str) -> Any:
    # Made once, for speed; moto also answers clients made before a mock.
    session = boto3.Session("any-key", "any-secret", region_name=REGION)
    return session.client(service)


def iot() -> Any:
    return client("iot")


def s3() -> Any:
    return client("s3")


def run(order: list[str], mocks: dict[str, Any], after_each: Callable[[set[str]], None]) -> None:
    active: set[str] = set()
    for step in order:
        name = step[0]
        if step.endswith("+"):
            mocks[name].start()
            active.add(name)
        else:
            mocks[name].stop()
            active.remove(name)
        after_each(active)


@pytest.fixture(params=list(ORDERS.values()), ids=list(ORDERS))
def order(request: pytest.FixtureRequest) -> list[str]:
    found: list[str] = request.param
    return found


def test_iot_and_s3_state_lives_from_the_first_start_to_the_last_stop(order: list[str]) -> None:
    made: list[str] = []

    def check(active: set[str]) -> None:
        if not active:
            made.clear()
            return
        assert [thing["thingName"] for thing in iot().list_things()["things"]] == made
        assert [bucket["Name"] for bucket in s3().list_buckets()["Buckets"]] == made
        made.append(f"made-{len(made)}")
        iot().create_thing(thingName=made[-1])
        s3().create_bucket(Bucket=made[-1])

    run(order, {"P": mock_aws(), "J": mock_jitp()}, check)


def test_our_backend_is_in_place_just_while_our_mock_is_active(order: list[str]) -> None:
    def check(active: set[str]) -> None:
        if active:
            iot().list_things()
            expected = JitpIoTBackend if "J" in active else IoTBackend
            assert type(iot_backends["123456789012"][REGION]) is expected
            # One more account and Region, made in this state.
            assert type(iot_backends["111122223333"]["eu-west-1"]) is expected

    run(order, {"P": mock_aws(), "J": mock_jitp()}, check)


def test_credentials_are_fake_while_any_mock_is_active(order: list[str]) -> None:
    def check(active: set[str]) -> None:
        assert credentials() == (FAKE_CREDENTIALS if active else TRUE_CREDENTIALS)

    run(order, {"P": mock_aws(), "J": mock_jitp()}, check)


def test_credentials_that_were_not_set_are_unset_again(
    order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patching:
        for name in TRUE_CREDENTIALS:
            patching.delenv(name)

        def check(active: set[str]) -> None:
            nothing = dict.fromkeys(TRUE_CREDENTIALS)
            assert credentials() == (FAKE_CREDENTIALS if active else nothing)

        run(order, {"P": mock_aws(), "J": mock_jitp()}, check)


@pytest.mark.parametrize("who", ["P", "J", "PJ"])
def test_credentials_are_left_alone_where_the_configuration_says_so(
    order: list[str], who: str
) -> None:
    off: Any = {"core": {"mock_credentials": False}}
    mocks: dict[str, Any] = {
        "P": mock_aws(config=off if "P" in who else None),
        "J": mock_jitp(config=off if "J" in who else None),
    }

    def check(active: set[str]) -> None:
        if not active or all(name in who for name in active):
            assert credentials() == TRUE_CREDENTIALS

    run(order, mocks, check)


def test_the_default_session_is_put_aside_and_comes_back(order: list[str]) -> None:
    session = boto3.DEFAULT_SESSION

    def check(active: set[str]) -> None:
        if active:
            assert boto3.DEFAULT_SESSION is not session
            boto3.client("s3", region_name=REGION)
        else:
            assert boto3.DEFAULT_SESSION is session

    run(order, {"P": mock_aws(), "J": mock_jitp()}, check)


def test_each_blocks_configuration_ends_with_it(order: list[str]) -> None:
    mocks: dict[str, Any] = {
        "P": mock_aws(config={"lambda": {"use_docker": False}}),
        "J": mock_jitp(config={"batch": {"use_docker": False}, "iam": {"added": 1}}),
    }

    def check(active: set[str]) -> None:
        assert default_user_config["lambda"]["use_docker"] is ("P" not in active)
        assert default_user_config["batch"]["use_docker"] is ("J" not in active)
        assert ("added" in default_user_config["iam"]) is ("J" in active)
        assert default_user_config["iam"]["load_aws_managed_policies"] is False

    run(order, mocks, check)


def test_of_two_values_for_one_key_the_one_of_the_last_started_block_holds(
    order: list[str],
) -> None:
    mocks: dict[str, Any] = {
        "P": mock_aws(config={"core": {"service_whitelist": ["iot"]}}),
        "J": mock_jitp(config={"core": {"service_whitelist": ["s3"]}}),
    }
    whitelists = {"P": ["iot"], "J": ["s3"]}
    started: list[str] = []

    def check(active: set[str]) -> None:
        started.extend(active.difference(started))
        expected = next((whitelists[name] for name in reversed(started) if name in active), None)
        assert default_user_config["core"].get("service_whitelist") == expected

    run(order, mocks, check)


def test_our_inner_block_keeps_the_keys_of_the_outer_one_that_it_does_not_name() -> None:
    with (
        mock_aws(config={"core": {"service_whitelist": ["iot"]}}),
        mock_jitp(config={"core": {"passthrough": {"services": ["sqs"], "urls": []}}}),
    ):
        assert default_user_config["core"]["service_whitelist"] == ["iot"]
        assert default_user_config["core"]["passthrough"]["services"] == ["sqs"]


def test_a_decorated_plain_helper_inside_keeps_our_configuration() -> None:
    @mock_aws
    def helper() -> bool:
        return default_user_config["lambda"]["use_docker"]

    with mock_jitp(config={"lambda": {"use_docker": False}}):
        assert helper() is False
        assert default_user_config["lambda"]["use_docker"] is False


def test_a_plain_mock_made_in_a_block_does_not_bring_its_configuration_into_another() -> None:
    with mock_jitp(config={"lambda": {"use_docker": False}}):
        made_there = mock_aws()
    with mock_jitp(), made_there:
        assert default_user_config["lambda"]["use_docker"] is True


def test_a_configuration_handed_to_us_is_never_changed() -> None:
    config = {"core": {"service_whitelist": ["iot", "s3"]}, "jitp": {"strict": False}}
    with mock_jitp(config=config), mock_jitp(config={"core": {"mock_credentials": False}}):
        pass
    assert config == {"core": {"service_whitelist": ["iot", "s3"]}, "jitp": {"strict": False}}


def test_each_blocks_jitp_settings_end_with_it() -> None:
    first = mock_jitp(config={"jitp": {"strict": False, "metrics": False}})
    second = mock_jitp(config={"jitp": {"metrics": True}})
    first.start()
    second.start()
    assert (settings.current().strict, settings.current().metrics) == (False, True)
    first.stop()
    assert (settings.current().strict, settings.current().metrics) == (True, True)
    second.stop()


@pytest.mark.parametrize(
    "three",
    [
        ["P+", "Q+", "J+", "P-", "Q-", "J-"],
        ["P+", "Q+", "J+", "P-", "J-", "Q-"],
        ["P+", "Q+", "J+", "Q-", "P-", "J-"],
        ["P+", "J+", "Q+", "P-", "J-", "Q-"],
        ["P+", "J+", "Q+", "J-", "P-", "Q-"],
        ["J+", "P+", "Q+", "J-", "P-", "Q-"],
        ["J+", "P+", "Q+", "P-", "J-", "Q-"],
        ["J+", "P+", "J-", "Q+", "P-", "Q-"],
        ["J+", "K+", "P+", "J-", "P-", "K-"],
        ["J+", "P+", "J-", "K+", "P-", "K-"],
        ["P+", "J+", "J-", "K+", "P-", "K-"],
    ],
    ids=" ".join,
)
def test_three_mocks_overlap_as_they_like(three: list[str]) -> None:
    mocks: dict[str, Any] = {
        "P": mock_aws(config={"lambda": {"use_docker": False}}),
        "Q": mock_aws(config={"batch": {"use_docker": False}}),
        "J": mock_jitp(config={"stepfunctions": {"execute_state_machine": True}}),
        "K": mock_jitp(),
    }

    def check(active: set[str]) -> None:
        assert credentials() == (FAKE_CREDENTIALS if active else TRUE_CREDENTIALS)
        assert default_user_config["stepfunctions"]["execute_state_machine"] is ("J" in active)
        if active:
            count = len(iot().list_things()["things"])
            iot().create_thing(thingName=f"thing-{count}")

    run(three, mocks, check)


def test_mocks_without_ours_are_exactly_motos() -> None:
    start, stop = MockAWS.start, MockAWS.stop
    with mock_jitp():
        pass
    with mock_aws():
        assert MockAWS.start is start
        assert MockAWS.stop is stop


def test_one_mock_may_be_started_within_itself() -> None:
    ours, plain = mock_jitp(), mock_aws()
    with ours, plain, plain, ours:
        iot().create_thing(thingName="one")
    with ours:
        assert iot().list_things()["things"] == []


def test_an_exception_ends_the_block_like_its_end() -> None:
    @mock_jitp(config={"core": {"mock_credentials": False}, "jitp": {"strict": False}})
    def fails() -> None:
        iot().create_thing(thingName="inner")
        raise ZeroDivisionError

    with mock_aws():
        iot().create_thing(thingName="outer")
        with pytest.raises(ZeroDivisionError):
            fails()
        assert iot_backends.backend is IoTBackend
        names = [thing["thingName"] for thing in iot().list_things()["things"]]
        assert names == ["outer", "inner"]


def test_a_start_that_fails_leaves_nothing_behind() -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise ConnectionError("no server there")

    with (
        mock.patch.object(MockAWS, "_enable_patching", fails),
        pytest.raises(ConnectionError),
    ):
        mock_jitp(config={"lambda": {"use_docker": False}}).start()

    with mock_jitp():
        iot().create_thing(thingName="works")


def test_environment_variables_set_in_a_block_outlive_neither() -> None:
    with mock_jitp():
        os.environ["AWS_ACCESS_KEY_ID"] = "set-in-the-block"
        with mock_jitp():
            assert os.environ["AWS_ACCESS_KEY_ID"] == "FOOBARKEY"
        assert os.environ["AWS_ACCESS_KEY_ID"] == "set-in-the-block"
        del os.environ["AWS_SECRET_ACCESS_KEY"]


@pytest.mark.parametrize("ours_ends_first", [True, False])
def test_activation_and_a_mock_end_in_any_order(ours_ends_first: bool) -> None:
    with mock_aws():
        ours = mock_jitp()
        activate()
        ours.start()
        iot().create_thing(thingName="one")
        first, second = (ours.stop, deactivate) if ours_ends_first else (deactivate, ours.stop)
        first()
        assert type(iot_backends["123456789012"][REGION]) is JitpIoTBackend
        second()
        assert type(iot_backends["123456789012"][REGION]) is IoTBackend
        assert [thing["thingName"] for thing in iot().list_things()["things"]] == ["one"]


def test_threads_start_and_stop_at_once() -> None:
    barrier = threading.Barrier(8)

    @mock_jitp(config={"lambda": {"use_docker": False}})
    def ours(name: str) -> bool:
        iot().create_thing(thingName=name)
        return bool(iot().describe_thing(thingName=name)["thingName"] == name)

    @mock_aws
    def plain(name: str) -> bool:
        return bool(iot().list_things()["ResponseMetadata"]["HTTPStatusCode"] == 200)

    def work(number: int) -> bool:
        barrier.wait()
        return all(
            (ours if (turn + number) % 3 else plain)(f"thing-{number}-{turn}") for turn in range(12)
        )

    iot()
    with mock_jitp(), ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_threads_with_our_mock_alone_leave_nothing_behind() -> None:
    barrier = threading.Barrier(6)
    ours = mock_jitp()

    def work(number: int) -> None:
        barrier.wait()
        for _ in range(30):
            with ours:
                assert credentials() == FAKE_CREDENTIALS

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
