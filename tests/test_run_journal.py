"""Every provisioning run is in one list, whatever started it: also RegisterThing by boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.plugin_runs import Run, run
from support.servers import Api, client, post, provisioning_ca

from moto_jitp.server import ThreadedJitpServer

pytest_plugins = ["pytester"]
__all__ = ["run"]

BODY = json.dumps(
    {
        "Parameters": {"Serial": {"Type": "String"}, "Id": {"Type": "String"}},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Serial"}}},
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": "Id"}, "Status": "ACTIVE"},
            },
        },
    }
)


@pytest.fixture
def api(server: ThreadedJitpServer) -> Api:
    return Api(server.endpoint_url)


@pytest.fixture
def iot_at_server(server: ThreadedJitpServer) -> Any:
    return client(server.endpoint_url)


def register(iot: Any, **parameters: str) -> str:
    """Call RegisterThing with a new certificate, whose id is returned."""
    certificate_id = str(iot.create_keys_and_certificate()["certificateId"])
    iot.register_thing(templateBody=BODY, parameters={"Id": certificate_id, **parameters})
    return certificate_id


def test_a_registration_by_boto3_is_among_the_runs(api: Api, iot_at_server: Any) -> None:
    certificate_id = register(iot_at_server, Serial="bulb-1")
    (found,) = api.get("/runs")["runs"]
    assert (found["type"], found["status"]) == ("REGISTER_THING", "SUCCEEDED")
    assert found["connectionId"] is None
    assert (found["thingName"], found["certificateId"]) == ("bulb-1", certificate_id)
    assert "CreateThing" in [step["action"] for step in found["steps"]]
    assert api.get(f"/runs/{found['id']}") == found
    assert api.get(f"/runs?certificateId={certificate_id}")["runs"] == [found]
    assert api.get("/runs?connectionId=1")["runs"] == []


def test_a_registration_that_failed_says_what_the_caller_can_change(
    api: Api, iot_at_server: Any
) -> None:
    with pytest.raises(iot_at_server.exceptions.InvalidRequestException) as refused:
        register(iot_at_server)
    (found,) = api.get("/runs")["runs"]
    assert (found["status"], found["errorCode"]) == ("FAILED", "InvalidRequestException")
    assert found["message"] == refused.value.response["Error"]["Message"]
    assert found["advice"].startswith("Give 'Serial' a value in the call's parameters")
    assert "certificate's subject" not in found["advice"]


def test_a_body_that_cannot_be_read_is_a_failed_run(api: Api, iot_at_server: Any) -> None:
    with pytest.raises(iot_at_server.exceptions.InvalidRequestException):
        iot_at_server.register_thing(templateBody="{")
    (found,) = api.get("/runs")["runs"]
    assert [step["result"] for step in found["steps"]] == ["FAILED"]
    assert found["parameters"] == {}


def test_runs_of_all_origins_are_listed_in_the_order_in_which_they_happened(
    server: ThreadedJitpServer, api: Api, iot_at_server: Any
) -> None:
    register(iot_at_server, Serial="bulb-1")
    outcome = api.connect(provisioning_ca(server.endpoint_url).issue(common_name="b", country="KR"))
    register(iot_at_server, Serial="bulb-2")
    runs = api.get("/runs")["runs"]
    assert [run["type"] for run in runs] == ["REGISTER_THING", "JITP", "REGISTER_THING"]
    assert runs[1]["connectionId"] == outcome["attempts"][0]["id"] == runs[1]["id"]
    assert [run["id"] for run in runs] == sorted({run["id"] for run in runs})


def test_the_page_shows_registrations_by_boto3(api: Api, iot_at_server: Any) -> None:
    register(iot_at_server, Serial="bulb-1")
    with pytest.raises(iot_at_server.exceptions.InvalidRequestException):
        register(iot_at_server)
    succeeded, failed = api.get("/runs")["runs"]
    succeeded["ending"] = "RegisterThing is accepted"
    failed["ending"] = "RegisterThing is rejected"
    assert api.get("/state")["registrations"] == [succeeded, failed]
    assert api.get("/state?refused=true")["registrations"] == [failed]
    assert api.get("/state?search=BULB-1")["registrations"] == [succeeded]
    assert api.get("/state?limit=1")["registrations"] == [failed]


def test_a_reset_forgets_the_runs(api: Api, iot_at_server: Any, server: ThreadedJitpServer) -> None:
    register(iot_at_server, Serial="bulb-1")
    post(f"{server.endpoint_url}/moto-api/reset")
    assert api.get("/runs")["runs"] == []


def test_the_report_of_a_failed_test_shows_registrations_by_boto3(run: Run) -> None:
    result = run(
        f"""
        def test_register(jitp):
            certificate = jitp.iot.create_keys_and_certificate()["certificateId"]
            values = {{"Serial": "bulb-1", "Id": certificate}}
            jitp.iot.register_thing(templateBody={BODY!r}, parameters=values)
            jitp.iot.register_thing(templateBody={BODY!r}, parameters={{"Serial": "bulb-1"}})
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "No device connected in this test.",
            "RegisterThing of the API:",
            "*provisioned: RegisterThing, *CreateThing, *",
            "RegisterThing of the API:",
            "*template: the call's template body; provisioning FAILED",
            "*requires Id: missing",
            "*fix: Give 'Id' a value in the call's parameters, *",
        ]
    )
