"""The control routes of failures on demand."""

from __future__ import annotations

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iot.models import iot_backends

from moto_jitp import faults
from moto_jitp.history.state import part_of
from moto_jitp.iot.api.failure_requests import checked_failure
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.routing import ControlRequest, route
from moto_jitp.server.shapes import FAILURE

_HOME = "us-east-1"
_NUMBER = "The failure's id."


@route("GET", "failures", "The failures that are asked for", "Failures")
def list_failures(request: ControlRequest) -> Answer:
    return Answer.of({"failures": [FAILURE.to_json(fault) for fault in faults.planned()]})


@route(
    "POST",
    "failures",
    "Have an operation of AWS IoT fail, called by an SDK or by a provisioning run",
    "Failure",
    body="FailureRequest",
)
def add_failure(request: ControlRequest) -> Answer:
    value = request.body
    try:
        asked = checked_failure(
            value["operation"], value["error"], value.get("times", 1), value.get("message")
        )
    except ValueError as error:
        raise RequestRefused(str(error)) from None
    known = _known()
    fault = faults.add(*asked, holds=lambda: _known() is known)
    known[fault.number] = fault
    return Answer.of(FAILURE.to_json(fault))


@route("GET", "failures/{id}", "One failure that is asked for", "Failure", id_of=_NUMBER)
def get_failure(request: ControlRequest) -> Answer:
    return Answer.of(FAILURE.to_json(_fault(request.id)))


@route("DELETE", "failures/{id}", "Ask for it no more", "Failure", id_of=_NUMBER)
def cancel_failure(request: ControlRequest) -> Answer:
    fault = _fault(request.id)
    fault.cancel()
    return Answer.of(FAILURE.to_json(fault))


class _AskedFailures(dict[int, faults.Fault]):
    """What has been asked for since the state was last reset, also what is used up, by number."""


def _known() -> _AskedFailures:
    """Return what was asked for; a reset, by which tests at a server begin, takes it away."""
    return part_of(iot_backends[DEFAULT_ACCOUNT_ID][_HOME], _AskedFailures)


def _fault(wanted: int) -> faults.Fault:
    fault = _known().get(wanted)
    if fault is None:
        raise RequestRefused(
            f"No failure {wanted} has been asked for, or it has gone with a reset. GET "
            "/moto-api/jitp/failures lists those that are still to come.",
            404,
            "NotFound",
        )
    return fault
