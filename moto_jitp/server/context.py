"""The parts of one running server that the control routes need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from moto_jitp import activation, configuration, settings
from moto_jitp.locks import new_lock

from .answers import RequestRefused
from .changes import Changes

ENVIRON_KEY = "moto_jitp.server"
"""The key of the context in each request's WSGI environment."""


class ServerContext:
    """One server's settings and its live updates.

    Args:
        config: the configuration, of which the section ``jitp`` is used; strict unless it says
            otherwise.

    Raises:
        ValueError: the section has an unknown key or a value of the wrong type.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        _, self._at_start = configuration.split_config(config)
        self._lock = new_lock()
        self._layer: settings.SettingsLayer | None = None
        self.changes = Changes()

    def start(self) -> None:
        """Put the backend in place and the settings into force."""
        self.changes = Changes()
        activation.check_moto()
        activation.hold()
        self._layer = settings.push(self._at_start)

    def stop(self) -> None:
        """Undo :meth:`start`; a second call does nothing."""
        self.changes.close()
        with self._lock:
            layer, self._layer = self._layer, None
        if layer is not None:
            settings.pop(layer)
            activation.let_go()

    def configure(self, keys: Mapping[str, Any]) -> None:
        """Replace the settings; those not named return to the value that the server started with.

        Raises:
            ValueError: a key or an operation is unknown, or a value has the wrong type.
            RequestRefused: no server runs whose settings these could be.
        """
        checked = configuration.checked_section(keys)
        with self._lock:
            if self._layer is None:
                raise RequestRefused(
                    "These are the settings of a running server, and there is none: inside a "
                    "process, settings are given to mock_jitp(config=...).",
                    409,
                    "NoServer",
                )
            settings.pop(self._layer)
            self._layer = settings.push({**self._at_start, **checked})


def current_config() -> dict[str, Any]:
    """Return the settings in force, key to value."""
    return asdict(settings.current())
