"""The control routes: what each of them does.

``openapi.py`` describes them; ``control.py`` finds the one that a request means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import moto

from moto_jitp import settings
from moto_jitp.devices import AmbiguousEndpoint, presence
from moto_jitp.devices.arguments import ServerName
from moto_jitp.devices.attempts import ConnectionAttempt, all_connection_attempts
from moto_jitp.devices.connecting import make_attempts, request_of
from moto_jitp.devices.gateway import thing_name_of
from moto_jitp.devices.json_form import (
    attempt_to_json,
    event_to_json,
    listed_run_to_json,
    outcome_to_json,
)
from moto_jitp.devices.runs import all_runs, runs_of_connection
from moto_jitp.mqtt.topic_filters import check_topic_filter, topic_matches
from moto_jitp.pki import CertificateError, DeviceIdentity

from . import openapi, schemas
from .answers import Answer, RequestRefused
from .bodies import check_object, check_query, whole_number
from .context import current_config
from .requests import ControlRequest, Json, attempt_of
from .state import Wanted, state


def ready(request: ControlRequest) -> Answer:
    check_query(request.query, ())
    document = {"status": "ready", "version": _version(), "motoVersion": moto.__version__}
    return Answer.of(document)


def describe(request: ControlRequest) -> Answer:
    return Answer.of(openapi.document(_version()))


def _version() -> str:
    return metadata.version("moto_jitp")


def connect(request: ControlRequest) -> Answer:
    value = request.object(schemas.CONNECT_REQUEST)
    device: DeviceIdentity | str = value["certificatePem"]
    if "privateKeyPem" in value:
        device = _identity(value["certificatePem"], value["privateKeyPem"])
    named = ServerName(value["serverName"]) if "serverName" in value else None
    try:
        presented = request_of(device, value.get("clientId"))
        backend, attempts = make_attempts(
            presented, value.get("endpoint"), named, reconnect=value.get("reconnect", True)
        )
    except AmbiguousEndpoint as error:
        raise RequestRefused(str(error), code="AmbiguousEndpoint") from None
    except CertificateError as error:
        message = f"certificatePem: {error}"
        raise RequestRefused(message, code="CertificateError") from None
    except ValueError as error:
        raise RequestRefused(str(error)) from None
    arn = backend.arn(f"cert/{attempts[-1].certificate_id}")
    thing_name = thing_name_of(backend, presented.certificate)
    return Answer.of(outcome_to_json(attempts, arn, thing_name))


def _identity(certificate_pem: str, private_key_pem: str) -> DeviceIdentity:
    try:
        return DeviceIdentity.from_pem(certificate_pem, private_key_pem)
    except CertificateError as error:
        message = f"certificatePem: {error}"
        raise RequestRefused(message, code="CertificateError") from None
    except ValueError as error:
        raise RequestRefused(f"privateKeyPem: {error}") from None


def list_connections(request: ControlRequest) -> Answer:
    check_query(request.query, ("limit", "cursor", "order", "certificateId"))
    attempts = _of_certificate(request, all_connection_attempts())
    return _page(request, "connections", attempts, attempt_to_json, _sequence)


def get_connection(request: ControlRequest) -> Answer:
    check_query(request.query, ())
    backend, attempt = attempt_of(request.id)
    connected = presence.is_connected(backend, attempt)
    runs = [listed_run_to_json(run) for run in runs_of_connection(backend, attempt)]
    return Answer.of({**attempt_to_json(attempt), "connected": connected, "runs": runs})


def list_runs(request: ControlRequest) -> Answer:
    check_query(request.query, ("limit", "cursor", "order", "certificateId", "connectionId"))
    certificate_id = request.query.get("certificateId")
    connection_id = whole_number(request.query, "connectionId", 0, 1, 10**18 - 1)
    runs = [
        one
        for one in all_runs()
        if certificate_id in (None, one.run.certificate_id)
        and connection_id in (0, one.connection_id)
    ]
    return _page(request, "runs", runs, listed_run_to_json, _first)


def get_run(request: ControlRequest) -> Answer:
    check_query(request.query, ())
    for one in all_runs():
        if one.id == request.id:
            return Answer.of(listed_run_to_json(one))
    raise RequestRefused(
        f"There is no provisioning run {request.id}; the connection attempt of that number, if "
        "there is one, set off none. GET /moto-api/jitp/runs lists those there are.",
        404,
        "NotFound",
    )


def list_events(request: ControlRequest) -> Answer:
    check_query(request.query, ("limit", "cursor", "order", "topicFilter"))
    numbered = list(enumerate(presence.all_events(), 1))
    wanted = request.query.get("topicFilter")
    if wanted is not None:
        try:
            check_topic_filter(wanted)
        except ValueError as error:
            raise RequestRefused(f"topicFilter: {error}") from None
        numbered = [entry for entry in numbered if topic_matches(wanted, entry[1].topic)]
    return _page(request, "events", numbered, lambda entry: event_to_json(entry[1]), _first)


def get_config(request: ControlRequest) -> Answer:
    check_query(request.query, ())
    return Answer.of(current_config())


def put_config(request: ControlRequest) -> Answer:
    value = request.document()
    try:
        settings.check_is_the_section(value)
        check_object(value, schemas.CONFIG_REQUEST)
        request.context.configure(value)
    except ValueError as error:
        raise RequestRefused(str(error)) from None
    return Answer.of(current_config())


def get_state(request: ControlRequest) -> Answer:
    query = request.query
    check_query(query, ("after", "wait", "limit", "search", "refused"))
    limit = whole_number(query, "limit", 200, 1, openapi.MAX_LIMIT)
    refused = query.get("refused", "false")
    if refused not in ("true", "false"):
        raise RequestRefused(f"The query parameter 'refused' is true or false, not {refused!a}.")
    wanted = Wanted(limit, query.get("search", ""), refused == "true")
    wait = whole_number(query, "wait", 0, 0, schemas.MAX_WAIT)
    changes = request.context.changes
    version = changes.version
    if "after" in query:
        version = changes.wait(query["after"], wait)
    return Answer.of(state(version, wanted))


def _of_certificate(
    request: ControlRequest, attempts: Sequence[ConnectionAttempt]
) -> Sequence[ConnectionAttempt]:
    wanted = request.query.get("certificateId")
    if wanted is None:
        return attempts
    return [attempt for attempt in attempts if attempt.certificate_id == wanted]


def _sequence(attempt: ConnectionAttempt) -> int:
    return attempt.sequence


def _first(entry: tuple[Any, ...]) -> int:
    return int(entry[0])


def _page(
    request: ControlRequest,
    name: str,
    items: Sequence[Any],
    to_json: Callable[[Any], Json],
    number_of: Callable[[Any], int],
) -> Answer:
    """Answer with a part of a list, whose items' numbers rise."""
    query = request.query
    limit = whole_number(query, "limit", openapi.DEFAULT_LIMIT, 1, openapi.MAX_LIMIT)
    order = query.get("order", "asc")
    if order not in ("asc", "desc"):
        raise RequestRefused(f"The query parameter 'order' is asc or desc, not {order!a}.")
    cursor = whole_number(query, "cursor", 0, 1, 10**18 - 1)
    if order == "asc":
        left = [item for item in items if number_of(item) > cursor]
    else:
        left = [item for item in reversed(items) if not cursor or number_of(item) < cursor]
    page = left[:limit]
    more = len(left) > limit
    return Answer.of(
        {
            name: [to_json(item) for item in page],
            "nextCursor": str(number_of(page[-1])) if more else None,
        }
    )
