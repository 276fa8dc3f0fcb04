"""Rules that run some time after their messages, as on AWS, where a test asks for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto.moto_api import state_manager

from moto_jitp import JitpHandle, mock_jitp

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:take"
LATER = {"progression": "time", "seconds": 5}


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1")


def make_rule(mock: JitpHandle, taken: list[Any], **more: Any) -> None:
    mock.lambda_handler("take", taken.append)
    client("iot").create_topic_rule(
        ruleName="later",
        topicRulePayload={
            "sql": "SELECT *, timestamp() AS at FROM 'a'",
            "actions": [{"lambda": {"functionArn": FUNCTION}}],
        },
    )


def publish(number: int) -> None:
    client("iot-data").publish(topic="a", payload=b'{"n": %d}' % number)


def numbers(taken: list[Any]) -> list[int]:
    return [event["n"] for event in taken]


def test_rules_run_after_the_time_that_is_set(mocked: JitpHandle, clock: Any) -> None:
    taken: list[Any] = []
    make_rule(mocked, taken)
    state_manager.set_transition("iot::rule", LATER)

    publish(1)
    clock.tick(timedelta(seconds=2))
    publish(2)
    assert taken == []
    assert mocked.rules == ()
    clock.tick(timedelta(seconds=3))
    client("sts").get_caller_identity()

    assert numbers(taken) == [1]
    clock.tick(timedelta(seconds=60))
    assert [run.matched for run in mocked.rules] == [True, True]
    assert numbers(taken) == [1, 2]
    # Each ran when it was due, not when somebody looked.
    assert taken[1]["at"] - taken[0]["at"] == 2000


def test_rules_run_with_what_has_changed_meanwhile(mocked: JitpHandle, clock: Any) -> None:
    taken: list[Any] = []
    make_rule(mocked, taken)
    state_manager.set_transition("iot::rule", LATER)
    publish(1)

    client("iot").disable_topic_rule(ruleName="later")
    clock.tick(timedelta(seconds=10))

    assert mocked.rules == ()
    assert taken == []


def test_the_setting_ends_with_its_block() -> None:
    taken: list[Any] = []
    with mock_jitp():
        state_manager.set_transition("iot::rule", LATER)
    with mock_jitp() as mock:
        make_rule(mock, taken)
        publish(1)
        assert numbers(taken) == [1]


@pytest.mark.parametrize(
    "setting",
    [
        {"progression": "manual", "times": 2},
        {"progression": "time"},
        {"progression": "time", "seconds": -1},
    ],
)
def test_an_unusable_setting_is_reported_to_the_publisher(
    mocked: JitpHandle, setting: dict[str, Any]
) -> None:
    make_rule(mocked, [])
    state_manager.set_transition("iot::rule", setting)

    with pytest.raises(ValueError, match="with which no rule would ever run"):
        publish(1)
