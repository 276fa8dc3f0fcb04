"""The state of an account and Region is in one place, and moto's reset clears it."""

from __future__ import annotations

import threading

from moto.iot.models import iot_backends
from support.cloud import ACCOUNT
from support.races import in_threads

from moto_jitp import CertificateAuthority, JitpHandle, connect_device
from moto_jitp.history.state import state_of


def test_whatever_devices_do_is_kept_under_one_key_of_the_backend(
    mocked: JitpHandle, ca: CertificateAuthority
) -> None:
    device = ca.issue(common_name="bulb-1")
    connection = connect_device(device)
    connection.subscribe("a/b")
    connection.publish("a/b", b"on")
    connection.disconnect()
    assert mocked.events
    backend = iot_backends[ACCOUNT]["us-east-1"]
    fresh = type(backend)("us-east-1", ACCOUNT)
    assert len(backend.__dict__.keys() - fresh.__dict__.keys()) == 1


def test_a_reset_forgets_all_of_it(mocked: JitpHandle, ca: CertificateAuthority) -> None:
    connect_device(ca.issue(common_name="bulb-1"))
    backend = iot_backends[ACCOUNT]["us-east-1"]
    before = set(backend.__dict__)
    backend.reset()
    assert len(before - backend.__dict__.keys()) == 1
    assert mocked.connections == ()
    assert mocked.events == ()


def test_those_that_ask_at_the_same_moment_are_given_the_same_state(mocked: JitpHandle) -> None:
    backend = iot_backends[ACCOUNT]["us-east-1"]
    backend.reset()
    start, found = threading.Barrier(8), []

    def ask() -> None:
        start.wait()
        found.append(state_of(backend).part(dict))

    in_threads(*[ask] * 8)
    assert len(found) == 8
    assert all(state is found[0] for state in found)


def test_an_attempt_still_tells_its_id_by_the_former_name(
    mocked: JitpHandle, ca: CertificateAuthority
) -> None:
    connection = connect_device(ca.issue(common_name="bulb-1"))
    assert [attempt.attempt_id for attempt in connection.attempts] == [
        attempt.sequence for attempt in mocked.connections
    ]
