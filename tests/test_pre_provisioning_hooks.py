"""Pre-provisioning hooks: a Lambda function of moto's decides about each device of a fleet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from freezegun import freeze_time
from moto.awslambda.models import LambdaFunction
from support.bodies import ROLE
from support.cloud import ACCOUNT, client, refused
from support.fleet import (
    CREATE_KEYS,
    HOOK_FUNCTION,
    HOOK_PERMISSION,
    SIMPLE,
    ClaimDevice,
    make_hook_function,
    make_template,
)
from support.patience import HANG
from support.roles import allow, create_role, set_permissions

from moto_jitp import mock_jitp


@pytest.fixture
def hooked() -> Iterator[Any]:
    """A mock whose Lambda answers what is queued, with the function of the template's hook."""
    with mock_jitp(config=SIMPLE):
        make_hook_function()
        make_template(preProvisioningHook={"targetArn": HOOK_FUNCTION})
        yield client(service="lambda")


def queue(*results: Any) -> None:
    """Let the function return these, one per call."""
    texts = [result if isinstance(result, str) else json.dumps(result) for result in results]
    answer = requests.post(
        "http://motoapi.amazonaws.com/moto-api/static/lambda-simple/response",
        json={"results": texts, "region": "us-east-1"},
        timeout=HANG,
    )
    assert answer.status_code == 201


def register(device: ClaimDevice | None = None, **parameters: str) -> tuple[str, Any]:
    device = device or ClaimDevice()
    token = device.accepted(CREATE_KEYS)["certificateOwnershipToken"]
    return device.register(token, **parameters)


def test_a_device_that_the_hook_allows_is_provisioned(hooked: Any) -> None:
    queue({"allowProvisioning": True})
    outcome, answer = register(SerialNumber="1")
    assert (outcome, answer["thingName"]) == ("accepted", "bulb-1")


def test_the_hook_overrides_and_adds_parameters(hooked: Any) -> None:
    overrides = {"Location": "Seoul", "SerialNumber": "9"}
    queue({"allowProvisioning": "true", "parameterOverrides": overrides})
    _, answer = register(Location="Seattle")
    assert answer == {
        "thingName": "bulb-9",
        "deviceConfiguration": {"url": "https://seoul.example.com"},
    }


@pytest.mark.parametrize(
    "result",
    [
        {"allowProvisioning": False},
        {},
        {"allowProvisioning": "false"},
        {"allowProvisioning": 1},
        {"allowProvisioning": False, "parameterOverrides": 7},
    ],
)
def test_a_device_that_the_hook_does_not_allow_is_denied(hooked: Any, result: Any) -> None:
    queue(result)
    outcome, answer = register(SerialNumber="1")
    assert (outcome, answer) == (
        "rejected",
        {"statusCode": 403, "errorCode": "AccessDenied", "errorMessage": "Access Denied"},
    )
    assert client().list_things()["things"] == []


def test_a_denied_device_may_try_again(hooked: Any) -> None:
    device = ClaimDevice()
    token = device.accepted(CREATE_KEYS)["certificateOwnershipToken"]
    queue({"allowProvisioning": False}, {"allowProvisioning": True})
    assert device.register(token, SerialNumber="1")[0] == "rejected"
    assert device.register(token, SerialNumber="1")[0] == "accepted"


def test_a_token_that_another_request_uses_up_while_the_hook_decides_is_not_used_twice(
    hooked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = ClaimDevice()
    token = device.accepted(CREATE_KEYS)["certificateOwnershipToken"]
    asked: list[str] = []

    def invoke(self: Any, name: str, qualifier: Any, body: str, *more: Any) -> bytes:
        asked.append(body)
        if len(asked) == 1:  # the device is impatient
            again = {"certificateOwnershipToken": token, "parameters": {"SerialNumber": "second"}}
            topic = "$aws/provisioning-templates/bulbs/provision/json"
            device.connection.publish(topic, json.dumps(again))
        return b'{"allowProvisioning": true}'

    monkeypatch.setattr("moto.awslambda_simple.models.LambdaSimpleBackend.invoke", invoke)
    assert device.register(token, SerialNumber="first")[0] == "accepted"  # the second one's
    assert device.connection.receive().topic.endswith("rejected")
    things = client().list_things()["things"]
    assert [thing["thingName"] for thing in things] == ["bulb-second"]


@pytest.mark.parametrize(
    "result",
    [
        "no JSON",
        "[" * 100_000,
        [True],
        {"allowProvisioning": True, "parameterOverrides": {"Location": 7}},
        {"allowProvisioning": True, "parameterOverrides": "Seoul"},
    ],
)
def test_an_answer_of_the_wrong_form_is_an_invalid_result(hooked: Any, result: Any) -> None:
    queue(result)
    outcome, answer = register(SerialNumber="1")
    assert (outcome, answer["errorCode"]) == ("rejected", "InvalidResult")
    assert answer["errorMessage"] == "Provisioning hook result is in an invalid format."


def test_the_hook_is_given_what_the_guide_lists(
    hooked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def invoke(self: Any, name: str, qualifier: Any, body: str, *more: Any) -> bytes:
        given.append(json.loads(body))
        return b'{"allowProvisioning": true}'

    monkeypatch.setattr("moto.awslambda_simple.models.LambdaSimpleBackend.invoke", invoke)
    device = ClaimDevice(client_id="factory-1")
    issued = device.accepted(CREATE_KEYS)

    device.register(issued["certificateOwnershipToken"], SerialNumber="1", Color="red")

    assert given == [
        {
            "claimCertificateId": device.claim["certificateId"],
            "certificateId": issued["certificateId"],
            "certificatePem": issued["certificatePem"],
            "templateArn": f"arn:aws:iot:us-east-1:{ACCOUNT}:provisioningtemplate/bulbs",
            "clientId": "factory-1",
            "parameters": {"SerialNumber": "1", "Color": "red"},
        }
    ]


def advice_of(device: ClaimDevice) -> str:
    run = device.connection.provisioning
    assert run is not None
    return str(run.advice)


def test_a_test_that_has_queued_no_result_is_told_to(hooked: Any) -> None:
    device = ClaimDevice()
    assert register(device, SerialNumber="1")[1]["errorCode"] == "AccessDenied"
    assert "POST /moto-api/static/lambda-simple/response" in advice_of(device)


@pytest.mark.parametrize("qualifier", ["1", "$LATEST", "live"])
def test_a_version_or_alias_of_the_function_can_be_the_hook(hooked: Any, qualifier: str) -> None:
    hooked.publish_version(FunctionName="gatekeeper")
    hooked.create_alias(FunctionName="gatekeeper", Name="live", FunctionVersion="1")
    hooked.add_permission(**{**HOOK_PERMISSION, "StatementId": "qualified"}, Qualifier=qualifier)
    make_template("qualified", preProvisioningHook={"targetArn": f"{HOOK_FUNCTION}:{qualifier}"})
    hooked.create_alias(FunctionName="gatekeeper", Name="nope", FunctionVersion="1")
    make_template("other", preProvisioningHook={"targetArn": f"{HOOK_FUNCTION}:nope"})
    hooked.delete_alias(FunctionName="gatekeeper", Name="nope")
    device = ClaimDevice()
    token = device.accepted(CREATE_KEYS)["certificateOwnershipToken"]
    queue({"allowProvisioning": True})
    assert device.register(token, template="other")[1]["errorCode"] == "InvocationError"
    assert device.register(token, template="qualified", SerialNumber="1")[0] == "accepted"


NOWHERE = [HOOK_FUNCTION, HOOK_FUNCTION.replace("us-east-1", "mars-north-1"), "gatekeeper"]


@pytest.mark.parametrize("arn", NOWHERE)
def test_a_function_that_does_not_exist_cannot_be_invoked(arn: str) -> None:
    with mock_jitp(config={**SIMPLE, "jitp": {"strict": False}}):
        make_template(preProvisioningHook={"targetArn": arn})
        outcome, answer = register(SerialNumber="1")
    assert (outcome, answer["errorCode"]) == ("rejected", "InvocationError")
    assert answer["errorMessage"] == "Access denied while invoking Lambda function"


def test_a_function_that_is_deleted_cannot_be_invoked(hooked: Any) -> None:
    hooked.delete_function(FunctionName="gatekeeper")
    assert register(SerialNumber="1")[1]["errorCode"] == "InvocationError"


@pytest.mark.parametrize("arn", NOWHERE)
def test_a_template_whose_hook_names_no_function_is_refused(arn: str) -> None:
    text = f"Access denied during lambda validation: {arn}"
    with mock_jitp(config=SIMPLE):
        with refused("InvalidRequestException", 400, text):
            make_template(preProvisioningHook={"targetArn": arn})
        make_template()
        with refused("InvalidRequestException", 400, text):
            client().update_provisioning_template(
                templateName="bulbs", preProvisioningHook={"targetArn": arn}
            )
        described = client().describe_provisioning_template(templateName="bulbs")
    assert "preProvisioningHook" not in described


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(5, "accepted"), (5.5, "rejected")], ids=["in time", "too late"]
)
def test_a_hook_has_five_seconds_of_the_clock_to_answer(seconds: float, outcome: str) -> None:
    now = datetime.now(timezone.utc)
    with freeze_time(now) as clock, mock_jitp() as jitp:

        def gatekeeper(event: Any) -> Any:
            clock.tick(timedelta(seconds=seconds))
            return {"allowProvisioning": True}

        jitp.lambda_handler("gatekeeper", gatekeeper)
        make_template(preProvisioningHook={"targetArn": HOOK_FUNCTION})
        device = ClaimDevice()
        found, answer = register(device, SerialNumber="1")
        assert found == outcome
        if found == "rejected":
            assert answer == {
                "statusCode": 400,
                "errorCode": "InvocationError",
                "errorMessage": "The provisioning hook was not executed successfully.",
            }
            assert "took 5.5 seconds" in advice_of(device)
            assert client().list_things()["things"] == []


def test_a_function_that_fails_refuses_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, body: str, request_headers: Any, response_headers: Any) -> bytes:
        response_headers["x-amz-function-error"] = "Handled"
        return b'{"errorMessage": "no database"}'

    monkeypatch.setattr(LambdaFunction, "invoke", fail)
    with mock_jitp():
        make_hook_function()
        make_template(preProvisioningHook={"targetArn": HOOK_FUNCTION})
        device = ClaimDevice()
        outcome, answer = register(device, SerialNumber="1")
        advice = advice_of(device)
    assert (outcome, answer["errorCode"]) == ("rejected", "InvocationError")
    assert answer["errorMessage"] == "The provisioning hook was not executed successfully."
    assert "no database" in advice
    assert "{'lambda': {'use_docker': False}}" in advice


def test_the_log_says_why_a_hook_refused(hooked: Any) -> None:
    client().set_v2_logging_options(roleArn=ROLE, defaultLogLevel="ERROR")
    queue({"allowProvisioning": False})
    register(SerialNumber="1")
    logs = client(service="logs").filter_log_events(logGroupName="AWSIotLogsV2")["events"]
    (entry,) = [json.loads(event["message"]) for event in logs]
    assert (entry["eventType"], entry["status"]) == ("ProvisionDevice", "Failure")
    assert entry["provisioningTemplateName"] == "bulbs"
    assert entry["details"].startswith("AccessDenied: Access Denied")
    assert HOOK_FUNCTION in entry["details"]


@pytest.mark.parametrize("enforce_role", [False, True])
def test_the_function_must_let_aws_iot_invoke_it(enforce_role: bool) -> None:
    config = {**SIMPLE, "jitp": {"enforce_role": enforce_role}}
    with mock_jitp(config=config):
        create_role()
        set_permissions(allow("*"))
        make_hook_function(allowed=False)
        make_template(preProvisioningHook={"targetArn": HOOK_FUNCTION})
        queue({"allowProvisioning": True})

        outcome, answer = register(SerialNumber="1")
        assert (outcome, answer["errorMessage"]) == (
            "rejected",
            "Access denied while invoking Lambda function",
        )
        functions = client(service="lambda")
        of_other = f"arn:aws:iot:us-east-1:{ACCOUNT}:provisioningtemplate/others"
        functions.add_permission(**HOOK_PERMISSION, SourceArn=of_other)
        assert register(SerialNumber="1")[0] == "rejected"
        functions.remove_permission(FunctionName="gatekeeper", StatementId="iot")
        functions.add_permission(**HOOK_PERMISSION)
        assert register(SerialNumber="1")[0] == "accepted"
