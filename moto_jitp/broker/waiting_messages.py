"""Messages that wait for a shared subscription while all who share it are away.

https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html#mqtt5-shared-subscription
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.history.messages import ClientMessage, Message

MAX_WAITING = 500_000
"""https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits"""


class WaitingMessages:
    """The messages that wait, oldest first; the account's history has them too."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()

    def keep(self, message: Message) -> bool:
        """Have a message wait.

        Returns:
            Whether there was room; where there is none the newest is lost, as on AWS IoT.
        """
        if len(self._messages) >= MAX_WAITING:
            return False
        self._messages.append(message)
        return True

    def take(self, most: int | None = None) -> list[Message]:
        """Take the oldest messages that have not expired.

        Args:
            most: how many; ``None`` for all.
        """
        now = acting_moment().timestamp()
        messages: list[Message] = []
        while self._messages and (most is None or len(messages) < most):
            message = _what_is_left(self._messages.popleft(), now)
            if message is not None:
                messages.append(message)
        return messages


def _what_is_left(message: Message, now: float) -> Message | None:
    """Return a message with what is left of its expiry interval; ``None`` where nothing is."""
    if not isinstance(message, ClientMessage):
        return message
    interval = message.properties.message_expiry_interval
    if interval is None:
        return message
    # One second is the least that AWS IoT knows.
    left = max(interval, 1) - int(now - message.published)
    if left <= 0:
        return None
    remaining = ClientMessage(
        message.topic,
        message.payload,
        message.publisher,
        qos=message.qos,
        retain=message.retain,
        properties=replace(message.properties, message_expiry_interval=left),
    )
    remaining.number, remaining.published = message.number, message.published
    return remaining
