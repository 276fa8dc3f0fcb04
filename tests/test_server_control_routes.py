"""The control routes: what a test in any language asks the server for."""

from __future__ import annotations

import json
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.patience import HANG, HEALTH_CHECKS
from support.servers import CERTIFICATE_ID, Api, client, post, provisioning_ca

from moto_jitp import CertificateAuthority
from moto_jitp.server import ThreadedJitpServer

STRANGER = CertificateAuthority().issue().certificate_pem


@pytest.fixture
def api(server: ThreadedJitpServer) -> Api:
    return Api(server.endpoint_url)


@pytest.fixture
def ca(server: ThreadedJitpServer) -> CertificateAuthority:
    return provisioning_ca(server.endpoint_url)


# ------------------------------------------------------------------------------------- connect


def test_a_device_is_provisioned_and_its_outcome_is_answered(
    server: ThreadedJitpServer, api: Api, ca: CertificateAuthority
) -> None:
    bulb = ca.issue(common_name="bulb-1", country="KR")
    outcome = api.connect(bulb)
    assert outcome["accepted"] is True
    assert outcome["reason"] is None
    assert outcome["certificateId"] == bulb.certificate_id
    assert outcome["thingName"] == outcome["clientId"] == "bulb-1"
    assert outcome["connectionId"] == outcome["attempts"][-1]["id"]
    assert api.get(f"/connections/{outcome['connectionId']}")["connected"] is True
    assert [attempt["reason"] for attempt in outcome["attempts"]] == ["RECONNECT_REQUIRED", None]
    assert outcome["provisioning"]["status"] == "SUCCEEDED"
    assert outcome["attempts"][0]["provisioning"] == outcome["provisioning"]
    assert "CreateThing" in [step["action"] for step in outcome["provisioning"]["steps"]]
    found = client(server.endpoint_url).describe_certificate(certificateId=bulb.certificate_id)
    assert found["certificateDescription"]["status"] == "ACTIVE"
    assert found["certificateDescription"]["certificateArn"] == outcome["certificateArn"]


def test_a_refused_device_is_an_answer_that_says_why(api: Api, ca: CertificateAuthority) -> None:
    outcome = api.connect(ca.issue(common_name="bulb-2"))
    assert outcome["accepted"] is False
    assert outcome["reason"] == "PROVISIONING_FAILED"
    assert outcome["thingName"] is None
    assert "country" in outcome["advice"]
    assert outcome["provisioning"]["place"] == "Parameters.AWS::IoT::Certificate::Country"
    assert "missing" in outcome["explanation"]


def test_a_device_of_an_unknown_ca_is_refused(api: Api) -> None:
    outcome = api.connect(CertificateAuthority().issue())
    assert outcome["reason"] == "DEVICE_CERTIFICATE_NOT_REGISTERED"
    assert outcome["provisioning"] is None


def test_a_certificate_with_a_bit_string_as_a_name_is_the_clients_mistake(
    api: Api, ca: CertificateAuthority
) -> None:
    pem = ca.issue(common_name="bulb-1").certificate_pem
    der = ssl.PEM_cert_to_DER_cert(pem).replace(b"\x0c\x06bulb-1", b"\x03\x06\x00ulb-1")
    body = {"certificatePem": ssl.DER_cert_to_PEM_cert(der)}
    answer = api.post("/connect", body, status=400)
    assert answer["error"] == "CertificateError"
    assert "is a BIT STRING" in answer["message"]


def test_curls_default_media_type_is_accepted(api: Api, ca: CertificateAuthority) -> None:
    body = json.dumps({"certificatePem": ca.issue(country="KR").certificate_pem})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = api.request("POST", "/connect", body=body, headers=form)
    assert json.loads(answer.data)["accepted"] is True


def test_a_chain_may_follow_the_leaf(api: Api, ca: CertificateAuthority) -> None:
    assert api.connect(ca.issue(country="KR").chain_pem)["accepted"] is True


def test_without_reconnecting_a_provisioned_device_is_asked_to_reconnect(
    api: Api, ca: CertificateAuthority
) -> None:
    outcome = api.connect(ca.issue(country="KR"), reconnect=False)
    assert outcome["reason"] == "RECONNECT_REQUIRED"
    assert len(outcome["attempts"]) == 1


def test_the_private_key_is_proof(api: Api, ca: CertificateAuthority) -> None:
    bulb, other = ca.issue(country="KR"), ca.issue(country="KR")
    assert api.connect(bulb, privateKeyPem=bulb.private_key_pem)["accepted"] is True
    refused = api.connect(bulb, privateKeyPem=other.private_key_pem)
    assert refused["reason"] == "NOT_AUTHENTICATED"


def test_server_name_and_endpoint_count(
    server: ThreadedJitpServer, api: Api, ca: CertificateAuthority
) -> None:
    bulb = ca.issue(country="KR")
    assert api.connect(bulb, serverName=None)["reason"] == "SERVER_NAME_MISSING"
    assert api.connect(bulb, serverName="elsewhere.example")["reason"] == "SNI_MISUSED"
    paris = client(server.endpoint_url, region_name="eu-west-3")
    there = paris.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    refused = api.connect(bulb, endpoint=there)
    assert refused["reason"] == "DEVICE_CERTIFICATE_NOT_REGISTERED"
    assert refused["attempts"][0]["regionName"] == "eu-west-3"
    here = client(server.endpoint_url).describe_endpoint(endpointType="iot:Data-ATS")
    accepted = api.connect(bulb, endpoint=here["endpointAddress"], clientId="my-bulb")
    assert accepted["accepted"] is True
    assert accepted["clientId"] == "my-bulb"


def test_an_endpoint_must_be_named_where_several_are_meant(
    server: ThreadedJitpServer, api: Api, ca: CertificateAuthority
) -> None:
    ca.register(client(server.endpoint_url, region_name="eu-west-1"), certificate_mode="SNI_ONLY")
    body = {"certificatePem": ca.issue(country="KR").certificate_pem}
    refused = api.post("/connect", body, 400)
    assert refused["error"] == "AmbiguousEndpoint"
    assert "eu-west-1" in refused["message"]
    assert "us-east-1" in refused["message"]


# ---------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xfa", "UTF-8"),
        (b"[]", "a list"),
        (b"17", "a whole number"),
        (b'"text"', "a text"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 10_000, "not JSON"),
        (b"{}", "'certificatePem' is missing"),
        (b'{"certificatePem": 5}', "'certificatePem' must be a text; it is a whole number"),
        (b'{"certificatePem": null}', "'certificatePem' must be a text; it is null"),
        (b'{"certificatePem": "x"}', "certificatePem"),
        (b'{"certificatePem": "\\ud800"}', "'certificatePem' has half a surrogate pair"),
        (b'{"certificatePem": "x", "reconnect": 1}', "'reconnect' must be true or false"),
        (b'{"certificatePem": "x", "serverName": []}', "'serverName' must be a text or null"),
        (b'{"certificatePEM": "x"}', "Did you mean 'certificatePem'?"),
        (b'{"certificatePem": "x", "colour": 1}', "Unknown field 'colour'"),
    ],
)
def test_a_wrong_body_is_refused_with_a_sentence_and_the_server_goes_on(
    api: Api, body: bytes, said: str
) -> None:
    answer = api.request("POST", "/connect", body=body)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/json"
    assert said in json.loads(answer.data)["message"]
    assert api.get("/ready")["status"] == "ready"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"privateKeyPem": "no key"}, "privateKeyPem"),
        ({"endpoint": "nowhere.example"}, "nowhere.example"),
        ({"endpoint": "\x00"}, "is not an endpoint"),
    ],
)
def test_a_wrong_value_is_named(api: Api, ca: CertificateAuthority, fields: Any, said: str) -> None:
    body = {"certificatePem": ca.issue().certificate_pem, **fields}
    assert said in api.post("/connect", body, 400)["message"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(["certificatePem", "privateKeyPem", "endpoint", "serverName", "clientId"])


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=HEALTH_CHECKS,
)
@given(body=JSON | st.dictionaries(FIELDS | st.text(), JSON))
def test_no_body_is_more_than_the_server_can_refuse(api: Api, body: Any) -> None:
    answer = api.request("POST", "/connect", body=json.dumps(body))
    assert answer.status == 400
    assert json.loads(answer.data)["message"]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=HEALTH_CHECKS,
)
@given(endpoint=st.text(), server_name=st.none() | st.text(), client_id=st.text())
def test_no_text_is_more_than_the_server_can_answer(
    api: Api, endpoint: str, server_name: str | None, client_id: str
) -> None:
    body = {"certificatePem": STRANGER, "serverName": server_name, "clientId": client_id}
    assert api.request("POST", "/connect", body=json.dumps(body)).status in (200, 400)
    body["endpoint"] = endpoint
    assert api.request("POST", "/connect", body=json.dumps(body)).status in (200, 400)
    assert api.request("GET", "/events").status == 200


def test_a_huge_body_is_refused_and_the_server_goes_on(api: Api) -> None:
    huge = b" " * (3 * 1024 * 1024)
    answer = api.request("POST", "/connect", body=huge)
    assert answer.status == 413
    assert "longer than" in json.loads(answer.data)["message"]
    in_chunks = (b" " * 65536 for _ in range(48))
    assert api.request("POST", "/connect", body=in_chunks).status == 413
    assert api.get("/ready")["status"] == "ready"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/connect", "POST"),
        ("POST", "/connections", "GET"),
        ("DELETE", "/config", "GET, PUT"),
        ("POST", "/", "GET"),
    ],
)
def test_the_refusal_of_a_wrong_method_names_the_right_one(
    api: Api, method: str, path: str, allowed: str
) -> None:
    answer = api.request(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"] == allowed
    assert method in json.loads(answer.data)["message"]


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/connections/x", "/connections/0/", "/page/__init__.py", "/..%2findex.html"],
)
def test_the_refusal_of_an_unknown_path_names_the_known_ones(api: Api, path: str) -> None:
    answer = api.request("GET", path)
    assert answer.status == 404
    assert "connections/{id}" in json.loads(answer.data)["message"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/connections?limit=0", "'limit'"),
        ("/connections?limit=99999999999999999999999", "'limit'"),
        ("/connections?cursor=x", "'cursor'"),
        ("/connections?order=up", "'order'"),
        ("/connections?colour=red", "'colour'"),
        ("/connections?limit=1&limit=2", "given twice"),
        ("/events?topicFilter=a%23", "topicFilter"),
        ("/ready?x=1", "takes none"),
        ("/state?wait=31", "'wait'"),
    ],
)
def test_a_wrong_query_is_named(api: Api, path: str, said: str) -> None:
    answer = api.request("GET", path)
    assert answer.status == 400
    assert said in json.loads(answer.data)["message"]


# -------------------------------------------------------------------------------------- lists


def test_connections_are_listed_in_pages_and_read_by_id(api: Api, ca: CertificateAuthority) -> None:
    bulbs = [ca.issue(country="KR") for _ in range(3)]
    ids = [attempt["id"] for bulb in bulbs for attempt in api.connect(bulb)["attempts"]]
    first = api.get("/connections?limit=4")
    assert [item["id"] for item in first["connections"]] == ids[:4]
    rest = api.get(f"/connections?limit=4&cursor={first['nextCursor']}")
    assert [item["id"] for item in rest["connections"]] == ids[4:]
    assert rest["nextCursor"] is None
    newest = api.get("/connections?order=desc&limit=2")
    assert [item["id"] for item in newest["connections"]] == ids[:3:-1]
    older = api.get(f"/connections?order=desc&cursor={newest['nextCursor']}")
    assert [item["id"] for item in older["connections"]] == ids[3::-1]
    of_one = api.get(f"/connections?certificateId={bulbs[1].certificate_id}")
    assert [item["id"] for item in of_one["connections"]] == ids[2:4]
    connection = api.get(f"/connections/{ids[3]}")
    assert connection["certificateId"] == bulbs[1].certificate_id
    assert connection["connected"] is True
    assert api.request("GET", "/connections/999999999").status == 404


def test_runs_are_listed_and_read(api: Api, ca: CertificateAuthority) -> None:
    good, bad = api.connect(ca.issue(country="KR")), api.connect(ca.issue())
    runs = api.get("/runs")["runs"]
    assert [run["status"] for run in runs] == ["SUCCEEDED", "FAILED"]
    assert runs[0]["connectionId"] == good["attempts"][0]["id"]
    refused = bad["attempts"][0]["id"]
    assert api.get(f"/runs/{refused}")["steps"][-1]["result"] == "FAILED"
    second = good["attempts"][1]["id"]
    assert "set off none" in json.loads(api.request("GET", f"/runs/{second}").data)["message"]
    assert [run["type"] for run in runs] == ["JITP", "JITP"]
    of_bad = api.get(f"/runs?certificateId={bad['certificateId']}")["runs"]
    assert [run["id"] for run in of_bad] == [refused]


def test_events_of_aws_iot_and_of_devices_are_read(api: Api, ca: CertificateAuthority) -> None:
    outcome = api.connect(ca.issue(common_name="bulb-1", country="KR"))
    session = f"/connections/{outcome['attempts'][-1]['id']}"
    api.post(f"{session}/publish", {"topic": "home/lamp", "payloadText": "on é"})
    api.post(f"{session}/publish", {"topic": "home/lamp", "payloadBase64": "/w=="})
    registered = api.get("/events?topicFilter=$aws/events/certificates/registered/%2B")["events"]
    assert registered[0]["payload"]["certificateId"] == outcome["certificateId"]
    messages = api.get("/events?topicFilter=home/%23")["events"]
    assert messages[0]["payloadText"] == "on é"
    assert messages[1]["payloadBase64"] == "/w=="
    everything = api.get("/events?limit=1")
    following = api.get(f"/events?cursor={everything['nextCursor']}")["events"]
    assert len(following) == len(api.get("/events")["events"]) - 1


def test_a_device_publishes_and_disconnects(api: Api, ca: CertificateAuthority) -> None:
    session = f"/connections/{api.connect(ca.issue(country='KR'))['attempts'][-1]['id']}"
    message = {"topic": "a/b", "payloadText": "x"}
    assert api.post(f"{session}/publish", message) == {"status": "ok"}
    assert "wildcard" in api.post(f"{session}/publish", message | {"topic": "a/+"}, 400)["message"]
    both = message | {"payloadBase64": "eA=="}
    assert "exactly one" in api.post(f"{session}/publish", both, 400)["message"]
    no_base64 = {"topic": "a/b", "payloadBase64": "?"}
    assert "payloadBase64" in api.post(f"{session}/publish", no_base64, 400)["message"]
    assert api.post(f"{session}/disconnect", {}) == {"status": "ok"}
    assert api.get(session)["connected"] is False
    assert api.post(f"{session}/publish", message, 409)["error"] == "NotConnected"


def test_a_device_subscribes_and_receives(api: Api, ca: CertificateAuthority) -> None:
    session = f"/connections/{api.connect(ca.issue(country='KR'))['attempts'][-1]['id']}"
    nothing = api.post(f"{session}/receive", {})
    assert nothing["message"] is None
    assert "no subscription" in nothing["explanation"]

    api.post(f"{session}/subscribe", {"topicFilter": "home/+"})
    api.post(f"{session}/publish", {"topic": "home/lamp", "payloadText": "on"})
    received = api.post(f"{session}/receive", {"wait": 0.01})
    assert received["message"]["topic"] == "home/lamp"
    assert received["message"]["payloadText"] == "on"

    api.post(f"{session}/unsubscribe", {"topicFilter": "home/+"})
    api.post(f"{session}/publish", {"topic": "home/lamp", "payloadText": "off"})
    assert api.post(f"{session}/receive", {})["message"] is None


def test_the_body_may_be_empty_where_no_member_is_required(
    api: Api, ca: CertificateAuthority
) -> None:
    session = f"/connections/{api.connect(ca.issue(country='KR'))['connectionId']}"
    for route, body, status in (
        ("receive", b"", 200),
        ("receive", b" \n", 200),
        ("receive", b"[]", 400),
        ("subscribe", b"", 400),
        ("disconnect", b"", 200),
    ):
        assert api.request("POST", f"{session}/{route}", body=body).status == status
    assert api.get(session)["connected"] is False


def test_a_message_that_comes_later_ends_the_wait(api: Api, ca: CertificateAuthority) -> None:
    session = f"/connections/{api.connect(ca.issue(country='KR'))['attempts'][-1]['id']}"
    api.post(f"{session}/subscribe", {"topicFilter": "home/lamp"})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api.post, f"{session}/receive", {"wait": 30})
        api.post(f"{session}/publish", {"topic": "home/lamp", "payloadText": "on"})
        assert waiting.result()["message"]["payloadText"] == "on"


@pytest.mark.parametrize(
    ("route", "body", "says"),
    [
        ("subscribe", {"topicFilter": "home/#/lamp"}, "not a valid topic filter"),
        ("subscribe", {}, "'topicFilter' is missing"),
        ("unsubscribe", {"topicFilter": "home"}, "its topic filters are: none"),
        ("receive", {"wait": 31}, "from 0 to 30"),
        ("receive", {"wait": "long"}, "'wait' must be a number"),
    ],
)
def test_a_wrong_subscription_is_named(
    api: Api, ca: CertificateAuthority, route: str, body: Any, says: str
) -> None:
    session = f"/connections/{api.connect(ca.issue(country='KR'))['attempts'][-1]['id']}"
    assert says in api.post(f"{session}/{route}", body, 400)["message"]


def test_what_policies_do_not_allow_is_named(api: Api, ca: CertificateAuthority) -> None:
    session = f"/connections/{api.connect(ca.issue(country='KR'))['attempts'][-1]['id']}"
    api.request("PUT", "/config", body=json.dumps({"enforce_policies": True}))
    refusal = api.post(f"{session}/publish", {"topic": "a", "payloadText": "x"}, 403)
    assert refusal["error"] == "NotAuthorized"
    assert refusal["action"] == "iot:Publish"
    assert refusal["resource"].endswith(":topic/a")
    assert api.post(f"{session}/subscribe", {"topicFilter": "a"}, 403)["action"] == "iot:Subscribe"


def test_a_fleet_device_provisions_itself(server: ThreadedJitpServer, api: Api) -> None:
    iot = client(server.endpoint_url)
    certificate = {
        "Type": "AWS::IoT::Certificate",
        "Properties": {"CertificateId": {"Ref": CERTIFICATE_ID}, "Status": "ACTIVE"},
    }
    thing = {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Serial"}}}
    iot.create_provisioning_template(
        templateName="fleet",
        templateBody=json.dumps(
            {
                "Parameters": {"Serial": {"Type": "String"}},
                "Resources": {"certificate": certificate, "thing": thing},
            }
        ),
        provisioningRoleArn="arn:aws:iam::123456789012:role/JITPRole",
        enabled=True,
    )
    claim = iot.create_keys_and_certificate(setAsActive=True)["certificatePem"]
    connection = api.connect(claim)["connectionId"]
    session = f"/connections/{connection}"
    create, provision = "$aws/certificates/create/json", "$aws/provisioning-templates/fleet"
    for topic_filter in (f"{create}/+", f"{provision}/provision/json/+"):
        api.post(f"{session}/subscribe", {"topicFilter": topic_filter})

    def ask(topic: str, **request: Any) -> Any:
        body = {"topic": topic, "payloadText": json.dumps(request)}
        api.post(f"{session}/publish", body)
        message = api.post(f"{session}/receive", {})["message"]
        return message["topic"].rpartition("/")[2], payload_of(message)

    _, issued = ask(create)
    token = issued["certificateOwnershipToken"]
    request = {"certificateOwnershipToken": token, "parameters": {"Serial": "bulb 1"}}
    assert ask(f"{provision}/provision/json", **request)[0] == "rejected"
    request["parameters"]["Serial"] = "bulb-1"
    assert ask(f"{provision}/provision/json", **request) == (
        "accepted",
        {"deviceConfiguration": {}, "thingName": "bulb-1"},
    )
    failed, succeeded = api.get(f"/runs?connectionId={connection}")["runs"]
    assert (failed["status"], failed["type"]) == ("FAILED", "FLEET_PROVISIONING")
    assert "bulb 1" in failed["message"]
    assert succeeded["templateName"] == "fleet"
    assert api.get(f"/runs/{succeeded['id']}") == succeeded
    assert api.get(session)["runs"] == [failed, succeeded]
    (shown,) = api.get("/state")["connections"]
    assert shown["fleetRuns"] == [
        {**failed, "ending": "RegisterThing is rejected"},
        {**succeeded, "ending": "RegisterThing is accepted"},
    ]
    assert api.get("/runs?connectionId=999999")["runs"] == []


def payload_of(message: Any) -> Any:
    """The payload of a message that holds JSON."""
    return message["payload"] if "payload" in message else json.loads(message["payloadText"])


def test_an_operation_can_be_made_to_fail(
    server: ThreadedJitpServer, api: Api, ca: CertificateAuthority
) -> None:
    failure = api.post("/failures", {"operation": "create_thing", "error": "ThrottlingException"})
    assert failure["operation"] == "CreateThing"
    assert failure["remaining"] == 1
    assert api.get("/failures")["failures"] == [failure]
    assert api.connect(ca.issue(country="KR"))["reason"] == "PROVISIONING_FAILED"
    assert api.get("/failures")["failures"] == []

    body = {"operation": "ListThings", "error": "InvalidRequestException", "times": None}
    failure = api.post("/failures", body | {"message": "not today"})
    iot = client(server.endpoint_url)
    for _ in range(2):
        with pytest.raises(iot.exceptions.InvalidRequestException, match="not today"):
            iot.list_things()
    assert api.get(f"/failures/{failure['id']}")["calls"] == 2
    assert api.request("DELETE", f"/failures/{failure['id']}").status == 200
    assert iot.list_things()["things"] == []
    assert api.request("DELETE", f"/failures/{failure['id']}").status == 200
    unknown = api.request("DELETE", "/failures/999999999")
    assert unknown.status == 404
    assert "No failure 999999999" in json.loads(unknown.data)["message"]


def test_connections_are_disturbed_on_demand(api: Api) -> None:
    body = {"kind": "drop", "clientId": "bulb-1", "packets": 2, "every": 3}
    asked = api.post("/disturbances", {**body, "times": None})

    more = {"id": asked["id"], "seconds": 0, "remaining": None, "calls": 0}
    assert asked == {**body, **more}
    assert api.get("/disturbances")["disturbances"] == [asked]
    assert api.get(f"/disturbances/{asked['id']}") == asked
    assert api.request("DELETE", f"/disturbances/{asked['id']}").status == 200
    assert api.get("/disturbances")["disturbances"] == []
    wrong = api.request("POST", "/disturbances", body=b'{"kind": "drop", "seconds": 3}')
    assert wrong.status == 400
    assert "has no seconds" in json.loads(wrong.data)["message"]
    assert api.request("GET", "/disturbances/999999999").status == 404


def test_motos_reset_removes_failures(server: ThreadedJitpServer, api: Api) -> None:
    body = {"operation": "ListThings", "error": "InvalidRequestException", "times": None}
    api.post("/failures", body)
    moto_reset = post(f"{server.endpoint_url}/moto-api/reset")
    assert moto_reset.status == 200
    assert api.get("/failures")["failures"] == []
    assert client(server.endpoint_url).list_things()["things"] == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"operation": "CreateThin", "error": "ThrottlingException"}, "Did you mean CreateThing?"),
        ({"operation": "CreateThing", "error": "Throttling"}, "Did you mean Throttling"),
        ({"operation": "CreateThing"}, "'error' is missing"),
        ({"operation": "CreateThing", "error": "ThrottlingException", "times": 0}, "null in JSON"),
    ],
)
def test_a_wrong_failure_is_named(api: Api, body: Any, says: str) -> None:
    assert says in api.post("/failures", body, 400)["message"]


def test_a_refused_device_publishes_nothing(api: Api, ca: CertificateAuthority) -> None:
    refused = api.connect(ca.issue())["attempts"][0]["id"]
    message = {"topic": "a/b", "payloadText": "x"}
    assert (
        "PROVISIONING_FAILED"
        in api.post(f"/connections/{refused}/publish", message, 409)["message"]
    )


# ----------------------------------------------------------------------- settings and reset


def test_settings_are_read_and_changed(api: Api, ca: CertificateAuthority) -> None:
    assert api.get("/config")["strict"] is True
    put = api.request("PUT", "/config", body=json.dumps({"enforce_policies": True}))
    assert json.loads(put.data)["enforce_policies"] is True
    assert api.connect(ca.issue(country="KR"))["reason"] == "NOT_AUTHORIZED"
    api.request("PUT", "/config", body="{}")
    assert api.get("/config")["enforce_policies"] is False
    rates = json.dumps({"throttling": {"RegisterThing": 10}})
    assert json.loads(api.request("PUT", "/config", body=rates).data)["throttling"] == {
        "RegisterThing": 10
    }


def test_operations_in_the_settings_can_be_named_as_boto3_names_them(api: Api) -> None:
    rates = json.dumps({"throttling": {"list_things": 1}})
    answer = api.request("PUT", "/config", body=rates)
    assert json.loads(answer.data)["throttling"] == {"ListThings": 1}
    answer = api.request("PUT", "/config", body='{"throttling": {"*": true, "CreateThing": 1}}')
    assert json.loads(answer.data)["throttling"] == {"*": True, "CreateThing": 1}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"stict": True}, "Did you mean 'strict'?"),
        ({"jitp": {"strict": True}}, 'without the section, not {"jitp": {"strict": true}} but {'),
        ({"strict": "yes"}, "'strict' must be true or false"),
        ({"throttling": {"RegisterThing": -1}}, "throttling"),
        ({"throttling": {"*": 5}}, "name the operation"),
        ({"throttling": {"RegisterThings": 2}}, "Did you mean RegisterThing?"),
    ],
)
def test_a_wrong_setting_is_named_and_changes_nothing(api: Api, body: Any, said: str) -> None:
    answer = api.request("PUT", "/config", body=json.dumps(body))
    assert answer.status == 400
    assert said in json.loads(answer.data)["message"]
    assert api.get("/config")["strict"] is True


def test_motos_reset_clears_what_the_routes_list(
    server: ThreadedJitpServer, api: Api, ca: CertificateAuthority
) -> None:
    outcome = api.connect(ca.issue(country="KR"))
    assert api.request("POST", "/../reset").status == 200
    assert api.get("/connections")["connections"] == []
    assert api.get("/runs")["runs"] == []
    assert api.get("/events")["events"] == []
    assert api.get("/state")["cas"] == []
    assert api.request("GET", f"/connections/{outcome['attempts'][0]['id']}").status == 404
    assert client(server.endpoint_url).list_ca_certificates()["certificates"] == []


# -------------------------------------------------------------------------------------- state


def test_the_state_has_cas_devices_and_connections(api: Api, ca: CertificateAuthority) -> None:
    good, bad = ca.issue(common_name="bulb-1", country="KR"), ca.issue(common_name="bulb-2")
    api.connect(good)
    api.connect(bad)
    state = api.get("/state")
    assert [(ca["subject"], ca["status"]) for ca in state["cas"]] == [("CN=Acme Root", "ACTIVE")]
    assert "AWS::IoT::Thing" in state["cas"][0]["templateBody"]
    devices = {device["certificateId"]: device for device in state["devices"]}
    assert devices[good.certificate_id]["status"] == "ACTIVE"
    assert devices[good.certificate_id]["thingName"] == "bulb-1"
    assert devices[bad.certificate_id]["status"] == "PENDING_ACTIVATION"
    assert devices[bad.certificate_id]["caCertificateId"] == ca.certificate_id
    totals = {"cas": 1, "devices": 2, "connections": 3, "accepted": 1, "refusedDevices": 1}
    assert state["totals"] == totals
    newest = api.get("/state?limit=1")
    assert newest["connections"] == state["connections"][-1:]
    assert newest["totals"] == state["totals"]


def test_a_client_that_waits_for_changes_is_woken_by_the_next(
    server: ThreadedJitpServer, api: Api, ca: CertificateAuthority
) -> None:
    before = api.get("/state")
    assert api.get(f"/state?after={before['version']}")["version"] == before["version"]
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(api.get(f"/state?after={before['version']}&wait=30"))
    )
    waiting.start()
    api.connect(ca.issue(country="KR"))
    waiting.join(HANG)
    assert answers[0]["version"] != before["version"]
    # A call by boto3 is a change, too.
    version = api.get("/state")["version"]
    client(server.endpoint_url).create_thing(thingName="one")
    assert api.get(f"/state?after={version}&wait=5")["version"] != version


# --------------------------------------------------------------------------------------- page


def test_a_browser_finds_the_page_which_may_load_nothing_from_elsewhere(api: Api) -> None:
    assert api.request("GET", "").headers["Location"] == "/moto-api/jitp/"
    answer = api.request("GET", "/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert b"<!doctype html>" in answer.data.lower()


def test_motos_own_routes_work_as_before(server: ThreadedJitpServer, api: Api) -> None:
    assert api.request("GET", "/../data.json").status == 200
    assert api.request("HEAD", "/ready").data == b""
