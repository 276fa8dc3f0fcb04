"""Helpers for tests of devices that connect."""

from __future__ import annotations

from typing import Any

import pytest

from moto_jitp import ConnectionRefused, ProvisioningRun, RefusalReason, connect_device

GUIDE_TYPE, GUIDE_GROUP = "lightBulb-versionA", "v1-lightbulbs"


def refusal_of(device: Any, **options: Any) -> ConnectionRefused:
    """Connect a device that should be refused, and return the error."""
    with pytest.raises(ConnectionRefused) as info:
        connect_device(device, **options)
    return info.value


def refused_for(reason: str, device: Any, **options: Any) -> ConnectionRefused:
    """Connect a device that should be refused for this reason, and return the error."""
    refusal = refusal_of(device, **options)
    assert refusal.reason == reason, str(refusal)
    assert refusal.reason is RefusalReason[reason]
    return refusal


def failed_run(device: Any, **options: Any) -> ProvisioningRun:
    """Connect a device whose provisioning should fail, and return the run."""
    run = refused_for("PROVISIONING_FAILED", device, **options).provisioning
    assert run is not None
    return run


def described(iot: Any, certificate_id: str) -> dict[str, Any]:
    """A certificate's description."""
    answer = iot.describe_certificate(certificateId=certificate_id)
    return dict(answer["certificateDescription"])


def status_of(iot: Any, device: Any) -> str | None:
    """The status of a device's certificate; ``None`` if it is not registered."""
    try:
        return str(described(iot, device.certificate_id)["status"])
    except iot.exceptions.ResourceNotFoundException:
        return None


def make_guide_resources(iot: Any, country: str = "KR") -> None:
    """Create the resources that the guide's example template refers to: its thing type and its
    groups.
    """
    iot.create_thing_type(thingTypeName=GUIDE_TYPE)
    for name in (GUIDE_GROUP, country):
        iot.create_thing_group(thingGroupName=name)


def nothing_made(iot: Any) -> bool:
    """Whether there is no thing and no policy."""
    return not iot.list_things()["things"] and not iot.list_policies()["policies"]
