"""Certificates of fleet provisioning that no device has registered within an hour."""

from __future__ import annotations

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from support.devices import described, refused_for
from support.fleet import CREATE_KEYS, ClaimDevice, identity, make_template


@pytest.fixture
def issued(clock: FrozenDateTimeFactory, iot: Any) -> dict[str, Any]:
    """A certificate that a device received 3599 seconds ago and has not used."""
    make_template()
    answer = ClaimDevice().accepted(CREATE_KEYS)
    clock.tick(3599)
    return answer


def test_after_an_hour_they_cannot_be_described(
    clock: FrozenDateTimeFactory, iot: Any, issued: dict[str, Any]
) -> None:
    assert described(iot, issued["certificateId"])["status"] == "PENDING_ACTIVATION"
    clock.tick(1)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        described(iot, issued["certificateId"])


def test_after_an_hour_they_are_not_listed(
    clock: FrozenDateTimeFactory, iot: Any, issued: dict[str, Any]
) -> None:
    before = len(iot.list_certificates()["certificates"])
    clock.tick(1)
    assert len(iot.list_certificates()["certificates"]) == before - 1


def test_after_an_hour_a_device_cannot_connect_with_them(
    clock: FrozenDateTimeFactory, issued: dict[str, Any]
) -> None:
    refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", identity(issued))
    clock.tick(1)
    refused_for("DEVICE_CERTIFICATE_NOT_REGISTERED", identity(issued))
