"""A device that was just provisioned gets, starts and finishes its first job."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from support.bodies import ROLE
from support.cloud import client, refused
from support.device_doors import BOTH_DOORS
from support.monitoring import log_entries

from moto_jitp.devices import DeviceConnection

JOBS = "$aws/things/bulb-1/jobs"
ARN = "arn:aws:iot:us-east-1:123456789012:thing/bulb-1"
DOCUMENT = '{"operation": "reboot"}'


def received(bulb: DeviceConnection) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    while True:
        try:
            event = bulb.receive()
        except TimeoutError:
            return found
        payload = event.payload
        said = payload if isinstance(payload, dict) else json.loads(payload)
        found.append((event.topic.removeprefix(f"{JOBS}/"), said))


def ask(bulb: DeviceConnection, request: str, **members: Any) -> tuple[str, Any]:
    bulb.publish(f"{JOBS}/{request}", json.dumps(members))
    answers = [one for one in received(bulb) if one[0].startswith(f"{request}/")]
    assert len(answers) == 1
    return answers[0][0].rpartition("/")[2], answers[0][1]


def create(job_id: str = "first", **more: Any) -> None:
    client().create_job(jobId=job_id, **{"targets": [ARN], "document": DOCUMENT, **more})


@BOTH_DOORS
def test_a_new_device_gets_starts_and_finishes_its_first_job(bulb: DeviceConnection) -> None:
    bulb.subscribe(f"{JOBS}/#")
    create()
    (notify, told), (after, following) = received(bulb)
    assert (notify, after) == ("notify", "notify-next")
    assert [job["jobId"] for job in told["jobs"]["QUEUED"]] == ["first"]
    assert following["execution"]["jobDocument"] == {"operation": "reboot"}

    end, pending = ask(bulb, "get", clientToken="t")
    assert (end, pending["clientToken"], pending["inProgressJobs"]) == ("accepted", "t", [])
    assert pending["queuedJobs"][0]["executionNumber"] == 1
    end, started = ask(bulb, "start-next", statusDetails={"step": "1"})
    assert started["execution"]["status"] == "IN_PROGRESS"
    assert started["execution"]["versionNumber"] == 2
    assert ask(bulb, "$next/get")[1]["execution"]["jobId"] == "first"
    bulb.publish(
        f"{JOBS}/first/update",
        json.dumps({"status": "SUCCEEDED", "expectedVersion": 2, "includeJobExecutionState": True}),
    )
    answers = dict(received(bulb))
    assert answers["first/update/accepted"]["executionState"]["status"] == "SUCCEEDED"
    assert answers["notify"]["jobs"] == {}
    assert set(answers["notify-next"]) == {"timestamp"}
    job = client().describe_job(jobId="first")["job"]
    assert (job["status"], job["jobProcessDetails"]["numberOfSucceededThings"]) == ("COMPLETED", 1)


@BOTH_DOORS
def test_a_refused_update_says_what_state_the_execution_has(bulb: DeviceConnection) -> None:
    bulb.subscribe(f"{JOBS}/#")
    create()
    received(bulb)
    end, answer = ask(bulb, "first/update", status="FAILED", expectedVersion=7)
    assert (end, answer["code"]) == ("rejected", "VersionMismatch")
    assert answer["executionState"]["status"] == "QUEUED"
    assert ask(bulb, "first/update", status="CANCELED")[1]["code"] == "InvalidRequest"
    assert ask(bulb, "other/get")[1]["code"] == "ResourceNotFound"
    ask(bulb, "first/update", status="FAILED")
    assert ask(bulb, "first/update", status="FAILED")[1]["code"] == "InvalidStateTransition"
    assert ask(bulb, "first/get")[1]["code"] == "TerminalStateReached"


def test_the_first_job_goes_by_https_too(bulb: DeviceConnection) -> None:
    create()
    jobs = client(service="iot-jobs-data")
    assert jobs.get_pending_job_executions(thingName="bulb-1")["queuedJobs"][0]["jobId"] == "first"
    started = jobs.start_next_pending_job_execution(thingName="bulb-1")["execution"]
    assert json.loads(started["jobDocument"]) == {"operation": "reboot"}
    with pytest.raises(jobs.exceptions.InvalidStateTransitionException):
        jobs.update_job_execution(
            jobId="first", thingName="bulb-1", status="FAILED", expectedVersion=9
        )
    jobs.update_job_execution(jobId="first", thingName="bulb-1", status="SUCCEEDED")
    with pytest.raises(jobs.exceptions.TerminalStateException):
        jobs.describe_job_execution(jobId="first", thingName="bulb-1")
    assert "execution" not in jobs.start_next_pending_job_execution(thingName="bulb-1")


def test_an_execution_times_out_by_the_clock_of_the_test(bulb: DeviceConnection) -> None:
    with freeze_time() as clock:
        create(timeoutConfig={"inProgressTimeoutInMinutes": 5})
        client(service="iot-jobs-data").start_next_pending_job_execution(thingName="bulb-1")
        clock.tick(timedelta(minutes=6))
        iot = client()
        found = iot.describe_job_execution(jobId="first", thingName="bulb-1")["execution"]
        assert found["status"] == "TIMED_OUT"
        assert iot.describe_job(jobId="first")["job"]["status"] == "COMPLETED"


def test_what_cannot_be_carried_out_is_refused_by_name(bulb: DeviceConnection) -> None:
    iot = client()
    create()
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException, match="first"):
        create()
    for members, named in (
        ({"jobExecutionsRolloutConfig": {"maximumPerMinute": 1}}, "jobExecutionsRolloutConfig"),
        ({"document": '{"a": "${aws:iot:s3-presigned-url:x}"}'}, "s3-presigned-url"),
        ({"document": "reboot"}, "not valid JSON"),
    ):
        with pytest.raises(iot.exceptions.InvalidRequestException, match=named):
            create("second", **members)
    with pytest.raises(iot.exceptions.ResourceNotFoundException, match="nobody"):
        create("second", targets=[ARN.replace("bulb-1", "nobody")])
    assert [job["jobId"] for job in iot.list_jobs()["jobs"]] == ["first"]


def test_a_job_for_a_group_reads_its_document_from_s3_and_is_cancelled(
    bulb: DeviceConnection,
) -> None:
    iot, s3 = client(), client(service="s3")
    s3.create_bucket(Bucket="docs")
    s3.put_object(Bucket="docs", Key="job.json", Body=DOCUMENT.encode())
    group = iot.create_thing_group(thingGroupName="lamps")["thingGroupArn"]
    iot.add_thing_to_thing_group(thingGroupName="lamps", thingName="bulb-1")
    source = "https://docs.s3.us-east-1.amazonaws.com/job.json"
    iot.create_job(jobId="group", targets=[group], documentSource=source)
    client(service="iot-jobs-data").start_next_pending_job_execution(thingName="bulb-1")
    with pytest.raises(iot.exceptions.InvalidStateTransitionException):
        iot.cancel_job_execution(jobId="group", thingName="bulb-1")
    with pytest.raises(iot.exceptions.InvalidStateTransitionException):
        iot.delete_job(jobId="group")
    iot.cancel_job(jobId="group", force=True)
    (one,) = iot.list_job_executions_for_thing(thingName="bulb-1", status="CANCELED")[
        "executionSummaries"
    ]
    assert one["jobId"] == "group"
    iot.delete_job(jobId="group")
    assert iot.list_job_executions_for_thing(thingName="bulb-1")["executionSummaries"] == []


@BOTH_DOORS
def test_a_job_is_updated_and_its_time_limit_counts_at_once(bulb: DeviceConnection) -> None:
    iot = client()
    iot.create_job(jobId="a", targets=[ARN], document=DOCUMENT, description="first")
    with freeze_time() as clock:
        bulb.publish(f"{JOBS}/a/update", '{"status": "IN_PROGRESS"}')
        iot.update_job(
            jobId="a", description="second", timeoutConfig={"inProgressTimeoutInMinutes": 5}
        )
        assert iot.describe_job(jobId="a")["job"]["description"] == "second"
        clock.tick(timedelta(minutes=6))
        assert iot.describe_job(jobId="a")["job"]["status"] == "COMPLETED"
    with pytest.raises(iot.exceptions.InvalidRequestException, match="it is COMPLETED"):
        iot.update_job(jobId="a", description="third")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.update_job(jobId="b", description="third")
    with pytest.raises(iot.exceptions.InvalidRequestException, match="presignedUrlConfig"):
        iot.update_job(jobId="a", presignedUrlConfig={"expiresInSec": 60})


def status_of(job_id: str = "first", thing: str = "bulb-1") -> str:
    answer = client().describe_job_execution(jobId=job_id, thingName=thing)
    return str(answer["execution"]["status"])


def test_an_execution_of_a_deleted_thing_is_removed(iot: Any) -> None:
    arns = [iot.create_thing(thingName=name)["thingArn"] for name in ("a", "b")]
    create(targets=arns)
    iot.delete_thing(thingName="a")
    assert (status_of(thing="a"), status_of(thing="b")) == ("REMOVED", "QUEUED")
    assert iot.describe_job(jobId="first")["job"]["status"] == "IN_PROGRESS"
    iot.delete_thing(thingName="b")
    job = iot.describe_job(jobId="first")["job"]
    assert (job["status"], job["jobProcessDetails"]["numberOfRemovedThings"]) == ("COMPLETED", 2)
    iot.create_thing(thingName="a")
    pending = client(service="iot-jobs-data").get_pending_job_executions(thingName="a")
    assert pending["queuedJobs"] == []


@BOTH_DOORS
def test_a_device_hears_of_a_timeout_without_anybody_asking_about_jobs(
    clock: FrozenDateTimeFactory, bulb: DeviceConnection
) -> None:
    create(timeoutConfig={"inProgressTimeoutInMinutes": 5})
    client(service="iot-jobs-data").start_next_pending_job_execution(thingName="bulb-1")
    bulb.subscribe(f"{JOBS}/notify")
    client().update_event_configurations(eventConfigurations={"JOB_EXECUTION": {"Enabled": True}})
    bulb.subscribe("$aws/events/jobExecution/#")
    started = clock()
    clock.tick(timedelta(minutes=9))
    client(service="sts").get_caller_identity()
    topics = [topic for topic, _ in received(bulb)]
    assert topics == ["$aws/events/jobExecution/first/timed_out", "notify"]
    execution = client().describe_job_execution(jobId="first", thingName="bulb-1")["execution"]
    ended = execution["lastUpdatedAt"].timestamp() - started.timestamp()
    assert ended == timedelta(minutes=5).total_seconds()


def test_a_step_that_goes_on_prolongs_its_timeout(
    clock: FrozenDateTimeFactory, bulb: DeviceConnection
) -> None:
    create()
    device = client(service="iot-jobs-data")
    device.start_next_pending_job_execution(thingName="bulb-1", stepTimeoutInMinutes=5)
    clock.tick(timedelta(minutes=4))
    device.update_job_execution(
        jobId="first", thingName="bulb-1", status="IN_PROGRESS", stepTimeoutInMinutes=5
    )
    clock.tick(timedelta(minutes=4))
    assert status_of() == "IN_PROGRESS"
    clock.tick(timedelta(minutes=2))
    assert status_of() == "TIMED_OUT"


def test_an_execution_is_cancelled_at_the_version_that_was_seen(bulb: DeviceConnection) -> None:
    iot = client()
    create()
    with refused("VersionConflictException", 409, "The version for job execution first of bulb-1"):
        iot.cancel_job_execution(jobId="first", thingName="bulb-1", expectedVersion=7)
    assert status_of() == "QUEUED"
    iot.cancel_job_execution(
        jobId="first", thingName="bulb-1", expectedVersion=1, statusDetails={"why": "recalled"}
    )
    execution = iot.describe_job_execution(jobId="first", thingName="bulb-1")["execution"]
    assert execution["status"] == "CANCELED"
    assert execution["statusDetails"]["detailsMap"] == {"why": "recalled"}


@pytest.mark.parametrize(
    ("details", "named"),
    [
        ({str(at): "x" for at in range(11)}, "11 pairs"),
        ({"a b": "x"}, "'a b'"),
        ({"a": "x" * 1025}, "1025 characters"),
        ({"a": ""}, "0 characters"),
        ({"a": "x\n"}, "control character"),
    ],
)
@BOTH_DOORS
def test_status_details_of_a_device_have_limits(
    bulb: DeviceConnection, details: dict[str, str], named: str
) -> None:
    bulb.subscribe(f"{JOBS}/first/#")
    create()
    end, answer = ask(bulb, "first/update", status="IN_PROGRESS", statusDetails=details)
    assert (end, answer["code"]) == ("rejected", "InvalidRequest")
    assert named in answer["message"]
    details = {str(at): "x" * 1024 for at in range(10)}
    assert ask(bulb, "first/update", status="IN_PROGRESS", statusDetails=details)[0] == "accepted"


def test_a_continuous_job_reaches_what_joins_its_group_and_lets_go_what_leaves(iot: Any) -> None:
    group = iot.create_thing_group(thingGroupName="g")["thingGroupArn"]
    for name in ("a", "b"):
        iot.create_thing(thingName=name)
    create(targets=[group], targetSelection="CONTINUOUS")
    iot.add_thing_to_thing_group(thingGroupName="g", thingName="a")
    assert status_of(thing="a") == "QUEUED"
    iot.remove_thing_from_thing_group(thingGroupName="g", thingName="a")
    assert status_of(thing="a") == "REMOVED"
    iot.add_thing_to_thing_group(thingGroupName="g", thingName="a")
    device = client(service="iot-jobs-data")
    started = device.start_next_pending_job_execution(thingName="a")["execution"]
    assert started["executionNumber"] == 2
    device.update_job_execution(jobId="first", thingName="a", status="SUCCEEDED")
    assert iot.describe_job(jobId="first")["job"]["status"] == "IN_PROGRESS"
    iot.cancel_job(jobId="first")
    iot.add_thing_to_thing_group(thingGroupName="g", thingName="b")
    listed = iot.list_job_executions_for_job(jobId="first")["executionSummaries"]
    assert [one["thingArn"].rpartition("/")[2] for one in listed] == ["a"]


def test_a_continuous_job_takes_more_targets(iot: Any) -> None:
    arns = [iot.create_thing(thingName=name)["thingArn"] for name in ("a", "b")]
    create(targets=arns[:1], targetSelection="CONTINUOUS")
    answer = iot.associate_targets_with_job(jobId="first", targets=arns, comment="more")
    assert answer["jobId"] == "first"
    assert status_of(thing="b") == "QUEUED"
    job = iot.describe_job(jobId="first")["job"]
    assert (job["targets"], job["comment"]) == (arns, "more")
    create("second", targets=arns)
    with refused("InvalidRequestException", 400, "Job second accepts no more targets"):
        iot.associate_targets_with_job(jobId="second", targets=arns)
    with refused("ResourceNotFoundException", 404, "The target"):
        iot.associate_targets_with_job(jobId="first", targets=[arns[0] + "x"])
    many = [iot.create_thing(thingName=f"t{at}")["thingArn"] for at in range(99)]
    with refused("LimitExceededException", 410, "Job first would have 101 targets"):
        iot.associate_targets_with_job(jobId="first", targets=many)
    iot.cancel_job(jobId="first")
    with refused("InvalidRequestException", 400, "Job first accepts no more targets"):
        iot.associate_targets_with_job(jobId="first", targets=arns)


@BOTH_DOORS
def test_what_devices_ask_and_how_a_job_ends_is_logged(bulb: DeviceConnection) -> None:
    iot = client()
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="DEBUG")
    create()
    bulb.publish(f"{JOBS}/get", json.dumps({"clientToken": "t"}))
    bulb.publish(f"{JOBS}/start-next", "{}")
    bulb.publish(f"{JOBS}/first/get", "{}")
    bulb.publish(f"{JOBS}/first/update", json.dumps({"status": "FAILED", "expectedVersion": 7}))
    client(service="iot-jobs-data").update_job_execution(
        jobId="first", thingName="bulb-1", status="SUCCEEDED"
    )
    logged = [entry for entry in log_entries() if "Job" in entry["eventType"]]
    assert [(entry["eventType"], entry["logLevel"]) for entry in logged] == [
        ("GetPendingJobExecution", "DEBUG"),
        ("StartNextPendingJobExecution", "DEBUG"),
        ("DescribeJobExecution", "DEBUG"),
        ("UpdateJobExecution", "ERROR"),
        ("ReportFinalJobExecutionCount", "INFO"),
        ("UpdateJobExecution", "DEBUG"),
    ]
    first, _, _, refused_one, final, last = logged
    assert (first["topicName"], first["clientToken"]) == (f"{JOBS}/get", "t")
    assert (first["protocol"], first["clientId"]) == ("MQTT", "bulb-1")
    assert (refused_one["jobId"], refused_one["versionNumber"]) == ("first", "7")
    assert "7 was expected" in refused_one["details"]
    assert "SUCCEEDED job execution count: 1" in final["details"]
    assert last["protocol"] == "HTTP"
    assert last["details"] == (
        "The destination status is SUCCEEDED. The request status is SUCCESS."
    )
