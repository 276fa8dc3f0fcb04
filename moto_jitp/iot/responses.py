"""``JitpIoTResponse``: moto's answers to IoT requests, with ours beside and over them."""

from __future__ import annotations

import json
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores, get_service_model, method_names_from_class

from .admission import admit
from .ca_certificates import CaCertificateActions
from .certificates import CertificateActions
from .deferred_runs import DeferredRunActions
from .exceptions import InvalidRequest, IoTError, NotAdmitted, not_emulated
from .models import JitpIoTBackend
from .provisioning_templates import ProvisioningTemplateActions
from .tags import TagsActions
from .thing_registration import ThingRegistrationActions


class JitpIoTResponse(
    ProvisioningTemplateActions,
    CaCertificateActions,
    CertificateActions,
    DeferredRunActions,
    ThingRegistrationActions,
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
        if camelcase_to_underscores(operation) not in method_names_from_class(type(self)):
            # moto would raise NotImplementedError, which a server answers with a page and a status
            # of 500 that every SDK retries.
            return self._answer_error(not_emulated(operation))
        try:
            admit(self.backend, operation)
        except NotAdmitted as error:
            return self._answer_error(error)
        self.backend.carry_out_due_runs()
        return super().call_action()

    def _answer_error(self, error: IoTError) -> Any:
        if self._get_action() in get_service_model("iot").operation_names:
            status, headers, body = self.serialized(ActionResult(error))
            return status, headers, body
        return 400, {"x-amzn-ErrorType": error.code}, json.dumps({"message": error.message})
