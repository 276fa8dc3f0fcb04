"""DescribeEndpoint: one stable address for each account, Region and endpoint type."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.bodies import PLAIN_BODY
from support.cloud import client, client_of, refused

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    RefusalReason,
    connect_device,
    mock_jitp,
)

SUFFIXES = {
    "iot:Data-ATS": "-ats.iot.us-east-1.amazonaws.com",
    "iot:Data": ".iot.us-east-1.amazonaws.com",
    "iot:CredentialProvider": ".credentials.iot.us-east-1.amazonaws.com",
    "iot:Jobs": ".jobs.iot.us-east-1.amazonaws.com",
}


RETIRED = {"iot:Data": ".iot.", "iot:Jobs": ".jobs.iot."}


def address(iot: Any, kind: str = "iot:Data-ATS") -> str:
    """An endpoint's address; of a type that is no longer described, by that of iot:Data-ATS."""
    asked = "iot:Data-ATS" if kind in RETIRED else kind
    found: str = iot.describe_endpoint(endpointType=asked)["endpointAddress"]
    return found.replace("-ats.iot.", RETIRED.get(kind, "-ats.iot."))


@pytest.mark.parametrize("kind", RETIRED)
def test_a_retired_type_is_described_with_strict_off_only(iot: Any, kind: str) -> None:
    with refused("InvalidRequestException", 400, "") as error:
        iot.describe_endpoint(endpointType=kind)
    assert "iot:Data-ATS" in error.response["Error"]["Message"]
    wanted = address(iot, kind)
    with mock_jitp(config={"jitp": {"strict": False}}):
        assert client().describe_endpoint(endpointType=kind)["endpointAddress"] == wanted


def test_without_a_type_the_address_is_that_of_data_ats(iot: Any) -> None:
    assert iot.describe_endpoint()["endpointAddress"] == address(iot, "iot:Data-ATS")


@pytest.mark.parametrize("kind", SUFFIXES)
def test_addresses_look_as_on_aws_and_stay_the_same(iot: Any, kind: str) -> None:
    found = address(iot, kind)
    assert re.fullmatch(r"a[0-9a-z]{13}" + re.escape(SUFFIXES[kind]), found)
    assert address(iot, kind) == found


def test_the_address_outlives_the_mock(iot: Any) -> None:
    before = address(iot)
    with mock_jitp():
        assert address(client()) == before


def test_an_account_has_one_prefix_everywhere(iot: Any) -> None:
    prefixes = {address(iot, kind)[:14] for kind in SUFFIXES}
    assert prefixes == {address(client("eu-west-1"))[:14]}


def test_no_two_accounts_regions_or_types_share_an_address(iot: Any) -> None:
    clients = [
        make(region)
        for region in ("us-east-1", "ap-northeast-2")
        for make in (client, lambda region: client_of("111111111111", region))
    ]
    assert len({address(where, kind) for where in clients for kind in SUFFIXES}) == 16


def test_china_has_a_domain_of_its_own(iot: Any) -> None:
    assert address(client("cn-north-1")).endswith("-ats.iot.cn-north-1.amazonaws.com.cn")


def test_an_unknown_type_is_refused(iot: Any) -> None:
    with refused("InvalidRequestException", 400, "Endpoint type iot:Data-TLS not recognized"):
        address(iot, "iot:Data-TLS")


@pytest.mark.parametrize("kind", ["iot:Data-ATS", "iot:Data"])
def test_a_device_connects_to_the_address_that_was_described(iot: Any, kind: str) -> None:
    ca = CertificateAuthority()
    ca.register(iot, template_body=PLAIN_BODY)
    bulb = ca.issue(common_name="bulb-1")
    assert connect_device(bulb, endpoint=address(iot, kind)).thing_name == "bulb-1"


@pytest.mark.parametrize("kind", ["iot:Jobs", "iot:CredentialProvider"])
def test_an_address_that_is_not_for_mqtt_refuses_devices(iot: Any, kind: str) -> None:
    ca = CertificateAuthority()
    ca.register(iot, template_body=PLAIN_BODY)
    with pytest.raises(ConnectionRefused) as caught:
        connect_device(ca.issue(), server_name=address(iot, kind))
    assert caught.value.reason is RefusalReason.SNI_MISUSED
