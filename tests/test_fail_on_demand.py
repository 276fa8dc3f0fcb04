"""``jitp.fail``: any IoT call and any step of a run fails as a test asks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError
from support import every_step
from support.bodies import PLAIN_BODY
from support.cloud import client, refused
from support.races import in_threads

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    DeviceIdentity,
    JitpHandle,
    connect_device,
    current,
    mock_jitp,
)

MODEL = botocore.session.get_session().get_service_model("iot")
MODELLED = sorted(
    (shape.name, shape.metadata["error"]["httpStatusCode"]) for shape in MODEL.error_shapes
)


@pytest.fixture
def ca(iot: Any, acme: CertificateAuthority) -> CertificateAuthority:
    """A registered CA whose template takes every step."""
    every_step.prepare(iot)
    acme.register(iot, template_body=every_step.BODY)
    return acme


@pytest.fixture
def bulb(ca: CertificateAuthority) -> DeviceIdentity:
    return ca.issue(common_name="bulb")


# Calls of boto3.


def test_the_next_call_fails_and_the_one_after_succeeds(iot: Any, mocked: JitpHandle) -> None:
    mocked.fail("CreateThing", "ThrottlingException")
    with refused("ThrottlingException", 400, ""):
        iot.create_thing(thingName="bulb")
    assert iot.list_things()["things"] == []
    iot.create_thing(thingName="bulb")


def test_calls_fail_as_often_as_asked(iot: Any, mocked: JitpHandle) -> None:
    fault = mocked.fail("ListThings", "ServiceUnavailableException", times=3)
    for _ in range(3):
        with refused("ServiceUnavailableException", 503, ""):
            iot.list_things()
    assert iot.list_things()["things"] == []
    assert (fault.calls, fault.remaining) == (3, 0)


def test_calls_fail_always_until_cancelled(iot: Any, mocked: JitpHandle) -> None:
    fault = mocked.fail("ListThings", "InternalFailureException", times=None)
    for _ in range(20):
        with refused("InternalFailureException", 500, ""):
            iot.list_things()
    fault.cancel()
    fault.cancel()
    assert iot.list_things()["things"] == []
    assert fault.calls == 20


@pytest.mark.parametrize(("code", "status"), MODELLED)
def test_every_error_of_the_model_has_its_code_status_and_class(
    iot: Any, mocked: JitpHandle, code: str, status: int
) -> None:
    mocked.fail("ListThings", code, message="no luck today")
    with pytest.raises(getattr(iot.exceptions, code)) as error:
        iot.list_things()
    response = error.value.response
    assert response["Error"] == {"Code": code, "Message": "no luck today"}
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_caller_without_permission_gets_iams_error(iot: Any, mocked: JitpHandle) -> None:
    mocked.fail("ListThings", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDeniedException") as error:
        iot.list_things()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("ListThings", lambda iot: iot.list_things()),
        ("DescribeEndpoint", lambda iot: iot.describe_endpoint()),
        ("ListCACertificates", lambda iot: iot.list_ca_certificates()),
        ("CreatePolicy", lambda iot: iot.create_policy(policyName="p", policyDocument="{}")),
        (
            "UpdateCertificate",
            lambda iot: iot.update_certificate(certificateId="0" * 64, newStatus="ACTIVE"),
        ),
        ("ListAuditFindings", lambda iot: iot.list_audit_findings()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_any_operation_can_fail_whoever_emulates_it(
    iot: Any, mocked: JitpHandle, operation: str, call: Callable[[Any], Any]
) -> None:
    mocked.fail(operation, "InternalFailureException", message="down")
    with refused("InternalFailureException", 500, "down"):
        call(iot)


def test_operations_can_be_named_as_boto3_names_the_methods(iot: Any, mocked: JitpHandle) -> None:
    fault = mocked.fail("list_things", "throttling_exception")
    assert (fault.operation, fault.code) == ("ListThings", "ThrottlingException")
    with refused("ThrottlingException", 400, ""):
        iot.list_things()


def test_the_text_says_where_the_error_comes_from_unless_the_test_gives_one(
    iot: Any, mocked: JitpHandle
) -> None:
    mocked.fail("ListThings", "ThrottlingException")
    mocked.fail("ListThings", "ThrottlingException", message="Rate exceeded")
    with refused("ThrottlingException", 400, "") as error:
        iot.list_things()
    assert "The test requested this failure of ListThings" in error.response["Error"]["Message"]
    with refused("ThrottlingException", 400, "Rate exceeded"):
        iot.list_things()


def test_a_client_error_or_its_class_says_how_to_fail(iot: Any, mocked: JitpHandle) -> None:
    recorded = {"Error": {"Code": "UnauthorizedException", "Message": "not today"}}
    mocked.fail("ListThings", ClientError(recorded, "ListThings"))
    with refused("UnauthorizedException", 401, "not today"):
        iot.list_things()
    mocked.fail("ListThings", iot.exceptions.UnauthorizedException(recorded, "ListThings"))
    with refused("UnauthorizedException", 401, "not today"):
        iot.list_things()
    mocked.fail("ListThings", iot.exceptions.ThrottlingException, message="slow down")
    with refused("ThrottlingException", 400, "slow down"):
        iot.list_things()


def test_several_requests_are_used_up_in_their_order(iot: Any, mocked: JitpHandle) -> None:
    mocked.fail("ListThings", "ThrottlingException")
    mocked.fail("ListThings", "InternalFailureException")
    mocked.fail("ListCertificates", "UnauthorizedException")
    with refused("ThrottlingException", 400, ""):
        iot.list_things()
    with refused("InternalFailureException", 500, ""):
        iot.list_things()
    iot.list_things()
    with refused("UnauthorizedException", 401, ""):
        iot.list_certificates()


def test_a_request_without_end_leaves_room_for_others(iot: Any, mocked: JitpHandle) -> None:
    always = mocked.fail("ListThings", "ThrottlingException", times=None)
    mocked.fail("ListThings", "UnauthorizedException")
    with refused("UnauthorizedException", 401, ""):
        iot.list_things()
    with refused("ThrottlingException", 400, ""):
        iot.list_things()
    with mock_jitp() as inner:
        inner.fail("ListThings", "InternalFailureException", times=None)
        with refused("InternalFailureException", 500, ""):
            iot.list_things()
    with refused("ThrottlingException", 400, ""):
        iot.list_things()
    always.cancel()
    iot.list_things()


def test_each_attempt_of_boto3_counts(mocked: JitpHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    iot = boto3.client("iot", region_name="us-east-1")
    fault = mocked.fail("ListThings", "ThrottlingException")
    assert iot.list_things()["ResponseMetadata"]["RetryAttempts"] == 1
    assert fault.remaining == 0
    mocked.fail("ListThings", "ThrottlingException", times=None)
    with refused("ThrottlingException", 400, ""):
        iot.list_things()


def test_a_reset_clears_the_state_and_leaves_the_failures(iot: Any, mocked: JitpHandle) -> None:
    iot.create_thing(thingName="bulb")
    mocked.fail("CreateThing", "ThrottlingException")
    mocked.reset()
    assert iot.list_things()["things"] == []
    with refused("ThrottlingException", 400, ""):
        iot.create_thing(thingName="bulb")
    iot.create_thing(thingName="bulb")


def test_a_failed_call_does_not_use_up_a_quota(iot: Any) -> None:
    with mock_jitp(config={"jitp": {"throttling": {"ListThings": 1}}}) as jitp:
        jitp.fail("ListThings", "InternalFailureException")
        with refused("InternalFailureException", 500, ""):
            iot.list_things()
        iot.list_things()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("CreateThng", "ThrottlingException"), "Did you mean CreateThing?"),
        (
            ("Publish", "ThrottlingException"),
            "not an operation of AWS IoT, but one of its data plane",
        ),
        (
            ("get_thing_shadow", "ThrottlingException"),
            "can neither be made to fail nor be throttled",
        ),
        (("Connect", "ThrottlingException"), "an action of a device"),
        (("AssumeRole", "AccessDeniedException"), "not an operation of AWS IoT. Name an operation"),
        ((None, "ThrottlingException"), "not an operation of AWS IoT"),
        (("CreateThing", "ThrotlingException"), "Did you mean ThrottlingException?"),
        (("CreateThing", "AccessDenied"), "Did you mean AccessDeniedException?"),
        (("CreateThing", ValueError("x")), "'ValueError' is not an error"),
        (("CreateThing", KeyError), "'KeyError' is not an error"),
        (("CreateThing", ClientError), "Give an error code such as 'ThrottlingException'"),
        (("CreateThing", Exception("boom")), "Give an error code such as 'ThrottlingException'"),
        (("CreateThing", 404), "Give an error code such as 'ThrottlingException'"),
        (("CreateThing", "ThrottlingException", 0), "1 or more"),
        (("CreateThing", "ThrottlingException", -1), "1 or more"),
        (("CreateThing", "ThrottlingException", True), "1 or more"),
        (("CreateThing", "ThrottlingException", 1.5), "1 or more"),
    ],
)
def test_a_wrong_request_is_refused_at_once(
    iot: Any, mocked: JitpHandle, arguments: Any, text: str
) -> None:
    with pytest.raises(ValueError, match=text.replace("?", r"\?")):
        mocked.fail(*arguments)
    iot.create_thing(thingName="bulb")


# Steps of a run.


@pytest.mark.parametrize("action", every_step.ACTIONS)
def test_any_step_of_a_run_fails_once_and_the_next_connection_succeeds(
    iot: Any, mocked: JitpHandle, bulb: DeviceIdentity, action: str
) -> None:
    mocked.fail(action, "ThrottlingException", message="too fast")

    run = every_step.failed_run(bulb)

    last = run.steps[-1]
    assert (last.action, last.error_code, last.message) == (
        action,
        "ThrottlingException",
        "too fast",
    )
    assert [step.action for step in run.failed_steps] == [action]
    assert run.error_code == "ThrottlingException"
    assert run.certificate_status == "PENDING_ACTIVATION"
    assert f"this failure of {action}" in str(run.advice)
    before = every_step.ACTIONS[: every_step.ACTIONS.index(action)]
    assert every_step.traces(iot, bulb, "bulb") <= set(before)
    assert connect_device(bulb).thing_name == "bulb"


def test_a_run_fails_on_every_connection_while_a_step_does(
    mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    fault = mocked.fail("UpdateCertificate", "InternalFailureException", times=None)
    for _ in range(3):
        assert every_step.failed_run(bulb).error_code == "InternalFailureException"
    fault.cancel()
    connect_device(bulb)
    assert fault.calls == 3


def test_a_step_that_finds_everything_as_wanted_can_fail_too(
    mocked: JitpHandle, ca: CertificateAuthority
) -> None:
    connect_device(ca.issue(common_name="one"))
    mocked.fail("CreatePolicy", "ThrottlingException")
    run = every_step.failed_run(ca.issue(common_name="two"))
    assert [step.action for step in run.failed_steps] == ["CreatePolicy"]


def test_a_run_answers_with_register_things_own_errors(
    mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    mocked.fail("CreateThing", "ResourceAlreadyExistsException", message="taken")
    run = every_step.failed_run(bulb)
    assert run.failed_steps[0].error_code == "ResourceAlreadyExistsException"
    assert run.error_code == "ResourceRegistrationFailureException"
    assert str(run.message).endswith("taken")


def test_a_run_whose_register_thing_is_made_to_fail_fails_with_that_very_error(
    mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    mocked.fail("RegisterThing", "LimitExceededException", message="full")
    run = every_step.failed_run(bulb)

    found = client(service="cloudtrail").lookup_events()["Events"]
    (event,) = (event for event in found if event["EventName"] == "RegisterThing")
    told = json.loads(event["CloudTrailEvent"])
    assert (run.error_code, run.message) == ("LimitExceededException", "full")
    assert (told["errorCode"], told["errorMessage"]) == ("LimitExceededException", "full")


def test_register_thing_fails_with_its_steps(iot: Any, mocked: JitpHandle) -> None:
    parameters = {
        "AWS::IoT::Certificate::CommonName": "bulb",
        "AWS::IoT::Certificate::Id": iot.create_keys_and_certificate()["certificateId"],
    }

    def register() -> None:
        iot.register_thing(templateBody=PLAIN_BODY, parameters=parameters)

    mocked.fail("AttachThingPrincipal", "ServiceUnavailableException")
    with refused("ServiceUnavailableException", 503, ""):
        register()
    mocked.fail("CreateThing", "ResourceNotFoundException", message="lost")
    with refused("ResourceRegistrationFailureException", 400, "Register thing workflow") as error:
        register()
    assert error.response["Error"]["Message"].endswith("lost")
    mocked.fail("RegisterThing", "UnauthorizedException")
    with refused("UnauthorizedException", 401, ""):
        register()
    register()


def test_register_thing_answers_iams_error_of_a_step_as_the_step_does(
    iot: Any, mocked: JitpHandle, recwarn: pytest.WarningsRecorder
) -> None:
    code = "AccessDeniedException"
    parameters = {
        "AWS::IoT::Certificate::CommonName": "bulb",
        "AWS::IoT::Certificate::Id": iot.create_keys_and_certificate()["certificateId"],
    }
    mocked.fail("CreateThing", code, message="not you")
    with pytest.raises(ClientError, match="not you") as error:
        iot.register_thing(templateBody=PLAIN_BODY, parameters=parameters)
    assert error.value.response["Error"] == {"Code": code, "Message": "not you"}
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert [warning.message for warning in recwarn if "shape" in str(warning.message)] == []
    iot.register_thing(templateBody=PLAIN_BODY, parameters=parameters)


def test_a_device_that_cannot_be_registered_leaves_nothing(
    iot: Any, mocked: JitpHandle, bulb: DeviceIdentity
) -> None:
    mocked.fail("RegisterCertificate", "LimitExceededException", message="full")
    run = every_step.failed_run(bulb)
    assert [(step.action, step.error_code) for step in run.steps] == [
        ("RegisterCertificate", "LimitExceededException")
    ]
    assert run.certificate_status is None
    assert iot.list_certificates()["certificates"] == []
    assert mocked.events == ()
    assert connect_device(bulb).thing_name == "bulb"


def test_just_in_time_registration_can_fail_too(
    iot: Any, mocked: JitpHandle, acme: CertificateAuthority
) -> None:
    acme.register(iot)
    mocked.fail("RegisterCertificate", "ThrottlingException", message="too fast")
    with pytest.raises(ConnectionRefused, match="too fast") as refusal:
        connect_device(acme.issue())
    assert refusal.value.reason == "DEVICE_CERTIFICATE_NOT_REGISTERED"
    assert refusal.value.provisioning is None
    assert "The test requested this failure" in str(refusal.value)


# How long it lasts.


def test_failures_end_with_their_block(iot: Any, mocked: JitpHandle) -> None:
    mocked.fail("ListThings", "ThrottlingException", times=None)
    with mock_jitp() as inner:
        inner.fail("ListCertificates", "ThrottlingException", times=None)
        with refused("ThrottlingException", 400, ""):
            iot.list_things()
        with refused("ThrottlingException", 400, ""):
            iot.list_certificates()
    iot.list_certificates()
    with refused("ThrottlingException", 400, ""):
        iot.list_things()


def test_a_cancelled_request_has_no_call_left_to_fail(iot: Any, mocked: JitpHandle) -> None:
    kept = mocked.fail("ListThings", "ThrottlingException", times=None)
    for times in (3, None):
        fault = mocked.fail("CreateThing", "ThrottlingException", times=times)
        fault.cancel()
        assert fault.remaining == 0
        assert repr(fault) == "<Fault CreateThing ThrottlingException (0 more)>"
    iot.create_thing(thingName="bulb")
    assert kept.remaining is None


def test_nothing_is_left_for_the_next_test() -> None:
    with mock_jitp() as jitp:
        fault = jitp.fail("ListThings", "ThrottlingException", times=None)
    with mock_jitp():
        client().list_things()
    assert fault.calls == 0
    with pytest.raises(RuntimeError, match="has ended"):
        jitp.fail("ListThings", "ThrottlingException")


def test_a_decorated_test_asks_through_the_current_handle() -> None:
    @mock_jitp
    def run() -> None:
        current().fail("ListThings", "ThrottlingException", times=None)
        with refused("ThrottlingException", 400, ""):
            client().list_things()

    run()
    with mock_jitp():
        client().list_things()


def test_threads_share_the_number_of_failures(mocked: JitpHandle) -> None:
    mocked.fail("ListThings", "ThrottlingException", times=10)
    failures: list[str] = []

    def call() -> None:
        iot = client()
        for _ in range(10):
            try:
                iot.list_things()
            except iot.exceptions.ThrottlingException as error:
                failures.append(error.response["Error"]["Code"])

    in_threads(*[call] * 4)
    assert len(failures) == 10
