"""The resource that an input refers to by name, ARN, or both."""

from __future__ import annotations

from typing import NamedTuple

from moto_jitp.iot.api.operations import Input
from moto_jitp.iot.exceptions import InvalidRequest, ResourceNotFound

from .registry import Registry


class Kind(NamedTuple):
    """A kind of resource that inputs refer to in two ways.

    Attributes:
        member: the beginning of its members, as in ``thingGroupName`` and ``thingGroupArn``.
        path: its name in ARNs.
        label: its name in texts.
    """

    member: str
    path: str
    label: str


THING = Kind("thing", "thing", "thing")
THING_GROUP = Kind("thingGroup", "thinggroup", "thing group")
BILLING_GROUP = Kind("billingGroup", "billinggroup", "billing group")


def name_given(registry: Registry, kind: Kind, arguments: Input) -> str:
    """Return the name of the resource that an input refers to.

    Args:
        registry: the account and Region in question.
        kind: the kind of resource.
        arguments: the input.

    Raises:
        InvalidRequest: name and ARN are missing, the two differ, or the ARN is that of something
            else.
        ResourceNotFound: the ARN belongs to another account or Region.
    """
    name, arn = arguments.get(f"{kind.member}Name"), arguments.get(f"{kind.member}Arn")
    if arn is None:
        if name is None:
            raise InvalidRequest(
                f"Both {kind.member}Arn and {kind.member}Name are empty. Need to specify at least "
                "one of them"
            )
        return str(name)
    arn_name = _name_in(registry, kind, str(arn))
    if name not in (None, arn_name):
        raise InvalidRequest(
            f"The {kind.member}Arn {arn} does not match the {kind.member}Name {name} in the request"
        )
    return arn_name


def _name_in(registry: Registry, kind: Kind, arn: str) -> str:
    arn_prefix = registry.arn(f"{kind.path}/")
    if arn.startswith(arn_prefix):
        return arn.removeprefix(arn_prefix)
    fields = arn.split(":", 5)
    if len(fields) == 6 and fields[2] == "iot" and fields[5].startswith(f"{kind.path}/"):
        raise ResourceNotFound(
            f"The {kind.label} {arn} does not exist in account {registry.account_id}, Region "
            f"{registry.region_name}."
        )
    raise InvalidRequest(f"{arn} is not the ARN of a {kind.label}, which begins with {arn_prefix}.")
