"""An operation on a missing resource is refused with an error that AWS declares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from moto import mock_aws
from support.cloud import client, refused
from support.monitoring import events, record

from moto_jitp import activate, deactivate

CALLS = {
    "CancelJob": lambda iot: iot.cancel_job(jobId="update"),
    "DeleteJob": lambda iot: iot.delete_job(jobId="update"),
    "GetJobDocument": lambda iot: iot.get_job_document(jobId="update"),
    "CancelJobExecution": lambda iot: iot.cancel_job_execution(jobId="update", thingName="bulb"),
    "DeleteJobExecution": lambda iot: iot.delete_job_execution(
        jobId="update", thingName="bulb", executionNumber=1
    ),
}


@pytest.mark.parametrize("operation", CALLS)
def test_a_job_that_does_not_exist_is_named(iot: Any, operation: str) -> None:
    with refused("ResourceNotFoundException", 404, "") as error:
        CALLS[operation](iot)

    assert "update" in error.response["Error"]["Message"]
    if operation != "GetJobDocument":  # which only reads
        assert record(events()[0])["errorCode"] == "ResourceNotFoundException"


def test_a_job_that_exists_is_cancelled_and_deleted(iot: Any) -> None:
    thing = iot.create_thing(thingName="bulb")["thingArn"]
    iot.create_job(jobId="update", targets=[thing], document="{}")

    assert iot.get_job_document(jobId="update")["document"] == "{}"
    iot.cancel_job(jobId="update")
    assert iot.describe_job(jobId="update")["job"]["status"] == "CANCELED"
    iot.delete_job(jobId="update")
    assert iot.list_jobs()["jobs"] == []


def create_child(iot: Any) -> None:
    iot.create_thing_group(thingGroupName="bulbs", parentGroupName="lights")


def test_a_parent_group_that_does_not_exist_is_named(iot: Any) -> None:
    with refused("InvalidRequestException", 400, "The parent thing group lights of bulbs"):
        create_child(iot)
    assert iot.list_thing_groups()["thingGroups"] == []

    iot.create_thing_group(thingGroupName="lights")
    create_child(iot)
    described = iot.describe_thing_group(thingGroupName="bulbs")
    assert described["thingGroupMetadata"]["parentGroupName"] == "lights"


@pytest.mark.parametrize("call", [create_child, CALLS["CancelJob"]], ids=["group", "job"])
def test_plain_moto_names_them_too_while_the_backend_is_activated(
    call: Callable[[Any], Any],
) -> None:
    with mock_aws():
        activate()
        try:
            with pytest.raises(client().exceptions.ClientError, match=r"update|lights"):
                call(client())
        finally:
            deactivate()
