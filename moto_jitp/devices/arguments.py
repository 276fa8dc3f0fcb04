"""What a caller says of the endpoint, and what is wrong with it."""

from __future__ import annotations

from typing import NamedTuple


class AmbiguousEndpoint(ValueError):  # noqa: N818 - says what is wrong with the argument
    """Several accounts or Regions know the device or its CA; name the endpoint."""

    __module__ = "moto_jitp"  # where users find it


class ServerName(NamedTuple):
    """A server name that a caller gave, as ``None`` means that the device sends none."""

    value: str | None
