"""The table of operations says who carries out each operation of AWS IoT."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core.utils import get_service_model

from moto_jitp import mock_jitp
from moto_jitp.iot import models as models  # fills the table
from moto_jitp.iot.api.operations import (
    OPERATIONS,
    Emulation,
    Input,
    emulation_of,
    operation,
)
from moto_jitp.iot.data_plane.urls import DataEndpoint as DataEndpoint
from moto_jitp.iot.registry.tags import Tags


@pytest.mark.parametrize(
    ("name", "emulation"),
    [
        ("RegisterCACertificate", Emulation.HERE),
        ("CreateProvisioningTemplate", Emulation.HERE),
        ("TestAuthorization", Emulation.HERE),
        ("CreateThingType", Emulation.BOTH),
        ("DescribeThing", Emulation.MOTO),
        ("CreateAuditSuppression", Emulation.REFUSED),
    ],
)
def test_the_module_that_carries_out_an_operation_can_be_looked_up(
    name: str, emulation: Emulation
) -> None:
    assert emulation_of(name) is emulation


def test_every_operation_of_the_model_is_in_the_table() -> None:
    names = get_service_model("iot").operation_names
    assert {emulation_of(name) for name in names} == set(Emulation)


@pytest.mark.parametrize(
    ("service", "name", "emulation"),
    [
        ("iot-data", "Publish", Emulation.HERE),
        ("iot-jobs-data", "DescribeJobExecution", Emulation.HERE),
        ("iot-jobs-data", "StartCommandExecution", Emulation.REFUSED),
    ],
)
def test_the_operations_of_devices_are_in_the_same_table(
    service: str, name: str, emulation: Emulation
) -> None:
    assert emulation_of(name, service) is emulation


@mock_jitp
def test_an_operation_that_is_refused_says_its_name() -> None:
    iot = boto3.client("iot", region_name="us-east-1")
    with pytest.raises(ClientError, match="CreateAuditSuppression of AWS IoT is not emulated"):
        iot.create_audit_suppression(
            checkName="A",
            resourceIdentifier={"clientId": "a"},
            clientRequestToken="t",
        )


def test_an_operation_that_the_installed_botocore_does_not_know_hinders_nothing() -> None:
    try:

        @operation("OfALaterModel", Tags)
        def of_a_later_model(tags: Tags, given: Input) -> None:
            """Never called: a boto3 of the same age cannot call it either."""

        with mock_jitp():
            iot = boto3.client("iot", region_name="us-east-1")
            assert iot.list_things()["things"] == []
            assert not hasattr(iot, "of_a_later_model")
    finally:
        OPERATIONS.pop(("iot", "OfALaterModel"), None)


def test_two_functions_cannot_carry_out_one_operation() -> None:
    with pytest.raises(ValueError, match="TagResource has a function already"):

        @operation("TagResource", Tags)
        def tag_resource(tags: Tags, given: Input) -> None:
            """Never called."""
