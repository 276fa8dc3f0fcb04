"""Keeps other websites' pages away from the routes that control the server.

A browser sends requests to this machine on behalf of any page that it shows. Without a check, a
page from anywhere could reset the state and read it, or make calls fail. It cannot lie about two
headers: ``Origin``, where the page came from, and ``Host``, the name by which it reached the
server. That is the page's own if its name was made to resolve to this machine (DNS rebinding).

Requests of SDKs to AWS's operations are never judged: they name AWS's hosts.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .answers import RequestRefused

_GUARDED = "/moto-api"
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_guarded(environ: Mapping[str, Any]) -> bool:
    """Whether a request is for a control route or one of moto's own, such as its reset.

    Args:
        environ: the request's WSGI environment.
    """
    return str(environ.get("PATH_INFO", "")).startswith(_GUARDED)


def is_loopback(host: str) -> bool:
    """Whether a name or address leads to this machine alone, such as ``127.0.0.1``."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class BrowserGuard:
    """Refuses control requests that another website's page may have sent.

    Args:
        ip_address: where the server listens.
        allowed_hosts: further names and addresses that it may be reached by.

    Raises:
        ValueError: an allowed host is not the name or address of a host alone.
    """

    def __init__(self, ip_address: str, allowed_hosts: Iterable[str] = ()) -> None:
        self._is_local = is_loopback(ip_address)
        self._allowed = frozenset(map(_host_name, allowed_hosts))

    def check(self, environ: Mapping[str, Any]) -> None:
        """Refuse a request for a control route from another website's page.

        Args:
            environ: the request's WSGI environment.

        Raises:
            RequestRefused: it names a host or an origin that is not the server's own.
        """
        requested_host = _split(f"//{environ.get('HTTP_HOST', '')}")
        if self._is_local and environ.get("HTTP_HOST") and not self._is_own_host(requested_host):
            raise RequestRefused(
                "This server listens on this machine only, and takes control requests only by a "
                f"loopback name or address; the request's Host is {environ['HTTP_HOST'][:80]!a}. "
                "If that name is yours, start the server with --allowed-host NAME "
                "(ThreadedJitpServer: allowed_hosts).",
                403,
                "ForeignHost",
            )
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not self._is_own_origin(origin, requested_host, environ):
            raise RequestRefused(
                f"A web page of {origin[:80]!a} has sent this request; control routes take those "
                "of the server's own page and of programs, which send no Origin.",
                403,
                "ForeignOrigin",
            )

    def _is_own_host(self, host: SplitResult | None) -> bool:
        name = None if host is None else host.hostname
        return name is not None and (is_loopback(name) or name.rstrip(".") in self._allowed)

    def _is_own_origin(
        self, origin: str, requested_host: SplitResult | None, environ: Mapping[str, Any]
    ) -> bool:
        page = _split(origin)
        if page is None or requested_host is None or not page.hostname:
            return False
        if page.hostname.rstrip(".") in self._allowed:
            return True  # also behind a proxy with another scheme and port
        scheme = environ.get("wsgi.url_scheme", "http")
        return _place(page, page.scheme) == _place(requested_host, scheme)


def without_cors(start_response: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a WSGI ``start_response`` so that no page of another origin may read the answer."""

    def start(status: str, headers: Iterable[tuple[str, str]], *further_arguments: Any) -> Any:
        kept_headers = [
            header for header in headers if not header[0].lower().startswith("access-control-")
        ]
        return start_response(status, kept_headers, *further_arguments)

    return start


def _place(url: SplitResult, scheme: str) -> tuple[str, str | None, int | None]:
    return scheme, url.hostname, url.port or _DEFAULT_PORTS.get(scheme)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is not a number
    except ValueError:
        return None
    return parts


def _host_name(text: str) -> str:
    bare = text.strip("[]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        if not _NAME.fullmatch(text):
            raise ValueError(
                f"{text!r} is not the name or address of a host alone, such as moto.lan: leave "
                "out scheme, port and path."
            ) from None
        return text.lower().rstrip(".")
