"""Sessions: the connected clients, what each of them does, and what ends them.

AWS IoT allows one connection per client ID: a newer connection ends the older one. It also
disconnects the clients of a certificate that is no longer ACTIVE, within minutes there and at once
here, so that no test has to wait.
https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html
https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone

from moto.iot.models import IoTBackend

from moto_jitp.broker.calling import call_each
from moto_jitp.broker.message_broker import (
    HandingOnLater,
    broker_of,
    publish,
    retained_message,
)
from moto_jitp.disturbances import UNDISTURBED, Disturbed
from moto_jitp.due_work import Turn, carry_out_due_work, finishes
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import ClientMessage, Message, Publisher
from moto_jitp.history.state import existing_backend, lock_of, part_of
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate, status_observers
from moto_jitp.iot.data_plane.connections import (
    Clients,
    Connection,
    ConnectionDeletion,
    ReceiverNotAuthorized,
    all_clients,
)
from moto_jitp.iot.models import (
    JitpIoTBackend,
    ending_observers,
    is_plugged_in,
    live_backends,
)
from moto_jitp.iot.permissions.authorization_contexts import thing_context
from moto_jitp.iot.provisioning.fleet.payload_formats import require_format
from moto_jitp.iot.provisioning.fleet.provisioning_claims import (
    ClaimCertificate,
    connection_has_ended,
)
from moto_jitp.iot.search.connectivity import LastConnection, connection_sources
from moto_jitp.mqtt.events import DisconnectReason
from moto_jitp.mqtt.packets import Version
from moto_jitp.mqtt.properties import NO_PROPERTIES, Properties
from moto_jitp.mqtt.topics import (
    MAX_SUBSCRIPTIONS,
    check_publish,
    check_subscribe,
    fleet_request,
    jobs_request,
)
from moto_jitp.mqtt.transport import Transport

from . import fleet, jobs
from .authorization import NotAuthorized, Permissions, Principal
from .lifecycle_events import Connected, Disconnected, SubscriptionChanged, has_events
from .shared_changes import TOO_MANY_CHANGES, count_shared_change
from .telemetry import count, record_device_action


class QuotaExceeded(ValueError):  # noqa: N818 - says what happened
    """A client subscribes to more than AWS IoT's quotas allow."""


_FORGOTTEN_AFTER = timedelta(hours=1)
"""After a client has been away for this long, the numbers of its connections start again."""

_LOGGED = {
    DisconnectReason.DUPLICATE_CLIENTID: {
        "reason": "DUPLICATE_CLIENT_ID",
        "details": "A new connection was established with the same client ID",
    },
}
"""Log entries' details on a disconnection, beside its reason; these are failures.

AWS's sample shows a duplicate client ID as a success; an entry that a user published is a failure.
https://docs.aws.amazon.com/iot/latest/developerguide/cwl-format.html
"""

# AWS does not document which reason it gives here; this one is for failed authentication.
_LOST_CERTIFICATE = {
    "reason": "DEVICE_CERTIFICATE_INACTIVE",
    "details": "Device certificate is not active",
}
# A client of MQTT 3.1.1 did something that it is not allowed to do.
_DENIED = {"reason": "AUTHORIZATION_FAILURE", "details": "Authorization Failure"}

MessageHandler = Callable[[Message], object]
DirectMessageHandler = Callable[[ClientMessage, Callable[[], object]], object]
"""Called with a message and with a function to call when its receipt is acknowledged."""


class Session:
    """A client that is connected, or was.

    It does no input or output of its own: the connection's owner calls its methods, and is called
    back with the messages that it receives and when it is closed. The gateway makes one for each
    CONNECT that it accepts.

    Attributes:
        backend: the account and Region.
        attempt: the accepted CONNECT.
        certificate: the registered certificate of the client.
        exclusive_thing: the name of the thing that the certificate is exclusively attached to, if
            any; lifecycle events name it.
        version: the number of this connection among those of its client id, from 0.
        subscriptions: the subscriptions by topic filter, in the order in which they were made. They
            stay listed once the session has ended, but receive nothing.
        refusals: why messages for the client did not arrive: ``iot:Receive`` was not allowed.
        publishes_will: whether to publish a will when the connection ends.
        disturbed: what goes wrong on the connection of a simulated device, at a test's request. For
            a real device, the code that handles its bytes takes care of it.
        closed_by: why the session has ended; ``None`` while it is open.
        ended: when it ended, in UTC; ``None`` likewise.

    Example::

        session = connect(backend, request).session  # the gateway's
        session.on_closed(lambda reason: loop.call_soon_threadsafe(hang_up, reason))
        session.subscribe("sensors/#", lambda message: loop.call_soon_threadsafe(send, message))
        session.publish("sensors/1", b"21.5")
        session.close(DisconnectReason.CONNECTION_LOST)
    """

    __slots__ = (
        "_on_closed",
        "_packets",
        "_permissions",
        "_publisher",
        "_queue",
        "_take_direct",
        "attempt",
        "backend",
        "certificate",
        "closed_by",
        "disturbed",
        "ended",
        "exclusive_thing",
        "publishes_will",
        "refusals",
        "subscriptions",
        "version",
    )

    def __init__(
        self,
        backend: JitpIoTBackend,
        attempt: ConnectionAttempt,
        certificate: DeviceCertificate,
        exclusive_thing: str | None = None,
        version: int = 0,
    ) -> None:
        self.backend = backend
        self.attempt = attempt
        self.certificate = certificate
        self.exclusive_thing = exclusive_thing
        self.version = version
        self.publishes_will = True
        self.closed_by: DisconnectReason | None = None
        self.ended: datetime | None = None
        # Most devices of a large fleet never subscribe: they share these empty collections.
        self.subscriptions: dict[str, SessionSubscription] = _NO_SUBSCRIPTIONS
        self.refusals: tuple[NotAuthorized, ...] = ()
        self._queue: queue.SimpleQueue[Message | NotAuthorized] | None = None
        self._on_closed: tuple[Callable[[DisconnectReason], object], ...] = ()
        self._take_direct: DirectMessageHandler | None = None
        self.disturbed = UNDISTURBED
        self._packets = 0
        self._permissions: Permissions | None = None
        self._publisher: Publisher | None = None

    @property
    def attempt_id(self) -> int:
        """The id of its connection attempt, which is unique to the session."""
        return self.attempt.attempt_id

    @property
    def client_id(self) -> str:
        """The MQTT client id."""
        return self.attempt.client_id

    @property
    def transport(self) -> Transport:
        """What carries the connection."""
        return self.attempt.transport

    @property
    def queue(self) -> queue.SimpleQueue[Message | NotAuthorized]:
        """Messages that arrived for subscriptions without a handler, oldest first.

        For a message whose receipt was not allowed, the reason stands in its place.
        """
        if self._queue is None:
            self._queue = queue.SimpleQueue()
        return self._queue

    @property
    def is_open(self) -> bool:
        """Whether the client is connected."""
        return self.closed_by is None

    def begin_disturbed(self, disturbed: Disturbed) -> None:
        """Apply the disturbance that a test requested, unless the device is a real one.

        Args:
            disturbed: what goes wrong.
        """
        if disturbed is UNDISTURBED or self.transport.port:
            return
        self.disturbed = disturbed
        self._break_where_asked()

    @property
    def _is_half_open(self) -> bool:
        after = self.disturbed.half_open_after
        return after is not None and self._packets >= after

    def _count_packet(self) -> bool:
        """Count a packet of the device; return whether it gets through."""
        if self.disturbed is UNDISTURBED:
            return True
        gets_through = not self._is_half_open
        self._packets += 1
        if gets_through and self._is_half_open:
            _await_silence(self)
        return gets_through

    def _break_where_asked(self) -> None:
        """Break the connection if this was its last packet."""
        if self.disturbed is UNDISTURBED:
            return
        if self._is_half_open and not self._packets:
            _await_silence(self)
        if self.disturbed.drop_after is not None and self._packets >= self.disturbed.drop_after:
            self.close(DisconnectReason.CONNECTION_LOST)

    def _answer_packet(self, *, puback: bool = False) -> None:
        """Answer a packet that was carried out, unless a test wants the answer lost.

        Raises:
            ConnectionError: the connection has broken.
            TimeoutError: the PUBACK is lost.
        """
        if self.disturbed is UNDISTURBED:
            return
        self._break_where_asked()
        if not self.is_open:
            self.require_open()
        if puback and self.disturbed.lost_pubacks:
            remaining_pubacks = self.disturbed.lost_pubacks - 1
            self.disturbed = self.disturbed._replace(lost_pubacks=remaining_pubacks)
            raise TimeoutError(
                f"{self.client_id!r} has published and received no PUBACK: the test requested with "
                "disturb('lose-puback') that it is lost. A real device publishes again, so "
                "receivers get the message twice."
            )

    def on_closed(self, callback: Callable[[DisconnectReason], object]) -> None:
        """Call a function once when the session is closed, by whatever means.

        Args:
            callback: called with the reason, in the thread that closes the session, which may hold
                the lock of the account and Region, so it must return at once. If the session is
                already closed, it is called now.
        """
        with lock_of(self.backend):
            if self.closed_by is None:
                self._on_closed = (*self._on_closed, callback)
                return
        callback(self.closed_by)

    def on_direct_message(self, take: DirectMessageHandler) -> None:
        """Let a function receive messages sent directly to this client.

        Without one they wait in :attr:`queue`, and their receipt is acknowledged at once.

        Args:
            take: called with each, in the sender's thread.
        """
        self._take_direct = take

    def receive_directly(self, message: ClientMessage) -> Callable[[float], bool]:
        """Receive a message that was sent to this client. It needs ``iot:Receive``.

        Args:
            message: the message.

        Returns:
            A function that waits for the acknowledgement, with a limit in seconds, and returns
            whether it came.

        Raises:
            NotAuthorized: policies are enforced and do not allow it.
        """
        self._require_receive(message.topic)
        acknowledged = threading.Event()
        if self._take_direct is None:
            self.queue.put(message)
            acknowledged.set()
        else:
            self._take_direct(message, acknowledged.set)
        return acknowledged.wait

    def close(self, reason: DisconnectReason) -> None:
        """End the connection and its subscriptions; do nothing if it has ended.

        AWS IoT publishes and logs the client's disconnection.

        Args:
            reason: why.
        """
        # These functions may call the cloud, so they run once the lock is free.
        with HandingOnLater():
            with lock_of(self.backend):
                if self.closed_by is not None:
                    return
                # In this order, so that a process forked between the two closes the session again.
                self.ended = datetime.now(timezone.utc)
                self.closed_by = reason
                for subscription in self.subscriptions.values():
                    subscription.end()
                more = self._logged(reason)
                logged = {**more, "disconnectReason": reason.value}
                record_device_action(
                    self.backend, self.attempt, "Disconnect", logged, failed=bool(more)
                )
                if has_events(self.client_id):
                    event = Disconnected(
                        self.attempt, self.exclusive_thing, self.version, reason, self.ended
                    )
                    publish(self.backend, event)
                callbacks, self._on_closed = self._on_closed, ()
            call_each(callbacks, reason)

    def _logged(self, reason: DisconnectReason) -> Mapping[str, str]:
        """The log entry's details on the disconnection, beside its reason."""
        if reason is DisconnectReason.AUTH_ERROR:
            return _DENIED if self._certificate_status == "ACTIVE" else _LOST_CERTIFICATE
        return _LOGGED.get(reason, {})

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        qos: int = 0,
        properties: Properties = NO_PROPERTIES,
        looks_at_the_clock: bool = True,
    ) -> None:
        """Publish a message. It needs ``iot:Publish``.

        A request to fleet provisioning or jobs is carried out and answered to this session alone.

        Args:
            topic: an MQTT topic, without wildcards.
            payload: the message.
            retain: keep the message for later subscribers of this topic. It needs
                ``iot:RetainPublish``, too.
            qos: the quality of service, 0 or 1, for the retained message and for receivers.
            properties: the MQTT 5 properties that are passed on to receivers.
            looks_at_the_clock: whether to carry out due work first. A caller that publishes several
                messages at one moment does so once, with :meth:`look_at_the_clock`.

        Raises:
            ConnectionError: the session has ended.
            NotAuthorized: policies are enforced and do not allow it.
            ValueError: topic or payload is not valid for a client of AWS IoT.
            ModuleNotFoundError: the topic asks for CBOR, and the extra ``[mqtt]`` is not installed.
            TimeoutError: the PUBACK is lost, on demand.
        """
        if looks_at_the_clock:
            self.look_at_the_clock()
        self.require_open()
        backend, attempt = self.backend, self.attempt
        try:
            check_publish(topic, payload, retain=retain, connected=True)
        except ValueError:
            count(backend, "PublishIn.ClientError")
            raise
        if not self._count_packet():
            return
        request = fleet_request(topic)
        if request is not None:
            require_format(request.payload_format)
        try:
            self._require("iot:Publish", topic)
            if retain:
                self._require("iot:RetainPublish", topic)
        except NotAuthorized:
            logged = {"topicName": topic}
            record_device_action(backend, attempt, "Publish-In", logged, not_authorized=True)
            raise
        logged = {"topicName": topic, "retain": "True"} if retain else {"topicName": topic}
        record_device_action(backend, attempt, "Publish-In", logged)
        message = ClientMessage(
            topic, payload, self.publisher, qos=qos, retain=retain, properties=properties
        )
        publish(backend, message)
        if request is not None:
            claim_id = self.certificate.certificate_id
            fleet.carry_out(backend, attempt, claim_id, topic, request, payload)
        of_jobs = jobs_request(topic)
        if of_jobs is not None:
            jobs.carry_out(backend, attempt, topic, of_jobs, payload)
        self._answer_packet(puback=True)

    def subscribe(
        self,
        topic_filter: str,
        handler: MessageHandler | None = None,
        *,
        qos: int = 0,
        with_retained: bool = True,
    ) -> SessionSubscription:
        """Receive messages from now on, and the retained one.

        It needs ``iot:Subscribe`` for the filter, and ``iot:Receive`` for the topic of each
        message. A second subscription to the same filter replaces the first.

        Args:
            topic_filter: an MQTT topic filter.
            handler: called with each message, in the publisher's thread. Without it messages wait
                in :attr:`queue`.
            qos: the quality of service that the client asks for.
            with_retained: whether to receive the message retained for exactly this topic at once. A
                caller that must answer first calls :func:`retained_message` itself.

        Returns:
            The subscription, for :meth:`unsubscribe`.

        Raises:
            ConnectionError: the session has ended.
            NotAuthorized: policies are enforced and do not allow it.
            QuotaExceeded: it would be the session's 51st, too many share a subscription, or, with
                the setting ``throttling``, a shared one changes too often.
            ValueError: the filter is not valid.
            TypeError: the filter is not text.
            TimeoutError: the SUBACK is lost, as the connection is half-open on demand.
        """
        self._begin()
        backend, attempt = self.backend, self.attempt
        try:
            check_subscribe(topic_filter)
        except ValueError:
            count(backend, "Subscribe.ClientError")
            raise
        self._require_room_for(topic_filter)
        if not self._count_packet():
            raise TimeoutError(
                f"{self.client_id!r} has subscribed to {topic_filter!r}, and received no SUBACK: "
                "the test requested with disturb('half-open') that nothing gets through."
            )
        logged = {"topicName": topic_filter}
        try:
            self._require("iot:Subscribe", topic_filter)
        except NotAuthorized:
            record_device_action(backend, attempt, "Subscribe", logged, not_authorized=True)
            raise
        record_device_action(backend, attempt, "Subscribe", logged)
        subscription = SessionSubscription(self, topic_filter, handler, qos)
        with lock_of(backend):
            other_subscriptions = {
                key: other for key, other in self.subscriptions.items() if key != topic_filter
            }
            self.subscriptions = {**other_subscriptions, topic_filter: subscription}
            if self.closed_by is None:
                broker_of(backend).subscriptions.add(topic_filter, self.attempt_id, subscription)
        self._tell_of_subscription("subscribed", topic_filter)
        retained = retained_message(backend, topic_filter) if with_retained else None
        if retained is not None:
            subscription.receive(retained)
        if not self.transport.port:  # a real device takes them as fast as it can read
            for message in broker_of(backend).subscriptions.take_waiting(topic_filter):
                subscription.receive(message)
        self._answer_packet()
        return subscription

    def take_over(
        self, topic_filter: str, handler: MessageHandler, *, qos: int
    ) -> SessionSubscription:
        """List a subscription that the client has had since an earlier connection.

        It needs no permission, nothing is notified of it, and the broker does not deliver to it:
        that is up to whatever kept the subscription meanwhile.

        Args:
            topic_filter: an MQTT topic filter.
            handler: called with each message that the client may receive.
            qos: the quality of service that the client asked for.
        """
        subscription = SessionSubscription(self, topic_filter, handler, qos)
        with self.backend.lock:
            self.subscriptions = {**self.subscriptions, topic_filter: subscription}
        return subscription

    def unsubscribe(self, subscription: SessionSubscription) -> None:
        """End a subscription; do nothing if it has ended.

        Args:
            subscription: what :meth:`subscribe` returned.
        """
        topic_filter = subscription.topic_filter
        if self.subscriptions.get(topic_filter) is not subscription:
            return
        if self.is_open:
            self._tell_of_subscription("unsubscribed", topic_filter)
            count_shared_change(self.backend, topic_filter)
            # AWS IoT's entry does not name the filter.
            record_device_action(self.backend, self.attempt, "Unsubscribe", {})
        subscription.end()
        with lock_of(self.backend):
            self.subscriptions = {
                key: other for key, other in self.subscriptions.items() if other is not subscription
            }

    def require_open(self) -> None:
        """Make sure that the session has not ended.

        Raises:
            ConnectionError: it has; the text says why.
        """
        if self.is_open:
            return
        if block_has_ended(self.backend):
            raise ConnectionError(
                f"The connection of {self.client_id!r} has ended with its mock_jitp block, or with "
                "the activation: there is no AWS IoT to connect to. Call connect_device() "
                "again inside a block."
            )
        if self.closed_by is DisconnectReason.DUPLICATE_CLIENTID:
            raise ConnectionError(
                f"The connection of {self.client_id!r} has ended: a newer connection uses the same "
                "client ID, and AWS IoT allows only one connection per client ID. Give each its "
                "own client_id."
            )
        if connection_has_ended(self.certificate, self.attempt.timestamp):
            raise ConnectionError(
                f"The connection of {self.client_id!r} has ended: it used a provisioning claim, "
                "and a device has five minutes after connecting to get its own certificate. Create "
                "another claim with iot.create_provisioning_claim()."
            )
        if (
            self.closed_by is DisconnectReason.CONNECTION_LOST
            and self.disturbed.drop_after is not None
        ):
            raise ConnectionError(
                f"The connection of {self.client_id!r} was broken off: the test requested this "
                "with disturb('drop'). Its last packet was processed but not answered."
            )
        if self.closed_by is DisconnectReason.MQTT_KEEP_ALIVE_TIMEOUT and self._is_half_open:
            raise ConnectionError(
                f"The connection of {self.client_id!r} has ended: nothing got through, as the test "
                "requested with disturb('half-open'), and its keep alive has run out."
            )
        certificate_id, status = self.certificate.certificate_id, self._certificate_status
        if self.closed_by is DisconnectReason.AUTH_ERROR and status != "ACTIVE":
            raise ConnectionError(
                f"The connection of {self.client_id!r} has ended: its certificate "
                f"{certificate_id} is {status}, and AWS IoT disconnects the clients of a "
                "certificate that is not ACTIVE."
            )
        is_old = self.transport.version is Version.MQTT_3_1_1
        if self.closed_by is DisconnectReason.AUTH_ERROR and is_old:
            raise ConnectionError(
                f"The connection of {self.client_id!r} has ended: no policy allowed what it did, "
                "and AWS IoT then ends an MQTT 3.1.1 connection. Call connect_device() again."
            )
        raise ConnectionError(
            f"The connection of {self.client_id!r} is closed; call connect_device() again."
        )

    @property
    def _certificate_status(self) -> str:
        certificate = self.backend.certificates.get(self.certificate.certificate_id)
        return str(self.certificate.status) if certificate is self.certificate else "deleted"

    def _begin(self) -> None:
        self.look_at_the_clock()
        self.require_open()

    def look_at_the_clock(self) -> None:
        """Carry out due work, which may end this session."""
        # A device, too, must see finished work, such as the thing whose shadow it updates.
        carry_out_due_work()
        self.close_if_over()

    def close_if_over(self) -> None:
        """End the session if it was made with a claim and has reached its time limit."""
        if self.is_open and connection_has_ended(self.certificate, self.attempt.timestamp):
            self.close(DisconnectReason.AUTH_ERROR)

    def _require(self, action: str, name: str) -> None:
        if self._permissions is None:
            principal = Principal(
                self.certificate, self.client_id, self.attempt.server_name, self.transport
            )
            self._permissions = Permissions(self.backend, principal)
        self._permissions.require(action, name)

    def _require_receive(self, topic: str) -> None:
        """Record that the client receives a message, or that its policies do not allow it.

        Raises:
            NotAuthorized: they do not.
        """
        logged = {"topicName": topic}
        try:
            self._require("iot:Receive", topic)
        except NotAuthorized:
            record_device_action(
                self.backend, self.attempt, "Publish-Out", logged, not_authorized=True
            )
            raise
        record_device_action(self.backend, self.attempt, "Publish-Out", logged)

    @property
    def publisher(self) -> Publisher:
        """The client, as its messages name it."""
        if self._publisher is None:
            transport, certificate_id = self.transport, self.attempt.certificate_id
            self._publisher = Publisher(
                self.client_id, certificate_id, transport.address, transport.protocol
            )
        return self._publisher

    def _require_room_for(self, topic_filter: str) -> None:
        """Refuse more subscriptions than AWS IoT's quotas allow a connection and an account."""
        if topic_filter in self.subscriptions:
            return
        size = len(self.subscriptions)
        if size >= MAX_SUBSCRIPTIONS:
            problem = (
                f"{self.client_id!r} has {size} subscriptions, the most that AWS IoT allows per "
                f"connection, so it cannot subscribe to {topic_filter!r}: end another first, or "
                "use a filter with a wildcard."
            )
        else:
            subscriptions = broker_of(self.backend).subscriptions
            without_room = subscriptions.without_room(topic_filter, self.attempt_id)
            if without_room is None and not count_shared_change(self.backend, topic_filter):
                without_room = TOO_MANY_CHANGES
            if without_room is None:
                return
            problem = f"{self.client_id!r} cannot subscribe to {topic_filter!r}: {without_room}."
        # https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html
        count(self.backend, "Subscribe.Throttle")
        raise QuotaExceeded(problem)

    def _tell_of_subscription(self, event_type: str, topic_filter: str) -> None:
        if has_events(self.client_id):
            now = datetime.now(timezone.utc)
            event = SubscriptionChanged(
                self.attempt, self.exclusive_thing, event_type, topic_filter, now
            )
            publish(self.backend, event)


class SessionSubscription:
    """A session's subscription, to which the broker delivers each message on a matching topic.

    Attributes:
        session: its session.
        topic_filter: the MQTT topic filter.
        handler: the function called with each message; ``None`` if messages wait in the session's
            queue.
        qos: the quality of service that the client asked for.
    """

    def __init__(
        self, session: Session, topic_filter: str, handler: MessageHandler | None, qos: int
    ) -> None:
        self.session = session
        self.topic_filter = topic_filter
        self.handler = handler
        self.qos = qos

    @property
    def receiver(self) -> int:
        """The number of its session."""
        return self.session.attempt_id

    def receive(self, message: Message) -> bool:
        """Deliver a message to the client, if it may receive it.

        Returns:
            Whether the session was there to decide on it.
        """
        session = self.session
        if not session.is_open:
            return False
        if session._is_half_open:
            return True  # sent, but lost on its way
        try:
            session._require_receive(message.topic)
        except NotAuthorized as refused:
            session.refusals = (*session.refusals, refused)
            if self.handler is None:
                session.queue.put(refused)
            return True
        (self.handler or session.queue.put)(message)
        return True

    def end(self) -> None:
        """Stop the broker's deliveries."""
        broker = broker_of(self.session.backend)
        broker.subscriptions.remove(self.topic_filter, self.session.attempt_id, self)


_NO_SUBSCRIPTIONS: dict[str, SessionSubscription] = {}


class Sessions:
    """The sessions of one account and Region.

    Attributes:
        by_attempt_id: all of them, open or ended, by the id of their connection attempt.
        by_client: the newest session of each client id, open or ended.
        of_claims: the open ones that were made with provisioning claims.
        clients_of_certificates: the client ids that certificates have used, by the certificate's
            id.
    """

    def __init__(self) -> None:
        self.by_attempt_id: dict[int, Session] = {}
        self.by_client: dict[str, Session] = {}
        self.of_claims: tuple[Session, ...] = ()
        self.clients_of_certificates: dict[str, tuple[str, ...]] = {}


def open_session(
    backend: JitpIoTBackend, attempt: ConnectionAttempt, certificate: DeviceCertificate
) -> Session:
    """Begin the session of an accepted attempt, ending any session of the same client id.

    AWS IoT publishes both. The caller holds the lock of the account and Region.

    Args:
        backend: the account and Region.
        attempt: the attempt.
        certificate: the registered certificate that was presented.
    """
    sessions = part_of(backend, Sessions)
    client_id = attempt.client_id
    before, version = sessions.by_client.get(client_id), 0
    if before is not None:
        before.close(DisconnectReason.DUPLICATE_CLIENTID)
        assert before.ended is not None
        if attempt.timestamp - before.ended <= _FORGOTTEN_AFTER:
            version = before.version + 1
    thing_name = exclusive_thing_of(backend, certificate)
    session = Session(backend, attempt, certificate, thing_name, version)
    sessions.by_attempt_id[session.attempt_id] = session
    sessions.by_client[client_id] = session
    if isinstance(certificate, ClaimCertificate):
        open_sessions = (earlier for earlier in sessions.of_claims if earlier.is_open)
        sessions.of_claims = (*open_sessions, session)
    certificate_id = certificate.certificate_id
    connected_clients = sessions.clients_of_certificates.get(certificate_id, ())
    if client_id not in connected_clients:
        sessions.clients_of_certificates[certificate_id] = (*connected_clients, client_id)
    if has_events(client_id):
        publish(backend, Connected(attempt, thing_name, version))
    return session


def exclusive_thing_of(backend: JitpIoTBackend, certificate: DeviceCertificate) -> str | None:
    """The name of the thing that a certificate is exclusively attached to, if any."""
    if not backend.principals.exclusive_things:
        return None
    return backend.principals.exclusive_thing_of(certificate.arn)


def find_session(backend: JitpIoTBackend, attempt_id: int) -> Session | None:
    """Return the session, open or ended, that a connection attempt led to.

    Args:
        backend: the account and Region.
        attempt_id: the attempt's id.

    Returns:
        The session; ``None`` if the attempt was refused.
    """
    return part_of(backend, Sessions).by_attempt_id.get(attempt_id)


def block_has_ended(backend: IoTBackend) -> bool:
    """Whether an account and Region are moto's own again, to which no device can be connected."""
    # A backend that was cleared with its mock keeps our class, but nothing reaches it any more.
    return not is_plugged_in() or not isinstance(backend, JitpIoTBackend)


def close_sessions_of(certificate: DeviceCertificate) -> None:
    """End the sessions of a certificate whose status has changed, unless it is ACTIVE."""
    if certificate.status == "ACTIVE":
        return
    _, _, _, region_name, account_id, _ = certificate.arn.split(":", 5)
    backend = existing_backend(account_id, region_name)
    if backend is None:
        return
    sessions = part_of(backend, Sessions)
    for client_id in sessions.clients_of_certificates.get(certificate.certificate_id, ()):
        session = sessions.by_client[client_id]
        if session.certificate is certificate:
            session.close(DisconnectReason.AUTH_ERROR)


def last_connection(backend: JitpIoTBackend, client_id: str) -> LastConnection | None:
    """Return the newest connection of a client, which fleet indexing shows.

    Args:
        backend: the account and Region.
        client_id: the client's id.
    """
    session = part_of(backend, Sessions).by_client.get(client_id)
    if session is None:
        return None
    reason = session.closed_by
    return LastConnection(
        session.transport,
        session.attempt.timestamp,
        session.ended,
        None if reason is None else reason.value,
    )


class _ConnectedClients(Clients):
    """The clients that have, or had, a session."""

    def find(self, backend: JitpIoTBackend, client_id: str) -> Connection | None:
        session = part_of(backend, Sessions).by_client.get(client_id)
        if session is None:
            return None
        thing = thing_context(backend.principals, session.certificate.arn, client_id)
        is_its = thing is not None and (session.exclusive_thing is not None or thing.is_attached)
        reason = session.closed_by
        return Connection(
            client_id,
            thing.name if thing is not None and is_its else None,
            session.transport,
            session.attempt.timestamp,
            session.ended,
            None if reason is None else reason.value,
            tuple(
                (subscription.topic_filter, subscription.qos)
                for subscription in session.subscriptions.values()
            ),
        )

    def delete(self, backend: JitpIoTBackend, deletion: ConnectionDeletion) -> bool:
        session = part_of(backend, Sessions).by_client.get(deletion.client_id)
        if session is None or not session.is_open:
            return False
        session.publishes_will = not deletion.prevent_will
        session.close(DisconnectReason.API_INITIATED_DISCONNECT)
        return True

    def send(
        self, backend: JitpIoTBackend, client_id: str, message: ClientMessage
    ) -> Callable[[float], bool] | None:
        session = part_of(backend, Sessions).by_client.get(client_id)
        if session is None or not session.is_open:
            return None
        try:
            return session.receive_directly(message)
        except NotAuthorized as error:
            raise ReceiverNotAuthorized(str(error)) from None


@finishes(Turn.SESSIONS)
def close_sessions_of_claims() -> None:
    """End the connections of provisioning claims that have reached their time limit."""
    for backend in live_backends():
        for session in part_of(backend, Sessions).of_claims:
            session.close_if_over()


def close_all_sessions(backend: JitpIoTBackend) -> None:
    """End the sessions of an account and Region before their state is cleared."""
    sessions = list(part_of(backend, Sessions).by_client.values())
    call_each([session.close for session in sessions], DisconnectReason.SERVER_INITIATED_DISCONNECT)


_silent: list[tuple[datetime, Session]] = []
"""Silent sessions, with the end of their keep alive."""


def _await_silence(session: Session) -> None:
    """End a session once one and a half times its keep alive has passed by the clock."""
    seconds = 1.5 * session.transport.keep_alive
    _silent.append((datetime.now(timezone.utc) + timedelta(seconds=seconds), session))


@finishes(Turn.SESSIONS)
def end_silent_sessions() -> None:
    """End the sessions whose keep alive has run out."""
    if not _silent:
        return
    now = datetime.now(timezone.utc)
    due = [session for moment, session in _silent if moment <= now]
    _silent[:] = [
        (moment, session) for moment, session in _silent if moment > now and session.is_open
    ]
    for session in due:
        session.close(DisconnectReason.MQTT_KEEP_ALIVE_TIMEOUT)


status_observers.append(close_sessions_of)
ending_observers.append(close_all_sessions)
all_clients.append(_ConnectedClients())
connection_sources.append(last_connection)
