"""The WSGI application: moto's own, with an eye on what passes through it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from moto_jitp.locks import new_condition
from moto_jitp.remote.client import PREFIX

from . import control
from .context import ENVIRON_KEY, ServerContext

_READS = ("GET", "HEAD", "OPTIONS")


class JitpApplication:
    """moto's application; knows how many requests are being answered, and notes changes.

    Args:
        context: the server's own.
    """

    def __init__(self, context: ServerContext) -> None:
        control.install()
        self._context = context
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._idle = new_condition()
        self._in_flight = 0

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        environ[ENVIRON_KEY] = self._context
        with self._idle:
            self._in_flight += 1
        try:
            body = self._moto(environ, start_response)
        except BaseException:
            self._end()
            raise
        # Before the answer is sent: who has it and reads the state then finds a newer version.
        if environ.get("REQUEST_METHOD") not in _READS or not _is_own(environ):
            self._context.changes.note()
        return _Watched(body, self._end)

    def _end(self) -> None:
        with self._idle:
            self._in_flight -= 1
            self._idle.notify_all()

    def drain(self, seconds: float) -> bool:
        """Wait until no request is being answered.

        Args:
            seconds: how long at most.

        Returns:
            Whether none is left.
        """
        until = time.monotonic() + seconds
        with self._idle:
            while self._in_flight:
                left = until - time.monotonic()
                if left <= 0 or not self._idle.wait(left):
                    return not self._in_flight
        return True


def _is_own(environ: dict[str, Any]) -> bool:
    # moto's and AWS's reads are few and may change something; the page's reads must not wake it.
    return str(environ.get("PATH_INFO", "")).startswith(PREFIX)


class _Watched:
    """A response's body that tells when it has been sent."""

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
