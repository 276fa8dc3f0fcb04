"""The OpenAPI description of the control routes, served at ``/moto-api/jitp/openapi.json``."""

from __future__ import annotations

from moto_jitp.remote.client import PREFIX

from .schemas import MAX_WAIT, Schema, ref, schemas

MAX_LIMIT = 1000
"""A list answers with so many items at most."""

DEFAULT_LIMIT = 100


def _parameter(name: str, description: str, schema: Schema, where: str = "query") -> Schema:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": description,
        "schema": schema,
    }


_ID = _parameter("id", "The attempt's id.", {"type": "integer", "minimum": 1}, "path")
_RUN_ID = _parameter("id", "The run's id.", {"type": "integer", "minimum": 1}, "path")
_FAILURE = _parameter("id", "The failure's id.", {"type": "integer", "minimum": 1}, "path")
_CONNECTION = _parameter(
    "connectionId", "Only of this connection.", {"type": "integer", "minimum": 1}
)
_CERTIFICATE = _parameter("certificateId", "Only of this certificate.", {"type": "string"})
_PAGING = [
    _parameter(
        "limit",
        "How many at most.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    _parameter("cursor", "The nextCursor of the page before.", {"type": "string"}),
    _parameter("order", "desc: newest first.", {"enum": ["asc", "desc"], "default": "asc"}),
]
_WAITING = [
    _parameter("after", "A version: wait until it is another.", {"type": "string"}),
    _parameter(
        "wait",
        "Seconds to wait at most.",
        {"type": "integer", "minimum": 0, "maximum": MAX_WAIT, "default": 0},
    ),
    _parameter(
        "limit", "How many of each kind.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
    ),
    _parameter(
        "search",
        "Only devices with this text in a name, an id, the subject or the reason of a refusal.",
        {"type": "string"},
    ),
    _parameter(
        "refused",
        "true: only devices whose newest connection was refused.",
        {"type": "boolean", "default": False},
    ),
]


def _operation(
    name: str,
    summary: str,
    answer: str,
    parameters: list[Schema] | None = None,
    body: str | None = None,
    *,
    body_required: bool = True,
) -> Schema:
    operation: Schema = {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": _content("The answer.", answer),
            "4XX": _content("The request was not carried out.", "Error"),
        },
    }
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {**_content("", body), "required": body_required}
        del operation["requestBody"]["description"]
    return operation


def _content(description: str, schema: str) -> Schema:
    return {
        "description": description,
        "content": {"application/json": {"schema": ref(schema)}},
    }


def document(version: str) -> Schema:
    """Return the OpenAPI 3.1 document.

    Args:
        version: the package's.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "moto_jitp control routes",
            "version": version,
            "description": "Beside moto's own under /moto-api/, whose reset clears them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {f"{PREFIX}/{path}": operations for path, operations in _paths().items()},
        "components": {"schemas": schemas()},
    }


def _paths() -> dict[str, Schema]:
    return {
        "ready": {"get": _operation("ready", "Whether the server answers", "Ready")},
        "connect": {
            "post": _operation(
                "connect",
                "A device connects; a refused one is an answer, not an error",
                "Outcome",
                body="ConnectRequest",
            )
        },
        "connections": {
            "get": _operation(
                "listConnections", "Connection attempts", "Connections", [*_PAGING, _CERTIFICATE]
            )
        },
        "connections/{id}": {
            "get": _operation("getConnection", "One connection attempt", "Connection", [_ID])
        },
        "connections/{id}/publish": {
            "post": _operation(
                "publish", "The connected device publishes", "Done", [_ID], "PublishRequest"
            )
        },
        "connections/{id}/subscribe": {
            "post": _operation(
                "subscribe",
                "The connected device subscribes; its messages wait for receive",
                "Done",
                [_ID],
                "TopicFilterRequest",
            )
        },
        "connections/{id}/unsubscribe": {
            "post": _operation(
                "unsubscribe", "The device unsubscribes", "Done", [_ID], "TopicFilterRequest"
            )
        },
        "connections/{id}/receive": {
            "post": _operation(
                "receive",
                "The device takes its next message",
                "Received",
                [_ID],
                "ReceiveRequest",
                body_required=False,
            )
        },
        "connections/{id}/disconnect": {
            "post": _operation(
                "disconnect",
                "The device disconnects",
                "Done",
                [_ID],
                "Nothing",
                body_required=False,
            )
        },
        "failures": {
            "get": _operation("listFailures", "The failures that are asked for", "Failures"),
            "post": _operation(
                "addFailure",
                "Have an operation of AWS IoT fail, called by an SDK or by a provisioning run",
                "Failure",
                body="FailureRequest",
            ),
        },
        "failures/{id}": {
            "get": _operation("getFailure", "One failure that is asked for", "Failure", [_FAILURE]),
            "delete": _operation("cancelFailure", "Ask for it no more", "Failure", [_FAILURE]),
        },
        "runs": {
            "get": _operation(
                "listRuns", "Provisioning runs", "Runs", [*_PAGING, _CERTIFICATE, _CONNECTION]
            )
        },
        "runs/{id}": {"get": _operation("getRun", "One provisioning run", "ListedRun", [_RUN_ID])},
        "events": {
            "get": _operation(
                "listEvents",
                "Messages of AWS IoT and of devices",
                "Events",
                [*_PAGING, _parameter("topicFilter", "An MQTT topic filter.", {"type": "string"})],
            )
        },
        "config": {
            "get": _operation("getConfig", "The settings in force", "Config"),
            "put": _operation("putConfig", "Change the settings", "Config", body="ConfigRequest"),
        },
        "state": {
            "get": _operation(
                "getState", "What the page shows; waits for changes if asked to", "State", _WAITING
            )
        },
    }
