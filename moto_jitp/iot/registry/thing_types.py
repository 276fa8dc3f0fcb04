"""Thing types: creation, change, deprecation, and deletion five minutes later.

https://docs.aws.amazon.com/iot/latest/developerguide/thing-types.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from moto.iot.models import FakeThingType, IoTBackend

from moto_jitp import settings
from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.iot.api.operations import (
    CallMoto,
    Input,
    Output,
    operation,
    operation_if_strict,
    operation_over_moto,
)
from moto_jitp.iot.exceptions import InvalidRequest, ResourceAlreadyExists

from .registry import Registry
from .registry_events import tell_of_thing_type
from .tags import Tags

DEPRECATED_BEFORE_DELETION = timedelta(minutes=5)
SEARCHABLE_ATTRIBUTES = 3
PROPAGATING_ATTRIBUTES = 20
_MQTT5 = "mqtt5Configuration"


class ThingTypes:
    """Makes, changes, deprecates and deletes thing types; with ``strict`` off, like moto.

    Args:
        registry: the account's and Region's tables.
        tags: their tags.
    """

    def __init__(self, registry: Registry, tags: Tags) -> None:
        self.registry = registry
        self.tags = tags

    def create_thing_type(
        self, thing_type_name: str, thing_type_properties: dict[str, Any] | None
    ) -> tuple[str, str]:
        """Create a thing type; an existing one with the same properties is left unchanged.

        https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThingType.html

        Returns:
            Its name and ARN.

        Raises:
            InvalidRequest: it has too many searchable or propagating attributes, or one of the
                latter does not name exactly one source.
            ResourceAlreadyExists: a thing type of this name has other properties.
        """
        registry = self.registry
        properties = thing_type_properties or {}
        if settings.current().strict:
            existing = registry.find_thing_type(thing_type_name)
            if existing is not None:
                if _compared(existing.thing_type_properties) != _compared(properties):
                    raise ResourceAlreadyExists(
                        f"Thing Type {thing_type_name} already exists in current account with "
                        "different properties",
                        existing.thing_type_id,
                        existing.arn,
                    )
                return existing.thing_type_name, existing.arn
            _check(properties)
        name, arn = IoTBackend.create_thing_type(registry.moto, thing_type_name, properties)
        tell_of_thing_type(registry, "CREATED", registry.describe_thing_type(name))
        return name, arn

    def update_thing_type(self, thing_type_name: str, properties: Mapping[str, Any]) -> None:
        """Change the propagating attributes of a thing type, the only property that can change.

        https://docs.aws.amazon.com/iot/latest/developerguide/thing-types-propagating-attributes.html

        Raises:
            InvalidRequest: another property would change, or the attributes are wrong.
            ResourceNotFoundException: it does not exist.
        """
        with self.registry.lock:
            kind = self.registry.describe_thing_type(thing_type_name)
            has = kind.thing_type_properties or {}
            for member, value in properties.items():
                if member != _MQTT5 and value != has.get(member):
                    raise InvalidRequest(
                        f"The {member} of a thing type cannot be changed, only its {_MQTT5}. "
                        "Create another thing type."
                    )
            _check(properties)
            if _MQTT5 in properties:
                kind.thing_type_properties = {**has, _MQTT5: properties[_MQTT5]}
            tell_of_thing_type(self.registry, "UPDATED", kind)

    def deprecate_thing_type(self, thing_type_name: str, undo_deprecate: bool) -> FakeThingType:
        """Deprecate a thing type, so that no more things can have it, or undo that.

        https://docs.aws.amazon.com/iot/latest/apireference/API_DeprecateThingType.html

        Raises:
            ResourceNotFoundException: it does not exist.
        """
        with self.registry.lock:
            kind = self.registry.describe_thing_type(thing_type_name)
            if undo_deprecate:
                kind.metadata.pop("deprecationDate", None)
            elif not kind.metadata["deprecated"]:
                kind.metadata["deprecationDate"] = acting_moment()
            kind.metadata["deprecated"] = not undo_deprecate
            tell_of_thing_type(self.registry, "UPDATED", kind)
            return kind

    def delete_thing_type(self, thing_type_name: str) -> None:
        """Delete a thing type that has been deprecated for five minutes and has no things.

        https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteThingType.html

        Raises:
            InvalidRequest: it is not deprecated, not for long enough, or things have it.
            ResourceNotFoundException: it does not exist.
        """
        registry = self.registry
        with registry.lock:
            kind = registry.describe_thing_type(thing_type_name)
            if settings.current().strict:
                self._check_deletion(kind)
            del registry.thing_types[kind.arn]
            self.tags.untag_all(kind.arn)
            tell_of_thing_type(registry, "DELETED", kind)

    def _check_deletion(self, kind: FakeThingType) -> None:
        name = kind.thing_type_name
        bare = f"Cannot delete thing type : {name}."
        if not kind.metadata["deprecated"]:
            raise InvalidRequest(
                f"{bare} It is not deprecated; deprecate it with DeprecateThingType first.",
                bare=bare,
            )
        # A type that was deprecated while strict was off has no date.
        deprecated_at = kind.metadata.get("deprecationDate")
        if deprecated_at and acting_moment() < deprecated_at + DEPRECATED_BEFORE_DELETION:
            raise InvalidRequest(
                f"{bare} Please wait for 5 minutes after deprecation and then retry"
            )
        for _, user in self.registry.things.of_type(name):
            raise InvalidRequest(
                f"{bare} The thing {user.thing_name} has it; give it another one, or none, with "
                "UpdateThing.",
                bare=bare,
            )


def _check(properties: Mapping[str, Any]) -> None:
    searchable = properties.get("searchableAttributes", ())
    if len(searchable) > SEARCHABLE_ATTRIBUTES:
        raise InvalidRequest(
            f"A thing type can have {SEARCHABLE_ATTRIBUTES} searchable attributes; found "
            f"{len(searchable)}."
        )
    propagating = properties.get(_MQTT5, {}).get("propagatingAttributes", ())
    if len(propagating) > PROPAGATING_ATTRIBUTES:
        raise InvalidRequest(
            f"A thing type can have {PROPAGATING_ATTRIBUTES} propagating attributes; found "
            f"{len(propagating)}."
        )
    for attribute in propagating:
        sources = [
            name for name in ("thingAttribute", "connectionAttribute") if attribute.get(name)
        ]
        if not attribute.get("userPropertyKey") or len(sources) != 1:
            raise InvalidRequest(
                "A propagating attribute needs a userPropertyKey and either a thingAttribute or a "
                f"connectionAttribute; found {dict(attribute)}."
            )


def _compared(properties: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return properties in a form in which equivalent ones are equal."""
    set_properties = {name: value for name, value in (properties or {}).items() if value}
    if "searchableAttributes" in set_properties:
        set_properties["searchableAttributes"] = sorted(set_properties["searchableAttributes"])
    return set_properties


@operation_over_moto("CreateThingType", ThingTypes)
def create_thing_type(types: ThingTypes, arguments: Input, moto: CallMoto) -> Output:
    name, registry = arguments["thingTypeName"], types.registry
    output = types.tags.create_with(registry.arn(f"thingtype/{name}"), arguments.get("tags"), moto)
    return {**output, "thingTypeId": registry.describe_thing_type(name).thing_type_id}


@operation("UpdateThingType", ThingTypes)
def update_thing_type(types: ThingTypes, arguments: Input) -> None:
    types.update_thing_type(arguments["thingTypeName"], arguments.get("thingTypeProperties", {}))


@operation_if_strict("DeprecateThingType", ThingTypes)
def deprecate_thing_type(types: ThingTypes, arguments: Input) -> None:
    types.deprecate_thing_type(arguments["thingTypeName"], arguments.get("undoDeprecate", False))


@operation_if_strict("DeleteThingType", ThingTypes)
def delete_thing_type(types: ThingTypes, arguments: Input) -> None:
    types.delete_thing_type(arguments["thingTypeName"])
