"""Unusable settings are refused by name, where they are set or where they would apply."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.moto_api import state_manager
from support.servers import TEMPLATE, Api

from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device, mock_jitp
from moto_jitp.history.messages import Message
from moto_jitp.server import ThreadedJitpServer

MODEL = "iot::jitp"


@pytest.mark.parametrize("rate", [float("inf"), float("nan"), 10**400, -1])
def test_a_quota_is_a_finite_number_above_0(rate: float) -> None:
    with pytest.raises(ValueError, match="finite number above 0"):
        mock_jitp(config={"jitp": {"throttling": {"CreateThing": rate}}})


def test_a_server_keeps_no_setting_that_json_cannot_tell() -> None:
    with ThreadedJitpServer() as server:
        api = Api(server.endpoint_url)
        before = api.get("/config")
        answer = api.request("PUT", "/config", body='{"throttling": {"CreateThing": 1e999}}')
        assert answer.status == 400
        assert "finite number above 0" in json.loads(answer.data)["message"]
        assert api.get("/config") == before


@pytest.mark.parametrize(
    "setting", [{"progression": "time", "seconds": "soon"}, {"progression": "manual"}]
)
def test_an_unusable_transition_is_an_error_of_aws_iot_until_it_is_corrected(
    setting: dict[str, Any],
) -> None:
    with mock_jitp():
        iot = boto3.client("iot", "us-east-1", config=Config(retries={"total_max_attempts": 1}))
        ca = CertificateAuthority()
        ca.register(iot, template_body=TEMPLATE)
        state_manager.set_transition(MODEL, {"progression": "manual", "times": 1})
        try:
            device = ca.issue(common_name="bulb", country="KR")
            with pytest.raises(ConnectionRefused):
                connect_device(device)
            state_manager.set_transition(MODEL, setting)
            with pytest.raises(ClientError, match=MODEL) as raised:
                iot.list_things()
            assert raised.value.response["Error"]["Code"] == "InvalidRequestException"
            # Other services go on.
            assert boto3.client("sqs", "us-east-1").list_queues().get("QueueUrls") is None
            state_manager.set_transition(MODEL, {"progression": "immediate"})
            assert [thing["thingName"] for thing in iot.list_things()["things"]] == ["bulb"]
        finally:
            state_manager.unset_transition(MODEL)


def test_a_page_of_messages_builds_no_other_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    put_together: list[Message] = []
    plain = Message.as_event

    def as_event(message: Message, *place: Any) -> Any:
        put_together.append(message)
        return plain(message, *place)

    with ThreadedJitpServer() as server:
        data = boto3.client(
            "iot-data",
            "us-east-1",
            endpoint_url=server.endpoint_url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        for number in range(5):
            data.publish(topic=f"lamp/{number}", payload=b"on")
        monkeypatch.setattr(Message, "as_event", as_event)
        api, lamps = Api(server.endpoint_url), "/events?topicFilter=lamp/%2B"
        before = api.get(f"{lamps}&limit=2")
        put_together.clear()
        page = api.get(f"{lamps}&limit=1&cursor={before['nextCursor']}")
        assert [event["topic"] for event in page["events"]] == ["lamp/2"]
        assert len(put_together) == 1
        rest = api.get(f"{lamps}&cursor={page['nextCursor']}")
        assert [event["topic"] for event in rest["events"]] == ["lamp/3", "lamp/4"]
