"""The control route of published messages."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from moto_jitp.devices.events import Published, walk_published
from moto_jitp.history.json_form import EVENT
from moto_jitp.json_shapes import Json
from moto_jitp.mqtt.topic_filters import check_topic_filter, topic_matches
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.routing import (
    PAGING,
    ControlRequest,
    route,
    text,
)

from .paging import page


@route(
    "GET",
    "events",
    "Messages of AWS IoT and of devices",
    "Events",
    query=(*PAGING, text("topicFilter", "An MQTT topic filter.")),
)
def list_events(request: ControlRequest) -> Answer:
    topic_filter = request.query["topicFilter"]
    if topic_filter is not None:
        try:
            check_topic_filter(topic_filter)
        except ValueError as error:
            raise RequestRefused(f"topicFilter: {error}") from None

    def walk(after: int | None, ascending: bool) -> Iterator[Published]:
        for published in walk_published(after, ascending):
            if topic_filter is None or topic_matches(topic_filter, published.message.topic):
                yield published

    return page(request, "events", walk, _to_json, attrgetter("number"))


def _to_json(published: Published) -> Json:
    # Few of a fleet's messages are on a page: only these are composed.
    return EVENT.to_json(published.as_event())
