"""The control route of everything that the page shows."""

from __future__ import annotations

from moto_jitp.server.answers import Answer
from moto_jitp.server.routing import (
    MAX_LIMIT,
    WAIT,
    ControlRequest,
    Parameter,
    number,
    route,
    text,
)
from moto_jitp.server.shapes import STATE
from moto_jitp.server.state import StateSelection, state


@route(
    "GET",
    "state",
    "What the page shows; waits for changes if asked to",
    "State",
    query=(
        text("after", "A version: wait until it is another."),
        WAIT,
        number("limit", "How many of each kind.", maximum=MAX_LIMIT, default=200),
        text(
            "search",
            "Only devices with this text in a name, an id, the subject or the reason of a refusal.",
        ),
        Parameter(
            "refused",
            "true: only devices whose newest connection was refused.",
            {"type": "boolean", "default": False},
        ),
        text("cause", "Only devices refused for this cause: a causeId of the answer's causes."),
    ),
)
def get_state(request: ControlRequest) -> Answer:
    query = request.query
    selection = StateSelection(
        query["limit"], query["search"] or "", query["refused"], query["cause"] or ""
    )
    changes = request.context.changes
    version = changes.version
    if query["after"] is not None:
        version = changes.wait(query["after"], query["wait"])
    return Answer.of(STATE.to_json(state(version, selection)))
