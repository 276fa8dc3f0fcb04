"""Tests' requests to a server that are used up, found by number until the next reset."""

from __future__ import annotations

from typing import TypeVar

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iot.models import iot_backends

from moto_jitp.history.state import part_of
from moto_jitp.planned_requests import PlannedRequest

from .answers import RequestRefused

RequestT = TypeVar("RequestT", bound=PlannedRequest)
TableT = TypeVar("TableT")

_HOME = "us-east-1"


def asked_since_reset(table: type[TableT]) -> TableT:
    """Return the table of requests; a reset, with which tests begin, clears it.

    Args:
        table: the class of the table, one for each kind of request.
    """
    return part_of(iot_backends[DEFAULT_ACCOUNT_ID][_HOME], table)


def asked_for(table: dict[int, RequestT], number: int, kind: str) -> RequestT:
    """Return a request, even one that is used up.

    Args:
        table: the requests by number.
        number: its number.
        kind: its name in the text and, in the plural, in the path of its routes.

    Raises:
        RequestRefused: there is none with this number since the last reset.
    """
    request = table.get(number)
    if request is None:
        raise RequestRefused(
            f"No {kind} {number} has been asked for, or it has gone with a reset. GET "
            f"/moto-api/jitp/{kind}s lists those that are still to come.",
            404,
            "NotFound",
        )
    return request
