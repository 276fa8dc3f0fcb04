"""``JitpServer``: moto's server in a process of its own, for one pytest process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from typing import IO, TYPE_CHECKING, Any, Final

from .environment import DUMMY, safe_values, unsafe_names

if TYPE_CHECKING:
    from moto_jitp import (
        ConnectionAttempt,
        DeviceConnection,
        DeviceIdentity,
    )
    from moto_jitp.history.journal import RunEntry
    from moto_jitp.remote.faults import ServerDisturbance

    from .description import Device, DeviceDescription

_REGION = "us-east-1"
# These limits only end a hang; a slow machine does not reach them.
_STOPS_WITHIN = 60.0
_ANSWERS_WITHIN = 600.0
_LAST_WORDS = 2000
_THE_ENDPOINT: Final[Any] = "<the endpoint>"


@contextmanager
def running_server() -> Iterator[JitpServer]:
    """Run a server until the block or this process ends, however it dies.

    Raises:
        RuntimeError: it does not start; the message has its output.
    """
    from moto_jitp.extras import command_for, is_installed

    if not is_installed("server"):
        raise RuntimeError(
            f"jitp_server needs the dependencies of moto's server: {command_for('server')}"
        )
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.server_process"],
            # The server ends when this pipe closes, which even the death of this process brings
            # about.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(),
            # Ctrl-C goes to pytest, which ends the server after the fixtures that use it.
            start_new_session=True,
        )
        with process:
            try:
                yield JitpServer(_listening_at(process, log), process)
            finally:
                _stop(process)


class JitpServer:
    """A server and how to reach it.

    Its state belongs to the running test: it is cleared before each test that uses the server.

    Attributes:
        process_id: the id of its process.
    """

    def __init__(self, endpoint_url: str, process: subprocess.Popen[bytes]) -> None:
        from moto_jitp.remote.client import ControlClient

        self.process_id = process.pid
        self._process = process
        self._endpoint_url = endpoint_url
        self._control = ControlClient(endpoint_url, connections=8)
        self._is_used = True
        self._settings: Mapping[str, Any] = {}

    @property
    def endpoint_url(self) -> str:
        """Where it listens, such as ``http://127.0.0.1:43123``.

        For the ``endpoint_url`` of boto3 and aiobotocore and ``--endpoint-url`` of the AWS CLI.
        """
        self._begin_use()
        return self._endpoint_url

    def client(self, service: str, **options: Any) -> Any:
        """Make a boto3 client that speaks to the server, with dummy credentials.

        Args:
            service: such as ``"iot"``.
            **options: further arguments of ``boto3.client``; ``region_name`` is us-east-1 by
                default.
        """
        import boto3
        from botocore.config import Config

        from moto_jitp.aws.sessions import isolated_session

        # A proxy for the outside world does not lead to this machine.
        config = Config(proxies={}, read_timeout=_ANSWERS_WITHIN)
        if options.get("config") is not None:
            config = config.merge(options["config"])
        session = boto3.Session(
            botocore_session=isolated_session(DUMMY),
            region_name=options.pop("region_name", _REGION),
        )
        return session.client(
            service, **{"endpoint_url": self.endpoint_url, **options, "config": config}
        )

    def connect(
        self,
        device: DeviceIdentity | str | bytes | PathLike[str],
        *,
        endpoint: str | None = None,
        server_name: str | None = _THE_ENDPOINT,
        client_id: str | None = None,
        reconnect: bool = True,
    ) -> DeviceConnection:
        """Connect a device to the server, as :func:`moto_jitp.connect_device` does in process.

        Arguments, result and errors are those of that function.
        """
        from moto_jitp.devices.arguments import ServerName
        from moto_jitp.files import content_of
        from moto_jitp.remote.connection import connect_at

        self._begin_use()
        chosen_server_name = None if server_name is _THE_ENDPOINT else ServerName(server_name)
        return connect_at(
            self._control, content_of(device), endpoint, chosen_server_name, client_id, reconnect
        )

    def describe(self, device: Device) -> DeviceDescription:
        """Return what the server knows about a device, as ``jitp.describe`` does."""
        from .description import describe

        return describe(self.client("iot"), device)

    @property
    def connections(self) -> tuple[ConnectionAttempt, ...]:
        """All connection attempts of this test so far, oldest first."""
        from moto_jitp.history.looking import look_at

        self._begin_use()
        return look_at(self.attempts())

    def disturb(
        self,
        kind: str,
        client_id: str | None = None,
        times: int | None = 1,
        *,
        every: int = 1,
        seconds: float | None = None,
        packets: int | None = None,
    ) -> ServerDisturbance:
        """Have something go wrong on devices' connections until the server is reset.

        Arguments and errors are those of :meth:`moto_jitp.JitpHandle.disturb`.
        """
        from moto_jitp.disturbances import checked_disturbance
        from moto_jitp.remote.faults import ServerDisturbance

        request = checked_disturbance(
            kind, client_id, times, every=every, seconds=seconds, packets=packets
        )
        self._begin_use()
        return ServerDisturbance(self._control, request)

    def reset(self) -> None:
        """Clear the state of all services.

        Raises:
            ConnectionError: the server is gone.
        """
        import urllib3

        try:
            # Not urllib3.request, which urllib3 1.26 does not have.
            urllib3.PoolManager(retries=False).request(
                "POST", f"{self._endpoint_url}/moto-api/reset", timeout=_ANSWERS_WITHIN
            )
        except urllib3.exceptions.HTTPError:
            code = self._process.poll()
            state = "runs" if code is None else f"has ended with exit code {code}"
            raise ConnectionError(
                f"jitp_server no longer answers at {self._endpoint_url}; its process "
                f"{self.process_id} {state}."
            ) from None

    def begin_test(self, is_used: bool, options: Mapping[str, Any]) -> None:
        """A test begins.

        Args:
            is_used: whether it is known to use the server; otherwise its first use shows it.
            options: the keywords of its ``jitp`` markers.
        """
        self._is_used = False
        self._settings = options.get("config", {}).get("jitp", {})
        if is_used:
            self._begin_use()

    def attempts(self) -> tuple[ConnectionAttempt, ...]:
        """The attempts of this test; none if it has not used the server."""
        from moto_jitp.remote.connection import connection_attempts_at

        return connection_attempts_at(self._control) if self._is_used else ()

    def runs(self) -> tuple[RunEntry, ...]:
        """The provisioning runs of this test; none if it has not used the server."""
        from moto_jitp.remote.connection import runs_at

        return runs_at(self._control) if self._is_used else ()

    def _begin_use(self) -> None:
        if not self._is_used:
            self.reset()
            self._configure()
            self._is_used = True

    def _configure(self) -> None:
        """Put only this test's settings into force."""
        import pytest

        from moto_jitp.remote.client import ControlError

        try:
            self._control.put("config", self._settings)
        except ControlError as error:
            raise pytest.fail.Exception(f"jitp_server: {error}", pytrace=False) from None

    def __repr__(self) -> str:
        return f"<JitpServer {self._endpoint_url}>"


def _environment() -> dict[str, str]:
    unsafe = {*unsafe_names(os.environ), "TEST_SERVER_MODE"}
    kept_variables = {name: value for name, value in os.environ.items() if name not in unsafe}
    return {**kept_variables, **safe_values(_REGION)}


def _listening_at(process: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    if not line.startswith("http"):
        process.kill()
        code = process.wait()
        log.seek(0)
        last_output = log.read().decode(errors="replace")[-_LAST_WORDS:].strip() or "nothing"
        raise RuntimeError(
            f"The server of jitp_server ended with exit code {code} before it listened. It said: "
            f"{last_output}"
        )
    return line.strip()


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
