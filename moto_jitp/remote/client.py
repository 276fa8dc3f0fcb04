"""Speaks to a running server's control routes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3

from moto_jitp.history.json_form import error_from_json

PREFIX = "/moto-api/jitp"
"""The control routes have this path, beside moto's own."""

# A listening server accepts a connection at once; on a busy machine its answer may take long, and a
# second request would repeat what it is still doing.
_TIMEOUT = urllib3.Timeout(connect=60.0, read=600.0)


_WAYS = (
    "with --endpoint-url on the command line, with endpoint_url= in Python, or with the "
    "environment variable AWS_ENDPOINT_URL"
)
SERVER_MODE = (
    "with the environment variable TEST_SERVER_MODE_ENDPOINT (or MOTO_PORT, for its port alone), "
    "which moto reads. Where TEST_SERVER_MODE is not set, no server is needed"
)
"""How moto's server mode learns where the server listens."""


class ControlError(Exception):
    """A server refused a request; this is not the refusal of a device.

    Attributes:
        status: the HTTP status.
        code: the error's name; empty if the server has no just-in-time provisioning.
        details: the answer's further members.
    """

    def __init__(
        self, status: int, code: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details or {}


class ControlClient:
    """The control routes of one server; may be used by several threads.

    Args:
        endpoint_url: where the server listens, such as ``http://127.0.0.1:5000``.
        verify: whether the certificate of an https server must be one that this machine trusts.
        connections: how many connections are kept open for reuse.
        ways: how to specify the server's address, for the error if none answers.

    Raises:
        ValueError: the endpoint is not a URL.
    """

    def __init__(
        self,
        endpoint_url: str,
        *,
        verify: bool = True,
        connections: int = 1,
        ways: str = _WAYS,
    ) -> None:
        parts = urlsplit(endpoint_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"{endpoint_url!r} is not an endpoint URL: write it as http://127.0.0.1:5000."
            )
        self._endpoint_url = endpoint_url.rstrip("/")
        self._ways = ways
        self._options: Mapping[str, Any] = {
            "maxsize": connections,
            "block": True,
            "retries": False,
            "timeout": _TIMEOUT,
            "cert_reqs": "CERT_REQUIRED" if verify else "CERT_NONE",
        }
        self._pool, self._process_id = self._new_pool(), os.getpid()

    def get(self, path: str, **query: Any) -> Any:
        """Read a route.

        Args:
            path: what follows the prefix, such as ``connections/1``.
            **query: query parameters.

        Raises:
            ControlError: the server refused it.
            ConnectionError: there is no answer.
        """
        return self._request("GET", path, fields=query)

    def post(self, path: str, body: Any) -> Any:
        """Send a JSON document to a route and return the answer's; raises as :meth:`get`."""
        return self._send("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        """Replace the resource of a route; raises as :meth:`get`."""
        return self._send("PUT", path, body)

    def delete(self, path: str) -> Any:
        """Delete the resource of a route; raises as :meth:`get`."""
        return self._request("DELETE", path)

    def _new_pool(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(**self._options)

    def _pool_of_this_process(self) -> urllib3.PoolManager:
        # A forked process must not use its parent's connections, nor wait for one that a thread of
        # its parent will never return here.
        if self._process_id != os.getpid():
            self._pool, self._process_id = self._new_pool(), os.getpid()
        return self._pool

    def _send(self, method: str, path: str, body: Any) -> Any:
        headers = {"Content-Type": "application/json"}
        return self._request(method, path, body=json.dumps(body), headers=headers)

    def _request(self, method: str, path: str, **options: Any) -> Any:
        url = f"{self._endpoint_url}{PREFIX}/{path}"
        try:
            answer = self._pool_of_this_process().request(method, url, **options)
        except urllib3.exceptions.HTTPError as error:
            if isinstance(getattr(error, "reason", None) or error, urllib3.exceptions.SSLError):
                raise ConnectionError(
                    f"The server at {self._endpoint_url} cannot be spoken to over https "
                    f"({_short(error)}). If its certificate was made for the purpose, as that of "
                    "'moto-jitp serve --ssl', give the command --no-verify-ssl."
                ) from None
            raise no_answer(self._endpoint_url, error, self._ways) from None
        try:
            document = json.loads(answer.data)
        except (ValueError, RecursionError):
            document = None
        if answer.status == 200 and document is not None:
            return document
        refusal = error_from_json(document)
        if refusal is not None:
            raise ControlError(answer.status, refusal.error, refusal.message, refusal._asdict())
        raise ControlError(
            answer.status,
            "",
            f"The server at {self._endpoint_url} has no just-in-time provisioning ({method} {url} "
            f"answered {answer.status}): start it with 'moto-jitp serve' or ThreadedJitpServer.",
        )


def no_answer(endpoint_url: str, error: Exception, ways: str) -> ConnectionError:
    """Return the error to raise if no server answers.

    Args:
        endpoint_url: where it should listen.
        error: the error of urllib3 or requests.
        ways: how to specify the server's address.
    """
    return ConnectionError(
        f"No server answers at {endpoint_url} ({_short(error)}). Start one with 'moto-jitp serve', "
        f"or say where it listens: {ways}."
    )


def _short(error: Exception) -> str:
    inner = error.args[0] if error.args else None
    if isinstance(inner, urllib3.exceptions.MaxRetryError):  # requests wraps what urllib3 raised
        error = inner
    cause = getattr(error, "reason", None) or error
    text = str(cause).rpartition(": ")[2].rpartition("] ")[2]
    return text or type(cause).__name__
