"""TestAuthorization: what a principal may do, without a device.

https://docs.aws.amazon.com/iot/latest/apireference/API_TestAuthorization.html
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.exceptions import InvalidRequest, ResourceNotFound
from moto_jitp.iot.registry.thing_principals import ThingPrincipals
from moto_jitp.policies import AuthorizationContext, Decision, Request

from .authorization_contexts import certificate_context, thing_context
from .policies import IotPolicies, each_once, evaluate_policies, refuse_identity_pool

_ACTIONS = {
    "CONNECT": "iot:Connect",
    "PUBLISH": "iot:Publish",
    "SUBSCRIBE": "iot:Subscribe",
    "RECEIVE": "iot:Receive",
}


class Simulation:
    """Decides requests as if a principal made them.

    Args:
        policies: the policies of the account and Region.
        principals: their attachments.
        principal: the ARN of a certificate or a thing group, or a Cognito identity's id.
        client_id: the MQTT client ID; without it, the groups of every thing that the certificate is
            attached to count, and variables of the thing have no value.
        add: names of policies to evaluate as if they were attached.
        skip: names of policies to ignore.

    Raises:
        ResourceNotFound: the principal or a policy to be added does not exist.
    """

    def __init__(
        self,
        policies: IotPolicies,
        principals: ThingPrincipals,
        principal: str,
        *,
        client_id: str | None,
        add: Sequence[str],
        skip: Sequence[str],
    ) -> None:
        policies.require_principal(principal)
        registry = policies.registry
        certificate = registry.certificates.get(principal.rpartition(":cert/")[2])
        self._context = AuthorizationContext(
            client_id=client_id,
            thing=thing_context(principals, principal, client_id) if client_id else None,
            certificate=certificate_context(certificate) if certificate else None,
            current_time=datetime.now(timezone.utc),
        )
        in_effect = (
            policies.policies_of_connection(principal, self._context)
            if client_id
            else policies.effective_policies(principal, None)
        )
        for name in add:
            if name not in registry.policies:
                raise ResourceNotFound(
                    f"policyNamesToAdd names the policy {name}, which does not exist."
                )
        attached = each_once([*in_effect, *(registry.policies[name] for name in add)])
        self._policies = [policy for policy in attached if policy.name not in skip]

    def result(self, info: dict[str, Any], place: str) -> dict[str, Any]:
        """Decide one entry of ``authInfos``; with several resources, all must be allowed.

        Args:
            info: the entry.
            place: its place in the request, for errors.

        Raises:
            InvalidRequest: it lacks an action or resources, or a resource is not an ARN.
        """
        decisions = self._decisions(info, place)
        kinds = {decision.kind for decision in decisions}
        order = ("EXPLICIT_DENY", "IMPLICIT_DENY", "ALLOWED")
        return {
            "authInfo": info,
            "allowed": self._summaries({r.policy_name for d in decisions for r in d.allowing}),
            "denied": {
                "implicitDeny": self._summaries(
                    {name for decision in decisions for name in _indifferent(decision)}
                ),
                "explicitDeny": self._summaries(
                    {r.policy_name for d in decisions for r in d.denying}
                ),
            },
            "authDecision": next(kind for kind in order if kind in kinds),
            "missingContextValues": sorted({name for d in decisions for name in d.missing_context}),
        }

    def _decisions(self, info: dict[str, Any], place: str) -> list[Decision]:
        if not info.get("actionType"):
            raise InvalidRequest(f"{place} has no actionType; give one of {', '.join(_ACTIONS)}.")
        if info["actionType"] not in _ACTIONS or not info.get("resources"):
            raise InvalidRequest(
                f"{place} must have an actionType of {', '.join(_ACTIONS)} and at least one "
                "resource."
            )
        action = _ACTIONS[info["actionType"]]
        try:
            requests = [Request(action, arn, self._context) for arn in info["resources"]]
        except ValueError:
            raise InvalidRequest(
                f"{place}.resources must contain ARNs, such as "
                "arn:aws:iot:us-east-1:123456789012:client/bulb-1 for CONNECT, …:topic/a for "
                f"PUBLISH and RECEIVE, …:topicfilter/a for SUBSCRIBE; found {info['resources']}."
            ) from None
        return [evaluate_policies(self._policies, request) for request in requests]

    def _summaries(self, names: set[str]) -> dict[str, list[dict[str, str]]]:
        return {"policies": [p.to_dict() for p in self._policies if p.name in names]}


def _indifferent(decision: Decision) -> set[str]:
    """The policies without a statement that allows or denies the request."""
    speaking = {reference.policy_name for reference in (*decision.allowing, *decision.denying)}
    return set(decision.policy_names) - speaking


class AuthorizationTests:
    """Answers TestAuthorization.

    Args:
        policies: the policies of the account and Region.
        principals: their attachments.
    """

    def __init__(self, policies: IotPolicies, principals: ThingPrincipals) -> None:
        self.policies = policies
        self.principals = principals


@operation("TestAuthorization", AuthorizationTests)
def test_authorization(tests: AuthorizationTests, arguments: Input) -> Output:
    refuse_identity_pool(arguments)
    if not arguments.get("principal"):
        raise InvalidRequest("principal is missing; name the certificate to test.")
    simulation = Simulation(
        tests.policies,
        tests.principals,
        arguments["principal"],
        client_id=arguments.get("clientId"),
        add=arguments.get("policyNamesToAdd", ()),
        skip=arguments.get("policyNamesToSkip", ()),
    )
    return {
        "authResults": [
            simulation.result(info, f"authInfos.{number}.member")
            for number, info in enumerate(arguments["authInfos"], 1)
        ]
    }
