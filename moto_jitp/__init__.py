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
    from .devices import AmbiguousEndpoint as AmbiguousEndpoint
    from .devices import ConnectionRefused as ConnectionRefused
    from .devices import DeviceConnection as DeviceConnection
    from .devices import NotAuthorized as NotAuthorized
    from .endpoint.device_endpoint import DeviceEndpoint as DeviceEndpoint
    from .history.attempts import ConnectionAttempt as ConnectionAttempt
    from .history.attempts import RefusalReason as RefusalReason
    from .history.messages import Event as Event
    from .history.runs import ProvisioningRun as ProvisioningRun
    from .history.runs import ProvisioningStep as ProvisioningStep
    from .mock import JitpHandle as JitpHandle
    from .mock import current as current
    from .mock import mock_jitp as mock_jitp
    from .pki import CertificateAuthority as CertificateAuthority
    from .pki import CertificateError as CertificateError
    from .pki import DeviceIdentity as DeviceIdentity
    from .preview import render as render
    from .sql.explaining import explain_rule as explain_rule
    from .templates import TemplateError as TemplateError
    from .where import connect_device as connect_device

__version__ = "0.2.0"

_HOMES = {
    "AmbiguousEndpoint": "devices",
    "CertificateAuthority": "pki",
    "CertificateError": "pki",
    "ConnectionAttempt": "history.attempts",
    "ConnectionRefused": "devices",
    "DeviceConnection": "devices",
    "DeviceEndpoint": "endpoint.device_endpoint",
    "DeviceIdentity": "pki",
    "Event": "history.messages",
    "JitpHandle": "mock",
    "NotAuthorized": "devices",
    "ProvisioningRun": "history.runs",
    "ProvisioningStep": "history.runs",
    "RefusalReason": "history.attempts",
    "TemplateError": "templates",
    "UnsupportedMotoError": "activation",
    "activate": "activation",
    "connect_device": "where",
    "current": "mock",
    "deactivate": "activation",
    "explain_rule": "sql.explaining",
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
