"""The state that the page shows: CAs, devices, connections, of all accounts and Regions."""

from __future__ import annotations

import functools
from itertools import islice
from typing import Any

from moto_jitp.devices.attempts import attempts_of, live_backends
from moto_jitp.devices.json_form import attempt_to_json
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.pki import CertificateError, read_certificate

Json = dict[str, Any]


def state(version: str, limit: int) -> Json:
    """Return what the page shows, as the JSON object that the OpenAPI document describes.

    Args:
        version: the version of the state.
        limit: how many of each kind, the newest ones.
    """
    backends = live_backends()
    attempts = [attempt for backend in backends for attempt in list(attempts_of(backend))]
    attempts.sort(key=lambda attempt: attempt.sequence)
    cas: list[Json] = []
    devices: list[Json] = []
    totals = {"cas": 0, "devices": 0}
    for backend in backends:
        with backend.lock:
            totals["cas"] += len(backend.ca_certificates)
            totals["devices"] += len(backend.certificates)
            cas += [_ca(backend, ca) for ca in _newest(backend.ca_certificates, limit)]
            devices += [_device(backend, one) for one in _newest(backend.certificates, limit)]
    return {
        "version": version,
        "cas": cas[-limit:],
        "devices": devices[-limit:],
        "connections": [attempt_to_json(attempt) for attempt in attempts[-limit:]],
        "totals": {
            **totals,
            "connections": len(attempts),
            "accepted": sum(attempt.accepted for attempt in attempts),
        },
    }


def _newest(table: dict[str, Any], limit: int) -> list[Any]:
    newest = list(islice(reversed(table.values()), limit))
    newest.reverse()
    return newest


def _ca(backend: JitpIoTBackend, ca: Any) -> Json:
    config = ca.registration_config or {}
    name = config.get("templateName")
    stored = backend.provisioning_templates.get(name) if name else None
    return {
        "certificateId": ca.certificate_id,
        "accountId": backend.account_id,
        "regionName": backend.region_name,
        "subject": _subject(ca.certificate_pem),
        "status": ca.status,
        "autoRegistrationStatus": ca.auto_registration_status,
        "certificateMode": ca.certificate_mode,
        "templateName": name,
        "templateBody": stored.body if stored is not None else config.get("templateBody"),
        "roleArn": stored.role_arn if stored is not None else config.get("roleArn"),
    }


def _device(backend: JitpIoTBackend, certificate: Any) -> Json:
    return {
        "certificateId": certificate.certificate_id,
        "accountId": backend.account_id,
        "regionName": backend.region_name,
        "subject": _subject(certificate.certificate_pem),
        "status": certificate.status,
        "caCertificateId": certificate.ca_certificate_id,
        "thingName": next(iter(backend.principal_things.seconds_of(certificate.arn)), None),
    }


@functools.lru_cache(maxsize=4096)
def _subject(pem: str) -> str | None:
    try:
        return read_certificate(pem).subject_text
    except CertificateError:
        return None
