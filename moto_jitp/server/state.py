"""The state that the page shows: CAs, devices, connections, of all accounts and Regions."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence, Set
from itertools import islice
from typing import Any, NamedTuple

from moto_jitp.broker.rules.records import heard_rule_runs
from moto_jitp.devices import RefusalReason
from moto_jitp.devices.attempts import all_connection_attempts, all_runs
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.journal import RunEntry, RunOrigin
from moto_jitp.history.state import state_of
from moto_jitp.iot.models import JitpIoTBackend, live_backends
from moto_jitp.pki import CertificateError, read_certificate

from .shapes import Registered, ShownConnection, State, Totals

MOST_RULE_RUNS = 50
"""How many runs of topic rules the page shows; the route ``rules`` has them all."""

# Account, Region, certificate id: one device.
_Key = tuple[str, str, str]


class Wanted(NamedTuple):
    """Which part of the state somebody wants to see.

    Attributes:
        limit: how many of each kind, the newest ones.
        search: only devices that have this text in a name, an id, the subject or the reason why
            they are refused now, and their connections; upper and lower case are the same.
        refused: only devices whose newest connection was refused, or whose fleet provisioning
            over it was rejected, and their connections.
    """

    limit: int
    search: str = ""
    refused: bool = False


def state(version: str, wanted: Wanted) -> State:
    """Return what the page shows.

    Args:
        version: the version of the state.
        wanted: which part of it.
    """
    attempts = all_connection_attempts()
    newest = {_key(attempt): attempt for attempt in attempts}
    runs_so_far = all_runs()
    rejected = _with_rejected_runs(runs_so_far)
    refused = {
        key
        for key, attempt in newest.items()
        if _is_refused(attempt) or attempt.attempt_id in rejected
    }
    found = _found(attempts, newest, wanted.search)
    if wanted.refused:
        found = found & refused
    matching = (attempt for attempt in reversed(attempts) if _key(attempt) in found)
    shown = list(islice(matching, wanted.limit))
    # A device comes with its connections; those that have none make up the rest.
    keys = dict.fromkeys(_key(attempt) for attempt in shown)
    cas: list[Registered] = []
    connected: list[Registered] = []
    others: list[Registered] = []
    runs: dict[int, list[RunEntry]] = {attempt.attempt_id: [] for attempt in shown}
    ca_count = device_count = 0
    for backend in live_backends():
        where = (backend.account_id, backend.region_name)
        journal = state_of(backend).runs
        for number in runs:
            later = journal.of_attempt(number)
            runs[number] += (entry for entry in later if entry.origin is not RunOrigin.JITP)
        with backend.lock:
            certificates = backend.certificates
            ca_count += len(backend.ca_certificates)
            device_count += len(certificates)
            cas += [_ca(backend, ca) for ca in _newest(backend.ca_certificates, wanted.limit)]
            connected += [
                _device(backend, certificates[key[2]])
                for key in reversed(keys)
                if key[:2] == where and key[2] in certificates
            ]
            if not wanted.refused:
                never = (
                    certificate
                    for id_, certificate in reversed(certificates.items())
                    if (*where, id_) not in newest and _has(backend, certificate, wanted.search)
                )
                rest = [_device(backend, one) for one in islice(never, wanted.limit)]
                others += reversed(rest)
    return State(
        version,
        cas[-wanted.limit :],
        [*others, *connected][-wanted.limit :],
        [ShownConnection(attempt, runs[attempt.attempt_id]) for attempt in reversed(shown)],
        [entry for entry in runs_so_far if _is_shown(entry, wanted)][-wanted.limit :],
        [run for run in heard_rule_runs() if not wanted.refused or run.failed][-MOST_RULE_RUNS:],
        Totals(
            ca_count,
            device_count,
            connections=len(attempts),
            accepted=sum(attempt.accepted for attempt in attempts),
            refused_devices=len(refused),
        ),
    )


def _is_shown(entry: RunEntry, wanted: Wanted) -> bool:
    """Whether a run that no connection set off is one that somebody wants to see."""
    run = entry.run
    by_api = (RunOrigin.REGISTER_THING, RunOrigin.BULK_REGISTRATION)
    if entry.origin not in by_api or (wanted.refused and run.succeeded):
        return False
    texts = (run.thing_name, run.certificate_id, run.error_code)
    return wanted.search.casefold() in "\n".join(text or "" for text in texts).casefold()


def _key(attempt: ConnectionAttempt) -> _Key:
    return attempt.account_id, attempt.region_name, attempt.certificate_id


def _is_refused(attempt: ConnectionAttempt) -> bool:
    # A device that is to connect again has nothing wrong with it.
    return not attempt.accepted and attempt.reason is not RefusalReason.RECONNECT_REQUIRED


def _with_rejected_runs(entries: Sequence[RunEntry]) -> Set[int]:
    """Return the ids of attempts over whose connection fleet provisioning was rejected last."""
    last = {
        entry.attempt_id: entry.run.succeeded
        for entry in entries
        if entry.origin is not RunOrigin.JITP and entry.attempt_id is not None
    }
    return {attempt_id for attempt_id, succeeded in last.items() if not succeeded}


def _found(
    attempts: Sequence[ConnectionAttempt], newest: Mapping[_Key, ConnectionAttempt], search: str
) -> Set[_Key]:
    """Return the devices that have connected and that are searched for."""
    if not search:
        return newest.keys()
    search = search.casefold()
    return {
        _key(attempt)
        for attempt in attempts
        if search in _searched(attempt, newest[_key(attempt)] is attempt).casefold()
    }


def _searched(attempt: ConnectionAttempt, is_newest: bool) -> str:
    run = attempt.provisioning
    # Why it was refused formerly, before it was mended, is of no interest.
    reason = attempt.reason.value if attempt.reason and is_newest else None
    thing_name = run.thing_name if run is not None else None
    texts = (attempt.subject, attempt.client_id, attempt.certificate_id, thing_name, reason)
    return "\n".join(text or "" for text in texts)


def _has(backend: JitpIoTBackend, certificate: Any, search: str) -> bool:
    # Not in the subject: to read the certificates of thousands of devices takes seconds.
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
    return _registered(backend, ca)._replace(
        template_name=template.name,
        template_body=template.body or None,
        role_arn=template.role_arn,
    )


def _device(backend: JitpIoTBackend, certificate: Any) -> Registered:
    thing_name = _thing_name(backend, certificate)
    return _registered(backend, certificate)._replace(thing_name=thing_name)


def _registered(backend: JitpIoTBackend, certificate: Any) -> Registered:
    subject = _subject(certificate.certificate_pem)
    return Registered(certificate, backend.account_id, backend.region_name, subject)


@functools.lru_cache(maxsize=4096)
def _subject(pem: str) -> str | None:
    try:
        return read_certificate(pem).subject_text
    except CertificateError:
        return None
