"""Fleet provisioning by claim: a device requests a certificate and the execution of a template."""

from __future__ import annotations

import base64
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cbor2
import cryptography
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from freezegun.api import FrozenDateTimeFactory
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import ACCOUNT, client
from support.device_doors import BOTH_DOORS, Door
from support.devices import described, refused_for
from support.fleet import (
    CREATE_FROM_CSR,
    CREATE_KEYS,
    TEMPLATE,
    ClaimDevice,
    claim_certificate,
    identity,
    make_template,
)
from support.patience import HEALTH_CHECKS
from support.roles import allow, create_role, set_permissions

from moto_jitp import (
    CertificateAuthority,
    JitpHandle,
    connect_device,
    mock_jitp,
)

PROVISION = "$aws/provisioning-templates/bulbs/provision"


@pytest.fixture
def device(iot: Any, door: Door) -> ClaimDevice:
    """A device that is connected with its claim, and a template for it."""
    make_template()
    return ClaimDevice(door=door)


def signing_request(key: Any = None, common_name: str = "bulb") -> str:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def token_of(device: ClaimDevice) -> str:
    return str(device.accepted(CREATE_KEYS)["certificateOwnershipToken"])


def resized(**resources: Any) -> dict[str, Any]:
    return {**TEMPLATE, "Resources": {**TEMPLATE["Resources"], **resources}}


# The whole story.


@BOTH_DOORS
def test_a_device_gets_a_certificate_and_provisions_itself(iot: Any, device: ClaimDevice) -> None:
    issued = device.accepted(CREATE_KEYS)
    assert described(iot, issued["certificateId"])["status"] == "PENDING_ACTIVATION"

    outcome, answer = device.register(issued["certificateOwnershipToken"], SerialNumber="1")

    assert outcome == "accepted"
    assert answer == {
        "deviceConfiguration": {"url": "https://seattle.example.com"},
        "thingName": "bulb-1",
    }
    assert described(iot, issued["certificateId"])["status"] == "ACTIVE"
    device.connection.disconnect()
    assert connect_device(identity(issued)).thing_name == "bulb-1"


def test_the_new_certificate_is_what_the_answer_says(iot: Any, device: ClaimDevice) -> None:
    issued = device.accepted(CREATE_KEYS)

    assert sorted(issued) == [
        "certificateId",
        "certificateOwnershipToken",
        "certificatePem",
        "privateKey",
    ]
    new = identity(issued)
    assert new.certificate_id == issued["certificateId"]
    assert described(iot, new.certificate_id)["certificatePem"] == issued["certificatePem"]
    assert described(iot, new.certificate_id)["certificateMode"] == "DEFAULT"


@BOTH_DOORS
def test_a_device_keeps_its_own_key_with_a_signing_request(iot: Any, device: ClaimDevice) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    request = {"certificateSigningRequest": signing_request(key, "bulb-7")}

    issued = device.accepted(CREATE_FROM_CSR, request)

    assert sorted(issued) == ["certificateId", "certificateOwnershipToken", "certificatePem"]
    certificate = x509.load_pem_x509_certificate(issued["certificatePem"].encode())
    assert certificate.public_key() == key.public_key()
    assert certificate.subject.rfc4514_string() == "CN=bulb-7"
    outcome, _ = device.register(issued["certificateOwnershipToken"], SerialNumber="7")
    assert outcome == "accepted"
    assert connect_device(issued["certificatePem"]).thing_name == "bulb-7"


@pytest.mark.parametrize(
    ("csr", "says"),
    [
        ("nonsense", "not a PEM certificate signing request"),
        ("", "not a PEM certificate signing request"),
        (
            "-----BEGIN CERTIFICATE REQUEST-----\nQUJD\n-----END CERTIFICATE REQUEST-----",
            "cannot be read",
        ),
        (signing_request(rsa.generate_private_key(65537, 1024)), "2048 bits or more"),
        (signing_request(ec.generate_private_key(ec.SECP256K1())), "P-256, P-384 and P-521"),
    ],
)
def test_a_signing_request_that_aws_does_not_take_is_rejected(
    iot: Any, device: ClaimDevice, csr: str, says: str
) -> None:
    outcome, answer = device.ask(CREATE_FROM_CSR, {"certificateSigningRequest": csr})

    assert outcome == "rejected"
    assert (answer["statusCode"], answer["errorCode"]) == (400, "InvalidRequest")
    assert says in answer["errorMessage"]
    assert len(iot.list_certificates()["certificates"]) == 1  # the claim's


@pytest.mark.skipif(
    int(cryptography.__version__.partition(".")[0]) < 45, reason="cryptography accepts the string"
)
def test_a_signing_request_with_a_bad_string_is_told_which(
    device: ClaimDevice,
) -> None:
    bad = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "a*b")])
    request = x509.CertificateSigningRequestBuilder().subject_name(bad)
    der = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(
        Encoding.DER
    )
    # As node-forge writes it: a PrintableString (0x13), which cannot hold the character.
    der = der.replace(b"\x0c\x03a*b", b"\x13\x03a_b")
    pem = base64.encodebytes(der).decode()
    csr = f"-----BEGIN CERTIFICATE REQUEST-----\n{pem}-----END CERTIFICATE REQUEST-----\n"

    outcome, answer = device.ask(CREATE_FROM_CSR, {"certificateSigningRequest": csr})

    assert outcome == "rejected"
    assert "organization (O) 'a_b' is a PrintableString" in answer["errorMessage"]


@BOTH_DOORS
def test_the_same_in_cbor(device: ClaimDevice) -> None:
    outcome, payload = device.ask_in_bytes(f"{CREATE_KEYS}/cbor", b"")
    assert outcome == "accepted"
    token = cbor2.loads(payload)["certificateOwnershipToken"]
    request = {"certificateOwnershipToken": token, "parameters": {"SerialNumber": "1"}}
    outcome, payload = device.ask_in_bytes(f"{PROVISION}/cbor", cbor2.dumps(request))
    assert outcome == "accepted"
    assert cbor2.loads(payload)["thingName"] == "bulb-1"

    outcome, payload = device.ask_in_bytes(f"{PROVISION}/cbor", b"\xff")
    assert outcome == "rejected"
    answer = cbor2.loads(payload)
    assert (answer["statusCode"], answer["errorCode"]) == (400, "InvalidPayload")
    assert answer["errorMessage"].startswith("Message cannot be parsed: it is not CBOR")


def test_without_the_extra_cbor_is_refused_with_what_to_install(
    device: ClaimDevice, iot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cbor2", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install .*\[mqtt\]"):
        device.connection.publish(f"{CREATE_KEYS}/cbor", b"")
    assert len(iot.list_certificates()["certificates"]) == 1  # the claim's
    device.accepted(CREATE_KEYS)


# Who may see what.


@BOTH_DOORS
def test_the_answer_reaches_the_connection_that_asked_alone(
    device: ClaimDevice, door: Door
) -> None:
    other = ClaimDevice(door=door, client_id="other")

    device.accepted(CREATE_KEYS)

    with pytest.raises(TimeoutError):
        other.connection.receive()


def test_a_device_that_did_not_subscribe_before_it_asked_hears_nothing(
    mocked: JitpHandle, iot: Any
) -> None:
    connection = connect_device(claim_certificate()["certificatePem"])
    connection.publish(f"{CREATE_KEYS}/json", b"")
    connection.subscribe(f"{CREATE_KEYS}/json/accepted")

    with pytest.raises(TimeoutError):
        connection.receive()
    # The test itself can see what was said.
    assert mocked.events[-2].topic == f"{CREATE_KEYS}/json/accepted"


def test_boto3_cannot_ask_as_it_has_no_connection_to_be_answered_on(device: ClaimDevice) -> None:
    data = client(service="iot-data")
    with pytest.raises(data.exceptions.InvalidRequestException, match="connected device"):
        data.publish(topic=f"{CREATE_KEYS}/json", payload=b"")


def test_with_policies_enforced_a_claim_does_what_its_policy_lets_it_do() -> None:
    resources = {
        "topic": [f"{CREATE_KEYS}/*", f"{PROVISION}/*"],
        "topicfilter": ["$aws/certificates/+/+/+", "$aws/provisioning-templates/*"],
    }
    statements: list[Any] = [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
        *(
            {
                "Effect": "Allow",
                "Action": ["iot:Publish", "iot:Receive", "iot:Subscribe"],
                "Resource": [f"arn:aws:iot:us-east-1:{ACCOUNT}:{kind}/{name}" for name in names],
            }
            for kind, names in resources.items()
        ),
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        make_template()
        claim = claim_certificate()
        client().create_policy(policyName="claim", policyDocument=document)
        client().attach_policy(policyName="claim", target=claim["certificateArn"])
        device = ClaimDevice(claim)

        outcome, _ = device.register(token_of(device), SerialNumber="1")
        assert outcome == "accepted"
        with pytest.raises(PermissionError, match="create-from-csr"):
            device.ask(CREATE_FROM_CSR, {"certificateSigningRequest": signing_request()})
        with pytest.raises(PermissionError, match="others"):
            device.register("token", template="others")


# Template and token.


def advice_of(device: ClaimDevice) -> str:
    """The advice of a failed request's run."""
    run = device.connection.provisioning
    assert run is not None
    assert run.status == "FAILED"
    assert run.advice is not None
    return run.advice


@BOTH_DOORS
def test_a_template_that_does_not_exist_is_named(device: ClaimDevice) -> None:
    outcome, answer = device.register(token_of(device), template="lamps")
    assert "iot.create_provisioning_template(templateName='lamps'" in advice_of(device)
    assert outcome == "rejected"
    assert answer == {
        "statusCode": 400,
        "errorCode": "InvalidTemplate",
        "errorMessage": "Template with name lamps does not exist.",
    }


@BOTH_DOORS
def test_a_template_must_be_enabled(iot: Any, device: ClaimDevice) -> None:
    make_template("lamps", enabled=False)
    token = token_of(device)

    outcome, answer = device.register(token, template="lamps", SerialNumber="1")
    assert outcome == "rejected"
    assert answer["errorMessage"] == "Template lamps is not enabled."
    assert "enabled=True" in advice_of(device)
    iot.update_provisioning_template(templateName="lamps", enabled=True)
    assert device.register(token, template="lamps", SerialNumber="1")[0] == "accepted"


def test_a_template_for_just_in_time_provisioning_is_not_for_a_fleet(device: ClaimDevice) -> None:
    make_template("jitp", json.loads(PLAIN_BODY), type="JITP")
    outcome, answer = device.register(token_of(device), template="jitp")
    assert outcome == "rejected"
    assert answer["errorCode"] == "InvalidTemplate"
    assert "FLEET_PROVISIONING" in answer["errorMessage"]


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("", "Certificate ownership token cannot be empty."),
        ("made-up", "Certificate ownership token is invalid."),
    ],
)
def test_without_the_token_nothing_is_provisioned(
    iot: Any, device: ClaimDevice, token: str, text: str
) -> None:
    outcome, answer = device.register(token, SerialNumber="1")
    assert outcome == "rejected"
    assert answer == {
        "statusCode": 400,
        "errorCode": "InvalidCertificateOwnershipToken",
        "errorMessage": text,
    }
    assert iot.list_things()["things"] == []
    assert "certificateOwnershipToken" in advice_of(device) or "another one" in advice_of(device)


def test_why_a_request_did_not_come_to_a_run_is_told_even_after_one_that_did(
    device: ClaimDevice,
) -> None:
    token = token_of(device)
    device.register(token, SerialNumber="1")
    device.register(token, SerialNumber="2")
    assert "valid for one hour and for one device" in advice_of(device)
    run = device.connection.provisioning
    assert run is not None
    assert run.parameters == {"SerialNumber": "2"}
    assert [(step.action, step.error_code) for step in run.steps] == [
        ("RegisterThing", "InvalidCertificateOwnershipToken")
    ]


def test_each_connection_tells_of_its_own_runs(device: ClaimDevice) -> None:
    other = ClaimDevice(client_id="other")
    device.register(token_of(device), SerialNumber="1")
    assert other.connection.provisioning is None


@BOTH_DOORS
def test_a_token_is_good_for_one_device(device: ClaimDevice) -> None:
    token = token_of(device)
    assert device.register(token, SerialNumber="1")[0] == "accepted"
    outcome, answer = device.register(token, SerialNumber="2")
    assert outcome == "rejected"
    assert answer["errorMessage"] == "Certificate ownership token is invalid."


def test_threads_cannot_use_one_token_twice(device: ClaimDevice, iot: Any) -> None:
    token = token_of(device)
    topic = f"{PROVISION}/json"
    requests = [
        json.dumps({"certificateOwnershipToken": token, "parameters": {"SerialNumber": str(n)}})
        for n in range(8)
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda request: device.connection.publish(topic, request), requests))
    answers = [device.connection.receive().topic for _ in requests]
    assert answers.count(f"{topic}/accepted") == 1
    assert len(iot.list_things()["things"]) == 1


def test_a_token_and_its_unused_certificate_are_gone_after_an_hour(
    clock: FrozenDateTimeFactory, iot: Any
) -> None:
    make_template()
    device = ClaimDevice()
    issued = device.accepted(CREATE_KEYS)
    clock.tick(3599)
    assert described(iot, issued["certificateId"])["status"] == "PENDING_ACTIVATION"
    clock.tick(1)

    outcome, answer = device.register(issued["certificateOwnershipToken"], SerialNumber="1")
    assert outcome == "rejected"
    assert answer["errorMessage"] == "Certificate ownership token is invalid."
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_certificate(certificateId=issued["certificateId"])
    refused_for("DEVICE_CERTIFICATE_NOT_REGISTERED", identity(issued))


def test_a_certificate_in_use_stays_when_its_hour_is_over(
    clock: FrozenDateTimeFactory, iot: Any
) -> None:
    make_template()
    device = ClaimDevice()
    used, attached = device.accepted(CREATE_KEYS), device.accepted(CREATE_KEYS)
    device.register(used["certificateOwnershipToken"], SerialNumber="1")
    with_policy = device.accepted(CREATE_KEYS)
    iot.create_thing(thingName="lamp")
    arn = described(iot, attached["certificateId"])["certificateArn"]
    iot.attach_thing_principal(thingName="lamp", principal=arn)
    allowing = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowing]})
    iot.create_policy(policyName="any", policyDocument=document)
    arn = described(iot, with_policy["certificateId"])["certificateArn"]
    iot.attach_policy(policyName="any", target=arn)
    clock.tick(3600)

    assert described(iot, used["certificateId"])["status"] == "ACTIVE"
    assert described(iot, attached["certificateId"])["status"] == "PENDING_ACTIVATION"
    assert described(iot, with_policy["certificateId"])["status"] == "PENDING_ACTIVATION"


def test_a_certificate_that_waits_for_its_template_says_what_is_missing(
    device: ClaimDevice,
) -> None:
    issued = device.accepted(CREATE_KEYS)
    refusal = refused_for("DEVICE_CERTIFICATE_PENDING_ACTIVATION", identity(issued))
    assert "no RegisterThing has activated it" in str(refusal)
    assert "$aws/provisioning-templates/" in str(refusal)


# Messages.


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"anything": 1}'])
@BOTH_DOORS
def test_a_request_for_keys_may_be_empty(device: ClaimDevice, payload: bytes) -> None:
    outcome, _ = device.ask_in_bytes(f"{CREATE_KEYS}/json", payload)
    assert outcome == "accepted"


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"{", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[1]", "it must contain an object with members, found [1]"),
        (b"[" * 20_000, "it is not JSON"),
        (b'{"certificateOwnershipToken": 7}', "certificateOwnershipToken must be text, found 7"),
        (
            b'{"certificateOwnershipToken": "t", "parameters": []}',
            "Certificate ownership token is invalid",
        ),
        (
            b'{"certificateOwnershipToken": "t", "parameters": [1]}',
            "parameters must be an object of names and strings, found [1]",
        ),
        (b"9" * 5000, "it is not JSON"),
        (
            b'{"certificateOwnershipToken": "t", "parameters": {"a": 1}}',
            "the values of parameters must be strings, found 1 for 'a'",
        ),
    ],
)
@BOTH_DOORS
def test_a_message_that_cannot_be_read_is_rejected_with_the_place(
    device: ClaimDevice, payload: bytes, says: str
) -> None:
    outcome, answer = device.ask_in_bytes(f"{PROVISION}/json", payload)
    answer = json.loads(answer) if isinstance(answer, bytes) else answer
    assert outcome == "rejected"
    assert says in answer["errorMessage"]


@pytest.mark.parametrize(
    "request_of_device",
    [10**5000, {"certificateOwnershipToken": 10**5000}, {"parameters": {"a": 10**5000}}],
    ids=["alone", "token", "parameter"],
)
def test_numbers_that_cannot_be_written_out_are_rejected_too(
    device: ClaimDevice, request_of_device: Any
) -> None:
    payload = cbor2.dumps(request_of_device)
    outcome, answer = device.ask_in_bytes(f"{PROVISION}/cbor", payload)
    assert outcome == "rejected"
    assert "something of the type int" in cbor2.loads(answer)["errorMessage"]


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=HEALTH_CHECKS,
)
@given(form=st.sampled_from(["json", "cbor"]), payload=st.binary(max_size=60))
def test_whatever_a_device_sends_is_answered(
    device: ClaimDevice, form: str, payload: bytes
) -> None:
    outcome, _ = device.ask_in_bytes(f"{PROVISION}/{form}", payload)
    assert outcome == "rejected"


# The run.


@BOTH_DOORS
def test_a_parameter_that_was_not_sent_is_named_with_advice(device: ClaimDevice) -> None:
    outcome, answer = device.register(token_of(device))
    assert outcome == "rejected"
    assert answer == {
        "statusCode": 400,
        "errorCode": "InvalidParameters",
        "errorMessage": "Cannot resolve reference value: SerialNumber",
    }
    run = device.connection.provisioning
    assert run is not None
    assert run.status == "FAILED"
    assert run.advice is not None
    assert "Send 'SerialNumber' in the" in run.advice


def test_a_pseudo_parameter_is_not_a_parameter(device: ClaimDevice, iot: Any) -> None:
    thing = {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "AWS::Region"}}}
    with pytest.raises(iot.exceptions.InvalidRequestException, match="AWS::Region"):
        make_template("regional", resized(thing=thing))


def test_a_value_that_cannot_be_a_name_is_rejected(iot: Any, device: ClaimDevice) -> None:
    outcome, answer = device.register(token_of(device), SerialNumber="a b")
    assert outcome == "rejected"
    assert answer["errorCode"] == "ProvisioningFailed"
    assert "bulb-a b" in answer["errorMessage"]
    assert iot.list_things()["things"] == []


def test_a_missing_group_fails_the_run_and_the_next_try_succeeds(
    iot: Any, device: ClaimDevice
) -> None:
    properties = {"ThingName": {"Ref": "SerialNumber"}, "ThingGroups": ["bulbs"]}
    make_template("grouped", resized(thing={"Type": "AWS::IoT::Thing", "Properties": properties}))
    token = token_of(device)

    outcome, answer = device.register(token, template="grouped", SerialNumber="1")
    assert outcome == "rejected"
    assert (answer["statusCode"], answer["errorCode"]) == (400, "ProvisioningFailed")
    assert re.fullmatch(
        "Register thing workflow execution terminates due to: "
        rf"ThingGroup {ACCOUNT}:bulbs not found\. \(Service: AWSIot; Status Code: 400; Error Code: "
        r"ResourceRegistrationFailureException; Request ID: [0-9a-f-]{36}; Proxy: null\)",
        answer["errorMessage"],
    )
    run = device.connection.provisioning
    assert run is not None
    assert [(step.action, step.error_code) for step in run.failed_steps] == [
        ("DescribeThingGroup", "ResourceNotFoundException")
    ]
    assert "iot.create_thing_group(thingGroupName='bulbs')" in str(run.advice)

    iot.create_thing_group(thingGroupName="bulbs")
    assert device.register(token, template="grouped", SerialNumber="1")[0] == "accepted"
    assert device.connection.provisioning is not None
    assert device.connection.provisioning.succeeded


def test_what_the_device_sends_decides_its_configuration(device: ClaimDevice) -> None:
    _, answer = device.register(token_of(device), SerialNumber="1", Location="Seoul")
    assert answer["deviceConfiguration"] == {"url": "https://seoul.example.com"}


def test_a_template_without_a_thing_answers_without_a_name(device: ClaimDevice) -> None:
    certificate = TEMPLATE["Resources"]["certificate"]
    make_template("thingless", {"Resources": {"certificate": certificate}})
    outcome, answer = device.register(token_of(device), template="thingless")
    assert (outcome, answer) == ("accepted", {"deviceConfiguration": {}})


@BOTH_DOORS
def test_a_device_cannot_claim_another_certificate(iot: Any, device: ClaimDevice) -> None:
    issued = device.accepted(CREATE_KEYS)
    name = "AWS::IoT::Certificate::Id"
    parameters = {"SerialNumber": "1", name: device.claim["certificateId"]}
    device.register(issued["certificateOwnershipToken"], **parameters)
    assert iot.list_thing_principals(thingName="bulb-1")["principals"] == [
        described(iot, issued["certificateId"])["certificateArn"]
    ]


@pytest.mark.parametrize(
    ("operation", "topic"),
    [
        ("CreateKeysAndCertificate", CREATE_KEYS),
        ("CreateCertificateFromCsr", CREATE_FROM_CSR),
    ],
)
def test_a_request_can_be_made_to_fail(
    mocked: JitpHandle, device: ClaimDevice, operation: str, topic: str
) -> None:
    mocked.fail(operation, "InternalFailureException", message="out of order")
    request = {"certificateSigningRequest": signing_request()}
    outcome, answer = device.ask(topic, request)
    assert (outcome, answer) == (
        "rejected",
        {"statusCode": 500, "errorCode": "InternalFailure", "errorMessage": "out of order"},
    )
    device.accepted(topic, request)


@pytest.mark.usefixtures("clock")
def test_the_quotas_of_the_mqtt_api_count_by_themselves() -> None:
    with mock_jitp(config={"jitp": {"throttling": True}}):
        device = ClaimDevice()
        for _ in range(9):  # the first was the claim's
            claim_certificate()
        request = {"certificateSigningRequest": signing_request()}
        outcomes = [device.ask(CREATE_FROM_CSR, request)[0] for _ in range(22)]
        assert outcomes == ["accepted"] * 20 + ["rejected"] * 2
        outcomes = [device.ask(CREATE_KEYS)[0] for _ in range(11)]
        assert outcomes == ["accepted"] * 10 + ["rejected"]


@pytest.mark.usefixtures("clock")
def test_also_a_request_with_a_bad_token_counts_for_the_quota() -> None:
    with mock_jitp(config={"jitp": {"throttling": {"RegisterThing": 1}}}):
        make_template()
        device = ClaimDevice()
        token = token_of(device)
        assert device.register("made-up")[1]["errorCode"] == "InvalidCertificateOwnershipToken"
        assert device.register(token, SerialNumber="1")[1]["errorCode"] == "Throttling"
        assert "raise the quota" in advice_of(device)


def test_register_thing_of_a_device_can_be_made_to_fail_once(
    mocked: JitpHandle, device: ClaimDevice
) -> None:
    fault = mocked.fail("RegisterThing", "ServiceUnavailableException")
    token = token_of(device)
    outcome, answer = device.register(token, SerialNumber="1")
    assert (outcome, answer["statusCode"]) == ("rejected", 503)
    assert fault.calls == 1
    assert device.register(token, SerialNumber="1")[0] == "accepted"


def test_the_quotas_count_for_devices_too() -> None:
    with mock_jitp(config={"jitp": {"throttling": {"RegisterThing": 1}}}):
        make_template()
        device = ClaimDevice()
        tokens = [token_of(device) for _ in range(2)]
        assert device.register(tokens[0], SerialNumber="1")[0] == "accepted"
        outcome, answer = device.register(tokens[1], SerialNumber="2")
        assert outcome == "rejected"
        assert answer["errorCode"] == "Throttling"


def test_the_provisioning_role_is_needed_where_it_is_enforced() -> None:
    with mock_jitp(config={"jitp": {"enforce_role": True}}):
        create_role()
        make_template()
        device = ClaimDevice()
        outcome, answer = device.register(token_of(device), SerialNumber="1")
        assert outcome == "rejected"
        assert (answer["statusCode"], answer["errorCode"]) == (403, "AccessDenied")
        assert "iot:RegisterThing" in answer["errorMessage"]
        set_permissions(allow("*"))
        assert device.register(token_of(device), SerialNumber="1")[0] == "accepted"


def test_accounts_and_regions_have_their_own_tokens(device: ClaimDevice) -> None:
    token = token_of(device)
    elsewhere = client("eu-west-1")
    elsewhere.create_provisioning_template(
        templateName="bulbs",
        templateBody=json.dumps(TEMPLATE),
        provisioningRoleArn=ROLE,
        enabled=True,
    )
    other = ClaimDevice(elsewhere.create_keys_and_certificate(setAsActive=True))
    outcome, answer = other.register(token, SerialNumber="1")
    assert outcome == "rejected"
    assert answer["errorMessage"] == "Certificate ownership token is invalid."


def test_tokens_are_gone_with_the_block() -> None:
    with mock_jitp():
        make_template()
        token = token_of(ClaimDevice())
    with mock_jitp():
        make_template()
        assert ClaimDevice().register(token, SerialNumber="1")[0] == "rejected"


def test_a_device_of_a_ca_can_be_the_claim(iot: Any, acme: CertificateAuthority) -> None:
    make_template()
    acme.register(iot, template_body=PLAIN_BODY)
    claim = acme.issue(common_name="factory")
    device = ClaimDevice({"certificatePem": claim.certificate_pem})
    just_in_time = device.connection.provisioning
    assert just_in_time is not None
    assert just_in_time.thing_name == "factory"

    device.register(token_of(device), SerialNumber="1")

    later = device.connection.provisioning
    assert later is not None
    assert later.thing_name == "bulb-1"
