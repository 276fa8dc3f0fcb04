"""Test AWS IoT just-in-time provisioning on your own machine: a plugin for moto.

The names below are loaded when they are first used, so that importing the package is cheap and
``CertificateAuthority`` works without moto.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .activation import UnsupportedMotoError as UnsupportedMotoError
    from .activation import activate as activate
    from .activation import deactivate as deactivate
    from .broker.events import Event as Event
    from .devices import AmbiguousEndpoint as AmbiguousEndpoint
    from .devices import ConnectionAttempt as ConnectionAttempt
    from .devices import ConnectionRefused as ConnectionRefused
    from .devices import DeviceConnection as DeviceConnection
    from .devices import NotAuthorized as NotAuthorized
    from .devices import RefusalReason as RefusalReason
    from .devices import connect_device as connect_device
    from .iot.provisioning.provisioning_run import ProvisioningRun as ProvisioningRun
    from .iot.provisioning.provisioning_run import ProvisioningStep as ProvisioningStep
    from .mock import JitpHandle as JitpHandle
    from .mock import current as current
    from .mock import mock_jitp as mock_jitp
    from .pki import CertificateAuthority as CertificateAuthority
    from .pki import CertificateError as CertificateError
    from .pki import DeviceIdentity as DeviceIdentity
    from .preview import render as render
    from .templates import TemplateError as TemplateError

__version__ = "0.1.0"

_HOMES = {
    "AmbiguousEndpoint": "devices",
    "CertificateAuthority": "pki",
    "CertificateError": "pki",
    "ConnectionAttempt": "devices",
    "ConnectionRefused": "devices",
    "DeviceConnection": "devices",
    "DeviceIdentity": "pki",
    "Event": "broker.events",
    "JitpHandle": "mock",
    "NotAuthorized": "devices",
    "ProvisioningRun": "iot.provisioning.provisioning_run",
    "ProvisioningStep": "iot.provisioning.provisioning_run",
    "RefusalReason": "devices",
    "TemplateError": "templates",
    "UnsupportedMotoError": "activation",
    "activate": "activation",
    "connect_device": "devices",
    "current": "mock",
    "deactivate": "activation",
    "mock_jitp": "mock",
    "render": "preview",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
