"""Routes; moto looks for them beside ``models``."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from moto.iotdata.urls import url_bases as moto_url_bases

from moto_jitp.iot.jobs.responses import JitpIoTJobsDataResponse

from .responses import JitpIoTDataResponse

ENDPOINTS = (
    r"https?://(?:a[0-9a-z]{13}(?:-ats)?\.iot|data\.jobs\.iot|iot-jobs-data)\.(.+)\.amazonaws\.com"
)
"""The endpoints that ``describe_endpoint`` returns for ``iot:Data-ATS`` and ``iot:Data``, and the
addresses of ``iot-jobs-data``: boto3's, and the one that moto's server derives from a request's
signature.
"""

_JOBS = re.compile(r"/things/[^/]+/jobs(/|$)|/command-executions")


class DataEndpoint:
    """The endpoint that ``iot-data`` and ``iot-jobs-data`` share, as they do on AWS."""

    @classmethod
    def dispatch(cls, request: Any, full_url: str, headers: Any) -> Any:
        """Answer a request: status, headers, body."""
        jobs = _JOBS.match(urlsplit(full_url).path)
        response: Any = JitpIoTJobsDataResponse if jobs else JitpIoTDataResponse
        return response.dispatch(request, full_url, headers)


url_bases = [*moto_url_bases, ENDPOINTS]

url_paths = {"{0}/.*$": DataEndpoint.dispatch}
