"""The resources of a call, by which LookupEvents finds its event.

The types are CloudFormation's, as in the events of other services; AWS IoT's own are not
documented.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

_TYPES = {
    "thing": "AWS::IoT::Thing",
    "thingtype": "AWS::IoT::ThingType",
    "thinggroup": "AWS::IoT::ThingGroup",
    "billinggroup": "AWS::IoT::BillingGroup",
    "policy": "AWS::IoT::Policy",
    "cert": "AWS::IoT::Certificate",
    "cacert": "AWS::IoT::CACertificate",
    "provisioningtemplate": "AWS::IoT::ProvisioningTemplate",
    "rolealias": "AWS::IoT::RoleAlias",
    "rule": "AWS::IoT::TopicRule",
    "job": "AWS::IoT::Job",
    "jobtemplate": "AWS::IoT::JobTemplate",
    "authorizer": "AWS::IoT::Authorizer",
    "domainconfiguration": "AWS::IoT::DomainConfiguration",
}
_KINDS = {
    "thingName": "thing",
    "thingTypeName": "thingtype",
    "thingGroupName": "thinggroup",
    "billingGroupName": "billinggroup",
    "policyName": "policy",
    "certificateId": "cert",
    "templateName": "provisioningtemplate",
    "roleAlias": "rolealias",
    "ruleName": "rule",
    "jobId": "job",
    "jobTemplateId": "jobtemplate",
    "authorizerName": "authorizer",
    "domainConfigurationName": "domainconfiguration",
}
_PARAMETERS = {kind: parameter for parameter, kind in _KINDS.items()}
_ARN = re.compile(r"arn:[\w-]+:iot:[\w-]*:\d*:(?P<kind>\w+)/(?P<name>.+)")
_MEMBERS_WITH_ARNS = (
    "billingGroupArn",
    "principal",
    "resourceArn",
    "resourceArns",
    "target",
    "targets",
    "thingArn",
    "thingGroupArn",
)
_LISTS_OF_GROUPS = ("thingGroupsToAdd", "thingGroupsToRemove")


class Resource(NamedTuple):
    """A resource of an event: its CloudFormation type, and its name or id."""

    type: str
    name: str


def parameter_of(resource: str) -> dict[str, str]:
    """Return the input member that names a resource of a run's step.

    Args:
        resource: such as ``thing/bulb-1``.
    """
    kind, _, name = resource.partition("/")
    return {_PARAMETERS[kind]: name} if kind in _PARAMETERS and name else {}


def resources_in(operation: str, *members: Mapping[str, Any] | None) -> list[Resource]:
    """Return the resources that an operation's input and output name, without duplicates.

    Args:
        operation: such as ``UpdateCACertificate``.
        *members: the input and the output.
    """
    of_ca = "CACertificate" in operation
    resources = (
        resource for arguments in members for resource in _named_in(arguments or {}, of_ca)
    )
    return list(dict.fromkeys(resources))


def _named_in(members: Mapping[str, Any], of_ca: bool) -> Iterator[Resource]:
    for name, value in members.items():
        if name in _KINDS and isinstance(value, str):
            kind = "cacert" if of_ca and name == "certificateId" else _KINDS[name]
            yield Resource(_TYPES[kind], value)
        elif name in _LISTS_OF_GROUPS and isinstance(value, list):
            yield from (Resource(_TYPES["thinggroup"], group) for group in value)
        elif name in _MEMBERS_WITH_ARNS:
            for arn in _values_of(value):
                match = _ARN.fullmatch(str(arn))
                if match and match["kind"] in _TYPES:
                    yield Resource(_TYPES[match["kind"]], match["name"])


def _values_of(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else (value,)
