"""A process that is forked while another thread is at work does not hang in inherited locks."""

from __future__ import annotations

import ast
import os
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from moto.core.base_backend import backend_lock
from moto.core.models import MockAWS
from moto.iot.models import iot_backends
from support.cloud import client
from support.patience import HANG
from support.servers import TEMPLATE

import moto_jitp
from moto_jitp import CertificateAuthority, connect_device, mock_jitp
from moto_jitp.locks import cached_property, new_condition, new_lock, new_rlock
from moto_jitp.remote.client import ControlClient
from moto_jitp.server import ThreadedJitpServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    # Python warns of forking where there are threads, which is what is tested.
    pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning"),
]


def succeeds_in_a_child(act: Callable[[], object]) -> bool:
    """Fork, and return whether the child succeeded; it is ended if it hangs."""
    process_id = os.fork()
    if process_id == 0:
        code = 1
        try:
            if act() is not False:
                code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    guard = threading.Timer(HANG, os.kill, (process_id, 9))
    guard.start()
    try:
        return os.waitpid(process_id, 0)[1] == 0
    finally:
        guard.cancel()
        guard.join()


@contextmanager
def held_elsewhere(lock: Any) -> Iterator[None]:
    """Let another thread hold a lock until the block ends."""
    is_held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            is_held.set()
            let_go.wait(HANG)

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait(HANG)
    try:
        yield
    finally:
        let_go.set()
        thread.join()


def test_a_device_connects_in_a_child_that_is_forked_while_others_connect() -> None:
    with mock_jitp():
        ca = CertificateAuthority(common_name="Acme Root")
        ca.register(client(), template_body=TEMPLATE)
        bulbs = [ca.issue(f"bulb-{number}", country="KR") for number in range(3)]
        ends = threading.Event()

        def connect_again_and_again(number: int) -> None:
            while not ends.is_set():
                connect_device(bulbs[number])

        threads = [
            threading.Thread(target=connect_again_and_again, args=(number,))
            for number in range(len(bulbs))
        ]
        for thread in threads:
            thread.start()
        try:
            outcomes = [succeeds_in_a_child(lambda: connect_device(bulbs[0])) for _ in range(10)]
        finally:
            ends.set()
            for thread in threads:
                thread.join()
        assert outcomes == [True] * 10


def test_a_block_begins_and_a_device_connects_in_a_child_whatever_lock_was_held() -> None:
    def act() -> None:
        with mock_jitp() as jitp:
            connect_device(bulb)
            jitp.subscribe("#", print)

    with mock_jitp():
        ca = CertificateAuthority(common_name="Acme Root")
        ca.register(client(), template_body=TEMPLATE)
        bulb = ca.issue("bulb-1", country="KR")
        connect_device(bulb)
        backend = iot_backends["123456789012"]["us-east-1"]
        for lock in (backend.lock, backend_lock, MockAWS._mock_init_lock):
            with held_elsewhere(lock):
                assert succeeds_in_a_child(act)


@pytest.mark.parametrize("make", [new_lock, new_rlock, new_condition])
def test_a_lock_that_another_thread_holds_is_free_in_a_child(make: Callable[[], Any]) -> None:
    lock = make()
    with held_elsewhere(lock):
        assert not lock.acquire(blocking=False)
        assert succeeds_in_a_child(lambda: lock.acquire(blocking=False))


def test_what_the_forking_thread_holds_it_still_holds_in_the_child() -> None:
    lock = new_rlock()

    def let_go() -> None:
        lock.release()
        with pytest.raises(RuntimeError):
            lock.release()

    with lock:
        assert succeeds_in_a_child(let_go)


def test_a_property_that_another_thread_is_computing_is_computed_in_a_child() -> None:
    computes, goes_on = threading.Event(), threading.Event()
    parent = os.getpid()

    class Value:
        @cached_property
        def square(self) -> int:
            computes.set()
            if os.getpid() == parent:
                goes_on.wait(HANG)
            return 49

    thread = threading.Thread(target=lambda: Value().square)
    thread.start()
    computes.wait(HANG)
    try:
        assert succeeds_in_a_child(lambda: Value().square == 49)
    finally:
        goes_on.set()
        thread.join()


def test_a_child_speaks_to_a_server_while_a_thread_of_its_parent_waits_for_an_answer() -> None:
    with ThreadedJitpServer() as server:
        control = ControlClient(server.endpoint_url, connections=1)
        version = control.get("state")["version"]
        answers: list[Any] = []
        waiting = threading.Thread(
            target=lambda: answers.append(control.get("state", after=version, wait=30))
        )
        waiting.start()
        assert succeeds_in_a_child(lambda: control.get("ready")["status"] == "ready")
        client_of_its_own = ControlClient(server.endpoint_url)
        client_of_its_own.put("config", {})
        waiting.join()
        assert answers[0]["version"] != version


def test_every_lock_of_the_package_is_made_where_a_fork_is_thought_of() -> None:
    package = Path(moto_jitp.__file__).parent
    makers = {"Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore", "Barrier"}
    found = []
    for path in package.rglob("*.py"):
        # An endpoint's workers do not go on in a child, and nobody else takes their locks.
        if path.name == "locks.py" or path.match("endpoint/workers.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                f"{prefix}{name}" for name in makers for prefix in ("", "threading.")
            }:
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
            if isinstance(node, ast.ImportFrom) and node.module == "functools":
                found += [
                    f"{path.name}:{node.lineno}: functools.cached_property"
                    for name in node.names
                    if name.name == "cached_property"
                ]
    # moto_jitp.policies has its own Condition, unrelated to threads.
    found = [one for one in found if not one.startswith("conditions.py")]
    assert not found, "\n".join([*found, "Make it with moto_jitp.locks."])
