"""Mutated certificates, templates, policies, rules, queries and messages are read or refused.

Refusals are the language's own errors, never Python's. A small sample of random mutations in every
run; a hundred times as many with ``--long``.
"""

from __future__ import annotations

import ast
import base64
import json
import random
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import strategies as st
from support.bodies import GUIDE_BODY, PLAIN_BODY
from support.hostile import BODIES, DEEP, TEXTS, junk, mutated, mutated_json, mutated_text
from support.long_runs import drawn

import moto_jitp
from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    JitpHandle,
    NotAuthorized,
    TemplateError,
    connect_device,
    render,
)
from moto_jitp.pki import (
    CertificateError,
    certificate_parameters,
    check_issuer,
    read_certificate,
    read_chain,
)
from moto_jitp.policies import (
    AuthorizationContext,
    CertificateContext,
    MalformedPolicyError,
    Request,
    ThingContext,
    evaluate,
    parse_policy,
    topic_arn,
)
from moto_jitp.queries import QueryError, parse_query
from moto_jitp.sql import V1, V2, Environment, Message, Rule, SqlError
from moto_jitp.templates import lint, parse_template

CA = CertificateAuthority(common_name="Acme Root")
DEVICE = CA.issue(common_name="bulb-1", country="KR", organization="Acme")
HERE = ("aws", "us-east-1", "123456789012")


def each(few: int, long: bool, check: Callable[[random.Random], None]) -> None:
    """Check this with a few random choices, or with a hundred times as many."""
    drawn(check, st.randoms(use_true_random=False), few=few, many=few * 100, long=long)


# Certificates


def pem_of(der: bytes) -> str:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


DER = x509.load_pem_x509_certificate(DEVICE.certificate_pem.encode()).public_bytes(Encoding.DER)
ISSUER = read_certificate(CA.certificate_pem)


def mutated_der(source: random.Random, der: bytes) -> bytes:
    """DER of which elements are of another type, of another length, or elsewhere."""
    found = bytearray(der)
    for _ in range(source.randint(1, 3)):
        heads = list(_elements(bytes(found), 0, len(found)))
        if not heads:
            break
        at, start, end = source.choice(heads)
        kind = source.randrange(6)
        if kind == 0:
            found[at] = source.choice((1, 2, 3, 4, 5, 6, 12, 19, 22, 23, 24, 30, 48, 49, 160, 255))
        elif kind == 1:
            found[start:end] = mutated(source, bytes(found[start:end]), 2)
        elif kind == 2:
            del found[at:end]
        elif kind == 3:
            other = source.choice(heads)
            found[at:at] = found[other[0] : other[2]]
        elif kind == 4:
            found[start:end] = bytes(end - start)
        else:
            return mutated(source, bytes(found))
    return bytes(found)


def _elements(der: bytes, at: int, end: int) -> Any:
    """The elements in DER: where the head, the content and the element after it begin."""
    while at + 2 <= end:
        head, length = at, der[at + 1]
        at += 2
        if length > 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[at : at + size], "big")
            at += size
        if at + length > end:
            return
        yield head, at, at + length
        if der[head] & 0x20:
            yield from _elements(der, at, at + length)
        at += length


def test_a_mutated_certificate_is_read_or_refused(long: bool) -> None:
    def check(source: random.Random) -> None:
        der = mutated_der(source, DER)
        pem = pem_of(der)
        if source.random() < 0.2:
            pem = mutated_text(source, pem)
        if source.random() < 0.2:
            pem = CA.certificate_pem + pem
        try:
            chain = read_chain(pem.encode("utf-8", "surrogatepass"))
        except CertificateError as error:
            str(error).encode()
            return
        for certificate in chain:
            assert all(certificate_parameters(certificate).values()) or certificate_parameters(
                certificate
            )
            check_issuer(certificate, ISSUER)
            assert certificate.subject_text is not None
            assert len(certificate.certificate_id) == 64

    each(120, long, check)


def test_a_device_with_a_mutated_certificate_connects_or_is_refused(
    iot: Any, mocked: JitpHandle, long: bool
) -> None:
    CA.register(iot, template_body=GUIDE_BODY)
    codes: set[str] = set()

    def check(source: random.Random) -> None:
        pem = pem_of(mutated_der(source, DER))
        try:
            connect_device(pem)
        except (CertificateError, ConnectionRefused) as refusal:
            str(refusal).encode()  # it can be shown
        for register in (
            lambda: iot.register_certificate_without_ca(certificatePem=pem),
            lambda: iot.register_ca_certificate(caCertificate=pem, certificateMode="SNI_ONLY"),
        ):
            try:
                register()
            except iot.exceptions.ClientError as error:
                codes.add(error.response["Error"]["Code"])

    each(40, long, check)
    assert codes <= {
        *("CertificateValidationException", "InvalidRequestException"),
        "LimitExceededException",  # ten CAs of one subject, which many mutations leave as it is
        *("RegistrationCodeValidationException", "ResourceAlreadyExistsException"),
    }


# Templates

PARAMETERS = certificate_parameters(DEVICE.presented)
BODIES_OF_TEMPLATES = [json.loads(text) for text in (GUIDE_BODY, PLAIN_BODY)]
BODIES_OF_TEMPLATES.append(
    {
        "Parameters": {"A": {"Type": "String", "Default": "a,b"}},
        "Mappings": {"m": {"a": {"b": "c"}}},
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {
                    "ThingName": {"Fn::Join": ["-", ["x", {"Ref": "A"}]]},
                    "AttributePayload": {
                        "s": {"Fn::Select": ["0", {"Fn::Split": [",", {"Ref": "A"}]}]},
                        "t": {"Fn::Sub": ["${x}${A}", {"x": {"Ref": "A"}}]},
                        "u": {"Fn::FindInMap": ["m", "a", "b"]},
                    },
                    "BillingGroup": "bills",
                },
            },
            **BODIES_OF_TEMPLATES[1]["Resources"],
        },
        "DeviceConfiguration": {"url": {"Ref": "A"}},
    }
)


def test_a_mutated_template_is_parsed_or_refused(long: bool) -> None:
    def check(source: random.Random) -> None:
        text = json.dumps(mutated_json(source, source.choice(BODIES_OF_TEMPLATES)))
        if source.random() < 0.2:
            text = mutated_text(source, text)
        assert all(finding.message for finding in lint(text))
        for values in (PARAMETERS, {"A": source.choice(TEXTS)}):
            try:
                parse_template(text).resolve(values)
                str(render(text, values))
            except TemplateError as error:
                error.message.encode()

    each(120, long, check)


@pytest.mark.parametrize("text", [*DEEP, *(body.decode("latin-1") for body in BODIES)], ids=ascii)
def test_a_body_that_is_not_one_is_refused_in_every_language(text: str) -> None:
    with pytest.raises(TemplateError):
        parse_template(text)
    with pytest.raises(MalformedPolicyError):
        parse_policy(text)
    assert lint(text)


# Policies

STATEMENT = {
    "Effect": "Allow",
    "Action": ["iot:Publish", "iot:*"],
    "Resource": [topic_arn(*HERE, "a/${iot:Connection.Thing.ThingName}/*"), "*"],
    "Condition": {
        "ForAnyValue:StringLike": {"iot:Connection.Thing.Attributes[room]": ["h*", "x"]},
        "NumericLessThan": {"iot:Certificate.SerialNumber": "5"},
        "DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"},
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
        "Bool": {"iot:Connection.Thing.IsAttached": "true"},
        "Null": {"iot:ClientId": "false"},
        "BinaryEquals": {"iot:ClientId": "eA=="},
    },
}
POLICY = {"Version": "2012-10-17", "Id": "x", "Statement": [STATEMENT, STATEMENT]}


def test_a_mutated_policy_decides_or_is_refused(long: bool) -> None:
    def check(source: random.Random) -> None:
        text = json.dumps(mutated_json(source, POLICY))
        if source.random() < 0.1:
            text = mutated_text(source, text)
        try:
            policy = parse_policy(text)
        except MalformedPolicyError as error:
            str(error).encode()
            return
        context = AuthorizationContext(
            client_id=source.choice(TEXTS),
            thing=ThingContext("bulb-7", "bulb", {"room": source.choice(TEXTS)}),
            certificate=CertificateContext(
                certificate_id="5d" * 32,
                serial_number=1,
                subject={"CommonName": [source.choice(TEXTS)]},
                issuer={},
            ),
            source_ip=source.choice(("10.0.0.1", "::1", "x", "")),
        )
        for action in ("iot:Publish", "iot:Connect"):
            request = Request(action, topic_arn(*HERE, "a/bulb-7/b"), context)
            assert evaluate([("policy", policy)], request).reason

    each(120, long, check)


# Texts within texts


def test_json_is_nowhere_so_deep_that_python_gives_up() -> None:
    """Code that handles invalid JSON must also handle JSON that is nested too deeply."""
    found = []
    for path in Path(moto_jitp.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Try):
                continue
            reads = any("json.loads(" in ast.unparse(part) for part in node.body)
            caught = " ".join(
                ast.unparse(handler.type) for handler in node.handlers if handler.type
            )
            if reads and "ValueError" in caught and "RecursionError" not in caught:
                found.append(f"{path.name}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize("properties", [DEEP[1], "5", "null", '"x"', "[5]", "[{}]"])
def test_user_properties_that_are_none_are_refused(iot: Any, properties: str) -> None:
    data = boto3.client("iot-data", "us-east-1")
    with pytest.raises(data.exceptions.InvalidRequestException, match="userProperties"):
        data.publish(topic="a", payload=b"x", userProperties=properties)


def test_an_invalid_token_of_the_trail_is_refused(iot: Any) -> None:
    trail = boto3.client("cloudtrail", "us-east-1")
    token = base64.b64encode(DEEP[1].encode()).decode()
    with pytest.raises(trail.exceptions.InvalidNextTokenException):
        trail.lookup_events(NextToken=token)


# Rules and queries

RULES = [
    "SELECT *, topic(2) AS device FROM 'devices/+/data' WHERE temperature > 50",
    "SELECT a.b[0], get(c, 1) + 3 AS x, encode(*, 'base64') FROM '#' WHERE NOT isNull(a) AND b = 1",
    "SELECT VALUE (SELECT v FROM a WHERE v > 1) FROM 'x/#'",
    "SET @a = abs(t) SELECT CASE t WHEN 1 THEN 'a' ELSE concat('b', @a) END FROM 't'",
    "SELECT parse_time('yyyy', timestamp(), 'UTC'), regexp_replace(a, '(a+)+', 'b') FROM 't'",
    "SELECT power(t, 2), floor(t), substring(a, 1, 3), cast(t AS Int), newuuid() FROM 't'",
    "SELECT * FROM 't' WHERE EXISTS (SELECT * FROM a WHERE b = 1) OR t IN [1, 2]",
]
PAYLOADS: list[Any] = [
    {"temperature": 60, "a": {"b": [1, "x"]}, "c": {"d": None}, "t": 1.5, "b": 1},
    {"a": [{"v": 1, "b": 1}, {"v": 2}], "t": -1, "temperature": "50"},
    {"a": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "t": "2", "c": [1]},
]


def test_a_mutated_rule_takes_any_message_or_is_refused(long: bool) -> None:
    def check(source: random.Random) -> None:
        sql = source.choice(RULES)
        if source.random() < 0.7:
            sql = mutated_text(source, sql, 3)
        try:
            rule = Rule.parse(sql, source.choice((V1, V2)))
        except SqlError as error:
            str(error).encode("utf-8", "backslashreplace")
            return
        payload = json.dumps(mutated_json(source, source.choice(PAYLOADS))).encode()
        if source.random() < 0.2:
            payload = source.choice((*BODIES, mutated(source, payload)))
        outcome = rule.apply(Message("devices/x/data", payload), Environment())
        assert outcome.matched or outcome.reason
        str(outcome).encode("utf-8", "backslashreplace")

    each(120, long, check)


QUERIES = [
    "thingName:bulb* AND attributes.room:hall",
    "(attributes.a>1 OR NOT connectivity.connected:true) thingTypeName:x",
    'shadow.reported.t:[1 TO 5} attributes.b:"a b" -x +y ?z',
]


def test_a_mutated_query_is_parsed_or_refused(long: bool) -> None:
    def check(source: random.Random) -> None:
        text = mutated_text(source, source.choice(QUERIES))
        try:
            parse_query(text)
        except QueryError as error:
            str(error).encode("utf-8", "backslashreplace")

    each(80, long, check)


# Messages of devices to topics on which AWS IoT itself answers

SHADOW = {
    "state": {"desired": {"a": 1, "b": {"c": [1]}}, "reported": {"a": None}},
    "version": 1,
    "clientToken": "x",
}
TOPICS = [
    *(f"$aws/things/bulb-1/shadow/{verb}" for verb in ("update", "get", "delete")),
    *("$aws/things/bulb-1/shadow/name/s/update", "$aws/things/nobody/shadow/update"),
    *(f"$aws/certificates/create/{form}" for form in ("json", "cbor")),
    *(f"$aws/certificates/create-from-csr/{form}" for form in ("json", "cbor")),
    *(f"$aws/provisioning-templates/fleet/provision/{form}" for form in ("json", "cbor")),
    *("$aws/things/bulb-1/jobs/get", "$aws/things/bulb-1/jobs/start-next"),
    *(
        "$aws/things/bulb-1/jobs/j0/get",
        "$aws/things/bulb-1/jobs/j0/update",
        "$aws/rules/r0/x",
        "a",
    ),
]
REQUESTS: list[Any] = [
    SHADOW,
    {"certificateSigningRequest": DEVICE.certificate_pem},
    {"certificateOwnershipToken": "x", "parameters": {"Serial": "1"}},
    {"status": "IN_PROGRESS", "expectedVersion": 1, "statusDetails": {"a": "b"}, "jobId": "j0"},
    {},
]
CBOR = [
    *(bytes.fromhex(text) for text in ("a0", "9b7fffffffffffffff", "d81c81d81d00", "c1fb7ff0")),
    *(b"\x81" * 5000 + b"\x00", b"\x5f" * 1000, b"\xa1\x81\x01\x02", b"\xfb\x7f\xf8" + b"\0" * 6),
    bytes.fromhex("a2781963657274696669636174654f776e657273686970546f6b656e6178a0"),
]


def test_a_mutated_message_is_answered_and_raises_nothing(
    iot: Any, mocked: JitpHandle, long: bool
) -> None:
    CA.register(iot, template_body=PLAIN_BODY)
    device = connect_device(DEVICE)
    iot.create_job(
        jobId="j0", targets=["arn:aws:iot:us-east-1:123456789012:thing/bulb-1"], document="{}"
    )
    iot.create_topic_rule(
        ruleName="r0", topicRulePayload={"sql": "SELECT * FROM 'a'", "actions": []}
    )
    device.subscribe("#")

    def check(source: random.Random) -> None:
        topic = source.choice(TOPICS)
        if source.random() < 0.1:
            topic = mutated_text(source, topic, 1)
        payload = json.dumps(mutated_json(source, source.choice(REQUESTS))).encode()
        chance = source.random()
        if topic.endswith("cbor") and chance < 0.8:
            payload = mutated(source, source.choice(CBOR)) if chance < 0.4 else source.choice(CBOR)
        elif chance < 0.2:
            payload = mutated(source, payload)
        elif chance < 0.3:
            payload = source.choice((*BODIES, json.dumps(junk(source)).encode()))
        try:
            device.publish(topic, payload)
        except (ValueError, NotAuthorized) as refusal:
            str(refusal).encode("utf-8", "backslashreplace")

    each(60, long, check)
    assert device.connected
    assert mocked.events
