"""The control route of published messages."""

from __future__ import annotations

from moto_jitp.devices.events import Published, all_published
from moto_jitp.history.json_form import event_to_json
from moto_jitp.json_shapes import Json
from moto_jitp.mqtt.topic_filters import check_topic_filter, topic_matches
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.routing import (
    PAGING,
    ControlRequest,
    route,
    text,
)

from .paging import first, page


@route(
    "GET",
    "events",
    "Messages of AWS IoT and of devices",
    "Events",
    query=(*PAGING, text("topicFilter", "An MQTT topic filter.")),
)
def list_events(request: ControlRequest) -> Answer:
    numbered = list(enumerate(all_published(), 1))
    topic_filter = request.query["topicFilter"]
    if topic_filter is not None:
        try:
            check_topic_filter(topic_filter)
        except ValueError as error:
            raise RequestRefused(f"topicFilter: {error}") from None
        numbered = [
            entry for entry in numbered if topic_matches(topic_filter, entry[1].message.topic)
        ]
    return page(request, "events", numbered, _to_json, first)


def _to_json(numbered: tuple[int, Published]) -> Json:
    # Few of a fleet's messages are on a page: only these are composed.
    return event_to_json(numbered[1].as_event())
