"""Runs that take time (``iot::jitp`` of moto's state manager), and the clock of certificates."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from freezegun.api import FrozenDateTimeFactory
from moto.moto_api import state_manager
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import client, client_of
from support.devices import status_of
from support.every_step import BODY, DOCUMENT, prepare
from support.patience import HANG
from support.roles import ENFORCED, allow, create_role, iam, set_permissions

from moto_jitp import (
    CertificateAuthority,
    ConnectionAttempt,
    ConnectionRefused,
    DeviceIdentity,
    JitpHandle,
    connect_device,
    mock_jitp,
)

MODEL = "iot::jitp"


@pytest.fixture
def bulb(ca: CertificateAuthority) -> DeviceIdentity:
    return ca.issue(common_name="bulb")


def after_looks(times: int) -> None:
    state_manager.set_transition(MODEL, {"progression": "manual", "times": times})


def after_seconds(seconds: float) -> None:
    state_manager.set_transition(MODEL, {"progression": "time", "seconds": seconds})


def set_off(device: DeviceIdentity) -> ConnectionAttempt:
    """Connect a device whose provisioning takes time; return the refused attempt."""
    with pytest.raises(ConnectionRefused) as refusal:
        connect_device(device)
    assert refusal.value.reason == "DEVICE_CERTIFICATE_PENDING_ACTIVATION"
    (attempt,) = refusal.value.attempts
    return attempt


def has_thing(iot: Any, name: str) -> bool:
    try:
        iot.describe_thing(thingName=name)
    except iot.exceptions.ResourceNotFoundException:
        return False
    return True


# By count.


def test_by_default_a_run_ends_within_its_connection(iot: Any, bulb: DeviceIdentity) -> None:
    with pytest.raises(ConnectionRefused) as refusal:
        connect_device(bulb, reconnect=False)
    assert refusal.value.reason == "RECONNECT_REQUIRED"
    assert status_of(iot, bulb) == "ACTIVE"


def test_a_poll_for_active_sees_pending_first(iot: Any, bulb: DeviceIdentity) -> None:
    after_looks(3)
    attempt = set_off(bulb)
    assert attempt.provisioning is not None
    assert attempt.provisioning.status == "IN_PROGRESS"
    assert attempt.provisioning.certificate_status == "PENDING_ACTIVATION"
    assert "iot::jitp" in attempt.message
    assert [status_of(iot, bulb) for _ in range(4)] == [
        "PENDING_ACTIVATION",
        "PENDING_ACTIVATION",
        "ACTIVE",
        "ACTIVE",
    ]
    assert connect_device(bulb).thing_name == "bulb"


def test_a_poll_for_the_thing_sees_none_first(iot: Any, bulb: DeviceIdentity) -> None:
    after_looks(2)
    set_off(bulb)
    assert [has_thing(iot, "bulb") for _ in range(3)] == [False, True, True]


def test_a_poll_by_listing_ends_too(iot: Any, bulb: DeviceIdentity) -> None:
    after_looks(4)
    set_off(bulb)
    assert iot.list_things()["things"] == []
    assert iot.list_certificates()["certificates"][0]["status"] == "PENDING_ACTIVATION"
    ca_id = iot.list_ca_certificates()["certificates"][0]["certificateId"]
    by_ca = iot.list_certificates_by_ca(caCertificateId=ca_id)["certificates"]
    assert [found["status"] for found in by_ca] == ["PENDING_ACTIVATION"]
    assert len(iot.list_things()["things"]) == 1


def test_calls_about_something_else_do_not_count(
    iot: Any, ca: CertificateAuthority, bulb: DeviceIdentity
) -> None:
    keys = iot.create_keys_and_certificate()
    after_looks(1)
    set_off(bulb)
    iot.describe_certificate(certificateId=keys["certificateId"])
    assert not has_thing(iot, "another")
    iot.describe_endpoint()
    iot.list_thing_types()
    client("eu-west-1").list_things()
    assert iot.list_policies()["policies"] == []
    assert iot.list_things()["things"] != []


def test_a_device_that_connects_again_counts_as_a_poll(bulb: DeviceIdentity) -> None:
    after_looks(2)
    set_off(bulb)
    attempt = set_off(bulb)
    assert attempt.provisioning is None
    assert connect_device(bulb).thing_name == "bulb"


def test_every_connection_while_in_progress_publishes_the_event(
    mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    after_looks(3)
    set_off(bulb)
    set_off(bulb)
    set_off(bulb)
    connect_device(bulb)
    topics = [event.topic for event in mocked.events if "certificates/registered" in event.topic]
    assert len(topics) == 3


def test_the_cas_state_counts_also_while_in_progress(
    iot: Any, ca: CertificateAuthority, bulb: DeviceIdentity
) -> None:
    after_looks(5)
    set_off(bulb)
    ca_id = iot.list_ca_certificates()["certificates"][0]["certificateId"]
    iot.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE")
    with pytest.raises(ConnectionRefused) as refusal:
        connect_device(bulb)
    assert refusal.value.reason == "CA_CERTIFICATE_INACTIVE"


def test_two_devices_are_provisioned_each_in_its_time(
    iot: Any, mocked: JitpHandle, ca: CertificateAuthority
) -> None:
    one, two = ca.issue(common_name="one"), ca.issue(common_name="two")
    after_looks(2)
    set_off(one)
    set_off(two)
    assert [status_of(iot, one), status_of(iot, one)] == ["PENDING_ACTIVATION", "ACTIVE"]
    assert has_thing(iot, "one")
    assert [status_of(iot, two), status_of(iot, two)] == ["PENDING_ACTIVATION", "ACTIVE"]
    runs = [attempt.provisioning for attempt in mocked.connections]
    assert [run.thing_name for run in runs if run] == ["one", "two"]


# By time.


def test_a_run_ends_when_its_time_has_come(
    clock: FrozenDateTimeFactory, iot: Any, bulb: DeviceIdentity
) -> None:
    after_seconds(3)
    set_off(bulb)
    clock.tick(2)
    assert [status_of(iot, bulb) for _ in range(5)] == ["PENDING_ACTIVATION"] * 5
    set_off(bulb)
    clock.tick(1.5)
    assert connect_device(bulb).thing_name == "bulb"
    assert status_of(iot, bulb) == "ACTIVE"


def test_a_run_has_ended_at_the_very_moment_that_the_setting_says(
    clock: FrozenDateTimeFactory, iot: Any, bulb: DeviceIdentity
) -> None:
    after_seconds(2)
    set_off(bulb)
    clock.tick(timedelta(seconds=2, microseconds=-1))
    assert status_of(iot, bulb) == "PENDING_ACTIVATION"
    clock.tick(timedelta(microseconds=1))
    assert status_of(iot, bulb) == "ACTIVE"


@pytest.mark.parametrize("call", ["list_things", "list_policies", "describe_endpoint"])
def test_any_call_finds_what_time_has_finished(
    clock: FrozenDateTimeFactory, iot: Any, bulb: DeviceIdentity, call: str
) -> None:
    after_seconds(3)
    set_off(bulb)
    clock.tick(4)
    getattr(iot, call)()
    state_manager.unset_transition(MODEL)
    assert [thing["thingName"] for thing in iot.list_things()["things"]] == ["bulb"]


def test_accounts_and_regions_keep_their_own_runs(
    clock: FrozenDateTimeFactory, iot: Any, ca: CertificateAuthority, bulb: DeviceIdentity
) -> None:
    other = client_of("210987654321", "eu-west-1")
    lamps = CertificateAuthority(common_name="Lamps")
    lamps.register(other, template_body=PLAIN_BODY)
    lamp = lamps.issue(common_name="lamp")
    after_seconds(3)
    set_off(bulb)
    clock.tick(2)
    set_off(lamp)
    clock.tick(2)
    assert (status_of(iot, bulb), status_of(other, lamp)) == ("ACTIVE", "PENDING_ACTIVATION")
    clock.tick(2)
    assert status_of(other, lamp) == "ACTIVE"


def test_a_call_of_any_service_reaches_every_account_and_region(
    clock: FrozenDateTimeFactory, mocked: JitpHandle
) -> None:
    places = [client(), client("eu-west-1"), client_of("210987654321", "eu-west-1")]
    devices = []
    after_seconds(10)
    for number, place in enumerate(places):
        ca = CertificateAuthority(common_name=f"CA {number}")
        ca.register(place, template_body=PLAIN_BODY)
        devices.append(ca.issue(common_name="bulb"))
        set_off(devices[-1])
    for seconds, expected in ((9, "PENDING_ACTIVATION"), (1, "ACTIVE")):
        clock.tick(seconds)
        after_seconds(10)
        client("ap-northeast-2", "sqs").list_queues()
        after_looks(100)  # so that the next calls find no more than that one did
        assert [status_of(*pair) for pair in zip(places, devices, strict=True)] == [expected] * 3


@pytest.mark.parametrize("turned_back", [0, 30])
def test_runs_end_in_the_order_in_which_they_were_due(
    clock: FrozenDateTimeFactory, iot: Any, ca: CertificateAuthority, turned_back: int
) -> None:
    after_seconds(10)
    set_off(ca.issue(common_name="first"))
    clock.tick(5 - turned_back)
    set_off(ca.issue(common_name="second"))
    clock.tick(60)
    # moto lists things as they were made.
    things = [thing["thingName"] for thing in iot.list_things()["things"]]
    assert things == (["second", "first"] if turned_back else ["first", "second"])


# How a run ends.


def test_the_attempt_that_started_the_run_shows_how_it_ended(
    iot: Any, mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    after_looks(2)
    set_off(bulb)
    set_off(bulb)
    connect_device(bulb)
    first, second, third = mocked.connections
    assert first.provisioning is not None
    assert first.provisioning.succeeded
    assert first.provisioning.certificate_status == "ACTIVE"
    assert [step.action for step in first.provisioning.steps] == [
        "RegisterCertificate",
        "RegisterThing",
        "CreateThing",
        "AttachThingPrincipal",
        "UpdateCertificate",
    ]
    assert second.provisioning is third.provisioning is None
    assert third.accepted


def test_a_run_that_fails_later_shows_in_the_connections(
    iot: Any, mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    after_looks(2)
    set_off(bulb)
    mocked.fail("CreateThing", "InternalFailureException")
    assert [status_of(iot, bulb) for _ in range(4)] == ["PENDING_ACTIVATION"] * 4
    run = mocked.connections[0].provisioning
    assert run is not None
    assert (run.status, run.error_code) == ("FAILED", "InternalFailureException")
    set_off(bulb)  # and the next connection runs the template again
    assert [status_of(iot, bulb) for _ in range(2)] == ["PENDING_ACTIVATION", "ACTIVE"]


def test_the_connections_are_up_to_date_without_any_call(
    clock: FrozenDateTimeFactory, mocked: JitpHandle, iot: Any, bulb: DeviceIdentity
) -> None:
    after_seconds(3)
    set_off(bulb)
    before = mocked.connections[0].provisioning
    assert before is not None
    assert before.status == "IN_PROGRESS"
    clock.tick(4)
    run = mocked.connections[0].provisioning
    assert run is not None
    assert run.succeeded


def test_a_certificate_deleted_meanwhile_fails_its_run(
    clock: FrozenDateTimeFactory, iot: Any, mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    after_seconds(3)
    set_off(bulb)
    iot.delete_certificate(certificateId=bulb.certificate_id)
    clock.tick(4)
    assert iot.list_things()["things"] == []
    run = mocked.connections[0].provisioning
    assert run is not None
    assert run.status == "FAILED"
    assert run.failed_steps[0].error_code == "ResourceNotFoundException"
    assert run.certificate_status is None
    assert run.advice


def test_a_device_registers_again_after_its_certificate_was_deleted_during_the_run(
    clock: FrozenDateTimeFactory, iot: Any, mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    after_seconds(3)
    set_off(bulb)
    iot.delete_certificate(certificateId=bulb.certificate_id)
    clock.tick(2)
    set_off(bulb)
    clock.tick(2)
    assert status_of(iot, bulb) == "PENDING_ACTIVATION"
    clock.tick(2)
    assert status_of(iot, bulb) == "ACTIVE"
    runs = [attempt.provisioning for attempt in mocked.connections]
    assert [run.status for run in runs if run] == ["FAILED", "SUCCEEDED"]


def test_a_run_uses_what_is_there_when_it_is_carried_out(
    iot: Any, mocked: JitpHandle, acme: CertificateAuthority
) -> None:
    iot.create_provisioning_template(
        templateName="bulbs", templateBody=PLAIN_BODY, type="JITP", provisioningRoleArn=ROLE
    )
    acme.register(iot, template_name="bulbs")
    bulb = acme.issue(common_name="bulb")
    after_looks(1)
    set_off(bulb)
    iot.delete_provisioning_template(templateName="bulbs")
    assert status_of(iot, bulb) == "PENDING_ACTIVATION"
    run = mocked.connections[0].provisioning
    assert run is not None
    assert run.error_code == "InvalidRequestException"
    assert "bulbs" in str(run.message)


def test_a_device_without_a_resolvable_thing_name_is_deferred_too(
    iot: Any, mocked: JitpHandle, ca: CertificateAuthority
) -> None:
    nameless = ca.issue(subject=x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme")]))
    after_looks(1)
    set_off(nameless)
    assert not has_thing(iot, "bulb")
    assert status_of(iot, nameless) == "PENDING_ACTIVATION"
    run = mocked.connections[0].provisioning
    assert run is not None
    assert "CommonName" in str(run.message)


def test_runs_in_progress_end_when_the_setting_is_removed(iot: Any, bulb: DeviceIdentity) -> None:
    after_looks(100)
    set_off(bulb)
    state_manager.unset_transition(MODEL)
    assert status_of(iot, bulb) == "ACTIVE"


def test_the_setting_and_the_runs_end_with_the_block(acme: CertificateAuthority) -> None:
    bulb = acme.issue(common_name="bulb")
    with mock_jitp() as jitp:
        acme.register(client(), template_body=PLAIN_BODY)
        after_looks(100)
        set_off(bulb)
    assert jitp.connections[0].provisioning is not None
    assert jitp.connections[0].provisioning.status == "IN_PROGRESS"
    with mock_jitp():
        assert client().list_certificates()["certificates"] == []
        acme.register(client(), template_body=PLAIN_BODY)
        assert connect_device(bulb).thing_name == "bulb"


def test_a_reset_forgets_the_runs(
    iot: Any, mocked: JitpHandle, ca: CertificateAuthority, bulb: DeviceIdentity
) -> None:
    after_looks(1)
    set_off(bulb)
    mocked.reset()
    assert iot.list_things()["things"] == []
    assert status_of(iot, bulb) is None


# The clock of certificates.


@pytest.mark.parametrize("provisioned", [True, False])
def test_a_certificate_expires_by_the_held_clock(
    clock: FrozenDateTimeFactory, iot: Any, ca: CertificateAuthority, provisioned: bool
) -> None:
    now = datetime.now(timezone.utc)
    bulb = ca.issue(common_name="bulb", not_after=now + timedelta(days=30))
    if provisioned:
        connect_device(bulb)
    clock.tick(timedelta(days=30, seconds=1))
    with pytest.raises(ConnectionRefused) as refusal:
        connect_device(bulb)
    assert refusal.value.reason == "DEVICE_CERTIFICATE_EXPIRED"
    clock.tick(timedelta(days=-1))
    assert connect_device(bulb).thing_name == "bulb"


def test_a_certificate_is_not_valid_before_its_time(
    clock: FrozenDateTimeFactory, iot: Any, ca: CertificateAuthority
) -> None:
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    bulb = ca.issue(common_name="bulb", not_before=soon)
    with pytest.raises(ConnectionRefused) as refusal:
        connect_device(bulb)
    assert refusal.value.reason == "DEVICE_CERTIFICATE_NOT_YET_VALID"
    assert iot.list_certificates()["certificates"] == []
    clock.tick(timedelta(hours=1))
    assert connect_device(bulb).thing_name == "bulb"


def test_a_certificate_that_expires_while_in_progress_is_refused(
    clock: FrozenDateTimeFactory, iot: Any, ca: CertificateAuthority
) -> None:
    end = datetime.now(timezone.utc) + timedelta(seconds=10)
    bulb = ca.issue(common_name="bulb", not_after=end)
    after_seconds(3)
    set_off(bulb)
    clock.tick(20)
    with pytest.raises(ConnectionRefused) as refusal:
        connect_device(bulb)
    assert refusal.value.reason == "DEVICE_CERTIFICATE_EXPIRED"
    assert status_of(iot, bulb) == "ACTIVE"


@pytest.mark.slow
def test_holding_the_clock_spoils_no_certificate_afterwards() -> None:
    """cryptography keeps the first datetime class that it sees; it must not be freezegun's."""
    import subprocess
    import sys

    code = """
from freezegun import freeze_time
with freeze_time("2026-03-01"):
    from moto_jitp import CertificateAuthority
    ca = CertificateAuthority()
ca.issue()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=HANG
    )
    assert done.returncode == 0, done.stderr


# Who polls what.


def metric_of_success() -> list[dict[str, Any]]:
    found = client(service="cloudwatch").get_metric_statistics(
        Namespace="AWS/IoT",
        MetricName="ProvisionThing.Success",
        StartTime=datetime(2026, 3, 1, 11, tzinfo=timezone.utc),
        EndTime=datetime(2026, 3, 1, 13, tzinfo=timezone.utc),
        Period=60,
        Statistics=["Sum"],
    )
    points: list[dict[str, Any]] = found["Datapoints"]
    return points


def registrations_in_the_trail() -> list[dict[str, Any]]:
    lookup = [{"AttributeKey": "EventName", "AttributeValue": "RegisterThing"}]
    found = client(service="cloudtrail").lookup_events(LookupAttributes=lookup)
    events: list[dict[str, Any]] = found["Events"]
    return events


def log_of_provisioning() -> list[dict[str, Any]]:
    logs = client(service="logs")
    if not logs.describe_log_groups(logGroupNamePrefix="AWSIotLogsV2")["logGroups"]:
        return []
    found = logs.filter_log_events(logGroupName="AWSIotLogsV2", filterPattern="ProvisionDevice")
    events: list[dict[str, Any]] = found["events"]
    return events


@pytest.mark.parametrize(
    "poll", [metric_of_success, registrations_in_the_trail, log_of_provisioning]
)
def test_what_is_recorded_can_be_polled_too(
    clock: FrozenDateTimeFactory, iot: Any, bulb: DeviceIdentity, poll: Any
) -> None:
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
    after_seconds(10)
    set_off(bulb)
    assert poll() == []
    clock.tick(11)
    assert len(poll()) == 1


def test_the_shadow_of_the_new_thing_can_be_polled_too(
    clock: FrozenDateTimeFactory, bulb: DeviceIdentity
) -> None:
    data = client(service="iot-data")
    shadow = {"thingName": "bulb", "payload": b'{"state": {"desired": {"on": true}}}'}
    after_seconds(10)
    set_off(bulb)
    # moto's shadows need a thing, which those of AWS IoT do not.
    with mock_jitp(config={"jitp": {"strict": False}}):
        with pytest.raises(data.exceptions.ResourceNotFoundException):
            data.update_thing_shadow(**shadow)
        clock.tick(11)
        data.update_thing_shadow(**shadow)


def test_a_device_can_update_the_shadow_of_the_new_thing_too(
    clock: FrozenDateTimeFactory, ca: CertificateAuthority, bulb: DeviceIdentity
) -> None:
    lamp = connect_device(ca.issue(common_name="lamp"))
    update = "$aws/things/bulb/shadow/update"
    lamp.subscribe(f"{update}/+")
    after_seconds(10)
    set_off(bulb)
    # moto's shadows need a thing, which those of AWS IoT do not.
    with mock_jitp(config={"jitp": {"strict": False}}):
        for seconds, outcome in ((9, "rejected"), (1, "accepted")):
            clock.tick(seconds)
            lamp.publish(update, '{"state": {"desired": {"on": true}}}')
            assert lamp.receive().topic == f"{update}/{outcome}"


def test_a_device_subscribes_after_the_runs_that_time_has_finished(
    clock: FrozenDateTimeFactory, iot: Any, ca: CertificateAuthority, bulb: DeviceIdentity
) -> None:
    lamp = connect_device(ca.issue(common_name="lamp"))
    after_seconds(10)
    set_off(bulb)
    clock.tick(9)
    lamp.subscribe("early")
    assert status_of(iot, bulb) == "PENDING_ACTIVATION"
    clock.tick(1)
    lamp.subscribe("late")
    after_looks(100)  # so that the next call finds no more than the device did
    assert status_of(iot, bulb) == "ACTIVE"


def test_a_run_that_is_noticed_late_has_the_time_at_which_it_was_due(
    clock: FrozenDateTimeFactory, iot: Any, bulb: DeviceIdentity
) -> None:
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
    after_seconds(3)
    set_off(bulb)
    clock.tick(3600)

    found = iot.describe_certificate(certificateId=bulb.certificate_id)["certificateDescription"]

    due = datetime(2026, 3, 1, 12, 0, 3, tzinfo=timezone.utc)
    assert found["lastModifiedDate"] == due
    assert registrations_in_the_trail()[0]["EventTime"] == due
    assert [point["Timestamp"].minute for point in metric_of_success()] == [0]
    (entry,) = log_of_provisioning()
    assert entry["timestamp"] == due.timestamp() * 1000


def test_a_policy_that_a_late_run_makes_is_dated_when_it_was_due(
    clock: FrozenDateTimeFactory, iot: Any, acme: CertificateAuthority
) -> None:
    prepare(iot)
    acme.register(iot, template_body=BODY)
    after_seconds(3)
    set_off(acme.issue(common_name="bulb"))
    clock.tick(3600)

    names = {policy["policyName"] for policy in iot.list_policies()["policies"]} - {"named"}
    (name,) = names
    iot.create_policy(policyName="by-hand", policyDocument=DOCUMENT)

    def dates(name: str) -> set[datetime]:
        (listed,) = iot.list_policy_versions(policyName=name)["policyVersions"]
        version = iot.get_policy_version(policyName=name, policyVersionId="1")
        return {listed["createDate"], version["creationDate"], version["lastModifiedDate"]}

    assert dates(name) == {datetime(2026, 3, 1, 12, 0, 3, tzinfo=timezone.utc)}
    assert dates("by-hand") == {datetime(2026, 3, 1, 13, tzinfo=timezone.utc)}


@pytest.mark.parametrize("days", [13, 15, 400])
def test_a_run_is_logged_however_late_it_is_noticed(
    clock: FrozenDateTimeFactory, iot: Any, bulb: DeviceIdentity, days: int
) -> None:
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
    after_seconds(3)
    set_off(bulb)
    clock.tick(timedelta(days=days))
    (entry,) = log_of_provisioning()
    due = datetime(2026, 3, 1, 12, 0, 3, tzinfo=timezone.utc)
    assert entry["timestamp"] == due.timestamp() * 1000


def test_a_call_that_changes_the_cloud_is_made_after_what_was_due_before_it(
    clock: FrozenDateTimeFactory, acme: CertificateAuthority
) -> None:
    with mock_jitp(config={"jitp": {"enforce_role": True}}):
        create_role()
        set_permissions(allow("*"))
        acme.register(client(), template_body=PLAIN_BODY)
        first, second = acme.issue(common_name="first"), acme.issue(common_name="second")
        after_seconds(10)
        set_off(first)
        clock.tick(11)
        set_off(second)

        iam().delete_role_policy(RoleName="JITPRole", PolicyName="inline")

        clock.tick(11)
        assert status_of(client(), first) == "ACTIVE"
        assert status_of(client(), second) == "PENDING_ACTIVATION"


def test_a_role_that_cannot_be_assumed_fails_the_run_as_it_begins(
    clock: FrozenDateTimeFactory, acme: CertificateAuthority
) -> None:
    with mock_jitp():
        acme.register(client(), template_body=PLAIN_BODY)
        with mock_jitp(config={"jitp": {"enforce_role": True}}):
            after_seconds(10)
            with pytest.raises(ConnectionRefused) as refusal:
                connect_device(acme.issue(common_name="bulb"))
    assert refusal.value.reason == "PROVISIONING_FAILED"
    assert "unable to assume role" in str(refusal.value)


@pytest.mark.parametrize(
    ("until", "expected"),
    [("2026-03-01T12:00:11Z", "ACTIVE"), ("2026-03-01T12:00:10Z", "PENDING_ACTIVATION")],
)
def test_a_roles_conditions_on_the_time_are_about_the_moment_when_a_run_was_due(
    clock: FrozenDateTimeFactory, acme: CertificateAuthority, until: str, expected: str
) -> None:
    with mock_jitp(config=ENFORCED):
        create_role()
        condition = {"DateLessThan": {"aws:CurrentTime": until}}
        set_permissions(allow("*") | {"Condition": condition})
        acme.register(client(), template_body=PLAIN_BODY)
        bulb = acme.issue(common_name="bulb")
        after_seconds(10)
        set_off(bulb)
        clock.tick(3600)
        assert status_of(client(), bulb) == expected


def test_quotas_count_each_run_when_it_was_due(
    clock: FrozenDateTimeFactory, acme: CertificateAuthority
) -> None:
    with mock_jitp(config={"jitp": {"throttling": {"RegisterThing": 2}}}) as jitp:
        acme.register(client(), template_body=PLAIN_BODY)
        after_seconds(2)
        for second in range(2):
            for number in range(2):
                set_off(acme.issue(common_name=f"bulb-{second}-{number}"))
            clock.tick(1)
        set_off(acme.issue(common_name="bulb-1-2"))
        clock.tick(60)
        runs = [attempt.provisioning for attempt in jitp.connections]
        assert [run is not None and run.succeeded for run in runs] == [True] * 5


def test_too_many_runs_of_one_moment_are_throttled_though_they_are_noticed_late(
    clock: FrozenDateTimeFactory, acme: CertificateAuthority
) -> None:
    with mock_jitp(config={"jitp": {"throttling": {"RegisterThing": 2}}}) as jitp:
        acme.register(client(), template_body=PLAIN_BODY)
        after_seconds(2)
        for number in range(3):
            set_off(acme.issue(common_name=f"bulb-{number}"))
        clock.tick(60)
        runs = [attempt.provisioning for attempt in jitp.connections]
        assert [run is not None and run.succeeded for run in runs] == [True, True, False]


@pytest.mark.parametrize(
    "setting",
    [
        {"progression": "manual"},
        {"progression": "time", "seconds": "2"},
        {"progression": "soon"},
        {"seconds": 2},
    ],
)
def test_a_setting_that_would_never_end_a_run_is_refused_with_the_right_ones(
    bulb: DeviceIdentity, setting: dict[str, Any]
) -> None:
    state_manager.set_transition(MODEL, setting)
    with pytest.raises(ValueError, match=r'\{"progression": "time", "seconds": 2\}'):
        connect_device(bulb)
    after_looks(1)
    assert set_off(bulb)
