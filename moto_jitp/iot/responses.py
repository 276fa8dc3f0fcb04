"""``JitpIoTResponse``: moto's answers to IoT requests, with ours beside and over them."""

from __future__ import annotations

import json
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores, get_service_model

from moto_jitp.iot.account.logging_options import LoggingActions
from moto_jitp.iot.api.admission import admit
from moto_jitp.iot.api.call_records import keep_call
from moto_jitp.iot.api.operation_names import COMMON_ERRORS
from moto_jitp.iot.certificates.ca_certificates import CaCertificateActions
from moto_jitp.iot.certificates.device_certificates import CertificateActions
from moto_jitp.iot.permissions.authorization_simulation import AuthorizationActions
from moto_jitp.iot.permissions.policies import IotPolicyActions
from moto_jitp.iot.provisioning.provisioning_templates import ProvisioningTemplateActions
from moto_jitp.iot.provisioning.thing_registration import ThingRegistrationActions
from moto_jitp.iot.registry.tags import TagsActions
from moto_jitp.iot.registry.thing_principals import ThingPrincipalActions

from .exceptions import InvalidRequest, IoTError, NotAdmitted, not_emulated
from .models import JitpIoTBackend

_FAILED = {"x-amzn-ErrorType": "InternalFailureException"}


class JitpIoTResponse(
    ProvisioningTemplateActions,
    CaCertificateActions,
    CertificateActions,
    ThingPrincipalActions,
    ThingRegistrationActions,
    IotPolicyActions,
    AuthorizationActions,
    LoggingActions,
    TagsActions,
):
    """Every IoT operation: moto's, ours, and an error that names it for the rest."""

    @property
    def backend(self) -> JitpIoTBackend:
        return self.any_backend()  # type: ignore[no-any-return]

    def call_action(self) -> Any:
        operation = self._get_action()
        if not operation:
            return self._answer_error(
                InvalidRequest(f"{self.method} {self.path} is no operation of AWS IoT.")
            )
        try:
            answer = self._carry_out(operation)
        except Exception as error:
            # A mistake in an emulated operation; to the caller it is a failure of the service.
            keep_call(self, operation, (500, _FAILED, json.dumps({"message": repr(error)})))
            raise
        keep_call(self, operation, answer)
        return answer

    def _carry_out(self, operation: str) -> Any:
        try:
            admit(self.backend, operation)
        except NotAdmitted as error:
            return self._answer_error(error)
        if not hasattr(type(self), camelcase_to_underscores(operation)):
            # moto would raise NotImplementedError, which a server answers with a page and a status
            # of 500 that every SDK retries.
            return self._answer_error(not_emulated(operation))
        self.backend.note_call(operation, self._get_param)
        return super().call_action()

    def serialized(self, action_result: ActionResult) -> Any:
        # moto comes here too, with what an operation has raised: a step of RegisterThing's run.
        error = action_result.result
        if isinstance(error, IoTError) and error.code in COMMON_ERRORS:
            return self._answer_error(error)
        return super().serialized(action_result)

    def _answer_error(self, error: IoTError) -> Any:
        # moto's serializer knows the operations and the errors of the model only.
        status = COMMON_ERRORS.get(error.code)
        if status is None and self._get_action() in get_service_model("iot").operation_names:
            return self.serialized(ActionResult(error))
        headers = {"x-amzn-ErrorType": error.code}
        return status or 400, headers, json.dumps({"message": error.message})
