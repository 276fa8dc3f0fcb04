"""The device's side: the gateway in front of the cloud state, and what it answered."""

from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason

from .arguments import AmbiguousEndpoint
from .authorization import NotAuthorized
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
]
