"""The control routes of provisioning runs."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from moto_jitp.devices.attempts import find_run, runs_of_attempt, walk_runs
from moto_jitp.history.journal import RunEntry
from moto_jitp.history.json_form import LISTED_RUN
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.routing import (
    CERTIFICATE,
    PAGING,
    ControlRequest,
    number,
    route,
)

from .paging import page


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

    def walk(after: int | None, ascending: bool) -> Iterator[RunEntry]:
        if connection_id is None:
            entries = walk_runs(after, ascending)
        else:
            entries = runs_of_attempt(connection_id, after, ascending)
        return (entry for entry in entries if certificate_id in (None, entry.run.certificate_id))

    return page(request, "runs", walk, LISTED_RUN.to_json, attrgetter("id"))


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
