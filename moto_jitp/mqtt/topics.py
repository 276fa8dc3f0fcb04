"""Which topics a client may publish on and which filters it may subscribe to.

https://docs.aws.amazon.com/iot/latest/developerguide/reserved-topics.html
https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from moto_jitp.mqtt.shared_filters import split_shared_filter
from moto_jitp.mqtt.topic_filters import check_topic_filter

MAX_TOPIC_BYTES = 256
MAX_SLASHES = 7
MAX_PAYLOAD_BYTES = 128 * 1024
MAX_SUBSCRIPTIONS = 50
"""Of one connection."""

_SHADOW_REQUEST = re.compile(
    r"\$aws/things/(?P<thing>[^/]+)/shadow(?:/name/(?P<shadow>[^/]+))?"
    r"/(?P<request>update|get|delete)"
)
_FLEET_REQUEST = re.compile(
    r"\$aws/(?:certificates/(?P<certificate>create|create-from-csr)"
    r"|provisioning-templates/(?P<template>[^/]+)/provision)/(?P<format>cbor|json)"
)
_CERTIFICATE_OPERATIONS = {
    "create": "CreateKeysAndCertificate",
    "create-from-csr": "CreateCertificateFromCsr",
}
_JOBS_REQUEST = re.compile(
    r"\$aws/things/(?P<thing>[^/]+)/jobs/"
    r"(?:(?P<job>[a-zA-Z0-9_-]+|\$next)/(?=get$|update$))?(?P<request>get|start-next|update)"
)
_RULE = re.compile(r"\$aws/rules/[^/]+(?:/.*)?")


def shadow_request(topic: str) -> re.Match[str] | None:
    """Match a topic for requests to a thing's shadow: ``thing``, ``shadow``, ``request``."""
    return _SHADOW_REQUEST.fullmatch(topic) if topic.startswith("$aws/things/") else None


def jobs_request(topic: str) -> re.Match[str] | None:
    """Match a topic for requests to a thing's jobs: ``thing``, ``job``, ``request``.

    Examples:
        >>> jobs_request("$aws/things/bulb-1/jobs/$next/get")["job"]
        '$next'
        >>> jobs_request("$aws/things/bulb-1/jobs/update") is None
        True
    """
    match = _JOBS_REQUEST.fullmatch(topic) if topic.startswith("$aws/things/") else None
    return None if match is None or (match["request"], match["job"]) == ("update", None) else match


class FleetRequest(NamedTuple):
    """The request that a topic of the fleet provisioning API stands for.

    Attributes:
        operation: ``CreateKeysAndCertificate``, ``CreateCertificateFromCsr`` or ``RegisterThing``.
        template_name: the provisioning template of RegisterThing; ``None`` for the others.
        payload_format: ``json`` or ``cbor``, of the request and of its answer.
    """

    operation: str
    template_name: str | None
    payload_format: str


def fleet_request(topic: str) -> FleetRequest | None:
    """Read a topic of the fleet provisioning API; ``None`` for any other topic.

    https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html
    """
    match = _FLEET_REQUEST.fullmatch(topic) if topic.startswith("$aws/") else None
    if match is None:
        return None
    operation = _CERTIFICATE_OPERATIONS.get(match["certificate"] or "", "RegisterThing")
    return FleetRequest(operation, match["template"], match["format"])


def is_basic_ingest(topic: str) -> bool:
    """Whether messages on a topic go to a rule, bypassing the message broker and subscribers.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html
    """
    return topic.startswith("$aws/rules/") and _RULE.fullmatch(topic) is not None


class ReservedTopicError(ValueError):
    """A reserved topic that a client cannot publish on, or not with this message."""


def check_publish(topic: str, payload: bytes, *, retain: bool, connected: bool) -> None:
    """Check a message that a client is about to publish.

    Args:
        topic: the topic.
        payload: the message.
        retain: whether the message is to be retained.
        connected: whether the client has an MQTT connection, which can carry an answer; a client
            that publishes over HTTPS has none.

    Raises:
        ReservedTopicError: clients cannot publish on the topic, or a message on a reserved topic is
            to be retained.
        ValueError: the topic is empty, has a wildcard or a character that MQTT forbids, or is too
            long; the payload is too long.
    """
    check_is_text(topic)
    if topic.startswith("$"):
        _check_topic(topic)
        _check_reserved(topic, retain=retain, connected=connected)
        if is_basic_ingest(topic):
            # Its first three levels do not count.
            _check_length("".join(topic.split("/", 3)[3:]), "topic behind the rule's name")
    else:
        _check_plain_topic(topic)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(
            f"The payload has {len(payload)} bytes; AWS IoT accepts {MAX_PAYLOAD_BYTES} at most."
        )


def _check_topic(topic: str) -> None:
    if not topic or "+" in topic or "#" in topic:
        raise ValueError(f"{topic!r} is not a topic to publish on: it is empty or has a wildcard.")
    check_mqtt_text(topic, "topic")


@lru_cache(maxsize=1024)
def _check_plain_topic(topic: str) -> None:
    """Check a topic that is not reserved; known topics cost nothing."""
    _check_topic(topic)
    _check_length(topic, "topic")


def check_is_text(topic: object) -> None:
    """Check that a topic to publish on is text.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(topic, str):
        raise TypeError(f"A topic is text, not {type(topic).__name__}.")


def check_subscribe(topic_filter: str) -> None:
    """Check a topic filter that a client is about to subscribe to.

    Raises:
        ValueError: it is not a valid topic filter, is too long, or a shared subscription
            without a valid name or filter.
    """
    check_topic_filter(topic_filter)
    check_mqtt_text(topic_filter, "topic filter")
    # The prefix $share/<name>/ does not count.
    topic_filter = split_shared_filter(topic_filter).topic_filter
    if not topic_filter.startswith("$"):
        _check_length(topic_filter, "topic filter")


def check_mqtt_text(text: str, what: str) -> None:
    """Check that a text can be part of an MQTT packet (MQTT 3.1.1, section 1.5.3).

    Args:
        text: the text.
        what: its name, for the error text.

    Raises:
        ValueError: it contains the character U+0000 or half of a surrogate pair.
    """
    wrong = re.search("[\0\ud800-\udfff]", text)
    if wrong is not None:
        raise ValueError(
            f"The {what} {text[:80]!r} has the character U+{ord(wrong[0]):04X}, which MQTT "
            "forbids: leave it out."
        )


def _check_reserved(topic: str, *, retain: bool, connected: bool) -> None:
    if topic.startswith("$aws/events/"):
        raise ReservedTopicError(
            f"{topic!r} is reserved: only AWS IoT itself publishes on $aws/events/."
        )
    is_answered = fleet_request(topic) is not None or jobs_request(topic) is not None
    if is_answered and not connected:
        raise ReservedTopicError(
            f"{topic!r} is answered on the MQTT connection that the request came over, so it is "
            "for connected devices: publish it with the publish() of a connection."
        )
    if not is_answered and shadow_request(topic) is None and not is_basic_ingest(topic):
        raise ReservedTopicError(
            f"{topic!r} is reserved. Of the topics that begin with $, clients can publish here on "
            "$aws/things/<thing>/shadow/update, …/get, …/delete, the same under "
            "…/shadow/name/<shadow>/, $aws/things/<thing>/jobs/get, …/start-next, …/<job>/get, "
            "…/<job>/update, $aws/rules/<rule>, and for fleet provisioning on "
            "$aws/certificates/create/<json or cbor>, $aws/certificates/create-from-csr/<json or "
            "cbor> and $aws/provisioning-templates/<template>/provision/<json or cbor>; the others "
            "are AWS IoT's own or not emulated."
        )
    if retain:
        raise ReservedTopicError(
            f"{topic!r} is reserved, and AWS IoT retains no message on such topics."
        )


def _check_length(text: str, what: str) -> None:
    size, slashes = len(text.encode()), text.count("/")
    if size > MAX_TOPIC_BYTES or slashes > MAX_SLASHES:
        raise ValueError(
            f"The {what} {text[:80]!r} has {size} bytes and {slashes} slashes; AWS IoT accepts "
            f"{MAX_TOPIC_BYTES} bytes and {MAX_SLASHES} slashes at most."
        )
