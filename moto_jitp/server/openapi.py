"""The OpenAPI description of the control routes, served at ``/moto-api/jitp/openapi.json``."""

from __future__ import annotations

from moto_jitp.json_shapes import Schema, ref
from moto_jitp.remote.client import PREFIX

from .routing import PEM, Parameter, Route, Routes
from .schemas import schemas


def document(version: str, routes: Routes) -> Schema:
    """Return the OpenAPI 3.1 document.

    Args:
        version: that of the package.
        routes: the control routes.
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
        "paths": _paths(routes),
        "components": {"schemas": schemas()},
    }


def _paths(routes: Routes) -> Schema:
    paths: Schema = {}
    for route in routes:
        if route.answer is not None:
            operations = paths.setdefault(f"{PREFIX}/{route.path}", {})
            operations[route.method.lower()] = _operation(route, route.answer)
    return paths


def _operation(route: Route, answer: str) -> Schema:
    operation: Schema = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "responses": {
            "200": {"description": "The answer.", **_content(answer)},
            "4XX": {"description": "The request was not carried out.", **_content("Error")},
        },
    }
    number_in_path = [_in_path(route.id_of)] if "{id}" in route.path else []
    parameters = [*number_in_path, *map(_in_query, route.query)]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {**_content(route.body), "required": not route.body_optional}
    return operation


def _in_path(description: str) -> Schema:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "integer", "minimum": 1},
    }


def _in_query(parameter: Parameter) -> Schema:
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _content(schema: str) -> Schema:
    if schema == PEM:
        return {"content": {"application/x-pem-file": {"schema": {"type": "string"}}}}
    return {"content": {"application/json": {"schema": ref(schema)}}}
