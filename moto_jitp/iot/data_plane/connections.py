"""DeleteConnection: the control plane ends what devices have opened.

Whoever has connections or keeps sessions stands above this layer and enters itself here.
https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_DeleteConnection.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class ConnectionDeletion(NamedTuple):
    """A request to end a client's connection.

    Attributes:
        client_id: the client's id.
        clean_session: whether to forget its session, too.
        prevent_will: whether its will is not to be published.
    """

    client_id: str
    clean_session: bool
    prevent_will: bool


deleters: list[Callable[[Any, ConnectionDeletion], bool]] = []
"""Called with the account and Region and the request; each returns whether there was something."""


def delete_connection(backend: Any, deletion: ConnectionDeletion) -> bool:
    """End a client's connection.

    Args:
        backend: the account and Region.
        deletion: what is asked for.

    Returns:
        Whether there was a connection, or a session to forget.
    """
    # Each is asked: the session that is kept is another than the connection.
    return sum(delete(backend, deletion) for delete in list(deleters)) > 0
