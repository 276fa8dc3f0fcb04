"""Shared helpers of server tests: a client, a CA that provisions, a server process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import boto3
import urllib3
from botocore.config import Config
from moto.server import ThreadedMotoServer

import moto_jitp
from moto_jitp import CertificateAuthority, DeviceIdentity
from support.patience import HANG

COMMON_NAME, COUNTRY, CERTIFICATE_ID = (
    f"AWS::IoT::Certificate::{name}" for name in ("CommonName", "Country", "Id")
)
TEMPLATE = {
    "Parameters": {name: {"Type": "String"} for name in (COMMON_NAME, COUNTRY, CERTIFICATE_ID)},
    "Resources": {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {
                "ThingName": {"Ref": COMMON_NAME},
                "AttributePayload": {"country": {"Ref": COUNTRY}},
            },
        },
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {"CertificateId": {"Ref": CERTIFICATE_ID}, "Status": "ACTIVE"},
        },
    },
}


def post(url: str, **options: Any) -> urllib3.BaseHTTPResponse:
    """Send a POST request, with urllib3 1.26 or 2."""
    return urllib3.PoolManager().request("POST", url, timeout=HANG, **options)


class Api:
    """The control routes of a server, over plain HTTP."""

    def __init__(self, endpoint_url: str) -> None:
        self.url = f"{endpoint_url}/moto-api/jitp"
        self._http = urllib3.PoolManager(retries=False, maxsize=200, cert_reqs="CERT_NONE")

    def request(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        return self._http.request(method, f"{self.url}{path}", redirect=False, **options)

    def get(self, path: str) -> Any:
        answer = self.request("GET", path)
        assert answer.status == 200, answer.data
        return json.loads(answer.data)

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        answer = self.request("POST", path, body=json.dumps(body))
        assert answer.status == status, answer.data
        return json.loads(answer.data)

    def connect(self, device: DeviceIdentity | str, **fields: Any) -> Any:
        pem = device if isinstance(device, str) else device.certificate_pem
        return self.post("/connect", {"certificatePem": pem, **fields})


def client(endpoint_url: str, service: str = "iot", **options: Any) -> Any:
    """A boto3 client for the server."""
    return boto3.client(
        service,
        **{
            "region_name": "us-east-1",
            "endpoint_url": endpoint_url,
            "aws_access_key_id": "testing",
            "aws_secret_access_key": "testing",
            **options,
            # A second attempt would repeat what a slow machine is still doing.
            "config": Config(read_timeout=HANG).merge(options.get("config") or Config()),
        },
    )


def provisioning_ca(endpoint_url: str, template: Any = TEMPLATE) -> CertificateAuthority:
    """A CA that is registered at the server and provisions its devices."""
    ca = CertificateAuthority(common_name="Acme Root")
    ca.register(client(endpoint_url), template_body=template)
    return ca


class ServerProcess:
    """A ``moto-jitp serve`` that runs."""

    def __init__(self, process: subprocess.Popen[str], first_line: str) -> None:
        self.process = process
        self.first_line = first_line
        found = re.search(r"https?://[^\s\"]+", first_line)
        assert found is not None, first_line
        self.endpoint_url = found[0]

    def lines(self, count: int) -> list[str]:
        """The lines that it writes next, each with its line end."""
        return [_read_line(self.process, self.process.stdout) for _ in range(count)]

    def error_lines(self, count: int) -> list[str]:
        """The lines that it writes next to standard error, which must be a pipe."""
        return [_read_line(self.process, self.process.stderr) for _ in range(count)]


def program(*arguments: str) -> list[str]:
    """The command line of ``moto-jitp``."""
    return [sys.executable, "-m", "moto_jitp.cli", *arguments]


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without the user's AWS and moto settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOTO_", "TEST_"))}
    return {**kept, **more}


def _read_line(process: subprocess.Popen[str], stream: IO[str] | None) -> str:
    assert stream is not None
    # A silent server must not keep the tests waiting for ever; one that has answered may be used
    # for as long as they take.
    guard = threading.Timer(HANG, process.kill)
    guard.start()
    try:
        return stream.readline()
    finally:
        guard.cancel()
        guard.join()


@contextmanager
def serving(*arguments: str, **options: Any) -> Iterator[ServerProcess]:
    """Run ``moto-jitp serve`` on a free port until the block ends."""
    env = options.pop("env", None) or clean_environment()
    # It is killed at the end, so it cannot delete its temporary files.
    with tempfile.TemporaryDirectory() as temporary:
        process = subprocess.Popen(
            program("serve", "--port", "0", *arguments),
            **{
                "stdout": subprocess.PIPE,
                "stderr": subprocess.DEVNULL,
                "stdin": subprocess.DEVNULL,
                "text": True,
                "env": {**env, "TMPDIR": temporary},
                **options,
            },
        )
        try:
            yield ServerProcess(process, _read_line(process, process.stdout))
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@contextmanager
def motos_server(config: dict[str, Any] | None = None) -> Iterator[str]:
    """Run moto's own server with our backend and return its address; stopping it takes half a
    second.
    """
    moto_jitp.activate(config)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        yield url
    finally:
        post(f"{url}/moto-api/reset")
        server.stop()
        moto_jitp.deactivate()
