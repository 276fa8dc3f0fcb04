"""The state that the page shows: CAs, devices, connections, of all accounts and Regions."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from moto_jitp.broker.rules.run_list import newest_heard_rule_runs
from moto_jitp.devices.attempts import walk_runs
from moto_jitp.devices.events import walk_published
from moto_jitp.devices.refusal_texts import ca_trouble
from moto_jitp.devices.sessions import Sessions
from moto_jitp.due_work import carry_out_due_work
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.journal import RunEntry, RunOrigin
from moto_jitp.history.state import part_of, state_of
from moto_jitp.iot.models import JitpIoTBackend, live_backends
from moto_jitp.pki import CertificateError, read_certificate

from .device_index import Why, index_of
from .shapes import Cause, Registered, ShownConnection, State, Totals

MOST_RULE_RUNS = 50
"""How many runs of topic rules the page shows; the route ``rules`` has them all."""

MOST_MESSAGES = 50
"""How many messages the page shows; the route ``events`` has them all."""

MOST_CAUSES = 10
"""How many causes of refusals are listed."""

_NOTHING = Totals(0, 0, connections=0, accepted=0, refused_devices=0)

# Account, Region, certificate id: one device.
_Key = tuple[str, str, str]


class StateSelection(NamedTuple):
    """The part of the state that was requested.

    Attributes:
        limit: how many of each kind, counted from the newest; fewer of messages and runs of rules.
        search: only devices with this text in a name, an id, the subject or the reason for their
            present refusal, and their connections; case does not matter.
        refused: only devices whose newest connection was refused, or whose fleet provisioning
            over it was rejected, and their connections.
        cause: only devices that are refused for the cause with this id; empty for all.
    """

    limit: int
    search: str = ""
    refused: bool = False
    cause: str = ""


def state(version: str, selection: StateSelection) -> State:
    """Return what the page shows.

    It costs what it shows, however many devices there are: only a search looks at those that it
    does not find.

    Args:
        version: the version of the state.
        selection: the part to return.
    """
    carry_out_due_work()  # nobody may have called the cloud since they became due
    limit = selection.limit
    parts = [_part(backend, selection) for backend in live_backends()]
    attempts = [attempt for part in parts for attempt in part.attempts]
    attempts.sort(key=lambda attempt: -attempt.attempt_id)
    shown_attempts = attempts[:limit]
    # A device comes with its connections; those that have none make up the rest.
    shown_devices = {_key(attempt) for attempt in shown_attempts}
    connected = [
        registered
        for part in parts
        for key, registered in reversed(list(part.connected.items()))
        if key in shown_devices
    ]
    never_connected = [registered for part in parts for registered in part.never_connected]
    runs = walk_runs(None, False, by_api=True)
    shown_runs = list(islice((run for run in runs if _is_shown(run, selection)), limit))
    return State(
        version,
        [ca for part in parts for ca in part.cas][-limit:],
        [*never_connected, *connected][-limit:],
        [
            ShownConnection(attempt, _fleet_runs(parts, attempt))
            for attempt in reversed(shown_attempts)
        ],
        shown_runs[::-1],
        newest_heard_rule_runs(MOST_RULE_RUNS, failed=bool(selection.refused or selection.cause)),
        list(islice(walk_published(None, False), min(limit, MOST_MESSAGES)))[::-1],
        _causes(parts),
        Totals(*map(sum, zip(_NOTHING, *(part.totals for part in parts), strict=True))),
    )


class _Part(NamedTuple):
    """What one account and Region has of the state.

    Attributes:
        attempts: the newest attempts of the selection, newest first.
        connected: the devices that made them, in that order.
        never_connected: devices that have made none, the oldest first.
        cas: the CAs, the oldest first.
        causes: what refused devices have in common, each with the number of devices.
        totals: as of :class:`~moto_jitp.server.shapes.Totals`.
        fleet_runs: the runs of fleet provisioning of each of the attempts.
    """

    attempts: Sequence[ConnectionAttempt]
    connected: Mapping[_Key, Registered]
    never_connected: Sequence[Registered]
    cas: Sequence[Registered]
    causes: Sequence[tuple[Why, int]]
    totals: Totals
    fleet_runs: Mapping[int, Sequence[RunEntry]]


def _part(backend: JitpIoTBackend, selection: StateSelection) -> _Part:
    limit, search = selection.limit, selection.search.casefold()
    with backend.lock:
        index, certificates = index_of(backend), backend.certificates

        @functools.cache
        def matches(device: str) -> bool:
            return not search or _is_found(index.attempts_of(device), search)

        devices = index.devices
        if selection.cause:
            devices = index.of_cause.get(selection.cause, [])
        elif selection.refused:
            devices = index.refused
        attempts = list(islice(index.newest_attempts(devices, matches), limit))
        keys = dict.fromkeys(_key(attempt) for attempt in attempts)
        never: list[Registered] = []
        if not (selection.refused or selection.cause):
            never_connected = (certificates[device] for device in index.never_connected(backend))
            matching_certificates = (
                certificate
                for certificate in never_connected
                if _has(backend, certificate, selection.search)
            )
            never = [
                _device(backend, certificate)
                for certificate in islice(matching_certificates, limit)
            ]
        causes = []
        for cause_id, of_cause in index.of_cause.items():
            matching = (
                [attempt for _, attempt in reversed(of_cause) if matches(attempt)] if search else []
            )
            count = len(matching) if search else len(of_cause)
            if count or cause_id == selection.cause:
                example = matching[0] if matching else of_cause[-1][1]
                causes.append((index.why_refused(example), count))
        return _Part(
            attempts,
            {key: _device(backend, certificates[key[2]]) for key in keys if key[2] in certificates},
            never[::-1],
            [_ca(backend, ca) for ca in _newest(backend.ca_certificates, limit)],
            causes,
            Totals(
                len(backend.ca_certificates),
                len(certificates),
                connections=len(state_of(backend).attempts),
                accepted=index.accepted,
                refused_devices=len(index.refused),
            ),
            {attempt.attempt_id: _runs_over(backend, attempt) for attempt in attempts},
        )


def _runs_over(backend: JitpIoTBackend, attempt: ConnectionAttempt) -> list[RunEntry]:
    entries = state_of(backend).runs.of_attempt(attempt.attempt_id)
    return [entry for entry in entries if entry.origin is not RunOrigin.JITP]


def _fleet_runs(parts: Sequence[_Part], attempt: ConnectionAttempt) -> Sequence[RunEntry]:
    number = attempt.attempt_id
    return next(part.fleet_runs[number] for part in parts if number in part.fleet_runs)


def _key(attempt: ConnectionAttempt) -> _Key:
    return attempt.account_id, attempt.region_name, attempt.certificate_id


def _is_shown(entry: RunEntry, selection: StateSelection) -> bool:
    """Whether a run that no connection set off is in the selection."""
    run = entry.run
    if (selection.refused or selection.cause) and run.succeeded:
        return False
    texts = (run.thing_name, run.certificate_id, run.error_code)
    return selection.search.casefold() in "\n".join(text or "" for text in texts).casefold()


def _causes(parts: Sequence[_Part]) -> Sequence[Cause]:
    """Count refused devices by what they have in common, in all accounts and Regions."""
    causes: dict[str, Cause] = {}
    for cause, count in (cause for part in parts for cause in part.causes):
        before = causes.get(cause.cause_id)
        causes[cause.cause_id] = Cause(*cause, count + (before.devices if before else 0))
    return sorted(causes.values(), key=lambda cause: -cause.devices)[:MOST_CAUSES]


def _is_found(attempts: Sequence[ConnectionAttempt], search: str) -> bool:
    """Whether a device is searched for, by its attempts; upper and lower case are the same."""
    return any(
        search in _searched(attempt, attempt is attempts[-1]).casefold() for attempt in attempts
    )


def _searched(attempt: ConnectionAttempt, is_newest: bool) -> str:
    run = attempt.provisioning
    # An earlier refusal that has since been fixed is of no interest.
    reason = attempt.reason.value if attempt.reason and is_newest else None
    thing_name = run.thing_name if run is not None else None
    texts = (attempt.subject, attempt.client_id, attempt.certificate_id, thing_name, reason)
    return "\n".join(text or "" for text in texts)


def _has(backend: JitpIoTBackend, certificate: Any, search: str) -> bool:
    # Not in the subject: reading the certificates of thousands of devices takes seconds.
    if not search:
        return True
    names = (certificate.certificate_id, certificate.status, _thing_name(backend, certificate))
    return search.casefold() in "\n".join(name or "" for name in names).casefold()


def _newest(table: dict[str, Any], limit: int) -> list[Any]:
    newest = list(islice(reversed(table.values()), limit))
    newest.reverse()
    return newest


def _thing_name(backend: JitpIoTBackend, certificate: Any) -> str | None:
    return next(iter(backend.principal_things.seconds_of(certificate.arn)), None)


def _ca(backend: JitpIoTBackend, ca: Any) -> Registered:
    template = backend.templates.resolve(ca.template_source)
    body = template.body or None
    return _registered(backend, ca)._replace(
        template_name=template.name,
        template_body=body,
        role_arn=template.role_arn,
        trouble=ca_trouble(ca, template.name, body),
    )


def _device(backend: JitpIoTBackend, certificate: Any) -> Registered:
    thing_name, registry = _thing_name(backend, certificate), backend.registry
    thing = registry.things.get(registry.arn(f"thing/{thing_name}")) if thing_name else None
    groups = registry.thing_groups.of_thing(thing.arn) if thing is not None else ()
    sessions = part_of(backend, Sessions)
    clients = sessions.clients_of_certificates.get(certificate.certificate_id, ())
    sessions_found = (sessions.by_client.get(client) for client in clients)
    return _registered(backend, certificate)._replace(
        thing_name=thing_name,
        groups=[group.thing_group_name for group in groups],
        policies=list(registry.principal_policies.seconds_of(certificate.arn)),
        sessions=[session for session in sessions_found if session is not None and session.is_open],
    )


def _registered(backend: JitpIoTBackend, certificate: Any) -> Registered:
    subject = _subject(certificate.certificate_pem)
    return Registered(certificate, backend.account_id, backend.region_name, subject)


@functools.lru_cache(maxsize=4096)
def _subject(pem: str) -> str | None:
    try:
        return read_certificate(pem).subject_text
    except CertificateError:
        return None
