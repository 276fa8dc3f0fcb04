"""Values of a stack's template, in JSON's types and with the names of AWS IoT's API."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import botocore
from botocore.model import Shape
from moto.core.utils import get_service_model

from moto_jitp.names import did_you_mean

_FUNCTIONS = ("Ref", "Condition")


class UnusableValue(ValueError):  # noqa: N818 - says what is wrong with the template
    """A property of a resource is unknown, or has a value that cannot be used."""


def as_json(value: Any, place: str = "Properties") -> Any:
    """Return a value from a template in JSON's types.

    YAML makes a date of an unquoted ``2012-10-17``, and moto leaves unresolvable references in
    place.

    Args:
        value: the value from moto.
        place: its place, for the error.

    Raises:
        UnusableValue: it contains an unresolved reference, or a value that JSON does not have.
    """
    if isinstance(value, Mapping):
        for name in value:
            if len(value) == 1 and (name in _FUNCTIONS or str(name).startswith("Fn::")):
                raise UnusableValue(
                    f"{place} has {json.dumps(value, default=str)}, which could not be resolved: "
                    "refer to a parameter or a resource of this template."
                )
        return {str(name): as_json(element, f"{place}.{name}") for name, element in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(element, f"{place}[{at}]") for at, element in enumerate(value)]
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float):
        return value
    raise UnusableValue(f"{place} is {value!r}, which is not a valid JSON value.")


def as_input(operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties of a resource as the input of an operation.

    CloudFormation writes the members of AWS IoT's API with a capital letter. The keys of maps, such
    as attributes, are unchanged.

    Args:
        operation: its name in AWS's model.
        properties: property name to value, in JSON's types.

    Raises:
        UnusableValue: the operation has no such member.
    """
    shape = get_service_model("iot").operation_model(operation).input_shape
    converted: dict[str, Any] = _converted(shape, properties, "Properties")
    return converted


def _converted(shape: Shape, value: Any, place: str) -> Any:
    if shape.type_name == "structure" and isinstance(value, str):
        value = _parsed(value, place)
    if shape.type_name == "structure" and isinstance(value, Mapping):
        members = {name.lower(): name for name in shape.members}
        converted = {}
        for name, member_value in value.items():
            member = members.get(name.lower())
            if member is None:
                known_properties = [member[0].upper() + member[1:] for member in shape.members]
                hint = did_you_mean(name, known_properties)
                # One that AWS has added since that botocore was made is seldom near another.
                hint = hint or f"The installed botocore {botocore.__version__} does not have it."
                raise UnusableValue(f"{place} has the unknown property {name}. {hint}")
            converted[member] = _converted(shape.members[member], member_value, f"{place}.{name}")
        return converted
    if shape.type_name == "list" and isinstance(value, list):
        return [
            _converted(shape.member, element, f"{place}[{at}]") for at, element in enumerate(value)
        ]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {
            name: _converted(shape.value, element, f"{place}.{name}")
            for name, element in value.items()
        }
    return _scalar(shape.type_name, value)


def _parsed(text: str, place: str) -> Any:
    """CloudFormation also accepts an object as JSON text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnusableValue(f"{place} must be an object; its text is not JSON: {error}.") from None


def _scalar(kind: str, value: Any) -> Any:
    """CloudFormation accepts numbers and booleans as text, and text as numbers."""
    if kind == "boolean" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    if kind in ("integer", "long") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    if kind == "string" and isinstance(value, int | float):
        return str(value)
    return value
