"""``JitpIoTBackend``: moto's IoT backend with just-in-time provisioning in it.

The class must stay in a module of this name, with ``urls`` beside it: moto derives the one from the
other.
"""

from __future__ import annotations

from collections.abc import Callable

from moto.iot.models import IoTBackend, iot_backends

from moto_jitp.broker.calling import call_each
from moto_jitp.history.state import existing_backends
from moto_jitp.iot.account.logging_options import LoggingOptions
from moto_jitp.iot.api.operations import PartT
from moto_jitp.iot.certificates.ca_certificates import adopt_ca
from moto_jitp.iot.certificates.device_certificates import adopt_certificate
from moto_jitp.iot.permissions import authorization_simulation as authorization_simulation
from moto_jitp.iot.permissions.policies import IotPolicies
from moto_jitp.iot.provisioning.fleet.fleet_provisioning import FleetProvisioning
from moto_jitp.iot.registry.missing_resources import MissingResources

ending_observers: list[Callable[[JitpIoTBackend], object]] = []
"""Called with a backend before its state is emptied, or before moto takes it back."""


class JitpIoTBackend(FleetProvisioning, IotPolicies, LoggingOptions, MissingResources):
    """All of one account's and Region's IoT state.

    The parts stand in modules of their own, each on the one that it needs: lookups, endpoints,
    tags, provisioning templates, CA certificates, certificates, thing principals, IoT policies,
    logging options, thing registration, fleet provisioning, what moto does not find.
    """

    def part(self, kind: type[PartT]) -> PartT:
        """Return the part of this class."""
        assert isinstance(self, kind)
        return self

    def reset(self) -> None:
        try:
            call_each(ending_observers, self)
        finally:
            super().reset()


def live_backends() -> list[JitpIoTBackend]:
    """Return the backends that exist: the accounts and Regions that have been used."""
    return [backend for backend in existing_backends() if isinstance(backend, JitpIoTBackend)]


def is_plugged_in() -> bool:
    """Whether moto makes backends of ours for accounts and Regions that are new."""
    return iot_backends.backend is JitpIoTBackend


def adopt(backend: IoTBackend) -> None:
    """Turn a live backend of moto's into ours, in place and with its state.

    What ours had kept there before a :func:`release` is found again.
    """
    if isinstance(backend, JitpIoTBackend):
        return
    fresh = JitpIoTBackend(backend.region_name, backend.account_id)
    kept = dict(backend.__dict__)
    backend.__class__ = JitpIoTBackend
    assert isinstance(backend, JitpIoTBackend)
    backend.__dict__.update({key: fresh.__dict__[key] for key in fresh.__dict__ if key not in kept})
    for ca in backend.ca_certificates.values():
        adopt_ca(ca, next(backend.sequences))
    for certificate in backend.certificates.values():
        adopt_certificate(certificate, next(backend.sequences))
    sequences = backend.sequences
    backend.install_indexes()
    backend.sequences = sequences


def release(backend: IoTBackend) -> None:
    """Turn a backend of ours back into moto's, in place and with its state."""
    if isinstance(backend, JitpIoTBackend):
        call_each(ending_observers, backend)
        backend.__class__ = IoTBackend  # type: ignore[assignment]
