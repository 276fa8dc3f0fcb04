"""Every operation, even moto's, refuses input that violates AWS's service model, and says how."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import botocore.session
import pytest
import requests
from botocore.model import OperationModel, Shape
from hypothesis import given, settings, strategies
from support.cloud import client
from support.patience import HANG
from support.servers import motos_server

from moto_jitp import mock_jitp

REFUSALS = ("InvalidRequestException", "ValidationException")
SERVICES = ("iot", "iot-data", "iot-jobs-data")
SIGNING_NAMES = {"iot-data": "iotdata"}


@functools.cache
def models(service: str) -> dict[str, OperationModel]:
    model = botocore.session.get_session().get_service_model(service)
    return {name: model.operation_model(name) for name in model.operation_names}


class Answer(NamedTuple):
    code: str
    status: int
    text: str


def send(service: str, operation: str, values: dict[str, Any], **changed: Any) -> Answer:
    """Send what botocore would not: values of any type, in the right places of a request."""
    model = models(service)[operation]
    path, query, headers, body = model.http["requestUri"], {}, {}, {}
    payload = model.input_shape.serialization.get("payload") if model.input_shape else None
    for name, value in values.items():
        travels = model.input_shape.members[name].serialization
        wire_name = travels.get("name", name)
        as_text = json.dumps(value) if isinstance(value, (bool, list, dict)) else str(value)
        if travels.get("location") == "uri":
            path = re.sub(rf"\{{{wire_name}\+?\}}", lambda _, t=as_text: quote(t, safe=""), path)
        elif travels.get("location") == "querystring":
            query[wire_name] = as_text
        elif travels.get("location") == "header":
            headers[wire_name] = as_text.encode()
        elif name == payload:
            body = value
        else:
            body[wire_name] = value
    return request(
        service,
        model.http["method"],
        f"{path}?{urlencode(query)}",
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers=headers,
        **changed,
    )


def request(
    service: str,
    method: str,
    path: str,
    body: bytes,
    *,
    headers: Any = None,
    url: str | None = None,
    region: str = "us-east-1",
) -> Answer:
    scope = f"testing/20260101/{region}/{SIGNING_NAMES.get(service, service)}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    answer = requests.request(
        method,
        (url or ADDRESSES[service].format(region)) + path,
        data=body,
        headers={
            "Authorization": authorization,
            "Content-Type": "application/json",
            **(headers or {}),
        },
        timeout=HANG,
    )
    assert answer.headers["x-amzn-requestid"]
    text = answer.json().get("message", "")
    return Answer(answer.headers.get("x-amzn-ErrorType", ""), answer.status_code, text)


ADDRESSES = {
    "iot": "https://iot.{}.amazonaws.com",
    "iot-data": "https://data-ats.iot.{}.amazonaws.com",
    "iot-jobs-data": "https://data.jobs.iot.{}.amazonaws.com",
}


# A generator of inputs that each violate one constraint.


class Break(NamedTuple):
    what: str
    where: str
    value: Any


_MATCHING = [
    *(sign * length for sign in "aA1x" for length in (1, 2, 3, 12, 20, 36, 40, 64)),
    "arn:aws:acm:us-east-1:123456789012:certificate/a",
    "https://ingestion-a.a.sfdc-matrix.net/streams/a/a/event",
    "https://a",
    "p99",
    "\n",
    "$next",
]
_OTHER = ["é", " ", "\x00", "!", "$", "_", "\x00é", "!" * 36, "!" * 40, "! " * 32]
_JAVA = {r"\p{Graph}": "!-~", r"\p{Upper}": "A-Z", r"\p{Digit}": "0-9"}


def matches(pattern: str, value: str) -> bool:
    """Say of the candidates above whether they match; of letters they hold those of ASCII and é."""
    for java, python in _JAVA.items():
        pattern = pattern.replace(java, python)
    pattern = pattern.replace(r"\p{C}", r"\x00-\x1f").replace(r"\p{Cntrl}", r"\x00-\x1f")
    pattern = pattern.replace(r"\p{L}\p{Z}\p{N}", "a-zA-Zé 0-9")
    return re.fullmatch(pattern, value, re.ASCII) is not None


def fits(shape: Shape, value: str) -> bool:
    limits = shape.metadata
    return (
        limits.get("min", 0) <= len(value) <= limits.get("max", 10**9)
        and matches(limits.get("pattern", r"[\s\S]*"), value)
        and value in limits.get("enum", [value])
    )


def sample(shape: Shape) -> Any:
    """A value that the model takes."""
    least = shape.metadata.get("min", 1)
    if shape.type_name == "structure":
        return {name: sample(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [sample(shape.member)] * max(least, 1)
    if shape.type_name == "map":
        return {sample(shape.key): sample(shape.value)}
    if shape.type_name == "string":
        candidates = [*shape.metadata.get("enum", []), *_MATCHING, "a" * least]
        return next(value for value in candidates if fits(shape, value))
    return {"boolean": True, "timestamp": 1_700_000_000, "blob": b"{}"}.get(shape.type_name, least)


def breaks(shape: Shape, where: str, *, travels_as_text: bool = False) -> Iterator[Break]:
    limits, kind = shape.metadata, shape.type_name
    if kind == "structure":
        yield from breaks_of_members(shape, f"{where}." if where else "")
    elif kind == "list":
        member = sample(shape.member)
        for broken in breaks(shape.member, f"{where}.1.member"):
            of_scalar = shape.member.type_name == "string" and broken.what != "type"
            yield broken._replace(where=where if of_scalar else broken.where, value=[broken.value])
        if "max" in limits and limits["max"] < 1000:
            yield Break("too long", where, [member] * (limits["max"] + 1))
        if limits.get("min"):
            yield Break("too short", where, [member] * (limits["min"] - 1))
    elif kind == "map":
        key, item = sample(shape.key), sample(shape.value)
        for broken in breaks(shape.key, where):
            if broken.what != "type":
                yield broken._replace(what=f"key {broken.what}", value={broken.value: item})
        below = f"{where}.{key}" if shape.value.type_name == "string" else f"{where}.{key}.member"
        for broken in breaks(shape.value, below):
            of_scalar = shape.value.type_name == "string" and broken.what != "type"
            place = where if of_scalar else broken.where
            yield Break(f"value {broken.what}", place, {key: broken.value})
        if "max" in limits and shape.key.type_name == "string" and "enum" not in shape.key.metadata:
            yield Break("too many", where, {f"a{at}": "a" for at in range(limits["max"] + 1)})
    elif kind == "string":
        if "enum" in limits:
            yield Break("enum", where, "NONE_OF_THEM")
        if "max" in limits and shape.name != "TemplateBody":
            yield Break("too long", where, "a" * (limits["max"] + 1))
        if limits.get("min"):
            yield Break("too short", where, "a" * (limits["min"] - 1))
        if "pattern" in limits:
            others = (other for other in _OTHER if not matches(limits["pattern"], other))
            right_size = (
                other
                for other in others
                if limits.get("min", 0) <= len(other) <= limits.get("max", 10**9)
            )
            yield from (Break("pattern", where, other) for other in itertools.islice(right_size, 1))
    elif kind in ("integer", "long", "double"):
        if "max" in limits:
            yield Break("too great", where, limits["max"] + 1)
        if "min" in limits:
            yield Break("too small", where, limits["min"] - 1)
    wrong: Any = "x" if kind in ("integer", "long", "double", "boolean", "timestamp") else 5
    if kind != "blob" and not (travels_as_text and wrong == 5):
        yield Break("type", where, wrong)


def breaks_of_members(shape: Shape, prefix: str) -> Iterator[Break]:
    rest = sample(shape)
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        if name in shape.required_members and location != "uri":
            without = {other: value for other, value in rest.items() if other != name}
            yield Break("missing", f"{prefix}{name}", without)
        if member.serialization.get("jsonvalue"):
            continue
        for broken in breaks(member, f"{prefix}{name}", travels_as_text=location is not None):
            # An empty part of a path, a line end in a header: these make another request.
            in_url = location == "uri" and broken.value == ""
            if not in_url and not (location == "header" and not str(broken.value).isprintable()):
                yield broken._replace(value={**rest, name: broken.value})


def input_of(service: str, operation: str) -> Shape | None:
    shape: Shape | None = models(service)[operation].input_shape
    return shape


def all_breaks(service: str, operation: str) -> list[Break]:
    shape = input_of(service, operation)
    if shape is None:
        return []
    payload = shape.serialization.get("payload")
    found = list(breaks_of_members(shape, ""))
    # A body of another type is tested below.
    return [b for b in found if not (b.what in ("type", "missing") and b.where == payload)]


@pytest.mark.parametrize(
    "service",
    [pytest.param(name, marks=pytest.mark.slow if name == "iot" else ()) for name in SERVICES],
)
def test_each_constraint_of_each_emulated_operation_is_kept_to(service: str) -> None:
    tried, wrong = 0, []
    with mock_jitp():
        for operation in models(service):
            for broken in all_breaks(service, operation):
                found = send(service, operation, broken.value)
                if "is not emulated" in found.text:
                    break
                tried += 1
                if not names(found, broken):
                    wrong.append((operation, broken, found))
    assert wrong == [], "\n".join(map(str, wrong))
    # A model without constraints, or a generator without inputs, would also pass.
    assert tried > {"iot": 900, "iot-data": 20, "iot-jobs-data": -1}[service]


def names(found: Answer, broken: Break) -> bool:
    if broken.what.endswith("type"):
        says = f"The member {broken.where} must be"
    else:
        says = f"at '{broken.where}' failed to satisfy constraint: "
    return found.code in REFUSALS and found.status == 400 and says in found.text


def test_all_violations_are_counted_and_listed(iot: Any) -> None:
    text = refused_text(
        "CreateThing",
        {
            "thingName": "a b",
            "thingTypeName": "x" * 129,
            "attributePayload": {"attributes": {"a b": "c", "d": "e f"}},
        },
    )
    assert text == (
        "4 validation errors detected: "
        "Value 'a b' at 'thingName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9:_-]+; "
        f"Value '{'x' * 129}' at 'thingTypeName' failed to satisfy constraint: "
        "Member must have length less than or equal to 128; "
        "Value '{a b=c, d=e f}' at 'attributePayload.attributes' failed to satisfy constraint: "
        "Map keys must satisfy constraint: [Member must have length less than or equal to 128, "
        "Member must have length greater than or equal to 0, "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#-]+]; "
        "Value '{a b=c, d=e f}' at 'attributePayload.attributes' failed to satisfy constraint: "
        "Map value must satisfy constraint: [Member must have length less than or equal to 800, "
        "Member must have length greater than or equal to 0, "
        r"Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#=\[\]-]*]"
    )


def refused_text(operation: str, values: dict[str, Any]) -> str:
    found = send("iot", operation, values)
    assert found[:2] == ("InvalidRequestException", 400)
    return found.text


def test_a_missing_member_is_named(iot: Any) -> None:
    assert refused_text("CreatePolicy", {"policyName": "p"}) == (
        "1 validation error detected: Value null at 'policyDocument' failed to satisfy constraint: "
        "Member must not be null"
    )


@pytest.mark.parametrize("value", ["Gerät 2", "½ 半 १", "a_b.c:d/e=f+g-h@i", ""])
def test_tags_may_have_letters_and_digits_of_every_script(iot: Any, value: str) -> None:
    tags = [{"Key": f"k{value}", "Value": value}]
    answer = iot.create_thing_group(thingGroupName="g", tags=tags)
    assert iot.list_tags_for_resource(resourceArn=answer["thingGroupArn"])["tags"] == tags


@pytest.mark.parametrize("value", ["a!b", "a€b", "a\u200bb", "a\u0301b"])
def test_tags_may_have_no_other_characters(iot: Any, value: str) -> None:
    text = refused_text("CreateThingGroup", {"thingGroupName": "g", "tags": [{"Key": value}]})
    assert f"Value '{value}' at 'tags.1.Key'" in text or "tags.1.member.Key" in text


def test_an_empty_token_is_the_first_page(iot: Any) -> None:
    iot.create_thing(thingName="a")
    names = [thing["thingName"] for thing in iot.list_things(nextToken="")["things"]]
    assert names == ["a"]
    assert iot.list_certificates(marker="")["certificates"] == []


MALFORMED = {
    "no JSON": b"{",
    "not UTF-8": b'{"thingTypeName": "\xff"}',
    "50,000 levels deep": b'{"attributePayload": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a list": b"[]",
    "a text": b'"text"',
    "a number that is none": b'{"thingTypeName": NaN}',
    "half of a surrogate pair": b'{"thingTypeName": "\\ud800"}',
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with motos_server({"jitp": {"strict": True}}) as url:
        yield url


OPERATIONS_WITH_BODIES = ("CreateThing", "CreateTopicRule", "UpdateThingGroup", "ListJobs")


@pytest.mark.parametrize("what", MALFORMED)
@pytest.mark.parametrize("operation", OPERATIONS_WITH_BODIES)
def test_a_malformed_body_is_refused_in_process(iot: Any, operation: str, what: str) -> None:
    expect_malformed(operation, MALFORMED[what])


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_body_is_refused_by_the_server(server: str, what: str) -> None:
    for operation in OPERATIONS_WITH_BODIES:
        expect_malformed(operation, MALFORMED[what], url=server)


def expect_malformed(operation: str, body: bytes, **options: Any) -> None:
    http = models("iot")[operation].http
    path = re.sub(r"\{\w+\}", "a", http["requestUri"])
    found = request("iot", http["method"], path, body, **options)
    assert found[:2] == ("InvalidRequestException", 400)
    assert "not well-formed JSON" in found.text or "must be a JSON object" in found.text


def test_the_server_refuses_queries_and_regions_that_are_wrong(server: str) -> None:
    found = send("iot", "ListThings", {"maxResults": "many"}, url=server)
    assert found[:2] == ("InvalidRequestException", 400)
    assert found.text == "The member maxResults must be of type integer; found 'many'."
    found = send("iot", "ListThings", {}, url=server, region="us-east1")
    assert found[:2] == ("InvalidRequestException", 400)
    assert found.text.startswith("'us-east1' is not a Region where AWS IoT is available.")


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(data=strategies.data())
def test_no_body_ends_in_a_python_error(data: Any) -> None:
    operation = data.draw(strategies.sampled_from(sorted(models("iot"))))
    names = [name for name, _ in members_of_body(operation)]
    values = strategies.recursive(
        strategies.none() | strategies.booleans() | strategies.floats() | strategies.text(),
        lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
        max_leaves=8,
    )
    keys = strategies.sampled_from(names) if names else strategies.text()
    body = json.dumps(data.draw(strategies.dictionaries(keys, values)))
    http = models("iot")[operation].http
    with mock_jitp(config={"jitp": {"strict": data.draw(strategies.booleans())}}):
        found = request(
            "iot", http["method"], re.sub(r"\{\w+\+?\}", "a", http["requestUri"]), body.encode()
        )
    assert found.status < 500, found


def members_of_body(operation: str) -> list[tuple[str, Shape]]:
    shape = input_of("iot", operation)
    members = shape.members.items() if shape is not None else ()
    return [(name, member) for name, member in members if "location" not in member.serialization]


def test_an_unknown_region_is_refused(iot: Any) -> None:
    for service, operation in (("iot", "ListThings"), ("iot-data", "ListRetainedMessages")):
        found = send(service, operation, {}, region="us-east1")
        assert found[:2] == ("InvalidRequestException", 400)
        assert found.text.startswith("'us-east1' is not a Region where AWS IoT is available.")


def test_without_strict_a_missing_member_is_named_and_the_rest_is_accepted() -> None:
    with mock_jitp(config={"jitp": {"strict": False}}):
        assert "Value null at 'policyDocument'" in refused_text("CreatePolicy", {"policyName": "p"})
        tags = {"thingGroupName": "g", "tags": {"a": 1}}
        assert "must be of type list" in refused_text("CreateThingGroup", tags)
        client().create_thing(thingName="a b")
        assert client().describe_thing(thingName="a b")["thingName"] == "a b"


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "application/x-amz-json-1.0", "text/plain", ""],
)
def test_a_body_is_read_whatever_its_content_type(server: str, content_type: str) -> None:
    """By default curl sends that of a form."""
    headers = {"Content-Type": content_type}
    name = f"bulb-{len(content_type)}"
    found = request("iot", "POST", f"/things/{name}", b"{}", headers=headers, url=server)
    assert found.status == 200
    found = request("iot", "GET", "/things/nobody", b"", headers=headers, url=server)
    assert found[:2] == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400])
def test_a_number_that_no_double_holds_is_refused(iot: Any, number: str) -> None:
    criterion = f'{{"failureType": "ALL", "action": "CANCEL", "thresholdPercentage": {number}}}'
    body = f'{{"targets": ["a"], "abortConfig": {{"criteriaList": [{criterion}]}}}}'
    found = request("iot", "PUT", "/jobs/j", body.encode())
    assert found[:2] == ("InvalidRequestException", 400)
    assert "thresholdPercentage must be of type double" in found.text
