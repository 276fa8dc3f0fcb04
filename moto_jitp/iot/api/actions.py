"""What every API action starts from: the typed input, and the backend of the request."""

from __future__ import annotations

from typing import Any

from moto.core.utils import get_service_model
from moto.iot.responses import IoTResponse

from moto_jitp import settings

from .inputs import read_input


class IoTActions(IoTResponse):
    """moto's response class with inputs that follow botocore's model."""

    def any_backend(self) -> Any:
        """Return the backend of the request's account and Region."""
        return self.iot_backend

    def input(self) -> dict[str, Any]:
        """Return the operation's input: member name to value, for the members that were given.

        Raises:
            InvalidRequest: a value breaks the model's constraints; these are not checked where
                ``strict`` is off.
        """
        operation = get_service_model("iot").operation_model(self._get_action())
        return read_input(
            operation,
            self.parsed_url.path,
            self.parsed_url.query,
            self.body or "",
            self.headers,
            check=settings.current().strict,
        )
