"""``examples/locust``: a few of Locust's users are devices of a server, also in three processes."""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")
pytest.importorskip("flask", reason="the extra [server] is not installed")

from support.patience import HANG, until
from support.servers import Api, clean_environment, serving

pytestmark = [
    pytest.mark.slow,
    # Not imported here: it would replace this process's threads by gevent.
    pytest.mark.skipif(
        importlib.util.find_spec("locust") is None,
        reason="Locust is not installed: pip install -r examples/locust/requirements.txt",
    ),
    pytest.mark.skipif(
        importlib.util.find_spec("paho") is None, reason="paho-mqtt is not installed"
    ),
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]

FILE = Path(__file__).resolve().parents[1] / "examples" / "locust" / "locustfile.py"
USERS = 3


@contextmanager
def locust(folder: Path, *arguments: str) -> Iterator[Path]:
    """Run Locust until the block ends; yield the file with its output."""
    log = folder / f"{len(list(folder.iterdir()))}.log"
    command = [sys.executable, "-m", "locust", "-f", str(FILE), *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=clean_environment(), stdout=output, stderr=output
        )
        try:
            yield log
            process.send_signal(signal.SIGTERM)
            process.wait(HANG)
        finally:
            process.kill()
            process.wait()


def published(api: Api) -> set[str]:
    """The topics of the fleet on which something was published."""
    found: list[Any] = api.get("/events?limit=1000")["events"]
    return {event["topic"] for event in found if event["topic"].startswith("fleet/")}


@pytest.mark.parametrize("user", ["SimulatedDevice", "MqttDevice"])
def test_a_few_users_are_provisioned_and_publish(user: str, tmp_path: Path) -> None:
    with serving("--mqtt-port", "0") as server:
        api = Api(server.endpoint_url)
        arguments = ["--headless", "--host", server.endpoint_url, "-u", str(USERS), "-r", "3", user]
        with locust(tmp_path, *arguments) as log:
            until(lambda: len(published(api)) == USERS)
        attempts = api.get("/connections")["connections"]

    reasons = [attempt["reason"] for attempt in attempts]
    assert sorted(reasons, key=str) == [None] * USERS + ["RECONNECT_REQUIRED"] * USERS
    said = log.read_text()
    assert "0(0.00%)" in said, said


def test_two_workers_of_a_master_share_the_fleet(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with serving("--mqtt-port", "0") as server, ExitStack() as running:
        api = Api(server.endpoint_url)
        master = ["--master", "--headless", "--expect-workers", "2", "--host", server.endpoint_url]
        master += ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        running.enter_context(locust(tmp_path, *master, "-u", "4", "-r", "4", "SimulatedDevice"))
        for _ in range(2):
            worker = ["--worker", "--master-host", "127.0.0.1", "--master-port", port]
            running.enter_context(locust(tmp_path, *worker, "SimulatedDevice"))
        until(lambda: len(published(api)) == 4)
        connections = api.get("/connections")["connections"]

    devices = {attempt["certificateId"] for attempt in connections if attempt["accepted"]}
    assert len(devices) == 4
