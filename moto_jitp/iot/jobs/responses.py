"""``JitpIoTJobsDataResponse``: the operations of ``iot-jobs-data``, which moto does not have.

https://docs.aws.amazon.com/iot/latest/developerguide/jobs-mqtt-https-api.html
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.responses import BaseResponse
from moto.iot.models import iot_backends

from moto_jitp.iot.api.checked_response import CheckedResponse
from moto_jitp.iot.exceptions import error_with_status

from .jobs import JobRefused
from .topics_api import carry_out, log_request

_ERRORS = {
    "InvalidRequest": ("InvalidRequestException", 400),
    "ResourceNotFound": ("ResourceNotFoundException", 404),
    "InvalidStateTransition": ("InvalidStateTransitionException", 409),
    # The model has no error of its own for this.
    "VersionMismatch": ("InvalidStateTransitionException", 409),
    "TerminalStateReached": ("TerminalStateException", 410),
}


class JitpIoTJobsDataResponse(CheckedResponse, BaseResponse):
    """The API by which devices, and tests in their place, carry jobs out."""

    def __init__(self) -> None:
        super().__init__(service_name="iot-jobs-data")

    def any_backend(self) -> Any:
        """Return the IoT backend of the request's account and Region, which keeps the jobs."""
        return iot_backends[self.current_account][self.region]

    def get_pending_job_executions(self) -> str:
        return self._answer("get", None)

    def start_next_pending_job_execution(self) -> str:
        return self._answer("start-next", None)

    def describe_job_execution(self) -> str:
        return self._answer("get", self.input()["jobId"])

    def update_job_execution(self) -> str:
        return self._answer("update", self.input()["jobId"])

    def _answer(self, request: str, job_id: str | None) -> str:
        given = self.input()
        jobs = self.any_backend().jobs_part
        place = given["thingName"], job_id, request
        try:
            answer = carry_out(jobs, *place, given)
            log_request(jobs, *place, given)
        except JobRefused as refused:
            log_request(jobs, *place, given, error=str(refused))
            code, status = _ERRORS[refused.code]
            raise error_with_status(code, str(refused), status) from None
        # Over HTTP a document is a text.
        for holder in (answer, answer.get("execution", {})):
            if "jobDocument" in holder:
                holder["jobDocument"] = json.dumps(holder["jobDocument"])
        return json.dumps(answer)
