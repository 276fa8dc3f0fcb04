"""The server's side of one MQTT connection, without a socket and without a clock of its own.

Received bytes go in, events come out, and the caller fetches the bytes to send. Each request among
the events is answered by a method, at once or later: meanwhile, nothing else on the connection
waits unless it has to. Where AWS IoT differs from the specifications, this follows AWS IoT, and
each method says so. https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from .decoding import Decoder
from .encoding import encode
from .errors import PacketTooLarge, ProtocolError, UnsupportedProtocolVersion
from .events import (
    Closed,
    ConnectReceived,
    DisconnectReason,
    Event,
    Pinged,
    PublishReceived,
    SubscribeReceived,
    UnsubscribeReceived,
)
from .limits import AWS_LIMITS, Limits
from .messages import Message
from .packets import (
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
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from .properties import NO_PROPERTIES, Properties, size_of_user_properties
from .reason_codes import SUBACK_FAILURE, ConnectReturnCode, ReasonCode
from .session import InFlight, SessionState

_V5 = Version.MQTT_5
_PINGRESP = encode(Pingresp(), _V5)


class Phase(enum.Enum):
    """The phase of a connection."""

    WAITING_FOR_CONNECT = enum.auto()
    DECIDING = enum.auto()
    """The CONNECT has arrived but is not answered."""
    CONNECTED = enum.auto()
    CLOSED = enum.auto()


class ServerConnection:
    """One connection of a client.

    Args:
        now: the clock when the transport was opened; any monotonic clock, in seconds.
        limits: the limits of what is accepted.
        new_id: makes identifiers for reason strings and client identifiers.

    Attributes:
        phase: its phase.
        client_id: the client identifier; empty before the CONNECT.
        session: the session; ``None`` before ``accept_connect``.
        sending_paused: whether the transport accepts no more data for now; see
            :meth:`pause_sending`.

    Examples:
        >>> connection = ServerConnection(now=0.0)
        >>> [event] = connection.receive(encode(Connect("lamp"), Version.MQTT_5), now=0.1)
        >>> event.client_id
        'lamp'
        >>> connection.accept_connect(SessionState("lamp", Version.MQTT_5), now=0.2)
        []
        >>> connection.data_to_send()[:1].hex()
        '20'
    """

    def __init__(
        self,
        now: float,
        *,
        limits: Limits = AWS_LIMITS,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.phase = Phase.WAITING_FOR_CONNECT
        self.client_id = ""
        self.session: SessionState | None = None
        self.sending_paused = False
        self._limits = limits
        self._new_id = new_id
        self._decoder = Decoder(max_packet_size=limits.packet_size)
        self._out: list[bytes] = []
        self._version = Version.MQTT_3_1_1
        self._connect: Connect | None = None
        self._request: ConnectReceived | None = None
        self._keep_alive = 0
        self._last_heard = now
        self._opened = now
        self._aliases: dict[int, str] = {}
        self._unanswered = 0
        self._receive_maximum = limits.receive_maximum
        self._largest_outgoing = 0
        self._tells_problems = True
        self._next_stored = now

    # -- what comes in ------------------------------------------------------------------------

    @property
    def version(self) -> Version:
        """The protocol version; 3.1.1 before the CONNECT."""
        return self._version

    @property
    def has_received_connect(self) -> bool:
        """Whether a readable CONNECT has arrived."""
        return self._connect is not None

    @property
    def wants_data(self) -> bool:
        """Whether more data from the client can be processed now.

        Until the CONNECT is answered, and while a client of MQTT 3.1.1 has as many messages
        unacknowledged as AWS IoT accepts, its bytes should be left in the transport.
        """
        return self.phase in (Phase.WAITING_FOR_CONNECT, Phase.CONNECTED) and not self._is_full

    @property
    def has_unread(self) -> bool:
        """Whether received bytes have not been processed."""
        return self._decoder.buffered > 0

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Process bytes that have arrived.

        Args:
            data: the bytes.
            now: the clock.

        Returns:
            The client's requests, in order.
        """
        if self.phase is Phase.CLOSED:
            return []
        self._last_heard = now
        self._decoder.feed(data)
        return self._read(now)

    def peer_closed(self, details: str = "The client closed the transport.") -> list[Event]:
        """Note that the transport is gone; without an earlier DISCONNECT, the will is sent."""
        return self._close(DisconnectReason.CONNECTION_LOST, details)

    def _read(self, now: float) -> list[Event]:
        events: list[Event] = []
        try:
            while self.wants_data:
                packet = self._decoder.next_packet()
                if packet is None:
                    break
                events += self._handle(packet, now)
        except ProtocolError as error:
            events += self._fail(error)
        return events

    def _handle(self, packet: Packet, now: float) -> list[Event]:
        if self.phase is Phase.WAITING_FOR_CONNECT:
            assert isinstance(packet, Connect)  # the decoder allows nothing else first
            return self._handle_connect(packet)
        kind = type(packet)
        if kind is Publish:
            return self._handle_publish(packet, now)  # type: ignore[arg-type]
        if kind is Puback:
            return self._handle_puback(packet, now)  # type: ignore[arg-type]
        if kind is Pingreq:
            self._out.append(_PINGRESP)
            return [Pinged()]
        if kind is Subscribe:
            return self._handle_subscribe(packet)  # type: ignore[arg-type]
        if kind is Unsubscribe:
            return self._handle_unsubscribe(packet)  # type: ignore[arg-type]
        if kind is Disconnect:
            return self._handle_disconnect(packet)  # type: ignore[arg-type]
        if kind is Connect:
            raise ProtocolError("A second CONNECT on a connection.")
        # PUBREC, PUBREL, PUBCOMP and AUTH are not supported; the rest only a server sends.
        raise ProtocolError(f"AWS IoT accepts no {kind.__name__.upper()} from a client.")

    # -- CONNECT ------------------------------------------------------------------------------

    def _handle_connect(self, packet: Connect) -> list[Event]:
        self._connect = packet
        self._version = packet.version
        self.client_id = packet.client_id
        self.phase = Phase.DECIDING
        limits, properties = self._limits, packet.properties
        self._tells_problems = properties.request_problem_information != 0
        self._largest_outgoing = properties.maximum_packet_size or 0
        refusal = self._judge_connect(packet)
        if refusal is not None:
            return refusal
        is_assigned = not packet.client_id
        if is_assigned:
            self.client_id = f"$GEN/{self._new_id()}"
        keep_alive = packet.keep_alive or limits.longest_keep_alive
        self._keep_alive = min(
            max(keep_alive, limits.shortest_keep_alive), limits.longest_keep_alive
        )
        if packet.version is _V5:
            expiry = min(properties.session_expiry_interval or 0, limits.session_expiry)
        else:
            expiry = 0 if packet.clean_start else limits.session_expiry
        self._receive_maximum = min(
            properties.receive_maximum or limits.receive_maximum, limits.receive_maximum
        )
        self._request = ConnectReceived(
            packet, self.client_id, is_assigned, self._keep_alive, expiry
        )
        return [self._request]

    def _judge_connect(self, packet: Connect) -> list[Event] | None:
        """What is wrong with a CONNECT, whoever sends it."""
        limits, will, properties = self._limits, packet.will, packet.properties
        is_v3 = packet.version is Version.MQTT_3_1_1
        identifier_rejected = (
            ConnectReturnCode.IDENTIFIER_REJECTED
            if is_v3
            else ReasonCode.CLIENT_IDENTIFIER_NOT_VALID
        )
        if len(packet.client_id.encode()) > limits.client_id_size:
            return self._refuse(
                identifier_rejected,
                f"The client ID has more than {limits.client_id_size} bytes",
            )
        # Including one that AWS IoT assigned: it cannot be used for a second connection.
        if packet.client_id.startswith("$"):
            return self._refuse(identifier_rejected, "A client ID must not begin with $")
        if not packet.client_id and is_v3 and not packet.clean_start:
            return self._refuse(
                identifier_rejected, "A persistent session needs a client ID of the client's own"
            )
        if properties.authentication_method is not None:
            return self._refuse(
                ReasonCode.BAD_AUTHENTICATION_METHOD, "Extended authentication is not supported"
            )
        if (
            0
            < (properties.maximum_packet_size or limits.least_packet_size)
            < (limits.least_packet_size)
        ):
            return self._refuse(
                ReasonCode.UNSPECIFIED_ERROR,
                f"The Maximum Packet Size is less than {limits.least_packet_size}",
            )
        if will is not None and will.qos == 2:
            # A client of MQTT 3.1.1 then gets no CONNACK.
            code = None if is_v3 else ReasonCode.QOS_NOT_SUPPORTED
            return self._refuse(code, "A will of QoS 2 is not supported")
        if will is not None and len(will.payload) > limits.payload_size:
            return self._refuse(
                None if is_v3 else ReasonCode.QUOTA_EXCEEDED,
                f"The will has more than {limits.payload_size} bytes",
            )
        too_much = self._problem_with(properties) or (
            self._problem_with(will.properties) if will is not None else None
        )
        if too_much is not None:
            return self._refuse(ReasonCode.QUOTA_EXCEEDED, too_much)
        return None

    def accept_connect(
        self, session: SessionState, now: float, *, session_present: bool = False
    ) -> list[Event]:
        """Accept the client: send the CONNACK and the waiting messages, then process what follows.

        Args:
            session: the session, new or resumed.
            now: the clock.
            session_present: whether it is resumed.

        Returns:
            The client's requests since its CONNECT.
        """
        if self.phase is not Phase.DECIDING:
            return []
        assert self._request is not None
        properties = NO_PROPERTIES
        if self._version is _V5:
            properties = self._connack_properties(self._request)
        self._send(Connack(0, session_present, properties))
        self.session = session
        session.outlet = self
        self.phase = Phase.CONNECTED
        self._last_heard = now
        self._next_stored = now
        self._resend_all(now)
        self._send_waiting(now)
        return self._read(now)

    def _connack_properties(self, request: ConnectReceived) -> Properties:
        limits = self._limits
        requested_expiry = request.connect.properties.session_expiry_interval or 0
        return Properties(
            receive_maximum=limits.receive_maximum,
            maximum_qos=1,
            retain_available=1,
            maximum_packet_size=limits.packet_size,
            topic_alias_maximum=limits.topic_alias_maximum,
            wildcard_subscription_available=1,
            subscription_identifiers_available=0,
            shared_subscription_available=1,
            server_keep_alive=request.keep_alive,
            assigned_client_identifier=request.client_id if request.is_assigned else None,
            session_expiry_interval=(
                request.session_expiry if requested_expiry != request.session_expiry else None
            ),
        )

    def refuse_connect(
        self,
        code: ReasonCode | ConnectReturnCode | None,
        details: str,
        *,
        reason: DisconnectReason = DisconnectReason.AUTH_ERROR,
    ) -> list[Event]:
        """Refuse the client.

        Args:
            code: the CONNACK's code; ``None`` to close without a CONNACK, which is AWS IoT's answer
                to nearly everything. A reason code of MQTT 5 sends nothing in MQTT 3.1.1.
            details: a sentence for people, in MQTT 5 also the reason string.
            reason: why.
        """
        if self.phase is not Phase.DECIDING:
            return []
        return self._refuse(code, details, reason)

    def _refuse(
        self,
        code: ReasonCode | ConnectReturnCode | None,
        details: str,
        reason: DisconnectReason = DisconnectReason.CLIENT_ERROR,
    ) -> list[Event]:
        if isinstance(code, ReasonCode) and self._version is _V5:
            self._send_with_reason(Connack(code), details)
        elif isinstance(code, ConnectReturnCode) and self._version is not _V5:
            self._send(Connack(code))
        return self._close(reason, details)

    # -- PUBLISH from the client --------------------------------------------------------------

    @property
    def _is_full(self) -> bool:
        return self._unanswered >= self._limits.receive_maximum and self._version is not _V5

    def _handle_publish(self, packet: Publish, now: float) -> list[Event]:
        limits = self._limits
        if packet.qos == 2:
            if self._version is _V5:
                raise ProtocolError("QoS 2 is not supported", ReasonCode.QOS_NOT_SUPPORTED)
            return []  # AWS IoT neither answers nor delivers it
        if len(packet.payload) > limits.payload_size:
            raise ProtocolError(
                f"PAYLOAD_LIMIT_EXCEEDED: a payload of {len(packet.payload)} bytes is larger than "
                f"{limits.payload_size}",
                ReasonCode.QUOTA_EXCEEDED,
            )
        topic = packet.topic
        if packet.properties is not NO_PROPERTIES:
            topic = self._resolve_alias(packet)
            self._check_message_properties(packet.properties)
        if not topic and self._version is _V5:
            raise ProtocolError("A PUBLISH has neither a topic nor a topic alias")
        if packet.qos:
            if self._unanswered >= limits.receive_maximum:
                raise ProtocolError(
                    f"More than {limits.receive_maximum} messages are unacknowledged",
                    ReasonCode.RECEIVE_MAXIMUM_EXCEEDED,
                )
            self._unanswered += 1
        message = Message.of(topic, packet, now, limits.message_expiry)
        return [PublishReceived(message, packet.packet_id)]

    def _resolve_alias(self, packet: Publish) -> str:
        alias = packet.properties.topic_alias
        if alias is None:
            return packet.topic
        if alias > self._limits.topic_alias_maximum:
            raise ProtocolError(
                f"The topic alias {alias} is larger than {self._limits.topic_alias_maximum}",
                ReasonCode.TOPIC_ALIAS_INVALID,
            )
        if packet.topic:
            self._aliases[alias] = packet.topic
            return packet.topic
        topic = self._aliases.get(alias)
        if topic is None:
            raise ProtocolError(f"The topic alias {alias} has not been set")
        return topic

    def _check_message_properties(self, properties: Properties) -> None:
        if properties.subscription_identifiers:
            raise ProtocolError("A client sends no subscription identifier in a PUBLISH")
        problem = self._problem_with(properties)
        if problem is not None:
            raise ProtocolError(problem, ReasonCode.QUOTA_EXCEEDED)
        response_topic = properties.response_topic
        if response_topic is not None and ("+" in response_topic or "#" in response_topic):
            raise ProtocolError("A response topic has no wildcards")

    def _problem_with(self, properties: Properties) -> str | None:
        """Say which of AWS IoT's limits properties exceed."""
        if properties is NO_PROPERTIES:
            return None
        limits = self._limits
        if size_of_user_properties(properties) > limits.user_properties_size:
            return f"The user properties have more than {limits.user_properties_size} bytes"
        if len((properties.content_type or "").encode()) > limits.content_type_size:
            return f"The content type has more than {limits.content_type_size} bytes"
        if len((properties.response_topic or "").encode()) > limits.response_topic_size:
            return f"The response topic has more than {limits.response_topic_size} bytes"
        if len(properties.correlation_data or b"") > limits.correlation_data_size:
            return f"The correlation data has more than {limits.correlation_data_size} bytes"
        return None

    def accept_publish(
        self, event: PublishReceived, now: float, *, loses_puback: bool = False
    ) -> list[Event]:
        """Acknowledge a message.

        Args:
            event: the message.
            now: the clock.
            loses_puback: whether the PUBACK is lost on its way, at a test's request.

        Returns:
            The client's requests while it had to wait for the acknowledgement.
        """
        if event.packet_id is None or self.phase is not Phase.CONNECTED:
            return []
        if not loses_puback:
            self._send(Puback(event.packet_id))
        return self._answered(now)

    def refuse_publish(
        self, event: PublishReceived, code: ReasonCode, details: str, now: float
    ) -> list[Event]:
        """Refuse a message as AWS IoT does, depending on version and QoS.

        In MQTT 3.1.1 the connection ends without a PUBACK. In MQTT 5 the PUBACK says why; a message
        of QoS 0 has none, so the connection ends with a DISCONNECT that says why.

        Args:
            event: the message.
            code: why, such as ``NOT_AUTHORIZED`` or ``TOPIC_NAME_INVALID``.
            details: a sentence for people and for the reason string.
            now: the clock.
        """
        if self.phase is not Phase.CONNECTED:
            return []
        if self._version is _V5 and event.packet_id is not None:
            self._send_with_reason(Puback(event.packet_id, code), details)
            return self._answered(now)
        return self.close(_reason_for(code), details, code)

    def _answered(self, now: float) -> list[Event]:
        was_full = self._is_full
        self._unanswered -= 1
        return self._read(now) if was_full else []

    # -- SUBSCRIBE and UNSUBSCRIBE ------------------------------------------------------------

    def _handle_subscribe(self, packet: Subscribe) -> list[Event]:
        self._check_number_of_filters(len(packet.subscriptions))
        self._check_user_properties(packet.properties)
        if packet.properties.subscription_identifiers:
            raise ProtocolError(
                "Subscription Id is not supported now",
                ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
            )
        if any(subscription.qos == 2 for subscription in packet.subscriptions):
            if self._version is _V5:
                raise ProtocolError("QoS 2 is not supported", ReasonCode.QOS_NOT_SUPPORTED)
            return []  # AWS IoT sends no SUBACK
        for subscription in packet.subscriptions:
            if subscription.no_local and subscription.topic_filter.startswith("$share/"):
                raise ProtocolError("A shared subscription has the option No Local")
        return [SubscribeReceived(packet.packet_id, packet.subscriptions)]

    def _handle_unsubscribe(self, packet: Unsubscribe) -> list[Event]:
        self._check_user_properties(packet.properties)
        self._check_number_of_filters(len(packet.topic_filters))
        return [UnsubscribeReceived(packet.packet_id, packet.topic_filters)]

    def _check_number_of_filters(self, number: int) -> None:
        if number > self._limits.filters_per_packet:
            raise ProtocolError(
                f"{number} topic filters in one packet are more than "
                f"{self._limits.filters_per_packet}",
                ReasonCode.QUOTA_EXCEEDED,
            )

    def _check_user_properties(self, properties: Properties) -> None:
        problem = self._problem_with(properties)
        if problem is not None:
            raise ProtocolError(problem, ReasonCode.QUOTA_EXCEEDED)

    def answer_subscribe(
        self,
        event: SubscribeReceived,
        codes: Sequence[ReasonCode],
        details: str = "",
    ) -> list[Event]:
        """Answer a SUBSCRIBE, and add the granted filters to the session.

        In MQTT 3.1.1 AWS IoT ends the connection for a filter that is not valid or not allowed, and
        answers excess filters with a failure code.

        Args:
            event: the subscriptions.
            codes: for each of them the granted QoS or a failure.
            details: a sentence for people, and for the reason string if one failed.
        """
        if self.phase is not Phase.CONNECTED:
            return []
        assert self.session is not None
        if self._version is not _V5:
            for code in codes:
                if code.is_failure and code is not ReasonCode.QUOTA_EXCEEDED:
                    return self.close(_reason_for(code), details, code)
        for subscription, code in zip(event.subscriptions, codes, strict=True):
            if not code.is_failure:
                self.session.subscriptions[subscription.topic_filter] = subscription
        if self._version is _V5:
            answer = Suback(event.packet_id, tuple(codes))
            if any(code.is_failure for code in codes):
                self._send_with_reason(answer, details)
            else:
                self._send(answer)
        else:
            numbers = (SUBACK_FAILURE if code.is_failure else int(code) for code in codes)
            self._send(Suback(event.packet_id, tuple(numbers)))
        return []

    def answer_unsubscribe(self, event: UnsubscribeReceived) -> list[Event]:
        """Answer an UNSUBSCRIBE, and remove the filters from the session.

        AWS IoT does not distinguish filters to which the client had not subscribed.
        """
        if self.phase is not Phase.CONNECTED:
            return []
        assert self.session is not None
        for topic_filter in event.topic_filters:
            self.session.subscriptions.pop(topic_filter, None)
        codes = (0,) * len(event.topic_filters) if self._version is _V5 else ()
        self._send(Unsuback(event.packet_id, codes))
        return []

    # -- messages to the client ---------------------------------------------------------------

    def deliver(self, message: Message, qos: int, now: float, *, retained: bool = False) -> None:
        """Send the client a message, or let it wait in the session.

        A message of QoS 1 waits while as many are unacknowledged as the client or AWS IoT allows,
        or while the transport accepts no more data. One of QoS 0 is lost in the latter case. One
        that is larger than the client accepts is dropped (MQTT 5, section 3.1.2.11.4).

        Args:
            message: the message.
            qos: that of the subscription; the message is sent at the lower of the two.
            now: the clock.
            retained: whether it is sent because it was retained.
        """
        session = self.session
        if self.phase is not Phase.CONNECTED or session is None or message.has_expired(now):
            return
        if not min(qos, message.qos):
            if self.sending_paused:
                session.dropped += 1
                return
            self._send_message(message.as_packet(self._version, 0, None, now, retained=retained))
        elif session.waiting or not self._may_send:
            session.keep(message, retained=retained)
        else:
            self._send_new(message, retained, now)

    @property
    def _may_send(self) -> bool:
        assert self.session is not None
        return not self.sending_paused and len(self.session.in_flight) < self._receive_maximum

    def _send_new(self, message: Message, retained: bool, now: float) -> None:
        session = self.session
        assert session is not None
        packet_id = session.new_packet_id()
        packet = message.as_packet(self._version, 1, packet_id, now, retained=retained)
        if self._send_message(packet):
            session.in_flight[packet_id] = InFlight(message, retained, now, now)

    def _send_message(self, packet: Publish) -> bool:
        data = encode(packet, self._version)
        if self._largest_outgoing and len(data) > self._largest_outgoing:
            return False
        self._out.append(data)
        return True

    def _send_waiting(self, now: float) -> None:
        """Send waiting messages, as far as the limits allow."""
        session, rate = self.session, self._limits.stored_messages_per_second
        if session is None:
            return
        while session.waiting and self._may_send:
            if rate is not None:
                if now < self._next_stored:
                    return
                self._next_stored = max(self._next_stored, now - 1) + 1 / rate
            entry = session.next_waiting(now)
            if entry is None:
                return
            self._send_new(entry.message, entry.retained, now)

    def _resend_all(self, now: float) -> None:
        """Send the messages that were not acknowledged on the session's last connection."""
        assert self.session is not None
        for packet_id in list(self.session.in_flight):
            self._resend(packet_id, now)

    def _resend(self, packet_id: int, now: float) -> None:
        session = self.session
        assert session is not None
        entry = session.in_flight.pop(packet_id)
        if entry.message.has_expired(now):
            return
        # AWS IoT does not set DUP.
        packet = entry.message.as_packet(self._version, 1, packet_id, now, retained=entry.retained)
        if self._send_message(packet):
            entry.last_sent = now
            session.in_flight[packet_id] = entry

    def _handle_puback(self, packet: Puback, now: float) -> list[Event]:
        assert self.session is not None
        # An unknown one acknowledges a message that was given up.
        acknowledged = self.session.in_flight.pop(packet.packet_id, None)
        if acknowledged is not None and acknowledged.message.on_acknowledged is not None:
            acknowledged.message.on_acknowledged()
        self._send_waiting(now)
        return []

    def pause_sending(self) -> None:
        """Note that the transport accepts no more data for now."""
        self.sending_paused = True

    def resume_sending(self, now: float) -> None:
        """Note that the transport accepts data again."""
        self.sending_paused = False
        if self.phase is Phase.CONNECTED:
            self._send_waiting(now)

    # -- time ---------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` next has something to do; ``None`` for never."""
        if self.phase is Phase.WAITING_FOR_CONNECT:
            return self._opened + self._limits.connect_timeout
        if self.phase is not Phase.CONNECTED or self.session is None:
            return None
        deadline = self._last_heard + 1.5 * self._keep_alive
        session = self.session
        if session.in_flight:
            deadline = min(deadline, self._oldest_in_flight.last_sent + self._limits.resend_after)
        if session.waiting and self._may_send:
            deadline = min(deadline, self._next_stored)
        return deadline

    @property
    def _oldest_in_flight(self) -> InFlight:
        assert self.session is not None
        return next(iter(self.session.in_flight.values()))

    def tick(self, now: float, *, client_has_to_wait: bool = False) -> list[Event]:
        """Do due work: time limits, messages to resend, stored messages.

        Args:
            now: the clock.
            client_has_to_wait: whether the client waits for the server, so that its silence does
                not count.
        """
        if self.phase is Phase.WAITING_FOR_CONNECT:
            if now >= self._opened + self._limits.connect_timeout:
                return self._close(
                    DisconnectReason.CONNECTION_LOST,
                    f"No CONNECT within {self._limits.connect_timeout:g} seconds.",
                )
            return []
        if self.phase is not Phase.CONNECTED or self.session is None:
            return []
        if client_has_to_wait:
            self._last_heard = now
        elif now >= self._last_heard + 1.5 * self._keep_alive:
            return self.close(
                DisconnectReason.MQTT_KEEP_ALIVE_TIMEOUT,
                f"Nothing was heard for 1.5 times the keep alive of {self._keep_alive} seconds",
                ReasonCode.KEEP_ALIVE_TIMEOUT,
            )
        self._resend_due(now)
        self._send_waiting(now)
        return []

    def _resend_due(self, now: float) -> None:
        assert self.session is not None
        limits = self._limits
        longest = limits.resend_for_mqtt_5 if self._version is _V5 else limits.resend_for_mqtt_3
        while self.session.in_flight:
            packet_id, oldest = next(iter(self.session.in_flight.items()))
            if now < oldest.last_sent + limits.resend_after:
                return
            if now >= oldest.first_sent + longest:
                del self.session.in_flight[packet_id]
            elif self.sending_paused:
                self.session.in_flight[packet_id] = self.session.in_flight.pop(packet_id)
                oldest.last_sent = now
            else:
                self._resend(packet_id, now)

    # -- the end ------------------------------------------------------------------------------

    def _handle_disconnect(self, packet: Disconnect) -> list[Event]:
        expiry = packet.properties.session_expiry_interval
        if expiry is not None:
            assert self.session is not None
            assert self._request is not None
            if expiry and not self._request.session_expiry:
                raise ProtocolError("A session that was to end now is to go on")
            self.session.expiry = min(expiry, self._limits.session_expiry)
        keeps_will = packet.reason_code != ReasonCode.SUCCESS
        return self._close(
            DisconnectReason.CLIENT_INITIATED_DISCONNECT,
            "The client sent a DISCONNECT.",
            sends_will=keeps_will,
        )

    def close(
        self, reason: DisconnectReason, details: str, code: ReasonCode, *, sends_will: bool = True
    ) -> list[Event]:
        """End the connection; in MQTT 5 with a DISCONNECT. Do nothing if it is over.

        Args:
            reason: why.
            details: a sentence for people, in MQTT 5 also the reason string.
            code: the DISCONNECT's reason code.
            sends_will: whether to publish the will.
        """
        if self.phase is Phase.CONNECTED and self._version is _V5:
            self._send_with_reason(Disconnect(code), details)
        return self._close(reason, details, sends_will=sends_will)

    def _fail(self, error: ProtocolError) -> list[Event]:
        """End the connection because of an error of the client."""
        if isinstance(error, UnsupportedProtocolVersion):
            code = ConnectReturnCode.UNACCEPTABLE_PROTOCOL_VERSION
            return self._refuse(code, str(error))
        reason_code = error.reason_code
        if isinstance(error, PacketTooLarge):
            # The specification's code for it is not among those that AWS IoT lists.
            reason_code = ReasonCode.QUOTA_EXCEEDED
        return self.close(DisconnectReason.CLIENT_ERROR, str(error), reason_code)

    def _close(
        self, reason: DisconnectReason, details: str, *, sends_will: bool = True
    ) -> list[Event]:
        if self.phase is Phase.CLOSED:
            return []
        was_connected = self.phase is Phase.CONNECTED
        self.phase = Phase.CLOSED
        if self.session is not None and self.session.outlet is self:
            self.session.outlet = None
        will: Will | None = None
        if was_connected and sends_will and self._connect is not None:
            will = self._connect.will
        return [Closed(reason, details, was_connected, will)]

    # -- what goes out ------------------------------------------------------------------------

    def data_to_send(self) -> bytes:
        """Return the data to send, and clear it."""
        if not self._out:
            return b""
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        return data

    def _send(self, packet: Packet) -> None:
        self._out.append(encode(packet, self._version))

    def _send_with_reason(self, packet: Connack | Puback | Suback | Disconnect, text: str) -> None:
        """Send a failure with AWS IoT's form of a reason string, unless the client declines it."""
        data = encode(packet, self._version)
        if self._tells_problems and text:
            name = type(packet).__name__.upper()
            reason = f"{name}:{text}:{self._new_id()}"
            properties = Properties(reason_string=reason[:2000])
            with_reason = encode(replace(packet, properties=properties), self._version)
            if not self._largest_outgoing or len(with_reason) <= self._largest_outgoing:
                data = with_reason
        self._out.append(data)


def _reason_for(code: ReasonCode) -> DisconnectReason:
    """AWS's word for the end of a connection because of a refused request."""
    if code is ReasonCode.NOT_AUTHORIZED:
        return DisconnectReason.AUTH_ERROR
    return DisconnectReason.CLIENT_ERROR
