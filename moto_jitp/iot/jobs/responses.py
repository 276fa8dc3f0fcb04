"""``JitpIoTJobsDataResponse``: the operations of ``iot-jobs-data``, which moto does not have.

https://docs.aws.amazon.com/iot/latest/developerguide/jobs-mqtt-https-api.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.core.responses import BaseResponse
from moto.iot.models import iot_backends

from moto_jitp.iot.api.checked_response import CheckedResponse
from moto_jitp.iot.api.operations import Input, Operation, Output, operation, operations_of
from moto_jitp.iot.exceptions import error_with_status

from .jobs import JobRefused, Jobs
from .topics_api import carry_out, log_request

_ERRORS = {
    "InvalidRequest": ("InvalidRequestException", 400),
    "ResourceNotFound": ("ResourceNotFoundException", 404),
    "InvalidStateTransition": ("InvalidStateTransitionException", 409),
    # The model has no specific error for this.
    "VersionMismatch": ("InvalidStateTransitionException", 409),
    "TerminalStateReached": ("TerminalStateException", 410),
}


class JitpIoTJobsDataResponse(CheckedResponse, BaseResponse):
    """The API by which devices, or tests in their place, carry out jobs."""

    def __init__(self) -> None:
        super().__init__(service_name="iot-jobs-data")

    def any_backend(self) -> Any:
        """Return the IoT backend of the request's account and Region, which keeps the jobs."""
        return iot_backends[self.current_account][self.region]

    @classmethod
    def answering(cls, operation: Operation) -> Callable[[JitpIoTJobsDataResponse], str]:
        def answer(request: JitpIoTJobsDataResponse) -> str:
            jobs = request.any_backend().part(operation.part)
            return json.dumps(operation.function(jobs, request.input()))

        return answer


@operation("GetPendingJobExecutions", Jobs, service="iot-jobs-data")
def get_pending_job_executions(jobs: Jobs, arguments: Input) -> Output:
    return _carried_out(jobs, "get", None, arguments)


@operation("StartNextPendingJobExecution", Jobs, service="iot-jobs-data")
def start_next_pending_job_execution(jobs: Jobs, arguments: Input) -> Output:
    return _carried_out(jobs, "start-next", None, arguments)


@operation("DescribeJobExecution", Jobs, service="iot-jobs-data")
def describe_job_execution(jobs: Jobs, arguments: Input) -> Output:
    return _carried_out(jobs, "get", arguments["jobId"], arguments)


@operation("UpdateJobExecution", Jobs, service="iot-jobs-data")
def update_job_execution(jobs: Jobs, arguments: Input) -> Output:
    return _carried_out(jobs, "update", arguments["jobId"], arguments)


def _carried_out(jobs: Jobs, request: str, job_id: str | None, arguments: Input) -> Output:
    place = arguments["thingName"], job_id, request
    try:
        answer = carry_out(jobs, *place, arguments)
        log_request(jobs, *place, arguments)
    except JobRefused as refused:
        log_request(jobs, *place, arguments, error=str(refused))
        code, status = _ERRORS[refused.code]
        raise error_with_status(code, str(refused), status) from None
    # Over HTTP a document is text.
    for holder in (answer, answer.get("execution", {})):
        if "jobDocument" in holder:
            holder["jobDocument"] = json.dumps(holder["jobDocument"])
    return answer


JitpIoTJobsDataResponse.answer(operations_of("iot-jobs-data"))
