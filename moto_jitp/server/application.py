"""The WSGI application: moto's own, with checks of requests and notes of changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from moto_jitp.locks import new_condition
from moto_jitp.remote.client import PREFIX

from . import control
from .answers import Answer, RequestRefused
from .browsers import BrowserGuard, is_guarded, without_cors
from .context import ENVIRON_KEY, ServerContext
from .dispatching import Dispatcher
from .uploads import MAX_CONTROL_BYTES, BodyLimits, take_into_memory

_READS = ("GET", "HEAD", "OPTIONS")

_WELCOME = Answer(
    200,
    (
        "<!doctype html><html lang=en><title>moto_jitp</title>"
        "<p>This is a moto server with AWS IoT just-in-time provisioning. "
        f'<a href="{PREFIX}/">See what devices did</a>.\n'
    ).encode(),
    "text/html; charset=utf-8",
)


class JitpApplication:
    """moto's application, with checks of requests and notes of changes.

    It reads bodies before moto does, keeps other websites' pages out, counts the requests in
    progress, and notes changes.

    Args:
        context: that of the server.
        limits: the limits of a request's body; for a control route, 1 MiB at most.
        guard: which web pages may send requests for control routes.
    """

    def __init__(self, context: ServerContext, limits: BodyLimits, guard: BrowserGuard) -> None:
        self._limits = limits
        self._guard = guard
        control.install()
        self._context = context
        self._dispatcher = Dispatcher()
        self._idle = new_condition()
        self._in_flight = 0

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        try:
            take_into_memory(environ, self._limits_of(environ))
            if is_guarded(environ):
                self._guard.check(environ)
                start_response = without_cors(start_response)
            if _is_browser(environ):
                return _send(_WELCOME, start_response)
            application = self._dispatcher.application_for(environ)
        except RequestRefused as refused:
            return _send(refused.answer(), start_response)
        environ[ENVIRON_KEY] = self._context
        with self._idle:
            self._in_flight += 1
        try:
            body = application(environ, start_response)
        except BaseException:
            self._end()
            raise
        # Before the answer is sent: a client that has it and reads the state then finds a newer
        # version.
        if environ.get("REQUEST_METHOD") not in _READS or not _is_own(environ):
            self._context.changes.note()
        return _Watched(body, self._end)

    def _limits_of(self, environ: dict[str, Any]) -> BodyLimits:
        if not _is_own(environ):
            return self._limits
        most = min(self._limits.max_bytes, MAX_CONTROL_BYTES)
        return self._limits._replace(max_bytes=most)

    def _end(self) -> None:
        with self._idle:
            self._in_flight -= 1
            self._idle.notify_all()

    def drain(self, seconds: float) -> bool:
        """Wait until no request is in progress.

        Args:
            seconds: how long at most.

        Returns:
            Whether none is left.
        """
        until = time.monotonic() + seconds
        with self._idle:
            while self._in_flight:
                seconds_left = until - time.monotonic()
                if seconds_left <= 0 or not self._idle.wait(seconds_left):
                    return not self._in_flight
        return True


def _is_own(environ: dict[str, Any]) -> bool:
    # Reads of moto and AWS are few and may change something; the page's own reads must not wake it.
    return str(environ.get("PATH_INFO", "")).startswith(PREFIX)


def _is_browser(environ: dict[str, Any]) -> bool:
    """Whether a person opens the server's root; an SDK would sign its request."""
    return (
        environ.get("REQUEST_METHOD") == "GET"
        and environ.get("PATH_INFO") in ("", "/")
        and "text/html" in environ.get("HTTP_ACCEPT", "")
        and "HTTP_AUTHORIZATION" not in environ
        and "X-Amz-" not in environ.get("QUERY_STRING", "")
    )


def _send(answer: Answer, start_response: Callable[..., Any]) -> Iterable[bytes]:
    headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
    status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
    start_response(status, [*headers, *answer.headers])
    return [answer.body]


class _Watched:
    """A response's body that calls back once it has been sent."""

    def __init__(self, body: Iterable[bytes], at_end: Callable[[], None]) -> None:
        self._body = body
        self._at_end = at_end

    def __iter__(self) -> Any:
        return iter(self._body)

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._at_end()
