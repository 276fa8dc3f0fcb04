"""The topic tree: a message finds its subscribers, however many others there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.steps import steps_of

from moto_jitp.mqtt.topic_filters import topic_matches
from moto_jitp.mqtt.topic_tree import TopicTree

levels = st.sampled_from(["a", "b", "", "$aws", "+x"])
topics = st.lists(levels, min_size=1, max_size=5).map("/".join)
filters = st.builds(
    lambda parts, last: "/".join([*parts, *last]),
    st.lists(levels | st.just("+"), min_size=1, max_size=4),
    st.sampled_from([[], ["#"]]),
) | st.just("#")


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("sensor/1", "sensor/1", True),
        ("sensor/1", "sensor/2", False),
        ("sensor/1", "sensor/1/", False),
        ("sensor/+", "sensor/1", True),
        ("sensor/+", "sensor/", True),
        ("sensor/+", "sensor", False),
        ("sensor/+", "sensor/1/2", False),
        ("+/1", "sensor/1", True),
        ("+/+", "/", True),
        ("sensor/#", "sensor/1/2", True),
        ("sensor/#", "sensor/", True),
        ("sensor/#", "sensor", False),  # AWS IoT differs from MQTT here
        ("#", "sensor", True),
        ("#", "/", True),
        ("#", "$aws/events/x", False),
        ("+/events/x", "$aws/events/x", False),
        ("$aws/events/+", "$aws/events/x", True),
        ("$aws/#", "$aws/events/x", True),
        ("a/#", "a/$b", True),
        ("a/+", "a/$b", True),
    ],
)
def test_a_filter_matches_what_it_matches_on_aws(
    topic_filter: str, topic: str, matches: bool
) -> None:
    tree: TopicTree[str, str] = TopicTree()
    tree.put(topic_filter, "device", "found")

    assert tree.match(topic) == (["found"] if matches else [])


@given(st.lists(st.tuples(filters, st.sampled_from("xyz")), max_size=12), topics)
def test_the_tree_finds_what_a_walk_over_all_filters_finds(
    stored: list[tuple[str, str]], topic: str
) -> None:
    tree: TopicTree[str, tuple[str, str]] = TopicTree()
    for topic_filter, key in stored:
        tree.put(topic_filter, key, (topic_filter, key))

    walked = [entry for entry in dict.fromkeys(stored) if topic_matches(entry[0], topic)]

    assert tree.match(topic) == walked
    assert len(tree) == len(set(stored))


@given(st.lists(st.tuples(filters, st.sampled_from("xy")), max_size=10), st.randoms())
def test_what_is_removed_is_found_no_more_and_leaves_nothing(
    stored: list[tuple[str, str]], random: object
) -> None:
    tree: TopicTree[str, tuple[str, str]] = TopicTree()
    for topic_filter, key in stored:
        tree.put(topic_filter, key, (topic_filter, key))
    entries = list(dict.fromkeys(stored))
    random.shuffle(entries)  # type: ignore[attr-defined]

    for gone in entries:
        assert tree.get(*gone) == gone
        assert tree.remove(*gone) == gone
        assert tree.get(*gone) is None
        assert tree.remove(*gone) is None

    assert len(tree) == 0
    assert tree.match("a/b") == []


def test_a_second_subscription_of_one_client_to_a_filter_replaces_the_first() -> None:
    tree: TopicTree[str, int] = TopicTree()
    assert tree.put("a/b", "device", 0) is None
    assert tree.put("a/b", "other", 7) is None

    assert tree.put("a/b", "device", 1) == 0

    assert tree.match("a/b") == [1, 7]
    assert len(tree) == 2


def test_a_filter_with_very_many_levels_is_harmless() -> None:
    tree: TopicTree[str, str] = TopicTree()
    deep = "/".join(["+"] * 30_000)
    tree.put(deep, "device", "found")

    assert tree.match("/" * 29_999) == ["found"]
    assert tree.remove(deep, "device") == "found"


def test_the_cost_of_a_match_does_not_grow_with_the_other_subscriptions() -> None:
    few: TopicTree[int, int] = TopicTree()
    many: TopicTree[int, int] = TopicTree()
    for number in range(10_000):
        many.put(f"devices/{number}/commands", number, number)
    few.put("devices/4711/commands", 4711, 4711)

    cost_of_few, cost_of_many = (
        steps_of(lambda tree=tree: tree.match("devices/4711/commands"), "moto_jitp.mqtt")
        for tree in (few, many)
    )
    assert cost_of_few == cost_of_many
