"""The action that publishes the message on another topic.

https://docs.aws.amazon.com/iot/latest/developerguide/republish-rule-action.html
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from moto_jitp.broker.message_broker import publish
from moto_jitp.history.messages import ClientMessage, Publisher
from moto_jitp.mqtt.properties import NO_PROPERTIES, Properties
from moto_jitp.mqtt.topics import is_basic_ingest, shadow_request

from .table import ActionCall, ActionFailed, action

DEEPEST = 10
"""How many rules one message may pass by republishing; AWS IoT has no limit, but bills each."""

_depth: ContextVar[int] = ContextVar("moto_jitp_republish_depth", default=0)
_NOT_FOR_RULES = re.compile(r"\$aws/things/[^/]+/jobs(?:/.*)?|\$aws/events/.*", re.DOTALL)
_FORMATS = {"UNSPECIFIED_BYTES": 0, "UTF8_DATA": 1}


@action("republish", "RepublishAction", "republish message", "topic", service="AWS IoT")
def republish(call: ActionCall) -> None:
    topic = call.fields["topic"]
    if topic.startswith("$$"):
        topic = topic[1:]  # this is how to write a reserved topic, as ${ begins a template
    call.require(
        "iot:Publish",
        f"arn:{call.partition}:iot:{call.region_name}:{call.account_id}:topic/{topic}",
    )
    _check_topic(topic)
    message = ClientMessage(
        topic,
        call.payload,
        Publisher(None, call.message.principal or "", "", "MQTT"),
        qos=call.fields.get("qos") or 0,
        properties=_properties(call.fields.get("headers") or {}),
    )
    with _deeper(call):
        publish(call.backend, message)


def _check_topic(topic: str) -> None:
    wrong = None
    if not topic or "+" in topic or "#" in topic:
        wrong = "it is empty or has a wildcard"
    elif _NOT_FOR_RULES.fullmatch(topic):
        wrong = "it is reserved, and rules cannot publish on it"
    elif topic.startswith("$") and shadow_request(topic) is None and not is_basic_ingest(topic):
        wrong = (
            "it is reserved; the only reserved topics that rules can publish on are those of "
            "shadows"
        )
    if wrong is not None:
        raise ActionFailed(
            f"The topic {topic!r} cannot be republished on: {wrong}.",
            "Change the action's topic; write a reserved one with $$.",
        )


@contextmanager
def _deeper(call: ActionCall) -> Iterator[None]:
    depth = _depth.get() + 1
    if depth > DEEPEST:
        raise ActionFailed(
            f"The message has been republished {DEEPEST} times, from rule to rule.",
            f"Change the FROM of the rule {call.rule_name} so that it does not match the topic "
            "that it republishes on; on AWS this loop would continue and be billed.",
        )
    token = _depth.set(depth)
    try:
        yield
    finally:
        _depth.reset(token)


def _properties(headers: Mapping[str, Any]) -> Properties:
    if not headers:
        return NO_PROPERTIES
    expiry = headers.get("messageExpiry")
    indicator = headers.get("payloadFormatIndicator")
    data = headers.get("correlationData")
    try:
        correlation = None if data is None else base64.b64decode(data, validate=True)
        return Properties(
            payload_format_indicator=None if indicator is None else _FORMATS[indicator],
            message_expiry_interval=None if expiry is None else int(expiry),
            content_type=headers.get("contentType"),
            response_topic=headers.get("responseTopic"),
            correlation_data=correlation,
            user_properties=tuple(
                (user_property["key"], user_property["value"])
                for user_property in headers.get("userProperties") or ()
            ),
        )
    except (KeyError, ValueError, binascii.Error):
        raise ActionFailed(
            "The headers are not those of an MQTT 5 message.",
            "payloadFormatIndicator must be UNSPECIFIED_BYTES or UTF8_DATA, correlationData base64 "
            "and messageExpiry a number of seconds.",
        ) from None
