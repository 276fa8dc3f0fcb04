"""One connection of a client that speaks HTTPS: socket, TLS and HTTP/1.1 put together."""

from __future__ import annotations

from collections.abc import Mapping

import h11

from moto_jitp.mqtt.events import DisconnectReason
from moto_jitp.mqtt.reason_codes import ReasonCode

from .client_socket import ClientSocket
from .http_door import HttpAnswer, HttpDoor, HttpRequest
from .link import Link
from .serving import Serving

# More than AWS IoT accepts. A longer body is read and discarded, so that the client learns why;
# beyond the second limit it is cut off.
_LONGEST_BODY = 1 << 20
_MOST_READ = 1 << 26
_IDLE = 60.0
_LINGERS = 2.0
_TOO_LONG = HttpAnswer(
    413,
    {"message": f"The body is longer than {_LONGEST_BODY} bytes."},
    "RequestEntityTooLargeException",
)


class HttpConnection(ClientSocket):
    """A client's connection, for one request after the other; all in the endpoint's thread.

    Args:
        server: the endpoint.
        link: TLS.
        door: answers requests, in a worker's thread.
    """

    def __init__(self, server: Serving, link: Link, door: HttpDoor) -> None:
        super().__init__(server, link)
        self._door = door
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._size = 0
        self._has_answered = False
        self._working = False

    # -- the socket ---------------------------------------------------------------------------

    def _handshake_failed(self, details: str) -> None:
        self._tell(details)
        self._end()

    def eof_received(self) -> bool:
        return self._working  # the pending request is answered first

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self._over = True
        if not self._has_answered and not self._working:
            self._tell("The client closed the connection without a request.")
        self._transport = None

    def _tell(self, details: str) -> None:
        peer = self._peer
        self._has_answered = True
        self._server.workers.submit(lambda: self._door.not_a_client(peer, details))

    # -- HTTP ---------------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        try:
            if data:
                self._set_timer()
                self._http.receive_data(data)
            self._go_on()
        except h11.RemoteProtocolError as error:
            status = int(error.error_status_hint)
            details = f"The request is not HTTP/1.1: {error}."
            self._tell(details)
            self._answer(HttpAnswer(status, {"message": details}, "InvalidRequestException"))

    def _go_on(self) -> None:
        """Process received data, up to one whole request."""
        while not self._working and not self._over:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._request, self._body, self._size = event, bytearray(), 0
                if self._http.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self._send(self._http.send(go_on))
            elif isinstance(event, h11.Data):
                self._take(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self._ask()
            else:  # more bytes are needed, or the client has finished
                return

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= _LONGEST_BODY:
            self._body += data
        elif self._size > _MOST_READ:
            self._answer(_TOO_LONG)

    def _ask(self) -> None:
        """Let a worker find the answer, and read no more meanwhile."""
        asked = self._request
        assert asked is not None
        assert self._transport is not None
        if self._size > _LONGEST_BODY:
            self._answer(_TOO_LONG)
            if not self._over:
                self._http.start_next_cycle()
            return
        request = HttpRequest(
            asked.method.decode("ascii"),
            asked.target.decode("latin-1"),
            _headers(asked),
            bytes(self._body),
        )
        self._working = True
        self._transport.pause_reading()
        peer, door = self._peer, self._door

        def work() -> None:
            answer = door.answer(peer, request)
            self._server.call(lambda: self._give(answer))

        self._server.workers.submit(work)

    def _give(self, answer: HttpAnswer) -> None:
        self._working = False
        if self._over or self._transport is None or self._transport.is_closing():
            return
        self._answer(answer)
        if not self._over:
            self._http.start_next_cycle()
            self._transport.resume_reading()
            self._set_timer()
            self._receive(b"")  # data received meanwhile

    def _answer(self, answer: HttpAnswer) -> None:
        """Send an answer, and close if no further request can follow."""
        self._has_answered = True
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self._end()
            return
        response = h11.Response(status_code=answer.status, headers=answer.all_headers())
        is_head = self._request is not None and self._request.method == b"HEAD"
        parts = [response, *([] if is_head else [h11.Data(data=answer.content())])]
        self._send(b"".join(self._http.send(part) or b"" for part in (*parts, h11.EndOfMessage())))
        if self._http.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            self._end()

    def _send(self, data: bytes | None) -> None:
        if data:
            self._write(self._link.send(data))

    # -- the end ------------------------------------------------------------------------------

    def close(self, reason: DisconnectReason, details: str, code: ReasonCode) -> None:
        """End the connection; may be called in any thread."""
        self._server.call(self._end)

    def _end(self) -> None:
        self._over = True
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._write(self._link.close())
        transport.close()
        self._loop.call_later(_LINGERS, transport.abort)

    def flushed(self) -> bool:
        """Whether nothing waits to be written or processed."""
        return self._transport is None and not self._working

    def _set_timer(self) -> None:
        """Close an idle connection."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_IDLE, self._give_up)

    def _give_up(self) -> None:
        if not self._working:
            self._end()


def _headers(request: h11.Request) -> Mapping[str, str]:
    return {name.decode("ascii"): value.decode("latin-1") for name, value in request.headers}
