"""The thread that owns the endpoint's sockets and sessions."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from moto_jitp.mqtt.events import ConnectReceived, DisconnectReason
from moto_jitp.mqtt.limits import AWS_LIMITS, Limits
from moto_jitp.mqtt.messages import Message
from moto_jitp.mqtt.reason_codes import ReasonCode
from moto_jitp.mqtt.session import SessionState, SessionStore

from .client_connection import ClientConnection
from .client_socket import ClientSocket
from .door import Client, Door, Subscriber
from .link import Link
from .real_time import real_monotonic
from .serving import Served, ServedSession
from .workers import Workers

_BACKLOG = 1024
_LOOKS_EVERY = 0.005
_STOPS_WITHIN = 5.0
_LOOPBACK = ("127.0.0.1", "::1")
_TRIES_FOR_A_PORT_OF_BOTH = 20
_threads = itertools.count(1)


@dataclass(frozen=True)
class Listener:
    """Listening sockets, and the protocol of their connections.

    Attributes:
        sockets: bound, listening sockets.
        new_link: makes the server's side of a connection.
        new_connection: makes the handler that speaks to a client, from the server and the link.
    """

    sockets: Sequence[socket.socket]
    new_link: Callable[[], Link]
    new_connection: Callable[[EndpointServer, Link], ClientSocket] = ClientConnection


class EndpointServer:
    """Serves clients in a thread of its own, which nothing else may block.

    Args:
        door: decides on clients.
        limits: the limits of a connection.
        report: receives unexpected errors.
    """

    def __init__(
        self,
        door: Door,
        *,
        limits: Limits = AWS_LIMITS,
        report: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self.door = door
        self.limits = limits
        self.report = report
        self.loop: asyncio.SelectorEventLoop = _Loop()
        self.connections: set[Served] = set()
        name = f"moto_jitp endpoint {next(_threads)}"
        self.workers = Workers(f"{name} worker")
        self._stores: dict[tuple[str, str], SessionStore] = {}
        self._subscribers: dict[int, Subscriber] = {}
        self._connected: dict[int, ServedSession] = {}
        self._mail: deque[tuple[SessionState, Message, int, bool]] = deque()
        self._mail_is_called_for = False
        self._batch = threading.local()
        self._batches = 0
        self._looking = False
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    # -- start and stop -----------------------------------------------------------------------

    def start(self, listeners: Sequence[Listener]) -> None:
        """Accept connections from now on."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._accept(listeners), self.loop).result()

    async def _accept(self, listeners: Sequence[Listener]) -> None:
        for listener in listeners:
            for listening in listener.sockets:
                new_connection = partial(self._new_connection, listener)
                self._servers.append(
                    await self.loop.create_server(new_connection, sock=listening, backlog=_BACKLOG)
                )

    def _new_connection(self, listener: Listener) -> asyncio.Protocol:
        connection: asyncio.Protocol = listener.new_connection(self, listener.new_link())
        return connection

    def stop(self) -> None:
        """End all connections and release threads and sockets."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._shut_down(), self.loop).result()
        self.workers.stop(_STOPS_WITHIN)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    async def _shut_down(self) -> None:
        for server in self._servers:
            server.close()
        leaving = list(self.connections)
        for connection in leaving:
            connection.close(
                DisconnectReason.SERVER_INITIATED_DISCONNECT,
                "The endpoint stops",
                ReasonCode.SERVER_SHUTTING_DOWN,
            )
        ends_at = self.loop.time() + _STOPS_WITHIN
        while self.loop.time() < ends_at and not all(
            connection.flushed() for connection in leaving
        ):
            await asyncio.sleep(0.005)
        for connection in list(self.connections):
            connection.abort()
        for subscriber in list(self._subscribers.values()):
            self.workers.submit(subscriber.forget)
        self._subscribers.clear()
        await asyncio.sleep(0)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def call(self, function: Callable[[], object]) -> None:
        """Run a function in the endpoint's thread, unless it has stopped."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(function)

    # -- sessions -----------------------------------------------------------------------------

    def open_session(
        self, event: ConnectReceived, client: Client, connection: ServedSession
    ) -> tuple[SessionState, bool]:
        """Open or resume the session of an accepted client.

        Returns:
            The session, and whether it existed before.
        """
        store = self._stores.get(client.place)
        if store is None:
            store = self._stores[client.place] = SessionStore(self.limits)
        session, present, before = store.open(
            event.client_id,
            event.connect.version,
            owner=client.owner,
            clean_start=event.connect.clean_start,
            expiry=event.session_expiry,
        )
        if before is not None:
            self._forget(before)
        self._connected[id(session)] = connection
        earlier = self._subscribers.get(id(session))
        self._subscribers[id(session)] = client.subscriber(earlier, _Mailbox(self, session))
        if present:
            self.workers.submit(client.resumed)
        return session, present

    def session_lost_connection(self, session: SessionState, client: Client) -> Subscriber | None:
        """Note that a session's connection is over; the session may end with it.

        Returns:
            Where it has ended: what subscribed for it, which is to forget it in a worker.
        """
        store = self._stores[client.place]
        if session.outlet is not None:
            return None  # a newer connection has resumed it
        self._connected.pop(id(session), None)
        has_ended = store.connection_ended(session, self.loop.time())
        self._look_for_expired_sessions()
        return self._subscribers.pop(id(session), None) if has_ended else None

    def _look_for_expired_sessions(self) -> None:
        now = self.loop.time()
        dues = []
        for store in self._stores.values():
            for session in store.expire(now):
                self._forget(session)
            if store.next_expiry is not None:
                dues.append(store.next_expiry)
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
            self._expiry_timer = None
        if dues:
            self._expiry_timer = self.loop.call_at(min(dues), self._look_for_expired_sessions)

    def _forget(self, session: SessionState) -> None:
        subscriber = self._subscribers.pop(id(session), None)
        if subscriber is not None:
            self.workers.submit(subscriber.forget)

    def keeps_session(self, place: tuple[str, str], client_id: str) -> bool:
        """Whether the session of a disconnected client is kept; may be called in any thread."""
        store = self._stores.get(place)
        session = store.get(client_id) if store is not None else None
        return session is not None and session.outlet is None

    def end_session(self, place: tuple[str, str], client_id: str) -> bool:
        """End the kept session of a client; may be called in any thread.

        Returns:
            Whether there was one.
        """

        def end() -> None:
            store = self._stores.get(place)
            session = store.get(client_id) if store is not None else None
            if store is not None and session is not None and session.outlet is None:
                store.end(session)
                self._forget(session)

        known = self._stores.get(place)
        if known is None or known.get(client_id) is None:
            return False
        self.call(end)
        return True

    # -- messages to clients ------------------------------------------------------------------

    def mail(self, session: SessionState, message: Message, qos: int, retained: bool) -> None:
        """Deliver a message to a session; may be called in any thread."""
        self._mail.append((session, message, qos, retained))
        if getattr(self._batch, "is_under_way", False):
            return  # the thread checks for it during a batch and at its end
        if not self._mail_is_called_for:
            self._mail_is_called_for = True
            self.call(self._deliver_mail)

    # Each call to the endpoint's thread makes the caller give up the interpreter, for milliseconds
    # if that thread is busy. A batch of a client's messages should cost one call, not one each.

    def hand_to_worker(self, batch: Callable[[], object]) -> None:
        """Let a worker carry out a batch of a client's requests.

        Args:
            batch: calls :meth:`batch_ended` in the endpoint's thread when it is done.
        """
        self._batches += 1
        if not self._looking:
            self._looking = True
            self.loop.call_later(_LOOKS_EVERY, self._look_for_mail)

        def work() -> None:
            self._batch.is_under_way = True
            try:
                batch()
            finally:
                self._batch.is_under_way = False

        self.workers.submit(work)

    def batch_ended(self) -> None:
        """Note that a batch is done, and deliver its messages."""
        self._batches -= 1
        self._deliver_mail()

    def _look_for_mail(self) -> None:
        """A handler may block in the middle of a batch: earlier messages must not wait for it."""
        self._deliver_mail()
        self._looking = self._batches > 0
        if self._looking:
            self.loop.call_later(_LOOKS_EVERY, self._look_for_mail)

    def _deliver_mail(self) -> None:
        # First: messages added from now on call again.
        self._mail_is_called_for = False
        now = self.loop.time()
        touched: dict[ServedSession, None] = {}
        for _ in range(len(self._mail)):
            session, message, qos, retained = self._mail.popleft()
            connection = self._connected.get(id(session))
            session.deliver(message, qos, now, retained=retained)
            if connection is not None:
                touched[connection] = None
        for connection in touched:
            connection.sent_something()


class _Mailbox:
    """Passes messages from the message broker's threads to a session."""

    def __init__(self, server: EndpointServer, session: SessionState) -> None:
        self._server = server
        self._session = session

    def put(self, message: Message, qos: int, *, retained: bool = False) -> None:
        self._server.mail(self._session, message, qos, retained)

    def call_later(self, seconds: float, job: Callable[[], object]) -> None:
        server = self._server
        server.call(lambda: server.loop.call_later(seconds, server.workers.submit, job))


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose time runs on while a test freezes the clock."""

    def __init__(self) -> None:
        self.time = real_monotonic()  # type: ignore[method-assign]
        super().__init__()


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen at once, so that a port in use is an error here and not in a thread.

    Args:
        host: an address or a name; ``localhost`` for both loopback addresses, with the same port,
            of which the second may be missing on this machine.
        port: the port; 0 for a free one.

    Raises:
        OSError: the port is in use, or the address is not one of this machine's.
        ValueError: it is not a port.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"{port} is not a valid port: a port is a number from 0 to 65535.")
    if host != "localhost":
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return [_listen(address[0], str(address[4][0]), port)]
    for _ in range(_TRIES_FOR_A_PORT_OF_BOTH):
        first = _listen(socket.AF_INET, _LOOPBACK[0], port)
        try:
            return [first, _listen(socket.AF_INET6, _LOOPBACK[1], first.getsockname()[1])]
        except OSError as error:
            if not _has_ipv6():
                return [first]
            first.close()
            if port:
                raise error
    raise OSError("No port is free on both 127.0.0.1 and ::1.")


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind((_LOOPBACK[1], 0))
    except OSError:
        return False
    return True


def _listen(family: int, host: str, port: int) -> socket.socket:
    # With the protocol number asyncio turns off Nagle's algorithm, which would delay the second of
    # two small writes until the client acknowledges the first: 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if hasattr(socket, "SO_REUSEPORT"):  # not on Windows, where it would share a port in use
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
