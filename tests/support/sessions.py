"""Helpers for tests of sessions, which are behind connections of every kind."""

from __future__ import annotations

from typing import Any

from moto_jitp.devices.connecting import make_attempts, request_of
from moto_jitp.devices.gateway import ConnectOutcome
from moto_jitp.devices.sessions import Session
from moto_jitp.mqtt.transport import SIMULATED, Transport


def outcome_of(
    device: Any, transport: Transport = SIMULATED, client_id: str | None = None
) -> ConnectOutcome:
    """Connect a device over a transport, and again if it has just been provisioned."""
    request = request_of(device, client_id)._replace(transport=transport)
    return make_attempts(request, None, None, True)[-1]


def session_of(
    device: Any, transport: Transport = SIMULATED, client_id: str | None = None
) -> Session:
    """The session of an accepted device."""
    outcome = outcome_of(device, transport, client_id)
    assert outcome.session is not None, outcome.attempt.message
    return outcome.session
