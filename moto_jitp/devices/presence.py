"""Who is connected, and the lifecycle events that tell of it.

AWS IoT lets one client of a name be connected: a newer connection ends the older one. It also
disconnects the clients of a certificate that is not ACTIVE any more, within minutes: here at once,
so that no test has to wait. Connections are many, and few tests read these events, so they are put
together when somebody reads them: those of connecting from the attempts, which are kept anyway.
https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html
https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from moto.iot.models import IoTBackend

from moto_jitp.broker.message_broker import broker_of, deliver, publish_as_aws
from moto_jitp.history.attempts import ConnectionAttempt, RefusalReason
from moto_jitp.history.messages import Event
from moto_jitp.history.state import state_of
from moto_jitp.iot.certificates.device_certificates import (
    Certificates,
    DeviceCertificate,
    status_observers,
)
from moto_jitp.iot.models import JitpIoTBackend, is_plugged_in, live_backends

from .authorization import SOURCE_ADDRESS
from .recording import record_operation

_BY_CLIENT = "CLIENT_INITIATED_DISCONNECT"
_FORGOTTEN_AFTER = timedelta(hours=1)


class _Client(NamedTuple):
    """A client ID that has been connected.

    Attributes:
        attempt: the present connection; ``None`` where it has ended.
        version: the number of the last connection, which its events carry.
        ended: when that one ended; ``None`` while it stands.
    """

    attempt: ConnectionAttempt | None
    version: int
    ended: datetime | None


_NEVER = _Client(None, -1, None)


class _Presence:
    """Who is and has been connected in one account and Region.

    Attributes:
        clients: the clients that have been connected, by client ID.
        clients_of_certificates: the client IDs that certificates have been connected with, by
            certificate id.
        restarts: the numbers of accepted attempts whose client had been away for so long that its
            version numbers begin anew.
        exclusive_things: the things of attempts whose certificate is attached to one exclusively.
    """

    def __init__(self) -> None:
        self.clients: dict[str, _Client] = {}
        self.clients_of_certificates: dict[str, tuple[str, ...]] = {}
        self.restarts: set[int] = set()
        self.exclusive_things: dict[int, str] = {}


def _presence_in(backend: JitpIoTBackend) -> _Presence:
    return state_of(backend).part(_Presence)


def follow(backend: JitpIoTBackend, attempt: ConnectionAttempt, events: list[Event]) -> None:
    """Take note of an attempt; called with the backend's lock held.

    Args:
        backend: the account and Region.
        attempt: the attempt that was just recorded.
        events: takes the events that are to be delivered once the lock is free.
    """
    broker = broker_of(backend)
    version = 0
    if attempt.accepted:
        clients = _presence_in(backend).clients
        before, last, ended_at = clients.get(attempt.client_id, _NEVER)
        version = last + 1
        if ended_at is not None and attempt.timestamp - ended_at > _FORGOTTEN_AFTER:
            version = 0
            _presence_in(backend).restarts.add(attempt.sequence)
        clients[attempt.client_id] = _Client(attempt, version, None)
        of_certificates = _presence_in(backend).clients_of_certificates
        known = of_certificates.get(attempt.certificate_id, ())
        if attempt.client_id not in known:
            of_certificates[attempt.certificate_id] = (*known, attempt.client_id)
        _note_exclusive_thing(backend, attempt)
        if before is not None:
            record_operation(
                backend,
                before,
                "Disconnect",
                {
                    "reason": "DUPLICATE_CLIENT_ID",
                    "details": "A new connection was established with the same client ID",
                    "disconnectReason": "DUPLICATE_CLIENTID",
                },
            )
        if before is not None and _has_topic(attempt.client_id):
            moment = datetime.now(timezone.utc)
            ended = _ended(backend, before, last, "DUPLICATE_CLIENTID", moment)
            # Written down with the number of the newer connection, before whose event it comes.
            broker.events.append((attempt.sequence, ended))
            if broker.has_listeners:
                events.append(ended.render())
    elif attempt.reason is RefusalReason.NOT_AUTHORIZED:
        _note_exclusive_thing(backend, attempt)
    if broker.has_listeners:
        events += _event_of_attempt(attempt, version, _presence_in(backend).exclusive_things)


def block_has_ended(backend: IoTBackend) -> bool:
    """Whether an account and Region are moto's own again, with which no device can be connected."""
    # One that was cleared with its mock keeps our class, but nobody reaches it any more.
    return not is_plugged_in() or not isinstance(backend, JitpIoTBackend)


def is_connected(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> bool:
    """Whether the connection of an accepted attempt still stands."""
    if block_has_ended(backend):
        return False
    if _presence_in(backend).clients.get(attempt.client_id, _NEVER).attempt is not attempt:
        return False
    if _certificate_status(backend, attempt) == "ACTIVE":
        return True
    # A provisioning run may have taken the certificate's status, of which nobody tells us.
    _cut_off(backend, attempt)
    return False


def lost_status(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> str | None:
    """Which status of its certificate keeps a client disconnected; ``None`` where none does."""
    if attempt.client_id not in _presence_in(backend).clients:
        return None  # the state was reset, and knows neither of them
    status = _certificate_status(backend, attempt)
    return None if status == "ACTIVE" else status


def _certificate_status(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> str:
    certificate = backend.certificates.presented_as(attempt.certificate_id)
    return "deleted" if certificate is None else str(certificate.status)


def is_taken_over(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> bool:
    """Whether a newer connection has the client ID of this one."""
    return _presence_in(backend).clients.get(attempt.client_id, _NEVER).attempt not in (
        None,
        attempt,
    )


def disconnect(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> None:
    """The client ends its connection; nothing happens where it has ended already."""
    if block_has_ended(backend):
        return
    _end(backend, attempt, {"disconnectReason": _BY_CLIENT})


def drop_clients(backend: Certificates, certificate: DeviceCertificate) -> None:
    """End the connections of a certificate whose status has changed, unless it is ACTIVE."""
    if certificate.status == "ACTIVE" or not isinstance(backend, JitpIoTBackend):
        return
    presented_id = certificate.der_id or certificate.certificate_id
    clients = _presence_in(backend).clients
    for client_id in _presence_in(backend).clients_of_certificates.get(presented_id, ()):
        attempt = clients.get(client_id, _NEVER).attempt
        if attempt is not None and attempt.certificate_id == presented_id:
            _cut_off(backend, attempt)


status_observers.append(drop_clients)


def _cut_off(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> None:
    # Which of its reasons AWS IoT gives is not documented; this one is for failed authentication.
    details = {
        "reason": "DEVICE_CERTIFICATE_INACTIVE",
        "details": "Device certificate is not active",
        "disconnectReason": "AUTH_ERROR",
    }
    _end(backend, attempt, details)


def _end(backend: JitpIoTBackend, attempt: ConnectionAttempt, logged: Mapping[str, str]) -> None:
    """End a connection, unless it has ended; what is logged names AWS's ``disconnectReason``."""
    with backend.lock:
        clients = _presence_in(backend).clients
        current, version, _ = clients.get(attempt.client_id, _NEVER)
        if current is not attempt:
            return
        moment = datetime.now(timezone.utc)
        clients[attempt.client_id] = _Client(None, version, moment)
        record_operation(backend, attempt, "Disconnect", logged)
        if not _has_topic(attempt.client_id):
            return
        ended = _ended(backend, attempt, version, logged["disconnectReason"], moment)
        broker = broker_of(backend)
        broker.record(ended)
    if broker.has_listeners:
        deliver(backend, ended.render())


def publish_subscription(
    backend: JitpIoTBackend, attempt: ConnectionAttempt, event_type: str, topic_filter: str
) -> None:
    """Publish that a client subscribed or unsubscribed.

    Args:
        backend: the account and Region.
        attempt: the client's accepted attempt.
        event_type: ``subscribed`` or ``unsubscribed``.
        topic_filter: the topic filter in question.
    """
    if not _has_topic(attempt.client_id):
        return
    thing_name = _presence_in(backend).exclusive_things.get(attempt.sequence)
    payload = _payload(attempt, event_type, datetime.now(timezone.utc), thing_name)
    topic = f"$aws/events/subscriptions/{event_type}/{attempt.client_id}"
    publish_as_aws(backend, topic, payload | {"topics": [topic_filter]})


def all_events() -> tuple[Event, ...]:
    """Every event since the state was last reset, of all accounts and Regions, oldest first."""
    return events_until_now()()


def events_until_now() -> Callable[[], tuple[Event, ...]]:
    """Remember what has been published so far.

    Returns:
        A function that puts the events together, also when the state is gone by then.
    """
    kept = [
        (
            list(broker_of(backend).events),
            list(state_of(backend).attempts),
            _presence_in(backend).exclusive_things,
            _presence_in(backend).restarts,
        )
        for backend in live_backends()
    ]

    def read() -> tuple[Event, ...]:
        numbered: list[tuple[int, Event]] = []
        for entries, attempts, things, restarts in kept:
            numbered += (
                (number, entry if isinstance(entry, Event) else entry.render())
                for number, entry in entries
            )
            versions: dict[str, int] = {}
            for attempt in attempts:
                version = versions.get(attempt.client_id, -1) + 1
                if attempt.sequence in restarts:
                    version = 0
                if attempt.accepted:
                    versions[attempt.client_id] = version
                for event in _event_of_attempt(attempt, version, things):
                    numbered.append((attempt.sequence, event))
        numbered.sort(key=lambda entry: entry[0])
        return tuple(event for _, event in numbered)

    return functools.cache(read)


class _Ended(NamedTuple):
    """The end of a connection, until somebody reads of it."""

    attempt: ConnectionAttempt
    version: int
    reason: str
    moment: datetime
    thing_name: str | None

    def render(self) -> Event:
        return _event(
            self.attempt,
            f"$aws/events/presence/disconnected/{self.attempt.client_id}",
            _payload(self.attempt, "disconnected", self.moment, self.thing_name)
            | {
                "clientInitiatedDisconnect": self.reason == _BY_CLIENT,
                "disconnectReason": self.reason,
                "versionNumber": self.version,
            },
        )


def _ended(
    backend: JitpIoTBackend,
    attempt: ConnectionAttempt,
    version: int,
    reason: str,
    moment: datetime,
) -> _Ended:
    thing_name = _presence_in(backend).exclusive_things.get(attempt.sequence)
    return _Ended(attempt, version, reason, moment, thing_name)


def _event_of_attempt(
    attempt: ConnectionAttempt, version: int, things: Mapping[int, str]
) -> list[Event]:
    """The event of an attempt; none for most refused ones, of which AWS IoT says nothing."""
    more: dict[str, Any]
    if attempt.accepted:
        kind, more = "connected", {"ipAddress": SOURCE_ADDRESS, "versionNumber": version}
    elif attempt.reason is RefusalReason.NOT_AUTHORIZED:
        kind = "connect_failed"
        more = {"connectFailureReason": "AUTHORIZATION_FAILED", "ipAddress": SOURCE_ADDRESS}
    else:
        return []
    if not _has_topic(attempt.client_id):
        return []
    topic = f"$aws/events/presence/{kind}/{attempt.client_id}"
    thing_name = things.get(attempt.sequence)
    return [_event(attempt, topic, _payload(attempt, kind, attempt.timestamp, thing_name) | more)]


def _has_topic(client_id: str) -> bool:
    """Whether a client ID can stand in a topic; AWS IoT publishes no events for others."""
    return "#" not in client_id and "+" not in client_id


def _payload(
    attempt: ConnectionAttempt, event_type: str, moment: datetime, thing_name: str | None
) -> dict[str, Any]:
    return {
        "clientId": attempt.client_id,
        **({"thingName": thing_name} if thing_name else {}),
        "timestamp": int(moment.timestamp() * 1000),
        "eventType": event_type,
        "sessionIdentifier": _session_identifier(attempt),
        "principalIdentifier": attempt.certificate_id,
    }


def _session_identifier(attempt: ConnectionAttempt) -> str:
    """A UUID that is the same in all events of one connection."""
    text = f"{attempt.certificate_id}/{attempt.sequence}"
    digits = hashlib.sha256(text.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def _event(attempt: ConnectionAttempt, topic: str, payload: dict[str, Any]) -> Event:
    return Event(topic, payload, attempt.account_id, attempt.region_name)


def _note_exclusive_thing(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> None:
    if backend.exclusive_things:
        certificate_arn = backend.arn(f"cert/{attempt.certificate_id}")
        thing_name = backend.exclusive_thing_of(certificate_arn)
        if thing_name is not None:
            _presence_in(backend).exclusive_things[attempt.sequence] = thing_name
