"""test_authorization says what a device may do, without a device."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from typing import Any

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from moto_jitp import CertificateAuthority
from moto_jitp.mock import mock_jitp

ARN = "arn:aws:iot:us-east-1:123456789012:"


def document(*statements: tuple[str, str, str]) -> str:
    """Policies of (effect, action, resource after the account)."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": effect,
                    "Action": action,
                    "Resource": resource if resource == "*" else ARN + resource,
                }
                for effect, action, resource in statements
            ],
        }
    )


class Bench:
    """One certificate, with shortcuts to give it policies and to test it."""

    def __init__(self, iot: Any) -> None:
        self.iot = iot
        self.device = CertificateAuthority(common_name="Acme").issue(
            common_name="bulb-1", country="KR", organization="Acme"
        )
        self.certificate_arn = iot.register_certificate_without_ca(
            certificatePem=self.device.certificate_pem, status="ACTIVE"
        )["certificateArn"]

    def policy(
        self, name: str, *statements: tuple[str, str, str], target: str | None = None
    ) -> None:
        self.iot.create_policy(policyName=name, policyDocument=document(*statements))
        if target != "":
            self.iot.attach_policy(policyName=name, target=target or self.certificate_arn)

    def ask(self, action_type: str, *resources: str, **more: Any) -> dict[str, Any]:
        info = {"actionType": action_type, "resources": [ARN + resource for resource in resources]}
        arguments = {"principal": self.certificate_arn, "authInfos": [info], **more}
        (result,) = self.iot.test_authorization(**arguments)["authResults"]
        assert result["authInfo"] == info
        return dict(result)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with mock_jitp():
        yield Bench(boto3.client("iot", region_name="us-east-1"))


def names(part: dict[str, Any]) -> list[str]:
    for policy in part["policies"]:
        assert policy["policyArn"] == f"{ARN}policy/{policy['policyName']}"
    return [policy["policyName"] for policy in part["policies"]]


def test_an_allowed_action_names_the_policies_that_allow_it(bench: Bench) -> None:
    bench.policy("connects", ("Allow", "iot:Connect", "client/bulb-1"))
    bench.policy("publishes", ("Allow", "iot:Publish", "*"))
    result = bench.ask("CONNECT", "client/bulb-1")
    assert result["authDecision"] == "ALLOWED"
    assert names(result["allowed"]) == ["connects"]
    assert names(result["denied"]["explicitDeny"]) == []
    assert names(result["denied"]["implicitDeny"]) == ["publishes"]
    assert result["missingContextValues"] == []


def test_what_no_policy_speaks_of_is_denied_implicitly(bench: Bench) -> None:
    bench.policy("connects", ("Allow", "iot:Connect", "client/bulb-1"))
    result = bench.ask("CONNECT", "client/bulb-2")
    assert result["authDecision"] == "IMPLICIT_DENY"
    assert names(result["allowed"]) == []
    assert names(result["denied"]["implicitDeny"]) == ["connects"]


def test_a_deny_wins_and_both_sides_are_named(bench: Bench) -> None:
    bench.policy("all", ("Allow", "iot:*", "*"))
    bench.policy("but", ("Deny", "iot:Publish", "topic/secret/*"))
    result = bench.ask("PUBLISH", "topic/secret/a")
    assert result["authDecision"] == "EXPLICIT_DENY"
    assert names(result["allowed"]) == ["all"]
    assert names(result["denied"]["explicitDeny"]) == ["but"]
    assert names(result["denied"]["implicitDeny"]) == []
    assert bench.ask("PUBLISH", "topic/open/a")["authDecision"] == "ALLOWED"


@pytest.mark.parametrize(
    ("action_type", "action", "resource"),
    [
        ("CONNECT", "iot:Connect", "client/bulb-1"),
        ("PUBLISH", "iot:Publish", "topic/a/b"),
        ("SUBSCRIBE", "iot:Subscribe", "topicfilter/a/+"),
        ("RECEIVE", "iot:Receive", "topic/a/b"),
    ],
)
def test_each_action_type_stands_for_its_iot_action(
    bench: Bench, action_type: str, action: str, resource: str
) -> None:
    bench.policy("p", ("Allow", action, resource))
    for asked in ("CONNECT", "PUBLISH", "SUBSCRIBE", "RECEIVE"):
        expected = "ALLOWED" if asked == action_type else "IMPLICIT_DENY"
        assert bench.ask(asked, resource)["authDecision"] == expected


def test_several_resources_are_allowed_only_together(bench: Bench) -> None:
    bench.policy("a", ("Allow", "iot:Publish", "topic/a"))
    bench.policy("not-b", ("Deny", "iot:Publish", "topic/b"))
    assert bench.ask("PUBLISH", "topic/a")["authDecision"] == "ALLOWED"
    partly = bench.ask("PUBLISH", "topic/a", "topic/c")
    assert partly["authDecision"] == "IMPLICIT_DENY"
    assert names(partly["allowed"]) == ["a"]
    assert bench.ask("PUBLISH", "topic/a", "topic/b")["authDecision"] == "EXPLICIT_DENY"


def test_each_entry_gets_its_own_result(bench: Bench) -> None:
    bench.policy("a", ("Allow", "iot:Publish", "topic/a"))
    results = bench.iot.test_authorization(
        principal=bench.certificate_arn,
        authInfos=[
            {"actionType": "PUBLISH", "resources": [f"{ARN}topic/a"]},
            {"actionType": "RECEIVE", "resources": [f"{ARN}topic/a"]},
        ],
    )["authResults"]
    assert [result["authDecision"] for result in results] == ["ALLOWED", "IMPLICIT_DENY"]


def test_policies_are_added_and_skipped_for_the_question_only(bench: Bench) -> None:
    bench.policy("no", ("Deny", "iot:Connect", "*"))
    bench.policy("yes", ("Allow", "iot:Connect", "*"), target="")
    question = ("CONNECT", "client/bulb-1")
    assert bench.ask(*question)["authDecision"] == "EXPLICIT_DENY"
    assert bench.ask(*question, policyNamesToSkip=["no"])["authDecision"] == "IMPLICIT_DENY"
    result = bench.ask(*question, policyNamesToSkip=["no"], policyNamesToAdd=["yes"])
    assert result["authDecision"] == "ALLOWED"
    assert names(result["allowed"]) == ["yes"]
    assert bench.ask(*question)["authDecision"] == "EXPLICIT_DENY"


def test_a_policy_to_add_must_exist(bench: Bench) -> None:
    with pytest.raises(bench.iot.exceptions.ResourceNotFoundException, match="nobody"):
        bench.ask("CONNECT", "client/bulb-1", policyNamesToAdd=["nobody"])


def test_variables_of_the_client_and_the_thing_come_with_the_client_id(bench: Bench) -> None:
    bench.policy("p", ("Allow", "iot:Connect", "client/${iot:Connection.Thing.ThingName}"))
    bench.iot.create_thing(thingName="bulb-1")
    question = ("CONNECT", "client/bulb-1")
    # Not attached yet, then without a client ID: the thing's name is not known.
    unattached = bench.ask(*question, clientId="bulb-1")
    assert unattached["authDecision"] == "IMPLICIT_DENY"
    assert unattached["missingContextValues"] == ["iot:Connection.Thing.ThingName"]
    bench.iot.attach_thing_principal(thingName="bulb-1", principal=bench.certificate_arn)
    assert bench.ask(*question)["missingContextValues"] == ["iot:Connection.Thing.ThingName"]
    assert bench.ask(*question, clientId="bulb-1")["authDecision"] == "ALLOWED"
    assert bench.ask("CONNECT", "client/x", clientId="x")["authDecision"] == "IMPLICIT_DENY"


def test_the_things_type_and_attributes_are_known(bench: Bench) -> None:
    bench.policy(
        "p",
        ("Allow", "iot:Publish", "topic/${iot:Connection.Thing.ThingTypeName}"),
        ("Allow", "iot:Publish", "topic/${iot:Connection.Thing.Attributes[room]}"),
    )
    bench.iot.create_thing_type(thingTypeName="light")
    bench.iot.create_thing(
        thingName="bulb-1",
        thingTypeName="light",
        attributePayload={"attributes": {"room": "kitchen"}},
    )
    bench.iot.attach_thing_principal(thingName="bulb-1", principal=bench.certificate_arn)
    for topic, expected in [
        ("light", "ALLOWED"),
        ("kitchen", "ALLOWED"),
        ("cellar", "IMPLICIT_DENY"),
    ]:
        result = bench.ask("PUBLISH", f"topic/{topic}", clientId="bulb-1")
        assert result["authDecision"] == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("iot:CertificateId", "{id}"),
        ("iot:Certificate.Subject.CommonName", "bulb-1"),
        ("iot:Certificate.Subject.Country", "KR"),
        ("iot:Certificate.Subject.Organization", "Acme"),
        ("iot:Certificate.Issuer.CommonName", "Acme"),
        ("iot:Certificate.SerialNumber", "{serial}"),
    ],
)
def test_variables_of_the_certificate_are_known(bench: Bench, variable: str, value: str) -> None:
    bench.policy("p", ("Allow", "iot:Publish", f"topic/${{{variable}}}/state"))
    value = value.format(
        id=bench.device.certificate_id, serial=bench.device.certificate.serial_number
    )
    assert bench.ask("PUBLISH", f"topic/{value}/state")["authDecision"] == "ALLOWED"
    assert bench.ask("PUBLISH", "topic/other/state")["authDecision"] == "IMPLICIT_DENY"


ALTERNATIVE_NAMES: list[tuple[str, str, x509.GeneralName]] = [
    ("RFC822Name", "bulb@example.com", x509.RFC822Name("bulb@example.com")),
    ("DNSName", "bulb.example.com", x509.DNSName("bulb.example.com")),
    ("UniformResourceIdentifier", "urn:bulb:1", x509.UniformResourceIdentifier("urn:bulb:1")),
    ("IPAddress", "192.0.2.7", x509.IPAddress(ip_address("192.0.2.7"))),
    (
        "DirectoryName",
        "cn=bulb,o=Acme",
        x509.DirectoryName(
            x509.Name(
                [
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
                    x509.NameAttribute(NameOID.COMMON_NAME, "bulb"),
                ]
            )
        ),
    ),
]


@pytest.mark.parametrize(("kind", "value", "name"), ALTERNATIVE_NAMES)
def test_alternative_names_of_the_certificate_are_known(
    bench: Bench, kind: str, value: str, name: x509.GeneralName
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bulb")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(key, hashes.SHA256())
    )
    bench.certificate_arn = bench.iot.register_certificate_without_ca(
        certificatePem=certificate.public_bytes(Encoding.PEM).decode(), status="ACTIVE"
    )["certificateArn"]
    variable = f"${{iot:Certificate.Subject.AlternativeName.{kind}}}"
    bench.policy("p", ("Allow", "iot:Publish", f"topic/{variable}/state"))
    assert bench.ask("PUBLISH", f"topic/{value}/state")["authDecision"] == "ALLOWED"
    assert bench.ask("PUBLISH", "topic/other/state")["authDecision"] == "IMPLICIT_DENY"


def test_alternative_names_that_cannot_be_read_count_as_missing(bench: Bench) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bulb")])
    inner = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "abcd")])
    now = datetime.now(timezone.utc)
    der = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DirectoryName(inner)]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    as_bit_string = der.replace(b"\x0c\x04abcd", b"\x03\x04\x00bcd")
    bench.certificate_arn = bench.iot.register_certificate_without_ca(
        certificatePem=ssl.DER_cert_to_PEM_cert(as_bit_string), status="ACTIVE"
    )["certificateArn"]
    variable = "${iot:Certificate.Subject.AlternativeName.DirectoryName}"
    bench.policy(
        "p", ("Allow", "iot:Publish", f"topic/{variable}"), ("Allow", "iot:Publish", "topic/plain")
    )
    assert bench.ask("PUBLISH", "topic/abcd")["authDecision"] == "IMPLICIT_DENY"
    assert bench.ask("PUBLISH", "topic/plain")["authDecision"] == "ALLOWED"


def test_a_groups_policies_count_where_the_client_id_is_the_things_name(bench: Bench) -> None:
    group = bench.iot.create_thing_group(thingGroupName="g")["thingGroupArn"]
    bench.iot.create_thing(thingName="bulb-1")
    bench.iot.add_thing_to_thing_group(thingGroupName="g", thingName="bulb-1")
    bench.iot.attach_thing_principal(thingName="bulb-1", principal=bench.certificate_arn)
    bench.policy("of-group", ("Allow", "iot:Connect", "*"), target=group)
    question = ("CONNECT", "client/any")
    assert bench.ask(*question)["authDecision"] == "ALLOWED"
    assert bench.ask(*question, clientId="bulb-1")["authDecision"] == "ALLOWED"
    assert bench.ask(*question, clientId="any")["authDecision"] == "IMPLICIT_DENY"
    assert bench.ask(*question, principal=group)["authDecision"] == "ALLOWED"


def test_a_policy_that_cannot_be_read_allows_nothing() -> None:
    with mock_jitp(config={"jitp": {"strict": False}}):
        bench = Bench(boto3.client("iot", region_name="us-east-1"))
        bench.iot.create_policy(policyName="p", policyDocument="no policy")
        bench.iot.attach_policy(policyName="p", target=bench.certificate_arn)
        result = bench.ask("CONNECT", "client/bulb-1")
        assert result["authDecision"] == "IMPLICIT_DENY"
        assert names(result["denied"]["implicitDeny"]) == ["p"]


@pytest.mark.parametrize(
    ("info", "text"),
    [
        ({"resources": [f"{ARN}topic/a"]}, "actionType"),
        ({"actionType": "PUBLISH", "resources": []}, "at least one resource"),
        ({"actionType": "PUBLISH", "resources": ["topic/a"]}, "must contain ARNs"),
        ({"actionType": "DANCE", "resources": [f"{ARN}topic/a"]}, "enum value set"),
    ],
)
def test_a_question_that_cannot_be_answered_says_what_it_lacks(
    bench: Bench, info: dict[str, Any], text: str
) -> None:
    with pytest.raises(bench.iot.exceptions.InvalidRequestException, match=text):
        bench.iot.test_authorization(principal=bench.certificate_arn, authInfos=[info])


def test_an_unknown_principal_is_not_found(bench: Bench) -> None:
    with pytest.raises(bench.iot.exceptions.ResourceNotFoundException):
        bench.ask("PUBLISH", "topic/a", principal=f"{ARN}cert/unknown")


def test_a_question_without_principal_says_so(bench: Bench) -> None:
    with pytest.raises(bench.iot.exceptions.InvalidRequestException, match="principal"):
        bench.iot.test_authorization(
            authInfos=[{"actionType": "PUBLISH", "resources": [f"{ARN}topic/a"]}]
        )
