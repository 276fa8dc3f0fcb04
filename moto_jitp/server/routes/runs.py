"""The control routes of provisioning runs."""

from __future__ import annotations

from moto_jitp.devices.attempts import all_runs, find_run
from moto_jitp.history.json_form import LISTED_RUN
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.routing import (
    CERTIFICATE,
    PAGING,
    ControlRequest,
    number,
    route,
)

from .paging import first, page


@route(
    "GET",
    "runs",
    "Provisioning runs",
    "Runs",
    query=(*PAGING, CERTIFICATE, number("connectionId", "Only of this connection.")),
)
def list_runs(request: ControlRequest) -> Answer:
    certificate_id = request.query["certificateId"]
    connection_id = request.query["connectionId"]
    runs = [
        one
        for one in all_runs()
        if certificate_id in (None, one.run.certificate_id)
        and connection_id in (None, one.attempt_id)
    ]
    return page(request, "runs", runs, LISTED_RUN.to_json, first)


@route("GET", "runs/{id}", "One provisioning run", "ListedRun", id_of="The run's id.")
def get_run(request: ControlRequest) -> Answer:
    run = find_run(request.id)
    if run is not None:
        return Answer.of(LISTED_RUN.to_json(run))
    raise RequestRefused(
        f"There is no provisioning run {request.id}; the connection attempt of that number, if "
        "there is one, set off none. GET /moto-api/jitp/runs lists those there are.",
        404,
        "NotFound",
    )
