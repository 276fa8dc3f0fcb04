"""The environment of a test with a mock, in which nothing leads to a real AWS account."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

#: A value that explains itself when it turns up in a log.
DUMMY = "testing"

_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
)

#: Each of these leads botocore to other credentials, or past the mock to another endpoint.
_REMOVED = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_ENDPOINTS = "AWS_ENDPOINT_URL"


def safe_values(region: str) -> dict[str, str]:
    """Dummy credentials and a Region, as environment variables.

    Args:
        region: the Region's name.

    Returns:
        Variable name to value.
    """
    return {
        **dict.fromkeys(_CREDENTIALS, DUMMY),
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        # The user's own files may name a profile, an endpoint or a process that provides
        # credentials.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def unsafe_names(environment: Mapping[str, str]) -> Iterator[str]:
    """Return the variables that lead away from the dummy credentials or the mock."""
    for name in environment:
        if name in _REMOVED or name.startswith(_ENDPOINTS):
            yield name
