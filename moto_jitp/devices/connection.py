"""``DeviceConnection``: an accepted connection of a device."""

from __future__ import annotations

import queue
from collections.abc import Callable
from types import TracebackType

from moto_jitp.broker.events import Subscription
from moto_jitp.broker.message_broker import broker_of
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import Event
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.history.state import state_of
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.iot.provisioning.deferred_runs import carry_out_all_due_runs
from moto_jitp.mqtt.topics import MAX_SUBSCRIPTIONS, check_subscribe

from . import presence
from .authorization import NotAuthorized, require
from .publishing import publish_message, to_bytes
from .recording import count, record_operation


class DeviceConnection:
    """A device's accepted connection; usable in a ``with`` block, which disconnects at its end.

    With ``enforce_policies`` each operation needs the permission of an IoT policy. A refused one
    raises :class:`NotAuthorized` and leaves the connection as it is, so that a test can try the
    next; AWS IoT ends an MQTT 3.1.1 connection that publishes without permission.

    Attributes:
        certificate_id: the id of the device's certificate.
        certificate_arn: its ARN.
        client_id: the MQTT client id.
        thing_name: the thing that the certificate is attached to; ``None`` where there is none.
        attempts: every attempt up to the accepted one, oldest first.
        provisioning: the last provisioning run that this connection set off: just in time, as it
            was made, or by RegisterThing of fleet provisioning; ``None`` where there was none.
    """

    def __init__(
        self,
        backend: JitpIoTBackend,
        attempts: tuple[ConnectionAttempt, ...],
        thing_name: str | None,
    ) -> None:
        last = attempts[-1]
        # A certificate that plain moto registered has another id than its DER bytes give it.
        known = backend.certificates.presented_as(last.certificate_id)
        self.certificate_id = known.certificate_id if known else last.certificate_id
        self.certificate_arn = known.arn if known else backend.arn(f"cert/{last.certificate_id}")
        self.client_id = last.client_id
        self.thing_name = thing_name
        self.attempts = attempts
        self._backend = backend
        self._session = last
        self._inbox: _Inbox | None = None

    @property
    def provisioning(self) -> ProvisioningRun | None:
        later = state_of(self._backend).runs.of_attempt(self._session.sequence)
        just_in_time = (attempt.provisioning for attempt in self.attempts if attempt.provisioning)
        return later[-1].run if later else next(just_in_time, None)

    @property
    def connected(self) -> bool:
        """Whether the connection stands.

        It ends with :meth:`disconnect`, when a newer connection takes its client ID, as soon as its
        certificate is not ACTIVE any more (AWS IoT takes some minutes for that), and with the
        outermost ``mock_jitp`` block.
        """
        return presence.is_connected(self._backend, self._session)

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        """Publish a message, as ``iot-data`` keeps it and as subscribers receive it.

        Requests to shadows (``$aws/things/<thing>/shadow/update`` and its like) are carried out by
        moto's shadows and answered on ``…/accepted`` or ``…/rejected``, and so are requests to
        fleet provisioning (``$aws/certificates/create/json`` and its like), whose answers this
        connection alone receives. It needs ``iot:Publish``.

        Args:
            topic: an MQTT topic, without wildcards, of at most 256 bytes and 7 slashes.
            payload: bytes, or text that is sent as UTF-8; at most 128 KB.
            retain: keep the message for those who subscribe to exactly this topic later; an empty
                one deletes what was kept. It needs ``iot:RetainPublish``, too.

        Raises:
            ConnectionError: the connection has ended.
            NotAuthorized: policies are enforced and do not allow it.
            ValueError: the topic is empty, has a wildcard, is too long, or is one that clients
                cannot publish on.
            TypeError: topic or payload is of another type.
            ModuleNotFoundError: the topic asks for CBOR, and the extra ``[mqtt]`` is not installed.

        See https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html
        """
        self._begin_message()
        publish_message(self._backend, self._session, topic, to_bytes(payload), retain=retain)

    def subscribe(
        self, topic_filter: str, handler: Callable[..., object] | None = None
    ) -> DeviceSubscription:
        """Receive messages of this account and Region, from now on and the one that is retained.

        It needs ``iot:Subscribe`` for the filter and ``iot:Receive`` for the topic of each message.
        A message whose receipt is not allowed does not arrive: the handler is not called, and
        :attr:`undelivered` says why.

        As in MQTT (3.1.1, section 3.8.4), a second subscription to the same filter takes the place
        of the first, with its handler, and brings the retained message again. A message that two
        different filters match arrives for each of them.

        Every payload is bytes, as an MQTT client receives it: what AWS IoT itself publishes, such
        as the answers of shadows, is JSON, for ``json.loads(payload)``.

        Args:
            topic_filter: an MQTT topic filter; ``sensor/#`` does not hear ``sensor`` itself.
            handler: called with the :class:`moto_jitp.events.Event`, or with topic and payload
                where it takes two arguments; in the publisher's thread. Without it messages wait
                for :meth:`receive`.

        Returns:
            The subscription, whose ``cancel()`` unsubscribes.

        Raises:
            ConnectionError: the connection has ended.
            NotAuthorized: policies are enforced and do not allow it.
            ValueError: the filter is none of MQTT's, or a shared subscription; or it would be the
                connection's 51st, for which AWS IoT ends the connection.
            TypeError: the filter is no text, or the handler cannot be called.
        """
        self._begin_message()
        try:
            check_subscribe(topic_filter)
        except ValueError:
            count(self._backend, "Subscribe.ClientError")
            raise
        self._require_room_for(topic_filter)
        logged = {"topicName": topic_filter}
        try:
            require(self._backend, self._session, "iot:Subscribe", topic_filter)
        except NotAuthorized:
            record_operation(self._backend, self._session, "Subscribe", logged, not_authorized=True)
            raise
        record_operation(self._backend, self._session, "Subscribe", logged)
        subscription = DeviceSubscription(self, topic_filter, handler)
        presence.publish_subscription(self._backend, self._session, "subscribed", topic_filter)
        # AWS IoT sends a retained message to those alone who name its topic, not for a wildcard.
        retained = broker_of(self._backend).retained.get(topic_filter)
        if retained is not None:
            here = (self._backend.account_id, self._backend.region_name)
            subscription.deliver(Event(topic_filter, retained.payload, *here))
        return subscription

    def receive(self, timeout: float | None = None) -> Event:
        """Return the next message of the subscriptions without a handler, oldest first.

        Its payload is bytes, also for what AWS IoT itself publishes; see :meth:`subscribe`.

        A message that a publisher has published is here at once; there is nothing to wait for,
        except what another thread is about to publish.

        Args:
            timeout: seconds to wait for a message; ``None`` for not at all.

        Raises:
            ConnectionError: the connection has ended, and no message is left.
            NotAuthorized: the next message has arrived on a topic that the policies do not let
                the device receive from. The message after it comes with the next call.
            TimeoutError: there is no message.
        """
        try:
            if timeout is None:
                item = self._own_inbox.messages.get_nowait()
            else:
                item = self._own_inbox.messages.get(timeout=timeout)
        except queue.Empty:
            self._require_open()
            raise TimeoutError(self._nothing_received()) from None
        if isinstance(item, NotAuthorized):
            raise item
        return item

    @property
    def undelivered(self) -> tuple[NotAuthorized, ...]:
        """Why messages for this device did not arrive: ``iot:Receive`` was not allowed."""
        return tuple(self._inbox.refusals) if self._inbox is not None else ()

    @property
    def subscriptions(self) -> tuple[DeviceSubscription, ...]:
        """What the device is subscribed to, in the order of subscribing."""
        return tuple(self._inbox.subscriptions) if self._inbox is not None else ()

    def disconnect(self) -> None:
        """End the connection and its subscriptions; once they have ended it does nothing."""
        presence.disconnect(self._backend, self._session)
        if self._inbox is not None:
            for subscription in self._inbox.subscriptions:
                subscription.end()

    def _require_room_for(self, topic_filter: str) -> None:
        """Refuse more filters at a time than AWS IoT's quota for a connection allows."""
        filters = {one.topic_filter for one in self.subscriptions}
        if len(filters) < MAX_SUBSCRIPTIONS or topic_filter in filters:
            return
        # https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html
        count(self._backend, "Subscribe.Throttle")
        raise ValueError(
            f"{self.client_id!r} has {len(filters)} subscriptions, the most that AWS IoT allows a "
            f"connection, so it cannot subscribe to {topic_filter!r}: cancel() another first, or "
            "use a filter with a wildcard."
        )

    @property
    def _own_inbox(self) -> _Inbox:
        # Most devices of a large fleet never subscribe.
        if self._inbox is None:
            self._inbox = _Inbox()
        return self._inbox

    def _nothing_received(self) -> str:
        subscriptions = self._own_inbox.subscriptions
        filters = [one.topic_filter for one in subscriptions if one.handler is None]
        if not filters:
            return (
                f"{self.client_id!r} has no subscription that keeps messages for receive(): call "
                "subscribe(topic_filter) without a handler before the message is published."
            )
        return (
            f"No message is waiting for {self.client_id!r}, which is subscribed to "
            f"{', '.join(filters)}. Was it published before the subscription, on another topic, or "
            "in another account or Region?"
        )

    def _begin_message(self) -> None:
        # A device, too, meets what time has finished, such as the thing whose shadow it updates.
        carry_out_all_due_runs()
        self._require_open()

    def _require_open(self) -> None:
        if self.connected:
            return
        if presence.block_has_ended(self._backend):
            raise ConnectionError(
                f"The connection of {self.client_id!r} has ended with its mock_jitp block, or with "
                "the activation: there is no AWS IoT to be connected to. Call connect_device() "
                "again inside a block."
            )
        if presence.is_taken_over(self._backend, self._session):
            raise ConnectionError(
                f"The connection of {self.client_id!r} has ended: a newer connection uses the same "
                "client ID, and AWS IoT lets only one be connected. Give each its own client_id."
            )
        status = presence.lost_status(self._backend, self._session)
        if status is not None:
            raise ConnectionError(
                f"The connection of {self.client_id!r} has ended: its certificate "
                f"{self.certificate_id} is {status}, and AWS IoT disconnects the clients of one "
                "that is not ACTIVE."
            )
        raise ConnectionError(
            f"The connection of {self.client_id!r} is closed; call connect_device() again."
        )

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


class DeviceSubscription:
    """A device's subscription.

    It ends with :meth:`cancel`, with a newer subscription to the same filter, and with its
    connection.

    Attributes:
        topic_filter: the MQTT topic filter.
        handler: what is called with each message; ``None`` where they wait for ``receive()``.
    """

    def __init__(
        self,
        connection: DeviceConnection,
        topic_filter: str,
        handler: Callable[..., object] | None,
    ) -> None:
        self.topic_filter = topic_filter
        self.handler = handler
        self._connection = connection
        self._inbox = connection._own_inbox
        devices = broker_of(connection._backend).devices
        # Not listed anywhere: it knows how to call a handler that takes topic and payload.
        self._target = Subscription(devices, topic_filter, handler or self._inbox.messages.put)
        owner = connection._session.sequence
        self._listed = devices.subscribe(topic_filter, self.deliver, owner=owner)
        others = [one for one in self._inbox.subscriptions if one.topic_filter != topic_filter]
        self._inbox.subscriptions = [*others, self]

    def cancel(self) -> None:
        """Unsubscribe; a second time does nothing."""
        connection = self._connection
        if self in self._inbox.subscriptions and connection.connected:
            presence.publish_subscription(
                connection._backend, connection._session, "unsubscribed", self.topic_filter
            )
            # AWS IoT's entry does not say from what.
            record_operation(connection._backend, connection._session, "Unsubscribe", {})
        self.end()

    def end(self) -> None:
        """Stop listening."""
        self._listed.cancel()
        if self in self._inbox.subscriptions:
            self._inbox.subscriptions = [s for s in self._inbox.subscriptions if s is not self]

    def deliver(self, event: Event) -> None:
        """Give the device a message, if it may receive it."""
        connection = self._connection
        if not connection.connected:
            self.end()
            return
        try:
            require(connection._backend, connection._session, "iot:Receive", event.topic)
        except NotAuthorized as refused:
            self._record(event, not_authorized=True)
            self._inbox.refusals.append(refused)
            if self.handler is None:
                self._inbox.messages.put(refused)
            return
        except ConnectionError:
            return  # its certificate was deleted, which is not the publisher's fault
        self._record(event)
        self._target.deliver(event.as_sent())

    def _record(self, event: Event, *, not_authorized: bool = False) -> None:
        connection, logged = self._connection, {"topicName": event.topic}
        record_operation(
            connection._backend,
            connection._session,
            "Publish-Out",
            logged,
            not_authorized=not_authorized,
        )


class _Inbox:
    """What has arrived for a connection, and its subscriptions."""

    def __init__(self) -> None:
        self.subscriptions: list[DeviceSubscription] = []
        self.messages: queue.SimpleQueue[Event | NotAuthorized] = queue.SimpleQueue()
        self.refusals: list[NotAuthorized] = []
