"""Operations that are not emulated are refused by name, with an error that boto3 knows and does not
retry.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import botocore
import pytest
from botocore.exceptions import ClientError
from support.patience import HANG
from support.servers import motos_server

CALLS: dict[str, dict[str, Any]] = {
    "DescribeAuthorizer": {"authorizerName": "bulbs"},
    "DescribeMitigationAction": {"actionName": "isolate"},
    "DescribeAccountAuditConfiguration": {},
    "DescribeScheduledAudit": {"scheduledAuditName": "daily"},
}
CALLS_OF_JOBS_DATA: dict[str, dict[str, Any]] = {
    "StartCommandExecution": {
        "targetArn": "arn:aws:iot:us-east-1:123456789012:thing/bulb-1",
        "commandArn": "arn:aws:iot:us-east-1:123456789012:command/restart",
    },
}


def method(iot: Any, operation: str) -> Any:
    names = {iot.meta.method_to_api_mapping[name]: name for name in iot.meta.method_to_api_mapping}
    return getattr(iot, names[operation])


def expect_refusal(error: ClientError, operation: str) -> None:
    assert f"The operation {operation} of AWS IoT is not emulated" in str(error)
    metadata = error.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 400
    assert metadata["RetryAttempts"] == 0
    assert metadata["RequestId"]


@pytest.mark.parametrize("operation", CALLS)
def test_the_error_names_the_operation_in_process(iot: Any, operation: str) -> None:
    with pytest.raises(iot.exceptions.InvalidRequestException) as caught:
        method(iot, operation)(**CALLS[operation])
    expect_refusal(caught.value, operation)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with motos_server() as url:
        yield url


@pytest.mark.parametrize("operation", CALLS)
def test_the_error_names_the_operation_over_http(server: str, operation: str) -> None:
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    iot = session.client("iot", endpoint_url=server)
    with pytest.raises(iot.exceptions.InvalidRequestException) as caught:
        method(iot, operation)(**CALLS[operation])
    expect_refusal(caught.value, operation)


def expect_refusal_by_jobs_data(jobs: Any, operation: str) -> None:
    if operation not in jobs.meta.service_model.operation_names:
        pytest.skip("the installed boto3 does not know the operation")
    declared = {
        shape.name for shape in jobs.meta.service_model.operation_model(operation).error_shapes
    }
    with pytest.raises(ClientError) as caught:
        method(jobs, operation)(**CALLS_OF_JOBS_DATA[operation])
    assert type(caught.value).__name__ in declared
    expect_refusal(caught.value, operation)


@pytest.mark.parametrize("operation", CALLS_OF_JOBS_DATA)
def test_iot_jobs_data_names_the_operation_in_process(iot: Any, operation: str) -> None:
    expect_refusal_by_jobs_data(boto3.client("iot-jobs-data", "us-east-1"), operation)


@pytest.mark.parametrize("operation", CALLS_OF_JOBS_DATA)
def test_iot_jobs_data_names_the_operation_over_http(server: str, operation: str) -> None:
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    expect_refusal_by_jobs_data(session.client("iot-jobs-data", endpoint_url=server), operation)


def test_a_family_of_operations_without_that_error_uses_its_own(iot: Any) -> None:
    with pytest.raises(iot.exceptions.ValidationException) as caught:
        iot.update_package_configuration()
    expect_refusal(caught.value, "UpdatePackageConfiguration")


def expect_refusal_by_cloud_control(control: Any) -> None:
    for type_name in ("AWS::IoT::Thing", "AWS::S3::Bucket"):
        with pytest.raises(control.exceptions.UnsupportedActionException) as caught:
            control.create_resource(TypeName=type_name, DesiredState="{}")
        expected = (
            f"The operation CreateResource of AWS Cloud Control API is not emulated for {type_name}"
        )
        assert expected in str(caught.value)
        assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    with pytest.raises(ClientError, match="The operation ListResourceRequests of AWS Cloud Con"):
        control.list_resource_requests()


def test_cloud_control_is_refused_by_name_in_process(iot: Any) -> None:
    expect_refusal_by_cloud_control(boto3.client("cloudcontrol", "us-east-1"))
    assert iot.list_things()["things"] == []


def test_cloud_control_is_refused_by_name_over_http(server: str) -> None:
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    expect_refusal_by_cloud_control(session.client("cloudcontrol", endpoint_url=server))


def test_what_is_emulated_works_over_http(server: str) -> None:
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    iot = session.client("iot", endpoint_url=server)
    code = iot.get_registration_code()["registrationCode"]
    assert iot.get_registration_code()["registrationCode"] == code
    with pytest.raises(iot.exceptions.ResourceNotFoundException) as caught:
        iot.describe_provisioning_template(templateName="bulbs")
    assert "Unable to find template named bulbs" in str(caught.value)


def test_a_path_that_is_not_an_operation_is_refused_in_json(server: str) -> None:
    credential = "Credential=testing/20200101/us-east-1/iot/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 {credential}"}
    request = urllib.request.Request(f"{server}/no-such-thing", headers=headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=HANG)
    with caught.value as answer:
        assert answer.code == 400
        assert answer.headers["x-amzn-ErrorType"] == "InvalidRequestException"
        message = json.loads(answer.read())["message"]
    assert message == (
        "GET /no-such-thing is not an AWS IoT operation that the installed botocore "
        f"{botocore.__version__} knows."
    )
