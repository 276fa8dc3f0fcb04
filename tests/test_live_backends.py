"""Code that only reads finds every used account and Region, and creates no others."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.iot.models import iot_backends

import moto_jitp
from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device, mock_jitp
from moto_jitp.history.state import existing_backend, existing_backends
from moto_jitp.iot.models import live_backends

ACCOUNT = "123456789012"


def client(service: str, region: str = "us-east-1") -> Any:
    return boto3.Session("key", "secret", region_name=region).client(service)


def used() -> dict[str, list[str]]:
    """The Regions that have a backend, by account."""
    return {account: list(dict(regions)) for account, regions in dict(iot_backends).items()}


def test_each_account_and_region_that_has_been_used_is_found() -> None:
    with mock_jitp():
        client("iot").list_things()
        client("iot", "eu-west-1").list_things()
        other = iot_backends["210987654321"]["eu-west-1"]

        places = {(backend.account_id, backend.region_name) for backend in live_backends()}
        assert places == {
            (ACCOUNT, "us-east-1"),
            (ACCOUNT, "eu-west-1"),
            ("210987654321", "eu-west-1"),
        }
        assert existing_backend("210987654321", "eu-west-1") is other


def test_a_backend_that_moto_made_without_us_is_not_one_of_ours() -> None:
    with mock_aws():
        client("iot").list_things()

        assert live_backends() == []
        assert existing_backends() == [iot_backends[ACCOUNT]["us-east-1"]]


def test_reading_makes_no_account_and_no_region(acme: CertificateAuthority) -> None:
    with mock_jitp() as jitp:
        client("iot").list_things()
        with pytest.raises(ConnectionRefused):
            connect_device(acme.issue(common_name="bulb-1"))
        before = used()

        assert len(jitp.connections) == 1
        assert jitp.events == ()
        assert existing_backend("210987654321", "us-east-1") is None
        now = datetime.now(timezone.utc)
        client("cloudwatch", "eu-west-1").get_metric_statistics(
            Namespace="AWS/IoT",
            MetricName="Connect.AuthError",
            StartTime=now - timedelta(hours=1),
            EndTime=now,
            Period=60,
            Statistics=["Sum"],
        )
        client("cloudtrail", "eu-west-1").lookup_events()

        assert used() == before


def test_no_other_module_looks_through_the_accounts_of_moto() -> None:
    package = Path(moto_jitp.__file__).parent
    looking = {
        source.relative_to(package).as_posix()
        for source in package.rglob("*.py")
        if re.search(r"iot_backends\.(values|items|get)\(", source.read_text(encoding="utf-8"))
    }

    assert looking == {"history/state.py"}
