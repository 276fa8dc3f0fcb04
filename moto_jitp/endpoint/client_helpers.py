"""Arguments and files for well-known MQTT clients, so that they connect to an endpoint."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from moto_jitp.pki import DeviceIdentity


class ClientFiles:
    """Files for clients that read files, in a separate folder that only its owner can read.

    Args:
        root_pem: the root certificate that clients must trust.
    """

    def __init__(self, root_pem: str) -> None:
        self._root_pem = root_pem
        self._folder = tempfile.TemporaryDirectory(prefix="moto_jitp_endpoint_")
        self.root_path = Path(self._folder.name) / "root.pem"
        _write(self.root_path, root_pem)

    def of(self, device: DeviceIdentity) -> Path:
        """Return a folder with ``cert.pem``, ``key.pem`` and ``root.pem``.

        Args:
            device: the device; its chain, if any, follows its certificate in ``cert.pem``.
        """
        folder = Path(self._folder.name) / device.certificate_id
        if not folder.exists():
            folder.mkdir(mode=0o700)
            _write(folder / "cert.pem", device.chain_pem)
            _write(folder / "key.pem", device.private_key_pem)
            _write(folder / "root.pem", self._root_pem)
        return folder

    def remove(self) -> None:
        """Delete all of them."""
        self._folder.cleanup()


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_bytes(text.encode())


def mosquitto_args(folder: Path, host: str, port: int) -> list[str]:
    """Return arguments of ``mosquitto_pub`` and ``mosquitto_sub``."""
    return [
        *("--cafile", str(folder / "root.pem")),
        *("--cert", str(folder / "cert.pem")),
        *("--key", str(folder / "key.pem")),
        *("-h", host, "-p", str(port)),
    ]


def curl_args(folder: Path) -> list[str]:
    """Return arguments of ``curl``, without the URL."""
    return [
        *("--cacert", str(folder / "root.pem")),
        *("--cert", str(folder / "cert.pem")),
        *("--key", str(folder / "key.pem")),
        # A proxy for the outside world does not lead to this machine.
        *("--silent", "--show-error", "--noproxy", "*"),
    ]


def paho_arguments(folder: Path) -> dict[str, Any]:
    """Return keyword arguments of paho-mqtt's ``Client.tls_set``."""
    return {
        "ca_certs": str(folder / "root.pem"),
        "certfile": str(folder / "cert.pem"),
        "keyfile": str(folder / "key.pem"),
    }


def awsiot_arguments(folder: Path, host: str, port: int) -> dict[str, Any]:
    """Return keyword arguments of awsiotsdk's ``mtls_from_path``, in both of its builders."""
    return {
        "endpoint": host,
        "port": port,
        "cert_filepath": str(folder / "cert.pem"),
        "pri_key_filepath": str(folder / "key.pem"),
        "ca_filepath": str(folder / "root.pem"),
    }
