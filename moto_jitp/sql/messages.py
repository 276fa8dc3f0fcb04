"""The inputs of a statement: the message, and the environment that the engine provides."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto_jitp.locks import cached_property

from .values import UNDEFINED, V1, Value, Version, read_json

_BASIC_INGEST = re.compile(r"\$aws/rules/([^/]+)(?:/(.*))?", re.DOTALL)


def now_in_milliseconds() -> int:
    """The time of this machine, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Message:
    """A message to which rules are applied.

    Attributes:
        topic: its topic; for basic ingest with its first three levels, ``$aws/rules/<rule>/…``.
        payload: the message itself.
        client_id: the MQTT client that published it; ``None`` if it was not sent over MQTT.
        principal: the ID of the publisher's certificate, or of the IAM user; ``None`` if unknown.
        source_ip: the publisher's address; ``None`` if unknown.
        trace_id: a UUID; ``None`` if it was not sent over MQTT.
        properties: MQTT 5 properties by the names that ``get_mqtt_property()`` takes.
        user_properties: MQTT 5 user properties, pairs of key and value in the sender's order.
    """

    topic: str
    payload: bytes
    client_id: str | None = None
    principal: str | None = None
    source_ip: str | None = None
    trace_id: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    user_properties: tuple[tuple[str, str], ...] = ()

    @cached_property
    def rule_name(self) -> str | None:
        """The rule that a message of basic ingest is for; ``None`` for all others.

        https://docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html
        """
        match = _BASIC_INGEST.fullmatch(self.topic)
        return None if match is None else match[1]

    @cached_property
    def visible_topic(self) -> str:
        """What ``topic()`` returns: the topic, without the prefix of basic ingest."""
        match = _BASIC_INGEST.fullmatch(self.topic)
        return self.topic if match is None else match[2] or ""

    @cached_property
    def is_json(self) -> bool:
        """Whether the payload is JSON text."""
        try:
            read_json(self.payload, V1)
        except ValueError:
            return False
        return True

    def read(self, version: Version) -> Value:
        """The payload as a statement sees it: an Object, an Array, or its bytes.

        A lone string or number, although JSON, is bytes to the engine, as is text that is not JSON.
        """
        try:
            value = read_json(self.payload, version)
        except ValueError:
            return self.payload
        return value if isinstance(value, dict | list) else self.payload


@dataclass(frozen=True)
class Environment:
    """The functions and values that the engine provides beside the message.

    Attributes:
        account_id: the account of the rule.
        functions: the implementations of functions that use the account, by name: ``aws_lambda``
            (function ARN, input), ``get_thing_shadow`` (thing, shadow or ``None``, role),
            ``get_dynamodb`` (table, key as a dict, role), ``get_registry_data`` (operation, thing,
            role) and ``get_secret`` (secret, ``SecretString`` or ``SecretBinary``, role). Each
            returns a JSON value, ``get_secret`` text or bytes; an exception makes the function
            fail.
        clock: returns milliseconds since 1970.
        random: the source of ``rand()`` and ``newuuid()``.
    """

    account_id: str = "123456789012"
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    clock: Callable[[], int] = now_in_milliseconds
    random: random.Random = field(default_factory=random.SystemRandom)


def or_undefined(value: Value | None) -> Value:
    """Return the value; Undefined for ``None``, which a message lacks."""
    return UNDEFINED if value is None else value
