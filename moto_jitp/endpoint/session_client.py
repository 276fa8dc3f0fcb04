"""An accepted client: connects its packets with its session at AWS IoT."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from moto_jitp.broker.message_broker import HandingOnLater, broker_of, publish
from moto_jitp.devices.authorization import NotAuthorized
from moto_jitp.devices.sessions import QuotaExceeded, Session, SessionSubscription, block_has_ended
from moto_jitp.devices.telemetry import record_device_action, record_ping
from moto_jitp.history.messages import ClientMessage, as_bytes
from moto_jitp.history.messages import Message as BrokerMessage
from moto_jitp.locks import new_lock
from moto_jitp.mqtt.events import Closed
from moto_jitp.mqtt.limits import AWS_LIMITS
from moto_jitp.mqtt.messages import Message, carried_through, expiry_of
from moto_jitp.mqtt.packets import Subscription, Will
from moto_jitp.mqtt.properties import NO_PROPERTIES, Properties
from moto_jitp.mqtt.reason_codes import ReasonCode
from moto_jitp.mqtt.topic_filters import topic_matches

from .door import Grants, Mailbox, Refusal, Subscriber
from .log import EndpointLog
from .real_time import real_monotonic

_REMEMBERED = 64
# Of the messages that wait for those who share a subscription; AWS IoT sends 20 a second.
_PORTION = 1000
_ENDED = Refusal(ReasonCode.UNSPECIFIED_ERROR, "The session has ended")


class SessionClient:
    """A client whose CONNECT the gateway has accepted.

    Args:
        session: its session at AWS IoT.
        is_persistent: whether its subscriptions outlive the connection.
        delays_will: whether its will waits for its delay.
        log: receives errors of handlers, which must not affect clients.
    """

    def __init__(
        self, session: Session, *, is_persistent: bool, delays_will: bool, log: EndpointLog
    ) -> None:
        self._session = session
        self._is_persistent = is_persistent
        self._delays_will = delays_will
        self._log = log
        self._subscriber: SessionSubscriber | None = None

    @property
    def place(self) -> tuple[str, str]:
        backend = self._session.backend
        return backend.account_id, backend.region_name

    @property
    def owner(self) -> str:
        return self._session.attempt.certificate_id

    @property
    def _own_subscriber(self) -> SessionSubscriber:
        assert self._subscriber is not None, "a client can subscribe only once it has a session"
        return self._subscriber

    def subscriber(self, earlier: Subscriber | None, mailbox: Mailbox) -> Subscriber:
        if isinstance(earlier, SessionSubscriber):
            self._subscriber = earlier
        else:
            self._subscriber = SessionSubscriber(mailbox)
        self._subscriber.begin(self._session)
        self._session.on_direct_message(self._subscriber.take_direct)
        return self._subscriber

    def resumed(self) -> None:
        self._own_subscriber.list_in_session()

    def begin_batch(self) -> None:
        try:
            self._session.look_at_the_clock()
        except Exception as error:
            self._log.failed(error)

    def publish(self, message: Message) -> Refusal | None:
        properties = message.properties
        if message.expires_at is not None:
            seconds_left = max(round(message.expires_at - real_monotonic()()), 1)
            properties = replace(properties, message_expiry_interval=seconds_left)
        try:
            # A test handler's exception is raised at the end of the block, and is not a refusal.
            with HandingOnLater():
                refusal = self._publish(message, properties)
        except Exception as error:
            self._log.failed(error)
            return None
        return refusal

    def _publish(self, message: Message, properties: Properties) -> Refusal | None:
        try:
            self._session.publish(
                message.topic,
                message.payload,
                retain=message.retain,
                qos=message.qos,
                properties=properties,
                looks_at_the_clock=False,
            )
        except NotAuthorized as error:
            return Refusal(ReasonCode.NOT_AUTHORIZED, str(error))
        except ConnectionError:
            return _ENDED
        except ValueError as error:
            return Refusal(ReasonCode.TOPIC_NAME_INVALID, str(error))
        except ModuleNotFoundError as error:
            return Refusal(ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, str(error))
        return None

    def subscribe(self, subscriptions: Sequence[Subscription]) -> Grants:
        codes, problems = [], []
        retained: list[tuple[Message, int]] = []
        for subscription in subscriptions:
            code, problem = self._subscribe(subscription, retained)
            codes.append(code)
            if problem:
                problems.append(problem)
        return Grants(codes, " ".join(problems), retained)

    def _subscribe(
        self, subscription: Subscription, retained: list[tuple[Message, int]]
    ) -> tuple[ReasonCode, str]:
        session, subscriber = self._session, self._own_subscriber
        is_new = subscription.topic_filter not in session.subscriptions
        try:
            with HandingOnLater():
                retained_messages = subscriber.subscribe(
                    subscription, is_persistent=self._is_persistent
                )
        except NotAuthorized as error:
            return ReasonCode.NOT_AUTHORIZED, str(error)
        except QuotaExceeded as error:
            return ReasonCode.QUOTA_EXCEEDED, str(error)
        except ConnectionError:
            return _ENDED.code, _ENDED.details  # type: ignore[return-value]
        except ValueError as error:
            return ReasonCode.TOPIC_FILTER_INVALID, str(error)
        except Exception as error:
            self._log.failed(error)
            retained_messages = []
        if subscription.retain_handling == 0 or (subscription.retain_handling == 1 and is_new):
            retained += ((message, subscription.qos) for message in retained_messages)
        return ReasonCode(subscription.qos), ""

    def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        for topic_filter in topic_filters:
            try:
                self._own_subscriber.unsubscribe(topic_filter)
            except Exception as error:
                self._log.failed(error)

    def pinged(self) -> None:
        self._session.look_at_the_clock()
        record_ping(self._session.backend, self._session.attempt)

    def ended(self, closed: Closed) -> None:
        try:
            self._session.close(closed.reason)
            if closed.will is None or not self._session.publishes_will:
                return
            publish_it = partial(self._publish_will, closed.will)
            delay = closed.will.properties.will_delay_interval or 0
            if delay and self._delays_will and self._subscriber is not None:
                self._subscriber.publish_later(self._session, publish_it, delay)
            else:
                publish_it()
        except Exception as error:
            self._log.failed(error)

    def _publish_will(self, will: Will) -> None:
        try:
            self._publish_allowed_will(will)
        except Exception as error:
            self._log.failed(error)

    def _publish_allowed_will(self, will: Will) -> None:
        """Publish the will; its permission was checked when the client connected."""
        session = self._session
        if block_has_ended(session.backend):
            return
        properties = will.properties
        if properties is not NO_PROPERTIES:
            properties = replace(
                carried_through(properties),
                message_expiry_interval=properties.message_expiry_interval,
            )
        message = ClientMessage(
            will.topic,
            will.payload,
            session.publisher,
            qos=will.qos,
            retain=will.retain,
            properties=properties,
        )
        publish(session.backend, message)


class SessionSubscriber:
    """The subscriptions of one MQTT session, over all its connections.

    Args:
        mailbox: leads to the client, or to its kept session.

    Attributes:
        session: the session at AWS IoT of the last connection.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self.session: Session | None = None
        self._mailbox = mailbox
        self._subscriptions: dict[str, _KeptSubscription] = {}
        self._seen: deque[int] = deque(maxlen=_REMEMBERED)
        self._retained: list[Message] | None = None
        self._lock = new_lock()
        self._has_ended = False
        self._publish_will: Callable[[], object] | None = None

    def begin(self, session: Session) -> None:
        """Note a connection; a will left by an earlier one is no longer published.

        Args:
            session: the session at AWS IoT.
        """
        with self._lock:
            self.session = session
            self._publish_will = None

    def publish_later(
        self, session: Session, publish_will: Callable[[], object], seconds: float
    ) -> None:
        """Publish a will after its delay, or when the MQTT session ends, whichever comes first.

        Args:
            session: the will's session; the will is dropped if a new connection resumes it.
            publish_will: publishes it; must not raise.
            seconds: the delay.
        """
        with self._lock:
            if self.session is not session:
                return
            waits = not self._has_ended
            if waits:
                self._publish_will = publish_will
        if waits:
            self._mailbox.call_later(seconds, lambda: self._will_is_due(publish_will))
        else:
            publish_will()

    def _will_is_due(self, publish_will: Callable[[], object] | None = None) -> None:
        """Publish the waiting will.

        Args:
            publish_will: that of the will; ``None`` for any.
        """
        with self._lock:
            due = self._publish_will
            if due is None or publish_will not in (None, due):
                return
            self._publish_will = None
        due()

    def subscribe(self, options: Subscription, *, is_persistent: bool) -> list[Message]:
        """Subscribe, and return the retained message for the filter.

        Args:
            options: the filter with its options.
            is_persistent: whether the subscription outlives the connection.
        """
        session = self.session
        assert session is not None
        before = self._subscriptions.pop(options.topic_filter, None)
        if before is not None:
            before.forget()
        subscription = _KeptSubscription(self, options, session.attempt_id)
        self._retained = []
        try:
            # In force before the first message can arrive, and withdrawn if it is refused.
            self._subscriptions[options.topic_filter] = subscription
            subscription.live = session.subscribe(
                options.topic_filter, subscription.take, qos=options.qos
            )
        except BaseException:
            del self._subscriptions[options.topic_filter]
            raise
        finally:
            retained, self._retained = self._retained, None
        if is_persistent:
            subscription.keep(session)
        self._take_waiting(options.topic_filter)
        return retained

    def _take_waiting(self, topic_filter: str) -> None:
        """Take what waits for those who share a subscription, a portion each second."""
        subscription = self._subscriptions.get(topic_filter)
        if subscription is None or subscription.live is None or subscription.is_away:
            return
        backend = subscription.live.session.backend
        waiting = broker_of(backend).subscriptions.take_waiting(topic_filter, _PORTION)
        for message in waiting:
            subscription.receive(message)
        if len(waiting) == _PORTION:
            self._mailbox.call_later(1.0, partial(self._take_waiting, topic_filter))

    def unsubscribe(self, topic_filter: str) -> None:
        """End a subscription, if there is one."""
        session = self.session
        assert session is not None
        subscription = self._subscriptions.pop(topic_filter, None)
        if subscription is not None:
            subscription.forget()
        session_subscription = session.subscriptions.get(topic_filter)
        if session_subscription is not None:
            session.unsubscribe(session_subscription)

    def list_in_session(self) -> None:
        """Let the session of a new connection list the existing subscriptions."""
        session = self.session
        assert session is not None
        for topic_filter, subscription in list(self._subscriptions.items()):
            subscription.live = session.take_over(
                topic_filter, subscription.take, qos=subscription.options.qos
            )
            self._take_waiting(topic_filter)

    def forget(self) -> None:
        for subscription in list(self._subscriptions.values()):
            subscription.forget()
        self._subscriptions.clear()
        with self._lock:
            self._has_ended = True
        self._will_is_due()

    def take(self, message: BrokerMessage, options: Subscription) -> None:
        """Pass on a message that one of the subscriptions has received.

        A message that several filters match reaches the client once, at the highest QoS.
        """
        session = self.session
        publisher = message.publisher.client_id if message.publisher is not None else None
        if options.no_local and session is not None and publisher == session.client_id:
            return
        if message.is_retained:
            if self._retained is not None:
                converted = _as_sent(message, self._age(message))
                if converted is not None:
                    self._retained.append(converted)
            return
        qos = options.qos
        if len(self._subscriptions) > 1 and not options.topic_filter.startswith("$share/"):
            if message.number in self._seen:
                return
            self._seen.append(message.number)
            qos = max(qos, self._highest_qos(message.topic))
        converted = _as_sent(message, 0)
        if converted is None:
            return
        if session is not None and not session.is_open and min(qos, message.qos):
            logged = {"topicName": message.topic, "qos": "1"}
            record_device_action(session.backend, session.attempt, "Queued", logged)
        self._mailbox.put(converted, qos)

    def take_direct(self, message: ClientMessage, acknowledge: Callable[[], object]) -> None:
        """Pass on a message that was sent directly to the client."""
        converted = _as_sent(message, 0)
        if converted is not None:
            self._mailbox.put(replace(converted, on_acknowledged=acknowledge), message.qos)

    def _highest_qos(self, topic: str) -> int:
        matching = (
            subscription.options.qos
            for topic_filter, subscription in list(self._subscriptions.items())
            if topic_matches(topic_filter, topic)
        )
        return max(matching, default=0)

    def _age(self, message: BrokerMessage) -> float:
        """The age of a retained message in seconds."""
        assert self.session is not None
        retained = broker_of(self.session.backend).retained.get(message.topic)
        return 0 if retained is None else time.time() - retained.modified / 1000


class _KeptSubscription:
    """A subscription of an MQTT session, which may stay at the broker while the client is away.

    Attributes:
        options: the filter with its options.
        live: the subscription of the session at AWS IoT, which checks and records each message.
    """

    def __init__(self, subscriber: SessionSubscriber, options: Subscription, key: int) -> None:
        self.options = options
        self.live: SessionSubscription | None = None
        self._subscriber = subscriber
        self._key = key
        self._session: Session | None = None

    @property
    def is_away(self) -> bool:
        """Whether the client is not connected."""
        return self.live is None or not self.live.session.is_open

    @property
    def receiver(self) -> int:
        return -1 if self.live is None else self.live.session.attempt_id

    @property
    def qos(self) -> int:
        """The quality of service that the client asked for."""
        return self.options.qos

    def keep(self, session: Session) -> None:
        """Take the live subscription's place at the broker, which that loses with its session."""
        self._session = session
        broker_of(session.backend).subscriptions.add(self.options.topic_filter, self._key, self)

    def forget(self) -> None:
        """Leave the broker."""
        if self._session is not None:
            subscriptions = broker_of(self._session.backend).subscriptions
            subscriptions.remove(self.options.topic_filter, self._key, self)

    def receive(self, message: BrokerMessage) -> None:
        """Let the live subscription decide; if the client is away, keep the message for it."""
        if self.live is None or not self.live.receive(message):
            self.take(message)

    def take(self, message: BrokerMessage) -> None:
        """Accept a message that the client may receive."""
        self._subscriber.take(message, self.options)


def _as_sent(message: BrokerMessage, age: float) -> Message | None:
    """Return a message of the broker as it is sent; ``None`` if it has expired."""
    properties, expires_at = message.properties, None
    if properties is not NO_PROPERTIES:
        now = real_monotonic()()
        expires_at = expiry_of(properties, now, AWS_LIMITS.message_expiry)
        if expires_at is not None:
            expires_at -= age
            if expires_at <= now:
                return None
        properties = carried_through(properties)
    payload = as_bytes(message.payload)
    return Message(message.topic, payload, message.qos, message.retain, properties, expires_at)
