"""The two ways for a device to connect: ``connect_device``, and MQTT 5 over TLS to an endpoint.

A test of a device's actions gets its connections from the fixture ``door`` and is marked with
:data:`BOTH_DOORS`. Without the mark the door is the simulated one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from moto_jitp import (
    ConnectionRefused,
    DeviceConnection,
    DeviceIdentity,
    NotAuthorized,
    connect_device,
)
from moto_jitp.devices.connection import DeviceSubscription
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import Event
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.history.state import existing_backend, state_of
from moto_jitp.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
)
from support.cloud import ACCOUNT

SIMULATED, MQTT = "simulated", "mqtt"
BOTH_DOORS = pytest.mark.parametrize("door", [SIMULATED, MQTT], indirect=True)

AnswerT = TypeVar("AnswerT", Puback, Suback, Unsuback, Pingresp)


class Door:
    """The door of ``connect_device``."""

    def connect(self, device: DeviceIdentity, **options: Any) -> DeviceConnection:
        """Connect a device, after provisioning it if it is new.

        Args:
            device: the device.
            **options: ``client_id``.
        """
        return connect_device(device, **options)

    def attempt(
        self, device: DeviceIdentity, client_id: str | None = None
    ) -> DeviceConnection | None:
        """Make one attempt to connect; ``None`` if the device is refused."""
        with contextlib.suppress(ConnectionRefused):
            return connect_device(device, client_id=client_id, reconnect=False)
        return None

    def claim(self, created: dict[str, Any], **options: Any) -> DeviceConnection:
        """Connect with a certificate and key that the API has created."""
        key = created["keyPair"]["PrivateKey"]
        return self.connect(DeviceIdentity.from_pem(created["certificatePem"], key), **options)

    def close(self) -> None:
        """Release the door's resources at the end of a test."""


class MqttDoor(Door):
    """The door of real devices.

    Attributes:
        endpoint: the endpoint behind it.
    """

    def __init__(self) -> None:
        from moto_jitp import DeviceEndpoint
        from support.endpoint_stories import identity

        self.endpoint = DeviceEndpoint(identity=identity()).start()
        self._connections: list[MqttConnection] = []

    def connect(self, device: DeviceIdentity, **options: Any) -> DeviceConnection:
        connection = self.attempt(device, **options) or self.attempt(device, **options)
        assert connection is not None, self.endpoint.log
        return connection

    def attempt(
        self, device: DeviceIdentity, client_id: str | None = None
    ) -> DeviceConnection | None:
        from support.endpoint_clients import RawClient, client_context

        client_id = client_id or device.presented.common_name or "device"
        link = RawClient(self.endpoint.port, client_context(self.endpoint.root_ca_pem, device))
        link.send(Connect(client_id, Version.MQTT_5))
        answer = link.next_packet()
        if not isinstance(answer, Connack) or answer.reason_code:
            link.close()
            return None
        attempt = self.endpoint.wait_for("connection", client_id=client_id)
        connection = MqttConnection(
            link, attempt, self._settle, lambda: self._until_written_down(client_id)
        )
        self._connections.append(connection)
        return connection

    def _until_written_down(self, client_id: str) -> None:
        """Wait for the record of a disconnection by the client."""
        is_its_own = False
        while not is_its_own:
            event = self.endpoint.wait_for("disconnection", client_id=client_id)
            is_its_own = event.payload["clientInitiatedDisconnect"]

    def _settle(self) -> None:
        for connection in self._connections:
            connection.read_all()

    def close(self) -> None:
        for connection in self._connections:
            connection.hang_up()
        self.endpoint.stop()


class MqttConnection(DeviceConnection):
    """A device on a socket, with the interface of a simulated one.

    Its messages have QoS 1, so that after the PUBACK they have been written to all receivers; and a
    PINGRESP follows everything written before it. So it knows, without a time limit, that nothing
    is left to come.
    """

    def __init__(
        self,
        link: Any,
        attempt: ConnectionAttempt,
        settle: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        self.client_id = attempt.client_id
        self.certificate_id = attempt.certificate_id
        self.certificate_arn = f"arn:aws:iot:us-east-1:{ACCOUNT}:cert/{attempt.certificate_id}"
        self.thing_name = None
        self.attempts = (attempt,)
        self._link = link
        self._settle = settle
        self._ended = ended
        self._messages: list[Publish] = []
        self._subscriptions: tuple[MqttSubscription, ...] = ()
        self._end: str | None = None

    @property
    def provisioning(self) -> ProvisioningRun | None:
        backend = existing_backend(ACCOUNT, "us-east-1")
        assert backend is not None
        runs = state_of(backend).runs.of_attempt(self.attempts[-1].attempt_id)
        return runs[-1].run if runs else None

    @property
    def undelivered(self) -> tuple[NotAuthorized, ...]:
        raise NotImplementedError("No client of MQTT is told.")

    @property
    def subscriptions(self) -> tuple[DeviceSubscription, ...]:
        return self._subscriptions

    @property
    def connected(self) -> bool:
        self.read_all()
        return self._end is None

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        data = payload.encode() if isinstance(payload, str) else payload
        answer = self._ask(Publish(topic, data, 1, 1, retain), Puback)
        _require(answer.reason_code, answer)
        self._settle()

    def subscribe(
        self, topic_filter: str, handler: Callable[..., object] | None = None
    ) -> DeviceSubscription:
        subscription = MqttSubscription(self, topic_filter, handler)
        before = self._subscriptions
        others = [earlier for earlier in before if earlier.topic_filter != topic_filter]
        self._subscriptions = (*others, subscription)
        try:
            answer = self._ask(Subscribe(1, (Subscription(topic_filter, 1),)), Suback)
            _require(answer.reason_codes[0], answer)
        except Exception:
            self._subscriptions = before
            raise
        self._settle()
        return subscription

    def unsubscribe(self, subscription: MqttSubscription) -> None:
        if subscription not in self._subscriptions:
            return
        self._settle()  # messages for its handler go there
        self._subscriptions = tuple(
            other for other in self._subscriptions if other is not subscription
        )
        self._ask(Unsubscribe(1, (subscription.topic_filter,)), Unsuback)

    def receive(self, timeout: float | None = None) -> Event:
        assert timeout is None, "a message is here at once, or does not come"
        if not self._messages:
            self.read_all()
        if self._messages:
            message = self._messages.pop(0)
            return Event(message.topic, message.payload, ACCOUNT, "us-east-1")
        if self._end is not None:
            raise ConnectionError(self._end)
        filters = ", ".join(subscription.topic_filter for subscription in self._subscriptions)
        raise TimeoutError(f"No message is waiting for a device subscribed to {filters}.")

    def disconnect(self) -> None:
        if self._end is None:
            self.read_all()
        if self._end is None:
            self._end = "The connection is closed."
            self._link.send(Disconnect())
            assert self._link.is_closed()
            self._ended()
        self._subscriptions = ()

    def hang_up(self) -> None:
        """Close the socket."""
        self._link.close()

    def read_all(self) -> None:
        """Read what has been written to the device; do nothing once the connection is over."""
        if self._end is None:
            with contextlib.suppress(ConnectionError):
                self._ask(Pingreq(), Pingresp)

    def _ask(self, request: Packet, kind: type[AnswerT]) -> AnswerT:
        if self._end is not None:
            raise ConnectionError(self._end)
        with contextlib.suppress(ConnectionError):
            self._link.send(request)
        while True:
            packet = self._link.next_packet()
            if isinstance(packet, kind):
                return packet
            if isinstance(packet, Publish):
                self._take(packet)
                continue
            self._end = "The server has closed the connection."
            if isinstance(packet, Disconnect):
                self._end = packet.properties.reason_string or str(packet.reason_code)
            raise ConnectionError(self._end)

    def _take(self, message: Publish) -> None:
        if message.packet_id is not None:
            self._link.send(Puback(message.packet_id))
        from moto_jitp.mqtt.topic_filters import topic_matches

        matching = [
            subscription
            for subscription in self._subscriptions
            if topic_matches(_without_share(subscription.topic_filter), message.topic)
        ]
        handlers = [
            subscription.handler for subscription in matching if subscription.handler is not None
        ]
        for handler in handlers:
            handler(Event(message.topic, message.payload, ACCOUNT, "us-east-1"))
        if not handlers:
            self._messages.append(message)


class MqttSubscription(DeviceSubscription):
    """A subscription of a device on a socket."""

    def __init__(
        self,
        connection: MqttConnection,
        topic_filter: str,
        handler: Callable[..., object] | None,
    ) -> None:
        self.topic_filter = topic_filter
        self.handler = handler
        self._connection = connection

    def cancel(self) -> None:
        self._connection.unsubscribe(self)


def _without_share(topic_filter: str) -> str:
    return topic_filter.split("/", 2)[2] if topic_filter.startswith("$share/") else topic_filter


def _require(code: int, answer: Puback | Suback) -> None:
    """Raise the error of a simulated connection, with the reason string as its text."""
    if code < 0x80:
        return
    text = answer.properties.reason_string or str(code)
    if code == 0x87:
        raise NotAuthorized(text, "", "")
    raise ValueError(text)


def opened(which: str) -> Door:
    """Open a door inside a mock."""
    if which == SIMULATED:
        return Door()
    pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")
    return MqttDoor()
