"""Which topics a client may publish on and which filters it may subscribe to.

https://docs.aws.amazon.com/iot/latest/developerguide/reserved-topics.html
https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
"""

from __future__ import annotations

import re

from moto_jitp.events import check_topic_filter

MAX_TOPIC_BYTES = 256
MAX_SLASHES = 7
MAX_PAYLOAD_BYTES = 128 * 1024

_SHADOW_REQUEST = re.compile(
    r"\$aws/things/(?P<thing>[^/]+)/shadow(?:/name/(?P<shadow>[^/]+))?"
    r"/(?P<request>update|get|delete)"
)
_RULE = re.compile(r"\$aws/rules/[^/]+(?:/.*)?")


def shadow_request(topic: str) -> re.Match[str] | None:
    """Match a topic that asks something of a thing's shadow: ``thing``, ``shadow``, ``request``."""
    return _SHADOW_REQUEST.fullmatch(topic) if topic.startswith("$aws/things/") else None


def is_basic_ingest(topic: str) -> bool:
    """Whether messages on a topic go to a rule, past the message broker and so to no subscriber.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html
    """
    return _RULE.fullmatch(topic) is not None


def check_publish(topic: str, payload: bytes, *, retain: bool) -> None:
    """Check what a client is about to publish.

    Raises:
        ValueError: the topic is empty, has a wildcard, is too long or is one that clients cannot
            publish on; the payload is too long; a message on a reserved topic is to be retained.
    """
    if not isinstance(topic, str):
        raise TypeError(f"A topic is text, not {type(topic).__name__}.")
    if not topic or "+" in topic or "#" in topic:
        raise ValueError(f"{topic!r} is no topic to publish on: it is empty or has a wildcard.")
    if topic.startswith("$"):
        _check_reserved(topic, retain=retain)
    else:
        _check_length(topic, "topic")
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(
            f"The payload has {len(payload)} bytes; AWS IoT takes {MAX_PAYLOAD_BYTES} at most."
        )


def check_subscribe(topic_filter: str) -> None:
    """Check a topic filter that a client is about to subscribe to.

    Raises:
        ValueError: it is none of MQTT's, is too long, or asks for a shared subscription.
    """
    check_topic_filter(topic_filter)
    if topic_filter.startswith("$share/"):
        raise ValueError(
            f"{topic_filter!r} is a shared subscription, which is not emulated; subscribe to the "
            "filter behind $share/<name>/ itself."
        )
    if not topic_filter.startswith("$"):
        _check_length(topic_filter, "topic filter")


def _check_reserved(topic: str, *, retain: bool) -> None:
    if topic.startswith("$aws/events/"):
        raise ValueError(f"{topic!r} is reserved: only AWS IoT itself publishes on $aws/events/.")
    if shadow_request(topic) is None and not is_basic_ingest(topic):
        raise ValueError(
            f"{topic!r} is reserved. Of the topics that begin with $, clients can publish here on "
            "$aws/things/<thing>/shadow/update, …/get, …/delete, the same under "
            "…/shadow/name/<shadow>/, and $aws/rules/<rule>; the others are AWS IoT's own or not "
            "emulated."
        )
    if retain:
        raise ValueError(f"{topic!r} is reserved, and AWS IoT retains no message on such topics.")


def _check_length(text: str, what: str) -> None:
    size, slashes = len(text.encode()), text.count("/")
    if size > MAX_TOPIC_BYTES or slashes > MAX_SLASHES:
        raise ValueError(
            f"The {what} {text[:80]!r} has {size} bytes and {slashes} slashes; AWS IoT takes "
            f"{MAX_TOPIC_BYTES} bytes and {MAX_SLASHES} slashes at most."
        )
