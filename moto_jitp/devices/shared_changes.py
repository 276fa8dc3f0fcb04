"""How often a shared subscription may change: 100 times a second, where calls are throttled.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
"""

from __future__ import annotations

from moto.iot.models import IoTBackend

from moto_jitp import settings
from moto_jitp.history.state import lock_of, part_of
from moto_jitp.iot.api.quotas import TokenBuckets
from moto_jitp.mqtt.shared_filters import split_shared_filter
from moto_jitp.settings import ALL_OTHERS

_MOST_CHANGES = 100

TOO_MANY_CHANGES = (
    f"there have been {_MOST_CHANGES} subscribe and unsubscribe requests to this shared "
    "subscription within a second, the most that AWS IoT allows"
)
"""A clause for people."""


class _SharedChanges(TokenBuckets):
    """The subscribe and unsubscribe requests to shared subscriptions of an account and Region."""


def count_shared_change(backend: IoTBackend, topic_filter: str) -> bool:
    """Count a request to subscribe to a filter or to unsubscribe, where it is a shared one.

    Args:
        backend: the account and Region.
        topic_filter: a valid topic filter.

    Returns:
        Whether AWS IoT takes it. An UNSUBSCRIBE is carried out in any case: AWS lists no answer
        that would say otherwise.
    """
    throttling = settings.current().throttling
    if throttling is False or (throttling is not True and ALL_OTHERS not in throttling):
        return True
    if split_shared_filter(topic_filter).share_name is None:
        return True
    with lock_of(backend):
        return part_of(backend, _SharedChanges).take(topic_filter, _MOST_CHANGES)
