"""The events at the endpoint, for tests that wait for the next one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Literal

from moto.iot.models import IoTBackend

from moto_jitp.broker.message_broker import listeners
from moto_jitp.devices.attempts import observers
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import Event, Message
from moto_jitp.locks import new_condition
from moto_jitp.mqtt.topic_filters import check_topic_filter, topic_matches

from .real_time import real_monotonic

Kind = Literal["connection", "refusal", "disconnection", "message"]
KINDS: tuple[Kind, ...] = ("connection", "refusal", "disconnection", "message")
_KEPT = 10_000
_DISCONNECTED = "$aws/events/presence/disconnected/"
_TOLD = 12


class Happenings:
    """The last connections, refusals, disconnections and messages of all accounts and Regions."""

    def __init__(self) -> None:
        self._changed = new_condition()
        self._entries: deque[_Entry] = deque(maxlen=_KEPT)

    def start(self) -> None:
        """Begin to note events."""
        observers.append(self._attempted)
        listeners.append(self._published)

    def stop(self) -> None:
        """Stop noting events."""
        observers.remove(self._attempted)
        listeners.remove(self._published)

    def _attempted(self, attempt: ConnectionAttempt) -> None:
        self._add(_Entry(None, attempt))

    def _published(self, backend: IoTBackend, message: Message) -> None:
        place = (backend.account_id, backend.region_name)
        self._add(_Entry(place, message))

    def _add(self, entry: _Entry) -> None:
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()

    def wait_for(
        self, kind: str, client_id: str | None, topic: str | None, timeout: float
    ) -> ConnectionAttempt | Event:
        """Wait for the first happening of a kind that no earlier call has returned.

        Args:
            kind: one of :data:`KINDS`.
            client_id: that of the client; ``None`` for any.
            topic: a topic filter for messages; ``None`` for any.
            timeout: seconds.

        Raises:
            TimeoutError: it has not happened; the text says what has.
            ValueError: there is no such kind, or the filter is not valid.
        """
        if kind not in KINDS:
            raise ValueError(f"wait_for accepts one of {', '.join(KINDS)}, not {kind!r}.")
        if topic is not None:
            check_topic_filter(topic)
        is_expected = _wanted(kind, client_id, topic)
        now = real_monotonic()
        ends_at = now() + timeout
        with self._changed:
            entries_seen = 0
            while True:
                for entry in list(self._entries)[entries_seen:]:
                    if not entry.is_taken and is_expected(entry):
                        entry.is_taken = True
                        return entry.value
                entries_seen = len(self._entries) if len(self._entries) < _KEPT else 0
                seconds_left = ends_at - now()
                if seconds_left <= 0:
                    raise TimeoutError(self._what_happened(kind, client_id, topic, timeout))
                self._changed.wait(min(seconds_left, 1.0))

    def _what_happened(
        self, kind: str, client_id: str | None, topic: str | None, timeout: float
    ) -> str:
        about = f" of client {client_id!r}" if client_id is not None else ""
        about += f" on {topic!r}" if topic is not None else ""
        entries = list(self._entries)
        lines = [f"No {kind}{about} within {timeout:g} seconds."]
        if not entries:
            lines.append(
                "Nothing has happened at all: does the client use the right host and port?"
            )
        else:
            lines.append(f"What has happened ({len(entries)}, the last {_TOLD}):")
            lines += [f"  {entry.told}" for entry in entries[-_TOLD:]]
        return "\n".join(lines)


class _Entry:
    """One happening."""

    __slots__ = ("content", "is_taken", "place")

    def __init__(self, place: tuple[str, str] | None, content: ConnectionAttempt | Message) -> None:
        self.place = place
        self.content = content
        self.is_taken = False

    @property
    def value(self) -> ConnectionAttempt | Event:
        """The value for a test."""
        if isinstance(self.content, ConnectionAttempt):
            return self.content
        assert self.place is not None
        return self.content.as_event(*self.place)

    @property
    def told(self) -> str:
        """One line for people."""
        content = self.content
        if isinstance(content, ConnectionAttempt):
            outcome = "connected" if content.accepted else f"was refused: {content.reason}"
            return f"client {content.client_id!r} {outcome}"
        payload = repr(content.payload)
        return f"message on {content.topic!r}: {payload[:120]}"


def _wanted(kind: str, client_id: str | None, topic: str | None) -> Callable[[_Entry], bool]:
    if kind in ("connection", "refusal"):

        def is_attempt(entry: _Entry) -> bool:
            content = entry.content
            return (
                isinstance(content, ConnectionAttempt)
                and content.accepted is (kind == "connection")
                and client_id in (None, content.client_id)
            )

        return is_attempt

    def is_message(entry: _Entry) -> bool:
        content = entry.content
        if isinstance(content, ConnectionAttempt):
            return False
        name = content.topic
        if kind == "disconnection":
            return name.startswith(_DISCONNECTED) and client_id in (None, _of(name))
        if topic is None and name.startswith("$aws/events/"):
            return False
        publisher = content.publisher
        sender = None if publisher is None else publisher.client_id
        return (topic is None or topic_matches(topic, name)) and client_id in (None, sender)

    return is_message


def _of(topic: str) -> Any:
    return topic[len(_DISCONNECTED) :]
