"""The base of every API action: the checked input, and the backend of the request."""

from __future__ import annotations

from typing import Any

from moto.iot.responses import IoTResponse

from .checked_response import CheckedResponse


class IoTActions(CheckedResponse, IoTResponse):
    """moto's response class with inputs that follow botocore's model."""

    def any_backend(self) -> Any:
        """Return the backend of the request's account and Region."""
        return self.iot_backend
