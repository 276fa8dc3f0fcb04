"""Reads the bodies of requests, within limits of size and time.

moto's dispatcher reads the body of an unsigned form while it holds the lock that every request
needs, so a client that sends half a form would block all others. Here a body is in memory before
moto is called, outside any lock.
"""

from __future__ import annotations

import contextlib
import io
import socket
from typing import Any, NamedTuple

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_content_length, get_input_stream

from moto_jitp.endpoint.real_time import real_monotonic

from .answers import RequestRefused
from .keep_alive import BODY_IS_READ

MAX_CONTROL_BYTES = 1024 * 1024
"""The limit of a control route's body; the longest sensible one is a chain of certificates."""

INPUT_KEY = "moto_jitp.input"
"""The key under which the request handler puts its :class:`TimedInput` into the WSGI environment.
"""

# Reading on lets a client that is still sending see the answer and not a broken connection; one
# that waits for the answer before it sends must not wait long.
_DRAIN_BYTES = 64 * MAX_CONTROL_BYTES
_DRAIN_SECONDS = 2.0
_CHUNK = 64 * 1024

# The defaults of Apache's mod_reqtimeout: a slow client gets more time in proportion to what it has
# sent, one that trickles on for ever does not.
_BYTES_PER_SECOND = 500


class BodyLimits(NamedTuple):
    """A server's limits for the bodies of requests.

    Attributes:
        max_bytes: the longest body; 128 MiB, as moto holds it in memory several times.
        seconds: the time for it to arrive; one second more for each 500 bytes that have.
    """

    max_bytes: int = 128 * 1024 * 1024
    seconds: float = 30.0


class TimedInput(io.RawIOBase):
    """A client's input, which ends once the client has taken too long.

    Args:
        connection: the client's.
        raw: reads from it.
    """

    def __init__(self, connection: socket.socket, raw: io.RawIOBase) -> None:
        self._connection = connection
        self._raw = raw
        # A test may freeze the time, which does not make a client any faster.
        self._clock = real_monotonic()
        self._until: float | None = None
        self.has_timed_out = False
        """Whether it has ended for that reason."""

    def limit_to(self, seconds: float | None) -> None:
        """From now on, allow this time, and a second more for each 500 bytes.

        Args:
            seconds: the time; ``None`` for only the connection's own limit.
        """
        self._until = None if seconds is None else self._clock() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._until is None:
            return self._raw.readinto(buffer)
        seconds_left = self._until - self._clock()
        if seconds_left <= 0 or self.has_timed_out:
            self.has_timed_out = True
            return 0
        usual = self._connection.gettimeout()
        self._connection.settimeout(seconds_left)
        try:
            count: int | None = self._raw.readinto(buffer)
        except TimeoutError:
            self.has_timed_out = True
            return 0
        finally:
            self._connection.settimeout(usual)
        self._until += (count or 0) / _BYTES_PER_SECOND
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class WholeChunks(io.RawIOBase):
    """Reads for Werkzeug's chunk decoder, and fails if a chunk is shorter than its length.

    The decoder ignores a short read: it then reports more bytes than it has written, and some
    versions of CPython read past the end of their buffer.

    Args:
        raw: reads from the client.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._raw.read(size)
        if len(data) < size:
            raise OSError("a chunk has fewer bytes than its length says")
        return data

    def readline(self, size: int | None = -1) -> bytes:
        line: bytes = self._raw.readline(size)
        return line


def take_into_memory(environ: dict[str, Any], limits: BodyLimits) -> None:
    """Read a request's body, and leave it in memory for the next reader.

    Args:
        environ: the request's WSGI environment, which is changed.
        limits: the limits of size and time.

    Raises:
        RequestRefused: as :func:`read_body`.
    """
    timed: TimedInput | None = environ.get(INPUT_KEY)
    if timed is not None:
        timed.limit_to(limits.seconds)
    try:
        body = read_body(environ, limits.max_bytes)
    except RequestRefused as refused:
        if timed is not None and timed.has_timed_out and refused.status == 400:
            raise RequestRefused(
                f"The body did not arrive within {limits.seconds:g} seconds and one more for each "
                f"{_BYTES_PER_SECOND} bytes of it. Send as much as Content-Length says, or end the "
                "last chunk.",
                408,
                "RequestTimeout",
            ) from None
        raise
    environ["wsgi.input"] = io.BytesIO(body)
    environ[BODY_IS_READ] = True
    # Some of moto's readers need the length, which a chunked body does not give.
    if body or "CONTENT_LENGTH" in environ:
        environ["CONTENT_LENGTH"] = str(len(body))


def read_body(environ: dict[str, Any], max_bytes: int = MAX_CONTROL_BYTES) -> bytes:
    """Read a request's body, whatever media type it claims (curl's default is that of forms).

    Args:
        environ: the request's WSGI environment.
        max_bytes: the limit of the body's length.

    Raises:
        RequestRefused: it is longer, ends too early, or is not chunked as its headers say.
    """
    stream = get_input_stream(environ)
    declared = get_content_length(environ)
    is_chunked = "wsgi.input_terminated" in environ
    try:
        is_too_long = not is_chunked and declared is not None and declared > max_bytes
        body = b"" if is_too_long else _read(stream, max_bytes + 1)
        if is_too_long or len(body) > max_bytes:
            _drain(environ, stream)
            raise RequestRefused(
                f"The body is longer than {max_bytes} bytes, the most that is read of it. Send less"
                + (
                    "."
                    if max_bytes <= MAX_CONTROL_BYTES
                    else ", or start the server with --max-body-bytes (ThreadedJitpServer: "
                    "max_body_bytes)."
                ),
                413,
                "BodyTooLarge",
            )
    except ClientDisconnected:
        raise RequestRefused(
            f"The body ended before the {declared} bytes that Content-Length says.",
            code="IncompleteBody",
        ) from None
    except OSError as error:
        raise RequestRefused(
            f"The body is not a valid sequence of chunks, or was broken off: {error}.",
            code="IncompleteBody",
        ) from None
    return body


def _read(stream: Any, limit: int) -> bytes:
    parts, length = [], 0
    while length < limit:
        part = stream.read(min(_CHUNK, limit - length))
        if not part:
            break
        parts.append(part)
        length += len(part)
    return b"".join(parts)


def _drain(environ: dict[str, Any], stream: Any) -> None:
    timed: TimedInput | None = environ.get(INPUT_KEY)
    if timed is not None:
        timed.limit_to(_DRAIN_SECONDS)
    bytes_left = _DRAIN_BYTES
    with contextlib.suppress(OSError, ClientDisconnected):
        while bytes_left > 0 and (part := stream.read(_CHUNK)):
            bytes_left -= len(part)
