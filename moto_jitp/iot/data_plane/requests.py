"""A request to the data plane, with its sender and its log entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from moto.core.responses import BaseResponse

from moto_jitp.broker.message_broker import MessageBroker, broker_of
from moto_jitp.history.messages import Publisher
from moto_jitp.iot.api.callers import identity_of, source_address
from moto_jitp.monitoring import count_device_action
from moto_jitp.monitoring.logs import Client, operation_entry

from .models import JitpIoTDataBackend

SERVICE = "iot-data"


class DataRequest:
    """One request.

    Args:
        request: moto's HTTP request.
        backend: the data plane of its account and Region.

    Attributes:
        backend: the data plane.
        iot: the backend of ``iot`` of the same account and Region.
    """

    def __init__(self, request: BaseResponse, backend: JitpIoTDataBackend) -> None:
        self._request = request
        self.backend = backend
        self.iot: Any = backend.iot_backend

    @property
    def broker(self) -> MessageBroker:
        """The message broker of the account and Region."""
        return broker_of(self.iot)

    @property
    def publisher(self) -> Publisher:
        """The sender of the request, as the publisher of a message."""
        return Publisher(None, self._principal_id(), source_address(self._request), "HTTP")

    def count(self, metric: str) -> None:
        """Count an operation on a message in a metric such as ``PublishIn.Success``."""
        count_device_action(self.iot, metric, "HTTP")

    def log(self, event_type: str, fields: Mapping[str, Any], *, error: str | None = None) -> None:
        """Log the request if the logging options say so.

        Args:
            event_type: the entry's event type.
            fields: its fields beside the common ones.
            error: why the request was refused; ``None`` if it was carried out.
        """
        if not self.iot.logging.is_logging:
            return
        address = source_address(self._request)
        client = Client(None, self._principal_id(), address, protocol="HTTP")
        error_fields = {} if error is None else {"details": error}
        entry = operation_entry(
            event_type, client, {**fields, **error_fields}, failed=error is not None
        )
        self.iot.logging.log(client, datetime.now(timezone.utc), [entry])

    def _principal_id(self) -> str:
        return str(identity_of(self._request, self.iot).element["principalId"])
