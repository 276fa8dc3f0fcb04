"""``JitpIoTDataResponse``: requests to iot-data, answered by the functions of the table."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.iotdata.responses import IoTDataPlaneResponse

from moto_jitp.iot.api.checked_response import CheckedResponse
from moto_jitp.iot.api.operations import Operation, operations_of

# These modules fill the table of operations.
from . import client_operations as client_operations
from . import direct_messages as direct_messages
from . import message_operations as message_operations
from . import shadow_operations as shadow_operations
from .requests import SERVICE, DataRequest


class JitpIoTDataResponse(CheckedResponse, IoTDataPlaneResponse):
    """The operations on messages, shadows and clients."""

    def any_backend(self) -> Any:
        """Return the data plane of the request's account and Region."""
        return self.iotdata_backend

    @classmethod
    def answering(cls, operation: Operation) -> Callable[[JitpIoTDataResponse], str]:
        def answer(request: JitpIoTDataResponse) -> str:
            output = operation.function(
                DataRequest(request, request.any_backend()), request.input()
            )
            return "" if output is None else json.dumps(output)

        return answer


JitpIoTDataResponse.answer(operations_of(SERVICE))
