"""The test's interface to a session in this process."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from moto_jitp.broker.handlers import taking_events
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import Event, Message
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.history.state import state_of
from moto_jitp.mqtt.events import DisconnectReason
from moto_jitp.mqtt.packets import Version

from .authorization import NotAuthorized
from .connection import DeviceConnection, DeviceSubscription
from .payloads import to_bytes
from .sessions import Session, SessionSubscription


class SessionConnection(DeviceConnection):
    """A connection in this process.

    Args:
        session: its session.
        attempts: every attempt up to the accepted one, oldest first.
        thing_name: the thing that the certificate is attached to; ``None`` where there is none.
    """

    def __init__(
        self,
        session: Session,
        attempts: tuple[ConnectionAttempt, ...],
        thing_name: str | None,
    ) -> None:
        self.certificate_id = session.certificate.certificate_id
        self.certificate_arn = session.certificate.arn
        self.client_id = session.client_id
        self.thing_name = thing_name
        self.attempts = attempts
        self._session = session
        # Most devices of a large fleet never subscribe.
        self._subscriptions: tuple[_SessionConnectionSubscription, ...] = ()

    @property
    def provisioning(self) -> ProvisioningRun | None:
        later = state_of(self._session.backend).runs.of_attempt(self._session.attempt_id)
        just_in_time = (attempt.provisioning for attempt in self.attempts if attempt.provisioning)
        return later[-1].run if later else next(just_in_time, None)

    @property
    def connected(self) -> bool:
        return self._session.is_open

    @property
    def undelivered(self) -> tuple[NotAuthorized, ...]:
        return self._session.refusals

    @property
    def subscriptions(self) -> tuple[DeviceSubscription, ...]:
        return self._subscriptions

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        with _ending_where_mqtt_must(self._session):
            self._session.publish(topic, to_bytes(payload), retain=retain)

    def subscribe(
        self, topic_filter: str, handler: Callable[..., object] | None = None
    ) -> DeviceSubscription:
        session = self._session
        take = None if handler is None else _taking_messages(self, handler)
        with _ending_where_mqtt_must(session):
            subscribed = session.subscribe(topic_filter, take)
        subscription = _SessionConnectionSubscription(self, subscribed, handler)
        other_subscriptions = [
            listed_subscription
            for listed_subscription in self._subscriptions
            if listed_subscription.topic_filter != topic_filter
        ]
        self._subscriptions = (*other_subscriptions, subscription)
        return subscription

    def receive(self, timeout: float | None = None) -> Event:
        try:
            if timeout is None:
                item = self._session.queue.get_nowait()
            else:
                item = self._session.queue.get(timeout=timeout)
        except queue.Empty:
            self._session.require_open()
            raise TimeoutError(self._nothing_received()) from None
        if isinstance(item, NotAuthorized):
            raise item
        return self._as_event(item)

    def disconnect(self) -> None:
        self._session.close(DisconnectReason.CLIENT_INITIATED_DISCONNECT)
        self._subscriptions = ()

    def unsubscribe(self, subscription: _SessionConnectionSubscription) -> None:
        """End a subscription; do nothing if it has ended."""
        self._session.unsubscribe(subscription.subscribed)
        self._subscriptions = tuple(
            listed_subscription
            for listed_subscription in self._subscriptions
            if listed_subscription is not subscription
        )

    def _as_event(self, message: Message) -> Event:
        backend = self._session.backend
        return message.as_event(backend.account_id, backend.region_name).as_sent()

    def _nothing_received(self) -> str:
        filters = [
            subscription.topic_filter
            for subscription in self._subscriptions
            if subscription.handler is None
        ]
        if not filters:
            return (
                f"{self.client_id!r} has no subscription that queues messages for receive(): call "
                "subscribe(topic_filter) without a handler before the message is published."
            )
        return (
            f"No message is waiting for {self.client_id!r}, which is subscribed to "
            f"{', '.join(filters)}. Was it published before the subscription, on another topic, or "
            "in another account or Region?"
        )


@contextmanager
def _ending_where_mqtt_must(session: Session) -> Iterator[None]:
    """End an MQTT 3.1.1 connection, as that version has no answer for what no policy allows.

    https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html
    """
    try:
        yield
    except NotAuthorized:
        if session.transport.version is Version.MQTT_3_1_1:
            session.close(DisconnectReason.AUTH_ERROR)
        raise


class _SessionConnectionSubscription(DeviceSubscription):
    """A subscription of a session in this process."""

    def __init__(
        self,
        connection: SessionConnection,
        subscribed: SessionSubscription,
        handler: Callable[..., object] | None,
    ) -> None:
        self.topic_filter = subscribed.topic_filter
        self.handler = handler
        self.subscribed = subscribed
        self._connection = connection

    def cancel(self) -> None:
        self._connection.unsubscribe(self)


def _taking_messages(
    connection: SessionConnection, handler: Callable[..., object]
) -> Callable[[Message], object]:
    call = taking_events(handler)
    return lambda message: call(connection._as_event(message))
