"""Routes; moto looks for them beside ``models``."""

from __future__ import annotations

from typing import Any

from moto.iot.urls import url_bases as moto_url_bases

# These modules and the parts of the backend fill the table of operations.
from .account import account_listings as account_listings
from .api.cloud_control import ENDPOINTS as CLOUD_CONTROL
from .api.cloud_control import CloudControlResponse, is_cloud_control
from .api.operations import operations_of
from .jobs import job_listings as job_listings
from .permissions import policy_listings as policy_listings
from .registry import registry_listings as registry_listings
from .responses import JitpIoTResponse

__all__ = ["url_bases", "url_paths"]


def answer_operations() -> None:
    """Serve the table's operations, once the backend's parts have added theirs."""
    JitpIoTResponse.answer(operations_of("iot"))


class ControlPlane:
    """Separates requests to AWS IoT from those to Cloud Control, which moto does not have."""

    @classmethod
    def dispatch(cls, request: Any, full_url: str, headers: Any) -> Any:
        """Answer a request: status, headers, body."""
        response = CloudControlResponse if is_cloud_control(headers) else JitpIoTResponse
        return response.dispatch(request, full_url, headers)


url_bases = [*moto_url_bases, CLOUD_CONTROL]

# Requests to Cloud Control have the path "/".
url_paths = {"{0}/$": ControlPlane.dispatch, "{0}/.*$": ControlPlane.dispatch}
