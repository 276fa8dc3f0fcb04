"""The settings of a ``mock_jitp`` block under ``TEST_SERVER_MODE``, which the server uses
meanwhile.

A server has one set of settings. The first block with settings of its own remembers the server's.
In force are those with the keys of every such block laid over them, so that blocks may end in any
order; the end of the last block restores them.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from typing import Any

from moto_jitp.settings import SECTION

from .client import ControlClient, ControlError
from .connection import server_client


class ServerLayer:
    """One block's keys at a server; :meth:`pop` removes them when the block ends."""

    def __init__(self, server: _Server, keys: Mapping[str, Any]) -> None:
        self.keys = keys
        self._server = server

    def pop(self) -> None:
        """Remove the keys; if the server has ended they are gone with it."""
        with contextlib.suppress(ConnectionError):
            self._server.take_out(self)


def push_at_server(keys: Mapping[str, Any]) -> ServerLayer:
    """Lay checked keys over the settings of the server of moto's ``TEST_SERVER_MODE``.

    Args:
        keys: the block's own keys, at least one.

    Raises:
        RuntimeError: the server has no just-in-time provisioning.
        ConnectionError: the server does not answer.
    """
    server = _server_of(server_client())
    layer = ServerLayer(server, keys)
    try:
        server.lay(layer)
    except ControlError as error:
        raise RuntimeError(
            f'The section "{SECTION}" of the configuration cannot be put into force at the server '
            f"of TEST_SERVER_MODE. {error}"
        ) from None
    return layer


class _Server:
    """A server whose settings blocks of this process change; the mocks' lock is held."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client
        self._found: dict[str, Any] = {}
        self._layers: list[ServerLayer] = []

    def lay(self, layer: ServerLayer) -> None:
        now: dict[str, Any] = self._client.get("config")
        self._client.put("config", {**now, **layer.keys})
        if not self._layers:
            self._found = now
        self._layers.append(layer)

    def take_out(self, layer: ServerLayer) -> None:
        self._layers.remove(layer)
        remaining_settings = dict(self._found)
        for remaining_layer in self._layers:
            remaining_settings.update(remaining_layer.keys)
        self._client.put("config", remaining_settings)


@functools.lru_cache(maxsize=4)
def _server_of(client: ControlClient) -> _Server:
    return _Server(client)
