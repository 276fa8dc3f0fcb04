"""The device's side: the gateway in front of the cloud state, and what it answered."""

from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason
from moto_jitp.remote.connection import all_connection_attempts, all_events, events_until_now

from .arguments import AmbiguousEndpoint
from .authorization import NotAuthorized
from .connecting import connect_device
from .connection import DeviceConnection, DeviceSubscription
from .refusal import ConnectionRefused

__all__ = [
    "AmbiguousEndpoint",
    "ConnectionAttempt",
    "ConnectionRefused",
    "DeviceConnection",
    "DeviceSubscription",
    "NotAuthorized",
    "RefusalReason",
    "all_connection_attempts",
    "all_events",
    "connect_device",
    "events_until_now",
]
