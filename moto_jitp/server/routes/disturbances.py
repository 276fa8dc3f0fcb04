"""The control routes of disturbed connections."""

from __future__ import annotations

from moto_jitp import disturbances
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.requests_of_tests import asked_for, asked_since_reset
from moto_jitp.server.routing import ControlRequest, route
from moto_jitp.server.shapes import DISTURBANCE, DISTURBANCES, Requested

_NUMBER = "The disturbance's id."


@route("GET", "disturbances", "What is to go wrong on connections of devices", "Disturbances")
def list_disturbances(request: ControlRequest) -> Answer:
    return Answer.of(DISTURBANCES.to_json(Requested(disturbances=disturbances.planned())))


@route(
    "POST",
    "disturbances",
    "Make something go wrong on connections of devices, simulated and real ones",
    "Disturbance",
    body="DisturbanceRequest",
)
def add_disturbance(request: ControlRequest) -> Answer:
    value = request.body
    try:
        disturbance_request = disturbances.checked_disturbance(
            value["kind"],
            value.get("clientId"),
            value.get("times", 1),
            every=value.get("every", 1),
            seconds=value.get("seconds"),
            packets=value.get("packets"),
        )
    except ValueError as error:
        raise RequestRefused(str(error)) from None
    requests_by_number = asked_since_reset(_AskedDisturbances)
    disturbance = disturbances.add(
        disturbance_request,
        holds=lambda: asked_since_reset(_AskedDisturbances) is requests_by_number,
    )
    requests_by_number[disturbance.number] = disturbance
    return Answer.of(DISTURBANCE.to_json(disturbance))


@route("GET", "disturbances/{id}", "One of them", "Disturbance", id_of=_NUMBER)
def get_disturbance(request: ControlRequest) -> Answer:
    return Answer.of(DISTURBANCE.to_json(_disturbance(request.id)))


@route("DELETE", "disturbances/{id}", "Ask for it no more", "Disturbance", id_of=_NUMBER)
def cancel_disturbance(request: ControlRequest) -> Answer:
    disturbance = _disturbance(request.id)
    disturbance.cancel()
    return Answer.of(DISTURBANCE.to_json(disturbance))


class _AskedDisturbances(dict[int, disturbances.Disturbance]):
    """The requests since the last reset, even those used up, by number."""


def _disturbance(number: int) -> disturbances.Disturbance:
    return asked_for(asked_since_reset(_AskedDisturbances), number, "disturbance")
