"""Whatever is sent to a server, it answers with a status below 500 and keeps working.

A small sample of random requests in every run; a hundred times as many with ``--long``.
"""

from __future__ import annotations

import gzip
import http.client
import io
import json
import random
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import strategies as st
from support.bodies import PLAIN_BODY, ROLE
from support.hostile import (
    BODIES,
    DEEP,
    TEXTS,
    Request,
    hostile_request,
    junk,
    mutated,
    mutated_json,
    operations,
    signed_for,
    to_bytes,
)
from support.long_runs import drawn
from support.patience import HANG
from support.servers import Api, client

from moto_jitp import CertificateAuthority
from moto_jitp.server import ThreadedJitpServer

SERVICES = ("iot", "iot-data", "iot-jobs-data")
STRICT = {"jitp": {"strict": True, "enforce_policies": True}}
LENIENT = {"jitp": {"strict": False}}
ACCOUNT = "arn:aws:iot:us-east-1:123456789012"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
    }
)
RULE = {
    "sql": "SELECT * FROM 'a/#'",
    "awsIotSqlVersion": "2016-03-23",
    "actions": [{"republish": {"topic": "b", "roleArn": ROLE}}],
}
CA = CertificateAuthority(common_name="Acme Root")
DEVICES = [CA.issue(common_name=f"d{number}") for number in range(8)]


class Target:
    """A server with a fleet to which requests can refer, rebuilt after some of them."""

    def __init__(self, config: Any) -> None:
        self.server = ThreadedJitpServer(config=config).start()
        self._left = 0
        self.known: dict[str, list[Any]] = {}

    def ask(self, request: Request) -> tuple[int, bytes]:
        """Send a request and return the answer's status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=HANG)
        try:
            connection.request(request.method, request.path, request.body, request.headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def fleet(self) -> dict[str, list[Any]]:
        """Return values that mean something there, by the names of members."""
        self._left -= 1
        if self._left < 0:
            self._left = 300
            self.known = self._make()
        return self.known

    def _make(self) -> dict[str, list[Any]]:
        self.ask(Request("POST", "/moto-api/reset", {}, b""))
        iot = client(self.server.endpoint_url)
        for number in range(3):
            iot.create_thing(thingName=f"t{number}")
            iot.create_thing_group(thingGroupName=f"g{number}")
            iot.create_policy(policyName=f"p{number}", policyDocument=POLICY)
        iot.create_thing_type(thingTypeName="y0")
        iot.create_billing_group(billingGroupName="b0")
        iot.add_thing_to_thing_group(thingName="t0", thingGroupName="g0")
        iot.create_topic_rule(ruleName="r0", topicRulePayload=RULE)
        iot.create_job(jobId="j0", targets=[f"{ACCOUNT}:thing/t0"], document="{}")
        iot.create_provisioning_template(
            templateName="fleet",
            templateBody=PLAIN_BODY.replace("AWS::IoT::Certificate::CommonName", "Serial"),
            provisioningRoleArn=ROLE,
            enabled=True,
        )
        CA.register(iot, template_body=PLAIN_BODY)
        made = [
            iot.register_certificate_without_ca(certificatePem=device.certificate_pem)
            for device in DEVICES[:3]
        ]
        ids, arns = (
            [certificate[key] for certificate in made]
            for key in ("certificateId", "certificateArn")
        )
        iot.attach_policy(policyName="p0", target=arns[0])
        iot.attach_thing_principal(thingName="t0", principal=arns[0])
        pems = [device.certificate_pem for device in DEVICES]
        return {
            "awsJobThingName": ["t0"],
            "billingGroupName": ["b0", "n1"],
            "caCertificate": [CA.certificate_pem],
            "caCertificateId": [CA.certificate_id],
            "caCertificatePem": [CA.certificate_pem],
            "certificateId": [*ids, CA.certificate_id],
            "certificatePem": pems,
            "certificateSigningRequest": pems[:1],
            "clientId": ["t0", "d0"],
            "document": ["{}"],
            "jobId": ["j0", "n1"],
            "marker": ["", "1", "x"],
            "nextToken": ["", "1", "x"],
            "payload": [
                *("x", "0", "[]", "[" * 100_000, '{"state": {"desired": 5}}'),
                *('{"state": {"desired": {"a": 1}}}', '{"state": {}, "version": 3}'),
            ],
            "policyDocument": [POLICY],
            "policyName": ["p0", "p1", "n1"],
            "policyVersionId": ["1", "2"],
            "principal": arns,
            "provisioningRoleArn": [ROLE],
            "queryString": ["thingName:t0", "*", "attributes.a>1 OR (a:b)", "a:"],
            "resourceArn": [*arns, f"{ACCOUNT}:thinggroup/g0", f"{ACCOUNT}:policy/p0"],
            "roleArn": [ROLE],
            "ruleName": ["r0", "n1"],
            "shadowName": ["s"],
            "sql": ["SELECT * FROM 'a/#'"],
            "tags": [[{"Key": "a", "Value": "b"}]],
            "target": [*arns, f"{ACCOUNT}:thinggroup/g0"],
            "targets": [[f"{ACCOUNT}:thing/t0"], [f"{ACCOUNT}:thinggroup/g0"]],
            "templateBody": [PLAIN_BODY],
            "templateName": ["fleet"],
            "thingGroupName": ["g0", "g1", "n1"],
            "thingName": ["t0", "t1", "n1"],
            "thingTypeName": ["y0", "n1"],
            "topic": ["a/b", "$aws/things/t0/shadow/update"],
            "topicRulePayload": [RULE],
            "verificationCertificate": pems[:1],
        }


@pytest.fixture(scope="module", params=[STRICT, LENIENT], ids=["strict", "lenient"])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    there = Target(request.param)
    yield there
    there.server.stop()


OPERATIONS = [(service, name) for service in SERVICES for name in sorted(operations(service))]
CHANCE = st.randoms(use_true_random=False)
#: The Device Gateway's own answer to a device that does not acknowledge in time.
GATEWAY_TIMEOUT = (504, "SendDirectMessage")


@pytest.mark.slow
def test_no_request_for_an_operation_ends_in_an_error_of_the_server(
    target: Target, long: bool
) -> None:
    """Wrong types, missing members, malformed bodies and texts, in every member."""

    def ask(source: random.Random, which: tuple[str, str]) -> None:
        request = hostile_request(source, *which, target.fleet())
        status, body = target.ask(request)
        assert status < 500 or (status, which[1]) == GATEWAY_TIMEOUT, (request, body)

    drawn(ask, CHANCE, st.sampled_from(OPERATIONS), few=150, many=20_000, long=long)


@pytest.mark.slow
def test_no_request_for_a_control_route_ends_in_an_error_of_the_server(
    target: Target, long: bool
) -> None:
    api = Api(target.server.endpoint_url)
    routes = routes_of(api)

    def ask(source: random.Random, route: tuple[str, str]) -> None:
        target.fleet()
        request = control_request(source, *route)
        status, body = target.ask(request)
        assert status < 500, (request, body)
        if body.startswith((b"{", b"[")):
            json.loads(body, parse_constant=not_json)

    try:
        drawn(ask, CHANCE, st.sampled_from(routes), few=100, many=20_000, long=long)
    finally:
        api.request("DELETE", "/failures")
        api.request("DELETE", "/disturbances")


def not_json(constant: str) -> Any:
    raise AssertionError(f"an answer has {constant}, which is not JSON")


def routes_of(api: Api) -> list[tuple[str, str]]:
    """The control routes with their methods, but for the one that ends the server's waiting."""
    paths = api.get("/openapi.json")["paths"]
    return [(path, method.upper()) for path, methods in sorted(paths.items()) for method in methods]


SAMPLES: dict[str, list[Any]] = {
    "/connect": [
        {"certificatePem": DEVICES[3].certificate_pem, "clientId": "d3", "reconnect": True},
        {
            "certificatePem": DEVICES[4].chain_pem,
            "privateKeyPem": DEVICES[4].private_key_pem,
            "serverName": "localhost",
            "mqttVersion": "3.1.1",
        },
    ],
    "/failures": [
        {"operation": "CreateThing", "error": "ThrottlingException", "times": 1, "message": "m"},
        {"operation": "create_thing", "error": "InternalFailureException", "after": 2},
    ],
    "/disturbances": [{"kind": "disconnect", "clientId": "d3", "times": 1, "after": 0}],
    "/config": [
        {"strict": True},
        {"throttling": {"CreateThing": 1e999}},
        {"throttling": {"CreateThing": 5}},
        {"enforce_policies": True, "enforce_role": False},
    ],
    "/publish": [{"topic": "a/b", "payloadText": '{"a": 1}', "qos": 1, "retain": True}],
    "/subscribe": [{"topicFilter": "a/#", "qos": 1}],
    "/receive": [{"wait": 0}],
    "": [{}],
}


def control_request(source: random.Random, path: str, method: str) -> Request:
    """A request for a control route: sound, with mutations, or with junk."""
    path = path.replace("{id}", str(source.choice((1, 2, 3, 0, -1, 10**30, "x", "%00"))))
    parameters = [
        f"{name}={source.choice(('1', '0', '-1', 'x', '%ff', '', '1e999', '9' * 5000, 'desc'))}"
        for name in ("limit", "cursor", "order", "topicFilter", "certificateId", "since", "wait")
        if source.random() < 0.15
    ]
    # Waiting for changes that never happen would take long.
    query = "&".join(
        parameter for parameter in parameters if not parameter.startswith(("wait", "since"))
    )
    known = next(values for ending, values in SAMPLES.items() if path.endswith(ending))
    body = to_bytes(mutated_json(source, source.choice(known)))
    chance = source.random()
    if chance < 0.2:
        body = to_bytes(source.choice(known))
    elif chance < 0.3:
        body = source.choice(BODIES)
    elif chance < 0.4:
        body = mutated(source, body)
    elif chance < 0.45:
        body = to_bytes(junk(source))
    if source.random() < 0.03:
        method = source.choice(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
    if method in ("GET", "HEAD", "DELETE"):
        body = b""
    return Request(method, f"{path}?{query}" if query else path, {}, body)


def raw_samples() -> list[bytes]:
    signature = signed_for("iot")["Authorization"].encode()
    connect = to_bytes({"certificatePem": DEVICES[5].certificate_pem})
    return [
        b"POST /moto-api/jitp/connect HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
        % (len(connect), connect),
        b"GET /moto-api/jitp/state?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PUT /moto-api/jitp/config HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b'\r\n10\r\n{"strict": true}\r\n0\r\n\r\n',
        b"POST /things/t9 HTTP/1.1\r\nHost: localhost\r\nAuthorization: %b\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" % signature,
        b"GET /things?maxResults=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: %b\r\n\r\n"
        % signature,
        b"GET /moto-api/jitp/ HTTP/1.0\r\nAccept: text/html\r\n\r\n",
    ]


@pytest.mark.slow
def test_no_bytes_end_in_an_error_of_the_server_or_keep_it_from_answering(
    target: Target, long: bool
) -> None:
    """Invalid HTTP: mutated request lines, headers, lengths and chunks."""
    api = Api(target.server.endpoint_url)
    samples = raw_samples()

    def send(source: random.Random, sample: bytes) -> None:
        data = mutated(source, sample)
        answer = answered(target.server.port, data)
        status = answer[9:12]
        assert not answer.startswith(b"HTTP/1") or status < b"500" or not is_ours(data), answer[
            :900
        ]

    drawn(send, CHANCE, st.sampled_from(samples), few=60, many=20_000, long=long)
    assert api.get("/ready")["status"] == "ready"


def is_ours(data: bytes) -> bool:
    """Whether a request is one for a control route or AWS IoT still, and not one for S3.

    moto sends requests without a known signature to S3.
    """
    line, _, rest = data.partition(b"\n")
    try:
        headers = http.client.parse_headers(io.BytesIO(rest))
    except http.client.HTTPException:
        return True
    is_control = b"".join(line.split()[1:2]).startswith(b"/moto-api")
    return is_control or headers["Authorization"] == signed_for("iot")["Authorization"]


def answered(port: int, data: bytes) -> bytes:
    """Send bytes, close the sending side, and return the whole answer."""
    found = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=HANG) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                found += piece
        except ConnectionError:
            pass  # it has read enough
    return bytes(found)


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_any_text_may_stand_in_a_path_and_a_query(target: Target, text: str) -> None:
    quoted = quote(text.encode("utf-8", "surrogatepass"), safe="")
    for path in (f"/things/{quoted}", f"/things?attributeName={quoted}", f"/policies/{quoted}"):
        status, body = target.ask(Request("GET", path, signed_for("iot"), b""))
        assert status < 500, (path, body)


IOT = signed_for("iot")["Authorization"]


def head(line: str, *headers: str, signature: str = IOT) -> bytes:
    lines = [line, "Host: localhost", f"Authorization: {signature}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


CHUNKED, CLOSED = "Transfer-Encoding: chunked", b"0\r\n\r\n"
ODD: dict[str, bytes] = {
    "HTTP/0.9": b"GET /moto-api/jitp/ready\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "MQTT": b"\x10\x10\x00\x04MQTT\x04\x02\x00<\x00\x04test",
    "nothing": b"\r\n\r\n",
    "another version": head("GET /things HTTP/9.9"),
    "another method": head("PROPFIND /moto-api/jitp/state HTTP/1.1"),
    "a method in small letters": head("get /things HTTP/1.1"),
    "CONNECT": head("CONNECT localhost:80 HTTP/1.1"),
    "the server as a whole": head("OPTIONS * HTTP/1.1"),
    "an absolute target": head("GET http://evil.example/things HTTP/1.1"),
    "a header of 64 KiB": head("GET /things HTTP/1.1", "X: " + "x" * 65536),
    "300 headers": head("GET /things HTTP/1.1", *[f"X-{number}: y" for number in range(300)]),
    "a header without a colon": head("GET /things HTTP/1.1", "X"),
    "a folded header": head("GET /things HTTP/1.1", "X: y", " z"),
    "NUL in a header": head("GET /things HTTP/1.1", "X: a\0b"),
    "a parameter 40 times": head(f"GET /things?{'&'.join(['maxResults=1'] * 40)} HTTP/1.1"),
    "NUL, half a pair and lone %": head("GET /things/%00%ED%A0%80%?nextToken=%&x=%f HTTP/1.1"),
    "other digits": head("GET /things?maxResults=%D9%A1 HTTP/1.1"),
    "a wait for 100 Continue": head("POST /things/a HTTP/1.1", "Expect: 100-continue"),
    "another expectation": head("POST /things/a HTTP/1.1", "Expect: miracles"),
    "a websocket": head("GET /things HTTP/1.1", "Upgrade: websocket", "Sec-WebSocket-Key: eA=="),
    "an upgrade to HTTP/2": head("GET /things HTTP/1.1", "Upgrade: h2c", "HTTP2-Settings: AAM"),
    "two lengths": head("POST /things/a HTTP/1.1", "Content-Length: 2", "Content-Length: 3")
    + b"{} ",
    "a length and chunks": head("POST /things/a HTTP/1.1", CHUNKED, "Content-Length: 3") + CLOSED,
    "another transfer coding": head("POST /things/a HTTP/1.1", "Transfer-Encoding: gzip") + CLOSED,
    "a trailer": head("POST /things/a HTTP/1.1", CHUNKED) + b"0\r\nHost: evil.example\r\n\r\n",
    "a huge chunk": head("POST /things/a HTTP/1.1", CHUNKED) + b"FFFFFFFFFFFFFFFFFF\r\n{}\r\n",
    "several requests at once": head("GET /things HTTP/1.1").replace(b"close", b"keep-alive") * 3,
}


@pytest.mark.parametrize("what", ODD)
def test_what_no_client_of_ours_sends_is_answered_or_refused(target: Target, what: str) -> None:
    answer = answered(target.server.port, ODD[what])
    assert b" 500 " not in answer.partition(b"\r\n")[0], answer[:900]
    assert Api(target.server.endpoint_url).get("/ready")["status"] == "ready"


SIGNATURES = {
    "12": "UnknownService",
    "gzip": "UnknownService",
    IOT.replace("/iot/", "/nothing/"): "UnknownService",
    "AWS4-HMAC-SHA256": "IncompleteSignature",
    "AWS4-HMAC-SHA256 Credential=a/b": "IncompleteSignature",
    "AWS4-HMAC-SHA256 Credential=testing/20260101//iot/aws4_request": "IncompleteSignature",
    "x, " + IOT.replace("Credential=", ""): "IncompleteSignature",
}


@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_signature_that_names_no_service_is_refused(target: Target, signature: str) -> None:
    request = head("GET /things HTTP/1.1", signature=signature)
    answer = answered(target.server.port, request)
    assert answer.split()[1] == b"400"
    told = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert told["error"] == SIGNATURES[signature]
    assert "Credential=KEY/DATE/REGION/SERVICE/aws4_request" in told["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[1]", b"\xff", b'"x"', DEEP[1].encode()],
    ids=["nothing", "null", "a list", "no UTF-8", "a text", "nested too deeply"],
)
@pytest.mark.parametrize(
    "route", ["state-manager/set-transition", "state-manager/unset-transition", "seed", "config"]
)
def test_a_malformed_request_for_a_route_of_motos_is_refused(
    target: Target, route: str, body: bytes
) -> None:
    status, answer = target.ask(Request("POST", f"/moto-api/{route}", {}, body))
    if route == "config" and status == 201:  # moto takes any text and list for it
        return
    assert status == 400
    assert json.loads(answer)["error"] == "InvalidRequest"


@pytest.mark.parametrize("name", ["Authorisation", "X-Authorization"])
def test_a_request_without_a_signature_is_told_so(target: Target, name: str) -> None:
    """Without one moto takes it for S3's, which fails on a POST that is no form."""
    headers = {"Content-Type": "application/json", name: IOT}
    status, answer = target.ask(Request("POST", "/things/unsigned", headers, b"{}"))
    assert (status, json.loads(answer)["error"]) == (400, "MissingAuthenticationToken")
    assert "Credential=KEY/DATE/REGION/SERVICE/aws4_request" in json.loads(answer)["message"]


def test_a_query_that_moto_cannot_read_is_refused(target: Target) -> None:
    for query in ("", "?", "?a", "?model_name", "?a=b=c"):
        path = f"/moto-api/state-manager/get-transition{query}"
        assert target.ask(Request("GET", path, {}, b""))[0] == 400


@pytest.mark.parametrize("service", ["iot", "iot-data"])
@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{}", "not gzip"),
        (gzip.compress(b"{}")[:-4], "one whole member"),
        (gzip.compress(b"{}") + b"{}", "one whole member"),
        (gzip.compress(b" " * (17 << 20)), "more than 16777216 bytes"),
    ],
    ids=["plain", "half", "more", "a bomb"],
)
def test_a_body_that_is_not_what_its_encoding_says_is_refused(
    target: Target, service: str, body: bytes, text: str
) -> None:
    headers = {**signed_for(service), "Content-Encoding": "gzip"}
    path = "/things/zipped" if service == "iot" else "/topics/a"
    status, answer = target.ask(Request("POST", path, headers, body))
    assert (status, json.loads(answer)["__type"]) == (400, "InvalidRequestException")
    assert text in json.loads(answer)["message"]


def test_a_compressed_body_is_read(target: Target) -> None:
    headers = {**signed_for("iot"), "Content-Encoding": "gzip"}
    body = gzip.compress(b'{"thingTypeName": "nobody"}')
    status, answer = target.ask(Request("POST", "/things/zipped", headers, body))
    assert status == 404 or json.loads(answer)["thingName"] == "zipped"
