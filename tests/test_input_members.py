"""Members that an operation accepts are carried out or refused, never silently dropped."""

from __future__ import annotations

import inspect
import json
import sys
import types
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from moto.iot.responses import IoTResponse

from moto_jitp.iot import models as models  # fills the table of operations, as urls does
from moto_jitp.iot import urls as urls
from moto_jitp.iot.api.operations import OPERATIONS, method_name, operations_of
from moto_jitp.iot.api.unsupported_members import UNSUPPORTED_MEMBERS
from moto_jitp.iot.data_plane import message_properties
from moto_jitp.iot.data_plane.urls import DataEndpoint as DataEndpoint
from moto_jitp.iot.jobs import topics_api

MODEL = botocore.session.get_session().get_service_model("iot")

#: Members that no code needs to read, and why.
WITHOUT_EFFECT = {
    ("AddThingToThingGroup", "overrideDynamicGroups"): "there are no dynamic groups",
    ("UpdateThingGroupsForThing", "overrideDynamicGroups"): "there are no dynamic groups",
    ("CreateDomainConfiguration", "validationCertificateArn"): "AWS never returns it",
    ("DescribeJob", "beforeSubstitution"): "no job document has anything to substitute",
    ("GetJobDocument", "beforeSubstitution"): "no job document has anything to substitute",
    ("CreateTopicRule", "topicRulePayload"): "it is the body, whose members moto reads",
    ("ReplaceTopicRule", "topicRulePayload"): "it is the body, whose members moto reads",
}
#: What every listing reads by one class.
OF_PAGES = {"maxResults", "pageSize", "nextToken", "marker", "ascendingOrder"}


def functions(function: Any) -> Iterator[Any]:
    """A function of the table, and those that it wraps."""
    yield function
    for cell in function.__closure__ or ():
        if isinstance(cell.cell_contents, types.FunctionType):
            yield from functions(cell.cell_contents)


def code_of(operation: str) -> str | None:
    """The code that carries out an operation; None if there is none."""
    moto = getattr(IoTResponse, method_name(operation), None)
    known = OPERATIONS.get(("iot", operation))
    if known is None:
        return None if moto is None else inspect.getsource(moto)
    modules = {sys.modules[function.__module__] for function in functions(known.function)}
    code = "".join(inspect.getsource(module) for module in modules)
    return code + inspect.getsource(moto) if known.calls_moto and moto else code


def members(operation: str) -> dict[str, Any]:
    shape = MODEL.operation_model(operation).input_shape
    return {} if shape is None else dict(shape.members)


@pytest.mark.parametrize("operation", MODEL.operation_names)
def test_each_member_is_read_by_some_code_or_refused(operation: str) -> None:
    code = code_of(operation)
    if code is None:
        return
    pages = "Page(" in code or "page: Page" in code
    unread = {
        name
        for name, shape in members(operation).items()
        if shape.serialization.get("location") != "uri"
        and f'"{name}"' not in code
        and f'"{shape.serialization.get("name", name)}"' not in code
        and not (pages and name in OF_PAGES)
        and name not in UNSUPPORTED_MEMBERS.get(operation, ())
        and (operation, name) not in WITHOUT_EFFECT
    }
    assert unread == set()


#: What reads the requests of the services for devices, beside the operations' own modules.
OF_DEVICES: dict[str, ModuleType] = {"iot-data": message_properties, "iot-jobs-data": topics_api}


@pytest.mark.parametrize(
    ("service", "operation"),
    [(service, known.name) for service in OF_DEVICES for known in operations_of(service)],
)
def test_each_member_of_a_devices_request_is_read(service: str, operation: str) -> None:
    own = sys.modules[OPERATIONS[service, operation].function.__module__]
    code = inspect.getsource(own) + inspect.getsource(OF_DEVICES[service])
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation)
    unread = {
        name
        for name, member in shape.input_shape.members.items()
        if member.serialization.get("location") != "uri"
        and f'"{name}"' not in code
        and f'"{member.serialization.get("name", name)}"' not in code
        and name not in OF_PAGES
        and name != shape.input_shape.serialization.get("payload")
    }
    assert unread == set()


ARN = "arn:aws:acm:us-east-1:123456789012:certificate/a"


def sample(shape: Any) -> Any:
    if shape.type_name == "structure":
        return {name: sample(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [sample(shape.member)]
    if shape.type_name == "map":
        return {}
    if shape.type_name == "string":
        is_arn = "arn" in shape.metadata.get("pattern", "")
        text = ARN if is_arn else "a" * max(shape.metadata.get("min", 1), 1)
        return shape.metadata.get("enum", [text])[0]
    return {"boolean": True}.get(shape.type_name, shape.metadata.get("min", 1))


REFUSED = [(operation, name) for operation, names in UNSUPPORTED_MEMBERS.items() for name in names]


@pytest.mark.parametrize(("operation", "name"), REFUSED)
def test_a_member_that_is_not_emulated_is_refused_by_name(
    iot: Any, operation: str, name: str
) -> None:
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    raw = session.client("iot", config=Config(parameter_validation=False))
    shape = MODEL.operation_model(operation).input_shape
    methods = {api: method for method, api in raw.meta.method_to_api_mapping.items()}
    given = {**sample(shape), name: sample(shape.members[name])}
    with pytest.raises(raw.exceptions.InvalidRequestException) as caught:
        getattr(raw, methods[operation])(**given)
    assert f"The member {name} of {operation} is not emulated" in str(caught.value)


def test_an_invented_token_for_tags_is_refused(iot: Any) -> None:
    arn = iot.create_thing_group(thingGroupName="g", tags=[{"Key": "a", "Value": "b"}])[
        "thingGroupArn"
    ]
    assert json.dumps(iot.list_tags_for_resource(resourceArn=arn)["tags"])
    with pytest.raises(iot.exceptions.InvalidRequestException, match="was not returned"):
        iot.list_tags_for_resource(resourceArn=arn, nextToken="MQ==")
