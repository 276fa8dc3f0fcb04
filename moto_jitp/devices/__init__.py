"""The device's side: the gateway in front of the cloud state, and what it answered."""

from .arguments import AmbiguousEndpoint
from .attempts import ConnectionAttempt, RefusalReason
from .authorization import NotAuthorized
from .connecting import connect_device
from .connection import DeviceConnection, DeviceSubscription
from .refusal import ConnectionRefused
from .server_mode import all_connection_attempts, all_events, events_until_now

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
