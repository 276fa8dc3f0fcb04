"""Whether a call may happen at all: faults and quotas."""

from __future__ import annotations

from moto.iot.models import IoTBackend

from moto_jitp import faults, settings
from moto_jitp.history.state import lock_of, part_of
from moto_jitp.iot.exceptions import FaultOnDemand

from .quotas import CallMeter


def admit(backend: IoTBackend, operation: str, *, over_mqtt: bool = False) -> None:
    """Check that a call of an API operation may happen.

    Args:
        backend: the account and Region of the call.
        operation: its name, such as ``CreateThing``.
        over_mqtt: whether a device makes it, in the MQTT API of fleet provisioning.

    Raises:
        NotAdmitted: a test requested a failure, or the operation's quota is used up.
    """
    raise_planned_fault(operation)
    throttling = settings.current().throttling
    if throttling is not False:
        with lock_of(backend):
            meter = part_of(backend, CallMeter)
            meter.take(operation, throttling, over_mqtt=over_mqtt)


def raise_planned_fault(operation: str) -> None:
    """Fail a call of an API operation if a test requested that.

    Raises:
        FaultOnDemand: it did.
    """
    if faults.any_planned() and (fault := faults.take(operation)):
        raise FaultOnDemand(operation, fault.code, fault.message)
