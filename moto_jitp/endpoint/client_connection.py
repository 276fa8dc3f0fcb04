"""One client's connection: socket, TLS and MQTT together, all in the endpoint's thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from socket import IPPROTO_TCP, TCP_NODELAY
from types import MappingProxyType
from typing import Any

from moto_jitp import disturbances
from moto_jitp.disturbances import UNDISTURBED
from moto_jitp.mqtt.events import (
    Closed,
    ConnectReceived,
    DisconnectReason,
    Event,
    Pinged,
    PublishReceived,
    SubscribeReceived,
    UnsubscribeReceived,
)
from moto_jitp.mqtt.reason_codes import ReasonCode
from moto_jitp.mqtt.server_connection import Phase, ServerConnection

from .client_socket import ClientSocket
from .door import Client, Refusal, Subscriber
from .link import Link
from .serving import Serving

# How much may wait to be written before QoS 0 is dropped and QoS 1 waits in the session.
_HIGH_WATER = 1 << 20
_LOW_WATER = 1 << 18
# The number of unprocessed requests of a client beyond which no more is read.
_MOST_WAITING = 1000
_MOST_WAITING_BYTES = 1 << 20
_LINGERS = 2.0

_COUNTED = (PublishReceived, SubscribeReceived, UnsubscribeReceived, Pinged)

Speaks = Callable[[Serving, Link], ClientSocket]

_NO_OTHERS: Mapping[str, Speaks] = MappingProxyType({})

Answer = Callable[[], "list[Event]"]


class ClientConnection(ClientSocket):
    """A client's connection.

    Args:
        server: the endpoint.
        link: TLS, or none.
        others: by name, the handlers of other application protocols that clients may negotiate
            (ALPN).
    """

    def __init__(
        self,
        server: Serving,
        link: Link,
        others: Mapping[str, Speaks] = _NO_OTHERS,
    ) -> None:
        super().__init__(server, link)
        self._others = others
        self._mqtt = ServerConnection(self._loop.time(), limits=server.limits)
        self._client: Client | None = None
        self._leaving: Subscriber | None = None
        self._events: deque[Event] = deque()
        self._events_size = 0
        self._working = False
        self._reading = True
        self._writing_paused = False
        self._packets = 0
        self._lost_pubacks = 0
        self._is_half_open = False
        self._is_held = False
        self.disturbed = UNDISTURBED

    # -- the socket ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._transport is not None:
            self._transport.set_write_buffer_limits(_HIGH_WATER, _LOW_WATER)

    def data_received(self, data: bytes) -> None:
        if not self._is_half_open:
            super().data_received(data)

    def _handshake_failed(self, details: str) -> None:
        self._handle(self._mqtt.peer_closed(details))

    def _handshake_done(self) -> ClientSocket:
        other = self._others.get(self._peer.alpn or "")
        return self if other is None else other(self._server, self._link)

    def _receive(self, data: bytes) -> None:
        self._handle(self._mqtt.receive(data, self._loop.time()))

    def eof_received(self) -> bool:
        return self._is_half_open  # close, unless nothing gets through

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_half_open and not self._over:
            self._transport = None
            return  # AWS IoT does not notice before the keep alive has run out
        self._server.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        was_over, self._over = self._over, True
        if not was_over:
            details = "The client closed the connection without a DISCONNECT."
            if exc is not None:
                details = f"The connection broke: {exc}."
            self._handle(self._mqtt.peer_closed(details))
        self._transport = None

    def pause_writing(self) -> None:
        self._writing_paused = True
        self._mqtt.pause_sending()
        self._choose_whether_to_read()

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._mqtt.resume_sending(self._loop.time())
        self._flush()
        self._choose_whether_to_read()

    def _write(self, data: bytes) -> None:
        if not self._is_half_open:
            super()._write(data)

    def _flush(self) -> None:
        data = self._mqtt.data_to_send()
        if data:
            self._write(self._link.send(data))

    def _choose_whether_to_read(self) -> None:
        """Leave bytes in the socket if the client must wait."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        is_wanted = (
            # While none have arrived there is nothing to leave: most clients await the CONNACK.
            (self._mqtt.wants_data or not self._mqtt.has_unread)
            and not self._writing_paused
            and len(self._events) < _MOST_WAITING
            and self._events_size < _MOST_WAITING_BYTES
        )
        if is_wanted == self._reading:
            return
        self._reading = is_wanted
        if is_wanted:
            transport.resume_reading()
        else:
            transport.pause_reading()

    # -- MQTT ---------------------------------------------------------------------------------

    def _handle(self, events: list[Event]) -> None:
        """Process a client's requests, and send pending data."""
        for event in events:
            if self.disturbed is not UNDISTURBED and not self._gets_through(event):
                continue
            if isinstance(event, ConnectReceived):
                self._begin_disturbed(event.client_id)
            if isinstance(event, PublishReceived):
                self._events_size += len(event.message.payload)
            elif isinstance(event, Closed):
                self._session_ended()
            self._events.append(event)
        self._flush()
        if self._mqtt.phase is Phase.CLOSED and not self._over:
            self._end()
        self._work()
        self._choose_whether_to_read()
        self._set_timer()

    def _work(self) -> None:
        """Pass all waiting requests to a worker, unless one already works for this client."""
        if self._working or self._is_held or not self._events:
            return
        self._working = True
        batch = list(self._events)
        self._events.clear()
        self._events_size = 0
        self._server.hand_to_worker(lambda: self._carry_out(batch))

    def _carry_out(self, batch: list[Event]) -> None:
        """Carry out a client's requests, in a worker's thread."""
        answers: list[Answer] = []
        try:
            if self._client is not None and any(
                isinstance(event, PublishReceived) for event in batch
            ):
                self._client.begin_batch()
            for event in batch:
                answer = self._answer_to(event)
                if answer is not None:
                    answers.append(answer)
        except Exception as error:
            text = f"The endpoint failed: {type(error).__name__}: {error}"
            self._server.report(error)
            answers.append(
                lambda: self._mqtt.close(
                    DisconnectReason.SERVER_ERROR, text, ReasonCode.UNSPECIFIED_ERROR
                )
            )
        if self._leaving is not None:
            self._leaving.forget()
        self._server.call(lambda: self._answer(answers))

    def _answer(self, answers: list[Answer]) -> None:
        """Send a worker's answers, back in the endpoint's thread."""
        self._working = False
        self._server.batch_ended()
        events: list[Event] = []
        for answer in answers:
            events += answer()
        if self._breaks_now:
            self._break()
            return
        self._handle(events)
        self._be_half_open_where_asked()

    # -- what a test has asked to go wrong ------------------------------------------------------

    def _begin_disturbed(self, client_id: str) -> None:
        """Determine what goes wrong on the connection of a client that has sent its CONNECT."""
        if not disturbances.any_planned():
            return
        self.disturbed = disturbances.of_connection(client_id)
        self._lost_pubacks = self.disturbed.lost_pubacks
        if self.disturbed.delay:
            self._is_held = True
            self._loop.call_later(self.disturbed.delay, self._release)

    def _release(self) -> None:
        self._is_held = False
        self._work()

    def _gets_through(self, event: Event) -> bool:
        """Count a packet, and return whether to carry it out."""
        if not isinstance(event, _COUNTED):
            return True
        ends = (self.disturbed.drop_after, self.disturbed.half_open_after)
        if any(after is not None and self._packets >= after for after in ends):
            return False
        self._packets += 1
        return True

    @property
    def _breaks_now(self) -> bool:
        after = self.disturbed.drop_after
        return after is not None and self._client is not None and self._packets >= after

    def _break(self) -> None:
        """Break the connection without answering the last request."""
        self._mqtt.data_to_send()
        self._over = True
        self.abort()
        self._handle(self._mqtt.peer_closed("The connection was broken off, as a test requested."))

    def _be_half_open_where_asked(self) -> None:
        after = self.disturbed.half_open_after
        if after is not None and self._client is not None and self._packets >= after:
            self._is_half_open = True

    def _answer_to(self, event: Event) -> Answer | None:
        client, mqtt = self._client, self._mqtt
        if isinstance(event, PublishReceived):
            if client is None:
                return None
            refusal = client.publish(event.message)
            return lambda: self._answer_publish(event, refusal)
        if isinstance(event, ConnectReceived):
            outcome = self._server.door.connect(self._peer, event, self)
            if isinstance(outcome, Refusal):
                return lambda: mqtt.refuse_connect(outcome.code, outcome.details)
            self._client = outcome
            return lambda: self._accept(event, outcome)
        if isinstance(event, Closed):
            self._tell_the_end(event)
            return None
        if client is None:
            return None
        if isinstance(event, SubscribeReceived):
            grants = client.subscribe(event.subscriptions)

            def granted() -> list[Event]:
                events = mqtt.answer_subscribe(event, grants.codes, grants.details)
                for message, qos in grants.retained:
                    mqtt.deliver(message, qos, self._loop.time(), retained=True)
                return events

            return granted
        if isinstance(event, UnsubscribeReceived):
            client.unsubscribe(event.topic_filters)
            return lambda: mqtt.answer_unsubscribe(event)
        if isinstance(event, Pinged):
            client.pinged()
        return None

    def _answer_publish(self, event: PublishReceived, refusal: Refusal | None) -> list[Event]:
        now = self._loop.time()
        if refusal is None:
            loses = self._lost_pubacks > 0 and event.packet_id is not None
            if loses:
                self._lost_pubacks -= 1
            return self._mqtt.accept_publish(event, now, loses_puback=loses)
        code = refusal.code if isinstance(refusal.code, ReasonCode) else None
        return self._mqtt.refuse_publish(
            event, code or ReasonCode.UNSPECIFIED_ERROR, refusal.details, now
        )

    def _accept(self, event: ConnectReceived, client: Client) -> list[Event]:
        if self._mqtt.phase is not Phase.DECIDING:
            return []  # it has since been closed
        session, present = self._server.open_session(event, client, self)
        return self._mqtt.accept_connect(session, self._loop.time(), session_present=present)

    def _session_ended(self) -> None:
        session = self._mqtt.session
        if session is not None and self._client is not None:
            self._leaving = self._server.session_lost_connection(session, self._client)

    def _tell_the_end(self, closed: Closed) -> None:
        door = self._server.door
        if self._client is not None:
            self._client.ended(closed)
        elif self._mqtt.has_received_connect:
            if closed.reason is DisconnectReason.CLIENT_ERROR:
                door.not_connected(
                    self._peer, self._mqtt.version, self._mqtt.client_id, closed.details
                )
        else:
            door.not_a_client(self._peer, closed.details)

    # -- the end ------------------------------------------------------------------------------

    def close(
        self, reason: DisconnectReason, details: str, code: ReasonCode, *, sends_will: bool = True
    ) -> None:
        """End the connection; may be called in any thread."""

        if self._over:
            return  # the connection's end has ended the session

        def end() -> None:
            self._handle(self._mqtt.close(reason, details, code, sends_will=sends_will))

        self._server.call(end)

    def _end(self) -> None:
        """Close the socket once the remaining data is written, or the client takes too long."""
        self._over = True
        transport = self._transport
        if transport is None:
            self._server.connections.discard(self)
            return
        if transport.is_closing() or self._is_half_open:
            return
        self._write(self._link.close())
        transport.close()
        self._loop.call_later(_LINGERS, transport.abort)

    @property
    def client_id(self) -> str:
        """The client identifier; empty before the CONNECT."""
        return self._mqtt.client_id

    @property
    def waiting_to_be_written(self) -> int:
        """The number of bytes that the client has not yet received."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def is_without_delay(self) -> bool:
        """Whether small writes are sent at once (Nagle's algorithm is off)."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        return sock is not None and bool(sock.getsockopt(IPPROTO_TCP, TCP_NODELAY))

    def flushed(self) -> bool:
        """Whether nothing waits to be written or processed."""
        is_gone = self._transport is None or self._is_half_open
        return is_gone and not self._working and not self._events

    # -- time ---------------------------------------------------------------------------------

    def sent_something(self) -> None:
        """Write the MQTT side's data after messages were delivered."""
        self._flush()
        self._set_timer()

    def _set_timer(self) -> None:
        """Schedule a check of the clock for when something is due."""
        deadline = self._mqtt.deadline
        if deadline is None or (self._transport is None and not self._is_half_open):
            return
        timer = self._timer
        if timer is not None and not timer.cancelled():
            if timer.when() <= deadline:
                return
            timer.cancel()
        self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self, *_: Any) -> None:
        self._timer = None
        waits_for_us = self._working or self._is_held or bool(self._events)
        events = self._mqtt.tick(self._loop.time(), client_has_to_wait=waits_for_us)
        self._handle(events)
