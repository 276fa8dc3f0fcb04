"""References in a stack's template to undeclared names.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-ref.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError

_PREFIX = "AWS::IoT::"
_PSEUDO_PARAMETER = "AWS::"
# Not ${!Literal}; for ${Resource.Attribute} the resource.
_PLACEHOLDER = re.compile(r"\$\{([^!${}.][^${}.]*)[^${}]*\}")


def check_references(template: Mapping[str, Any]) -> None:
    """Refuse a template whose AWS IoT resources refer to undeclared names.

    moto would leave the reference unresolved, or fail with an error of its own. Other services'
    resources are up to moto.

    Args:
        template: the template's document.

    Raises:
        ValidationError: one does; the text is CloudFormation's.
    """
    resources = template.get("Resources") or {}
    declared = {*resources, *(template.get("Parameters") or {})}
    unknown: dict[str, None] = {}
    for document in resources.values():
        if not str(document.get("Type", "")).startswith(_PREFIX):
            continue
        depends_on = document.get("DependsOn") or []
        dependencies = [depends_on] if isinstance(depends_on, str) else depends_on
        for name in (*dependencies, *_references(document.get("Properties"))):
            if name not in declared and not name.startswith(_PSEUDO_PARAMETER):
                unknown[name] = None
    if unknown:
        raise ValidationError(
            message="Template format error: Unresolved resource dependencies "
            f"[{', '.join(unknown)}] in the Resources block of the template"
        )


def _references(value: Any) -> Iterator[str]:
    """Yield the names that a value of a template refers to by ``Ref`` and ``Fn::Sub``."""
    if isinstance(value, list):
        for element in value:
            yield from _references(element)
        return
    if not isinstance(value, Mapping):
        return
    if len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref" and isinstance(argument, str):
            yield argument
            return
        if function == "Fn::Sub":
            yield from _substituted(argument)
            return
    for element in value.values():
        yield from _references(element)


def _substituted(argument: Any) -> Iterator[str]:
    text, local_variables = (
        (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
    )
    for name in _PLACEHOLDER.findall(text):
        if name.strip() not in local_variables:
            yield name.strip()
    yield from _references(list(local_variables.values()))
