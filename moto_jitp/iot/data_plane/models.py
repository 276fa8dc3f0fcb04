"""``JitpIoTDataBackend``: moto's data plane, connected with the devices.

Its state beyond moto's own is in the message broker of the IoT backend, so that converting a live
backend, and back, only means changing its class.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from moto.iot.models import IoTBackend
from moto.iotdata.exceptions import ConflictException, InvalidRequestException
from moto.iotdata.models import FakeShadow, IoTDataPlaneBackend, iotdata_backends

from moto_jitp import settings
from moto_jitp.broker import message_broker
from moto_jitp.history.messages import AwsMessage, ClientMessage, Message, Publisher
from moto_jitp.history.state import state_of
from moto_jitp.iot.data_plane import shadow_documents, shadows
from moto_jitp.monitoring.logs import Client, ShadowRequest, shadow_entry
from moto_jitp.mqtt.properties import NO_PROPERTIES, Properties
from moto_jitp.mqtt.topics import shadow_request

_NO_TOKEN: Mapping[str, str] = {}
_SOMEBODY = Publisher(None, "", "127.0.0.1", "HTTP")


class UnregisteredShadows:
    """The shadows of things that are not in the registry.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-device-shadows.html

    Attributes:
        by_thing: the thing's name to its shadows, with ``None`` as the name of the unnamed one.
    """

    def __init__(self) -> None:
        self.by_thing: dict[str, dict[str | None, FakeShadow]] = {}


class JitpIoTDataBackend(IoTDataPlaneBackend):
    """The data plane of one account and Region, which exchanges messages with devices.

    With ``strict`` on, requests to shadows raise :class:`shadows.ShadowRefused` where AWS IoT
    refuses them. With it off, boto3's are checked and carried out by moto alone.
    """

    def publish(
        self,
        topic: str,
        payload: bytes,
        retain: bool = False,
        qos: int = 0,
        publisher: Publisher = _SOMEBODY,
        properties: Properties = NO_PROPERTIES,
    ) -> None:
        message = ClientMessage(
            topic, payload, publisher, qos=qos, retain=retain, properties=properties
        )
        message_broker.publish(self._iot, message)

    def update_thing_shadow(
        self, thing_name: str, payload: str | bytes, shadow_name: str | None
    ) -> FakeShadow:
        if settings.current().strict:
            return self._update(thing_name, shadow_name, payload)
        with self._iot.lock:
            stored_shadow = self._find_shadow(thing_name, shadow_name)
            _check_what_moto_does_not(payload, stored_shadow)
            previous = shadows.state_document(stored_shadow)
            now = super().update_thing_shadow(thing_name, payload, shadow_name)  # type: ignore[arg-type]
        self._tell_of_update(thing_name, shadow_name, previous, now, shadows.client_token(payload))
        return now

    def get_thing_shadow(self, thing_name: str, shadow_name: str | None) -> FakeShadow:
        if not settings.current().strict:
            return super().get_thing_shadow(thing_name, shadow_name)
        with self._iot.lock:
            stored_shadows = self._shadows_of(thing_name)
            shadows.check_present(thing_name, stored_shadows, shadow_name)
            return stored_shadows[shadow_name]

    def delete_thing_shadow(self, thing_name: str, shadow_name: str | None) -> FakeShadow:
        if settings.current().strict:
            self._check_present(thing_name, shadow_name)
        return self._delete(thing_name, shadow_name, _NO_TOKEN)

    def list_named_shadows_for_thing(self, thing_name: str) -> list[str]:
        if not settings.current().strict:
            return super().list_named_shadows_for_thing(thing_name)
        # A deleted shadow is kept for its version.
        stored_shadows = self._shadows_of(thing_name)
        return [
            name
            for name, shadow in stored_shadows.items()
            if name is not None and not shadow.deleted
        ]

    def answer_shadow_request(
        self, thing_name: str, shadow_name: str | None, request: str, payload: bytes
    ) -> None:
        """Carry out a client's MQTT request to a shadow, and publish the answer.

        Args:
            thing_name: the thing.
            shadow_name: the named shadow; ``None`` for the unnamed one.
            request: ``update``, ``get`` or ``delete``.
            payload: the message, of which ``get`` and ``delete`` only use the client token.
        """
        token = shadows.client_token(payload)
        prefix = shadows.prefix(thing_name, shadow_name)
        shadow_request = ShadowRequest(request, thing_name, shadow_name, "MQTT")
        try:
            self._require_thing_where_moto_does(thing_name)
            if request == "update":
                self._update(thing_name, shadow_name, payload)
            else:
                self._check_present(thing_name, shadow_name)
            if request == "delete":
                self._delete(thing_name, shadow_name, token)
            elif request == "get":
                shadow = self.get_thing_shadow(thing_name, shadow_name)
                self._publish(f"{prefix}/get/accepted", {**shadow.to_dict(), **token})
            self.log_shadow_request(shadow_request)
        except shadows.ShadowRefused as refused:
            self.log_shadow_request(shadow_request, str(refused))
            self._publish(f"{prefix}/{request}/rejected", {**refused.body(), **token})

    def log_shadow_request(self, request: ShadowRequest, error: str | None = None) -> None:
        """Log a request to a shadow if the logging options say so.

        The entry does not name a client. Levels of resources apply as for a client with the thing's
        name.

        Args:
            request: the request.
            error: why it was refused; ``None`` if it was carried out.
        """
        if self._iot.logging.is_logging:
            client = Client(request.thing_name, "", "")
            entry = shadow_entry(request, error)
            self._iot.logging.log(client, datetime.now(timezone.utc), [entry])

    def _update(self, thing_name: str, shadow_name: str | None, payload: str | bytes) -> FakeShadow:
        with self._iot.lock:
            stored_shadows = self._shadows_of(thing_name)
            now = shadows.check_update(stored_shadows.get(shadow_name), shadow_name, payload)
            previous = shadows.state_document(stored_shadows.get(shadow_name))
            stored_shadows[shadow_name] = now
        self._tell_of_update(thing_name, shadow_name, previous, now, shadows.client_token(payload))
        return now

    def _delete(
        self, thing_name: str, shadow_name: str | None, token: Mapping[str, str]
    ) -> FakeShadow:
        with self._iot.lock:
            if settings.current().strict:
                stored_shadows = self._shadows_of(thing_name)
                shadow = FakeShadow.create_from_previous_version(stored_shadows[shadow_name], None)
                stored_shadows[shadow_name] = shadow
            else:
                shadow = super().delete_thing_shadow(thing_name, shadow_name)
        topic = f"{shadows.prefix(thing_name, shadow_name)}/delete/accepted"
        self._publish(topic, {**shadow.to_dict(), **token})
        return shadow

    def _tell_of_update(
        self,
        thing_name: str,
        shadow_name: str | None,
        previous: dict[str, Any] | None,
        now: FakeShadow,
        token: Mapping[str, str],
    ) -> None:
        prefix = shadows.prefix(thing_name, shadow_name)
        for topic, message in shadows.update_messages(previous, now):
            self._publish(f"{prefix}/{topic}", {**message, **token})

    def _publish(self, topic: str, payload: dict[str, Any]) -> None:
        message_broker.publish(self._iot, AwsMessage(topic, payload))

    def _find_shadow(self, thing_name: str, shadow_name: str | None) -> FakeShadow | None:
        thing = self._iot.registry.find_thing(thing_name)
        return None if thing is None else thing.thing_shadows.get(shadow_name)

    def _check_present(self, thing_name: str, shadow_name: str | None) -> None:
        with self._iot.lock:
            shadows.check_present(thing_name, self._shadows_of(thing_name), shadow_name)

    def _require_thing_where_moto_does(self, thing_name: str) -> None:
        """With ``strict`` off, require the thing over MQTT as moto does over HTTP.

        Raises:
            ShadowRefused: there is none.
        """
        if not settings.current().strict and self._iot.registry.find_thing(thing_name) is None:
            raise shadows.ShadowRefused(404, f"The thing {thing_name} does not exist.")

    def _shadows_of(self, thing_name: str) -> dict[str | None, FakeShadow]:
        """Return the shadows of a thing by name, to be changed; it need not be registered."""
        unregistered = state_of(self._iot).part(UnregisteredShadows).by_thing
        thing = self._iot.registry.find_thing(thing_name)
        if thing is None:
            return unregistered.setdefault(thing_name, {})
        # Shadows from before the registration are kept.
        for name, shadow in unregistered.pop(thing_name, {}).items():
            thing.thing_shadows.setdefault(name, shadow)
        return thing.thing_shadows  # type: ignore[no-any-return]

    @property
    def _iot(self) -> Any:
        return self.iot_backend


def answer_shadow_requests(backend: IoTBackend, message: Message) -> None:
    """Carry out the request to a shadow in a client's message; the broker's listener for shadows.

    Args:
        backend: the account and Region in which the message was published.
        message: the message.
    """
    assert isinstance(message, ClientMessage)
    request = shadow_request(message.topic)
    if request is None:
        return
    data_plane = iotdata_backends[backend.account_id][backend.region_name]
    if isinstance(data_plane, JitpIoTDataBackend):
        data_plane.answer_shadow_request(
            request["thing"], request["shadow"], request["request"], message.payload
        )


message_broker.client_listeners.append(answer_shadow_requests)


def _check_what_moto_does_not(payload: str | bytes, stored_shadow: FakeShadow | None) -> None:
    """Refuse, in moto's words, an update that would make moto's own code fail, then or later.

    Args:
        payload: the update.
        stored_shadow: the present shadow; ``None`` if there is none.
    """
    try:
        update = json.loads(payload)
    except (ValueError, RecursionError):
        raise InvalidRequestException("invalid json") from None
    if not isinstance(update, dict):
        raise InvalidRequestException("need node `state`")
    state = update.get("state")
    if isinstance(state, dict) and not all(
        value is None or isinstance(value, dict)
        for value in map(state.get, shadow_documents.SECTIONS)
    ):
        raise InvalidRequestException("State contains an invalid node")
    if stored_shadow is None and "version" in update:
        raise ConflictException("Version conflict")
