"""AWS IoT's messages about clients that connect, disconnect, subscribe or are refused.

Connections are many and few tests read these messages, so each is composed only when it is read.
https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import Message
from moto_jitp.mqtt.events import DisconnectReason


def has_events(client_id: str) -> bool:
    """Whether a client ID can be part of a topic; AWS IoT publishes no events for others."""
    return "#" not in client_id and "+" not in client_id


class LifecycleEvent(Message):
    """A message about a client.

    Attributes:
        attempt: the CONNECT that it is about, or that began the connection.
        thing_name: the thing that the certificate is exclusively attached to, if any.
    """

    __slots__ = ("attempt", "thing_name")
    event_type: str
    topic_prefix = "$aws/events/presence"

    def __init__(self, attempt: ConnectionAttempt, thing_name: str | None) -> None:
        self.attempt = attempt
        self.thing_name = thing_name

    @property
    def topic(self) -> str:
        return f"{self.topic_prefix}/{self.event_type}/{self.attempt.client_id}"

    @property
    def payload(self) -> dict[str, Any]:
        attempt = self.attempt
        return {
            "clientId": attempt.client_id,
            **({"thingName": self.thing_name} if self.thing_name else {}),
            "timestamp": int(self.moment.timestamp() * 1000),
            "eventType": self.event_type,
            "sessionIdentifier": _session_identifier(attempt),
            "principalIdentifier": attempt.certificate_id,
            **self.details(),
        }

    @property
    def moment(self) -> datetime:
        """When it happened, in UTC."""
        return self.attempt.timestamp

    def details(self) -> dict[str, Any]:
        """Return the members that only messages of this type have.

        Raises:
            NotImplementedError: the subclass does not override it.
        """
        raise NotImplementedError


class Connected(LifecycleEvent):
    """A client has connected.

    Attributes:
        version: the number of the connection among those of its client ID.
    """

    __slots__ = ("version",)
    event_type = "connected"

    def __init__(self, attempt: ConnectionAttempt, thing_name: str | None, version: int) -> None:
        super().__init__(attempt, thing_name)
        self.version = version

    def details(self) -> dict[str, Any]:
        return {"ipAddress": self.attempt.transport.address, "versionNumber": self.version}


class ConnectFailed(LifecycleEvent):
    """A client was refused because its policies do not allow it to connect."""

    __slots__ = ()
    event_type = "connect_failed"

    def details(self) -> dict[str, Any]:
        return {
            "connectFailureReason": "AUTHORIZATION_FAILED",
            "ipAddress": self.attempt.transport.address,
        }


class Disconnected(Connected):
    """A client's connection has ended.

    Attributes:
        reason: why.
        ended: when, in UTC.
    """

    __slots__ = ("ended", "reason")
    event_type = "disconnected"

    def __init__(
        self,
        attempt: ConnectionAttempt,
        thing_name: str | None,
        version: int,
        reason: DisconnectReason,
        ended: datetime,
    ) -> None:
        super().__init__(attempt, thing_name, version)
        self.reason = reason
        self.ended = ended

    @property
    def moment(self) -> datetime:
        return self.ended

    def details(self) -> dict[str, Any]:
        return {
            "clientInitiatedDisconnect": (
                self.reason is DisconnectReason.CLIENT_INITIATED_DISCONNECT
            ),
            "disconnectReason": self.reason.value,
            "versionNumber": self.version,
        }


class SubscriptionChanged(LifecycleEvent):
    """A client has subscribed or unsubscribed.

    Attributes:
        event_type: ``subscribed`` or ``unsubscribed``.
        topic_filter: the topic filter in question.
        moment: when, in UTC.
    """

    __slots__ = ("event_type", "moment", "topic_filter")
    topic_prefix = "$aws/events/subscriptions"
    event_type: str
    moment: datetime

    def __init__(
        self,
        attempt: ConnectionAttempt,
        thing_name: str | None,
        event_type: str,
        topic_filter: str,
        moment: datetime,
    ) -> None:
        super().__init__(attempt, thing_name)
        self.event_type = event_type
        self.topic_filter = topic_filter
        self.moment = moment

    def details(self) -> dict[str, Any]:
        return {"topics": [self.topic_filter]}


def _session_identifier(attempt: ConnectionAttempt) -> str:
    """A UUID that is the same in all events of one connection."""
    text = f"{attempt.certificate_id}/{attempt.attempt_id}"
    digits = hashlib.sha256(text.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
