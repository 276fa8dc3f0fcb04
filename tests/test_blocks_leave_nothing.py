"""However many blocks a process has had, and however they ended, nothing of them remains."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from moto.core.base_backend import AccountSpecificBackend
from moto.iot.models import iot_backends
from support.bodies import PLAIN_BODY
from support.cloud import client
from support.patience import HANG

from moto_jitp import CertificateAuthority, connect_device, mock_jitp
from moto_jitp.broker.message_broker import listeners
from moto_jitp.devices.attempts import observers

CA = CertificateAuthority(common_name="Acme Root")
DEVICE = CA.issue(common_name="bulb")
CONFIG = {"jitp": {"enforce_policies": False, "throttling": {"CreateThing": 100}}}


class Crash(Exception):  # noqa: N818 - how a test may end
    """Ends a block early."""


def live_through(number: int) -> None:
    """A block that does everything that could leave something behind; every fifth ends with an
    exception.
    """
    expected = contextlib.suppress(Crash) if number % 5 == 0 else contextlib.nullcontext()
    with expected, mock_jitp(config=CONFIG) as jitp:
        iot = client()
        CA.register(iot, template_body=PLAIN_BODY)
        connection = connect_device(DEVICE)
        heard: list[Any] = []
        jitp.subscribe("#", heard.append)
        jitp.lambda_handler("gatekeeper", lambda event, context: heard.append(event))
        jitp.fail("CreateThing", "InternalFailureException", times=None)
        jitp.disturb("throttle", "somebody", times=None)
        connection.subscribe("a/#", heard.append)
        connection.publish("a/b", b"x")
        assert heard
        if number % 5 == 0:
            raise Crash


def left_over() -> dict[str, int]:
    """Count what a block could leave."""
    # moto keeps the last 128 of these for the list of Regions that it has made from them.
    AccountSpecificBackend._generate_regions.cache_clear()
    gc.collect()
    kinds = Counter(str(type(thing).__module__).partition(".")[0] for thing in gc.get_objects())
    found = {
        "objects of moto's and ours": kinds["moto"] + kinds["moto_jitp"],
        "accounts": len(iot_backends),
        "observers of attempts": len(observers),
        "listeners to messages": len(listeners),
        "threads": threading.active_count(),
        "hooks of imports": len(sys.meta_path) + len(sys.path_hooks),
        "variables of the environment": len(os.environ),
    }
    files = Path("/proc/self/fd")
    if files.is_dir():
        found["open files"] = len(list(files.iterdir()))
    return found


def crash_in_a_thread() -> None:
    """A block that ends with its thread."""

    @mock_jitp
    def crash() -> None:
        CA.register(client(), template_body=PLAIN_BODY)
        connect_device(DEVICE).subscribe("#", lambda _: None)
        raise SystemExit(1)

    thread = threading.Thread(target=crash)
    thread.start()
    thread.join(HANG)


def what_stays(blocks: int) -> dict[str, int]:
    """Run blocks, and count what they leave, except what the first ones load."""
    for number in range(6):
        live_through(number)
    crash_in_a_thread()
    before, objects = left_over(), len(gc.get_objects())
    for number in range(blocks):
        live_through(number)
    crash_in_a_thread()
    after = left_over()
    found = {kind: after[kind] - before[kind] for kind in after}
    # Caches may hold a few more objects; leftovers of each block would be as many as the blocks.
    return {**found, "objects for each block": (len(gc.get_objects()) - objects) // blocks}


@pytest.mark.slow
def test_blocks_leave_nothing(long: bool) -> None:
    """In a separate process, as the plugin keeps the history of a test's devices for its report."""
    program = [sys.executable, __file__, "1000" if long else "20"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {kind: count for kind, count in found.items() if count} == {}


if __name__ == "__main__":
    print(json.dumps(what_stays(int(sys.argv[1]))))
