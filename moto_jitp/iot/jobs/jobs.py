"""Operations on jobs that moto ends with a Python exception where there is no such job.

Each answers with an error that AWS declares for it, and that names what is missing (own wording).
https://docs.aws.amazon.com/iot/latest/developerguide/iot-jobs.html
"""

from __future__ import annotations

from moto.iot.models import FakeJob, IoTBackend

from moto_jitp.iot.exceptions import ResourceNotFound


class Jobs:
    """Makes sure that a job or an execution exists, and then does what moto does.

    Args:
        moto: the backend.
    """

    def __init__(self, moto: IoTBackend) -> None:
        self._moto = moto

    def cancel_job(self, job_id: str, reason_code: str, comment: str, force: bool) -> FakeJob:
        self._require_job(job_id)
        return IoTBackend.cancel_job(self._moto, job_id, reason_code, comment, force)

    def delete_job(self, job_id: str, force: bool) -> None:
        self._require_job(job_id)
        IoTBackend.delete_job(self._moto, job_id, force)

    def get_job_document(self, job_id: str) -> FakeJob:
        self._require_job(job_id)
        return IoTBackend.get_job_document(self._moto, job_id)

    def cancel_job_execution(self, job_id: str, thing_name: str, force: bool) -> None:
        self._require_execution(job_id, thing_name)
        IoTBackend.cancel_job_execution(self._moto, job_id, thing_name, force)

    def delete_job_execution(
        self, job_id: str, thing_name: str, execution_number: int, force: bool
    ) -> None:
        self._require_execution(job_id, thing_name)
        IoTBackend.delete_job_execution(self._moto, job_id, thing_name, execution_number, force)

    def _require_job(self, job_id: str) -> None:
        if job_id not in self._moto.jobs:
            raise ResourceNotFound(f"There is no job {job_id}.")

    def _require_execution(self, job_id: str, thing_name: str) -> None:
        if (job_id, thing_name) not in self._moto.job_executions:
            raise ResourceNotFound(f"The job {job_id} has no execution for the thing {thing_name}.")
