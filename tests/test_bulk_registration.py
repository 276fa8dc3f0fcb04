"""Bulk registration: a task registers a device for each line of a file in S3."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
import requests
from freezegun.api import FrozenDateTimeFactory
from moto.moto_api import state_manager
from support.bodies import ROLE
from support.cloud import ACCOUNT, client, refused
from support.patience import HANG
from support.roles import ENFORCED, allow, create_role, set_permissions
from support.servers import motos_server

from moto_jitp import JitpHandle, mock_jitp
from moto_jitp.history.journal import RunOrigin
from moto_jitp.history.state import existing_state
from moto_jitp.iot.provisioning.bulk import report_files

MODEL = "iot::thing-registration-task"
BODY = json.dumps(
    {
        "Parameters": {
            "ThingName": {"Type": "String"},
            "Line": {"Type": "String", "Default": "bulbs"},
        },
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {
                    "ThingName": {"Ref": "ThingName"},
                    "AttributePayload": {"line": {"Ref": "Line"}},
                },
            }
        },
    }
)
WITH_GROUP = json.dumps(
    {
        "Parameters": {"ThingName": {"Type": "String"}, "Group": {"Type": "String"}},
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {
                    "ThingName": {"Ref": "ThingName"},
                    "ThingGroups": [{"Ref": "Group"}],
                },
            }
        },
    }
)


@pytest.fixture
def files(mocked: JitpHandle) -> Any:
    """S3 with the bucket of the input files."""
    return bucket()


def bucket() -> Any:
    s3 = client(service="s3")
    s3.create_bucket(Bucket="fleet")
    return s3


def put(*lines: Any) -> None:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    client(service="s3").put_object(Bucket="fleet", Key="things.json", Body="\n".join(texts))


def things(number: int) -> list[dict[str, str]]:
    return [{"ThingName": f"bulb-{at}"} for at in range(number)]


def start(body: str = BODY, iot: Any = None, **changes: str) -> str:
    task: str = (iot or client()).start_thing_registration_task(
        **{
            "templateBody": body,
            "inputFileBucket": "fleet",
            "inputFileKey": "things.json",
            "roleArn": ROLE,
            **changes,
        }
    )["taskId"]
    return task


def describe(task: str) -> dict[str, Any]:
    answer: dict[str, Any] = client().describe_thing_registration_task(taskId=task)
    return answer


def counts(task: str) -> tuple[str, int, int, int]:
    found = describe(task)
    return (
        found["status"],
        found["successCount"],
        found["failureCount"],
        found["percentageProgress"],
    )


def report(task: str, kind: str) -> list[Any]:
    """The entries of a report, by its links."""
    answer = client().list_thing_registration_task_reports(taskId=task, reportType=kind)
    assert answer["reportType"] == kind
    lines: list[Any] = []
    for link in answer["resourceLinks"]:
        fetched = requests.get(link, timeout=HANG)
        assert fetched.status_code == 200
        lines += map(json.loads, fetched.text.splitlines())
    return lines


def registered() -> list[str]:
    return [thing["thingName"] for thing in client().list_things()["things"]]


@pytest.mark.usefixtures("files")
def test_each_line_of_the_file_registers_a_device(iot: Any) -> None:
    put({"ThingName": "bulb-1", "Line": "lamps"}, {"ThingName": "bulb-2", "Line": ""})
    task = start()
    described = describe(task)
    described.pop("ResponseMetadata")
    dates = [described.pop("creationDate"), described.pop("lastModifiedDate")]
    assert described == {
        "taskId": task,
        "templateBody": BODY,
        "inputFileBucket": "fleet",
        "inputFileKey": "things.json",
        "roleArn": ROLE,
        "status": "Completed",
        "successCount": 2,
        "failureCount": 0,
        "percentageProgress": 100,
    }
    assert all(isinstance(date, datetime) for date in dates)
    assert iot.describe_thing(thingName="bulb-1")["attributes"] == {"line": "lamps"}
    assert iot.describe_thing(thingName="bulb-2")["attributes"] == {"line": "bulbs"}


@pytest.mark.usefixtures("files")
def test_results_are_behind_links_that_can_be_fetched() -> None:
    put(*things(2))
    task = start()
    arn = f"arn:aws:iot:us-east-1:{ACCOUNT}:thing/bulb-"
    assert report(task, "RESULTS") == [
        {"lineNumber": 1, "offset": 0, "response": {"ResourceArns": {"thing": f"{arn}0"}}},
        {"lineNumber": 2, "offset": 24, "response": {"ResourceArns": {"thing": f"{arn}1"}}},
    ]
    assert report(task, "ERRORS") == []
    names = [bucket["Name"] for bucket in client(service="s3").list_buckets()["Buckets"]]
    assert names == ["fleet"]


@pytest.mark.usefixtures("files")
def test_bad_lines_are_reported_by_number_while_good_ones_go_on() -> None:
    put(
        {"ThingName": "bulb-1"},
        "not JSON",
        "",
        '["bulb-3"]',
        {"ThingName": ["bulb"]},
        '{"ThingName": NaN}',
        '{"ThingName": "' + "b" * 256_000 + '"}',
        {"Line": "lamps"},
        {"ThingName": "a b"},
        {"ThingName": "bulb-10"},
    )
    task = start()
    assert counts(task) == ("Completed", 2, 7, 100)
    assert registered() == ["bulb-1", "bulb-10"]
    errors = report(task, "ERRORS")
    assert [error["lineNumber"] for error in errors] == [2, 4, 5, 6, 7, 8, 9]
    assert {error["errorCode"] for error in errors} == {"InvalidRequestException"}
    assert "not valid JSON" in errors[0]["errorMessage"]
    assert "more than 256000 bytes" in errors[4]["errorMessage"]
    assert "ThingName" in errors[5]["errorMessage"]


@pytest.mark.usefixtures("files")
def test_a_device_whose_group_is_missing_is_an_error_of_register_thing(iot: Any) -> None:
    iot.create_thing_group(thingGroupName="attic")
    put({"ThingName": "a", "Group": "cellar"}, {"ThingName": "b", "Group": "attic"})
    (error,) = report(start(WITH_GROUP), "ERRORS")
    assert (error["lineNumber"], error["errorCode"]) == (1, "ResourceRegistrationFailureException")
    assert error["errorMessage"].endswith(f"ThingGroup {ACCOUNT}:cellar not found.")
    assert registered() == ["b"]


@pytest.mark.usefixtures("files")
def test_numbers_are_taken_as_their_text() -> None:
    put('{"ThingName": 4711, "Line": 1.50}', '{"ThingName": 12345678901234567890123, "Line": 1e3}')
    assert counts(start())[:3] == ("Completed", 2, 0)
    assert registered() == ["4711", "12345678901234567890123"]
    lines = [client().describe_thing(thingName=name)["attributes"]["line"] for name in registered()]
    assert lines == ["1.50", "1e3"]


@pytest.mark.usefixtures("files")
def test_a_task_gets_on_by_count() -> None:
    state_manager.set_transition(MODEL, {"progression": "manual", "times": 4})
    put(*things(8))
    task = start()
    assert registered() == []
    seen = [counts(task) for _ in range(4)]
    assert [status for status, *_ in seen] == ["InProgress"] * 3 + ["Completed"]
    assert [done for _, done, *_ in seen] == [2, 4, 6, 8]
    assert [percentage for *_, percentage in seen] == sorted({p for *_, p in seen})
    assert client().list_thing_registration_tasks(status="Completed")["taskIds"] == [task]


@pytest.mark.usefixtures("files")
def test_a_task_progresses_with_time_even_if_nobody_describes_it(
    clock: FrozenDateTimeFactory, iot: Any
) -> None:
    state_manager.set_transition(MODEL, {"progression": "time", "seconds": 100})
    put(*things(10))
    task = start()
    clock.tick(50)
    assert len(registered()) == 5
    assert counts(task)[:3] == ("InProgress", 5, 0)
    clock.tick(timedelta(hours=1))
    found = describe(task)
    assert (found["status"], len(registered())) == ("Completed", 10)
    assert found["lastModifiedDate"] - found["creationDate"] == timedelta(seconds=100)


@pytest.mark.usefixtures("files")
def test_a_task_can_be_stopped_in_the_middle() -> None:
    state_manager.set_transition(MODEL, {"progression": "manual", "times": 2})
    put(*things(8))
    task = start()
    assert counts(task)[:2] == ("InProgress", 4)
    client().stop_thing_registration_task(taskId=task)
    assert counts(task)[:2] == ("Cancelling", 4)
    assert counts(task)[:2] == ("Cancelled", 4)
    assert len(registered()) == len(report(task, "RESULTS")) == 4
    with refused("InvalidRequestException", 400, f"The thing registration task {task} has ended"):
        client().stop_thing_registration_task(taskId=task)


@pytest.mark.usefixtures("files")
def test_an_account_runs_one_task_at_a_time() -> None:
    state_manager.set_transition(MODEL, {"progression": "manual", "times": 1})
    put(*things(1))
    first = start()
    with refused("InvalidRequestException", 400, f"The thing registration task {first} has the"):
        start()
    assert counts(first)[0] == "Completed"
    second = start()
    tasks = client().get_paginator("list_thing_registration_tasks")
    pages = list(tasks.paginate(PaginationConfig={"PageSize": 1}))
    assert [page["taskIds"] for page in pages] == [[first], [second]]


@pytest.mark.usefixtures("files")
def test_what_a_task_cannot_start_with_is_refused(iot: Any) -> None:
    with refused("InvalidRequestException", 400, "Invalid registration template."):
        start("{}")
    assert iot.list_thing_registration_tasks()["taskIds"] == []
    with refused("ResourceNotFoundException", 404, "There is no thing registration task"):
        describe("nope")
    with refused("InvalidRequestException", 400, "There is no thing registration task"):
        iot.list_thing_registration_task_reports(taskId="nope", reportType="ERRORS")


@pytest.mark.usefixtures("files")
def test_a_file_that_is_not_there_fails_the_task() -> None:
    for changes in ({"inputFileKey": "nowhere"}, {"inputFileBucket": "nowhere"}):
        found = describe(start(**changes))
        assert found["status"] == "Failed"
        assert "nowhere" in found["message"]
        assert found["percentageProgress"] == 0


def test_a_name_that_no_bucket_has_fails_the_task_and_nothing_else() -> None:
    """With strict off its form is not refused; the task looks for the file at each call."""
    with mock_jitp(config={"jitp": {"strict": False}}):
        found = describe(start(inputFileBucket="a b"))
        assert found["status"] == "Failed"
        assert 'Invalid bucket name "a b"' in found["message"]
        client().create_thing(thingName="bulb")


def test_the_role_must_let_aws_iot_read_the_file_and_register() -> None:
    with mock_jitp(config=ENFORCED):
        bucket()
        put(*things(1))
        with refused("InvalidRequestException", 400, "AWS IoT (iot.amazonaws.com) is unable to"):
            start()
        create_role()
        set_permissions(allow("*"))
        found = describe(start())
        assert found["status"] == "Failed"
        assert "s3:GetObject on resource: arn:aws:s3:::fleet/things.json" in found["message"]
        read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::fleet/*"}
        set_permissions(allow("RegisterThing"), read)
        (error,) = report(start(), "ERRORS")
        assert "iot:CreateThing" in error["errorMessage"]
        set_permissions(allow("*"), read)
        assert counts(start())[:3] == ("Completed", 1, 0)


@pytest.mark.usefixtures("files")
def test_each_run_is_in_the_journal_and_the_trail() -> None:
    put({"ThingName": "bulb-1"}, {"ThingName": "a b"}, "not JSON")
    start()
    entries = existing_state(ACCOUNT, "us-east-1").runs.entries()
    assert [entry.origin for entry in entries] == [RunOrigin.BULK_REGISTRATION] * 2
    assert [entry.run.succeeded for entry in entries] == [True, False]
    attributes = [{"AttributeKey": "EventName", "AttributeValue": "CreateThing"}]
    trail = client(service="cloudtrail").lookup_events(LookupAttributes=attributes)
    (event,) = trail["Events"]
    assert "AWSIoT" not in event.get("ReadOnly", "")
    assert json.loads(event["CloudTrailEvent"])["userIdentity"]["type"] == "AssumedRole"


def test_a_task_keeps_within_the_quotas_by_itself() -> None:
    with mock_jitp(config={"jitp": {"throttling": {"RegisterThing": 1, "CreateThing": 1}}}):
        bucket()
        put(*things(5))
        assert counts(start()) == ("Completed", 5, 0, 100)


@pytest.mark.usefixtures("files")
def test_a_line_can_be_made_to_fail(mocked: JitpHandle) -> None:
    mocked.fail("CreateThing", "InternalFailureException", message="out of order")
    put(*things(3))
    (error,) = report(start(), "ERRORS")
    assert error["lineNumber"] == 1
    assert "out of order" in error["errorMessage"]
    assert registered() == ["bulb-1", "bulb-2"]


@pytest.mark.usefixtures("files")
def test_tasks_are_kept_for_thirty_days(clock: FrozenDateTimeFactory) -> None:
    put(*things(1))
    done = start()
    clock.tick(timedelta(days=29))
    state_manager.set_transition(MODEL, {"progression": "manual", "times": 9})
    stuck = start()
    clock.tick(timedelta(days=2))
    assert client().list_thing_registration_tasks()["taskIds"] == [stuck]
    clock.tick(timedelta(days=28))
    found = describe(stuck)
    assert (found["status"], found["message"]) == ("Failed", "The task did not end within 30 days.")
    with refused("ResourceNotFoundException", 404, "There is no thing registration task"):
        describe(done)


@pytest.mark.slow
@pytest.mark.usefixtures("files")
def test_a_long_file_is_read_in_bounded_memory() -> None:
    put({"ThingName": "bulb-1"})
    start()  # which loads what is loaded once
    line = '{"ThingName": ["' + "x" * 200_000 + '"]}\n'
    client(service="s3").put_object(Bucket="fleet", Key="things.json", Body=line * 200)
    tracemalloc.start()
    try:
        task = start()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert counts(task) == ("Completed", 0, 200, 100)
    assert peak < len(line) * 200 / 4


@pytest.mark.usefixtures("files")
def test_a_long_report_has_several_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, "PART_BYTES", 1000)
    put(*["not JSON"] * 30)
    task = start()
    assert [error["lineNumber"] for error in report(task, "ERRORS")] == list(range(1, 31))
    reports = client().get_paginator("list_thing_registration_task_reports")
    asked = {"taskId": task, "reportType": "ERRORS", "PaginationConfig": {"PageSize": 1}}
    links = [page["resourceLinks"] for page in reports.paginate(**asked)]
    assert len(links) > 1
    assert all(len(page) == 1 for page in links)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with motos_server() as url:
        yield url


def test_links_lead_to_the_server_that_was_called(server: str) -> None:

    session = boto3.Session("testing", "testing", region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=server)
    s3.create_bucket(Bucket="fleet")
    s3.put_object(Bucket="fleet", Key="things.json", Body=b'{"ThingName": "bulb-1"}')
    iot = session.client("iot", endpoint_url=server)
    task = start(iot=iot)
    reports = iot.list_thing_registration_task_reports(taskId=task, reportType="RESULTS")
    (link,) = reports["resourceLinks"]
    assert link.startswith(server)
    (line,) = requests.get(link, timeout=HANG).text.splitlines()
    assert json.loads(line)["response"]["ResourceArns"]["thing"].endswith("thing/bulb-1")
