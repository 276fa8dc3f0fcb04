"""Finds the CloudFormation stack that was to make a missing resource."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_CLOUDFORMATION = "moto.cloudformation.models"
_PARSING = "moto.cloudformation.parsing"
_PSEUDO_PARAMETERS = (
    "AWS::AccountId",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
)


class Declaration(NamedTuple):
    """A resource in a stack's template.

    Attributes:
        stack: the stack's name.
        status: its status, such as ``ROLLBACK_COMPLETE``.
        logical_id: the resource's name in the template.
        failure: why the stack or the resource was not made; empty if it was.
    """

    stack: str
    status: str
    logical_id: str
    failure: str


def declaration_of(
    account_id: str, region_name: str, type_name: str, name_property: str, name: str
) -> Declaration | None:
    """Find the newest stack, existing or deleted, whose template declares a resource.

    Args:
        account_id: the account.
        region_name: the Region.
        type_name: the resource's type, such as ``AWS::IoT::ThingType``.
        name_property: the property that names it, such as ``ThingTypeName``.
        name: its name. A name that a template composes from other resources' names, with
            ``Fn::GetAtt`` or their ``Ref``, is not found: evaluating it would make the resource.

    Returns:
        ``None`` if no stack declares it.
    """
    for stack in _stacks(account_id, region_name):
        for logical_id, document in (stack.template_dict.get("Resources") or {}).items():
            if document.get("Type") != type_name:
                continue
            declared_name = (document.get("Properties") or {}).get(name_property)
            if _value(declared_name, stack) == name:
                return Declaration(stack.name, stack.status, logical_id, _failure(stack))
    return None


def _stacks(account_id: str, region_name: str) -> Iterator[Any]:
    # Loading the module takes more than a second; if nothing has loaded it there is no stack.
    module = sys.modules.get(_CLOUDFORMATION)
    if module is None:
        return
    backend = module.cloudformation_backends[account_id][region_name]
    yield from reversed(list(backend.stacks.values()))
    yield from reversed(list(backend.deleted_stacks.values()))


class _Parameters(dict[str, Any]):
    """A stack's parameters, pseudo parameters and mappings, as moto's functions look them up.

    moto's own map of a stack creates a missing resource when it is looked up.
    """

    def __init__(self, stack: Any) -> None:
        resources = stack.resource_map
        pseudo = {name: resources[name] for name in _PSEUDO_PARAMETERS}
        mappings = stack.template_dict.get("Mappings") or {}
        super().__init__({**mappings, **pseudo, **resources.resolved_parameters})
        self.lazy_condition_map = resources.lazy_condition_map


def _value(value: Any, stack: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    clean_json: Any = sys.modules[_PARSING].clean_json
    try:
        return clean_json(value, _Parameters(stack))
    except Exception:
        # A name that cannot be evaluated is not the one in question.
        return None


def _failure(stack: Any) -> str:
    for event in reversed(stack.events):
        if event.resource_status.endswith("_FAILED") and event.resource_status_reason:
            return f"{event.logical_resource_id}: {event.resource_status_reason}"
    return ""
