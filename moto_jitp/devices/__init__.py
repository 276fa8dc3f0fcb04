"""The device's side: the gateway in front of the cloud state, and what it answered."""

from .attempts import ConnectionAttempt, RefusalReason, all_connection_attempts, all_events
from .connecting import AmbiguousEndpoint, connect_device
from .connection import DeviceConnection
from .refusal import ConnectionRefused

__all__ = [
    "AmbiguousEndpoint",
    "ConnectionAttempt",
    "ConnectionRefused",
    "DeviceConnection",
    "RefusalReason",
    "all_connection_attempts",
    "all_events",
    "connect_device",
]
