"""AWS's records of devices and calls: CloudWatch metrics, CloudTrail events, log entries.

All of them are in moto's own CloudWatch, CloudTrail and CloudWatch Logs, for their clients.
"""

from .identities import Identity, caller
from .metric_queries import as_cloudwatch_finds_data, as_cloudwatch_finds_statistics
from .metrics import IoTMetrics
from .records import (
    ApiCall,
    count_device_action,
    follow_settings,
    is_read_only,
    record_call,
    records_of,
)
from .trail_lookup import lookup_events

__all__ = [
    "ApiCall",
    "Identity",
    "IoTMetrics",
    "as_cloudwatch_finds_data",
    "as_cloudwatch_finds_statistics",
    "caller",
    "count_device_action",
    "follow_settings",
    "is_read_only",
    "lookup_events",
    "record_call",
    "records_of",
]
