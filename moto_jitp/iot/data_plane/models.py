"""``JitpIoTDataBackend``: moto's data plane, connected with the devices.

What it keeps beyond moto's own state stands in the message broker of the IoT backend, so turning a
live backend into one of these, and back, is a matter of its class alone.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from moto.iotdata.models import FakeShadow, IoTDataPlaneBackend

from moto_jitp.iot.message_broker import publish, publish_as_aws
from moto_jitp.monitoring.logs import Client, ShadowRequest, shadow_entry

from . import shadows


class JitpIoTDataBackend(IoTDataPlaneBackend):
    """One account's and Region's data plane; its messages reach devices and theirs reach it."""

    def publish(self, topic: str, payload: bytes, retain: bool = False, qos: int = 0) -> None:
        publish(self._iot, topic, payload, retain=retain, qos=qos)

    def update_thing_shadow(
        self, thing_name: str, payload: str | bytes, shadow_name: str | None
    ) -> FakeShadow:
        with self._iot.lock:
            thing = self._iot.find_thing(thing_name)
            before = thing.thing_shadows.get(shadow_name) if thing is not None else None
            previous = shadows.state_document(before)
            now = super().update_thing_shadow(thing_name, payload, shadow_name)  # type: ignore[arg-type]
        token = shadows.client_token(payload)
        prefix = shadows.prefix(thing_name, shadow_name)
        for topic, message in shadows.update_messages(previous, now):
            publish_as_aws(self._iot, f"{prefix}/{topic}", {**message, **token})
        return now

    def delete_thing_shadow(
        self, thing_name: str, shadow_name: str | None, client_token: Any = None
    ) -> FakeShadow:
        shadow = super().delete_thing_shadow(thing_name, shadow_name)
        topic = f"{shadows.prefix(thing_name, shadow_name)}/delete/accepted"
        publish_as_aws(self._iot, topic, {**shadow.to_dict(), **(client_token or {})})
        return shadow

    def answer_shadow_request(
        self, thing_name: str, shadow_name: str | None, request: str, payload: bytes
    ) -> None:
        """Carry out what a client asked of a shadow over MQTT, and publish the answer.

        Args:
            thing_name: the thing.
            shadow_name: the named shadow; ``None`` for the unnamed one.
            request: ``update``, ``get`` or ``delete``.
            payload: the message.
        """
        token = shadows.client_token(payload)
        prefix = shadows.prefix(thing_name, shadow_name)
        asked = ShadowRequest(request, thing_name, shadow_name, "MQTT")
        try:
            with self._iot.lock:
                thing = self._iot.find_thing(thing_name)
                shadows.check_request(thing, shadow_name, request, payload)
            self.log_shadow_request(asked)
            if request == "update":
                self.update_thing_shadow(thing_name, payload, shadow_name)
            elif request == "delete":
                self.delete_thing_shadow(thing_name, shadow_name, token)
            else:
                shadow = self.get_thing_shadow(thing_name, shadow_name)
                publish_as_aws(self._iot, f"{prefix}/get/accepted", {**shadow.to_dict(), **token})
        except shadows.ShadowRefused as refused:
            self.log_shadow_request(asked, str(refused))
            publish_as_aws(self._iot, f"{prefix}/{request}/rejected", {**refused.body(), **token})

    def log_shadow_request(self, request: ShadowRequest, error: str | None = None) -> None:
        """Log a request to a shadow, as far as the logging options ask for it.

        The entry names no client. Levels of resources count as for a client that is named like the
        thing.

        Args:
            request: the request.
            error: why it was refused; ``None`` for one that was carried out.
        """
        if self._iot.is_logging:
            client = Client(request.thing_name, "", "")
            entry = shadow_entry(request, error)
            self._iot.log(client, datetime.now(timezone.utc), [entry])

    @property
    def _iot(self) -> Any:
        return self.iot_backend
