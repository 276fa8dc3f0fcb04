"""The version of MQTT decides what happens to a connection whose device exceeds its policies.

https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from support.bodies import PLAIN_BODY
from support.cloud import client

from moto_jitp import (
    CertificateAuthority,
    DeviceConnection,
    NotAuthorized,
    connect_device,
    mock_jitp,
)
from moto_jitp.mqtt.reason_codes import ReasonCode

VERSIONS: tuple[Literal["5", "3.1.1"], ...] = ("5", "3.1.1")
CONNECT_ONLY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
    }
)
BEYOND: dict[str, Callable[[DeviceConnection], object]] = {
    "publish": lambda device: device.publish("a/b", b"1"),
    "subscribe": lambda device: device.subscribe("a/b"),
}


@pytest.fixture
def jitp() -> Iterator[Any]:
    with mock_jitp(config={"jitp": {"enforce_policies": True}}) as handle:
        yield handle


def connected(
    acme: CertificateAuthority, version: Literal["5", "3.1.1"] | None = None
) -> DeviceConnection:
    """A device that may only connect."""
    iot, bulb = client(), acme.issue(common_name="bulb")
    acme.register(iot, template_body=PLAIN_BODY)
    iot.create_policy(policyName="connect", policyDocument=CONNECT_ONLY)
    with pytest.raises(Exception, match="NOT_AUTHORIZED"):
        connect_device(bulb)
    arn = f"arn:aws:iot:us-east-1:123456789012:cert/{bulb.certificate_id}"
    iot.attach_policy(policyName="connect", target=arn)
    more: dict[str, Any] = {} if version is None else {"mqtt_version": version}
    return connect_device(bulb, **more)


@pytest.mark.parametrize("version", [None, "5"])
@pytest.mark.parametrize("beyond", BEYOND)
def test_with_mqtt_5_the_answer_has_a_reason_code_and_the_connection_stays(
    jitp: Any, acme: CertificateAuthority, beyond: str, version: Literal["5"] | None
) -> None:
    bulb = connected(acme, version)
    with pytest.raises(NotAuthorized) as caught:
        BEYOND[beyond](bulb)
    assert caught.value.reason_code == ReasonCode.NOT_AUTHORIZED == 0x87
    assert bulb.connected


@pytest.mark.parametrize("beyond", BEYOND)
def test_with_mqtt_3_1_1_the_connection_ends(
    jitp: Any, acme: CertificateAuthority, beyond: str
) -> None:
    bulb = connected(acme, "3.1.1")
    with pytest.raises(NotAuthorized):
        BEYOND[beyond](bulb)
    assert not bulb.connected
    with pytest.raises(ConnectionError, match="no policy allowed what it did"):
        bulb.publish("a/b", b"2")
    last = jitp.events[-1]
    assert last.topic == "$aws/events/presence/disconnected/bulb"
    assert last.payload["disconnectReason"] == "AUTH_ERROR"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_allowed_is_the_same_in_both(
    acme: CertificateAuthority, version: Literal["5", "3.1.1"]
) -> None:
    with mock_jitp():
        acme.register(client(), template_body=PLAIN_BODY)
        bulb = connect_device(acme.issue(common_name="bulb"), mqtt_version=version)
        bulb.subscribe("a/b")
        bulb.publish("a/b", b"1")
        assert bulb.receive().payload == b"1"


def test_another_version_is_refused(jitp: Any, acme: CertificateAuthority) -> None:
    with pytest.raises(ValueError, match=r"mqtt_version must be one of '5', '3\.1\.1'; found '3'"):
        connect_device(acme.issue(), mqtt_version="3")  # type: ignore[arg-type]
