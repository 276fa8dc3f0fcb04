"""Device shadows by boto3, whose requests are logged.

https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-rest-api.html
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.api.outputs import without_null
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.exceptions import AwsError, code_and_message, error_with_status
from moto_jitp.monitoring.logs import ShadowRequest

from .requests import SERVICE, DataRequest
from .shadows import ShadowRefused

# The maximum number of names on a page.
_MOST = 100
_ERRORS = {
    400: "InvalidRequestException",
    404: "ResourceNotFoundException",
    409: "ConflictException",
    413: "RequestEntityTooLargeException",
    415: "UnsupportedDocumentEncodingException",
}


@operation("UpdateThingShadow", DataRequest, service=SERVICE)
def update_thing_shadow(request: DataRequest, arguments: Input) -> Output:
    with _logged(request, "update", arguments) as (thing_name, shadow_name):
        payload = arguments.get("payload", b"")
        shadow = request.backend.update_thing_shadow(thing_name, payload, shadow_name)
        answer: dict[str, Any] = shadow.to_response_dict()
    return answer


@operation("GetThingShadow", DataRequest, service=SERVICE)
def get_thing_shadow(request: DataRequest, arguments: Input) -> Output:
    with _logged(request, "get", arguments) as (thing_name, shadow_name):
        answer: dict[str, Any] = request.backend.get_thing_shadow(thing_name, shadow_name).to_dict()
    return answer


@operation("DeleteThingShadow", DataRequest, service=SERVICE)
def delete_thing_shadow(request: DataRequest, arguments: Input) -> Output:
    with _logged(request, "delete", arguments) as (thing_name, shadow_name):
        shadow = request.backend.delete_thing_shadow(thing_name, shadow_name)
        answer: dict[str, Any] = shadow.to_dict()
    return answer


@operation("ListNamedShadowsForThing", DataRequest, service=SERVICE)
def list_named_shadows_for_thing(request: DataRequest, arguments: Input) -> Output:
    names = request.backend.list_named_shadows_for_thing(arguments["thingName"])
    page = Page("ListNamedShadowsForThing", arguments, default_size=_MOST, service=SERVICE)
    output = page.output("results", page.cut_sorted(names, str))
    return {**without_null(output), "timestamp": int(time.time())}


@contextmanager
def _logged(
    request: DataRequest, operation_name: str, arguments: Input
) -> Iterator[tuple[str, str | None]]:
    """Log a request to a shadow with its result; a refusal becomes the model's error."""
    shadow_request = ShadowRequest(
        operation_name, arguments["thingName"], arguments.get("shadowName"), "HTTP"
    )
    try:
        try:
            yield shadow_request.thing_name, shadow_request.shadow_name
        except ShadowRefused as refused:
            raise error_with_status(_ERRORS[refused.code], refused.text, refused.code) from None
    except AwsError as error:
        request.backend.log_shadow_request(shadow_request, code_and_message(error)[1])
        raise
    request.backend.log_shadow_request(shadow_request)
