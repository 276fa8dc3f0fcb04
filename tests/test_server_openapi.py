"""The OpenAPI document describes what the control routes really do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from support.servers import Api, client, provisioning_ca

from moto_jitp import CertificateAuthority
from moto_jitp.iot.account.endpoints import LocalEndpoint, local_endpoints
from moto_jitp.server import ThreadedJitpServer

PREFIX = "/moto-api/jitp"


class Checker:
    """Makes requests, and checks each response against the served document."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.document = api.get("/openapi.json")
        self.asked: set[tuple[str, str]] = set()

    def __call__(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        answer = self.api.request(method, path, **options)
        assert answer.status == status, answer.data
        is_pem = answer.headers["Content-Type"] == "application/x-pem-file"
        document = answer.data.decode() if is_pem else json.loads(answer.data)
        template, operation = self._operation(method, path.partition("?")[0])
        if status == 200:
            self.asked.add((method, template))
        described = operation["responses"]["200" if status == 200 else "4XX"]
        kind = "application/x-pem-file" if is_pem else "application/json"
        self._validate(document, described["content"][kind]["schema"])
        return document

    def _operation(self, method: str, path: str) -> tuple[str, Any]:
        plain = "/".join("{id}" if part.isdigit() else part for part in path.split("/"))
        return plain, self.document["paths"][f"{PREFIX}{plain}"][method.lower()]

    def _validate(self, value: Any, schema: Any) -> None:
        whole = {**schema, "components": self.document["components"]}
        Draft202012Validator(whole).validate(value)


@pytest.fixture
def ask(server: ThreadedJitpServer) -> Checker:
    return Checker(Api(server.endpoint_url))


def test_the_document_is_openapi(ask: Checker) -> None:
    assert ask.document["openapi"].startswith("3.1")
    validate(ask.document)


def test_every_answer_is_as_described(server: ThreadedJitpServer, ask: Checker) -> None:
    ca = provisioning_ca(server.endpoint_url)
    good, bad = ca.issue(common_name="bulb-1", country="KR"), ca.issue()

    def body(value: Any) -> str:
        return json.dumps(value)

    client(server.endpoint_url).create_topic_rule(
        ruleName="heard",
        topicRulePayload={
            "sql": "SELECT * FROM 'a'",
            "actions": [{"s3": {"bucketName": "none", "key": "k", "roleArn": "arn"}}],
        },
    )
    outcome = ask("POST", "/connect", body=body({"certificatePem": good.certificate_pem}))
    refused = ask("POST", "/connect", body=body({"certificatePem": bad.certificate_pem}))
    stranger = CertificateAuthority().issue().certificate_pem
    ask("POST", "/connect", body=body({"certificatePem": stranger, "serverName": None}))
    session = outcome["attempts"][-1]["id"]
    publish = f"/connections/{session}/publish"
    ask("POST", publish, body=body({"topic": "a", "payloadText": "x", "retain": True}))
    ask("POST", publish, body=body({"topic": "a", "payloadBase64": "/w=="}))
    device = f"/connections/{session}"
    ask("POST", f"{device}/subscribe", body=body({"topicFilter": "a/#"}))
    ask("POST", publish, body=body({"topic": "a/b", "payloadText": "x"}))
    ask("POST", f"{device}/receive", body=body({"wait": 0}))
    ask("POST", f"{device}/receive")
    ask("POST", f"{device}/unsubscribe", body=body({"topicFilter": "a/#"}))
    failing = {"operation": "CreateThing", "error": "ThrottlingException", "times": None}
    failure = ask("POST", "/failures", body=body(failing))["id"]
    ask("GET", "/failures")
    ask("GET", f"/failures/{failure}")
    ask("DELETE", f"/failures/{failure}")
    disturbance = ask("POST", "/disturbances", body=body({"kind": "drop"}))["id"]
    ask("GET", "/disturbances")
    ask("GET", f"/disturbances/{disturbance}")
    ask("DELETE", f"/disturbances/{disturbance}")
    for path in ("/ready", "/connections", "/runs", "/events", "/rules", "/config", "/state"):
        ask("GET", path)
    local_endpoints.append(LocalEndpoint("localhost", 8883, None, "-----BEGIN CERTIFICATE-----"))
    ask("GET", "/endpoint")
    ask("GET", "/endpoint/root.pem")
    local_endpoints.pop()
    ask("GET", "/connections?limit=1&order=desc")
    ask("GET", f"/connections/{session}")
    ask("GET", f"/runs/{refused['attempts'][0]['id']}")
    ask("PUT", "/config", body=body({"throttling": {"RegisterThing": 10, "*": True}}))
    ask("POST", f"/connections/{session}/disconnect", body="{}")
    described = {
        (method.upper(), path.removeprefix(PREFIX))
        for path, operations in ask.document["paths"].items()
        for method in operations
    }
    assert ask.asked == described


def test_every_refusal_is_as_described(ask: Checker) -> None:
    ask("POST", "/connect", 400, body="{")
    ask("POST", "/connect", 413, body=" " * 2_000_000)
    ask("GET", "/connections/999", 404)
    ask("GET", "/runs/999", 404)
    ask("POST", "/connections/999/publish", 404, body='{"topic": "a", "payloadText": ""}')
    ask("PUT", "/config", 400, body='{"x": 1}')
    ask("POST", "/connections/999/receive", 404, body="{}")
    ask("GET", "/state?wait=x", 400)


def test_a_body_that_the_document_forbids_is_refused(ask: Checker) -> None:
    request = ask.document["components"]["schemas"]["ConnectRequest"]
    validator = Draft202012Validator(request)
    for wrong in ({}, {"certificatePem": 1}, {"certificatePem": "x", "more": 1}):
        assert not validator.is_valid(wrong)
        ask("POST", "/connect", 400, body=json.dumps(wrong))
