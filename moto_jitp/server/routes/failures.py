"""The control routes of faults, which the API calls failures."""

from __future__ import annotations

from moto_jitp import faults
from moto_jitp.iot.api.fault_requests import checked_fault
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.requests_of_tests import asked_for, asked_since_reset
from moto_jitp.server.routing import ControlRequest, route
from moto_jitp.server.shapes import FAILURE, FAILURES, Requested

_NUMBER = "The failure's id."


@route("GET", "failures", "The requested failures", "Failures")
def list_failures(request: ControlRequest) -> Answer:
    return Answer.of(FAILURES.to_json(Requested(failures=faults.planned())))


@route(
    "POST",
    "failures",
    "Make an AWS IoT operation fail, called by an SDK or by a provisioning run",
    "Failure",
    body="FaultRequest",
)
def add_failure(request: ControlRequest) -> Answer:
    value = request.body
    try:
        fault_request = checked_fault(
            value["operation"], value["error"], value.get("times", 1), value.get("message")
        )
    except ValueError as error:
        raise RequestRefused(str(error)) from None
    requests_by_number = asked_since_reset(_RequestedFaults)
    fault = faults.add(
        *fault_request, holds=lambda: asked_since_reset(_RequestedFaults) is requests_by_number
    )
    requests_by_number[fault.number] = fault
    return Answer.of(FAILURE.to_json(fault))


@route("GET", "failures/{id}", "One requested failure", "Failure", id_of=_NUMBER)
def get_failure(request: ControlRequest) -> Answer:
    return Answer.of(FAILURE.to_json(_fault(request.id)))


@route("DELETE", "failures/{id}", "Ask for it no more", "Failure", id_of=_NUMBER)
def cancel_failure(request: ControlRequest) -> Answer:
    fault = _fault(request.id)
    fault.cancel()
    return Answer.of(FAILURE.to_json(fault))


class _RequestedFaults(dict[int, faults.Fault]):
    """The requests since the last reset, even those used up, by number."""


def _fault(number: int) -> faults.Fault:
    return asked_for(asked_since_reset(_RequestedFaults), number, "failure")
