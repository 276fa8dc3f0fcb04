"""How a caller names the endpoint, and errors about it."""

from __future__ import annotations

from typing import NamedTuple


class AmbiguousEndpoint(ValueError):  # noqa: N818 - says what is wrong with the argument
    """Several accounts or Regions know the device or its CA, so the endpoint must be named.

    Examples:
        >>> other = boto3.client("iot", "eu-west-1")
        >>> certificate_id = ca.register(other, template_body=BODY, role_arn=ROLE)
        >>> connect_device(bulb)
        Traceback (most recent call last):
        ...
        moto_jitp.AmbiguousEndpoint: ...
        >>> connection = connect_device(bulb, endpoint=other.describe_endpoint())
    """

    __module__ = "moto_jitp"  # where users find it


class ServerName(NamedTuple):
    """A server name that a caller passed; ``None`` means that the device sends none."""

    value: str | None
