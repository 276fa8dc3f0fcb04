"""What the steps of a provisioning run gave to the API, and what it answered.

A run keeps its template and its values; what each call was made of is worked out from them when
somebody reads the events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto_jitp.history.runs import ProvisioningRun, ProvisioningStep, StepResult
from moto_jitp.locks import cached_property
from moto_jitp.templates import (
    Override,
    PlannedPolicy,
    PlannedThing,
    ProvisioningPlan,
    TemplateError,
)

from .trail_resources import parameter_of

_OF_THE_THING = ("AddThingToBillingGroup", "AddThingToThingGroup", "RemoveThingFromThingGroup")
_FIRST_VERSION = "1"


class RunCalls:
    """The calls of one run.

    Args:
        run: the run.
    """

    def __init__(self, run: ProvisioningRun) -> None:
        self.run = run

    @cached_property
    def _plan(self) -> ProvisioningPlan | None:
        """What the template said for the device; ``None`` where the run did not get that far."""
        if self.run.template is None:
            return None
        try:
            return self.run.template.resolve(self.run.parameters)
        except TemplateError:
            return None

    def given(self, step: ProvisioningStep, arn: Callable[[str], str]) -> dict[str, Any]:
        """Return a call's input, as it would be for the same call by boto3.

        Args:
            step: the step that the call was made for.
            arn: makes an ARN of a resource.
        """
        run, action, plan = self.run, step.action, self._plan
        if action == "RegisterThing":
            # The template's name is no parameter of the API; it tells whose values these are.
            named = {"templateName": run.template_name} if run.template_name else {}
            return {**named, "parameters": dict(run.parameters)}
        given: dict[str, Any] = parameter_of(step.resource)
        thing, policy = plan.thing if plan else None, self._policy(step)
        if action == "CreateThing" and thing is not None:
            given |= _of_new_thing(thing)
        elif action == "UpdateThing" and thing is not None:
            given |= _of_changed_thing(thing)
        elif action == "CreatePolicy" and policy is not None:
            given["policyDocument"] = policy.document
        elif action == "AttachPolicy":
            given["target"] = arn(f"cert/{run.certificate_id}")
        elif action == "AttachThingPrincipal":
            given["principal"] = arn(f"cert/{run.certificate_id}")
            if plan is not None and plan.certificate.thing_principal_type:
                given["thingPrincipalType"] = plan.certificate.thing_principal_type
        elif action == "UpdateCertificate":
            given["newStatus"] = plan.certificate.status if plan else run.certificate_status
        elif action in _OF_THE_THING and run.thing_name:
            given["thingName"] = run.thing_name
        return given

    def answered(
        self, step: ProvisioningStep, arn: Callable[[str], str]
    ) -> Mapping[str, Any] | None:
        """Return a call's output; ``None`` for an empty one, or where the call failed.

        Args:
            step: the step that the call was made for.
            arn: makes an ARN of a resource.
        """
        run, action = self.run, step.action
        if action == "RegisterThing":
            arns = dict(run.resource_arns)
            return {"resourceArns": arns} if arns and not run.error_code else None
        if step.error_code is not None:
            return None
        if action == "CreateThing":
            return {
                "thingName": run.thing_name,
                "thingArn": arn(step.resource),
                **({"thingId": run.thing_id} if run.thing_id else {}),
            }
        policy = self._policy(step)
        if action == "CreatePolicy" and step.result is StepResult.SUCCEEDED and policy is not None:
            return {
                "policyName": policy.policy_name,
                "policyArn": arn(step.resource),
                "policyDocument": policy.document,
                "policyVersionId": _FIRST_VERSION,
            }
        return None

    def _policy(self, step: ProvisioningStep) -> PlannedPolicy | None:
        """The template's document for the policy that a step acts on."""
        name = step.resource.removeprefix("policy/")
        policies = self._plan.policies if self._plan and step.action == "CreatePolicy" else ()
        return next((one for one in policies if one.document and one.policy_name == name), None)


def _of_new_thing(thing: PlannedThing) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if thing.thing_type:
        given["thingTypeName"] = thing.thing_type
    if thing.attributes:
        given["attributePayload"] = {"attributes": dict(thing.attributes)}
    return given


def _of_changed_thing(thing: PlannedThing) -> dict[str, Any]:
    """What OverrideSettings let the template change."""
    given: dict[str, Any] = {}
    overrides = thing.overrides
    if thing.thing_type and overrides.thing_type_name is Override.REPLACE:
        given["thingTypeName"] = thing.thing_type
    if thing.attributes and overrides.attribute_payload in (Override.REPLACE, Override.MERGE):
        merge = {"merge": True} if overrides.attribute_payload is Override.MERGE else {}
        given["attributePayload"] = {"attributes": dict(thing.attributes), **merge}
    return given
