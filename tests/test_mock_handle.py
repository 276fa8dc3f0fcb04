"""The handle, the configuration's errors, and what the end of a block restores."""

from __future__ import annotations

import threading
from typing import Any

import boto3
import pytest
from moto.moto_api import state_manager
from support.patience import HANG

from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device, settings
from moto_jitp.mock import current, mock_jitp

TRANSITION = "iot::jitp"


def by_hand(times: int) -> dict[str, Any]:
    """A speed: devices change their state after this many looks."""
    return {"progression": "manual", "times": times}


def test_current_is_the_innermost_blocks_handle() -> None:
    with mock_jitp() as outer:
        assert current() is outer
        with mock_jitp() as inner:
            assert current() is inner
        assert current() is outer


def test_current_is_found_from_other_threads() -> None:
    found: list[Any] = []
    with mock_jitp() as jitp:
        thread = threading.Thread(target=lambda: found.append(current()))
        thread.start()
        thread.join()
    assert found == [jitp]


def test_one_mock_in_two_threads_ends_the_block_of_the_thread_that_leaves() -> None:
    entered, leave = threading.Event(), threading.Event()
    handles: list[Any] = []
    shared = mock_jitp()

    def use() -> None:
        with shared as jitp:
            handles.append(jitp)
            entered.set()
            leave.wait(HANG)

    thread = threading.Thread(target=use)
    with shared as of_this_thread:
        thread.start()
        assert entered.wait(HANG)
    with pytest.raises(RuntimeError, match="ended"):
        of_this_thread.subscribe("#", print)
    assert current() is handles[0]
    handles[0].subscribe("#", print)
    leave.set()
    thread.join()


def test_without_a_block_current_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="@mock_jitp"):
        current()


def connect_a_new_device(common_name: str) -> str:
    """Register a CA without a template and connect: AWS publishes the registration and refuses."""
    iot = boto3.client("iot", region_name="us-east-1")
    ca = CertificateAuthority(common_name=f"CA of {common_name}")
    ca.register(iot)
    device = ca.issue(common_name=common_name)
    with pytest.raises(ConnectionRefused):
        connect_device(device)
    return device.certificate_id


def test_the_handle_tells_what_happened_also_after_the_block() -> None:
    with mock_jitp() as jitp:
        assert (jitp.connections, jitp.events) == ((), ())
        first = connect_a_new_device("first")
        with mock_jitp() as inner:
            second = connect_a_new_device("second")
        third = connect_a_new_device("third")
    with mock_jitp():
        connect_a_new_device("of-another-block")
        seen = [attempt.certificate_id for attempt in jitp.connections]
        assert seen == [first, second, third]
        assert [attempt.certificate_id for attempt in inner.connections] == [first, second]
    assert [event.topic.rsplit("/")[-2] for event in jitp.events] == ["registered"] * 3


def test_the_current_handle_of_a_decorated_function_keeps_what_happened() -> None:
    @mock_jitp
    def use() -> Any:
        connect_a_new_device("bulb")
        return current()

    assert len(use().connections) == 1


def test_subscriptions_last_until_they_are_cancelled_or_their_block_ends() -> None:
    of_outer: list[str] = []
    of_inner: list[str] = []
    cancelled: list[str] = []
    topics = "$aws/events/certificates/registered/+"
    with mock_jitp() as outer:
        outer.subscribe(topics, lambda event: of_outer.append(event.topic))
        subscription = outer.subscribe(topics, lambda event: cancelled.append(event.topic))
        with mock_jitp() as inner:
            inner.subscribe(topics, lambda event: of_inner.append(event.topic))
            connect_a_new_device("one")
        subscription.cancel()
        connect_a_new_device("two")
    with mock_jitp():
        connect_a_new_device("three")
    assert (len(of_outer), len(of_inner), len(cancelled)) == (2, 1, 1)


def test_the_handle_of_an_ended_block_refuses_subscriptions() -> None:
    with mock_jitp() as jitp:
        pass
    with pytest.raises(RuntimeError, match="ended"):
        jitp.subscribe("$aws/events/#", print)
    assert jitp.connections == ()
    assert jitp.events == ()


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"jitp": {"strikt": True}}, "Did you mean 'strict'"),
        ({"jitp": {"colour": True}}, r'"jitp"\. The keys are: strict, '),
        ({"jitp": {"jitp": {"strict": True}}}, r'but \{"strict": true\}'),
        ({"jitp": {"strict": "yes"}}, "True or False"),
        ({"jitp": 7}, "mapping"),
        ({"strict": False}, r"\{'jitp': \{'strict': False\}\}"),
        ({"jtip": {"strict": False}}, "Did you mean 'jitp'"),
        ({"core": True}, "'core' must be a mapping"),
        (["jitp"], "mapping of section names"),
    ],
)
def test_a_wrong_configuration_is_refused_before_anything_starts(config: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        mock_jitp(config=config)
    with pytest.raises(ValueError, match=text):
        mock_jitp(lambda: None, config=config)


def test_sections_that_moto_ignores_are_ignored() -> None:
    with mock_jitp(config={"of-a-later-moto": {"key": 1}}):
        pass


def test_blocks_are_strict_and_the_innermost_keys_win() -> None:
    with mock_jitp(config={"jitp": {"metrics": False, "strict": False}}):
        with mock_jitp(config={"jitp": {"strict": True}}):
            assert (settings.current().strict, settings.current().metrics) == (True, False)
        assert settings.current().strict is False


def test_the_speed_of_devices_set_in_a_block_ends_with_that_block() -> None:
    default = state_manager.get_transition(TRANSITION)
    with mock_jitp():
        with mock_jitp():
            state_manager.set_transition(TRANSITION, by_hand(3))
            with mock_jitp():
                assert state_manager.get_transition(TRANSITION) == by_hand(3)
            assert state_manager.get_transition(TRANSITION) == by_hand(3)
        assert state_manager.get_transition(TRANSITION) == default
        state_manager.set_transition(TRANSITION, by_hand(2))
        with mock_jitp():
            state_manager.unset_transition(TRANSITION)
            assert state_manager.get_transition(TRANSITION) == default
        assert state_manager.get_transition(TRANSITION) == by_hand(2)
    assert state_manager.get_transition(TRANSITION) == default


def test_blocks_that_overlap_keep_their_own_speed_of_devices() -> None:
    default = state_manager.get_transition(TRANSITION)
    one, two, three = mock_jitp(), mock_jitp(), mock_jitp()
    one.start()
    state_manager.set_transition(TRANSITION, by_hand(1))
    two.start()
    three.start()
    state_manager.set_transition(TRANSITION, by_hand(3))
    one.stop()
    assert state_manager.get_transition(TRANSITION) == by_hand(3)
    three.stop()
    # The second has set nothing, and the first has ended.
    assert state_manager.get_transition(TRANSITION) == default
    two.stop()
    assert state_manager.get_transition(TRANSITION) == default


def test_one_speed_set_by_two_blocks_stays_until_the_second_ends() -> None:
    shared = by_hand(4)
    default = state_manager.get_transition(TRANSITION)
    outer, inner = mock_jitp(), mock_jitp()
    outer.start()
    state_manager.set_transition(TRANSITION, shared)
    inner.start()
    state_manager.set_transition(TRANSITION, shared)
    outer.stop()
    assert state_manager.get_transition(TRANSITION) == shared
    inner.stop()
    assert state_manager.get_transition(TRANSITION) == default


def test_the_speed_of_devices_set_before_a_block_comes_back() -> None:
    before = {"progression": "manual", "times": 2}
    state_manager.set_transition(TRANSITION, before)
    try:
        with mock_jitp():
            assert state_manager.get_transition(TRANSITION) == before
            state_manager.unset_transition(TRANSITION)
        assert state_manager.get_transition(TRANSITION) == before
    finally:
        state_manager.unset_transition(TRANSITION)


def test_other_services_speeds_are_left_as_the_block_set_them() -> None:
    state_manager.set_transition("dax::cluster", {"progression": "manual", "times": 1})
    try:
        with mock_jitp():
            state_manager.set_transition("dax::cluster", {"progression": "manual", "times": 9})
        assert state_manager.get_transition("dax::cluster")["times"] == 9
    finally:
        state_manager.unset_transition("dax::cluster")
