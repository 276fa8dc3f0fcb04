"""Topic filters, and which topics they match.

Topics and topic filters follow MQTT as AWS IoT understands it: ``+`` stands for one level, a final
``#`` for all that follow, and neither matches a topic's first level if that begins with ``$``.
``sensor/#`` matches ``sensor/`` and ``sensor/1``, but not ``sensor``, which MQTT would include.
https://docs.aws.amazon.com/iot/latest/developerguide/topics.html
https://docs.aws.amazon.com/iot/latest/developerguide/reserved-topics.html
"""

from __future__ import annotations


def check_topic_filter(topic_filter: str) -> None:
    """Check an MQTT topic filter.

    Raises:
        ValueError: a wildcard is where MQTT does not allow it, or the filter is empty.
        TypeError: it is not text.
    """
    if not isinstance(topic_filter, str):
        raise TypeError(f"A topic filter is text, not {type(topic_filter).__name__}.")
    levels = topic_filter.split("/")
    wrong = not topic_filter or any(
        ("+" in level and level != "+")
        or ("#" in level and (level != "#" or at != len(levels) - 1))
        for at, level in enumerate(levels)
    )
    if wrong:
        raise ValueError(
            f"{topic_filter!r} is not a valid topic filter: + stands for one whole level, # only "
            "at the end for all that follow, as in 'devices/+/status' or '$aws/events/#'."
        )


def topic_matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic filter matches a topic on AWS IoT.

    Args:
        topic_filter: an MQTT topic filter. ``sensor/#`` does not match ``sensor`` itself.
        topic: the topic of a message.
    """
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    filter_levels, levels = topic_filter.split("/"), topic.split("/")
    for at, level in enumerate(filter_levels):
        if at >= len(levels):
            return False  # also for a/# and a: the guide's page on topics says so
        if level == "#":
            return True
        if level not in ("+", levels[at]):
            return False
    return len(filter_levels) == len(levels)
