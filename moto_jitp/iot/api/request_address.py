"""The address to which the current request was sent: AWS's own, or a server's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

_uri: ContextVar[str] = ContextVar("moto_jitp_request_address", default="")
_AWS = (".amazonaws.com", ".amazonaws.com.cn")


@contextmanager
def request_sent_to(uri: str) -> Iterator[None]:
    """Remember the address of a request while it is answered.

    Args:
        uri: the whole address, such as ``http://127.0.0.1:5000/things``.
    """
    token = _uri.set(uri)
    try:
        yield
    finally:
        _uri.reset(token)


def server_address() -> str | None:
    """Return the address of the called server, such as ``http://127.0.0.1:5000``.

    Returns:
        Scheme and host; ``None`` for a call in this process, which was sent to AWS's address.
    """
    address = urlsplit(_uri.get())
    if not address.hostname or address.hostname.endswith(_AWS):
        return None
    return f"{address.scheme}://{address.netloc}"
