"""The operations that switch events on and off.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-events.html#iot-events-enable
"""

from __future__ import annotations

from moto_jitp.iot.api.operations import Input, Output, operation

from .registry import Registry


@operation("DescribeEventConfigurations", Registry)
def describe_event_configurations(registry: Registry, arguments: Input) -> Output:
    events = registry.events
    return {
        "eventConfigurations": events.configurations(),
        "creationDate": events.created,
        "lastModifiedDate": events.modified,
    }


@operation("UpdateEventConfigurations", Registry)
def update_event_configurations(registry: Registry, arguments: Input) -> Output:
    with registry.lock:
        registry.events.configure(arguments.get("eventConfigurations", {}))
    return {}
