"""Measures the server: its start, a connecting device, and a connecting fleet.

    python benchmarks/server.py                      # a minute or so
    python benchmarks/server.py --rounds 5 --devices 100

The start is that of the command, until it answers, against moto's own server: the two take turns. A
connect uses the control route, with a device that is provisioned, both attempts; a DescribeThing is
sent by the same HTTP client to the same server. They take turns in small batches on one connection.
Times are those of the client, and each ratio is the median of the ratios of the rounds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from statistics import median
from typing import Any

import boto3

from moto_jitp import CertificateAuthority

GOAL_CONNECT = 1.0
GOAL_READY = 2.0

BATCH = 20
THREADS = (1, 2, 8)
WAITS = 60.0
OURS = ("moto_jitp.cli", "serve", "--port")
PLAIN = ("moto.server", "-p")
SIGNED = "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/iot/aws4_request, Signature=x"

CERTIFICATE = "AWS::IoT::Certificate"
TEMPLATE = {
    "Parameters": {f"{CERTIFICATE}::{name}": {"Type": "String"} for name in ("CommonName", "Id")},
    "Resources": {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": {"Ref": f"{CERTIFICATE}::CommonName"}},
        },
        "certificate": {
            "Type": CERTIFICATE,
            "Properties": {"CertificateId": {"Ref": f"{CERTIFICATE}::Id"}, "Status": "ACTIVE"},
        },
    },
}


@contextmanager
def server(command: Sequence[str]) -> Iterator[tuple[int, float]]:
    """Start a server in a separate process; return its port and the seconds until it answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    began = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", *command, str(port)], **quiet)  # type: ignore[call-overload]
    try:
        while not answers(port):
            if process.poll() is not None or time.perf_counter() - began > WAITS:
                raise RuntimeError(f"{' '.join(command)} does not answer")
            time.sleep(0.005)
        yield port, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAITS)
        connection.request("GET", "/moto-api/data.json")
        return connection.getresponse().status == 200
    return False


class Client:
    """Sends requests on one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def send(self, method: str, path: str, body: Any = None) -> None:
        text = None if body is None else json.dumps(body)
        self._connection.request(method, path, text, {"Authorization": SIGNED} if not text else {})
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} was answered {answer.status}")


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def connects(port: int, rounds: int) -> list[tuple[float, float]]:
    """Return the medians of each round, in seconds: of a connect, and of a DescribeThing."""
    url, region = f"http://127.0.0.1:{port}", "us-east-1"
    iot = boto3.client(
        "iot", region, endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x"
    )
    ca = CertificateAuthority()
    ca.register(iot, template_body=TEMPLATE)
    client = Client(port)

    def connect(pem: str) -> None:
        client.send("POST", "/moto-api/jitp/connect", {"certificatePem": pem})

    def describe() -> None:
        client.send("GET", "/things/bulb")

    connect(ca.issue(common_name="bulb").certificate_pem)
    medians = []
    for _ in range(rounds + 1):
        pems = [ca.issue().certificate_pem for _ in range(BATCH)]
        connecting = median(seconds(lambda pem=pem: connect(pem)) for pem in pems)
        medians.append((connecting, median(seconds(describe) for _ in range(BATCH))))
    return medians[1:]


def fleet(port: int, threads: int, devices: int) -> dict[str, Any]:
    """Run the command ``fleet`` against a server."""
    command = [sys.executable, "-m", "moto_jitp.cli", "fleet", "--json"]
    command += ["--devices", str(devices), "--threads", str(threads)]
    done = subprocess.run(
        [*command, "--endpoint-url", f"http://127.0.0.1:{port}"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code: 1 if ``--check`` is given and a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="of a connect (default: 20)")
    parser.add_argument("--starts", type=int, default=5, help="of each server (default: 5)")
    parser.add_argument("--devices", type=int, default=1000, help="of each fleet (default: 1000)")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    options = parser.parse_args(argv)

    starts = []
    for _ in range(options.starts):
        with server(OURS) as (_, ours), server(PLAIN) as (_, plain):
            starts.append((ours, plain))
    ready = median(ours / plain for ours, plain in starts)
    ours, plain = (median(times) for times in zip(*starts, strict=True))
    print(
        f"ready          moto_jitp {ours:6.2f} s    moto_server   {plain:6.2f} s    "
        f"ratio {ready:5.2f}   goal {GOAL_READY:.2f}",
        flush=True,
    )
    with server(OURS) as (port, _):
        rounds = connects(port, options.rounds)
        connect = median(one / other for one, other in rounds)
        one, other = (median(times) * 1000 for times in zip(*rounds, strict=True))
        print(
            f"one request    connect   {one:6.2f} ms   DescribeThing {other:6.2f} ms   "
            f"ratio {connect:5.2f}   goal {GOAL_CONNECT:.2f}",
            flush=True,
        )
        for threads in THREADS:
            report = fleet(port, threads, options.devices)
            print(
                f"fleet          threads   {threads:6}      {report['devicesPerSecond']:6.0f} "
                f"devices/s   p50 {report['milliseconds']['p50']:6.1f} ms",
                flush=True,
            )
    missed = ready > GOAL_READY or connect > GOAL_CONNECT
    return int(options.check and missed)


if __name__ == "__main__":
    sys.exit(main())
