"""Messages of boto3: Publish, and the operations on retained messages.

https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_Publish.html
"""

from __future__ import annotations

import base64
from typing import Any

from moto.iotdata.exceptions import ResourceNotFoundException

from moto_jitp import settings
from moto_jitp.broker.message_broker import RetainedMessage
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.api.outputs import without_null
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.exceptions import not_published
from moto_jitp.mqtt.properties import NO_PROPERTIES
from moto_jitp.mqtt.topics import check_publish

from .message_properties import properties_given
from .requests import SERVICE, DataRequest

# The maximum number of retained messages on a page.
_MOST = 200


@operation("Publish", DataRequest, service=SERVICE)
def publish(request: DataRequest, arguments: Input) -> Output:
    topic, payload = arguments["topic"], arguments.get("payload", b"")
    retain = bool(arguments.get("retain"))
    strict = settings.current().strict
    if strict:
        try:
            check_publish(topic, payload, retain=retain, connected=False)
        except ValueError as error:
            request.count("PublishIn.ClientError")
            raise not_published(error) from None
    properties = properties_given(arguments) if strict else NO_PROPERTIES
    request.count("PublishIn.Success")
    if retain:
        request.count("PublishRetained.Success")
    request.log("Publish-In", {"topicName": topic, **({"retain": "True"} if retain else {})})
    request.backend.publish(
        topic,
        payload,
        retain=retain,
        qos=arguments.get("qos", 0),
        publisher=request.publisher,
        properties=properties,
    )
    return {}


@operation("GetRetainedMessage", DataRequest, service=SERVICE)
def get_retained_message(request: DataRequest, arguments: Input) -> Output:
    logged = {"topicName": arguments["topic"]}
    retained = request.broker.retained.get(arguments["topic"])
    if retained is None:
        request.log("GetRetainedMessage", logged, error="There is no retained message")
        raise ResourceNotFoundException
    request.log("GetRetainedMessage", logged)
    payload = base64.b64encode(retained.message.payload).decode()
    return {**_summary(retained), "payload": payload}


@operation("ListRetainedMessages", DataRequest, service=SERVICE)
def list_retained_messages(request: DataRequest, arguments: Input) -> Output:
    page = Page("ListRetainedMessages", arguments, default_size=_MOST, service=SERVICE)
    retained = page.cut_sorted(
        request.broker.retained.values(), lambda retained_message: retained_message.message.topic
    )
    request.log("ListRetainedMessage", {})
    topics = [
        {**_summary(retained_message), "payloadSize": len(retained_message.message.payload)}
        for retained_message in retained
    ]
    return without_null(page.output("retainedTopics", topics))


def _summary(retained: RetainedMessage) -> dict[str, Any]:
    return {
        "topic": retained.message.topic,
        "qos": retained.message.qos,
        "lastModifiedTime": retained.modified,
    }
