"""The control routes of disturbed connections."""

from __future__ import annotations

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iot.models import iot_backends

from moto_jitp import disturbances
from moto_jitp.history.state import part_of
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.routing import ControlRequest, route
from moto_jitp.server.shapes import DISTURBANCE

_HOME = "us-east-1"
_NUMBER = "The disturbance's id."


@route("GET", "disturbances", "What is to go wrong on connections of devices", "Disturbances")
def list_disturbances(request: ControlRequest) -> Answer:
    return Answer.of({"disturbances": list(map(DISTURBANCE.to_json, disturbances.planned()))})


@route(
    "POST",
    "disturbances",
    "Have something go wrong on connections of devices, simulated and real ones",
    "Disturbance",
    body="DisturbanceRequest",
)
def add_disturbance(request: ControlRequest) -> Answer:
    value = request.body
    try:
        asked = disturbances.checked_disturbance(
            value["kind"],
            value.get("clientId"),
            value.get("times", 1),
            every=value.get("every", 1),
            seconds=value.get("seconds"),
            packets=value.get("packets"),
        )
    except ValueError as error:
        raise RequestRefused(str(error)) from None
    known = _known()
    disturbance = disturbances.add(asked, holds=lambda: _known() is known)
    known[disturbance.number] = disturbance
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
    """What has been asked for since the state was last reset, also what is used up, by number."""


def _known() -> _AskedDisturbances:
    """Return what was asked for; a reset, by which tests at a server begin, takes it away."""
    return part_of(iot_backends[DEFAULT_ACCOUNT_ID][_HOME], _AskedDisturbances)


def _disturbance(wanted: int) -> disturbances.Disturbance:
    disturbance = _known().get(wanted)
    if disturbance is None:
        raise RequestRefused(
            f"No disturbance {wanted} has been asked for, or it has gone with a reset. GET "
            "/moto-api/jitp/disturbances lists those that are still to come.",
            404,
            "NotFound",
        )
    return disturbance
