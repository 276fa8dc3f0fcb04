"""Requests over HTTPS to an endpoint, sent with curl as a device would."""

from __future__ import annotations

import json
import subprocess
from typing import Any, NamedTuple

from moto_jitp import DeviceIdentity
from support.endpoint_stories import Place
from support.patience import HANG


class Answer(NamedTuple):
    """The answer that curl received."""

    status: int
    error_type: str
    body: Any


def curl(place: Place, device: DeviceIdentity | None, path: str, *options: str) -> Answer:
    """Send a request with curl as a device, or without a certificate."""
    endpoint = place.endpoint
    arguments = (
        endpoint.curl_args(device)
        if device is not None
        else ["-s", "--noproxy", "*", "--cacert", str(endpoint.root_ca_path)]
    )
    shown = "\n%{http_code} %header{x-amzn-errortype}"
    command = ["curl", *arguments, *options, "-w", shown, f"{endpoint.https_url}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=True)
    body, _, last = done.stdout.rpartition("\n")
    status, _, error_type = last.partition(" ")
    return Answer(int(status), error_type.strip(), json.loads(body))


def publish(place: Place, device: DeviceIdentity, path: str, *options: str) -> Answer:
    return curl(place, device, path, "--data-binary", "on", *options)
