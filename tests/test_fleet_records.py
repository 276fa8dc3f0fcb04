"""What AWS records of fleet provisioning: CloudWatch metrics, log entries, CloudTrail events."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from support.bodies import ROLE
from support.cloud import client
from support.fleet import (
    CREATE_FROM_CSR,
    CREATE_KEYS,
    TEMPLATE,
    ClaimDevice,
    claim_certificate,
    make_template,
)
from support.monitoring import events, log_entries, metric_names, names, record

from moto_jitp import JitpHandle, mock_jitp

CERTIFICATE = TEMPLATE["Resources"]["certificate"]
KEYS_FAILED, CSR_FAILED, REGISTER_FAILED, REGISTERED = (
    "CreateKeysAndCertificateFailed",
    "CreateCertificateFromCsrFailed",
    "RegisterThingFailed",
    "ApproximateNumberOfThingsRegistered",
)


@pytest.fixture
def device(iot: Any) -> ClaimDevice:
    """A device that is connected with its claim, and a template for it."""
    make_template()
    return ClaimDevice()


def statistics(name: str, **dimension: str) -> dict[str, float]:
    """Sum, sample count and maximum of a metric within the hours around now."""
    now = datetime.now(timezone.utc)
    wanted = ["Sum", "SampleCount", "Maximum"]
    points = client(service="cloudwatch").get_metric_statistics(
        Namespace="AWS/IoT",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimension.items()],
        StartTime=now - timedelta(hours=12),
        EndTime=now + timedelta(hours=12),
        Period=86400,
        Statistics=wanted,
    )["Datapoints"]
    assert len(points) < 2
    return {key: point[key] for point in points for key in wanted}


def provision(device: ClaimDevice, *serials: str) -> None:
    """Let devices provision themselves one after another over one connection."""
    for serial in serials:
        token = device.accepted(CREATE_KEYS)["certificateOwnershipToken"]
        assert device.register(token, SerialNumber=serial)[0] == "accepted"


# Metrics.


def test_a_request_counts_zero_where_it_succeeds_and_one_where_it_fails(
    mocked: JitpHandle, device: ClaimDevice
) -> None:
    device.accepted(CREATE_KEYS)
    mocked.fail("CreateKeysAndCertificate", "InternalFailureException")
    device.ask(CREATE_KEYS)
    device.accepted(CREATE_KEYS)

    assert statistics(KEYS_FAILED) == {"Sum": 1, "SampleCount": 3, "Maximum": 1}


def test_requests_with_a_signing_request_have_a_metric_of_their_own(device: ClaimDevice) -> None:
    device.ask(CREATE_FROM_CSR, {"certificateSigningRequest": "nonsense"})

    assert statistics(CSR_FAILED) == {"Sum": 1, "SampleCount": 1, "Maximum": 1}
    assert statistics(KEYS_FAILED) == {}


def test_registrations_are_counted_by_template(device: ClaimDevice) -> None:
    make_template("lamps")
    provision(device, "1", "2")
    device.register("made-up", template="lamps")

    good, bad = (statistics(REGISTER_FAILED, TemplateName=name) for name in ("bulbs", "lamps"))
    assert good == {"Sum": 0, "SampleCount": 2, "Maximum": 0}
    assert bad == {"Sum": 1, "SampleCount": 1, "Maximum": 1}


def test_the_maximum_tells_how_many_things_a_claim_has_registered(device: ClaimDevice) -> None:
    provision(device, "1", "2", "3")
    device.register("made-up")
    other = ClaimDevice(claim_certificate(), client_id="other")
    provision(other, "4")

    first, second = (
        statistics(REGISTERED, ClaimCertificateId=claim_device.claim["certificateId"])
        for claim_device in (device, other)
    )
    assert first["Maximum"] == 3
    assert second["Maximum"] == 1


def test_a_thing_that_registers_again_is_one_thing(device: ClaimDevice) -> None:
    provision(device, "1", "1")
    make_template("thingless", {"Resources": {"certificate": CERTIFICATE}})
    token = device.accepted(CREATE_KEYS)["certificateOwnershipToken"]
    assert device.register(token, template="thingless")[0] == "accepted"

    claim = device.claim["certificateId"]
    assert statistics(REGISTERED, ClaimCertificateId=claim)["Maximum"] == 1
    assert statistics(REGISTER_FAILED, TemplateName="bulbs")["SampleCount"] == 2


def test_things_registered_while_metrics_were_off_are_in_the_number(device: ClaimDevice) -> None:
    with mock_jitp(config={"jitp": {"metrics": False}}):
        provision(device, "1", "2")
    provision(device, "3")

    claim = device.claim["certificateId"]
    registered = statistics(REGISTERED, ClaimCertificateId=claim)
    assert (registered["Maximum"], registered["SampleCount"]) == (3, 1)


def test_a_fleet_has_its_own_metrics_and_not_those_of_just_in_time_provisioning(
    device: ClaimDevice,
) -> None:
    provision(device, "1")

    listed = client(service="cloudwatch").list_metrics(Namespace="AWS/IoT")["Metrics"]
    dimensions = {
        metric["MetricName"]: [d["Name"] for d in metric["Dimensions"]] for metric in listed
    }
    assert dimensions[KEYS_FAILED] == []
    assert dimensions[REGISTER_FAILED] == ["TemplateName"]
    assert dimensions[REGISTERED] == ["ClaimCertificateId"]
    assert not [name for name in dimensions if name.startswith("ProvisionThing")]


def test_get_metric_data_has_them_too(device: ClaimDevice) -> None:
    provision(device, "1", "2")
    now = datetime.now(timezone.utc)
    metric = {
        "Namespace": "AWS/IoT",
        "MetricName": REGISTER_FAILED,
        "Dimensions": [{"Name": "TemplateName", "Value": "bulbs"}],
    }
    query = {
        "Id": "registrations",
        "MetricStat": {"Metric": metric, "Period": 86400, "Stat": "SampleCount"},
    }
    (data,) = client(service="cloudwatch").get_metric_data(
        MetricDataQueries=[query],
        StartTime=now - timedelta(hours=12),
        EndTime=now + timedelta(hours=12),
    )["MetricDataResults"]
    assert data["Values"] == [2.0]


def test_without_metrics_no_request_is_counted() -> None:
    with mock_jitp(config={"jitp": {"metrics": False}}):
        make_template()
        provision(ClaimDevice(), "1")
        assert metric_names() == []


def test_boto3_calls_of_the_same_name_are_not_counted(iot: Any) -> None:
    claim_certificate()
    assert metric_names() == []


# Log entries.


def test_the_log_tells_of_credentials_and_of_the_provisioning(
    iot: Any, device: ClaimDevice
) -> None:
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
    issued = device.accepted(CREATE_KEYS)
    device.register(issued["certificateOwnershipToken"], SerialNumber="1")
    device.register("made-up")

    given, provisioned, refused = (
        entry
        for entry in log_entries()
        if entry["eventType"] in ("GetDeviceCredentials", "ProvisionDevice")
    )
    assert (given["eventType"], given["status"]) == ("GetDeviceCredentials", "Success")
    assert given["deviceCertificateId"] == issued["certificateId"]
    assert (provisioned["eventType"], provisioned["status"]) == ("ProvisionDevice", "Success")
    assert provisioned["provisioningTemplateName"] == "bulbs"
    assert provisioned["deviceCertificateId"] == issued["certificateId"]
    assert (refused["status"], refused["logLevel"]) == ("Failure", "ERROR")
    assert "Certificate ownership token is invalid." in refused["details"]


def test_at_level_error_only_what_failed_is_logged(iot: Any, device: ClaimDevice) -> None:
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="ERROR")
    provision(device, "1")
    assert log_entries() == []
    device.ask(CREATE_FROM_CSR, {"certificateSigningRequest": "nonsense"})
    (entry,) = log_entries()
    assert (entry["eventType"], entry["status"]) == ("GetDeviceCredentials", "Failure")
    assert "certificate signing request" in entry["details"]


# The trail.


def test_the_steps_of_a_run_are_in_the_trail_as_the_role_took_them(device: ClaimDevice) -> None:
    provision(device, "1")

    steps = [event for event in events() if event.get("Username") == "iot-provisioning"]
    newest_first = ["UpdateCertificate", "AttachThingPrincipal", "CreateThing", "RegisterThing"]
    assert names(steps) == newest_first
    registration = record(steps[-1])["requestParameters"]
    assert registration["templateName"] == "bulbs"
    assert registration["parameters"]["SerialNumber"] == "1"


def test_a_failed_registration_is_in_the_trail_with_its_error(device: ClaimDevice) -> None:
    token = device.accepted(CREATE_KEYS)["certificateOwnershipToken"]
    device.register(token)

    (event,) = events(EventName="RegisterThing")
    assert record(event)["errorCode"] == "InvalidRequestException"
    assert "SerialNumber" in record(event)["errorMessage"]


def test_a_request_that_came_to_no_call_is_not_in_the_trail(device: ClaimDevice) -> None:
    device.register("made-up")
    assert events(EventName="RegisterThing") == []


def test_without_trail_no_run_is_in_it() -> None:
    with mock_jitp(config={"jitp": {"trail": False}}):
        make_template()
        provision(ClaimDevice(), "1")
        assert events() == []
