"""AWS Cloud Control API, which is refused by name: moto does not have it.

A request without an answer here would go to AWS itself.
https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/Welcome.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.core.responses import BaseResponse

ENDPOINTS = r"https?://cloudcontrolapi\.(.+)\.amazonaws\.com"
"""Where boto3 sends requests of ``cloudcontrol``."""

_TARGET = "CloudApiService."
# The operations on requests do not declare such an error; these are for a type of resource.
_CODE = "UnsupportedActionException"


def is_cloud_control(headers: Mapping[str, str]) -> bool:
    """Whether a request is for Cloud Control.

    Args:
        headers: its headers.
    """
    return headers.get("X-Amz-Target", "").startswith(_TARGET)


class CloudControlResponse(BaseResponse):
    """Answers every request with an error that names the operation and the type (own wording)."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudcontrol")
        self.allow_request_decompression = False

    def call_action(self) -> Any:
        operation = self.headers.get("X-Amz-Target", "").removeprefix(_TARGET)
        type_name = _type_name(self.body)
        of_type = f" for {type_name}" if type_name else ""
        message = (
            f"The operation {operation} of AWS Cloud Control API is not emulated{of_type}. Nothing "
            "was done. Call the service of the resource itself, such as iot, or deploy it by "
            "CloudFormation."
        )
        headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-ErrorType": _CODE}
        return 400, headers, json.dumps({"__type": _CODE, "Message": message})


def _type_name(body: Any) -> str | None:
    try:
        document = json.loads(body or "{}")
    except (ValueError, RecursionError):
        return None
    name = document.get("TypeName") if isinstance(document, dict) else None
    return name if isinstance(name, str) else None
