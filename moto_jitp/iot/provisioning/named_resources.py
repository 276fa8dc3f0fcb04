"""Resources that a template only refers to, such as its thing type, must exist before a run makes
anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moto_jitp.aws.declared_resources import declaration_of
from moto_jitp.iot.exceptions import ResourceRegistrationFailure
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.software.software_packages import SoftwarePackages
from moto_jitp.templates import ProvisioningPlan

from . import run_advice as advice
from .run_steps import TERMINATED, ProvisioningFailure, RunSteps

_NO_POLICY = "Policy default version not found"
# Own wording: AWS shows no such run.
_NO_VERSION = "The software package {} does not have a version {}."
# The resource types of stacks, and the properties with their names.
_TYPES = {
    "thingtype": ("AWS::IoT::ThingType", "ThingTypeName"),
    "thinggroup": ("AWS::IoT::ThingGroup", "ThingGroupName"),
    "billinggroup": ("AWS::IoT::BillingGroup", "BillingGroupName"),
    "policy": ("AWS::IoT::Policy", "PolicyName"),
}


def require_named_resources(
    steps: RunSteps, plan: ProvisioningPlan, registry: Registry, packages: SoftwarePackages
) -> None:
    """Find everything that the template only refers to, before anything is made.

    A template makes neither thing types nor groups; missing resources are reported in the order
    type, groups, billing group, package versions, policies, and all of them are in the run's steps.

    Args:
        steps: the run's steps, to which each lookup is added.
        plan: the template's values for the run's device.
        registry: the account's and Region's tables.
        packages: the account's and Region's software packages.

    Raises:
        ProvisioningFailure: something is missing.
    """
    missing: list[tuple[str, str]] = []

    def look(
        action: str, resource: str, found: object, text: Callable[..., str], *about: str
    ) -> None:
        if found is not None:
            steps.found(action, resource)
            return
        missing.append((resource, text(*about)))
        steps.fail(action, resource, "ResourceNotFoundException", missing[-1][1])

    thing, not_found = plan.thing, registry.not_found
    if thing is not None:
        name = thing.thing_type
        if name is not None:
            found: object = registry.find_thing_type(name)
            look("DescribeThingType", f"thingtype/{name}", found, not_found, "Thing Type", name)
        for name in thing.groups:
            found = registry.find_thing_group(name)
            look("DescribeThingGroup", f"thinggroup/{name}", found, not_found, "ThingGroup", name)
        name = thing.billing_group
        if name is not None:
            found = registry.billing_groups.get(name)
            resource = f"billinggroup/{name}"
            look("DescribeBillingGroup", resource, found, not_found, "BillingGroup", name)
        for name, version in thing.package_versions.items():
            found = packages.find_version(name, version)
            resource = f"package/{name}/version/{version}"
            look("GetPackageVersion", resource, found, _NO_VERSION.format, name, version)
    for policy in plan.policies:
        if policy.name is not None:
            found = registry.policies.get(policy.name)
            look("GetPolicy", f"policy/{policy.name}", found, _NO_POLICY.format)
    if missing:
        raise ProvisioningFailure(
            ResourceRegistrationFailure(TERMINATED + missing[0][1]),
            advice.missing_resources([resource for resource, _ in missing])
            + _declared([resource for resource, _ in missing], registry),
        )


def _declared(resources: Sequence[str], registry: Registry) -> str:
    """Say which stack was to make the missing resources."""
    sentences = []
    for resource in resources:
        kind, _, name = resource.partition("/")
        if kind in _TYPES:
            declaration = declaration_of(
                registry.account_id, registry.region_name, *_TYPES[kind], name
            )
            if declaration is not None:
                sentences.append(" " + advice.declared(resource, declaration))
    return "".join(sentences)
