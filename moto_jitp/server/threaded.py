"""``ThreadedJitpServer``: the server in a thread of this process."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.core.models import MockAWS
from werkzeug.serving import ThreadedWSGIServer

from moto_jitp.devices.attempts import observers
from moto_jitp.locks import new_lock

from .application import JitpApplication
from .browsers import BrowserGuard
from .context import ServerContext
from .logs import RequestHandler, log_attempt
from .uploads import BodyLimits

_BACKLOG = 1024
_STOPS_WITHIN = 5.0

#: The servers of this process, which share its state.
_running: list[ThreadedJitpServer] = []


class ThreadedJitpServer:
    """moto's server with just-in-time provisioning, in a thread, with every AWS service of moto.

    Usable in a ``with`` block, or with :meth:`start` and :meth:`stop`. Its state is that of the
    process: a ``mock_aws`` that starts or ends elsewhere in it clears the state, and when the
    last server stops it is cleared too, unless a mock is active.

    Args:
        ip_address: where to listen; this machine only by default.
        port: the port; 0 for a free one.
        config: moto's configuration, of which the section ``jitp`` is used here. ``strict`` is on
            unless it says otherwise.
        ssl_context: for https; ``None`` for http.
        max_body_bytes: the limit of a request's body, 128 MiB by default; a longer one is answered
            with 413. For a control route it is at most 1 MiB.
        body_timeout: within how many seconds a body must arrive, 30 by default, and one more for
            each 500 bytes that have; a later one is answered with 408.
        allowed_hosts: further names and addresses, beside those of the loopback, by which browsers
            may reach the control routes.

    Raises:
        ValueError: the section ``jitp`` has an unknown key or a value of the wrong type, or an
            allowed host is not just the name or address of a host.
    """

    def __init__(
        self,
        ip_address: str = "127.0.0.1",
        port: int = 0,
        config: Mapping[str, Any] | None = None,
        *,
        ssl_context: ssl.SSLContext | None = None,
        max_body_bytes: int | None = None,
        body_timeout: float | None = None,
        allowed_hosts: Iterable[str] = (),
    ) -> None:
        self._ip_address = ip_address
        self._wanted_port = port
        self._context = ServerContext(config)
        self._ssl_context = ssl_context
        limits = BodyLimits()
        if max_body_bytes is not None:
            limits = limits._replace(max_bytes=max_body_bytes)
        if body_timeout is not None:
            limits = limits._replace(seconds=body_timeout)
        self._limits = limits
        self._guard = BrowserGuard(ip_address, allowed_hosts)
        self._server: _HttpServer | None = None
        self._application: JitpApplication | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> ThreadedJitpServer:
        """Listen, and answer requests from now on.

        Returns:
            The server itself.

        Raises:
            OSError: the port is in use (``address already in use``), or the address is not one of
                this machine's.
            RuntimeError: it is already running.
            UnsupportedMotoError: the installed moto lacks a name that is hooked.
        """
        if self._server is not None:
            raise RuntimeError(f"This server is running already, at {self.endpoint_url}.")
        listening = _listen(self._ip_address, self._wanted_port)
        with contextlib.closing(listening):
            self._context.start()
            try:
                self._application = JitpApplication(self._context, self._limits, self._guard)
                self._server = _HttpServer(
                    self._ip_address,
                    listening.getsockname()[1],
                    self._application,
                    RequestHandler,
                    fd=listening.fileno(),
                )
            except BaseException:
                self._context.stop()
                raise
        if self._ssl_context is not None:
            # The handshake belongs in the request's thread: a client that connects and then stays
            # silent would keep everyone else waiting.
            self._server.socket = self._ssl_context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._server.ssl_context = self._ssl_context
        observers.append(log_attempt)
        _running.append(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            # The longest that stop() waits for the loop to notice.
            kwargs={"poll_interval": 0.05},
            name="moto_jitp server",
            daemon=True,
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, after answering the requests in progress; a second call does nothing."""
        server, self._server = self._server, None
        if server is None:
            return
        assert self._thread is not None
        assert self._application is not None
        server.is_closing = True
        server.shutdown()
        self._thread.join()
        self._context.changes.close()
        self._application.drain(_STOPS_WITHIN)
        server.close_connections()
        observers.remove(log_attempt)
        self._context.stop()
        _running.remove(self)
        if not MockAWS._nested_count and not _running:
            BackendDict.reset()
            reset_model_data()

    @property
    def port(self) -> int:
        """The port that it listens on.

        Raises:
            RuntimeError: it is not running.
        """
        if self._server is None:
            raise RuntimeError("This server is not running: use it in a 'with' block, or start().")
        port: int = self._server.port
        return port

    @property
    def endpoint_url(self) -> str:
        """Where it listens, for the ``endpoint_url`` of boto3 and the AWS CLI's ``--endpoint-url``.

        Raises:
            RuntimeError: it is not running.
        """
        # A server on all addresses is reached at the loopback address.
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(
            self._ip_address, self._ip_address
        )
        scheme = "http" if self._ssl_context is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def __enter__(self) -> ThreadedJitpServer:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        address = self.endpoint_url if self._server is not None else "not running"
        return f"<ThreadedJitpServer {address}>"


class _HttpServer(ThreadedWSGIServer):
    """Knows its connections: some may still be silent, but a stopped server must answer none.

    Attributes:
        is_closing: whether the requests in progress are the last ones of their connections.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self.is_closing = False
        super().__init__(*args, **options)
        self._connections: set[socket.socket] = set()
        self._lock = new_lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _listen(host: str, port: int) -> socket.socket:
    """Listen at once, so that a port in use is an error here and not in a thread.

    Raises:
        OSError: that fails.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if socket.has_dualstack_ipv6() and family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if hasattr(socket, "SO_REUSEPORT"):  # not on Windows, where it would share a port in use
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        if isinstance(error, OverflowError):
            raise ValueError(
                f"{port} is not a valid port: a port is a number from 0 to 65535."
            ) from None
        raise
    return listening
