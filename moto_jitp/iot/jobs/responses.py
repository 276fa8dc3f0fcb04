"""``JitpIoTJobsDataResponse``: the operations of ``iot-jobs-data``, which moto does not have.

None of them is emulated yet; each is refused by an error of its own service.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import BaseResponse
from moto.iot.models import iot_backends

from moto_jitp.iot.api.checked_response import CheckedResponse


class JitpIoTJobsDataResponse(CheckedResponse, BaseResponse):
    """The API by which devices, and tests in their place, carry jobs out."""

    def __init__(self) -> None:
        super().__init__(service_name="iot-jobs-data")

    def any_backend(self) -> Any:
        """Return the IoT backend of the request's account and Region, which keeps the jobs."""
        return iot_backends[self.current_account][self.region]
