"""What decides when a run ends: the state manager's setting, and the block's settings."""

from __future__ import annotations

from typing import Any

import pytest
from moto.moto_api import state_manager
from support.bodies import PLAIN_BODY
from support.cloud import client
from support.roles import ENFORCED, create_role

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    DeviceIdentity,
    JitpHandle,
    connect_device,
    mock_jitp,
)

MODEL = "iot::jitp"
AFTER_TEN_SECONDS = {"progression": "time", "seconds": 10}
BROKEN = {"progression": "time", "seconds": "soon"}


@pytest.fixture
def bulb(mocked: JitpHandle, acme: CertificateAuthority) -> DeviceIdentity:
    """A device whose CA provisions it."""
    acme.register(client(), template_body=PLAIN_BODY)
    return acme.issue(common_name="bulb")


def devices_are_ready(setting: Any) -> None:
    state_manager.set_transition(MODEL, setting)


def set_off(device: DeviceIdentity) -> None:
    with pytest.raises(ConnectionRefused, match="PENDING_ACTIVATION"):
        connect_device(device)


def status(device: DeviceIdentity) -> str:
    found = client().describe_certificate(certificateId=device.certificate_id)
    return str(found["certificateDescription"]["status"])


@pytest.fixture
def broken(bulb: DeviceIdentity) -> DeviceIdentity:
    """A device that is being provisioned when the setting is changed to an invalid one."""
    devices_are_ready(AFTER_TEN_SECONDS)
    set_off(bulb)
    devices_are_ready(BROKEN)
    return bulb


# A setting that no run could end by.


@pytest.mark.parametrize(
    "setting",
    [
        *({"progression": "time", "seconds": s} for s in (-1, 1e300, 10**400, True, None)),
        *({"progression": "time", "seconds": float(s)} for s in ("nan", "inf", "-inf")),
        *({"progression": "manual", "times": t} for t in (-1, float("nan"), True, "3")),
        ["immediate"],
    ],
)
def test_an_invalid_amount_is_refused_with_what_it_can_be(
    bulb: DeviceIdentity, setting: Any
) -> None:
    devices_are_ready(setting)
    with pytest.raises(ValueError, match=r"from 0 to 1,000,000,000.*\"seconds\": 2"):
        connect_device(bulb)


@pytest.mark.parametrize(
    "setting",
    [
        {"progression": "time", "seconds": 0},
        {"progression": "time", "seconds": 0.5},
        {"progression": "time", "seconds": 10**9},
        {"progression": "manual", "times": 0},
        {"progression": "manual", "times": 7},
    ],
)
def test_an_amount_may_be_any_sensible_number(bulb: DeviceIdentity, setting: Any) -> None:
    devices_are_ready(setting)
    set_off(bulb)


def test_a_broken_setting_fails_what_asks_aws_iot(broken: DeviceIdentity) -> None:
    iot = client()
    with pytest.raises(iot.exceptions.InvalidRequestException, match="iot::jitp"):
        iot.list_things()
    with pytest.raises(ValueError, match="iot::jitp"):
        connect_device(broken)


def test_a_broken_setting_leaves_other_services_alone(
    broken: DeviceIdentity, mocked: JitpHandle
) -> None:
    client(service="sqs").create_queue(QueueName="results")
    assert client(service="sns").list_topics()["Topics"] == []
    run = mocked.connections[0].provisioning
    assert run is not None
    assert run.status == "IN_PROGRESS"


def test_what_waited_under_a_broken_setting_is_carried_out_under_a_valid_one(
    broken: DeviceIdentity,
) -> None:
    devices_are_ready({"progression": "immediate"})
    assert status(broken) == "ACTIVE"


def test_a_block_ends_with_a_broken_setting_as_with_a_valid_one(
    acme: CertificateAuthority,
) -> None:
    heard: list[Any] = []
    with mock_jitp():
        acme.register(client(), template_body=PLAIN_BODY)
        block = mock_jitp()
        jitp = block.__enter__()
        jitp.subscribe("#", heard.append)
        jitp.fail("CreateThing", "ThrottlingException", times=None)
        devices_are_ready(AFTER_TEN_SECONDS)
        set_off(acme.issue(common_name="bulb"))
        devices_are_ready(BROKEN)
        heard.clear()
        block.stop()

        run = jitp.connections[0].provisioning
        assert run is not None
        assert run.status == "IN_PROGRESS"
        connect_device(acme.issue(common_name="lamp"))
        client().create_thing(thingName="another")
        assert heard == []


# The settings of a block that begins or ends meanwhile.


def test_a_run_is_checked_by_the_settings_of_the_block_that_started_it(
    acme: CertificateAuthority,
) -> None:
    with mock_jitp():
        create_role()
        acme.register(client(), template_body=PLAIN_BODY)
        bulb = acme.issue(common_name="bulb")
        with mock_jitp(config=ENFORCED) as jitp:
            devices_are_ready({"progression": "manual", "times": 100})
            set_off(bulb)
        assert status(bulb) == "PENDING_ACTIVATION"
        run = jitp.connections[0].provisioning
        assert run is not None
        assert run.status == "IN_PROGRESS"  # as it was at the end of that block


def test_a_run_is_not_checked_by_the_settings_of_a_block_that_began_later(
    acme: CertificateAuthority,
) -> None:
    with mock_jitp():
        create_role()
        acme.register(client(), template_body=PLAIN_BODY)
        early, late = acme.issue(common_name="early"), acme.issue(common_name="late")
        devices_are_ready({"progression": "manual", "times": 1})
        set_off(early)
        with mock_jitp(config=ENFORCED):
            assert status(early) == "ACTIVE"
            set_off(late)
            assert status(late) == "PENDING_ACTIVATION"
