"""The control routes, one module per subject."""

from moto_jitp.server.routing import routes as all_routes

# Each of them adds its routes to the table.
from . import (
    connections,
    disturbances,
    endpoint,
    events,
    failures,
    messages,
    rules,
    runs,
    server,
    state,
)

__all__ = [
    "all_routes",
    "connections",
    "disturbances",
    "endpoint",
    "events",
    "failures",
    "messages",
    "rules",
    "runs",
    "server",
    "state",
]
