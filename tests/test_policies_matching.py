"""Wildcards of policies: what they match, and that no pattern is slow."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moto_jitp.policies import (
    AuthorizationContext,
    Request,
    evaluate,
    parse_policy,
    topic_arn,
    topic_filter_arn,
)

HERE = ("aws", "eu-central-1", "111122223333")


def allows(
    pattern: str, name: str, *, client_id: str | None = None, version: str = "2012-10-17"
) -> bool:
    """Whether a policy that allows topic/<pattern> lets a device publish to the topic <name>."""
    policy = parse_policy(
        json.dumps(
            {
                "Version": version,
                "Statement": {
                    "Effect": "Allow",
                    "Action": "iot:Publish",
                    "Resource": topic_arn(*HERE, pattern),
                },
            }
        )
    )
    context = AuthorizationContext(client_id=client_id)
    return evaluate(
        [("p", policy)], Request("iot:Publish", topic_arn(*HERE, name), context)
    ).allowed


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("a/b", ["a/b"], ["a/B", "a/bc", "xa/b", "a"]),
        ("a/*", ["a/", "a/b", "a/b/c"], ["a", "b/a/"]),
        ("a/*/c", ["a/b/c", "a//c", "a/b/x/c"], ["a/c", "a/b/cc"]),
        ("*c", ["c", "abc", "a/c"], ["cb"]),
        ("*", ["", "a", "a/b:c"], []),
        ("a?c", ["abc", "a/c"], ["ac", "abbc"]),
        ("?", ["a", "*"], ["", "ab"]),
        ("*?b*", ["ab", "xxbxx", "bb"], ["b", "ba"]),
        ("*ab*ba*", ["abba", "xabxbax"], ["aba", "abaab"]),
        ("*a?b*b?a*", ["axbbxa", "aabxbba"], ["axbxa", "axbxab"]),
        ("room*x?", ["roomxy", "room12x7"], ["roomx", "room12"]),
        ("some/+/topic", ["some/+/topic"], ["some/any/topic", "some/any/thing/topic"]),
        ("a/#", ["a/#"], ["a/b", "a", "a/b/c"]),
        ("a/${*}", ["a/*"], ["a/b"]),
        ("a/$(*)", ["a/*"], ["a/b", "a/$(b)"]),
        ("a/${?}b", ["a/?b"], ["a/xb"]),
        ("a/${$}{b}", ["a/${b}"], ["a/b"]),
        ("a/${unclosed", ["a/${unclosed"], ["a/"]),
        ("$aws/things/x/*", ["$aws/things/x/shadow/get"], ["aws/things/x/y"]),
    ],
)
def test_star_and_question_mark_are_the_wildcards(
    pattern: str, matching: list[str], others: list[str]
) -> None:
    assert [name for name in matching if not allows(pattern, name)] == []
    assert [name for name in others if allows(pattern, name)] == []


def test_a_filter_with_mqtt_wildcards_is_compared_as_text() -> None:
    policy = parse_policy(
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "iot:Subscribe",
                        "Resource": topic_filter_arn(*HERE, "house/*"),
                    },
                    {
                        "Effect": "Deny",
                        "Action": "iot:Subscribe",
                        "Resource": topic_filter_arn(*HERE, "house/cellar/#"),
                    },
                ],
            }
        )
    )

    def may_subscribe(topic_filter: str) -> bool:
        resource = topic_filter_arn(*HERE, topic_filter)
        return evaluate([("p", policy)], Request("iot:Subscribe", resource)).allowed

    assert not may_subscribe("house/cellar/#")
    assert may_subscribe("house/cellar/door")
    assert may_subscribe("house/#")


def test_what_a_variable_brings_in_is_not_a_wildcard() -> None:
    assert allows("${iot:ClientId}/x", "*/x", client_id="*")
    assert not allows("${iot:ClientId}/x", "other/x", client_id="*")
    assert not allows("${iot:ClientId}/x", "a/x", client_id="?")
    assert not allows("${iot:ClientId}/x", "a/x", client_id="${*}")


def test_variables_need_the_version_of_2012() -> None:
    assert allows("${iot:ClientId}", "bulb", client_id="bulb")
    assert not allows("${iot:ClientId}", "bulb", client_id="bulb", version="2008-10-17")
    assert allows("${iot:ClientId}", "${iot:ClientId}", client_id="bulb", version="2008-10-17")
    assert allows("${*}", "${anything}", version="2008-10-17")


def naive(pattern: str, text: str) -> bool:
    """The definition, written down: reachable positions of the pattern, character by character."""
    positions = {0}
    for character in [*text, None]:
        for position in sorted(positions):
            while position < len(pattern) and pattern[position] == "*":
                position += 1
                positions.add(position)
        if character is None:
            break
        positions = {
            p if pattern[p] == "*" else p + 1
            for p in positions
            if p < len(pattern) and pattern[p] in ("*", "?", character)
        }
    return len(pattern) in positions


@given(st.text("ab/*?", max_size=12), st.text("ab/", max_size=12))
def test_every_pattern_matches_as_the_definition_says(pattern: str, text: str) -> None:
    assert allows("_" + pattern, "_" + text) == naive(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*" * 1000, True),
        ("a*" * 900 + "b", False),
        ("*a" * 900 + "*b*", False),
        ("?*" * 900 + "b", False),
        ("*?a" * 600 + "*", True),
        ("*" + "?a" * 900 + "b*", False),
        ("*" + "a?" * 900 + "b*", False),
        ("*" + "?" * 1900 + "*", True),
        ("${" * 900, False),
    ],
    ids=lambda value: value[:8] if isinstance(value, str) else str(value),
)
def test_no_pattern_makes_the_evaluation_slow(pattern: str, expected: bool) -> None:
    started = time.process_time()
    assert allows(pattern, "a" * 20_000) is expected
    assert time.process_time() - started < 1
