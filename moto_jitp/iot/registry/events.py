"""The events that AWS IoT publishes, which are off until they are switched on.

``CERTIFICATE`` and ``CA_CERTIFICATE`` are stored but change nothing: on AWS, lifecycle events and
those of pending certificates were seen whatever the configuration said. ``POLICY`` has no topic.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-events.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.iot.models import IoTBackend
from moto.moto_api._internal import mock_random

from moto_jitp.broker.message_broker import publish
from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.history.messages import AwsMessage

KINDS = (
    "THING",
    "THING_GROUP",
    "THING_TYPE",
    "THING_GROUP_MEMBERSHIP",
    "THING_GROUP_HIERARCHY",
    "THING_TYPE_ASSOCIATION",
    "JOB",
    "JOB_EXECUTION",
    "POLICY",
    "CERTIFICATE",
    "CA_CERTIFICATE",
)
"""The kinds of events that can be switched on and off."""


class Events:
    """Publishes those events of one account and Region that are switched on.

    Args:
        moto: the account's and Region's backend.

    Attributes:
        on: the kinds that are published, out of :data:`KINDS`.
        created: when the configuration was first changed, in UTC; ``None`` before that.
        modified: when it was last changed; ``None`` likewise.
    """

    def __init__(self, moto: IoTBackend) -> None:
        self._moto = moto
        self.on: frozenset[str] = frozenset()
        self.created: datetime | None = None
        self.modified: datetime | None = None

    def configure(self, changes: Mapping[str, Mapping[str, bool]]) -> None:
        """Switch kinds of events on and off, leaving the others unchanged.

        Args:
            changes: kinds, each to ``{"Enabled": …}``.
        """
        on = set(self.on)
        for kind, change in changes.items():
            if change.get("Enabled", kind in on):
                on.add(kind)
            else:
                on.discard(kind)
        self.on = frozenset(on)
        self.modified = acting_moment()
        self.created = self.created or self.modified

    def configurations(self) -> dict[str, dict[str, bool]]:
        """Return for each kind whether it is on, as DescribeEventConfigurations does."""
        return {kind: {"Enabled": kind in self.on} for kind in KINDS}

    def publish(self, topic: str, event_type: str, operation: str, members: Any) -> None:
        """Publish an event of a kind that, as the caller has checked, is switched on.

        Args:
            topic: the part of its topic between ``$aws/events/`` and the operation in lower case.
            event_type: its ``eventType``.
            operation: its ``operation``.
            members: its other members; a ``timestamp`` among them replaces the one in milliseconds.
        """
        payload = {
            "eventType": event_type,
            "eventId": str(mock_random.uuid4()),
            "timestamp": milliseconds(acting_moment()),
            "operation": operation,
            **members,
        }
        publish(self._moto, AwsMessage(f"$aws/events/{topic}/{operation.lower()}", payload))


def milliseconds(moment: datetime) -> int:
    """Return a moment in milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
