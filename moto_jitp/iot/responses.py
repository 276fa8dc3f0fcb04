"""``JitpIoTResponse``: moto's answers to IoT requests, extended and overridden by ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.iot.responses import IoTResponse

from moto_jitp.broker.message_broker import HandingOnLater
from moto_jitp.iot.api.actions import IoTActions
from moto_jitp.iot.api.admission import admit
from moto_jitp.iot.api.call_records import keep_call
from moto_jitp.iot.api.operation_names import COMMON_ERRORS
from moto_jitp.iot.api.operations import OPERATIONS, HasParts, Operation, method_name
from moto_jitp.iot.api.request_address import request_sent_to
from moto_jitp.iot.provisioning.state_transitions import UnusableTransition

from .exceptions import InvalidRequest, IoTError

_FAILED = {"x-amzn-ErrorType": "InternalFailureException"}


class JitpIoTResponse(IoTActions):
    """Every IoT operation: moto's, ours, and for the rest an error that names it."""

    @classmethod
    def answering(cls, operation: Operation) -> Callable[[Any], Any]:
        return _answering(operation)

    @property
    def backend(self) -> HasParts:
        return self.any_backend()  # type: ignore[no-any-return]

    def call_action(self) -> Any:
        try:
            self.require_destination()
        except IoTError as error:
            return self.answer_error(error)
        operation = self._get_action()
        try:
            # One request at a time works on the tables of an account and Region, which moto walks.
            # Observers of the operation may call the cloud, so they run when no lock is held.
            with HandingOnLater(), self._lock_for(operation):
                answer = self._carry_out(operation)
        except Exception as error:
            # A bug in an emulated operation; to the caller it is a failure of the service.
            keep_call(self, operation, (500, _FAILED, json.dumps({"message": repr(error)})))
            raise
        keep_call(self, operation, answer)
        return answer

    def _lock_for(self, operation: str) -> AbstractContextManager[object]:
        known_operation = OPERATIONS.get(("iot", operation))
        if known_operation is not None and known_operation.locks_itself:
            return nullcontext()
        lock: AbstractContextManager[object] = self.any_backend().lock
        return lock

    def _carry_out(self, operation: str) -> Any:
        try:
            admit(self.any_backend(), operation)
            self.enter()
        except IoTError as error:
            return self.answer_error(error)
        try:
            self.backend.note_call(operation, self._get_param)
        except UnusableTransition as mistake:  # set through moto's state manager
            return self.answer_error(InvalidRequest(str(mistake)))
        with request_sent_to(self.uri):
            return self.carry_out()

    def serialized(self, action_result: ActionResult) -> Any:
        # moto also calls this with an operation's exception, such as that of a step of
        # RegisterThing's run.
        error = action_result.result
        if isinstance(error, IoTError) and error.code in COMMON_ERRORS:
            return self.answer_error(error)
        return super().serialized(action_result)


def _answering(operation: Operation) -> Callable[[JitpIoTResponse], ActionResult]:
    """Return the method with which moto carries out an operation of the table."""
    plain = getattr(IoTResponse, method_name(operation.name), None)

    def answer(request: JitpIoTResponse) -> ActionResult:
        def moto() -> dict[str, Any]:
            assert plain is not None, f"moto does not know {operation.name}"
            return dict(plain(request).result or {})  # an empty result is None

        arguments = request.untyped_input() if operation.calls_moto else request.input()
        output = operation.carry_out(request.backend, arguments, moto)
        return EmptyResult() if output is None else ActionResult(dict(output))

    return answer
