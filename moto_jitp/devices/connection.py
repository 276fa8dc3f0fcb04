"""``DeviceConnection``: an accepted connection of a device."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from moto_jitp.events import Subscription, bus
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.iot.provisioning_run import ProvisioningRun

from .attempts import ConnectionAttempt
from .publishing import publish_event


class DeviceConnection:
    """A device's accepted connection; usable in a ``with`` block, which disconnects at its end.

    Attributes:
        certificate_id: the id of the device's certificate.
        certificate_arn: its ARN.
        client_id: the MQTT client id.
        thing_name: the thing that the certificate is attached to; ``None`` where there is none.
        attempts: every attempt up to the accepted one, oldest first.
        provisioning: the provisioning run that this call set off; ``None`` where none was needed.
    """

    def __init__(
        self,
        backend: JitpIoTBackend,
        attempts: tuple[ConnectionAttempt, ...],
        thing_name: str | None,
    ) -> None:
        last = attempts[-1]
        self.certificate_id = last.certificate_id
        self.certificate_arn = backend.arn(f"cert/{last.certificate_id}")
        self.client_id = last.client_id
        self.thing_name = thing_name
        self.attempts = attempts
        self._backend = backend
        self._subscriptions: list[Subscription] | None = []

    @property
    def provisioning(self) -> ProvisioningRun | None:
        return next(
            (attempt.provisioning for attempt in self.attempts if attempt.provisioning), None
        )

    @property
    def connected(self) -> bool:
        """Whether :meth:`disconnect` has not been called yet."""
        return self._subscriptions is not None

    def publish(self, topic: str, payload: bytes | str) -> None:
        """Publish a message, as ``iot-data`` keeps it and as subscribers receive it.

        Args:
            topic: an MQTT topic, without wildcards.
            payload: bytes, or text that is sent as UTF-8.

        Raises:
            ConnectionError: the connection is closed.
            ValueError: the topic is empty, has a wildcard, or is one that only AWS IoT uses.
        """
        self._require_open()
        data = payload.encode() if isinstance(payload, str) else bytes(payload)
        publish_event(self._backend, topic, data)

    def subscribe(self, topic_filter: str, handler: Any) -> Subscription:
        """Have a handler called for messages of this account and Region.

        Args:
            topic_filter: an MQTT topic filter.
            handler: called with the :class:`moto_jitp.events.Event`, or with topic and payload.

        Raises:
            ConnectionError: the connection is closed.
            ValueError: the filter is none of MQTT's.
        """
        subscriptions = self._require_open()
        here = (self._backend.account_id, self._backend.region_name)
        subscription = bus.subscribe(topic_filter, handler, only=here)
        subscriptions.append(subscription)
        return subscription

    def disconnect(self) -> None:
        """End the connection and its subscriptions; a second time does nothing."""
        for subscription in self._subscriptions or ():
            subscription.cancel()
        self._subscriptions = None

    def _require_open(self) -> list[Subscription]:
        if self._subscriptions is None:
            raise ConnectionError(
                f"The connection of {self.client_id!r} is closed; call connect_device() again."
            )
        return self._subscriptions

    def __enter__(self) -> DeviceConnection:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.disconnect()

    def __repr__(self) -> str:
        state = "connected" if self.connected else "disconnected"
        return f"<DeviceConnection {self.client_id!r} {state}>"
