"""``JitpIoTDataResponse``: moto's answers to iot-data requests, with ours over and beside them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote

from moto.core.exceptions import JsonRESTError
from moto.iotdata.exceptions import InvalidRequestException, ResourceNotFoundException
from moto.iotdata.responses import IoTDataPlaneResponse

from moto_jitp import settings
from moto_jitp.broker.message_broker import MessageBroker, RetainedMessage, broker_of
from moto_jitp.history.messages import Publisher
from moto_jitp.iot.api.callers import identity_of, source_address
from moto_jitp.iot.api.checked_response import CheckedResponse
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.data_plane.connections import ConnectionDeletion, delete_connection
from moto_jitp.iot.data_plane.shadows import ShadowRefused
from moto_jitp.iot.exceptions import AwsError, code_and_message
from moto_jitp.monitoring import count_operation
from moto_jitp.monitoring.logs import Client, ShadowRequest, operation_entry
from moto_jitp.mqtt.topics import check_publish

from .models import JitpIoTDataBackend

# How many items a page holds at most.
_MOST = 200
_MOST_SHADOWS = 100
_SHADOW_ERRORS = {
    400: "InvalidRequestException",
    404: "ResourceNotFoundException",
    409: "ConflictException",
    413: "RequestEntityTooLargeException",
    415: "UnsupportedDocumentEncodingException",
}


class JitpIoTDataResponse(CheckedResponse, IoTDataPlaneResponse):
    """The operations on messages; on shadows, which are logged; an error for those on clients."""

    def any_backend(self) -> Any:
        """Return the data plane of the request's account and Region."""
        return self.iotdata_backend

    def update_thing_shadow(self) -> str:
        return self._logged("update", self._updated_thing_shadow)

    def get_thing_shadow(self) -> str:
        return self._logged("get", super().get_thing_shadow)

    def delete_thing_shadow(self) -> str:
        return self._logged("delete", super().delete_thing_shadow)

    def _updated_thing_shadow(self) -> str:
        shadow = self.iotdata_backend.update_thing_shadow(
            self._thing_in_path(), self.body, self._query("name")
        )
        return json.dumps(shadow.to_response_dict())

    def _logged(self, operation: str, answer: Callable[[], str]) -> str:
        """Answer a request to a shadow, and log it with what came of it."""
        request = ShadowRequest(operation, self._thing_in_path(), self._query("name"), "HTTP")
        backend = self.iotdata_backend
        assert isinstance(backend, JitpIoTDataBackend)
        try:
            with _refusals_as_errors():
                answered = answer()
        except AwsError as error:
            backend.log_shadow_request(request, code_and_message(error)[1])
            raise
        backend.log_shadow_request(request)
        return answered

    def _thing_in_path(self) -> str:
        # moto looks for the thing's name in the body first, which is the client's own here.
        return unquote(self.path.partition("/things/")[2].partition("/")[0])

    def publish(self) -> str:
        topic = self._topic_after("/topics/")
        payload = self.body or b""
        retain = self._query("retain") == "true"
        qos = self._query("qos") or "0"
        if settings.current().strict:
            try:
                check_publish(topic, payload, retain=retain, connected=False)
            except ValueError as error:
                self._count("PublishIn.ClientError")
                raise InvalidRequestException(str(error)) from None
        self._count("PublishIn.Success")
        if retain:
            self._count("PublishRetained.Success")
        self._log_publish(topic, retain=retain)
        backend = self.iotdata_backend
        assert isinstance(backend, JitpIoTDataBackend)
        publisher = Publisher(None, self._principal_id(), source_address(self), "HTTP")
        qos_level = 1 if qos == "1" else 0
        backend.publish(topic, payload, retain=retain, qos=qos_level, publisher=publisher)
        return json.dumps({})

    def get_retained_message(self) -> str:
        retained = self._broker.retained.get(self._topic_after("/retainedMessage/"))
        if retained is None:
            raise ResourceNotFoundException
        payload = base64.b64encode(retained.message.payload).decode()
        return json.dumps({**_summary(retained), "payload": payload})

    def list_retained_messages(self) -> str:
        page = Page("ListRetainedMessages", self.input(), default_size=_MOST, service=self.service)
        retained = page.cut_sorted(self._broker.retained.values(), lambda one: one.message.topic)
        topics = [{**_summary(one), "payloadSize": len(one.message.payload)} for one in retained]
        return json.dumps(_without_null(page.output("retainedTopics", topics)))

    def delete_connection(self) -> str:
        given = self.input()
        deletion = ConnectionDeletion(
            given["clientId"],
            bool(given.get("cleanSession")),
            bool(given.get("preventWillMessage")),
        )
        if not delete_connection(self._iot, deletion):
            raise ResourceNotFoundException
        return ""

    def list_named_shadows_for_thing(self) -> str:
        given = self.input()
        names = self.iotdata_backend.list_named_shadows_for_thing(given["thingName"])
        page = Page(
            "ListNamedShadowsForThing", given, default_size=_MOST_SHADOWS, service=self.service
        )
        found = page.output("results", page.cut_sorted(names, str))
        return json.dumps({**_without_null(found), "timestamp": int(time.time())})

    def _count(self, metric: str) -> None:
        count_operation(self._iot, metric, "HTTP")

    def _log_publish(self, topic: str, *, retain: bool) -> None:
        if not self._iot.logging.is_logging:
            return
        client = Client(None, self._principal_id(), source_address(self), protocol="HTTP")
        fields = {"topicName": topic, "retain": "True"} if retain else {"topicName": topic}
        entry = operation_entry("Publish-In", client, fields)
        self._iot.logging.log(client, datetime.now(timezone.utc), [entry])

    def _principal_id(self) -> str:
        return str(identity_of(self, self._iot).element["principalId"])

    @property
    def _iot(self) -> Any:
        backend: Any = self.iotdata_backend
        return backend.iot_backend

    @property
    def _broker(self) -> MessageBroker:
        return broker_of(self._iot)

    def _query(self, name: str) -> str | None:
        values = self.querystring.get(name)
        return values[0] if values else None

    def _topic_after(self, marker: str) -> str:
        topic = self.path.partition(marker)[2]
        # moto's server hands some paths on decoded, and others not.
        return unquote(topic) if "%" in topic else topic


@contextmanager
def _refusals_as_errors() -> Iterator[None]:
    """Turn what is refused of a shadow into the error of the service model."""
    try:
        yield
    except ShadowRefused as refused:
        error = JsonRESTError(_SHADOW_ERRORS[refused.code], str(refused))
        error.code = refused.code
        raise error from None


def _without_null(output: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in output.items() if value is not None}


def _summary(retained: RetainedMessage) -> dict[str, Any]:
    return {
        "topic": retained.message.topic,
        "qos": retained.message.qos,
        "lastModifiedTime": retained.modified,
    }
