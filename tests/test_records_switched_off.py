"""What happens while ``metrics`` or ``trail`` is off is missing from it, whatever it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from moto.moto_api import state_manager
from support.bodies import ROLE
from support.cloud import client
from support.fleet import CREATE_KEYS, ClaimDevice, make_template
from support.monitoring import events, metric_names, names, try_to_connect

from moto_jitp import CertificateAuthority, connect_device, mock_jitp


def provision(iot: Any, ca: CertificateAuthority) -> None:
    """A device is provisioned just in time: two attempts and a run."""
    connect_device(ca.issue(common_name="bulb-1", country="KR"))


def fail_to_provision(iot: Any, ca: CertificateAuthority) -> None:
    assert not try_to_connect(ca.issue(common_name="no slash / allowed", country="KR"))


def be_refused(iot: Any, ca: CertificateAuthority) -> None:
    assert not try_to_connect(CertificateAuthority().issue(common_name="stranger"))


def reach_another_account(iot: Any, ca: CertificateAuthority) -> None:
    """The server name belongs to another account, with which AWS IoT counts such an attempt."""
    there = client("eu-west-1").describe_endpoint(endpointType="iot:Data-ATS")
    here = iot.describe_endpoint(endpointType="iot:Data-ATS")
    device = ca.issue(common_name="bulb-2", country="KR")
    assert not try_to_connect(
        device, endpoint=here["endpointAddress"], server_name=there["endpointAddress"]
    )


def provision_from_a_fleet(iot: Any, ca: CertificateAuthority) -> None:
    make_template()
    device = ClaimDevice()
    token = device.accepted(CREATE_KEYS)["certificateOwnershipToken"]
    assert device.register(token, SerialNumber="7")[0] == "accepted"


def register_in_bulk(iot: Any, ca: CertificateAuthority) -> None:
    """A task registers a thing; AWS IoT calls its API with the task's role."""
    s3 = client(service="s3")
    s3.create_bucket(Bucket="fleet")
    s3.put_object(Bucket="fleet", Key="things.json", Body=json.dumps({"ThingName": "bulb-3"}))
    iot.start_thing_registration_task(
        templateBody=json.dumps(
            {
                "Parameters": {"ThingName": {"Type": "String"}},
                "Resources": {
                    "thing": {
                        "Type": "AWS::IoT::Thing",
                        "Properties": {"ThingName": {"Ref": "ThingName"}},
                    }
                },
            }
        ),
        inputFileBucket="fleet",
        inputFileKey="things.json",
        roleArn=ROLE,
    )
    assert iot.describe_thing(thingName="bulb-3")


def publish(iot: Any, ca: CertificateAuthority) -> None:
    client(service="iot-data").publish(topic="a", payload=b"on")


def call_the_api(iot: Any, ca: CertificateAuthority) -> None:
    iot.create_thing(thingName="lamp-1")


HAPPENINGS: list[Callable[[Any, CertificateAuthority], None]] = [
    provision,
    fail_to_provision,
    be_refused,
    reach_another_account,
    provision_from_a_fleet,
    register_in_bulk,
    publish,
    call_the_api,
]


@pytest.mark.parametrize("happens", HAPPENINGS)
def test_it_is_in_metrics_or_trail_where_both_are_on(
    iot: Any, ca: CertificateAuthority, happens: Callable[[Any, CertificateAuthority], None]
) -> None:
    before = names(events())
    happens(iot, ca)
    assert all_metric_names() or names(events()) != before


@pytest.mark.parametrize("happens", HAPPENINGS)
def test_without_metrics_it_is_not_counted(
    iot: Any, ca: CertificateAuthority, happens: Callable[[Any, CertificateAuthority], None]
) -> None:
    with mock_jitp(config={"jitp": {"metrics": False}}):
        happens(iot, ca)
    assert all_metric_names() == []


@pytest.mark.parametrize("happens", HAPPENINGS)
def test_without_the_trail_it_is_not_recorded(
    iot: Any, ca: CertificateAuthority, happens: Callable[[Any, CertificateAuthority], None]
) -> None:
    before = names(events())
    with mock_jitp(config={"jitp": {"trail": False}}):
        happens(iot, ca)
    assert names(events()) == before


@pytest.mark.parametrize("setting", ["metrics", "trail"])
def test_a_run_that_ends_later_follows_the_settings_by_which_it_was_set_off(
    iot: Any, ca: CertificateAuthority, setting: str
) -> None:
    state_manager.set_transition("iot::jitp", {"progression": "manual", "times": 1})
    try:
        before = names(events())
        device = ca.issue(common_name="bulb-1", country="KR")
        with mock_jitp(config={"jitp": {setting: False}}):
            assert not try_to_connect(device, reconnect=False)
        iot.describe_certificate(certificateId=device.certificate_id)
        found = iot.describe_certificate(certificateId=device.certificate_id)
    finally:
        state_manager.unset_transition("iot::jitp")
    assert found["certificateDescription"]["status"] == "ACTIVE"
    if setting == "metrics":
        assert all_metric_names() == []
    else:
        assert names(events()) == before


def all_metric_names() -> list[str]:
    """Those of both Regions that devices reach here."""
    return metric_names() + metric_names(client("eu-west-1", "cloudwatch"))
