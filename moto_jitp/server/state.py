"""The state that the page shows: CAs, devices, connections, of all accounts and Regions."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence, Set
from itertools import islice
from typing import Any, NamedTuple

from moto_jitp.broker.rules.run_list import heard_rule_runs
from moto_jitp.devices import RefusalReason
from moto_jitp.devices.attempts import all_connection_attempts, all_runs
from moto_jitp.devices.events import newest_published
from moto_jitp.devices.refusal_texts import ca_trouble
from moto_jitp.devices.sessions import Sessions
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.journal import RunEntry, RunOrigin
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.history.state import part_of, state_of
from moto_jitp.iot.models import JitpIoTBackend, live_backends
from moto_jitp.pki import CertificateError, read_certificate

from .shapes import Cause, Registered, ShownConnection, State, Totals

MOST_RULE_RUNS = 50
"""How many runs of topic rules the page shows; the route ``rules`` has them all."""

MOST_MESSAGES = 50
"""How many messages the page shows; the route ``events`` has them all."""

MOST_CAUSES = 10
"""How many causes of refusals are listed."""

# Account, Region, certificate id: one device.
_Key = tuple[str, str, str]


class Wanted(NamedTuple):
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


def state(version: str, selection: Wanted) -> State:
    """Return what the page shows.

    Args:
        version: the version of the state.
        selection: the part to return.
    """
    attempts = all_connection_attempts()
    newest = {_key(attempt): attempt for attempt in attempts}
    runs_so_far = all_runs()
    rejected = _rejected_runs(runs_so_far)
    refused = {
        key: attempt
        for key, attempt in newest.items()
        if _is_refused(attempt) or attempt.attempt_id in rejected
    }
    found_keys = _found(attempts, newest, selection.search)
    causes = _causes(refused, found_keys, rejected, selection.cause)
    if selection.cause:
        selection = selection._replace(refused=True)
        found_keys = found_keys & {
            key
            for key, attempt in refused.items()
            if _cause(attempt, rejected)[0] == selection.cause
        }
    elif selection.refused:
        found_keys = found_keys & refused.keys()
    matching = (attempt for attempt in reversed(attempts) if _key(attempt) in found_keys)
    shown_devices = list(islice(matching, selection.limit))
    # A device comes with its connections; those that have none make up the rest.
    keys = dict.fromkeys(_key(attempt) for attempt in shown_devices)
    cas: list[Registered] = []
    connected: list[Registered] = []
    other_certificates: list[Registered] = []
    runs: dict[int, list[RunEntry]] = {attempt.attempt_id: [] for attempt in shown_devices}
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
            cas += [_ca(backend, ca) for ca in _newest(backend.ca_certificates, selection.limit)]
            connected += [
                _device(backend, certificates[key[2]])
                for key in reversed(keys)
                if key[:2] == where and key[2] in certificates
            ]
            if not selection.refused:
                never = (
                    certificate
                    for id_, certificate in reversed(certificates.items())
                    if (*where, id_) not in newest and _has(backend, certificate, selection.search)
                )
                rest = [_device(backend, one) for one in islice(never, selection.limit)]
                other_certificates += reversed(rest)
    return State(
        version,
        cas[-selection.limit :],
        [*other_certificates, *connected][-selection.limit :],
        [ShownConnection(attempt, runs[attempt.attempt_id]) for attempt in reversed(shown_devices)],
        [entry for entry in runs_so_far if _is_shown(entry, selection)][-selection.limit :],
        [run for run in heard_rule_runs() if not selection.refused or run.failed][-MOST_RULE_RUNS:],
        newest_published(min(selection.limit, MOST_MESSAGES)),
        causes,
        Totals(
            ca_count,
            device_count,
            connections=len(attempts),
            accepted=sum(attempt.accepted for attempt in attempts),
            refused_devices=len(refused),
        ),
    )


def _is_shown(entry: RunEntry, selection: Wanted) -> bool:
    """Whether a run that no connection set off is in the selection."""
    run = entry.run
    by_api = (RunOrigin.REGISTER_THING, RunOrigin.BULK_REGISTRATION)
    if entry.origin not in by_api or (selection.refused and run.succeeded):
        return False
    texts = (run.thing_name, run.certificate_id, run.error_code)
    return selection.search.casefold() in "\n".join(text or "" for text in texts).casefold()


def _key(attempt: ConnectionAttempt) -> _Key:
    return attempt.account_id, attempt.region_name, attempt.certificate_id


def _is_refused(attempt: ConnectionAttempt) -> bool:
    # A device that only has to connect again has no problem.
    return not attempt.accepted and attempt.reason is not RefusalReason.RECONNECT_REQUIRED


def _rejected_runs(entries: Sequence[RunEntry]) -> Mapping[int, ProvisioningRun]:
    """Return the last rejected runs of fleet provisioning, by the ids of their attempts."""
    last = {
        entry.attempt_id: entry.run
        for entry in entries
        if entry.origin is not RunOrigin.JITP and entry.attempt_id is not None
    }
    return {attempt_id: run for attempt_id, run in last.items() if run.error_code}


def _causes(
    refused: Mapping[_Key, ConnectionAttempt],
    found_keys: Set[_Key],
    rejected: Mapping[int, ProvisioningRun],
    chosen_cause: str,
) -> Sequence[Cause]:
    """Count the refused devices by what they have in common; messages name each device's values.

    Args:
        refused: the refused devices with their newest attempts.
        found_keys: the devices that the search found; only these count.
        rejected: the last runs of fleet provisioning that were rejected, by their attempts.
        chosen_cause: the id of the cause to list even if the search found no such device.
    """
    causes: dict[str, Cause] = {}
    for key, attempt in refused.items():
        cause_id, reason, place, message = _cause(attempt, rejected)
        if key in found_keys or cause_id == chosen_cause:
            before = causes.get(cause_id)
            count = (before.devices if before else 0) + (key in found_keys)
            causes[cause_id] = Cause(cause_id, reason, place, message, count)
    return sorted(causes.values(), key=lambda cause: -cause.devices)[:MOST_CAUSES]


def _cause(
    attempt: ConnectionAttempt, rejected: Mapping[int, ProvisioningRun]
) -> tuple[str, str, str, str]:
    """Return the id of the cause of a refusal, its reason, its place and what happened."""
    run = rejected.get(attempt.attempt_id) or attempt.provisioning
    code = (run.error_code if run is not None else None) or ""
    place = run.place if run is not None else ""
    reason = attempt.reason.value if attempt.reason else code
    message = (run.message if run is not None else None) or attempt.message
    return f"{reason}/{code}/{place}", reason, place, message


def _found(
    attempts: Sequence[ConnectionAttempt], newest: Mapping[_Key, ConnectionAttempt], search: str
) -> Set[_Key]:
    """Return the devices that have connected and match the search."""
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
