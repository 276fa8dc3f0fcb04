"""The MQTT API of fleet provisioning: messages in JSON or CBOR, and their answers.

https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from moto_jitp.history.runs import ProvisioningRun, ProvisioningStep, StepResult
from moto_jitp.mqtt.topics import FleetRequest

from . import refusals
from .fleet_provisioning import DeviceCredentials, FleetClient, FleetProvisioning
from .payload_formats import PayloadError, decode, encode, shown
from .refusals import FleetRefusal


class FleetAnswer(NamedTuple):
    """The answer to a request.

    Attributes:
        message: the answer: a dict for one in JSON, bytes for one in CBOR.
        certificate_id: the id of the device's new certificate, if known.
        run: the provisioning run of RegisterThing, even of one that did not reach its steps.
        refusal: why the request is refused; ``None`` for an accepted one.
    """

    message: dict[str, Any] | bytes
    certificate_id: str | None
    run: ProvisioningRun | None = None
    refusal: FleetRefusal | None = None

    @property
    def topic_end(self) -> str:
        """The level that is added to the request's topic: ``accepted`` or ``rejected``."""
        return "accepted" if self.refusal is None else "rejected"


def answer_request(
    fleet: FleetProvisioning, request: FleetRequest, payload: bytes, client: FleetClient
) -> FleetAnswer:
    """Carry out the request in a message on a topic of the API.

    Args:
        fleet: the fleet provisioning of an account and Region.
        request: the request that the topic names.
        payload: the message.
        client: the client that sent it.
    """
    form = request.payload_format
    members: Mapping[str, Any] = {}
    try:
        members = _object(form, payload)
        if request.operation == "RegisterThing":
            assert request.template_name is not None
            return _register_thing(fleet, request.template_name, form, members, client)
        if request.operation == "CreateCertificateFromCsr":
            csr = _text(members, "certificateSigningRequest")
            credentials = fleet.create_certificate_for_device(csr)
        else:
            credentials = fleet.create_keys_for_device()
        message = encode(form, _described(credentials))
        return FleetAnswer(message, credentials.certificate.certificate_id)
    except FleetRefusal as refusal:
        run = refusal.run
        if run is None and request.operation == "RegisterThing":
            run = _unstarted(request.template_name, members, refusal)
        certificate_id = run.certificate_id if run is not None else None
        return FleetAnswer(encode(form, refusal.body()), certificate_id, run, refusal)


def _unstarted(
    template_name: str | None, members: Mapping[str, Any], refusal: FleetRefusal
) -> ProvisioningRun:
    """Return a run for a request that did not lead to one, so that people can see why.

    It has no role, as AWS IoT has not yet assumed one.
    """
    step = ProvisioningStep(
        "RegisterThing",
        f"provisioningtemplate/{template_name}",
        StepResult.FAILED,
        refusal.code,
        refusal.message,
    )
    parameters = _as_texts(members.get("parameters"))
    return ProvisioningRun.refused(template_name, parameters, step, advice=refusal.advice)


def _as_texts(parameters: Any) -> dict[str, str]:
    """The parameters of a request, whatever they are, for people."""
    if not isinstance(parameters, dict):
        return {}
    return {_as_text(name): _as_text(value) for name, value in parameters.items()}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def _register_thing(
    fleet: FleetProvisioning,
    template_name: str,
    form: str,
    members: Mapping[str, Any],
    client: FleetClient,
) -> FleetAnswer:
    run, configuration = fleet.provision_device(
        template_name, _text(members, "certificateOwnershipToken"), _parameters(members), client
    )
    answer: dict[str, Any] = {"deviceConfiguration": dict(configuration)}
    if run.thing_name is not None:
        answer["thingName"] = run.thing_name
    return FleetAnswer(encode(form, answer), run.certificate_id, run)


def _described(credentials: DeviceCredentials) -> dict[str, Any]:
    answer = {
        "certificateId": credentials.certificate.certificate_id,
        "certificatePem": credentials.certificate.certificate_pem,
        "certificateOwnershipToken": credentials.ownership_token,
    }
    if credentials.private_key_pem is not None:
        answer["privateKey"] = credentials.private_key_pem
    return answer


def _object(form: str, payload: bytes) -> Mapping[str, Any]:
    """The members of a request; an empty message has none."""
    if not payload:
        return {}
    try:
        value = decode(form, payload)
    except PayloadError as error:
        raise refusals.unreadable(str(error)) from None
    if not isinstance(value, dict):
        raise refusals.unreadable(f"it must contain an object with members, found {shown(value)}.")
    return value


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name, "")
    if not isinstance(value, str):
        raise refusals.unreadable(f"{name} must be text, found {shown(value)}.")
    return value


def _parameters(members: Mapping[str, Any]) -> dict[str, str]:
    parameters = members.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise refusals.unreadable(
            f"parameters must be an object of names and strings, found {shown(parameters)}."
        )
    for name, value in parameters.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise refusals.unreadable(
                f"the values of parameters must be strings, found {shown(value)} for {shown(name)}."
            )
    return parameters
