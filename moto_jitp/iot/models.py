"""``JitpIoTBackend``: moto's IoT backend with just-in-time provisioning in it."""

from __future__ import annotations

from moto.iot.models import IoTBackend


class JitpIoTBackend(IoTBackend):
    """State per account and Region."""


def adopt(backend: IoTBackend) -> None:
    """Turn a live backend of moto's into ours, in place and with its state."""
    backend.__class__ = JitpIoTBackend


def release(backend: IoTBackend) -> None:
    """Turn a backend of ours back into moto's, in place and with its state."""
    backend.__class__ = IoTBackend
