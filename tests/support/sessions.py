"""Helpers for tests of sessions: what stands behind a connection of any kind."""

from __future__ import annotations

from typing import Any

from moto_jitp.devices.connecting import make_attempts, request_of
from moto_jitp.devices.gateway import ConnectOutcome
from moto_jitp.devices.sessions import Session
from moto_jitp.mqtt.transport import SIMULATED, Transport


def outcome_of(
    device: Any, transport: Transport = SIMULATED, client_id: str | None = None
) -> ConnectOutcome:
    """Connect a device over a transport, again where it has just been provisioned."""
    request = request_of(device, client_id)._replace(transport=transport)
    return make_attempts(request, None, None, True)[-1]


def session_of(
    device: Any, transport: Transport = SIMULATED, client_id: str | None = None
) -> Session:
    """The session of a device that is let in."""
    outcome = outcome_of(device, transport, client_id)
    assert outcome.session is not None, outcome.attempt.message
    return outcome.session
