"""AWS's policy example pages, restated: what each kind of policy allows and denies.

The pages: connect, publish/subscribe, connect and publish, retained message, certificate, thing,
basic job and VPC policy examples of the developer guide, and Device Defender's check for
misconfigured policies. Each case is one sentence of such a page, told about bulbs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from moto_jitp.policies import (
    AuthorizationContext,
    CertificateContext,
    Request,
    ThingContext,
    evaluate,
    parse_policy,
)

PREFIX = "arn:aws:iot:eu-central-1:111122223333:"
THING = "${iot:Connection.Thing.ThingName}"
CERTIFICATE_ID = "5d" * 32

CERTIFICATE = CertificateContext(
    certificate_id=CERTIFICATE_ID,
    serial_number=10525622389124227206,
    subject={"CommonName": ["bulb-7", "Lamp", "Administrator"], "Organization": ["Acme"]},
    issuer={"CommonName": ["Acme Root"]},
)
BULB = AuthorizationContext(
    client_id="bulb-7",
    thing=ThingContext("bulb-7", "bulb", {"room": "hall"}),
    certificate=CERTIFICATE,
    source_ip="203.0.113.9",
)
STRANGER = AuthorizationContext(client_id="bulb-8", certificate=CERTIFICATE)
DETACHED = replace(BULB, thing=ThingContext("bulb-7", is_attached=False))


def allow(action: str, *resources: str, **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": [f"iot:{action}"],
        "Resource": [r if r == "*" else PREFIX + r for r in resources],
        **more,
    }


def deny(action: str, *resources: str, **more: Any) -> dict[str, Any]:
    return {**allow(action, *resources, **more), "Effect": "Deny"}


def when(operator: str, **keys: Any) -> dict[str, Any]:
    """A Condition; underscores in a key's name stand for «:» (first) and «.»."""
    return {
        "Condition": {
            operator: {
                key.replace("_", ":", 1).replace("_", "."): value for key, value in keys.items()
            }
        }
    }


CONNECT_AS_THING = allow("Connect", f"client/{THING}")
PERSISTENT, WILL = "PersistentConnect", "LastWill"
WILL_TOPIC = PREFIX + "topic/my/will"


def connects(*attributes: str, will: str | None = None) -> AuthorizationContext:
    return replace(BULB, connect_attributes=attributes, last_will_topic=will)


def connecting(*attributes: str, will: str | None = None) -> tuple[Any, ...]:
    """The bulb connects with these attributes."""
    return ("Connect", "client/bulb-7", connects(*attributes, will=will))


def connect_where(operator: str, attributes: object) -> dict[str, Any]:
    """Everybody may connect whose attributes are such."""
    return allow("Connect", "*", **when(operator, iot_ConnectAttributes=attributes))


def no_connect_where(operator: str, attributes: object) -> dict[str, Any]:
    """Nobody may connect whose attributes are such."""
    return {**connect_where(operator, attributes), "Effect": "Deny"}


Case = tuple[str, list[dict[str, Any]], list[Any], list[Any]]

# name, statements, what is allowed, what is not: (action, resource[, context])
EXAMPLES: list[Case] = [
    (
        "one client ID",
        [allow("Connect", "client/bulb-7")],
        [("Connect", "client/bulb-7")],
        [("Connect", "client/bulb-8", STRANGER), ("Publish", "topic/x")],
    ),
    (
        "two client IDs denied, other things allowed",
        [deny("Connect", "client/bulb-1", "client/bulb-2"), CONNECT_AS_THING],
        [("Connect", "client/bulb-7")],
        [
            ("Connect", "client/bulb-1", AuthorizationContext("bulb-1", ThingContext("bulb-1"))),
            ("Connect", "client/bulb-8", STRANGER),
        ],
    ),
    (
        "persistent sessions allowed",
        [connect_where("ForAllValues:StringEquals", [PERSISTENT])],
        [connecting(PERSISTENT), connecting()],
        [connecting(WILL), connecting(PERSISTENT, WILL)],
    ),
    (
        "all but persistent sessions",
        [connect_where("ForAllValues:StringNotEquals", [PERSISTENT])],
        [connecting(WILL), connecting()],
        [connecting(PERSISTENT), connecting(PERSISTENT, WILL)],
    ),
    (
        "the same with a Deny",
        [allow("Connect", "*"), no_connect_where("ForAnyValue:StringEquals", [PERSISTENT])],
        [connecting(WILL), connecting()],
        [connecting(PERSISTENT, WILL)],
    ),
    (
        "default features only",
        [connect_where("ForAllValues:StringEquals", [])],
        [connecting()],
        [connecting(WILL), connecting(PERSISTENT)],
    ),
    (
        "only with a persistent session",
        [connect_where("ForAnyValue:StringEquals", [PERSISTENT])],
        [connecting(PERSISTENT), connecting(PERSISTENT, WILL)],
        [connecting(), connecting(WILL)],
    ),
    (
        "persistent session and will together",
        [
            connect_where("ForAllValues:StringEquals", [PERSISTENT, WILL]),
            no_connect_where("ForAllValues:StringEquals", [PERSISTENT]),
            no_connect_where("ForAllValues:StringEquals", [WILL]),
            no_connect_where("ForAllValues:StringEquals", []),
        ],
        [connecting(PERSISTENT, WILL)],
        [connecting(PERSISTENT), connecting(WILL), connecting()],
    ),
    (
        "persistent session and will allowed, nothing newer",
        [connect_where("ForAllValues:StringEquals", [PERSISTENT, WILL])],
        [
            connecting(*attributes)
            for attributes in ((), (PERSISTENT,), (WILL,), (PERSISTENT, WILL))
        ],
        [connecting(WILL, "Newer")],
    ),
    (
        "a clean session with or without a will",
        [connect_where("StringEquals", WILL)],
        [connecting(), connecting(WILL)],
        [
            connecting(PERSISTENT),
            connecting(PERSISTENT, WILL),
            ("Connect", "client/bulb-7", replace(BULB, connect_attributes=None)),
        ],
    ),
    (
        "no persistent session, a will allowed, nothing newer",
        [
            no_connect_where("ForAnyValue:StringEquals", [PERSISTENT]),
            connect_where("ForAllValues:StringEquals", [WILL]),
        ],
        [connecting(), connecting(WILL)],
        [connecting(PERSISTENT), connecting(PERSISTENT, WILL), connecting(WILL, "Newer")],
    ),
    (
        "one topic for the will in a clean session",
        [
            allow("Connect", "*", **when("ArnEquals", iot_LastWillTopic=WILL_TOPIC)),
            no_connect_where("ForAnyValue:StringEquals", [PERSISTENT]),
        ],
        [connecting(WILL, will=WILL_TOPIC)],
        [
            connecting(PERSISTENT, WILL, will=WILL_TOPIC),
            connecting(WILL, will=PREFIX + "topic/other"),
            connecting(),
        ],
    ),
    (
        "one topic for the will",
        [allow("Connect", "*", **when("ArnEquals", iot_LastWillTopic=WILL_TOPIC))],
        [connecting(WILL, will=WILL_TOPIC)],
        [connecting(WILL, will=PREFIX + "topic/other"), connecting()],
    ),
    (
        "a registered device subscribes to one filter",
        [CONNECT_AS_THING, allow("Subscribe", "topicfilter/my/filter")],
        [("Connect", "client/bulb-7"), ("Subscribe", "topicfilter/my/filter")],
        [
            ("Connect", "client/bulb-7", DETACHED),
            ("Subscribe", "topicfilter/my/other"),
            ("Receive", "topic/my/filter"),
        ],
    ),
    (
        "publish below the thing's name",
        [CONNECT_AS_THING, allow("Publish", f"topic/{THING}/*")],
        [("Publish", "topic/bulb-7/state"), ("Publish", "topic/bulb-7/a/b")],
        [
            ("Publish", "topic/bulb-7"),
            ("Publish", "topic/bulb-8/state"),
            ("Publish", "topic/bulb-8/state", STRANGER),
        ],
    ),
    (
        "publish below the client ID",
        [allow("Publish", "topic/${iot:ClientId}/*")],
        [("Publish", "topic/bulb-7/state"), ("Publish", "topic/bulb-8/state", STRANGER)],
        [("Publish", "topic/bulb-7/state", STRANGER)],
    ),
    (
        "rooms of a thing",
        [
            allow("Subscribe", f"topicfilter/{THING}/room*"),
            allow("Receive", f"topic/{THING}/room*"),
        ],
        [
            ("Subscribe", "topicfilter/bulb-7/room1"),
            ("Subscribe", "topicfilter/bulb-7/room+"),
            ("Receive", "topic/bulb-7/room12"),
        ],
        [
            ("Subscribe", "topicfilter/bulb-7/hall"),
            ("Subscribe", "topicfilter/+/room1"),
            ("Receive", "topic/bulb-8/room1"),
            ("Publish", "topic/bulb-7/room1"),
        ],
    ),
    (
        "a plus sign is a plus sign",
        [allow("Subscribe", "topicfilter/some/+/topic")],
        [("Subscribe", "topicfilter/some/+/topic")],
        [("Subscribe", "topicfilter/some/hall/topic"), ("Subscribe", "topicfilter/some/#")],
    ),
    (
        "everything below the name but bar",
        [
            allow("Publish", "topic/${iot:Thing.ThingName}/*"),
            deny("Publish", "topic/${iot:Thing.ThingName}/bar"),
        ],
        [("Publish", "topic/bulb-7/foo"), ("Publish", "topic/bulb-7/foo/bar")],
        [("Publish", "topic/bulb-7/bar"), ("Publish", "topic/bulb-8/foo")],
    ),
    (
        "subscribe and receive one topic",
        [allow("Subscribe", "topicfilter/my/topic"), allow("Receive", "topic/my/topic")],
        [("Subscribe", "topicfilter/my/topic"), ("Receive", "topic/my/topic")],
        [("Subscribe", "topicfilter/my/+"), ("Publish", "topic/my/topic")],
    ),
    (
        "retained messages",
        [
            {
                "Effect": "Allow",
                "Action": ["iot:Publish", "iot:RetainPublish"],
                "Resource": PREFIX + "topic/device/config",
            }
        ],
        [("Publish", "topic/device/config"), ("RetainPublish", "topic/device/config")],
        [("RetainPublish", "topic/device/other"), ("GetRetainedMessage", "topic/device/config")],
    ),
    (
        "list and read retained messages",
        [allow("ListRetainedMessages", "*"), allow("GetRetainedMessage", "topic/foo")],
        [("ListRetainedMessages", "*"), ("GetRetainedMessage", "topic/foo")],
        [("GetRetainedMessage", "topic/bar")],
    ),
    (
        "the certificate's id as topic",
        [allow("Publish", "topic/${iot:CertificateId}")],
        [("Publish", f"topic/{CERTIFICATE_ID}")],
        [
            ("Publish", "topic/other"),
            ("Publish", f"topic/{CERTIFICATE_ID}", AuthorizationContext("bulb-7")),
        ],
    ),
    (
        "the common name as topic",
        [allow("Publish", "topic/${iot:Certificate.Subject.CommonName}")],
        [("Publish", "topic/bulb-7")],
        [("Publish", "topic/Lamp"), ("Publish", "topic/${iot:Certificate.Subject.CommonName}")],
    ),
    (
        "the third common name",
        [
            allow(
                "Publish",
                "topic/admin/*",
                **when("StringEquals", iot_Certificate_Subject_CommonName_2="Administrator"),
            )
        ],
        [("Publish", "topic/admin/x")],
        [
            (
                "Publish",
                "topic/admin/x",
                replace(
                    BULB, certificate=CertificateContext(subject={"CommonName": ["Administrator"]})
                ),
            )
        ],
    ),
    (
        "any of the common names",
        [
            allow(
                "Publish",
                f"topic/admin/{THING}",
                **when(
                    "ForAnyValue:StringEquals",
                    iot_Certificate_Subject_CommonName_List="Administrator",
                ),
            )
        ],
        [("Publish", "topic/admin/bulb-7")],
        [
            (
                "Publish",
                "topic/admin/bulb-7",
                replace(BULB, certificate=CertificateContext(subject={"CommonName": ["Lamp"]})),
            )
        ],
    ),
    (
        "all organizations are ours",
        [
            allow(
                "Publish",
                f"topic/my/{THING}",
                **when(
                    "ForAllValues:StringEquals",
                    iot_Certificate_Subject_Organization_List=["Acme", "AnyCompany"],
                ),
            )
        ],
        [("Publish", "topic/my/bulb-7")],
        [
            (
                "Publish",
                "topic/my/bulb-7",
                replace(
                    BULB,
                    certificate=CertificateContext(subject={"Organization": ["Acme", "Other"]}),
                ),
            )
        ],
    ),
    (
        "the serial number in decimal as client ID",
        [allow("Connect", "client/${iot:Certificate.SerialNumber}")],
        [("Connect", "client/10525622389124227206")],
        [("Connect", "client/921285cbb7a5e086")],
    ),
    (
        "certificates with a common name and a number",
        [
            allow(
                "Connect",
                "client/*",
                **when(
                    "Null",
                    iot_Certificate_SerialNumber="false",
                    iot_Certificate_Subject_CommonName="false",
                ),
            )
        ],
        [("Connect", "client/bulb-7")],
        [
            (
                "Connect",
                "client/bulb-7",
                replace(BULB, certificate=CertificateContext(serial_number=1)),
            )
        ],
    ),
    (
        "only attached things",
        [allow("Connect", "*", **when("Bool", iot_Connection_Thing_IsAttached=["true"]))],
        [("Connect", "client/bulb-7")],
        [("Connect", "client/bulb-7", DETACHED), ("Connect", "client/bulb-8", STRANGER)],
    ),
    (
        "things of a type with an attribute",
        [
            allow(
                "Publish",
                "topic/device/stats",
                Condition={
                    "StringEquals": {
                        "iot:Connection.Thing.Attributes[room]": "hall",
                        "iot:Connection.Thing.ThingTypeName": "bulb",
                    },
                    "Bool": {"iot:Connection.Thing.IsAttached": "true"},
                },
            )
        ],
        [("Publish", "topic/device/stats")],
        [
            (
                "Publish",
                "topic/device/stats",
                replace(BULB, thing=ThingContext("bulb-7", "bulb", {"room": "attic"})),
            ),
            (
                "Publish",
                "topic/device/stats",
                replace(BULB, thing=ThingContext("bulb-7", "plug", {"room": "hall"})),
            ),
            ("Publish", "topic/device/stats", DETACHED),
        ],
    ),
    (
        "topics that begin with an attribute",
        [allow("Publish", "topic/${iot:Connection.Thing.Attributes[room]}/*")],
        [("Publish", "topic/hall/light")],
        [("Publish", "topic/attic/light"), ("Publish", "topic/hall/light", DETACHED)],
    ),
    (
        "a job target",
        [
            allow("Publish", "topic/$aws/things/bulb-7/jobs/*"),
            {
                "Effect": "Allow",
                "Action": ["iot:DescribeJobExecution", "iot:UpdateJobExecution"],
                "Resource": PREFIX + "thing/bulb-7",
            },
        ],
        [
            ("Publish", "topic/$aws/things/bulb-7/jobs/get"),
            ("DescribeJobExecution", "thing/bulb-7"),
        ],
        [
            ("Publish", "topic/$aws/things/bulb-8/jobs/get"),
            ("UpdateJobExecution", "thing/bulb-8"),
            ("StartNextPendingJobExecution", "thing/bulb-7"),
        ],
    ),
    (
        "one address",
        [
            allow(
                "Publish",
                "topic/my/${iot:ClientId}",
                **when("IpAddress", aws_SourceIp="203.0.113.9"),
            )
        ],
        [("Publish", "topic/my/bulb-7")],
        [
            ("Publish", "topic/my/bulb-7", replace(BULB, source_ip="203.0.113.10")),
            ("Publish", "topic/my/bulb-7", replace(BULB, source_ip=None)),
        ],
    ),
    (
        "one domain",
        [allow("Connect", "*", **when("StringEquals", iot_DomainName="a.example"))],
        [("Connect", "client/bulb-7", replace(BULB, domain_name="a.example"))],
        [
            ("Connect", "client/bulb-7", replace(BULB, domain_name="b.example")),
            ("Connect", "client/bulb-7"),
        ],
    ),
    (
        "one VPC endpoint",
        [allow("Connect", f"client/{THING}", **when("StringEquals", aws_SourceVpce="vpce-1a2b3c"))],
        [("Connect", "client/bulb-7", replace(BULB, extra={"aws:SourceVpce": "vpce-1a2b3c"}))],
        [
            ("Connect", "client/bulb-7", replace(BULB, extra={"aws:SourceVpce": "vpce-9"})),
            ("Connect", "client/bulb-7"),
        ],
    ),
    (
        "a cellar that a wildcard subscription still reaches",
        [
            allow("Subscribe", "topicfilter/house/*"),
            deny("Subscribe", "topicfilter/house/cellar/*"),
            allow("Receive", "topic/house/*"),
        ],
        [("Subscribe", "topicfilter/house/#"), ("Receive", "topic/house/cellar/door")],
        [("Subscribe", "topicfilter/house/cellar/door")],
    ),
    (
        "a cellar that is closed",
        [allow("Receive", "topic/house/*"), deny("Receive", "topic/house/cellar/*")],
        [("Receive", "topic/house/hall/door")],
        [("Receive", "topic/house/cellar/door")],
    ),
]


def cases() -> Iterator[Any]:
    for name, statements, allowed, refused in EXAMPLES:
        for expected, requests in ((True, allowed), (False, refused)):
            for number, (action, resource, *context) in enumerate(requests):
                yield pytest.param(
                    statements,
                    Request(
                        f"iot:{action}",
                        resource if resource == "*" else PREFIX + resource,
                        context[0] if context else BULB,
                    ),
                    expected,
                    id=f"{name}-{'allowed' if expected else 'refused'}-{number}",
                )


@pytest.mark.parametrize(("statements", "request_", "expected"), list(cases()))
def test_aws_examples_mean_what_their_pages_say(
    statements: list[dict[str, Any]], request_: Request, expected: bool
) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    decision = evaluate([("example", parse_policy(document))], request_)
    assert decision.allowed is expected, decision.reason
