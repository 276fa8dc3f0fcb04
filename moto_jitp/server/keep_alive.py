"""Answers requests one after another on a connection that stays open, as in HTTP/1.1.

Werkzeug's own handler ends the connection after each answer, because it cannot know whether the
request's body has been read to its end: the rest of it would be taken for the next request. Here
the application says whether it has, and otherwise the connection ends.
https://www.rfc-editor.org/rfc/rfc9112.html#section-9.3
"""

from __future__ import annotations

import selectors
import ssl
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from moto.moto_server import werkzeug_app
from werkzeug.debug.tbtools import DebugTraceback
from werkzeug.exceptions import InternalServerError
from werkzeug.serving import WSGIRequestHandler

if TYPE_CHECKING:
    _MotoRequestHandler = WSGIRequestHandler
else:
    # Older versions of moto have no such handler.
    _MotoRequestHandler = getattr(werkzeug_app, "MotoRequestHandler", WSGIRequestHandler)

BODY_IS_READ = "moto_jitp.body_is_read"
"""The key under which the application puts ``True`` into the WSGI environment of a request whose
body it has read to its end.
"""

_DROPPED = (ConnectionError, TimeoutError, ssl.SSLEOFError)
_WITHOUT_BODY = (204, 304)
_MOST_UNREAD = 1024 * 1024 * 1024
_SILENCE = 0.01  # seconds; a client that is still sending needs a moment


class KeepAliveHandler(_MotoRequestHandler):
    """moto's request handler for a connection that stays open."""

    protocol_version = "HTTP/1.1"
    # The head of an answer is sent together with its body and without delay: of two small packets
    # on an open connection, the second would wait for the client to acknowledge the first.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def handle_expect_100(self) -> bool:
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def run_wsgi(self) -> None:
        self.environ = environ = self.make_environ()
        answer = _Answer(self, environ)
        try:
            try:
                answer.send(self.server.app(environ, answer.start))
            except _DROPPED:
                raise
            except Exception as error:
                if self.server.passthrough_errors:
                    raise
                self.close_connection = True
                text = DebugTraceback(error).render_traceback_text()
                self.server.log("error", f"Error on request:\n{text}")
                if not answer.has_begun:
                    answer = _Answer(self, environ)
                    answer.send(InternalServerError()(environ, answer.start))
        except _DROPPED as error:
            self.close_connection = True
            self.connection_dropped(error, environ)
            return
        if self.close_connection and not environ.get(BODY_IS_READ):
            self._skip_the_rest()

    def stays_open(self, environ: dict[str, Any]) -> bool:
        """Whether this request allows another to follow on the connection."""
        return (
            not self.close_connection
            and self.request_version >= "HTTP/1.1"
            and bool(environ.get(BODY_IS_READ))
            and _is_framed(self.headers)
            and not getattr(self.server, "is_closing", False)
        )

    def _skip_the_rest(self) -> None:
        """Read what the client is still sending, so that it sees the answer and not a reset."""
        bytes_left = _MOST_UNREAD
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            try:
                while bytes_left > 0 and selector.select(_SILENCE):
                    data = self.connection.recv(64 * 1024)
                    if not data:
                        return
                    bytes_left -= len(data)
            except (OSError, ValueError):
                return


def _is_framed(headers: Any) -> bool:
    """Whether the headers say unambiguously where the body of a request ends."""
    lengths = headers.get_all("Content-Length", [])
    codings = headers.get_all("Transfer-Encoding", [])
    if codings:
        return not lengths and [coding.strip().lower() for coding in codings] == ["chunked"]
    return len(lengths) < 2 and all(text.isascii() and text.isdigit() for text in lengths)


class _Answer:
    """The answer to one request: its head, and its body with an end that the client can find."""

    def __init__(self, handler: KeepAliveHandler, environ: dict[str, Any]) -> None:
        self._handler = handler
        self._environ = environ
        self._status = ""
        self._headers: list[tuple[str, str]] | None = None
        self._is_chunked = False
        self._has_body = True
        self._bytes_promised: int | None = None
        self.has_begun = False

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """WSGI's ``start_response``."""
        if exc_info is not None and self.has_begun:
            raise exc_info[1].with_traceback(exc_info[2])
        self._status, self._headers = status, headers
        return self._write

    def send(self, body: Iterable[bytes]) -> None:
        """Send what an application has returned."""
        try:
            for data in body:
                self._write(data)
            self._write(b"")
            if self._is_chunked:
                self._handler.wfile.write(b"0\r\n\r\n")
            if self._bytes_promised:
                self._handler.close_connection = True  # less than the head promised
            self._handler.wfile.flush()
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _write(self, data: bytes) -> None:
        if not self.has_begun:
            self._begin()
        if not data or not self._has_body:
            return
        if self._bytes_promised is not None:
            data = data[: self._bytes_promised]
            self._bytes_promised -= len(data)
        stream = self._handler.wfile
        if self._is_chunked:
            stream.write(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            stream.write(data)
        stream.flush()

    def _begin(self) -> None:
        assert self._headers is not None, "an application calls start_response first"
        self.has_begun = True
        handler = self._handler
        code_text, _, reason = self._status.partition(" ")
        code = int(code_text)
        given_headers = {name.lower(): value for name, value in self._headers}
        is_head = self._environ["REQUEST_METHOD"] == "HEAD"
        self._has_body = not (is_head or code < 200 or code in _WITHOUT_BODY)
        if not handler.stays_open(self._environ):
            handler.close_connection = True
        handler.send_response(code, reason)
        for name, value in self._headers:
            handler.send_header(name, value)
        if self._has_body:
            if "content-length" in given_headers:
                self._bytes_promised = int(given_headers["content-length"])
            elif handler.request_version >= "HTTP/1.1":
                self._is_chunked = True
                handler.send_header("Transfer-Encoding", "chunked")
            # Otherwise the end of the connection is that of the body.
        if handler.close_connection:
            handler.send_header("Connection", "close")
        handler.end_headers()
