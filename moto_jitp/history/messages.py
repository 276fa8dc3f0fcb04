"""Messages: what AWS IoT and devices have published."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Protocol


class Event(NamedTuple):
    """One published message.

    Attributes:
        topic: where it was published.
        payload: a dict for what AWS IoT itself publishes as JSON, wherever a test reads it (in
            ``jitp.events`` and the handlers of ``jitp.subscribe``); bytes for a device's message,
            and for an answer in CBOR. A device receives bytes only; see :meth:`as_sent`.
        account_id: the account whose topic it is.
        region_name: the Region whose topic it is.
    """

    topic: str
    payload: Any
    account_id: str
    region_name: str

    def as_sent(self) -> Event:
        """Return the event as an MQTT client receives it: a dict as compact JSON in UTF-8."""
        if isinstance(self.payload, bytes):
            return self
        text = json.dumps(self.payload, separators=(",", ":"), ensure_ascii=False)
        # Half of a surrogate pair, which JSON can escape and UTF-8 does not have, stays escaped.
        return self._replace(payload=text.encode("utf-8", "backslashreplace"))


class UnrenderedEvent(Protocol):
    """Stands for an event until somebody reads it; see :meth:`render`."""

    def render(self) -> Event:
        """Return the event."""
        ...
