"""Topic filters of shared subscriptions: ``$share/<name>/<topic filter>``.

https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html#mqtt5-shared-subscription
"""

from __future__ import annotations

from typing import NamedTuple

PREFIX = "$share/"
MAX_SHARE_NAME_LENGTH = 128


class SharedFilter(NamedTuple):
    """What a client subscribes to.

    Attributes:
        share_name: the group that shares the messages; ``None`` for an ordinary subscription.
        topic_filter: the filter to match topics with.
    """

    share_name: str | None
    topic_filter: str


def split_shared_filter(topic_filter: str) -> SharedFilter:
    """Split a filter into the group's name and the filter proper.

    Args:
        topic_filter: as in a SUBSCRIBE.

    Raises:
        ValueError: it begins with ``$share/`` but has no filter, no name, or a name with a wildcard
            or more than 128 characters.

    Examples:
        >>> split_shared_filter("$share/workers/jobs/+")
        SharedFilter(share_name='workers', topic_filter='jobs/+')
        >>> split_shared_filter("jobs/+").share_name is None
        True
    """
    if not topic_filter.startswith(PREFIX):
        return SharedFilter(None, topic_filter)
    name, slash, rest = topic_filter[len(PREFIX) :].partition("/")
    if not name or "+" in name or "#" in name or len(name) > MAX_SHARE_NAME_LENGTH:
        raise ValueError(
            f"{topic_filter!r} names a shared subscription {name[:40]!r}: its name has 1 to "
            f"{MAX_SHARE_NAME_LENGTH} characters, none of which is /, + or #, as in "
            "'$share/workers/jobs/+'."
        )
    if not slash or not rest:
        raise ValueError(
            f"{topic_filter!r} has no topic filter behind the name of the shared subscription; "
            "write it as in '$share/workers/jobs/+'."
        )
    return SharedFilter(name, rest)
