"""A provisioned device gets credentials for an IAM role with its certificate, and calls AWS."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")
pytest.importorskip("h11", reason="HTTPS needs the extra [mqtt]")

from support.cloud import client, client_of
from support.endpoint_requests import Answer, curl
from support.endpoint_stories import Place, running
from support.monitoring import metric_sum
from support.patience import HANG

from moto_jitp import CertificateAuthority, DeviceIdentity

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]

TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "credentials.iot.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


@pytest.fixture
def place() -> Iterator[Place]:
    with running(https_port=0) as one:
        yield one


def make_alias(
    place: Place, trust: dict[str, Any] = TRUST, *, longest: int = 3600, **options: Any
) -> str:
    """Create a role that the credentials provider may assume, and an alias of it."""
    role = client(service="iam").create_role(
        RoleName="uploader",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}),
        MaxSessionDuration=longest,
    )["Role"]["Arn"]
    place.iot.create_role_alias(roleAlias="uploads", roleArn=role, **options)
    return str(role)


def ask(place: Place, device: DeviceIdentity, *options: str, alias: str = "uploads") -> Answer:
    return curl(place, device, f"/role-aliases/{alias}/credentials", *options)


def status_at(place: Place, device: DeviceIdentity, name: str) -> int:
    """The status of a request to a host name or an address of the endpoint."""
    port = place.endpoint.https_port
    command = ["curl", *place.endpoint.curl_args(device), "-o", "/dev/null", "-w", "%{http_code}"]
    command += ["--resolve", f"{name}:{port}:127.0.0.1"]
    command += [f"https://{name}:{port}/role-aliases/uploads/credentials"]
    return int(subprocess.run(command, capture_output=True, timeout=HANG, check=True).stdout)


def session_with(answer: Answer) -> boto3.Session:
    given = answer.body["credentials"]
    return boto3.Session(
        given["accessKeyId"],
        given["secretAccessKey"],
        given["sessionToken"],
        region_name="us-east-1",
    )


def attach(place: Place, device: DeviceIdentity, **statement: Any) -> None:
    """Attach a policy with one statement to a device's certificate."""
    statement = {"Effect": "Allow", "Action": "iot:AssumeRoleWithCertificate", **statement}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    place.iot.create_policy(policyName="roles", policyDocument=document)
    found = place.iot.describe_certificate(certificateId=device.certificate_id)
    arn = found["certificateDescription"]["certificateArn"]
    place.iot.attach_policy(policyName="roles", target=arn)


def test_boto3_uses_the_credentials_at_once(place: Place) -> None:
    make_alias(place, longest=7200, credentialDurationSeconds=7200)
    device = place.device("lamp-1")

    answer = ask(place, device, "-H", "x-amzn-iot-thingname: lamp-1")
    session = session_with(answer)

    assert answer.status == 200
    assert list(answer.body) == ["credentials"]
    caller = session.client("sts").get_caller_identity()["Arn"]
    assert caller.endswith(f":assumed-role/uploader/{device.certificate_id}")
    s3 = session.client("s3")
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="lamp-1", Body=b"on")
    assert s3.get_object(Bucket="photos", Key="lamp-1")["Body"].read() == b"on"
    text = answer.body["credentials"]["expiration"]
    ends = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    left = ends - datetime.now(timezone.utc)
    assert timedelta(hours=1) < left <= timedelta(hours=2)
    assert metric_sum("CredentialExchangeSuccess", by_protocol="") == 1


def test_credentials_lead_to_the_account_of_the_device(place: Place) -> None:
    there = client_of("210987654321")
    ca = CertificateAuthority(common_name="Other Root")
    device = ca.issue(common_name="lamp-1")
    found = there.register_certificate_without_ca(
        certificatePem=device.certificate_pem, status="ACTIVE"
    )
    there.create_role_alias(roleAlias="uploads", roleArn="arn:aws:iam::210987654321:role/uploader")

    session = session_with(ask(place, device))

    assert found["certificateId"] == device.certificate_id
    assert session.client("sts").get_caller_identity()["Account"] == "210987654321"


@pytest.mark.parametrize(
    ("asked", "status", "message", "says"),
    [
        (
            {"options": ("-H", "x-amzn-iot-thingname: lamp-2")},
            403,
            "Invalid thing name passed",
            "attached to 'lamp-1'",
        ),
        ({"alias": "Uploads"}, 404, "Role alias does not exist", "Did you mean 'uploads'?"),
    ],
    ids=["thing", "alias"],
)
def test_a_refusal_has_the_body_of_aws_and_its_explanation_stands_with_the_others(
    place: Place, asked: dict[str, Any], status: int, message: str, says: str
) -> None:
    make_alias(place)
    device = place.device("lamp-1")

    answer = ask(place, device, *asked.get("options", ()), alias=asked.get("alias", "uploads"))

    assert answer.status == status
    assert answer.body == {"message": message}
    refused = place.jitp.connections[-1]
    assert refused.reason == "CREDENTIALS_REFUSED"
    assert says in refused.message
    assert refused.advice


def test_an_unknown_certificate_gets_none_and_an_inactive_one_neither(place: Place) -> None:
    make_alias(place)
    device = place.device("lamp-1")
    place.iot.update_certificate(certificateId=device.certificate_id, newStatus="INACTIVE")

    for one, reason in (
        (place.ca.issue(common_name="new"), "DEVICE_CERTIFICATE_NOT_REGISTERED"),
        (device, "DEVICE_CERTIFICATE_INACTIVE"),
    ):
        answer = ask(place, one)
        assert answer[:2] == (403, "AccessDeniedException:")
        assert answer.body["message"] == "Certificate is invalid on this endpoint"
        assert place.jitp.connections[-1].reason == reason


def test_a_policy_has_to_allow_the_alias_where_policies_are_enforced() -> None:
    with running({"enforce_policies": True}, https_port=0) as place:
        make_alias(place)
        device = place.device("lamp-1")

        denied = ask(place, device)
        attach(
            place,
            device,
            Resource="arn:aws:iot:us-east-1:123456789012:rolealias/uploads",
            Condition={"Bool": {"iot:Connection.Thing.IsAttached": "true"}},
        )
        unnamed = ask(place, device)
        named = ask(place, device, "-H", "x-amzn-iot-thingname: lamp-1")

        assert denied[:2] == (403, "AccessDeniedException:")
        assert denied.body["message"] == "Access Denied"
        assert [unnamed.status, named.status] == [403, 200]
        refused = place.jitp.connections[-1]
        assert refused.reason == "NOT_AUTHORIZED"
        assert "iot:AssumeRoleWithCertificate" in refused.message


class TestWithTheRoleEnforced:
    """``enforce_role``: the role has to trust the credentials provider, for as long."""

    @pytest.fixture
    def place(self) -> Iterator[Place]:
        with running({"enforce_role": True}, register=False, https_port=0) as one:
            yield one

    def device(self, place: Place) -> DeviceIdentity:
        ca = CertificateAuthority(common_name="Own")
        device = ca.issue(common_name="lamp-1")
        arn = place.iot.register_certificate_without_ca(
            certificatePem=device.certificate_pem, status="ACTIVE"
        )["certificateArn"]
        place.iot.create_thing(thingName="lamp-1")
        place.iot.attach_thing_principal(thingName="lamp-1", principal=arn)
        return device

    @pytest.mark.parametrize(
        ("trust", "says"),
        [
            (
                {**TRUST, "Principal": {"Service": "iot.amazonaws.com"}},
                "does not allow sts:AssumeRole to credentials.iot.amazonaws.com",
            ),
            (
                {
                    **TRUST,
                    "Condition": {"StringEquals": {"credentials-iot:ThingName": "lamp-2"}},
                },
                "credentials-iot:ThingName",
            ),
        ],
        ids=["principal", "condition"],
    )
    def test_the_trust_policy_decides(self, place: Place, trust: dict[str, Any], says: str) -> None:
        make_alias(place, trust)

        answer = ask(place, self.device(place), "-H", "x-amzn-iot-thingname: lamp-1")

        assert answer.status == 400
        assert answer.body["message"] == (
            "Unable to assume the role, or the role to assume does not exist"
        )
        refused = place.jitp.connections[-1]
        assert refused.reason == "CREDENTIALS_REFUSED"
        assert says in refused.advice

    def test_the_variables_of_the_credentials_provider_have_values(self, place: Place) -> None:
        make_alias(
            place,
            {**TRUST, "Condition": {"StringEquals": {"credentials-iot:ThingName": "lamp-1"}}},
        )
        device = self.device(place)

        assert ask(place, device, "-H", "x-amzn-iot-thingname: lamp-1").status == 200
        assert ask(place, device).status == 400

    def test_the_alias_may_not_last_longer_than_the_role_allows(self, place: Place) -> None:
        make_alias(place, credentialDurationSeconds=7200)

        answer = ask(place, self.device(place))

        assert answer.status == 400
        assert "MaxSessionDuration" in answer.body["message"]
        assert "update_role" in place.jitp.connections[-1].advice


def test_describe_endpoint_names_the_port_where_it_is_to_name_local_ones() -> None:
    with running({"local_endpoint": True}, https_port=0) as place:
        found = place.iot.describe_endpoint(endpointType="iot:CredentialProvider")
        assert found["endpointAddress"] == f"localhost:{place.endpoint.https_port}"
        assert place.iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"] == (
            f"localhost:{place.endpoint.port}"
        )


@pytest.mark.parametrize(
    ("endpoint_type", "status"), [("iot:CredentialProvider", 200), ("iot:Data-ATS", 403)]
)
def test_by_its_full_name_only_the_credentials_endpoint_gives_them(
    endpoint_type: str, status: int
) -> None:
    with running(https_port=0, identity=None) as place:
        make_alias(place)
        device = place.device("lamp-1")
        name = place.iot.describe_endpoint(endpointType=endpoint_type)["endpointAddress"]

        answer = status_at(place, device, name)

        assert answer == status
        if status == 403:
            assert place.jitp.connections[-1].reason == "SNI_MISUSED"


def test_without_a_server_name_nobody_gets_credentials(place: Place) -> None:
    make_alias(place)
    device = place.device("lamp-1")

    assert status_at(place, device, "127.0.0.1") == 403
    assert place.jitp.connections[-1].reason == "SERVER_NAME_MISSING"
