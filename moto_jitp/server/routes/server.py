"""The control routes of the server itself: readiness, description, settings."""

from __future__ import annotations

from importlib import metadata

import moto

from moto_jitp import settings
from moto_jitp.server.answers import Answer, RequestRefused
from moto_jitp.server.context import current_config
from moto_jitp.server.openapi import document
from moto_jitp.server.routing import (
    ControlRequest,
    route,
    routes,
)
from moto_jitp.server.shapes import READY, Ready


@route("GET", "ready", "Whether the server answers", "Ready")
def ready(request: ControlRequest) -> Answer:
    return Answer.of(READY.to_json(Ready("ready", _version(), moto.__version__)))


@route("GET", "openapi.json", "This document", None)
def describe(request: ControlRequest) -> Answer:
    return Answer.of(document(_version(), routes))


def _version() -> str:
    return metadata.version("moto_jitp")


@route("GET", "config", "The settings in force", "Config")
def get_config(request: ControlRequest) -> Answer:
    return Answer.of(current_config())


@route(
    "PUT",
    "config",
    "Change the settings",
    "Config",
    body="ConfigRequest",
    before=settings.check_is_the_section,
)
def put_config(request: ControlRequest) -> Answer:
    try:
        request.context.configure(request.body)
    except ValueError as error:
        raise RequestRefused(str(error)) from None
    return Answer.of(current_config())
