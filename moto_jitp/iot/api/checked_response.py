"""The base of the three services' response classes, which checks every request's input first."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import botocore
from botocore.model import ServiceModel
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model
from moto.utilities.aws_headers import gen_amzn_requestid_long

from moto_jitp import settings
from moto_jitp.iot.exceptions import UNKNOWN_REGION, IoTError

from .declarations import members_of_input
from .door import (
    OperationInput,
    RequestParts,
    checked_input,
    not_emulated,
    operation_at,
    refusal,
)
from .operation_names import COMMON_ERRORS
from .operations import Operation, method_name

_MOST_DECOMPRESSED = 16 * 1024 * 1024
"""No operation of AWS IoT needs nearly as much, but a few KiB can decompress to far more."""
_GZIP = 16 + zlib.MAX_WBITS


class CheckedResponse(BaseResponse):
    """A moto response class whose operations get an input that follows botocore's model.

    It precedes moto's own class among the bases, so that moto's operations read the checked input.
    """

    _answered: dict[str, Operation]
    _operation: str | None = None
    _input: OperationInput | None = None
    _unreadable = ""

    def setup_class(
        self,
        request: Any,
        full_url: Any = None,
        headers: Any = None,
        use_raw_body: bool | None = None,
    ) -> None:
        # moto would decompress and decode the body, and fail with an exception if it is neither
        # gzip nor UTF-8.
        self.allow_request_decompression = False
        super().setup_class(request, full_url, headers, use_raw_body=True)
        if self.headers.get("Content-Encoding", "") == "gzip":
            self.body = self._decompressed(self.body)

    def _decompressed(self, body: bytes) -> bytes:
        """Decompress a body, up to the maximum length."""
        decompressor = zlib.decompressobj(_GZIP)
        try:
            decompressed = decompressor.decompress(body, _MOST_DECOMPRESSED)
        except zlib.error:
            self._unreadable = "The request body is not gzip, which its Content-Encoding says."
            return b""
        if decompressor.unconsumed_tail:
            self._unreadable = (
                f"The request body decompresses to more than {_MOST_DECOMPRESSED} bytes."
            )
        elif not decompressor.eof or decompressor.unused_data:
            self._unreadable = "The request body is not one whole member of gzip's."
        return b"" if self._unreadable else decompressed

    @classmethod
    def answer(cls, operations: Iterable[Operation]) -> None:
        """Let operations' functions carry them out; moto looks for a method for each.

        Args:
            operations: those of the table.
        """
        methods = vars(cls).get("_answered")
        if methods is None:
            methods = cls._answered = {}
        for operation in operations:
            # Each mock comes here, and a class that changes is slower for a while.
            if methods.get(operation.name) is not operation:
                methods[operation.name] = operation
                setattr(cls, method_name(operation.name), cls.answering(operation))

    @classmethod
    def answering(cls, operation: Operation) -> Callable[[Any], Any]:
        """Return the method with which moto carries out an operation of the table.

        Raises:
            NotImplementedError: the subclass does not override it.
        """
        raise NotImplementedError

    @property
    def service(self) -> str:
        """The service by boto3's name, such as ``iot-data``."""
        return self.boto3_service_name

    def _get_action(self) -> str:
        # Called several times per request, while moto walks its routes each time.
        if self._operation is None:
            operation_name = super()._get_action()
            if not operation_name:
                operation_name = operation_at(self.service, self.method, self.parsed_url.path) or ""
            self._operation = operation_name
        return self._operation

    def any_backend(self) -> Any:
        """Return the backend of the request's account and Region.

        Raises:
            NotImplementedError: the subclass does not override it.
        """
        raise NotImplementedError

    def call_action(self) -> Any:
        try:
            self.require_destination()
            self.enter()
        except IoTError as error:
            return self.answer_error(error)
        return self.carry_out()

    def require_destination(self) -> None:
        """Make sure that a request is readable, and is for an existing operation and Region.

        Raises:
            IoTError: it does not.
        """
        operation = self._get_action()
        if operation not in get_service_model(self.service).operation_names:
            raise refusal(
                self.service,
                operation,
                f"{self.method} {self.path} is not an AWS IoT operation that the installed "
                f"botocore {botocore.__version__} knows.",
            )
        if self._unreadable:
            raise refusal(self.service, operation, self._unreadable)
        try:
            self.any_backend()
        except KeyError:
            raise refusal(self.service, operation, UNKNOWN_REGION.format(self.region)) from None

    def enter(self) -> None:
        """Check the input of a request with a valid destination.

        Raises:
            IoTError: the operation is not emulated, or its input is refused.
        """
        operation = self._get_action()
        if not hasattr(type(self), method_name(operation)):
            # moto would raise NotImplementedError, which a server answers with an HTML page and
            # status 500, on which every SDK retries.
            raise not_emulated(self.service, operation)
        self._input = checked_input(
            self.service, operation, self.request_parts(), strict=settings.current().strict
        )

    def carry_out(self) -> Any:
        """Let moto carry the operation out, or our method that replaces moto's.

        Returns:
            The HTTP answer: status, headers, body.
        """
        try:
            return super().call_action()
        except Exception:
            # With strict off moto also gets values of wrong types, some of which it accepts.
            try:
                self.require_types()
            except IoTError as error:
                return self.answer_error(error)
            raise

    def request_parts(self) -> RequestParts:
        """Return the parts of the request from which the operation's input is read."""
        return RequestParts(
            self.parsed_url.path, self.parsed_url.query, self.body or b"", self.headers
        )

    def input(self) -> dict[str, Any]:
        """Return the operation's input: member name to value, for the members that were sent.

        Raises:
            IoTError: with ``strict`` off a value of a wrong type gets this far.
        """
        self.require_types()
        return self.untyped_input()

    def untyped_input(self) -> dict[str, Any]:
        """Return the input as moto accepts it with ``strict`` off."""
        assert self._input is not None, "the request has not passed the door"
        return self._input.values

    def require_types(self) -> None:
        """Make sure that all members have the model's types.

        Raises:
            IoTError: one is not.
        """
        if self._input is not None and self._input.wrong_types:
            raise refusal(self.service, self._get_action(), self._input.wrong_types[0])

    def _get_param(self, param_name: str, if_none: Any = None) -> Any:
        # moto's own operations call this. moto would parse the body for each parameter.
        if self._input is None:
            return super()._get_param(param_name, if_none)
        if param_name in self._input.values:
            return self._input.values[param_name]
        if param_name in members_of_input(self.service, self._get_action()):
            return if_none
        return super()._get_param(param_name, if_none)

    def determine_response_protocol(self, service_model: ServiceModel) -> str:
        # moto uses the request's content type, and fails with an exception if the service does not
        # speak that protocol, such as that of a form, curl's default.
        return str(service_model.protocol)

    def serialized(self, action_result: ActionResult) -> Any:
        # Every error of the API, raised or returned, passes through here or answer_error.
        error = action_result.result
        if isinstance(error, IoTError):
            action_result = ActionResult(error.answer())
        return super().serialized(action_result)

    def answer_error(self, error: IoTError) -> Any:
        """Return an error as an HTTP answer: status, headers, body."""
        error = error.answer()
        # moto's serializer only knows the operations and errors of the model.
        status = COMMON_ERRORS.get(error.code)
        if status is None and self._get_action() in get_service_model(self.service).operation_names:
            status, headers, body = self.serialized(ActionResult(error))
        else:
            headers, body = {"x-amzn-ErrorType": error.code}, json.dumps({"message": error.message})
        gen_amzn_requestid_long(headers)
        return status or 400, headers, body
