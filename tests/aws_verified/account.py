"""Where a verified test runs: in the mock, or on request in a user's account."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

VARIABLE = "MOTO_JITP_TEST_ON_AWS"
SECONDS_ON_AWS = 120.0
"""How long a change may take until it is visible everywhere; JITP is reported to take 1 to 3."""
ROLE_SETTLES = 15.0
"""How long IAM takes until a new role can be assumed, with a margin."""

_ON, _OFF = ("1", "true", "yes"), ("", "0", "false", "no")
#: These send calls that are meant for AWS elsewhere.
_ELSEWHERE = ("AWS_ENDPOINT_URL", "TEST_SERVER_MODE")
_ACCOUNT_OF_MOTO = "123456789012"


class NotReadyForAwsError(Exception):
    """The variable is set, and something else is missing."""


@dataclass(frozen=True)
class Account:
    """An account and Region, and how calls reach it.

    Attributes:
        session: the boto3 session.
        account_id: twelve digits.
        partition: such as ``aws``.
        patience: seconds until a change must be visible; 0 in the mock, where changes are
            immediate.
        role_settles: seconds until a new role can be assumed everywhere, of which there is no sign.
    """

    session: Any
    account_id: str
    partition: str = "aws"
    patience: float = 0.0
    role_settles: float = 0.0

    @property
    def region(self) -> str:
        """The Region, such as ``eu-west-1``."""
        return str(self.session.region_name)

    @property
    def is_on_aws(self) -> bool:
        """Whether this is a real account."""
        return self.patience > 0

    @functools.cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def client(self, service: str) -> Any:
        """Return a client of a service; made once."""
        if service not in self._clients:
            # AWS allows about ten calls per second of each operation.
            patient = Config(retries={"mode": "standard", "total_max_attempts": 10})
            config = patient if self.is_on_aws else None
            self._clients[service] = self.session.client(service, config=config)
        return self._clients[service]


def is_asked_for(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether tests should run on AWS.

    Raises:
        NotReadyForAwsError: the variable is set to something other than yes or no.
    """
    value = environ.get(VARIABLE, "").strip().lower()
    if value in _ON:
        return True
    if value in _OFF:
        return False
    raise NotReadyForAwsError(
        f"{VARIABLE} is {value!r}. Set it to 1 to run the verified tests in the account of your "
        "credentials, or unset it to run them in the mock."
    )


@functools.cache
def account_of_mock() -> Account:
    """The account that calls reach inside a ``mock_jitp``."""
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    return Account(session, _ACCOUNT_OF_MOTO)


@functools.cache
def account_on_aws() -> Account:
    """The account of the user's credentials.

    Raises:
        NotReadyForAwsError: credentials or a Region are missing or not accepted, or calls would go
            elsewhere.
    """
    elsewhere = sorted(
        name
        for name, value in os.environ.items()
        if name.startswith(_ELSEWHERE) and value.lower() not in _OFF
    )
    if elsewhere:
        raise NotReadyForAwsError(
            f"{VARIABLE} asks for AWS, but {' and '.join(elsewhere)} would send calls elsewhere. "
            f"Unset {'it' if len(elsewhere) == 1 else 'them'}."
        )
    # boto3 itself only reads AWS_DEFAULT_REGION, other SDKs AWS_REGION.
    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    if session.region_name is None:
        raise NotReadyForAwsError(
            f"{VARIABLE} asks for AWS, but there is no Region. Set AWS_REGION, or a region in the "
            "profile that AWS_PROFILE names."
        )
    if session.get_credentials() is None:
        raise NotReadyForAwsError(
            f"{VARIABLE} asks for AWS, but boto3 finds no credentials. Set AWS_PROFILE, or "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    try:
        caller = session.client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        raise NotReadyForAwsError(
            f"{VARIABLE} asks for AWS, but sts:GetCallerIdentity, which takes any credentials, "
            f"failed in {session.region_name}: {error}"
        ) from None
    if caller["Account"] == _ACCOUNT_OF_MOTO:
        raise NotReadyForAwsError(
            f"{VARIABLE} asks for AWS, but account {_ACCOUNT_OF_MOTO} is moto's: a mock around the "
            "tests answers the calls. Run them without it."
        )
    partition = caller["Arn"].split(":")[1]
    return Account(session, caller["Account"], partition, SECONDS_ON_AWS, ROLE_SETTLES)


def the_account() -> Account:
    """The account in which tests run.

    A test fails if it is not available, and says what is missing.
    """
    try:
        return account_on_aws() if is_asked_for() else account_of_mock()
    except NotReadyForAwsError as error:
        pytest.fail(str(error), pytrace=False)
