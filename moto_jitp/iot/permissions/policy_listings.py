"""The operations that list policies and what they are attached to.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-policies.html
"""

from __future__ import annotations

from moto.iot.models import FakePolicy

from moto_jitp import settings
from moto_jitp.iot.api.operations import Input, Output
from moto_jitp.iot.api.paging import Page, listing
from moto_jitp.iot.exceptions import ResourceNotFound
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.registry_listings import ancestors
from moto_jitp.iot.registry.thing_principals import check_principal

from .policy_targets import not_a_target


@listing("ListPolicies", Registry, ascending=False)
def list_policies(registry: Registry, arguments: Input, page: Page) -> Output:
    policies = page.cut(registry.policies.after(page.number, ascending=page.ascending))
    return page.output("policies", [_summary(policy) for policy in policies])


@listing("ListAttachedPolicies", Registry)
def list_attached_policies(registry: Registry, arguments: Input, page: Page) -> Output:
    targets = [arguments["target"]]
    if settings.current().strict:
        # Seen on AWS for a certificate that is gone.
        if (refusal := not_a_target(arguments["target"])) is not None:
            raise refusal
        if arguments["target"].startswith("arn:"):
            registry.principal(arguments["target"])
    if arguments.get("recursive", False):
        targets += _groups_above(registry, arguments["target"])
    attached = registry.principal_policies
    numbered: dict[str, int] = {}
    for target in targets:
        for number, name in attached.seconds_after(target):
            numbered[name] = min(number, numbered.get(name, number))
    after = page.number or 0
    later = sorted((number, name) for name, number in numbered.items() if number > after)
    policies = [registry.policies.get(name) for name in page.cut(later)]
    return page.output("policies", [_summary(policy) for policy in policies if policy])


def _groups_above(registry: Registry, target: str) -> list[str]:
    """Return the ARNs of the groups above a thing group; other targets have none."""
    group = registry.thing_groups.get(target)
    names = () if group is None else ancestors(registry, group)
    return [registry.arn(f"thinggroup/{name}") for name in names]


@listing("ListPrincipalPolicies", Registry, ascending=False)
def list_principal_policies(registry: Registry, arguments: Input, page: Page) -> Output:
    principal = arguments["principal"]
    check_principal(principal)
    if principal.startswith("arn:"):
        registry.principal(principal)
    names = registry.principal_policies.seconds_after(
        principal, page.number, ascending=page.ascending
    )
    policies = [registry.policies.get(name) for name in page.cut(names)]
    return page.output("policies", [_summary(policy) for policy in policies if policy])


@listing("ListPolicyPrincipals", Registry, ascending=False)
def list_policy_principals(registry: Registry, arguments: Input, page: Page) -> Output:
    targets = registry.principal_policies.firsts_after(
        arguments["policyName"], page.number, ascending=page.ascending
    )
    return page.output("principals", page.cut(targets))


@listing("ListTargetsForPolicy", Registry)
def list_targets_for_policy(registry: Registry, arguments: Input, page: Page) -> Output:
    name = arguments["policyName"]
    if name not in registry.policies:
        raise ResourceNotFound("Policy not found")
    targets = registry.principal_policies.firsts_after(name, page.number)
    return page.output("targets", page.cut(targets))


def _summary(policy: FakePolicy) -> dict[str, str]:
    return {"policyName": policy.name, "policyArn": policy.arn}
