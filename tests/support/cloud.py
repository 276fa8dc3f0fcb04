"""Helpers for tests that talk to the cloud side: clients, and errors checked whole."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from freezegun import freeze_time

ACCOUNT = "123456789012"

# boto3 tries again on LimitExceededException, each time after a longer pause.
_ONCE = Config(retries={"total_max_attempts": 1})


@functools.cache
def client(region: str = "us-east-1", service: str = "iot") -> Any:
    """A client of the default account, made once, as that takes most of a test's time."""
    session = boto3.Session("testing", "testing", region_name=region)
    return session.client(service, config=_ONCE)


def client_of(account_id: str, region: str = "us-east-1") -> Any:
    """An IoT client of another account, by a role of that account."""
    arn = f"arn:aws:iam::{account_id}:role/tester"
    assumed = client(service="sts").assume_role(RoleArn=arn, RoleSessionName="tests")
    keys = assumed["Credentials"]
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return session.client("iot", region_name=region, config=_ONCE)


def an_hour_later() -> Any:
    """A context in which it is an hour later: dates have milliseconds, and calls are faster."""
    return freeze_time(datetime.now(timezone.utc) + timedelta(hours=1))


@functools.cache
def _declared(operation: str) -> frozenset[str]:
    model = client().meta.service_model
    return frozenset(shape.name for shape in model.operation_model(operation).error_shapes)


@contextmanager
def refused(code: str, status: int, text: str) -> Iterator[SimpleNamespace]:
    """Expect an error that the operation declares, with its HTTP status and the text's beginning.

    Yields an object that has the error's ``response`` afterwards.
    """
    caught = SimpleNamespace(response=None)
    with pytest.raises(ClientError) as info:
        yield caught
    error = info.value
    caught.response = error.response
    found = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    assert found == (code, status), error
    assert type(error).__name__ == code
    assert code in _declared(error.operation_name)
    message = error.response["Error"]["Message"]
    assert message.startswith(text), message
