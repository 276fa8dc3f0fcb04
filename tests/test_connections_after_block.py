"""A device's connection that is still referred to when its block has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from moto import mock_aws
from support.bodies import PLAIN_BODY
from support.cloud import client

from moto_jitp import (
    CertificateAuthority,
    DeviceConnection,
    activate,
    connect_device,
    deactivate,
    mock_jitp,
)


def connected(acme: CertificateAuthority, name: str = "bulb") -> DeviceConnection:
    acme.register(client(), template_body=PLAIN_BODY)
    return connect_device(acme.issue(common_name=name))


def kept_in_a_plain_mock(acme: CertificateAuthority) -> DeviceConnection:
    with mock_jitp():
        connection = connected(acme)
        connection.subscribe("news")
        return connection


def kept_after_deactivation(acme: CertificateAuthority) -> DeviceConnection:
    activate()
    try:
        connection = connected(acme)
        connection.subscribe("news")
        return connection
    finally:
        deactivate()


@pytest.fixture(params=[kept_in_a_plain_mock, kept_after_deactivation])
def connection(request: pytest.FixtureRequest, acme: CertificateAuthority) -> Any:
    """A connection whose account is moto's own again."""
    with mock_aws():
        yield request.param(acme)


MESSAGES: list[Callable[[DeviceConnection], object]] = [
    lambda connection: connection.publish("news", "good"),
    lambda connection: connection.subscribe("weather"),
    lambda connection: connection.receive(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=["publish", "subscribe", "receive"])
def test_a_message_after_the_block_is_refused_with_the_reason(
    connection: DeviceConnection, message: Callable[[DeviceConnection], object]
) -> None:
    assert not connection.connected
    with pytest.raises(ConnectionError, match=r"'bulb' has ended with its mock_jitp block"):
        message(connection)


def test_a_connection_can_be_closed_after_its_block(connection: DeviceConnection) -> None:
    connection.subscriptions[0].cancel()
    connection.disconnect()
    assert connection.subscriptions == ()
    assert "disconnected" in repr(connection)
    assert connection.provisioning is not None


def test_a_connections_with_block_may_end_after_the_mocks(acme: CertificateAuthority) -> None:
    with mock_aws():
        block = mock_jitp()
        block.start()
        with connected(acme) as bulb:
            block.stop()
        assert not bulb.connected


def test_a_connection_has_ended_also_where_no_mock_is_left(acme: CertificateAuthority) -> None:
    with mock_jitp():
        bulb = connected(acme)
    with pytest.raises(ConnectionError, match="has ended with its mock_jitp block"):
        bulb.publish("news", "good")
    bulb.disconnect()


def test_a_connection_of_an_inner_block_lives_on_in_an_outer_one(
    acme: CertificateAuthority,
) -> None:
    with mock_jitp():
        with mock_jitp():
            bulb = connected(acme)
        bulb.subscribe("news")
        bulb.publish("news", "good")
        assert bulb.receive().payload == b"good"
