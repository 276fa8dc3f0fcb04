"""Functions about the message and the rule: publisher, topic, time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from moto_jitp.sql.evaluation import Evaluation
from moto_jitp.sql.messages import or_undefined
from moto_jitp.sql.values import UNDEFINED, V2, Value, floor

from .table import as_number, function

_PROPERTIES = ("content_type", "format_indicator", "response_topic", "correlation_data")


@function("accountid")
def accountid(evaluation: Evaluation, _: Sequence[Value]) -> Value:
    return evaluation.environment.account_id


@function("clientid")
def clientid(evaluation: Evaluation, _: Sequence[Value]) -> Value:
    client_id = evaluation.message.client_id
    return "n/a" if client_id is None else client_id


@function("principal")
def principal(evaluation: Evaluation, _: Sequence[Value]) -> Value:
    return or_undefined(evaluation.message.principal)


@function("sourceip", since=V2)
def sourceip(evaluation: Evaluation, _: Sequence[Value]) -> Value:
    return or_undefined(evaluation.message.source_ip)


@function("traceid")
def traceid(evaluation: Evaluation, _: Sequence[Value]) -> Value:
    return or_undefined(evaluation.message.trace_id)


@function("sql_version")
def sql_version(evaluation: Evaluation, _: Sequence[Value]) -> Value:
    return evaluation.version


@function("timestamp")
def timestamp(evaluation: Evaluation, _: Sequence[Value]) -> Value:
    return evaluation.environment.clock()


@function("newuuid")
def newuuid(evaluation: Evaluation, _: Sequence[Value]) -> Value:
    return str(uuid.UUID(int=evaluation.environment.random.getrandbits(128), version=4))


@function("topic", 0, 1)
def topic(evaluation: Evaluation, arguments: Sequence[Value]) -> Value:
    text = evaluation.message.visible_topic
    if not arguments:
        return text
    place, levels = as_number(arguments[0]), text.split("/")
    if place is UNDEFINED or not 1 <= floor(place) <= len(levels):
        return UNDEFINED
    return levels[floor(place) - 1]


@function("get_mqtt_property", 1)
def get_mqtt_property(evaluation: Evaluation, arguments: Sequence[Value]) -> Value:
    name = arguments[0]
    if name not in _PROPERTIES:
        return UNDEFINED
    default = "UNSPECIFIED_BYTES" if name == "format_indicator" else UNDEFINED
    return evaluation.message.properties.get(name, default)


@function("get_user_properties", 0, 1)
def get_user_properties(evaluation: Evaluation, arguments: Sequence[Value]) -> Value:
    pairs = evaluation.message.user_properties
    if not arguments:
        return [{key: value} for key, value in pairs]
    return [value for key, value in pairs if key == arguments[0]] or UNDEFINED
