"""Finds the control route of a request, and turns errors into JSON.

The routes are beside moto's own under ``/moto-api/``, in its table, so that they work wherever
moto's do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from moto_jitp.activation import add_control_route
from moto_jitp.iot.models import is_plugged_in
from moto_jitp.iot.provisioning.state_transitions import UnusableTransition
from moto_jitp.printing import one_line
from moto_jitp.remote.client import PREFIX

from .answers import Answer, RequestRefused
from .context import ENVIRON_KEY, ServerContext
from .page import page_file
from .routes import all_routes
from .uploads import read_body

_log = logging.getLogger("moto_jitp.server")

Headers = dict[str, str]

# A caller without a server (moto's own routes inside a process) has no settings and no updates.
_no_server = ServerContext()


def install() -> None:
    """Put the control routes beside moto's; call it before the first ``/moto-api`` request."""
    add_control_route(f"{{0}}{PREFIX}$", _answer_moto)
    # In two groups, because moto's translation for Flask ends a group at the first bracket.
    add_control_route(f"{{0}}{PREFIX}/(?P<route>.*)$", _answer_moto)


def _answer_moto(request: Any, full_url: str, headers: Any) -> tuple[int, Headers, bytes]:
    environ = getattr(request, "environ", None)
    if environ is None:  # older moto, inside a process

        def read() -> bytes:
            body = request.body or b""
            return body if isinstance(body, bytes) else str(body).encode()

        parts = urlsplit(full_url)
        answer = respond(request.method, unquote(parts.path), parts.query, read, _no_server)
    else:
        # Not from the URL: moto's versions differ in what they decode in it.
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        context = environ.get(ENVIRON_KEY, _no_server)
        answer = respond(request.method, path, query, lambda: read_body(environ), context)
    headers_of_answer = {
        "Content-Type": answer.content_type,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    body = b"" if request.method == "HEAD" else answer.body
    return answer.status, {**headers_of_answer, **dict(answer.headers)}, body


def respond(
    method: str, path: str, query: str, body: Callable[[], bytes], context: ServerContext
) -> Answer:
    """Carry out a request for a control route; errors become JSON answers."""
    rest = path.removeprefix(PREFIX)
    try:
        if not rest:
            return Answer(308, b"", "text/plain", (("Location", f"{PREFIX}/"),))
        return _respond(method, rest[1:], _query(query), body, context)
    except RequestRefused as refused:
        return refused.answer()
    except UnusableTransition as mistake:  # a client has set it through moto's own route
        return RequestRefused(str(mistake)).answer()
    except Exception:
        _log.exception("%s failed", one_line(f"{method} {path}"))
        return RequestRefused(
            "The server failed to answer; its log has the traceback. This is a mistake of "
            "moto_jitp's, please report it.",
            500,
            "InternalError",
        ).answer()


def _respond(
    method: str,
    path: str,
    query: Mapping[str, str],
    body: Callable[[], bytes],
    context: ServerContext,
) -> Answer:
    asset = page_file(path)
    if asset is not None:
        _check_method(method, ("GET",))
        return asset
    methods, number = all_routes.at(path)
    if not methods:
        raise RequestRefused(
            f"There is nothing at {PREFIX}/{path[:80]}. GET {PREFIX}/openapi.json describes the "
            f"routes: {', '.join(all_routes.paths)}.",
            404,
            "NotFound",
        )
    route = methods[_check_method(method, methods)]
    if not is_plugged_in():
        raise RequestRefused(
            "Just-in-time provisioning is not active here: start the server with "
            "'moto-jitp serve' or ThreadedJitpServer, or call moto_jitp.activate() first.",
            409,
            "NotActive",
        )
    return route.handler(route.check(context, query, body, number))


def _check_method(method: str, allowed: Iterable[str]) -> str:
    """Return the method to carry out; HEAD is answered like GET."""
    allowed_method = "GET" if method == "HEAD" else method
    if allowed_method not in allowed:
        names = ", ".join(allowed)
        raise RequestRefused(
            f"This route takes {names}, not {method}.",
            405,
            "MethodNotAllowed",
            (("Allow", names),),
        )
    return allowed_method


def _query(text: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in query:
            raise RequestRefused(f"The query parameter {name[:60]!a} is given twice.")
        query[name] = value
    return query
